package check_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/status"
	"github.com/secant-platform/secant/identity/vc"
)

// press publishes the status lists of a scene's issuer, as its node does, and
// commits to them on the ledger.
type press struct {
	*scene
	list      *status.List
	served    map[string][]byte
	committed map[string]*ledger.StatusList
	contexts  *vc.Contexts
	cache     *status.Cache
	names     func(context.Context, string) []string
}

func newPress(s *scene, capacity int) *press {
	s.tb.Helper()
	p := &press{scene: s, served: map[string][]byte{}, committed: map[string]*ledger.StatusList{}}
	var err error
	if p.list, err = status.New(capacity, 2); err != nil {
		s.tb.Fatal(err)
	}
	if err := p.list.Restore(s.status.Index, status.Valid); err != nil {
		s.tb.Fatal(err)
	}
	if p.contexts, err = vc.NewContexts(nil); err != nil {
		s.tb.Fatal(err)
	}
	p.cache, err = status.NewCache(status.Options{
		Commitment: func(_ context.Context, issuer, list string) (*ledger.StatusList, error) {
			if r := p.committed[list]; r != nil && r.Issuer == issuer {
				return r, nil
			}
			return nil, ledger.Problemf(ledger.CodeNotFound, "no such list")
		},
		Fetch: func(_ context.Context, uri string, _ int64) ([]byte, error) { return p.served[uri], nil },
		Now:   func() time.Time { return s.world.now },
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	return p
}

func (p *press) edition(uri string) status.Edition {
	return status.Edition{URI: uri, Issued: p.world.now, Expires: p.world.now.Add(24 * time.Hour), TTL: time.Minute}
}

func (p *press) publish(uri, name string, b []byte) {
	version := 1
	if r := p.committed[name]; r != nil {
		version = r.Version + 1
	}
	p.served[uri] = b
	p.committed[name] = &ledger.StatusList{
		Issuer: p.issuer, List: name, Version: version, Digest: ledger.BodyDigest(b), ValidUntil: p.world.now.Add(24 * time.Hour),
	}
}

func (p *press) publishToken() {
	p.tb.Helper()
	token, err := p.list.Sign(p.by, keys.Header{KeyID: p.keyID}, p.edition(listURI))
	if err != nil {
		p.tb.Fatal(err)
	}
	p.publish(listURI, "staff-1", []byte(token))
}

const bitsURI = "https://north.example/status/bits-1"

// publishBits signs the list as a credential, which names its issuer.
func (p *press) publishBits(issuer, keyID string, by keys.Signer) {
	p.tb.Helper()
	made, err := p.list.Credential(issuer, status.Revocation, p.edition(bitsURI))
	if err != nil {
		p.tb.Fatal(err)
	}
	subject, ok := made["credentialSubject"].(map[string]any)
	if !ok {
		p.tb.Fatal("a list without a subject")
	}
	holder, _ := subject["id"].(string)
	delete(subject, "id")
	signed, err := vc.Issue(p.contexts, by, vc.Credential{
		ID: bitsURI, Types: []string{"BitstringStatusListCredential"}, Issuer: issuer, KeyID: keyID, Holder: holder,
		Issued: p.world.now, Expires: p.world.now.Add(24 * time.Hour), Subject: subject,
	})
	if err != nil {
		p.tb.Fatal(err)
	}
	if !json.Valid(signed) {
		p.tb.Fatal("a list that is no JSON")
	}
	p.publish(bitsURI, "bits-1", signed)
}

func (p *press) lists() *check.Lists {
	return &check.Lists{Cache: p.cache, Contexts: p.contexts, Keys: p.world, Names: p.names}
}

func (p *press) ask(ref check.StatusRef) error {
	p.tb.Helper()
	return p.lists().Valid(p.tb.Context(), check.StatusQuestion{Issuer: p.scene.issuer, Key: p.by.JWK(), Ref: ref, At: p.world.now})
}

// TestPublishedListsSayWhatBecameOfACredential: in both forms, at once.
func TestPublishedListsSayWhatBecameOfACredential(t *testing.T) {
	t.Parallel()
	p := newPress(newScene(t, "StaffRole"), status.MinCapacity)
	bits := check.StatusRef{Kind: check.StatusBitstring, Purpose: "revocation", URI: bitsURI, Index: p.status.Index}
	for _, revoked := range []bool{false, true} {
		if revoked {
			if err := p.list.Set(p.status.Index, status.Revoked); err != nil {
				t.Fatal(err)
			}
		}
		p.publishToken()
		p.publishBits(p.issuer, p.keyID, p.by)
		for _, ref := range []check.StatusRef{*p.status, bits} {
			if err := p.ask(ref); (ledger.CodeOf(err) == ledger.CodeDenied) != revoked || err != nil && !revoked {
				t.Errorf("as %s, revoked %v: %v", ref.Kind, revoked, err)
			}
		}
	}
	for name, ref := range map[string]check.StatusRef{
		"another kind":             {Kind: "crl", URI: listURI},
		"another purpose":          {Kind: check.StatusBitstring, Purpose: "message", URI: bitsURI, Index: 1},
		"a list as the other kind": {Kind: check.StatusBitstring, Purpose: "suspension", URI: bitsURI, Index: 1},
		"behind the end":           {Kind: check.StatusToken, URI: listURI, Index: status.MaxCapacity},
	} {
		if err := p.ask(ref); err == nil {
			t.Errorf("%s: is valid", name)
		}
	}
}

// TestAListOfAnotherIssuerSaysNothing, though the ledger commits to it and its
// proof is good.
func TestAListOfAnotherIssuerSaysNothing(t *testing.T) {
	t.Parallel()
	p := newPress(newScene(t, "StaffRole"), status.MinCapacity)
	bits := check.StatusRef{Kind: check.StatusBitstring, Purpose: "revocation", URI: bitsURI, Index: p.status.Index}
	other := edwards(t)
	p.world.publish(south, now.Add(-time.Hour), map[string]keys.Signer{"key-1": other})
	p.publishBits(south, south+"#key-1", other)
	if err := p.ask(bits); err == nil {
		t.Error("another issuer's list was believed")
	}
	p.world.now = p.world.now.Add(2 * time.Second) // a list that failed is not fetched again at once
	p.publishBits(p.issuer, p.keyID, other)
	if err := p.ask(bits); err == nil {
		t.Error("a list with another's proof was believed")
	}
	p.world.now = p.world.now.Add(2 * time.Second)
	p.names = func(context.Context, string) []string { return []string{south} }
	p.publishBits(south, south+"#key-1", other)
	if err := p.ask(bits); err != nil {
		t.Errorf("an issuer's list under its other name: %v", err)
	}
}
