package vc_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hyperledger/aries-framework-go/pkg/doc/ldcontext/embed"
	"github.com/mr-tron/base58"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/peertest"
	"github.com/secant-platform/secant/identity/vc"
)

// The other implementations are did-jwt-vc for JWTs, @digitalbazaar/vc for the two
// linked-data proofs, and @mattrglobal/jsonld-signatures-bbs; around them is
// testdata/peer/peer.js, and their versions are in the lock file there.

// peerResult is what the peer answers to any job.
type peerResult struct {
	OK           bool
	Error        string
	Document     json.RawMessage
	Presentation json.RawMessage
	Part         json.RawMessage
	Issuer       ledger.JWK
	Holder       ledger.JWK
	Key          string
}

// didKey is a key's did:key, which the peer resolves by itself, and the key's id.
func didKey(tb testing.TB, k ledger.JWK) (name, keyID string) {
	tb.Helper()
	raw := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
	b := append([]byte{0xed, 0x01}, raw(k.X)...)
	if k.Kty == ledger.KeyTypeEC {
		b = append([]byte{0x80, 0x24, 2 + raw(k.Y)[31]&1}, raw(k.X)...)
	}
	key := "z" + base58.Encode(b)
	return "did:key:" + key, "did:key:" + key + "#" + key
}

// fromDIDKey finds keys in their did:key.
func fromDIDKey(ctx context.Context, party, keyID string, at time.Time) (ledger.JWK, error) {
	return did.New(did.Config{}).Key(ctx, party, keyID, did.AssertionMethod, at)
}

// known are contexts that the peer's libraries do not bring.
func known(tb testing.TB, contexts *vc.Contexts) map[string]any {
	tb.Helper()
	out := map[string]any{}
	for _, d := range embed.Contexts {
		out[d.URL] = d.Content
	}
	for _, address := range []string{clinicURL, vc.ContextBadge} {
		d, err := contexts.LoadDocument(address)
		if err != nil {
			tb.Fatal(err)
		}
		out[address] = d.Document
	}
	return out
}

// ours is a credential whose issuer and holder are did:key.
func ours(tb testing.TB, issuer, holder keys.Signer) (vc.Credential, vc.Showing) {
	tb.Helper()
	c := sample()
	c.Issuer, c.KeyID = didKey(tb, issuer.JWK())
	subject, keyID := didKey(tb, holder.JWK())
	c.Holder = subject
	return c, vc.Showing{
		Holder: subject, KeyID: keyID, Made: now,
		Question: vc.Question{Nonce: "n-1", Audience: "https://verifier.example"},
	}
}

func with(job map[string]any, name string, value any) map[string]any {
	changed := map[string]any{}
	for k, v := range job {
		changed[k] = v
	}
	changed[name] = value
	return changed
}

func agrees(t *testing.T, got []peerResult, want ...bool) {
	t.Helper()
	for i, w := range want {
		if got[i].OK != w {
			t.Errorf("job %d: it answers %+v, want %v", i, got[i], w)
		}
	}
}

func TestOthersTakeJWTs(t *testing.T) {
	t.Parallel()
	p := peertest.Install(t, "vc", "peer")
	contexts := clinic(t)
	for alg, curve := range map[string]string{"EdDSA": ledger.CurveEd25519, "ES256": ledger.CurveP256} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			issuer, holder := newKey(t, curve), newKey(t, curve)
			c, s := ours(t, issuer, holder)
			token, err := vc.IssueJWT(contexts, issuer, c)
			if err != nil {
				t.Fatal(err)
			}
			shown, err := vc.PresentJWT(holder, s, token)
			if err != nil {
				t.Fatal(err)
			}
			judge := map[string]any{"job": "jwt.verify", "token": token, "at": now.Unix()}
			ask := map[string]any{
				"job": "jwt.verifyPresentation", "token": shown, "nonce": "n-1", "audience": "https://verifier.example", "at": now.Unix(),
			}
			got := peertest.Do[peerResult](t, p, judge, with(judge, "token", tampered(token)), with(judge, "at", now.Unix()+100_000),
				ask, with(ask, "nonce", "n-2"), with(ask, "token", tampered(shown)), map[string]any{
					"job": "jwt.issue", "alg": alg, "issuer": hospital, "holder": nurse, "nonce": "n-1", "audience": "https://verifier.example",
					"at": now.Unix(), "credential": map[string]any{
						"@context": []string{vc.ContextV1}, "type": []string{"VerifiableCredential", "NurseCredential"}, "issuanceDate": "2026-11-30T11:00:00Z",
						"expirationDate": "2026-12-01T11:00:00Z", "credentialSubject": map[string]any{"id": nurse, "ward": "B"},
					},
				})
			agrees(t, got, true, false, false, true, false, false, true)
			v := &vc.Verifier{
				Contexts: contexts, Issuers: ring{hospital + "#key-1": got[6].Issuer}.keys, Holders: ring{nurse + "#key-1": got[6].Holder}.keys,
			}
			read, err := v.VerifyJWT(t.Context(), text(t, got[6].Document), now)
			if err != nil || read.Holder != nurse || read.Subject["ward"] != "B" || read.Issuer != hospital {
				t.Errorf("what it issues reads as %+v, %v", read, err)
			}
			want := vc.Answer{Question: s.Question, At: now, MaxAge: time.Minute}
			theirs, err := v.VerifyJWTPresentation(t.Context(), text(t, got[6].Presentation), want)
			if err != nil || len(theirs.Credentials) != 1 || theirs.Holder != nurse {
				t.Errorf("what it presents reads as %+v, %v", theirs, err)
			}
			if read, err := v.VerifyJWT(t.Context(), tampered(text(t, got[6].Document)), now); err == nil {
				t.Errorf("what it issues and somebody changes reads as %+v", read)
			}
		})
	}
}

