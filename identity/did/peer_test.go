package did_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/peertest"
)

// resolved is what resolvers for Node answer: web-did-resolver, key-did-resolver
// and @digitalbazaar/did-method-jwk.
type resolved struct {
	Error, ID       string
	AlsoKnownAs     []string
	Keys            map[string]ledger.JWK
	AssertionMethod []string
	Service         []string
}

// TestOtherResolversAgree: they find the same keys in did:key and did:jwk, those
// of the specifications and fresh ones, and resolve by did:web what is rendered
// from the ledger, over TLS. It sets the environment, so that it is not parallel.
func TestOtherResolversAgree(t *testing.T) {
	rec := record(lab, 1, born, newJWK(t, ledger.CurveEd25519), newJWK(t, ledger.CurveP256))
	var h host
	h = newHost(t, func(w http.ResponseWriter, r *http.Request) {
		d, err := did.WebDocument(&rec, h.name)
		if err != nil {
			t.Error(err)
		}
		if r.URL.Path != "/issuer/lab/did.json" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", did.TypeDIDJSON)
		_, _ = w.Write(mustJSON(t, d))
	})
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, h.pem, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NODE_EXTRA_CA_CERTS", roots)
	p := peertest.Install(t, "did", "peer")

	web, err := did.WebDID(h.name, "issuer", "lab")
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{web}
	for id := range keyVectors {
		ids = append(ids, id)
	}
	for _, curve := range []string{ledger.CurveEd25519, ledger.CurveP256} {
		for range 8 {
			jwk := newJWK(t, curve)
			for _, write := range []func(ledger.JWK) (string, error){did.KeyDID, did.JWKDID} {
				id, err := write(jwk)
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, id)
			}
		}
	}
	var jobs []map[string]any
	for _, id := range ids {
		jobs = append(jobs, map[string]any{"did": id})
	}
	jobs = append(jobs, map[string]any{"did": strings.Replace(web, "lab", "other", 1)})
	answers := peertest.Do[resolved](t, p, jobs...)

	r := did.New(did.Config{Web: h.client()})
	for i, id := range ids {
		got := answers[i]
		if got.Error != "" || got.ID != id || len(got.AssertionMethod) == 0 {
			t.Errorf("%s: they resolve it to %+v", id, got)
			continue
		}
		for _, kid := range got.AssertionMethod {
			key, err := r.Key(t.Context(), id, kid, did.AssertionMethod, time.Now())
			if err != nil || key != got.Keys[kid] {
				t.Errorf("%s: %v here, %v there (%v)", kid, key, got.Keys[kid], err)
			}
		}
	}
	if diff := cmp.Diff([]string{lab, "did:web:north.example"}, answers[0].AlsoKnownAs); diff != "" {
		t.Error(diff)
	}
	if len(answers[0].AssertionMethod) != 2 || len(answers[0].Service) != 1 {
		t.Errorf("of the ledger's document they read %+v", answers[0])
	}
	if last := answers[len(answers)-1]; last.Error != did.ErrorNotFound {
		t.Errorf("what is not there is %+v", last)
	}
}
