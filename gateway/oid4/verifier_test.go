package oid4_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/oid4"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci/flowtest"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// desk is a served verifier, with one client that its wallet knows beforehand.
type desk struct {
	base   string
	wallet *oid4vp.Responder
	flows  *flowtest.Memory
}

const deskID = "desk"

func newDesk(t *testing.T) *desk {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := keys.FromCrypto(private)
	if err != nil {
		t.Fatal(err)
	}
	client, err := oid4vp.NewRegisteredClient(signer, deskID, "")
	if err != nil {
		t.Fatal(err)
	}
	engine := gin.New()
	server := httptest.NewServer(engine)
	t.Cleanup(server.Close)
	d := &desk{base: server.URL + "/oid4vp", flows: flowtest.NewMemory(time.Now)}
	// The judge believes a text that names the nonce and the audience.
	judge := func(_ context.Context, p oid4vp.Presented, w oid4vp.Want) (*oid4vp.Judged, error) {
		name, ok := strings.CutSuffix(p.Token, "|"+w.Nonce+"|"+w.Audience)
		if !ok {
			return nil, errors.New("judging: it is a fault of ours")
		}
		return &oid4vp.Judged{Types: w.Types, Claims: map[string]any{"name": name}}, nil
	}
	query := &oid4vp.Query{Credentials: []oid4vp.CredentialQuery{{
		ID: "staff", Format: oid4vp.FormatSDJWT, Meta: oid4vp.Meta{Types: []string{"staff"}}, Claims: []oid4vp.Claim{{Path: oid4vp.Path{"name"}}},
	}}}
	purposes := map[string]oid4.Purpose{
		"sign-in": {Query: query, Return: "https://app.example/back"}, "elsewhere": {Query: query},
	}
	v, err := oid4vp.NewVerifier(oid4vp.Options{
		Base: d.base, Clients: []*oid4vp.Client{client}, Flows: d.flows, Judge: judge, Now: time.Now,
		Standing: oid4.Standing(purposes), Secret: []byte(rand.Text() + rand.Text()),
	})
	if err != nil {
		t.Fatal(err)
	}
	routes, err := oid4.NewVerifier(v, purposes)
	if err != nil {
		t.Fatal(err)
	}
	routes.Register(auth.NewRouter(engine, nil))
	if d.wallet, err = oid4vp.NewResponder(oid4vp.ResponderOptions{
		HTTP: server.Client(), Now: time.Now, Plaintext: true,
		Registered: func(context.Context, string, string) (*verify.Key, error) { return verify.NewKey(signer.JWK()) },
	}); err != nil {
		t.Fatal(err)
	}
	return d
}

// post posts JSON, and decodes the answer into out.
func (d *desk) post(t *testing.T, path, body string, out any) int {
	t.Helper()
	r, err := http.Post(d.base+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, out); err != nil {
		t.Fatalf("%s: %s", path, b)
	}
	return r.StatusCode
}