// tampered changes a JWT's payload.
func tampered(token string) string {
	parts := strings.Split(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		panic(err)
	}
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(b), "{", `{"x":1,`, 1)))
	return strings.Join(parts, ".")
}

func text(tb testing.TB, b json.RawMessage) string {
	tb.Helper()
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestOthersTakeLinkedDataProofs(t *testing.T) {
	t.Parallel()
	p := peertest.Install(t, "vc", "peer")
	contexts := clinic(t)
	v := &vc.Verifier{Contexts: contexts, Issuers: fromDIDKey, Holders: fromDIDKey}
	for suite, f := range map[string]struct {
		curve               string
		model, begins, ends string
		contexts            []string
		issue               func(*vc.Contexts, keys.Signer, vc.Credential) ([]byte, error)
		verify              func(*vc.Verifier, context.Context, []byte, time.Time) (*vc.Verified, error)
	}{
		"linked":    {ledger.CurveEd25519, vc.ContextV1, "issuanceDate", "expirationDate", []string{vc.ContextEd25519}, vc.IssueLinked, (*vc.Verifier).VerifyLinked},
		"integrity": {ledger.CurveEd25519, vc.ContextV2, "validFrom", "validUntil", nil, vc.Issue, (*vc.Verifier).Verify},
		"ecdsa":     {ledger.CurveP256, vc.ContextV2, "validFrom", "validUntil", nil, vc.Issue, (*vc.Verifier).Verify},
	} {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			issuer, holder := newKey(t, f.curve), newKey(t, f.curve)
			c, s := ours(t, issuer, holder)
			issued, err := f.issue(contexts, issuer, c)
			if err != nil {
				t.Fatal(err)
			}
			shown, err := vc.Present(contexts, holder, s, issued)
			if err != nil {
				t.Fatal(err)
			}
			change := func(d map[string]any) { d["credentialSubject"].(map[string]any)["ward"] = "C" }
			judge := map[string]any{"job": "ld.verify", "suite": suite, "document": json.RawMessage(issued), "contexts": known(t, contexts), "at": now.Unix()}
			jobs := []map[string]any{
				judge, with(judge, "document", json.RawMessage(changed(t, issued, change))), {
					"job": "ld.issue", "suite": suite, "contexts": known(t, contexts), "nonce": "n-1", "audience": "https://verifier.example", "at": now.Unix(),
					"document": map[string]any{
						"@context": append([]string{f.model, clinicURL}, f.contexts...), "type": []string{"VerifiableCredential", "NurseCredential"},
						"id": "urn:uuid:6a1e9b58-7c5c-4a55-a3a5-9f0e6c0f3f6e", f.begins: "2026-11-30T11:00:00Z", f.ends: "2026-12-01T11:00:00Z",
						"credentialSubject": map[string]any{"ward": "B", "level": 4, "licence": map[string]any{"number": "N-18"}},
					},
				},
			}
			{
				ask := with(judge, "job", "ld.verifyPresentation")
				ask["document"], ask["nonce"], ask["audience"] = json.RawMessage(shown), "n-1", "https://verifier.example"
				change := func(d map[string]any) {
					list(d)[0].(map[string]any)["credentialSubject"].(map[string]any)["ward"] = "B"
				}
				jobs = append(jobs, ask, with(ask, "nonce", "n-2"), with(ask, "document", json.RawMessage(changed(t, shown, change))))
			}
			got := peertest.Do[peerResult](t, p, jobs...)
			agrees(t, got, true, false, true, true, false, false)
			read, err := f.verify(v, t.Context(), got[2].Document, now)
			if err != nil || read.Subject["ward"] != "B" || read.Subject["level"] != json.Number("4") {
				t.Fatalf("what it issues reads as %+v, %v: %s", read, err, got[2].Document)
			}
			if read, err := f.verify(v, t.Context(), changed(t, got[2].Document, change), now); err == nil {
				t.Errorf("what it issues and somebody changes reads as %+v", read)
			}
			{
				want := vc.Answer{Question: s.Question, At: now, MaxAge: time.Minute}
				theirs, err := v.VerifyPresentation(t.Context(), got[2].Presentation, want)
				if err != nil || len(theirs.Credentials) != 1 {
					t.Errorf("what it presents reads as %+v, %v: %s", theirs, err, got[2].Presentation)
				}
			}
		})
	}
}

