package mdoc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/peertest"
)

// result is what the peer, @owf/mdoc, answers to any job.
type result struct {
	OK         bool
	Error      string
	Credential []byte
	Response   []byte
	Elements   map[string]map[string]any
}

// secretOf is the JWK of a private key.
func secretOf(t *testing.T, key crypto.Signer) map[string]any {
	t.Helper()
	segment := base64.RawURLEncoding.EncodeToString
	jwk := signerOf(t, key).JWK()
	secret := map[string]any{"kty": jwk.Kty, "crv": jwk.Crv, "x": jwk.X}
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		d, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		secret["y"], secret["d"] = jwk.Y, segment(d)
	case ed25519.PrivateKey:
		secret["d"] = segment(key.Seed())
	}
	return secret
}

func jobOf(s Session) map[string]any {
	job := map[string]any{"clientId": s.ClientID, "nonce": s.Nonce, "responseUri": s.ResponseURI}
	if s.Thumbprint != nil {
		job["thumbprint"] = s.Thumbprint
	}
	return job
}

func clone(job map[string]any, name string, value any) map[string]any {
	changed := map[string]any{name: value}
	for k, v := range job {
		if k != name {
			changed[k] = v
		}
	}
	return changed
}

func tampered(b []byte) []byte {
	changed := []byte(string(b))
	for i := range changed {
		if i+8 <= len(changed) && string(changed[i:i+8]) == "Lovelace" {
			changed[i] = 'X'
		}
	}
	return changed
}

// TestAnotherImplementationAgrees: it receives and presents what is issued here,
// verifies what is presented here, and what it issues is read and shown here.
func TestAnotherImplementationAgrees(t *testing.T) {
	t.Parallel()
	peer := peertest.Install(t, "mdoc", "peer")
	for name, makes := range map[string][2]func(testing.TB) crypto.Signer{
		"P-256 for Ed25519": {newKey, newEdwards}, "Ed25519 for P-256": {newEdwards, newKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, device := newPKI(t, makes[0](t)), makes[1](t)
			holder := signerOf(t, device)
			w := want(p)
			issued := issue(t, p, sample(holder))
			response, err := Present(issued, holder, w.Elements, session)
			if err != nil {
				t.Fatal(err)
			}
			other, open := session, session
			other.Nonce = "n-2"
			open.Thumbprint = nil
			root := p.root.certificate.Raw
			receive := map[string]any{"job": "receive", "credential": issued, "root": root, "at": w.At.UnixMilli()}
			judge := map[string]any{
				"job": "verify", "response": response, "docType": docType, "show": w.Elements,
				"session": jobOf(session), "root": root, "at": w.At.UnixMilli(),
			}
			present := map[string]any{
				"job": "present", "credential": issued, "docType": docType, "show": w.Elements,
				"session": jobOf(session), "secret": secretOf(t, device),
			}
			stranger := newPKI(t, newKey(t)).root.certificate.Raw
			got := peertest.Do[result](t, peer,
				receive, judge, present, clone(present, "session", jobOf(open)),
				map[string]any{
					"job": "issue", "docType": docType, "secret": secretOf(t, p.leaf.key), "device": holder.JWK(),
					"elements": map[string]any{space: map[string]any{"family_name": "Hopper", "rank": 3, "wards": []string{"A"}}, "x": map[string]any{"y": true}},
					"day":      map[string]any{space: map[string]any{"birth_date": "1906-12-09"}},
					"chain":    [][]byte{p.leaf.certificate.Raw, p.middle.certificate.Raw},
					"at":       now.UnixMilli(), "until": now.Add(time.Hour).UnixMilli(),
				},
				// Refused are:
				clone(receive, "root", stranger), clone(receive, "credential", tampered(issued)), clone(receive, "at", now.Add(25*time.Hour).UnixMilli()),
				clone(judge, "root", stranger), clone(judge, "response", tampered(response)), clone(judge, "session", jobOf(other)),
				clone(judge, "session", jobOf(open)), clone(judge, "show", map[string][]string{space: {"given_name"}}),
			)
			for i, job := range []string{"receive", "verify", "present", "present openly", "issue"} {
				if !got[i].OK {
					t.Fatalf("it cannot %s: %s", job, got[i].Error)
				}
			}
			if e := got[0].Elements[space]; e["family_name"] != "Lovelace" || e["birth_date"] != "1815-12-10" ||
				!cmp.Equal(e["licence"], any(map[string]any{"number": "L-1", "since": "2020-01-02", "wards": []any{"A", 3.0, true, nil}})) {
				t.Errorf("what is issued here reads as %v", got[0].Elements)
			}
			for i, reason := range []string{
				"no chain to the root", "calculated digest", "valid at the time", "no chain to the root", "calculated digest",
				"Device signature must be valid", "Device signature must be valid", "did not match the Device Request",
			} {
				if r := got[5+i]; r.OK || !strings.Contains(r.Error, reason) {
					t.Errorf("for %q it answers %+v", reason, r)
				}
			}

			// What it presents.
			c, err := Verify(got[2].Response, w)
			if err != nil || c.Elements[space]["family_name"] != "Lovelace" || len(c.Elements[space]) != 2 {
				t.Errorf("what it presents: %+v, %v", c, err)
			}
			if _, err := Verify(tampered(got[2].Response), w); ledger.CodeOf(err) != ledger.CodeInvalid {
				t.Errorf("what it presents, tampered with: %v", err)
			}
			w.Session = open
			if _, err := Verify(got[2].Response, w); ledger.CodeOf(err) != ledger.CodeInvalid {
				t.Errorf("what it presents elsewhere: %v", err)
			}
			if _, err := Verify(got[3].Response, w); err != nil {
				t.Errorf("what it presents without encryption: %v", err)
			}

			// What it issues.
			c, err = VerifyIssued(got[4].Credential, w.Trust)
			if err != nil {
				t.Fatalf("what it issues: %v", err)
			}
			if diff := cmp.Diff(map[string]map[string]any{
				space: {"family_name": "Hopper", "rank": int64(3), "wards": []any{"A"}, "birth_date": Date("1906-12-09")}, "x": {"y": true},
			}, c.Elements); diff != "" {
				t.Errorf("what it issues reads as %s", diff)
			}
			w.Elements = map[string][]string{space: {"birth_date"}}
			shown, err := Present(got[4].Credential, holder, w.Elements, open)
			if err != nil {
				t.Fatal(err)
			}
			if c, err := Verify(shown, w); err != nil || c.Elements[space]["birth_date"] != Date("1906-12-09") {
				t.Errorf("what it issues, shown: %+v, %v", c, err)
			}
		})
	}
}
