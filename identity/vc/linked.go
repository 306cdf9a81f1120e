package vc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/aries-framework-go/pkg/doc/signature/jsonld"
	ariesproof "github.com/hyperledger/aries-framework-go/pkg/doc/signature/proof"
	aries "github.com/hyperledger/aries-framework-go/pkg/doc/signature/signer"
	"github.com/hyperledger/aries-framework-go/pkg/doc/signature/suite"
	"github.com/hyperledger/aries-framework-go/pkg/doc/signature/suite/ed25519signature2020"
	"github.com/hyperledger/aries-framework-go/pkg/doc/signature/verifier"
	"github.com/hyperledger/aries-framework-go/pkg/doc/verifiable"

	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

const typeEd25519 = "Ed25519Signature2020"

// signer is a key of ours as aries' suites take one.
type signer struct{ keys.Signer }

// Alg returns the JOSE algorithm.
func (s signer) Alg() string { return keys.Algorithm(s.Signer) }

// IssueLinked makes a credential of the data model 1.1 with an
// Ed25519Signature2020 proof, by aries. The issuer's key is of Ed25519.
func IssueLinked(contexts *Contexts, issuer keys.Signer, c Credential) ([]byte, error) {
	if keys.Algorithm(issuer) != verify.AlgEdDSA {
		return nil, errors.New("issuing a credential: Ed25519Signature2020 needs a key of Ed25519")
	}
	d, err := c.document(ContextV1, ContextEd25519)
	if err != nil {
		return nil, err
	}
	if _, _, err := contexts.dataset(d); err != nil {
		return nil, fmt.Errorf("issuing a credential: %w", err)
	}
	unsigned, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encoding a credential: %w", err)
	}
	// aries' model of a credential has one status, and ours may have several: it signs
	// the document as it stands.
	signed, err := aries.New(ed25519signature2020.New(suite.WithSigner(signer{issuer}))).Sign(&aries.Context{
		SignatureType: typeEd25519, SignatureRepresentation: ariesproof.SignatureProofValue,
		Created: whole(c.Issued), VerificationMethod: c.KeyID, Purpose: purposeAssertion,
	}, unsigned, jsonld.WithDocumentLoader(contexts))
	if err != nil {
		return nil, fmt.Errorf("proving a credential: %w", err)
	}
	return withOneProof(signed)
}

// withOneProof is a document whose one proof stands in no list, as others write it.
func withOneProof(b []byte) ([]byte, error) {
	d, err := parseDocument(b)
	if err != nil {
		return nil, fmt.Errorf("proving a credential: %w", err)
	}
	proofs, err := d.objects("proof")
	if err != nil || len(proofs) != 1 {
		return nil, errors.New("proving a credential: there is another number of proofs than one")
	}
	d["proof"] = proofs[0]
	if b, err = json.Marshal(d); err != nil {
		return nil, fmt.Errorf("encoding a credential: %w", err)
	}
	return b, nil
}

// whole is a time that is written without fractions.
func whole(t time.Time) *time.Time {
	t = t.UTC().Truncate(time.Second)
	return &t
}

// VerifyLinked checks a credential of the data model 1.1 with an
// Ed25519Signature2020 proof. Its statements are found once: those that the proof
// must cover are those under which the signature is checked.
func (v *Verifier) VerifyLinked(ctx context.Context, credential []byte, at time.Time) (*Verified, error) {
	d, err := parseDocument(credential)
	if err != nil {
		return nil, err
	}
	return v.verifyLinked(ctx, d, at)
}

func (v *Verifier) verifyLinked(ctx context.Context, d document, at time.Time) (*Verified, error) {
	issuer, p, err := readLinked(d, typeEd25519)
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
	return v.verified(d, ContextV1, p, typeEd25519, at)
}

// readLinked reads a credential of the data model 1.1 as far as its proof.
func readLinked(d document, kinds ...string) (issuer string, p *linkedProof, err error) {
	if _, err := d.contexts(ContextV1); err != nil {
		return "", nil, err
	}
	if issuer, err = d.issuer(); err != nil {
		return "", nil, err
	}
	if p, err = readProof(d, purposeAssertion, kinds...); err != nil {
		return "", nil, err
	}
	if p.created.IsZero() {
		return "", nil, invalid("the proof does not say when it was made")
	}
	return issuer, p, nil
}

// covered makes sure that a proof can cover a document and itself, for those that
// aries checks.
func (v *Verifier) covered(d document, p *linkedProof) error {
	options, err := p.options(d)
	if err != nil {
		return err
	}
	for _, part := range []document{options, d.without("proof")} {
		if _, _, err := v.Contexts.dataset(part); err != nil {
			return err
		}
	}
	return nil
}

// checkAries has aries check a proof by one suite under one key.
func (v *Verifier) checkAries(credential []byte, keyID string, key *verifier.PublicKey, s verifier.SignatureSuite) error {
	_, err := verifiable.ParseCredential(credential,
		verifiable.WithCredDisableValidation(), // done already, more strictly
		verifiable.WithJSONLDDocumentLoader(v.Contexts),
		verifiable.WithEmbeddedSignatureSuites(s),
		verifiable.WithPublicKeyFetcher(func(party, fragment string) (*verifier.PublicKey, error) {
			if party+fragment != keyID {
				return nil, errors.New("another key was asked for")
			}
			return key, nil
		}))
	if err != nil { // not wrapped: it may repeat the document
		return verify.InPart(verify.PartSignature, invalid("the document is not signed by the expected key"))
	}
	return nil
}
