package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/certificate"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/mdoc"
	"github.com/secant-platform/secant/identity/oid4vci/wallettest"
	"github.com/secant-platform/secant/identity/sdjwt"
	"github.com/secant-platform/secant/identity/status"
)

const practitionerType = "io.github.secant-platform.practitioner.1"

var practitioner = map[string]any{
	"profession": "nurse", "organisation": "hospital-north", "given_name": "Ada", "family_name": "Berg",
	"licence_number": "L-4711", "licence_authority": "Board of Nursing", "licence_until": "2029-12-31",
}

// newHolder makes the key of a person.
func newHolder(t *testing.T) keys.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := keys.FromCrypto(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// issue has north's desk issue.
func (c *clinics) issue(t *testing.T, to keys.Signer) (id string, credential []byte) {
	t.Helper()
	issued, err := c.north.node.identity.desk.Issue(t.Context(), desk.Order{
		Type: "Practitioner", Format: catalogue.MDoc, Claims: practitioner, Holders: []ledger.JWK{to.JWK()},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := issued[0].Credential.(string)
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return issued[0].Record.ID, b
}

const (
	answerTo = "https://verifier.example/answers/1"
	asker    = "x509_hash:verifier"
)

// judge shows a credential to a verifier.
func judge(t *testing.T, v *check.Verifier, credential []byte, holder keys.Signer) (*check.Credential, error) {
	t.Helper()
	response, err := mdoc.Present(credential, holder, map[string][]string{practitionerType: {"profession", "organisation", "licence_until"}},
		mdoc.Session{ClientID: asker, Nonce: "n-1", ResponseURI: answerTo})
	if err != nil {
		t.Fatal(err)
	}
	return v.Verify(t.Context(), check.Presented{Format: catalogue.MDoc, Token: base64.RawURLEncoding.EncodeToString(response)},
		check.Want{Types: []string{"Practitioner"}, Nonce: "n-1", Audience: asker, ResponseURI: answerTo})
}

func refusedAt(t *testing.T, what string, err error, step check.Step) {
	t.Helper()
	if r, ok := errors.AsType[*check.Refusal](err); !ok || r.Step != step {
		t.Errorf("%s: %v, want a refusal for its %s", what, err, step)
	}
}

// forge makes an mdoc in an issuer's name, under any certificates.
func forge(t *testing.T, root *x509.Certificate, by, key keys.Signer, as certificate.Subject, holder keys.Signer) []byte {
	t.Helper()
	now := time.Now()
	leaf, err := certificate.NewSigner(root, by, key, as, now)
	if err != nil {
		t.Fatal(err)
	}
	elements := map[string]any{}
	for name, value := range practitioner {
		elements[name] = value
	}
	elements["licence_until"] = mdoc.Date("2029-12-31")
	b, err := mdoc.Issue(key, []*x509.Certificate{leaf}, mdoc.Document{
		DocType: practitionerType, Holder: holder.JWK(), Signed: now, ValidUntil: now.Add(time.Hour),
		Elements: map[string]map[string]any{practitionerType: elements},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// subject is for whom a node's certificates are.
func subject(t *testing.T, r *running) certificate.Subject {
	t.Helper()
	id := ledger.IssuerDID(statetest.Network, r.cfg.Organisation, issuerLabel)
	web := (&issuers{store: r.node.store}).web(t.Context(), id)
	if web == "" {
		t.Fatalf("%s has no did:web", id)
	}
	return certificate.Subject{Name: "Somebody", Country: "XX", Base: r.cfg.PublicURL(), DID: web}
}

// swapped serves other bytes than are asked for.
type swapped struct{ body []byte }

func (s swapped) Get(context.Context, string, string, int64) ([]byte, error) { return s.body, nil }

// verifierOf is a node's verifier that fetches roots in another way.
func verifierOf(t *testing.T, n *node, fetch getter) *check.Verifier {
	t.Helper()
	known := &issuers{store: n.store, resolver: n.dids, network: statetest.Network}
	v, err := check.New(check.Options{
		Keys: known, Trust: known, Status: lenient{}, Now: time.Now,
		Certificates: newRoots(known, fetch, func(string) *x509.Certificate { return nil }),
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// lenient says that nothing is revoked.
type lenient struct{}

func (lenient) Valid(context.Context, check.StatusQuestion) error { return nil }

// TestAnMDocIsVerifiedAcrossTheConsortium: by the issuer's root, which is fetched
// once and whose thumbprint stands on the ledger, until the credential is revoked
// or the root is another.
func TestAnMDocIsVerifiedAcrossTheConsortium(t *testing.T) {
	c, holder := openClinics(t), newHolder(t)
	id, credential := c.issue(t, holder)
	south := c.south.node.identity.verifier
	got, err := judge(t, south, credential, holder)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"profession": "nurse", "organisation": "hospital-north", "licence_until": "2029-12-31"}, got.Claims); diff != "" {
		t.Error(diff)
	}
	if got.Standing.Issuer != c.issuer || got.Standing.Organisation != "hospital-north" || len(got.Status) != 1 {
		t.Errorf("%+v %+v", got.Standing, got.Status)
	}
	if _, err := judge(t, c.north.node.identity.verifier, credential, holder); err != nil {
		t.Errorf("at its issuer: %v", err)
	}

	t.Run("roots are published", c.published)
	t.Run("an SD-JWT VC with a certificate", func(t *testing.T) { c.certified(t, south, holder) })
	t.Run("a wallet of others", c.credo)
	t.Run("certificates of others", func(t *testing.T) { c.forgeries(t, south, holder) })
	t.Run("another file at the server", func(t *testing.T) {
		attacker, root, err := certificateOf(t)
		if err != nil {
			t.Fatal(err)
		}
		key, err := c.north.node.identity.keeper.Signer(desk.PurposeIssuer, verify.AlgES256)
		if err != nil {
			t.Fatal(err)
		}
		forged := forge(t, root, attacker, key, subject(t, c.north), holder)
		for name, body := range map[string][]byte{"an attacker's root": root.Raw, "nothing": nil, "a text": []byte("<html>")} {
			v := verifierOf(t, c.south.node, swapped{body})
			for _, b := range [][]byte{forged, credential} {
				_, err := judge(t, v, b, holder)
				refusedAt(t, name, err, check.StepIssuer)
			}
		}
		if _, err := judge(t, verifierOf(t, c.south.node, c.south.node.fetch), credential, holder); err != nil {
			t.Errorf("the right file: %v", err)
		}
	})

	if _, err := c.north.node.identity.desk.SetStatus(t.Context(), id, status.Revoked); err != nil {
		t.Fatal(err)
	}
	c.south.await("the south to learn of the revocation", func() bool {
		_, err := judge(t, south, credential, holder)
		r, ok := errors.AsType[*check.Refusal](err)
		return ok && r.Step == check.StepStatus && ledger.CodeOf(err) == ledger.CodeDenied
	})
	c.replaceRoot(t, south, holder)
}

// certified shows an SD-JWT VC that names its issuer as certificates do.
func (c *clinics) certified(t *testing.T, v *check.Verifier, holder keys.Signer) {
	t.Helper()
	issued, err := c.north.node.identity.desk.Issue(t.Context(), desk.Order{
		Type: "Practitioner", Format: catalogue.SDJWT, Claims: practitioner, Holders: []ledger.JWK{holder.JWK()}, Certified: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	token, _ := issued[0].Credential.(string)
	shown, err := sdjwt.Present(token, holder, nil, sdjwt.Binding{Audience: asker, Nonce: "n-1", At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Verify(t.Context(), check.Presented{Format: catalogue.SDJWT, Token: shown}, check.Want{Types: []string{"Practitioner"}, Nonce: "n-1", Audience: asker})
	if err != nil || got.Standing.Issuer != c.issuer {
		t.Errorf("%+v, %v", got, err)
	}
}

// certificateOf makes a key and a root that it signed for itself.
func certificateOf(t *testing.T) (keys.Signer, *x509.Certificate, error) {
	t.Helper()
	key := newHolder(t)
	root, err := certificate.NewRoot(key, certificate.Subject{
		Name: "Somebody", Country: "XX", Base: "https://attacker.example", DID: "did:web:attacker.example",
	}, time.Now())
	return key, root, err
}

func (c *clinics) forgeries(t *testing.T, v *check.Verifier, holder keys.Signer) {
	t.Helper()
	attacker, theirs, err := certificateOf(t)
	if err != nil {
		t.Fatal(err)
	}
	own := c.north.node.identity
	root := own.certificates.Roots(time.Now())[0]
	rootKey, err := own.keeper.Signer(certificate.PurposeRoot, verify.AlgES256)
	if err != nil {
		t.Fatal(err)
	}
	key, err := own.keeper.Signer(desk.PurposeIssuer, verify.AlgES256)
	if err != nil {
		t.Fatal(err)
	}
	north, south := subject(t, c.north), subject(t, c.south)
	nobody := north
	nobody.DID = "did:web:nobody.example:issuer:credentials"
	lab := north
	lab.DID = north.DID[:len(north.DID)-len(issuerLabel)] + "lab"
	for name, f := range map[string]struct {
		credential []byte
		step       check.Step
	}{
		"north's names under an attacker's root":    {forge(t, theirs, attacker, attacker, north, holder), check.StepKey},
		"north's names and key under such a root":   {forge(t, theirs, attacker, key, north, holder), check.StepKey},
		"a key of nobody's under north's root":      {forge(t, root, rootKey, attacker, north, holder), check.StepKey},
		"south's names under north's root":          {forge(t, root, rootKey, key, south, holder), check.StepKey},
		"nobody's names under north's root":         {forge(t, root, rootKey, key, nobody, holder), check.StepIssuer},
		"another of north's issuers, by their root": {forge(t, root, rootKey, key, lab, holder), check.StepIssuer},
	} {
		_, err := judge(t, v, f.credential, holder)
		refusedAt(t, name, err, f.step)
	}
	// What the root signs is the issuer's: nothing else is wrong with these.
	if _, err := judge(t, v, forge(t, root, rootKey, key, north, holder), holder); err != nil {
		t.Errorf("north's names under north's root: %v", err)
	}
}

// replaceRoot takes the root back, as an operator does whose key was stolen.
func (c *clinics) replaceRoot(t *testing.T, south *check.Verifier, holder keys.Signer) {
	t.Helper()
	_, before := c.issue(t, holder)
	if _, err := judge(t, south, before, holder); err != nil {
		t.Fatal(err)
	}
	own := c.north.node.identity
	old := own.certificates.Roots(time.Now())[0]
	c.north.want(http.StatusNoContent, "operator", http.MethodPost, "/v1/issuer/rotation", map[string]string{"keys": "roots"}, nil)
	_, both := c.issue(t, holder)
	for _, one := range [][]byte{before, both} { // as soon as the south has read the document anew
		c.south.await("the south to take it", func() bool {
			_, err := judge(t, south, one, holder)
			return err == nil
		})
	}
	file := filepath.Join(c.north.cfg.Data, certificateFolder, certificate.Thumbprint(old)+certificateEnding)
	if err := os.Rename(file, filepath.Join(t.TempDir(), "old")); err != nil {
		t.Fatal(err)
	}
	if err := own.certificates.Renew(time.Now()); err != nil {
		t.Fatal(err)
	}
	c.north.await("the ledger to have the other root", func() bool { return own.settler.settle(t.Context()) == nil })
	c.south.await("the south to learn of it", func() bool {
		d, err := c.south.node.store.DID(t.Context(), c.issuer)
		_, stays := rootsOf(&d.Record)[c.north.cfg.PublicURL()+"/iaca/"+certificate.Thumbprint(old)+".cer"]
		return err == nil && !stays
	})
	_, err := judge(t, south, before, holder)
	refusedAt(t, "under a root that was taken back", err, check.StepKey)
	_, after := c.issue(t, holder)
	if _, err := judge(t, south, after, holder); err != nil {
		t.Errorf("under the other root: %v", err)
	}
}

// credo has a wallet of others' receive the node's mdoc and its SD-JWT VC in HAIP's
// way, by the root that anybody fetches, and under no other root; another that it
// looks up by did:web, as it does for who has no root.
func (c *clinics) credo(t *testing.T) {
	wallet := wallettest.Install(t, "../../oid4/testdata/credo")
	t.Setenv("NODE_EXTRA_CA_CERTS", c.root)
	_, _, b := newOutsider(t, c.root, tls.VersionTLS12, tls.VersionTLS13).get(c.north.cfg.PublicURL()+"/iaca.pem", "")
	block, _ := pem.Decode(b)
	if block == nil {
		t.Fatalf("%s", b)
	}
	_, other, err := certificateOf(t)
	if err != nil {
		t.Fatal(err)
	}
	own, theirs := base64.StdEncoding.EncodeToString(block.Bytes), base64.StdEncoding.EncodeToString(other.Raw)
	offer := func(format string, certified bool) string {
		t.Helper()
		var made struct{ Link string }
		c.north.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/credentials/offers", map[string]any{
			"type": "Practitioner", "claims": practitioner, "formats": []string{format}, "certified": certified,
		}, &made)
		return made.Link
	}
	results := wallet.Receive(t,
		wallettest.Job{Link: offer("mso_mdoc", false), Configuration: "Practitioner_mso_mdoc", Roots: []string{own}},
		wallettest.Job{Link: offer("dc+sd-jwt", true), Configuration: "Practitioner_dc+sd-jwt_x5c", Roots: []string{own}},
		wallettest.Job{Link: offer("dc+sd-jwt", false), Configuration: "Practitioner_dc+sd-jwt"},
		wallettest.Job{Link: offer("mso_mdoc", false), Configuration: "Practitioner_mso_mdoc", Roots: []string{theirs}},
		wallettest.Job{Link: offer("dc+sd-jwt", true), Configuration: "Practitioner_dc+sd-jwt_x5c", Roots: []string{theirs}},
	)
	for n, r := range results {
		if n >= 3 {
			if r.OK {
				t.Errorf("%d: taken under another's root: %+v", n, r)
			}
			continue
		}
		if !r.OK || r.Claims["profession"] != "nurse" || r.Claims["licence_number"] != "L-4711" {
			t.Errorf("%d: %+v", n, r)
		}
	}
}
