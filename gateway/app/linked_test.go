package app

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/hyperledger/aries-framework-go/pkg/doc/ldcontext/embed"
	"github.com/mr-tron/base58"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/vc"
	"github.com/secant-platform/secant/identity/vc/vctest"
)

// publishedAt is what a verifier that is not ours needs: the contexts, and the keys
// in the issuer's did:web in the form that its suites know.
func (c *clinics) publishedAt(t *testing.T) (documents map[string]any, d *did.Document) {
	t.Helper()
	contexts, err := check.Contexts()
	if err != nil {
		t.Fatal(err)
	}
	documents = map[string]any{}
	for _, e := range embed.Contexts {
		documents[e.URL] = e.Content
	}
	practitioner, _ := catalogue.Find("Practitioner")
	for _, address := range append(slices.Clone(practitioner.Contexts), vc.ContextStatus) {
		loaded, err := contexts.LoadDocument(address)
		if err != nil {
			t.Fatal(err)
		}
		documents[address] = loaded.Document
	}
	address, err := did.WebAddress(subject(t, c.north).DID)
	if err != nil {
		t.Fatal(err)
	}
	status, _, b := newOutsider(t, c.root, tls.VersionTLS12, tls.VersionTLS13).get(address, "")
	if d, err = did.ParseDocument(b); err != nil || status != http.StatusOK {
		t.Fatalf("%d %v", status, err)
	}
	const suite = vc.ContextEd25519
	controller := map[string]any{"@context": []string{"https://www.w3.org/ns/did/v1", suite}, "id": d.ID}
	var all []any
	for i := range d.VerificationMethod {
		m := &d.VerificationMethod[i]
		key, err := m.JWK()
		if err != nil || key.Kty != ledger.KeyTypeOKP || !slices.Contains(d.AssertionMethod, m.ID) {
			continue
		}
		raw, err := base64.RawURLEncoding.DecodeString(key.X)
		if err != nil {
			t.Fatal(err)
		}
		method := map[string]any{
			"id": m.ID, "type": "Ed25519VerificationKey2020", "controller": d.ID,
			"publicKeyMultibase": "z" + base58.Encode(append([]byte{0xed, 0x01}, raw...)),
		}
		all = append(all, method)
		one := map[string]any{"@context": suite}
		for name, member := range method {
			one[name] = member
		}
		documents[m.ID] = one
	}
	controller["verificationMethod"], controller["assertionMethod"] = all, all
	documents[d.ID] = controller
	return documents, d
}

// TestOthersTakeWhatANodeIssues: verifiers that are not ours take a node's
// credentials by what its did:web publishes, and refuse changed ones.
func TestOthersTakeWhatANodeIssues(t *testing.T) {
	peer := vctest.Install(t, "../../../identity/vc/testdata/peer")
	c := openClinics(t)
	documents, d := c.publishedAt(t)
	holder := c.olderHolder(t, catalogue.LD, catalogue.Ed25519, physician)
	issued, err := c.north.node.identity.desk.Issue(t.Context(), desk.Order{
		Type: "Practitioner", Format: catalogue.LD, Claims: physician, Holders: []ledger.JWK{holder.key.JWK()},
	})
	if err != nil {
		t.Fatal(err)
	}
	newer, _ := issued[0].Credential.(json.RawMessage)
	anonymous := c.issueBBS(t, physician)
	part, err := c.holderOf(t).Disclose(t.Context(), anonymous, []string{"profession"}, vc.AnonymousNonce("n-1", asker), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var signed struct {
		Proof struct{ VerificationMethod string }
	}
	if err := json.Unmarshal(anonymous, &signed); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(d.VerificationMethod, func(m did.VerificationMethod) bool { return m.ID == signed.Proof.VerificationMethod })
	if i < 0 || d.VerificationMethod[i].Type != "Bls12381G2Key2020" || !slices.Contains(d.AssertionMethod, d.VerificationMethod[i].ID) {
		t.Fatalf("the document does not publish %s", signed.Proof.VerificationMethod)
	}
	bbsKey := map[string]any{
		"id": d.VerificationMethod[i].ID, "controller": d.ID, "publicKeyBase58": d.VerificationMethod[i].PublicKeyBase58,
	}
	var jobs []map[string]any
	var names []string
	add := func(name, job, suite string, document []byte) {
		for _, one := range [][]byte{document, bytes.Replace(document, []byte(`"physician"`), []byte(`"pharmacist"`), 1)} {
			jobs = append(jobs, map[string]any{
				"job": job, "suite": suite, "document": json.RawMessage(one), "contexts": documents, "key": bbsKey, "at": time.Now().Unix(),
			})
		}
		names = append(names, name)
	}
	add("Ed25519Signature2020", "ld.verify", "linked", holder.credential)
	add("eddsa-rdfc-2022", "ld.verify", "integrity", newer)
	add("BbsBlsSignature2020", "bbs.verify", "", anonymous)
	add("a part of it", "bbs.verify", "", part)
	got := peer.Judge(t, jobs...)
	for i, name := range names {
		if !got[2*i].OK {
			t.Errorf("%s: it is refused: %s", name, got[2*i].Error)
		}
		if got[2*i+1].OK {
			t.Errorf("%s: it is taken, although somebody changed it", name)
		}
	}
}
