package oid4vp_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/sdjwt"
)

// handleOf is the last part of the request's address.
func handleOf(t *testing.T, asked *oid4vp.Asked) string {
	t.Helper()
	handle, _, _ := strings.Cut(asked.Ticket, ".")
	return handle
}

// answered has the wallet answer, and returns what it posted.
func (w *world) answered(t *testing.T, asked *oid4vp.Asked) *oid4vp.Response {
	t.Helper()
	request := w.read(t, asked.Link)
	if _, err := w.Responder.Answer(t.Context(), request, w.choose(t, request), w.present); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r, err := oid4vp.ParseResponse([]byte(w.posted[len(w.posted)-1]))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// intercepted is what the wallet answers, which the verifier has not got.
func (w *world) intercepted(t *testing.T, asked *oid4vp.Asked) *oid4vp.Response {
	t.Helper()
	w.intercept = true
	defer func() { w.intercept = false }()
	return w.answered(t, asked)
}

// refuses wants the verifier to refuse an answer, and to give no result for it.
func (w *world) refuses(t *testing.T, what string, asked *oid4vp.Asked, r *oid4vp.Response) {
	t.Helper()
	_, err := w.Verifier.Answer(t.Context(), handleOf(t, asked), r)
	if !errors.Is(err, &ledger.Problem{Code: ledger.CodeInvalid}) {
		t.Errorf("%s: the verifier says %v", what, err)
	}
	result, err := w.Result(t.Context(), asked.Ticket, "")
	if err == nil && result.Outcome == oid4vp.Answered {
		t.Errorf("%s: there is a result", what)
	}
}

func TestAnAnswerServesOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, plain := range []bool{true, false} {
		first := w.ask(t, oid4vp.Question{Plain: plain})
		r := w.answered(t, first)
		if _, err := w.Verifier.Answer(t.Context(), handleOf(t, first), r); ledger.CodeOf(err) != ledger.CodeGone {
			t.Errorf("the same answer again: %v", err)
		}
		w.refuses(t, "the answer to another request", w.ask(t, oid4vp.Question{Plain: plain}), r)
		// Nor does it help to say that it belongs there: the nonce says otherwise.
		if plain {
			other := w.ask(t, oid4vp.Question{Plain: true})
			w.refuses(t, "with the other's state", other, &oid4vp.Response{Token: r.Token, State: stateOf(t, w, other)})
		}
	}
}

// stateOf is the state of a request, which is no secret to whoever reads it.
func stateOf(t *testing.T, w *world, asked *oid4vp.Asked) string {
	t.Helper()
	state, _ := claimsOf(t, w, asked)["state"].(string)
	return state
}

// claimsOf are the parameters in a request object.
func claimsOf(t *testing.T, w *world, asked *oid4vp.Asked) map[string]any {
	t.Helper()
	token, err := w.RequestObject(t.Context(), handleOf(t, asked), "")
	if err != nil {
		t.Fatal(err)
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(b, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// TestTwoAnswersAtOnce: one of them is the answer.
func TestTwoAnswersAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	asked := w.ask(t, oid4vp.Question{Plain: true})
	request := w.read(t, asked.Link)
	chosen := w.choose(t, request)
	errs := make([]error, 8)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() { _, errs[i] = w.Responder.Answer(t.Context(), request, chosen, w.present) })
	}
	wait.Wait()
	good := 0
	for _, err := range errs {
		if err == nil {
			good++
		}
	}
	if good != 1 {
		t.Errorf("%d answers were taken", good)
	}
	w.shows(t, "the one", asked, "")
}

