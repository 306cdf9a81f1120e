package oid4vp_test

import (
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/peertest"
)

// result is what the peer answers to any job.
type result struct {
	OK       bool
	Error    string
	Detail   string
	Prefix   string
	Status   int
	Body     string
	Back     string
	Link     string
	Object   string // request object
	Request  json.RawMessage
	Token    map[string][]string
	ClientID string
}

// secretOf is the JWK of a private key.
func secretOf(t *testing.T, key *ecdsa.PrivateKey) map[string]any {
	t.Helper()
	d, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	segment := base64.RawURLEncoding.EncodeToString
	return map[string]any{"kty": "EC", "crv": "P-256", "x": segment(point[1:33]), "y": segment(point[33:]), "d": segment(d)}
}

// shows wants an answered result that shows the given name and nothing else that
// was hidden.
func (w *world) shows(t *testing.T, what string, asked *oid4vp.Asked, code string) {
	t.Helper()
	got, err := w.Result(t.Context(), asked.Ticket, code)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	shown := got.Shown["staff"]
	if got.Outcome != oid4vp.Answered || len(shown) != 1 || shown[0].Claims["given_name"] != "Ada" || shown[0].Claims["family_name"] != nil {
		t.Errorf("%s: the result is %+v", what, got)
	}
}

// TestForeignWalletsAnswer: a library and Credo, a whole wallet, answer what is
// asked here, known in several ways, encrypted and not.
func TestForeignWalletsAnswer(t *testing.T) {
	t.Parallel()
	p := peertest.Install(t, "oid4vp", "peer")
	w := newWorldOver(t, "http")
	secret := secretOf(t, w.holderKey)
	trusted := []string{base64.StdEncoding.EncodeToString(w.root.Raw)}
	type try struct {
		name  string
		asked *oid4vp.Asked
		same  bool
	}
	var tries []try
	var jobs []map[string]any
	add := func(name, job string, q oid4vp.Question, more map[string]any) {
		asked := w.ask(t, q)
		tries = append(tries, try{name, asked, q.Return != ""})
		one := map[string]any{
			"job": job, "link": asked.Link, "credential": w.card, "holder": secret, "show": []string{"given_name"}, "at": w.now().Unix(), "trusted": trusted,
		}
		for k, v := range more {
			one[k] = v
		}
		jobs = append(jobs, one)
	}
	const back = "https://app.example/back"
	add("plain", "answer", oid4vp.Question{Plain: true}, nil)
	add("A128GCM", "answer", oid4vp.Question{}, map[string]any{"enc": "A128GCM"})
	add("A256GCM, fetched by POST", "answer", oid4vp.Question{Post: true}, map[string]any{"enc": "A256GCM"})
	add("x509_hash, same device", "answer", oid4vp.Question{ClientID: w.hashID(t), Return: back}, map[string]any{"enc": "A256GCM"})
	add("unsigned", "answer", oid4vp.Question{ClientID: oid4vp.PrefixRedirect, Plain: true}, nil)
	add("Credo, x509_san_dns", "credo", oid4vp.Question{}, nil)
	add("Credo, x509_hash, same device", "credo", oid4vp.Question{ClientID: w.hashID(t), Return: back, Post: true}, nil)
	for i, got := range peertest.Do[result](t, p, jobs...) {
		name := tries[i].name
		if !got.OK || got.Status != http.StatusOK {
			t.Errorf("%s: the peer says %d %s %s", name, got.Status, got.Error, got.Detail)
			continue
		}
		code := ""
		if tries[i].same {
			var next struct {
				URI string `json:"redirect_uri"`
			}
			if err := json.Unmarshal([]byte(got.Body), &next); err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(next.URI)
			if err != nil {
				t.Fatal(err)
			}
			code = u.Query().Get("response_code")
		}
		w.shows(t, name, tries[i].asked, code)
	}
}