func TestAWalletIsAskedAndAnswers(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, device := range []string{"same", "other"} {
		var begun struct{ Link, Ticket, Expires string }
		if got := d.post(t, oid4.PathQuestion, `{"purpose":"sign-in","device":"`+device+`"}`, &begun); got != http.StatusOK {
			t.Fatalf("the question begins with %d", got)
		}
		var result struct {
			Outcome string
			Shown   map[string][]struct {
				Types  []string
				Claims map[string]any
			}
		}
		if d.post(t, oid4.PathResult, `{"ticket":"`+begun.Ticket+`"}`, &result); result.Outcome != "waiting" {
			t.Errorf("before the answer: %+v", result)
		}
		request, err := d.wallet.Read(t.Context(), begun.Link)
		if err != nil {
			t.Fatal(err)
		}
		next, err := d.wallet.Answer(t.Context(), request, []oid4vp.Candidate{{Query: "staff"}}, func(_ context.Context, _ oid4vp.Candidate, p oid4vp.Proof) (string, error) {
			return "Ada|" + p.Nonce + "|" + p.Audience, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		code := ""
		if u, err := url.Parse(next); err == nil {
			code = u.Query().Get("response_code")
		}
		if (code != "") != (device == "same") {
			t.Errorf("on the %s device the browser goes to %q", device, next)
		}
		if d.post(t, oid4.PathResult, `{"ticket":"`+begun.Ticket+`","response_code":"`+code+`"}`, &result); result.Outcome != "answered" ||
			len(result.Shown["staff"]) != 1 || result.Shown["staff"][0].Claims["name"] != "Ada" {
			t.Errorf("after the answer: %+v", result)
		}
		if got := d.post(t, oid4.PathResult, `{"ticket":"`+begun.Ticket+`"}`, &result); got != http.StatusNotFound {
			t.Errorf("a second time: %d", got)
		}
	}
}

// TestAskingKeepsNothing: whoever begins questions, fetches the requests and answers
// wrongly has nothing kept for it.
func TestAskingKeepsNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for range 50 {
		var begun struct{ Link, Ticket string }
		if got := d.post(t, oid4.PathQuestion, `{"purpose":"elsewhere","device":"other"}`, &begun); got != http.StatusOK {
			t.Fatalf("the question begins with %d", got)
		}
		if _, err := d.wallet.Read(t.Context(), begun.Link); err != nil {
			t.Fatal(err)
		}
	}
	if _, kept := d.flows.Contents(oid4vp.FlowKind); len(kept) != 0 {
		t.Errorf("%d documents are kept of questions that nobody answered", len(kept))
	}
}

func TestPurposesAreTheVerifiersStandingQuestions(t *testing.T) {
	t.Parallel()
	judge := func(context.Context, oid4vp.Presented, oid4vp.Want) (*oid4vp.Judged, error) {
		return nil, errors.New("none")
	}
	v, err := oid4vp.NewVerifier(oid4vp.Options{
		Base: "https://ward.example", Clients: []*oid4vp.Client{oid4vp.Unsigned()}, Flows: flowtest.NewMemory(time.Now), Judge: judge, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := oid4.NewVerifier(v, map[string]oid4.Purpose{"sign-in": {Query: new(oid4vp.Query)}}); err == nil {
		t.Error("a purpose is served that the verifier cannot ask for")
	}
}

// TestRefusalsAreTheProtocols: wallets get OAuth's errors, pages get problem
// documents, and neither is told what it sent.
func TestRefusalsAreTheProtocols(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var begun struct{ Link, Ticket string }
	d.post(t, oid4.PathQuestion, `{"purpose":"elsewhere","device":"other"}`, &begun)
	handle, _, _ := strings.Cut(begun.Ticket, ".")
	const secret = "marked-secret"
	for name, c := range map[string]struct {
		path, body string
		status     int
		oauth      bool
	}{
		"another handle":       {oid4vp.PathResponse + secret, "response=" + secret, http.StatusNotFound, true},
		"request of another":   {oid4vp.PathRequest + secret, "", http.StatusNotFound, true},
		"nonce twice":          {oid4vp.PathRequest + handle, "wallet_nonce=a&wallet_nonce=" + secret, http.StatusBadRequest, true},
		"nonce too long":       {oid4vp.PathRequest + handle, "wallet_nonce=" + strings.Repeat("a", 600), http.StatusRequestEntityTooLarge, true},
		"rubbish":              {oid4vp.PathResponse + handle, "response=" + secret, http.StatusBadRequest, true},
		"too large":            {oid4vp.PathResponse + handle, "response=" + strings.Repeat("a", oid4vp.MaxAnswer), http.StatusRequestEntityTooLarge, true},
		"another kind":         {oid4vp.PathResponse + handle, "response=" + secret, http.StatusUnsupportedMediaType, true},
		"unknown purpose":      {oid4.PathQuestion, `{"purpose":"` + secret + `","device":"same"}`, http.StatusBadRequest, false},
		"unknown device":       {oid4.PathQuestion, `{"purpose":"sign-in","device":"` + secret + `"}`, http.StatusBadRequest, false},
		"nowhere to return to": {oid4.PathQuestion, `{"purpose":"elsewhere","device":"same"}`, http.StatusBadRequest, false},
		"other members":        {oid4.PathQuestion, `{"purpose":"sign-in","device":"same","return":"https://evil.example"}`, http.StatusBadRequest, false},
		"no texts":             {oid4.PathQuestion, `{"purpose":1}`, http.StatusBadRequest, false},
		"no JSON":              {oid4.PathResult, secret, http.StatusUnprocessableEntity, false},
		"another ticket":       {oid4.PathResult, `{"ticket":"` + handle + `.` + secret + `"}`, http.StatusNotFound, false},
	} {
		kind := "application/json"
		if c.oauth {
			kind = "application/x-www-form-urlencoded"
		}
		if name == "another kind" {
			kind = "text/plain"
		}
		r, err := http.Post(d.base+c.path, kind, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		var oauth struct{ Error string }
		if err := json.Unmarshal(b, &oauth); err != nil || (oauth.Error != "") != c.oauth || r.StatusCode != c.status || bytes.Contains(b, []byte(secret)) {
			t.Errorf("%s: %d %s", name, r.StatusCode, b)
		}
	}
}
