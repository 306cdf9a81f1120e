package app

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/gateway/oid4"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/certificate"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/lasting"
)

// certifiers are a node that issues certificates of conformity, and one of a hospital
// that judges them.
type certifiers struct {
	*consortium

	authority, north, maker *running
	me                      *outsider
}

func openCertifiers(t *testing.T) *certifiers {
	t.Helper()
	c := &certifiers{consortium: newConsortium(t)}
	root, cert, key := certify(t)
	c.me = newOutsider(t, root, tls.VersionTLS12, tls.VersionTLS13)
	c.authority = c.launch(t, "authority", c.public("authority", root, cert, key), func(string) {}).ready()
	c.north = c.launch(t, "hospital-north", c.public("hospital-north", root, cert, key), func(string) {}).ready()
	c.maker = c.start(t, "medtech")
	for _, r := range []*running{c.authority, c.north} {
		for _, of := range []*running{c.authority, c.north} {
			r.await("the lasting keys to stand on the ledger", func() bool {
				row, err := r.node.store.DID(t.Context(), issuerOf(of))
				keys, _ := lastingOf(&row.Record, typeLastingCheckpoints)
				return err == nil && len(keys) == 1
			})
		}
	}
	return c
}

func issuerOf(r *running) string {
	return ledger.IssuerDID(statetest.Network, r.cfg.Organisation, issuerLabel)
}

// keysOf are the lasting keys of a node for certificates or checkpoints, as the ledger has them
// for another node.
func (c *certifiers) keysOf(of *running, kind string) map[string]string {
	of.t.Helper()
	row, err := c.north.node.store.DID(of.t.Context(), issuerOf(of))
	if err != nil {
		of.t.Fatal(err)
	}
	list, home := lastingOf(&row.Record, kind)
	if len(list) > 0 && home != of.cfg.PublicURL() {
		of.t.Errorf("they are at home at %s", home)
	}
	return list
}

var assessment = map[string]any{
	"unit": strings.Repeat("0f", 32), "di": "04012345678901", "release": "3.1.0", "catalogue": "IEC 81001-5-1",
	"verdict": "conditional", "score": 8700, "result_digest": strings.Repeat("0a", 32), "assessed": "2026-11-04", "assessor": "authority",
	"conditions": []any{"Behind a segmented network only"},
}

// issue has the authority issue a certificate of conformity.
func (c *certifiers) issue(f catalogue.Format, holder keys.Signer) []byte {
	return c.order(desk.Order{Type: "DeviceCertification", Format: f, Claims: assessment, Holders: []ledger.JWK{holder.JWK()}})
}