// TestWhatIsBoundToSomethingElse: swapped nonce, audience, holder and issuer.
func TestWhatIsBoundToSomethingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, stranger := p256(t)
	forged, err := sdjwt.Issue(stranger, sdjwt.Credential{
		Issuer: "did:web:issuer.example", KeyID: "did:web:issuer.example#1", Type: staffType, Holder: w.holder.JWK(),
		Issued: w.now(), Expires: w.now().Add(time.Hour), Hidden: map[string]any{"given_name": "Eve"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		card  string
		bind  func(*sdjwt.Binding)
		query string
		show  []string
	}{
		"another nonce":        {bind: func(b *sdjwt.Binding) { b.Nonce = "n" }},
		"another audience":     {bind: func(b *sdjwt.Binding) { b.Audience = "x509_san_dns:other.example" }},
		"the address as one":   {bind: func(b *sdjwt.Binding) { b.Audience = "localhost" }},
		"too old":              {bind: func(b *sdjwt.Binding) { b.At = b.At.Add(-time.Hour) }},
		"another issuer's key": {card: forged},
		"another query's id":   {query: "patient"},
		"a claim kept back":    {show: []string{"family_name"}},
		"nothing shown":        {show: []string{}},
	} {
		asked := w.ask(t, oid4vp.Question{Plain: true})
		about := claimsOf(t, w, asked)
		nonce, _ := about["nonce"].(string)
		audience, _ := about["client_id"].(string)
		card, show, query := w.card, []string{"given_name"}, "staff"
		if c.card != "" {
			card = c.card
		}
		if c.show != nil {
			show = c.show
		}
		if c.query != "" {
			query = c.query
		}
		b := sdjwt.Binding{Nonce: nonce, Audience: audience, At: w.now()}
		if c.bind != nil {
			c.bind(&b)
		}
		text, err := sdjwt.Present(card, w.holder, show, b)
		if err != nil {
			t.Fatal(err)
		}
		token, err := json.Marshal(map[string][]string{query: {text}})
		if err != nil {
			t.Fatal(err)
		}
		w.refuses(t, name, asked, &oid4vp.Response{Token: string(token), State: stateOf(t, w, asked)})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, token := range map[string]string{
		"nothing": "", "no object": `[]`, "text": `"x"`, "not lists": `{"staff":"x"}`, "an empty list": `{"staff":[]}`, "no text": `{"staff":[{}]}`,
		"a name twice": `{"staff":["a"],"staff":["b"]}`, "none of it": `{}`, "rubbish": `{"staff":["a.b.c~d"]}`,
		"too many": `{"staff":["1","2","3","4","5","6","7","8","9"]}`,
	} {
		asked := w.ask(t, oid4vp.Question{Plain: true})
		w.refuses(t, name, asked, &oid4vp.Response{Token: token, State: stateOf(t, w, asked)})
		w.refuses(t, name+", without state", asked, &oid4vp.Response{Token: token})
	}
	for _, body := range []string{"vp_token=a&vp_token=b", "%zz", "state=" + strings.Repeat("s", oid4vp.MaxAnswer)} {
		if _, err := oid4vp.ParseResponse([]byte(body)); err == nil {
			t.Errorf("a form is read that is none: %.20s", body)
		}
	}
	if _, err := w.Verifier.Answer(t.Context(), "guess", &oid4vp.Response{}); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("a guessed handle: %v", err)
	}
}

// TestNothingIsJudgedOfAnAnswerThatIsNone: what a judge takes may count at once, as a
// signature on a statement does.
func TestNothingIsJudgedOfAnAnswerThatIsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	two := nameQuery()
	two.Credentials = append(two.Credentials, two.Credentials[0])
	two.Credentials[1].ID = "other"
	for name, c := range map[string]struct {
		query *oid4vp.Query
		token func(shown string) string
	}{
		"twice":           {nameQuery(), func(shown string) string { return `{"staff":["` + shown + `","` + shown + `"]}` }},
		"one of two":      {two, func(shown string) string { return `{"staff":["` + shown + `"]}` }},
		"and another one": {nameQuery(), func(shown string) string { return `{"staff":["` + shown + `"],"more":["x"]}` }},
	} {
		asked := w.ask(t, oid4vp.Question{Query: c.query, Plain: true})
		claims := claimsOf(t, w, asked)
		nonce, _ := claims["nonce"].(string)
		shown, err := sdjwt.Present(w.card, w.holder, []string{"given_name"}, sdjwt.Binding{Audience: w.hostID(), Nonce: nonce, At: w.now()})
		if err != nil {
			t.Fatal(err)
		}
		w.refuses(t, name, asked, &oid4vp.Response{Token: c.token(shown), State: stateOf(t, w, asked)})
		if len(w.wants) != 0 {
			t.Errorf("%s: something is judged", name)
		}
	}
}

