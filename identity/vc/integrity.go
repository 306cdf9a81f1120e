package vc

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mr-tron/base58"

	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

const typeIntegrity = "DataIntegrityProof"

// suites are the cryptosuites, of which a key has one: EdDSA Cryptosuites 1.0,
// section 3.2, and ECDSA Cryptosuites 1.0, section 3.2.
var suites = map[string]string{verify.AlgEdDSA: "eddsa-rdfc-2022", verify.AlgES256: "ecdsa-rdfc-2019"}

// Issue makes a credential of the data model 2.0 with a Data Integrity proof.
func Issue(contexts *Contexts, issuer keys.Signer, c Credential) ([]byte, error) {
	d, err := c.document(ContextV2, "")
	if err != nil {
		return nil, err
	}
	err = contexts.sign(d, issuer, map[string]any{
		"type": typeIntegrity, "created": stamp(c.Issued), "verificationMethod": c.KeyID, "proofPurpose": purposeAssertion,
	})
	if err != nil {
		return nil, fmt.Errorf("issuing a credential: %w", err)
	}
	return json.Marshal(d)
}

// sign adds a proof to a document (VC Data Integrity, section 4.2), a Data Integrity
// proof if it is of that type.
func (c *Contexts) sign(d document, s keys.Signer, proof document) error {
	if proof["type"] == typeIntegrity {
		proof["cryptosuite"] = suites[keys.Algorithm(s)]
	}
	p := &linkedProof{document: proof}
	message, err := c.integrity(d, p)
	if err != nil {
		return err
	}
	signature, err := s.Sign(message)
	if err != nil {
		return err
	}
	proof["proofValue"] = "z" + base58.Encode(signature)
	d["proof"] = map[string]any(proof)
	return nil
}

// integrity is what a proof signs: the digest of its own options, then that of the
// document without it (EdDSA Cryptosuites 1.0, section 3.2.4). For an
// Ed25519Signature2020 it is the same.
func (c *Contexts) integrity(d document, p *linkedProof) ([]byte, error) {
	options, err := p.options(d)
	if err != nil {
		return nil, err
	}
	first, err := c.digest(options)
	if err != nil {
		return nil, err
	}
	second, err := c.digest(d.without("proof"))
	if err != nil {
		return nil, err
	}
	return append(first, second...), nil
}

// Signed returns what the Data Integrity proof of a credential of the data model 2.0
// is over, 64 bytes, and its issuer by its own words. Nothing of it is verified.
func (c *Contexts) Signed(credential []byte) (issuer string, message []byte, err error) {
	d, err := parseDocument(credential)
	if err != nil {
		return "", nil, err
	}
	if _, err := d.contexts(ContextV2); err != nil {
		return "", nil, err
	}
	if issuer, err = d.issuer(); err != nil {
		return "", nil, err
	}
	p, err := readProof(d, purposeAssertion, typeIntegrity)
	if err != nil {
		return "", nil, err
	}
	message, err = c.integrity(d, p)
	return issuer, message, err
}

// Verify checks a credential of the data model 2.0 with a Data Integrity proof.
func (v *Verifier) Verify(ctx context.Context, credential []byte, at time.Time) (*Verified, error) {
	d, err := parseDocument(credential)
	if err != nil {
		return nil, err
	}
	return v.verifyIntegrity(ctx, d, at)
}

func (v *Verifier) verifyIntegrity(ctx context.Context, d document, at time.Time) (*Verified, error) {
	if _, err := d.contexts(ContextV2); err != nil {
		return nil, err
	}
	issuer, err := d.issuer()
	if err != nil {
		return nil, err
	}
	p, err := readProof(d, purposeAssertion, typeIntegrity)
	if err != nil {
		return nil, err
	}
	key, err := find(ctx, v.Issuers, issuer, p.keyID, at)
	if err != nil {
		return nil, err
	}
	if err := v.checkIntegrity(d, p, key); err != nil {
		return nil, err
	}
	return v.verified(d, ContextV2, p, suites[key.Algorithm()], at)
}

// suiteOf is the cryptosuite that a proof of a type has under a key of an algorithm.
func suiteOf(kind, algorithm string) (string, bool) {
	if kind == typeIntegrity {
		return suites[algorithm], true
	}
	return "", algorithm == verify.AlgEdDSA
}

// checkIntegrity checks a proof under a key, which decides the cryptosuite (VC Data
// Integrity, section 4.4).
func (v *Verifier) checkIntegrity(d document, p *linkedProof, key *verify.Key) error {
	want, fits := suiteOf(p.kind, key.Algorithm())
	if suite, err := p.text("cryptosuite"); err != nil || !fits || suite != want {
		return verify.InPart(verify.PartSignature, invalid("the proof's cryptosuite is not its key's"))
	}
	signature, err := p.signature()
	if err != nil {
		return err
	}
	message, err := v.Contexts.integrity(d, p)
	if err != nil {
		return err
	}
	if !key.Verify(message, signature) {
		return verify.InPart(verify.PartSignature, invalid("the document is not signed by the expected key"))
	}
	return nil
}