// TestForeignWalletsRefuse: what must not be answered is not, and by others too.
func TestForeignWalletsRefuse(t *testing.T) {
	t.Parallel()
	p := peertest.Install(t, "oid4vp", "peer")
	w := newWorldOver(t, "http")
	other := newWorldOver(t, "http")
	swapped := w.ask(t, oid4vp.Question{})
	registered := w.ask(t, oid4vp.Question{ClientID: registeredID})
	job := func(link string, trusted *world) map[string]any {
		return map[string]any{
			"job": "credo", "link": link, "credential": w.card, "holder": secretOf(t, w.holderKey),
			"trusted": []string{base64.StdEncoding.EncodeToString(trusted.root.Raw)},
		}
	}
	got := peertest.Do[result](t, p,
		job(w.ask(t, oid4vp.Question{}).Link, other),
		job(strings.Replace(swapped.Link, "x509_san_dns%3Alocalhost", url.QueryEscape(w.hashID(t)), 1), w),
		// Why a holder statement's audience cannot be asked of a wallet that is not
		// ours: it is not in the form of any client identifier that others know.
		map[string]any{"job": "resolve", "link": registered.Link},
	)
	for i, name := range []string{"another authority", "another client in the link", "an audience that is no client identifier"} {
		if got[i].OK {
			t.Errorf("%s: the peer takes it", name)
		}
	}
	if !strings.Contains(got[2].Error, "Unsupported client_id") {
		t.Errorf("the peer refuses the audience for another reason: %s", got[2].Error)
	}
}

// TestForeignVerifierIsAnswered: we read what a verifier that is not ours asks, and
// it reads our answer.
func TestForeignVerifierIsAnswered(t *testing.T) {
	t.Parallel()
	p := peertest.Install(t, "oid4vp", "peer")
	w := newWorldOver(t, "http")
	var posted []url.Values
	var mu sync.Mutex
	var object string // under mu, as posted
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if in.Method == http.MethodGet {
			out.Header().Set("Content-Type", "application/"+oid4vp.RequestType)
			_, _ = io.WriteString(out, object)
			return
		}
		body, err := io.ReadAll(in.Body)
		if err != nil {
			out.WriteHeader(http.StatusInternalServerError)
			return
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			out.WriteHeader(http.StatusBadRequest)
			return
		}
		posted = append(posted, form)
	}))
	t.Cleanup(server.Close)
	key, signer := p256(t)
	secret := secretOf(t, key)
	secret["kid"], secret["use"], secret["alg"] = "enc-1", "enc", "ECDH-ES"
	public := map[string]any{"kty": "EC", "crv": "P-256", "x": signer.JWK().X, "y": signer.JWK().Y, "kid": "enc-1", "use": "enc", "alg": "ECDH-ES"}
	base := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	ask := func(encryption any) map[string]any {
		return map[string]any{
			"job": "ask", "clientId": "x509_san_dns:localhost", "requestUri": base + "/request", "responseUri": base + "/answer",
			"query": nameQuery(), "nonce": "n-1", "state": "s-1", "secret": secretOf(t, w.key), "encryption": encryption,
			"x5c": []string{base64.StdEncoding.EncodeToString(w.leaf.Raw)},
		}
	}
	wallet := w.responder(t, oid4vp.ResponderOptions{Roots: w.roots, Plaintext: true})
	var open []map[string]any
	for i, made := range peertest.Do[result](t, p, ask(nil), ask(public)) {
		if !made.OK {
			t.Fatalf("the peer cannot ask: %s %s", made.Error, made.Detail)
		}
		mu.Lock()
		object = made.Object
		mu.Unlock()
		request, err := wallet.Read(t.Context(), made.Link)
		if err != nil {
			t.Fatal(err)
		}
		if request.Encrypted != (i == 1) || request.Certificate == nil {
			t.Errorf("the wallet reads %+v", request)
		}
		if _, err := wallet.Answer(t.Context(), request, w.choose(t, request), w.present); err != nil {
			t.Fatal(err)
		}
		response := map[string]any{}
		mu.Lock()
		for name := range posted[i] {
			response[name] = posted[i].Get(name)
		}
		mu.Unlock()
		open = append(open, map[string]any{"job": "open", "request": made.Request, "response": response, "secret": secret})
	}
	for _, opened := range peertest.Do[result](t, p, open...) {
		if !opened.OK || len(opened.Token["staff"]) != 1 || strings.Count(opened.Token["staff"][0], "~") != 2 {
			t.Errorf("the peer reads our answer as %+v", opened)
		}
	}
}