// TestEncryptionIsNotOptional: who is asked to encrypt and does not, or to another
// key or in another way, is refused.
func TestEncryptionIsNotOptional(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plain := w.answered(t, w.ask(t, oid4vp.Question{Plain: true}))
	asked := w.ask(t, oid4vp.Question{})
	w.refuses(t, "plain", asked, &oid4vp.Response{Token: plain.Token, State: stateOf(t, w, asked)})

	for name, change := range map[string]func([]string){
		"":            func([]string) {},
		"cipher text": func(p []string) { p[3] = "A" + p[3][1:] + "AAAA" },
		"tag":         func(p []string) { p[4] = "AAAAAAAAAAAAAAAAAAAAAA" },
		"header":      func(p []string) { p[0] = header(t, p[0], "enc", "A128CBC-HS256") },
		"alg none":    func(p []string) { p[0] = header(t, p[0], "alg", "none") },
		"alg dir":     func(p []string) { p[0] = header(t, p[0], "alg", "dir") },
		"alg RSA":     func(p []string) { p[0] = header(t, p[0], "alg", "RSA1_5") },
		"compressed":  func(p []string) { p[0] = header(t, p[0], "zip", "DEF") },
		"critical":    func(p []string) { p[0] = header(t, p[0], "crit", []string{"x"}) },
		"other kid":   func(p []string) { p[0] = header(t, p[0], "kid", "other") },
		"no header":   func(p []string) { p[0] = "" },
	} {
		asked := w.ask(t, oid4vp.Question{})
		changed := strings.Split(w.intercepted(t, asked).Encrypted, ".")
		change(changed)
		if name == "" {
			if _, err := w.Verifier.Answer(t.Context(), handleOf(t, asked), &oid4vp.Response{Encrypted: strings.Join(changed, ".")}); err != nil {
				t.Errorf("as it is: %v", err)
			}
			continue
		}
		w.refuses(t, name, asked, &oid4vp.Response{Encrypted: strings.Join(changed, ".")})
	}

	// To the right key, by its name, with the right answer, but in another way.
	for _, c := range []struct {
		alg jose.KeyAlgorithm
		enc jose.ContentEncryption
		zip jose.CompressionAlgorithm
		ok  bool
	}{
		{jose.ECDH_ES, jose.A128GCM, "", true},
		{jose.ECDH_ES_A128KW, jose.A128GCM, "", false},
		{jose.ECDH_ES, jose.A128CBC_HS256, "", false},
		{jose.ECDH_ES, jose.A192GCM, "", false},
		{jose.ECDH_ES, jose.A128GCM, jose.DEFLATE, false},
	} {
		asked := w.ask(t, oid4vp.Question{})
		r := &oid4vp.Response{Encrypted: w.sealed(t, asked, c.alg, c.enc, c.zip)}
		if !c.ok {
			w.refuses(t, string(c.alg)+string(c.enc)+string(c.zip), asked, r)
		} else if _, err := w.Verifier.Answer(t.Context(), handleOf(t, asked), r); err != nil {
			t.Errorf("in the right way: %v", err)
		}
	}
}

// sealed is the right answer to a request, encrypted in some way to its key.
func (w *world) sealed(t *testing.T, asked *oid4vp.Asked, alg jose.KeyAlgorithm, enc jose.ContentEncryption, zip jose.CompressionAlgorithm) string {
	t.Helper()
	about := claimsOf(t, w, asked)
	nonce, _ := about["nonce"].(string)
	text, err := sdjwt.Present(w.card, w.holder, []string{"given_name"}, sdjwt.Binding{Nonce: nonce, Audience: w.hostID(), At: w.now()})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := json.Marshal(map[string]any{"state": about["state"], "vp_token": map[string]any{"staff": []string{text}}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(about["client_metadata"])
	if err != nil {
		t.Fatal(err)
	}
	var metadata struct{ JWKS jose.JSONWebKeySet }
	if err := json.Unmarshal(b, &metadata); err != nil {
		t.Fatal(err)
	}
	key := metadata.JWKS.Keys[0]
	e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: key.Key, KeyID: key.KeyID}, &jose.EncrypterOptions{Compression: zip})
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := e.Encrypt(answer)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwe.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func header(t *testing.T, segment, name string, value any) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		t.Fatal(err)
	}
	var h map[string]any
	if err := json.Unmarshal(b, &h); err != nil {
		t.Fatal(err)
	}
	h[name] = value
	if b, err = json.Marshal(h); err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func TestARequestEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	asked := w.ask(t, oid4vp.Question{Plain: true})
	request := w.read(t, asked.Link)
	stale, err := w.RequestObject(t.Context(), handleOf(t, asked), "")
	if err != nil {
		t.Fatal(err)
	}
	w.advance(oid4vp.DefaultLife)
	if _, err := w.Responder.Answer(t.Context(), request, w.choose(t, request), w.present); err == nil {
		t.Error("an answer is taken after the end")
	}
	if _, err := w.Read(t.Context(), asked.Link); err == nil {
		t.Error("a request is given after the end")
	}
	if _, err := w.Result(t.Context(), asked.Ticket, ""); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("a result after the end: %v", err)
	}
	if _, err := w.Read(t.Context(), byValue(w.hostID(), stale)); ledger.CodeOf(err) != ledger.CodeGone {
		t.Errorf("the wallet reads a request after its end: %v", err)
	}
}

