package vc_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/vc"
)

// ward is a hospital, a nurse with two credentials, and who asks for them.
type ward struct {
	*vc.Verifier
	issuer, holder keys.Signer
	shows          vc.Showing
	wants          vc.Answer
}

func newWard(tb testing.TB, curve string) *ward {
	tb.Helper()
	w := &ward{issuer: newKey(tb, curve), holder: newKey(tb, curve)}
	w.Verifier = &vc.Verifier{
		Contexts: clinic(tb),
		Issuers:  ring{hospital + "#key-1": w.issuer.JWK()}.keys,
		Holders:  ring{nurse + "#key-1": w.holder.JWK()}.keys,
	}
	question := vc.Question{Nonce: "n-1", Audience: "https://verifier.example"}
	w.shows = vc.Showing{Holder: nurse, KeyID: nurse + "#key-1", Made: now, Question: question}
	w.wants = vc.Answer{Question: question, At: now.Add(time.Second), MaxAge: time.Minute}
	return w
}

// pair presents and checks in one of two ways.
type pair struct {
	name    string
	issue   func(*vc.Contexts, keys.Signer, vc.Credential) ([]byte, error)
	present func(*ward, vc.Showing, ...[]byte) ([]byte, error)
	verify  func(*ward, context.Context, []byte, vc.Answer) (*vc.Presentation, error)
	curve   string
}

func presentJWT(w *ward, s vc.Showing, credentials ...[]byte) ([]byte, error) {
	var tokens []string
	for _, c := range credentials {
		tokens = append(tokens, string(c))
	}
	token, err := vc.PresentJWT(w.holder, s, tokens...)
	return []byte(token), err
}

func present(w *ward, s vc.Showing, credentials ...[]byte) ([]byte, error) {
	return vc.Present(w.Contexts, w.holder, s, credentials...)
}

var pairs = []pair{
	{"JWT of Ed25519", issueJWT, presentJWT, verifyJWTPresentation, ledger.CurveEd25519},
	{"JWT of P-256", issueJWT, presentJWT, verifyJWTPresentation, ledger.CurveP256},
	{"Ed25519Signature2020", vc.IssueLinked, present, verifyPresentation, ledger.CurveEd25519},
	{"eddsa-rdfc-2022", vc.Issue, present, verifyPresentation, ledger.CurveEd25519},
	{"ecdsa-rdfc-2019", vc.Issue, present, verifyPresentation, ledger.CurveP256},
}

func verifyJWTPresentation(w *ward, ctx context.Context, b []byte, want vc.Answer) (*vc.Presentation, error) { //nolint:revive // as a method expression has it
	return w.VerifyJWTPresentation(ctx, string(b), want)
}

func verifyPresentation(w *ward, ctx context.Context, b []byte, want vc.Answer) (*vc.Presentation, error) { //nolint:revive // as a method expression has it
	return w.VerifyPresentation(ctx, b, want)
}

func TestAHolderPresents(t *testing.T) {
	t.Parallel()
	for _, p := range pairs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t, p.curve)
			second := sample()
			second.ID, second.Holder = "", ""
			var credentials [][]byte
			for _, c := range []vc.Credential{sample(), second} {
				b, err := p.issue(w.Contexts, w.issuer, c)
				if err != nil {
					t.Fatal(err)
				}
				credentials = append(credentials, b)
			}
			shown, err := p.present(w, w.shows, credentials...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.verify(w, t.Context(), shown, w.wants)
			if err != nil {
				t.Fatalf("%v: %s", err, shown)
			}
			if got.Holder != nurse || got.Key != w.holder.JWK() || !got.Made.Equal(now) || len(got.Credentials) != 2 ||
				got.Credentials[0].Subject["profession"] != "nurse" || got.Credentials[1].Holder != "" {
				t.Errorf("it reads as %+v", got)
			}
			for name, change := range map[string]func(*vc.Answer){
				"another nonce":    func(a *vc.Answer) { a.Nonce = "n-2" },
				"another audience": func(a *vc.Answer) { a.Audience = "https://other.example" },
				"no nonce":         func(a *vc.Answer) { a.Nonce = "" },
				"too late":         func(a *vc.Answer) { a.At = now.Add(2 * time.Minute) },
				"too early":        func(a *vc.Answer) { a.At = now.Add(-time.Second) },
			} {
				want := w.wants
				change(&want)
				if got, err := p.verify(w, t.Context(), shown, want); ledger.CodeOf(err) != ledger.CodeInvalid {
					t.Errorf("%s: reads as %v, %v", name, got, err)
				}
			}
		})
	}
}