func (c *certifiers) order(o desk.Order) []byte {
	t := c.authority.t
	t.Helper()
	issued, err := c.authority.node.identity.desk.Issue(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := issued[0].Credential.(string); ok {
		return []byte(text)
	}
	b, err := json.Marshal(issued[0].Credential)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var certificateTypes = map[catalogue.Format]string{
	catalogue.SDJWT: "application/dc+sd-jwt", catalogue.JWT: "application/jwt", catalogue.LD: "application/vc",
}

// TestACertificateOutlivesEllipticCurves: an authority issues it, and a hospital's
// node, by what the ledger says, finds who made it without believing any elliptic curve.
func TestACertificateOutlivesEllipticCurves(t *testing.T) {
	c, holder := openCertifiers(t), newHolder(t)
	own := c.authority.node.identity.lasting
	key, err := own.key(lastingCertificates)
	if err != nil {
		t.Fatal(err)
	}
	thumbprint := key.JWK().Thumbprint()
	if list := c.keysOf(c.authority, typeLastingCertificates); len(list) != 1 || list[thumbprint] == "" {
		t.Fatalf("on the ledger are %v", list)
	}
	if list := c.keysOf(c.north, typeLastingCertificates); len(list) != 0 {
		t.Errorf("a hospital, which certifies nothing, has %v", list)
	}
	for f, media := range certificateTypes {
		certificate := c.issue(f, holder)
		var found struct{ Algorithm, Key string }
		ask := func(body []byte) (int, []byte) {
			return c.north.call("auditor", http.MethodPost, "/v1/credentials/lasting", body, map[string]string{"Content-Type": media})
		}
		status, b := ask(certificate)
		if err := json.Unmarshal(b, &found); err != nil || status != http.StatusOK || found.Key != thumbprint || found.Algorithm != "ML-DSA-65" {
			t.Errorf("%s: %d %s", f, status, b)
		}
		if status, b := ask([]byte("{}")); status < 400 || status >= 500 {
			t.Errorf("%s, nothing: %d %s", f, status, b)
		}
	}
	if status, _ := c.north.call("", http.MethodPost, "/v1/credentials/lasting", nil, nil); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	// One that names its issuer as certificates do.
	certified := c.order(desk.Order{
		Type: "DeviceCertification", Format: catalogue.SDJWT, Claims: assessment, Holders: []ledger.JWK{holder.JWK()}, Certified: true,
	})
	if found, err := c.north.node.identity.durable.Verify(t.Context(), catalogue.SDJWT, certified); err != nil || found != thumbprint {
		t.Errorf("with the issuer's certificate: %q, %v", found, err)
	}
	t.Run("anybody finds it", func(t *testing.T) { c.found(t, holder) })
	t.Run("a host that lies", func(t *testing.T) { c.lies(t, holder) })
	t.Run("keys rotate", func(t *testing.T) { c.rotates(t, holder) })
	t.Run("the document has room for all", c.fits)
	t.Run("other types have none", func(t *testing.T) { c.others(t, holder) })
}

// found goes the way of somebody who has a certificate, and knows a resolver.
func (c *certifiers) found(t *testing.T, holder keys.Signer) {
	t.Helper()
	contexts := c.north.node.identity.durable.Contexts
	certificate, err := lasting.Open(contexts, catalogue.SDJWT, c.issue(catalogue.SDJWT, holder))
	if err != nil {
		t.Fatal(err)
	}
	// The credential names its issuer, whose document names key and host.
	status, res := c.me.resolve(c.north.cfg.PublicURL(), issuerOf(c.authority))
	if status != http.StatusOK || len(res.Document.AlsoKnownAs) == 0 && certificate.Issuer == "" {
		t.Fatalf("%d %+v", status, res)
	}
	address := ""
	for _, s := range res.Document.Service {
		if s.Type == typeLastingCertificates {
			if err := json.Unmarshal(s.ServiceEndpoint, &address); err != nil {
				t.Fatal(err)
			}
		}
	}
	status, header, b := c.me.get(address, "")
	jwk, err := verify.ParseLastingJWK(b)
	if status != http.StatusOK || header.Get("Content-Type") != "application/jwk+json" || err != nil || !strings.Contains(address, jwk.Thumbprint()) {
		t.Fatalf("%s: %d %v %s", address, status, header, b)
	}
	base := c.authority.cfg.PublicURL()
	status, header, b = c.me.get(base+oid4.PathLastingCertificates+certificate.Digest(), "")
	if status != http.StatusOK || header.Get("Content-Type") != "application/jose" || certificate.Verify(jwk, string(b)) != nil {
		t.Errorf("%d %v %s", status, header, b)
	}
	for _, path := range []string{
		oid4.PathLastingCertificates + strings.Repeat("0", 64), oid4.PathLastingCertificates + "x",
		oid4.PathLastingKeys + jwk.Thumbprint(), oid4.PathLastingKeys + "x.jwk",
	} {
		if status, _, _ := c.me.get(base+path, ""); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status, _, _ := c.me.get(base+oid4.PathLastingCheckpoints+"0", ""); status != http.StatusUnauthorized {
		t.Errorf("checkpoints, without a token: %d", status)
	}
}

// lies puts an attacker where the authority's host is.
func (c *certifiers) lies(t *testing.T, holder keys.Signer) {
	t.Helper()
	honest := c.north.node.identity.durable
	attacker := keys.NewLastingKey([keys.LastingSeedSize]byte{1})
	checkpoints, err := c.authority.node.identity.lasting.key(lastingCheckpoints)
	if err != nil {
		t.Fatal(err)
	}
	for f := range certificateTypes {
		b := c.issue(f, holder)
		certificate, err := lasting.Open(honest.Contexts, f, b)
		if err != nil {
			t.Fatal(err)
		}
		for name, by := range map[string]*keys.LastingKey{"a key of its own": attacker, "the authority's key for checkpoints": checkpoints} {
			signature, err := certificate.Sign(by)
			if err != nil {
				t.Fatal(err)
			}
			jwk, err := json.Marshal(by.JWK())
			if err != nil {
				t.Fatal(err)
			}
			// As it is, and in the name of the key that is on the ledger.
			for thumbprint := range c.keysOf(c.authority, typeLastingCertificates) {
				_, raw, _ := strings.Cut(signature, "..")
				for _, served := range []string{signature, verify.LastingHeader(verify.TypeLastingCertificate, thumbprint) + ".." + raw} {
					v := *honest
					v.Fetch = func(_ context.Context, address, _ string, _ int64) ([]byte, error) {
						if strings.HasSuffix(address, oid4.LastingKeyEnding) {
							return jwk, nil
						}
						return []byte(served), nil
					}
					if _, err := v.Verify(t.Context(), f, b); ledger.CodeOf(err) != ledger.CodeInvalid {
						t.Errorf("%s, %s: %v", f, name, err)
					}
				}
			}
		}
	}
}

// rotates makes a new key: what the old one signed stays good until it is taken off.
func (c *certifiers) rotates(t *testing.T, holder keys.Signer) {
	t.Helper()
	before := c.issue(catalogue.JWT, holder)
	old, err := c.north.node.identity.durable.Verify(t.Context(), catalogue.JWT, before)
	if err != nil {
		t.Fatal(err)
	}
	c.authority.want(http.StatusNoContent, "operator", http.MethodPost, "/v1/issuer/rotation", map[string]string{"keys": "lasting"}, nil)
	after := c.issue(catalogue.JWT, holder)
	c.north.await("the north to know the new key", func() bool { return len(c.keysOf(c.authority, typeLastingCertificates)) == 2 })
	durable := c.north.node.identity.durable
	if thumbprint, err := durable.Verify(t.Context(), catalogue.JWT, after); err != nil || thumbprint == old {
		t.Errorf("after: %s, %v", thumbprint, err)
	}
	if thumbprint, err := durable.Verify(t.Context(), catalogue.JWT, before); err != nil || thumbprint != old {
		t.Errorf("before: %s, %v", thumbprint, err)
	}
	// An operator whose key was stolen moves its file away.
	file := filepath.Join(c.authority.cfg.Data, identityFolder, lastingCertificates+".1.lasting")
	if err := os.Rename(file, filepath.Join(t.TempDir(), "old")); err != nil {
		t.Fatal(err)
	}
	c.authority.await("the ledger to lack the old key", func() bool { return c.authority.node.identity.settler.settle(t.Context()) == nil })
	c.north.await("the north to learn of it", func() bool { return len(c.keysOf(c.authority, typeLastingCertificates)) == 1 })
	if _, err := durable.Verify(t.Context(), catalogue.JWT, before); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("by a key that was taken off: %v", err)
	}
	if _, err := durable.Verify(t.Context(), catalogue.JWT, after); err != nil {
		t.Errorf("by the key that stays: %v", err)
	}
}

// fits: however often keys are rotated, the document has room for what stands for them.
func (c *certifiers) fits(t *testing.T) {
	t.Helper()
	for range max(keptLasting, keptBBS, certificate.MaxRoots) {
		for _, which := range []string{"lasting", "roots", "credentials"} {
			c.authority.want(http.StatusNoContent, "operator", http.MethodPost, "/v1/issuer/rotation", map[string]string{"keys": which}, nil)
		}
	}
	services, err := c.authority.node.identity.settler.services()
	if err != nil || len(services) > ledger.MaxDIDServices {
		t.Errorf("%d services are wanted, %v", len(services), err)
	}
	kinds := map[string]int{}
	for _, s := range *c.authority.node.identity.services.Load() {
		kinds[s.Type]++
	}
	if kinds[typeLastingCertificates] != keptLasting || kinds[typeLastingCheckpoints] != keptLasting || keptLasting < 2 || len(kinds) < 6 {
		t.Errorf("on the ledger stand %v", kinds)
	}
}

// others have no lasting signatures, which is said.
func (c *certifiers) others(t *testing.T, holder keys.Signer) {
	t.Helper()
	issued, err := c.north.node.identity.desk.Issue(t.Context(), desk.Order{
		Type: "Practitioner", Format: catalogue.SDJWT, Claims: practitioner, Holders: []ledger.JWK{holder.JWK()},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := issued[0].Credential.(string)
	status, b := c.north.call("auditor", http.MethodPost, "/v1/credentials/lasting", []byte(text), map[string]string{"Content-Type": "application/dc+sd-jwt"})
	if status != http.StatusNotFound || !strings.Contains(string(b), "has no lasting key for certificates") {
		t.Errorf("%d %s", status, b)
	}
}

// TestACheckpointOutlivesEllipticCurves: its lasting signature is in the proof of a
// reading, and in the note that the node serves, and not on the ledger.
func TestACheckpointOutlivesEllipticCurves(t *testing.T) {
	c := openCertifiers(t)
	model(c.maker)
	d := commission(t, c.maker, c.north, "SN-1")
	header, body := d.sign(t, `{"spo2":97}`)
	status, b := c.north.call("", http.MethodPost, "/v1/readings", body, header)
	var receipt struct{ ID string }
	if err := json.Unmarshal(b, &receipt); err != nil || status != http.StatusAccepted {
		t.Fatalf("%d %s", status, b)
	}
	raw := c.north.bundleOf(receipt.ID, 0)
	bundle, err := proof.ParseBundle(raw)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bundle.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	list := c.keysOf(c.north, typeLastingCheckpoints)
	if len(list) != 1 || bundle.Lasting == nil || list[bundle.Lasting.Key.Thumbprint()] == "" {
		t.Fatalf("the ledger has %v, the proof %+v", list, bundle.Lasting)
	}
	thumbprint := bundle.Lasting.Key.Thumbprint()
	for asked, want := range map[string]string{"": "its DID document on the ledger says", thumbprint: "known to be that of hospital-north"} {
		words, err := proof.VerifyFiles(c.trust(), file, asked)
		if err != nil || !strings.Contains(words, "by the key "+thumbprint) || !strings.Contains(words, want) {
			t.Errorf("asked for %q: %s, %v", asked, words, err)
		}
	}
	for another := range c.keysOf(c.authority, typeLastingCheckpoints) {
		if _, err := proof.VerifyFiles(c.trust(), file, another); err == nil {
			t.Error("another's key was asked for")
		}
	}
	if n := len(bundle.Checkpoint); n > 512 {
		t.Errorf("the checkpoint on the ledger has %d bytes", n)
	}

	// The same as a signed note, by the package with which others read them.
	row, _, err := c.north.node.store.AnchorCovering(t.Context(), ledger.StreamID(c.north.node.log.Verifier()), bundle.Log.Index)
	if err != nil {
		t.Fatal(err)
	}
	at := oid4.PathLastingCheckpoints + strconv.FormatUint(row.Record.Sequence, 10)
	status, text := c.north.call("auditor", http.MethodGet, at, nil, nil)
	ed, err := note.NewVerifier(c.north.node.log.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	ours, err := bundle.Lasting.Key.NoteVerifier(ed.Name())
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(text, note.VerifierList(ed, ours))
	if err != nil || status != http.StatusOK || len(n.Sigs) != 2 || !strings.HasPrefix(string(text), bundle.Checkpoint) {
		t.Errorf("%d %s: %v", status, text, err)
	}
	for _, sequence := range []string{"999999", "-1", "x", "18446744073709551615"} {
		if status, b := c.north.call("auditor", http.MethodGet, oid4.PathLastingCheckpoints+sequence, nil, nil); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", sequence, status, b)
		}
	}
	// A trust file that names the key makes it known; one that names another refuses.
	for name, ok := range map[string]bool{thumbprint: true, keys.NewLastingKey([keys.LastingSeedSize]byte{1}).JWK().Thumbprint(): false} {
		trust := c.network.Trust()
		for i := range trust.Epochs[0].Organisations {
			trust.Epochs[0].Organisations[i].Lasting = []string{name}
		}
		v, err := proof.NewVerifier(trust)
		if err != nil {
			t.Fatal(err)
		}
		if verdict, err := v.Verify(bundle); (err == nil) != ok || ok && !verdict.LastingKnown {
			t.Errorf("%v: %+v, %v", ok, verdict, err)
		}
	}
}