// TestOthersTakeBadges, and have the same data model 2.0 as is embedded here.
func TestOthersTakeBadges(t *testing.T) {
	t.Parallel()
	p := peertest.Install(t, "vc", "peer")
	contexts := clinic(t)
	issuer, holder := newKey(t, ledger.CurveEd25519), newKey(t, ledger.CurveEd25519)
	c, _ := ours(t, issuer, holder)
	c.Contexts, c.Types = nil, nil
	issued, err := vc.Issue(contexts, issuer, training.Badge(c))
	if err != nil {
		t.Fatal(err)
	}
	change := func(d map[string]any) {
		d["credentialSubject"].(map[string]any)["achievement"].(map[string]any)["name"] = "Surgery"
	}
	judge := map[string]any{
		"job": "ld.verify", "suite": "integrity", "document": json.RawMessage(issued), "contexts": known(t, contexts), "at": now.Unix(),
	}
	got := peertest.Do[peerResult](t, p, judge, with(judge, "document", json.RawMessage(changed(t, issued, change))),
		map[string]any{"job": "context", "url": vc.ContextV2}, map[string]any{"job": "context", "url": vc.ContextV1})
	agrees(t, got, true, false, true, true)
	for i, address := range []string{vc.ContextV2, vc.ContextV1} {
		var theirs any
		if err := json.Unmarshal(got[2+i].Document, &theirs); err != nil {
			t.Fatal(err)
		}
		own, err := contexts.LoadDocument(address)
		if err != nil {
			t.Fatal(err)
		}
		if address == vc.ContextV2 { // see Contexts.keepScope
			delete(theirs.(map[string]any)["@context"].(map[string]any)["VerifiablePresentation"].(map[string]any)["@context"].(map[string]any)["verifiableCredential"].(map[string]any), "@context")
		}
		if diff := cmp.Diff(theirs, own.Document); diff != "" {
			t.Errorf("%s: %s", address, diff)
		}
	}
}

func TestOthersTakeBBS(t *testing.T) {
	t.Parallel()
	p := peertest.Install(t, "vc", "peer")
	s := newBBS(t)
	v := bbsVerifier(t, s)
	credential, err := vc.IssueBBS(v.Contexts, s, anonymousSample())
	if err != nil {
		t.Fatal(err)
	}
	part, err := v.Disclose(t.Context(), credential, []string{"profession", "ward"}, nonce, now)
	if err != nil {
		t.Fatal(err)
	}
	change := func(d map[string]any) { d["credentialSubject"].(map[string]any)["profession"] = "doctor" }
	judge := map[string]any{
		"job": "bbs.verify", "contexts": known(t, v.Contexts), "document": json.RawMessage(credential),
		"key": map[string]any{"id": hospital + "#key-1", "controller": hospital, "publicKeyBase58": base58.Encode(s.PublicKey())},
	}
	contexts := []string{vc.ContextV1, clinicURL, vc.ContextBBS}
	today := time.Now().UTC() // which the others take from their own clock
	got := peertest.Do[peerResult](t, p,
		judge, with(judge, "document", json.RawMessage(changed(t, credential, change))),
		with(judge, "document", json.RawMessage(part)), with(judge, "document", json.RawMessage(changed(t, part, change))),
		map[string]any{
			"job": "bbs.issue", "contexts": known(t, v.Contexts), "keyID": hospital + "#key-1", "controller": hospital, "at": today.Unix(),
			"nonce": base64.StdEncoding.EncodeToString(nonce),
			"document": map[string]any{
				"@context": contexts, "type": []string{"VerifiableCredential", "NurseCredential"}, "id": "about:blank", "issuer": hospital,
				"issuanceDate": today.Add(-time.Hour).Format(time.RFC3339), "expirationDate": today.Add(time.Hour).Format(time.RFC3339),
				"credentialSubject": map[string]any{"profession": "nurse", "ward": []string{"B", "C"}, "level": 4},
			},
			"frame": map[string]any{
				"@context": contexts, "type": []string{"VerifiableCredential", "NurseCredential"}, "@explicit": true,
				"issuer": map[string]any{}, "issuanceDate": map[string]any{}, "expirationDate": map[string]any{},
				"credentialSubject": map[string]any{"@explicit": true, "ward": map[string]any{}},
			},
		})
	agrees(t, got, true, false, true, false, true)
	theirs := &vc.Verifier{Contexts: v.Contexts, BBS: func(context.Context, string, string, time.Time) ([]byte, error) {
		return base64.StdEncoding.DecodeString(got[4].Key)
	}}
	if c, err := theirs.VerifyBBS(t.Context(), got[4].Document, time.Now()); err != nil || len(c.Subject) != 3 {
		t.Errorf("what it issues reads as %+v, %v: %s", c, err, got[4].Document)
	}
	if c, err := theirs.VerifyDisclosure(t.Context(), got[4].Part, nonce, time.Now()); err != nil || len(c.Subject) != 1 {
		t.Errorf("what it derives reads as %+v, %v: %s", c, err, got[4].Part)
	}
	if part, err := theirs.Disclose(t.Context(), got[4].Document, []string{"level"}, nonce, time.Now()); err != nil {
		t.Errorf("no part can be derived of what it issues: %s, %v", part, err)
	}
}