func (w *world) hostID() string { return "x509_san_dns:localhost" }

// byValue is a link with the request object in it.
func byValue(clientID, token string) string {
	return "openid4vp://?" + url.Values{"client_id": {clientID}, "request": {token}}.Encode()
}

func TestWrongAnswersEndOnlyTheirRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	asked, other := w.ask(t, oid4vp.Question{Plain: true}), w.ask(t, oid4vp.Question{Plain: true})
	for range 5 {
		w.refuses(t, "rubbish", asked, &oid4vp.Response{Token: "{}"})
	}
	if result, err := w.Result(t.Context(), asked.Ticket, ""); err == nil && result.Outcome != oid4vp.Refused {
		t.Errorf("after five wrong answers: %+v", result)
	}
	if _, err := w.Verifier.Answer(t.Context(), handleOf(t, asked), &oid4vp.Response{}); ledger.CodeOf(err) == ledger.CodeInvalid {
		t.Error("a sixth answer is judged")
	}
	w.answered(t, other)
	w.shows(t, "the other request", other, "")
}

func TestDeclining(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, plain := range []bool{true, false} {
		asked := w.ask(t, oid4vp.Question{Plain: plain})
		w.refuses(t, "declined by a stranger", asked, &oid4vp.Response{Error: "access_denied"})
		if _, err := w.Decline(t.Context(), w.read(t, asked.Link)); err != nil {
			t.Fatal(err)
		}
		if result, err := w.Result(t.Context(), asked.Ticket, ""); err != nil || result.Outcome != oid4vp.Declined {
			t.Errorf("the outcome is %+v (%v)", result, err)
		}
	}
}

// TestResultsAreTheAskers: the ticket opens them, and nothing in the request does.
func TestResultsAreTheAskers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	asked := w.ask(t, oid4vp.Question{})
	handle := handleOf(t, asked)
	_, docs := w.flows.Contents(oid4vp.FlowKind)
	if len(docs) == 0 {
		t.Fatal("nothing is stored")
	}
	for _, doc := range docs {
		for _, secret := range strings.Split(asked.Ticket, ".") {
			if strings.Contains(string(doc), secret) {
				t.Error("what is stored opens a request or its result")
			}
		}
	}
	w.answered(t, asked)
	for _, ticket := range []string{handle, handle + ".", handle + ".guess", "", "." + handle} {
		if _, err := w.Result(t.Context(), ticket, ""); ledger.CodeOf(err) != ledger.CodeNotFound {
			t.Errorf("a guessed ticket: %v", err)
		}
	}
	w.shows(t, "the asker", asked, "")
}

// TestOurFaultsAreNotTheirs: a judge that cannot judge leaves the request open.
func TestOurFaultsAreNotTheirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fault := ledger.Problemf(ledger.CodeUnavailable, "the status list cannot be fetched")
	v, err := oid4vp.NewVerifier(oid4vp.Options{
		Base: "https://localhost/vp", Clients: []*oid4vp.Client{oid4vp.Unsigned()}, Flows: w.flows, Now: w.now,
		Judge: func(context.Context, oid4vp.Presented, oid4vp.Want) (*oid4vp.Judged, error) { return nil, fault },
	})
	if err != nil {
		t.Fatal(err)
	}
	asked, err := v.Ask(t.Context(), oid4vp.Question{Query: nameQuery(), Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(asked.Link)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		_, err := v.Answer(t.Context(), handleOf(t, asked), &oid4vp.Response{Token: `{"staff":["x"]}`, State: u.Query().Get("state")})
		if !errors.Is(err, fault) {
			t.Fatal(err)
		}
	}
	if result, err := v.Result(t.Context(), asked.Ticket, ""); err != nil || result.Outcome != oid4vp.Waiting || result.Attempts != 0 {
		t.Errorf("the outcome is %+v (%v)", result, err)
	}
}