// TestOnlyOnesOwnCredentialsArePresented: a credential's holder, and the key to
// which it is bound, are the presentation's.
func TestOnlyOnesOwnCredentialsArePresented(t *testing.T) {
	t.Parallel()
	for _, p := range pairs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t, p.curve)
			stolen := sample()
			stolen.Holder = "did:example:doctor"
			b, err := p.issue(w.Contexts, w.issuer, stolen)
			if err != nil {
				t.Fatal(err)
			}
			shown, err := p.present(w, w.shows, b)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := p.verify(w, t.Context(), shown, w.wants); ledger.CodeOf(err) != ledger.CodeInvalid {
				t.Errorf("it reads as %v, %v", got, err)
			}
		})
	}
	w := newWard(t, ledger.CurveP256)
	bound := sample()
	bound.Holder = ""
	other := newKey(t, ledger.CurveP256).JWK()
	bound.Key = &other
	b, err := vc.IssueJWT(w.Contexts, w.issuer, bound)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := vc.PresentJWT(w.holder, w.shows, b)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.VerifyJWTPresentation(t.Context(), shown, w.wants); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("a credential that is bound to another key reads as %v, %v", got, err)
	}
}

// TestNothingIsAddedToAPresentation: neither to it nor to the credentials in it.
func TestNothingIsAddedToAPresentation(t *testing.T) {
	t.Parallel()
	for _, p := range pairs {
		if strings.HasPrefix(p.name, "JWT") {
			continue
		}
		w := newWard(t, p.curve)
		credential, err := p.issue(w.Contexts, w.issuer, sample())
		if err != nil {
			t.Fatal(err)
		}
		shown, err := p.present(w, w.shows, credential)
		if err != nil {
			t.Fatal(err)
		}
		addsNothing(t, w, shown)
	}
}

func addsNothing(t *testing.T, w *ward, shown []byte) {
	t.Helper()
	for name, change := range map[string]func(map[string]any){
		"no proof":          func(d map[string]any) { delete(d, "proof") },
		"no credentials":    func(d map[string]any) { d["verifiableCredential"] = []any{} },
		"twice the same":    func(d map[string]any) { d["verifiableCredential"] = append(list(d), list(d)...) },
		"another holder":    func(d map[string]any) { d["holder"] = "did:example:doctor" },
		"an undefined term": func(d map[string]any) { d["ward"] = "B" },
		"an undefined type": func(d map[string]any) { d["type"] = append(d["type"].([]any), "Other") },
		"another context":   func(d map[string]any) { d["@context"] = append(d["@context"].([]any), clinicURL) },
		"a context inside":  func(d map[string]any) { d["holder"] = map[string]any{"id": nurse, "@context": clinicURL} },
		"a claim changed": func(d map[string]any) {
			list(d)[0].(map[string]any)["credentialSubject"].(map[string]any)["ward"] = "B"
		},
		"a proof to assert":   func(d map[string]any) { d["proof"].(map[string]any)["proofPurpose"] = "assertionMethod" },
		"a domain of another": func(d map[string]any) { d["proof"].(map[string]any)["domain"] = "https://other.example" },
		"another challenge":   func(d map[string]any) { d["proof"].(map[string]any)["challenge"] = "n-2" },
		"without a challenge": func(d map[string]any) { delete(d["proof"].(map[string]any), "challenge") },
		"the holder's key as the issuer's": func(d map[string]any) {
			d["proof"].(map[string]any)["verificationMethod"] = hospital + "#key-1"
		},
	} {
		if got, err := w.VerifyPresentation(t.Context(), changed(t, shown, change), w.wants); err == nil {
			t.Errorf("%s: reads as %v", name, got)
		}
	}
}

func list(d map[string]any) []any { return d["verifiableCredential"].([]any) }

// changed is a document after a change.
func changed(tb testing.TB, b []byte, change func(map[string]any)) []byte {
	tb.Helper()
	var d map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(b)))
	decoder.UseNumber()
	if err := decoder.Decode(&d); err != nil {
		tb.Fatal(err)
	}
	change(d)
	out, err := json.Marshal(d)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}
