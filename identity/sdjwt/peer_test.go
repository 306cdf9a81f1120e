package sdjwt_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/peertest"
	"github.com/secant-platform/secant/identity/sdjwt"
)

// result is what the peer answers to any job.
type result struct {
	OK           bool
	Error        string
	Claims       map[string]any
	Audience     string
	Presentation string
	Issuer       ledger.JWK
}

// newSecret makes a key of ours and the JWK of its secret.
func newSecret(t *testing.T, kind string) (keys.Signer, map[string]any) {
	t.Helper()
	segment := base64.RawURLEncoding.EncodeToString
	if kind == ledger.CurveP256 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		d, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		s, err := keys.FromCrypto(key)
		if err != nil {
			t.Fatal(err)
		}
		return s, map[string]any{"kty": "EC", "crv": "P-256", "x": s.JWK().X, "y": s.JWK().Y, "d": segment(d)}
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := keys.FromCrypto(key)
	if err != nil {
		t.Fatal(err)
	}
	return s, map[string]any{"kty": "OKP", "crv": "Ed25519", "x": s.JWK().X, "d": segment(key.Seed())}
}

// TestAnotherImplementationAgrees with @sd-jwt/sd-jwt-vc for Node (around it
// testdata/peer/peer.js, its versions in the lock file there): it verifies what is
// made here, presents what is issued here, and what it issues and presents
// verifies here.
func TestAnotherImplementationAgrees(t *testing.T) {
	t.Parallel()
	p := peertest.Install(t, "sdjwt", "peer")
	for _, kinds := range [][2]string{{"Ed25519", "P-256"}, {"P-256", "Ed25519"}} {
		t.Run(kinds[0]+" for "+kinds[1], func(t *testing.T) {
			t.Parallel()
			issuer, _ := newSecret(t, kinds[0])
			holder, secret := newSecret(t, kinds[1])
			issued, err := sdjwt.Issue(issuer, sample(holder))
			if err != nil {
				t.Fatal(err)
			}
			ours, err := sdjwt.Present(issued, holder, []string{"role"}, question)
			if err != nil {
				t.Fatal(err)
			}
			algorithm := map[string]string{"Ed25519": verify.AlgEdDSA, "P-256": verify.AlgES256}
			at := now.Unix()
			judge := map[string]any{"job": "verify", "presentation": ours, "issuer": issuer.JWK(), "nonce": "n-1", "at": at}
			foreign := map[string]any{"job": "verify", "presentation": ours, "issuer": holder.JWK(), "nonce": "n-1", "at": at}
			got := peertest.Do[result](t, p, judge, with(judge, "nonce", "n-2"), foreign,
				map[string]any{
					"job": "present", "credential": issued, "holder": secret, "show": map[string]bool{"given_name": true},
					"nonce": "n-1", "audience": "aud", "at": at,
				},
				map[string]any{
					"job": "issue", "issuerAlg": algorithm[kinds[0]], "holderAlg": algorithm[kinds[1]],
					"nonce": "n-1", "audience": "aud", "at": at,
					"claims": map[string]any{
						"iss": "did:secant:dev:hospital-south:staff", "vct": "DeviceReleaser", "iat": at, "exp": at + 3600,
						"name": "Grace", "kept": 1, "wards": []any{"A", "B", "C"}, "address": map[string]any{"city": "Ulm", "street": "Main"},
					},
					"hide": map[string]any{
						"_sd": []string{"name", "kept", "address"}, "_sd_decoy": 3,
						"wards":   map[string]any{"_sd": []int{0, 2}},
						"address": map[string]any{"_sd": []string{"street"}},
					},
					"show": map[string]any{"name": true, "wards": map[string]any{"2": true}, "address": map[string]any{"street": true}},
				})
			if !got[0].OK || got[0].Audience != "aud" || got[0].Claims["vct"] != "DeviceReleaser" || got[0].Claims["email"] != nil ||
				!cmp.Equal(got[0].Claims["role"], any(map[string]any{"code": "<1>"})) {
				t.Errorf("it judges ours as %+v", got[0])
			}
			if got[1].OK || got[2].OK {
				t.Errorf("it takes anything: %+v", got[1:3])
			}
			claims := verified(t, issuer.JWK(), got[3])
			if claims["given_name"] != "Ada" || claims["email"] != nil {
				t.Errorf("what it presents of ours reads as %v", claims)
			}
			claims = verified(t, got[4].Issuer, got[4])
			b, err := json.Marshal([]any{claims["name"], claims["kept"], claims["wards"], claims["address"]})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(`["Grace",null,["B","C"],{"city":"Ulm","street":"Main"}]`, string(b)); diff != "" {
				t.Errorf("what it issues and presents: %s", diff)
			}
		})
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

// verified judges what the peer presented.
func verified(t *testing.T, issuer ledger.JWK, r result) map[string]any {
	t.Helper()
	if !r.OK {
		t.Fatalf("the peer cannot present: %s", r.Error)
	}
	key, err := verify.NewKey(issuer)
	if err != nil {
		t.Fatal(err)
	}
	p, err := verify.ParsePresentation(r.Presentation)
	if err != nil {
		t.Fatalf("what it presents: %v", err)
	}
	c, err := p.Verify(key, verify.Binding{Audience: "aud", Nonce: "n-1", At: now, MaxAge: time.Minute})
	if err != nil {
		t.Fatalf("what it presents: %v", err)
	}
	return c.Claims
}
