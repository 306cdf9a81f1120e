package vc

import (
	"slices"
	"time"

	"github.com/mr-tron/base58"

	"github.com/secant-platform/secant/chaincode/verify"
)

// What a key was used for (VC Data Integrity, section 2.1).
const (
	purposeAssertion      = "assertionMethod"
	purposeAuthentication = "authentication"
)

// proofMembers are all that a proof may say. Others might not be covered, or ask
// for what is not checked here.
var proofMembers = []string{
	"@context", "type", "cryptosuite", "created", "verificationMethod", "proofPurpose", "proofValue", "challenge", "domain", "nonce",
}

// linkedProof is a document's one proof.
type linkedProof struct {
	document
	kind    string // its type
	keyID   string
	created time.Time
}

// readProof returns the document's proof, of one of the kinds and for the purpose.
func readProof(d document, purpose string, kinds ...string) (*linkedProof, error) {
	proofs, err := d.objects("proof")
	if err != nil {
		return nil, err
	}
	if len(proofs) != 1 {
		return nil, invalid("the document must have one proof")
	}
	p := &linkedProof{document: proofs[0]}
	for name := range p.document {
		if !slices.Contains(proofMembers, name) {
			return nil, invalid("the proof says more than is understood")
		}
	}
	if p.kind, err = p.required("type"); err != nil {
		return nil, err
	}
	if !slices.Contains(kinds, p.kind) {
		return nil, invalid("the document's proof is of another type")
	}
	if said, err := p.text("proofPurpose"); err != nil || said != purpose {
		return nil, invalid("the proof was made for another purpose")
	}
	if p.keyID, err = p.required("verificationMethod"); err != nil {
		return nil, err
	}
	if p.created, err = p.date("created"); err != nil {
		return nil, err
	}
	return p, nil
}

// options is what of the proof the proof itself covers, under the document's
// contexts.
func (p *linkedProof) options(of document) (document, error) {
	o := p.without("proofValue")
	if own, there := p.document["@context"]; there && !same(own, of["@context"]) {
		return nil, invalid("the proof has contexts of its own")
	}
	o["@context"] = of["@context"]
	return o, nil
}

// same compares two lists of texts.
func same(a, b any) bool {
	left, err := document{"": a}.texts("")
	if err != nil {
		return false
	}
	right, err := document{"": b}.texts("")
	return err == nil && slices.Equal(left, right)
}

// began refuses a proof from the future.
func (p *linkedProof) began(at time.Time, skew time.Duration) error {
	if p.created.After(at.Add(skew)) {
		return verify.InPart(verify.PartTime, invalid("the proof is not valid yet"))
	}
	return nil
}

// signature decodes the proof's value: 64 bytes, multibase in base58 (VC Data
// Integrity, section 2.1).
func (p *linkedProof) signature() ([]byte, error) {
	s, err := p.required("proofValue")
	if err != nil {
		return nil, err
	}
	const longest = 90 // of 64 bytes in base58
	if s[0] != 'z' || len(s) > longest {
		return nil, invalid("the proof's value is no signature")
	}
	b, err := base58.Decode(s[1:])
	if err != nil || base58.Encode(b) != s[1:] {
		return nil, invalid("the proof's value is no signature")
	}
	return b, nil
}

// verified finishes a credential whose proof has been checked.
func (v *Verifier) verified(d document, model string, p *linkedProof, kind string, at time.Time) (*Verified, error) {
	c, err := readModel(d, model)
	if err != nil {
		return nil, err
	}
	if err := c.current(at, v.Skew); err != nil {
		return nil, err
	}
	if err := p.began(at, v.Skew); err != nil {
		return nil, err
	}
	c.Format = FormatLinked
	c.Proof = Proof{Type: kind, KeyID: p.keyID, Created: p.created}
	return c, nil
}
