package vc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hyperledger/aries-framework-go/pkg/crypto/tinkcrypto"
	"github.com/hyperledger/aries-framework-go/pkg/doc/signature/jsonld"
	"github.com/hyperledger/aries-framework-go/pkg/doc/signature/suite"
	"github.com/hyperledger/aries-framework-go/pkg/doc/signature/suite/bbsblssignature2020"
	"github.com/hyperledger/aries-framework-go/pkg/doc/signature/suite/bbsblssignatureproof2020"
	"github.com/hyperledger/aries-framework-go/pkg/doc/signature/verifier"
	"github.com/hyperledger/aries-framework-go/pkg/doc/verifiable"
	"github.com/hyperledger/aries-framework-go/pkg/kms"

	"github.com/secant-platform/secant/chaincode/verify"
)

const (
	typeBBS      = "BbsBlsSignature2020"
	typeBBSProof = "BbsBlsSignatureProof2020"
	blankNode    = "urn:bnid:" // begins what stands for a node without id in a part
	nobody       = "about:blank"
	minNonce     = 16 // bytes
	maxNonce     = 128
)

// BBSKeySize is that of a public key: a compressed point of G2, in bytes.
const BBSKeySize = 96

// BBSResolution is what the times of a BBS+ credential are cut to, so that many
// credentials share them: one says that it was issued some time within the hour.
const BBSResolution = time.Hour

// AnonymousNonce returns the nonce under which a holder proves a part of a BBS+
// credential. Such a proof has no place for an audience. So the nonce is made of
// the one that was asked with and of the audience, as the holder sees it: what was
// made for one verifier is worth nothing to another.
func AnonymousNonce(nonce, audience string) []byte {
	sum := sha256.Sum256([]byte("secant/anonymous/v1\x00" + audience + "\x00" + nonce))
	return sum[:]
}

// curve is held by whoever computes on BLS12-381. aries' arithmetic has its scratch
// space in package variables: two at once make signatures that do not verify, and
// refuse ones that do. Nothing in a process may use aries' BBS+ but through here.
var curve sync.Mutex

// BBSSigner signs with a key of BLS12-381 that lies in aries' key management.
type BBSSigner struct {
	crypto *tinkcrypto.Crypto
	handle any
	public []byte
}

// CreateBBS makes a key in the key management.
func CreateBBS(manager kms.KeyManager) (id string, s *BBSSigner, err error) {
	func() {
		curve.Lock()
		defer curve.Unlock()
		id, _, err = manager.Create(kms.BLS12381G2Type)
	}()
	if err != nil {
		return "", nil, fmt.Errorf("creating a BBS+ key: %w", err)
	}
	s, err = OpenBBS(manager, id)
	return id, s, err
}

// OpenBBS takes a key that the key management has under an id, of type
// kms.BLS12381G2Type.
func OpenBBS(manager kms.KeyManager, id string) (*BBSSigner, error) {
	public, kind, err := manager.ExportPubKeyBytes(id)
	if err != nil {
		return nil, fmt.Errorf("opening a BBS+ key: %w", err)
	}
	if kind != kms.BLS12381G2Type || len(public) != BBSKeySize {
		return nil, errors.New("opening a BBS+ key: it is of another type")
	}
	handle, err := manager.Get(id)
	if err != nil {
		return nil, fmt.Errorf("opening a BBS+ key: %w", err)
	}
	crypto, err := tinkcrypto.New()
	if err != nil {
		return nil, fmt.Errorf("opening a BBS+ key: %w", err)
	}
	return &BBSSigner{crypto, handle, public}, nil
}

// PublicKey returns the public key: 96 bytes, a compressed point of G2.
func (s *BBSSigner) PublicKey() []byte { return bytes.Clone(s.public) }

// Sign signs each line of a text, as aries' suite wants it.
func (s *BBSSigner) Sign(text []byte) ([]byte, error) {
	var lines [][]byte
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSuffix(line, []byte("\n")); len(bytes.TrimSpace(line)) > 0 {
			lines = append(lines, line)
		}
	}
	if len(lines) > maxStatements { // nobody would verify it
		return nil, errStatements
	}
	curve.Lock()
	defer curve.Unlock()
	signature, err := s.crypto.SignMulti(lines, s.handle)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return signature, nil
}

var errStatements = invalid("a BBS+ credential makes at most %d statements, its proof's own among them", maxStatements)

// alone has a verifier of aries' compute by itself.
type alone struct{ *verifier.PublicKeyVerifier }

// Verify checks one signature.
func (a alone) Verify(key *verifier.PublicKey, text, signature []byte) error {
	if countStatements(text) > maxStatements {
		return errStatements
	}
	curve.Lock()
	defer curve.Unlock()
	return a.PublicKeyVerifier.Verify(key, text, signature)
}

// Alg returns nothing: no JOSE algorithm is meant.
func (s *BBSSigner) Alg() string { return "" }

// IssueBBS makes a credential of the data model 1.1 with a BbsBlsSignature2020
// proof. It is for showings that cannot be linked. So it has no id, no holder and
// no status, all of which would show in each; instead it ends, and soon. Its times
// are cut to the hour, so that many credentials share them. Its claims are values
// and lists of values. All have the same id, about:blank: parts that aries derives
// verify only if there is one, which sorts before "urn:bnid:". Whoever has it can show it: it is bound to nobody.
func IssueBBS(contexts *Contexts, issuer *BBSSigner, c Credential) ([]byte, error) {
	if c.ID != "" || c.Holder != "" || c.Key != nil || len(c.Status) > 0 || len(c.Schemas) > 0 || len(c.More) > 0 || c.Expires.IsZero() {
		return nil, errors.New("issuing a BBS+ credential: it has no id, holder, status, schema or further member, and it ends")
	}
	c.Begins, c.Expires = c.begins().Truncate(BBSResolution), c.Expires.Truncate(BBSResolution)
	c.Issued = c.Issued.Truncate(BBSResolution)
	c.ID = nobody
	d, err := c.document(ContextV1, ContextBBS)
	if err != nil {
		return nil, err
	}
	subject, err := d.object("credentialSubject")
	if err != nil {
		return nil, err
	}
	if err := flat(subject); err != nil {
		return nil, fmt.Errorf("issuing a credential: %w", err)
	}
	if _, _, err := contexts.dataset(d); err != nil {
		return nil, fmt.Errorf("issuing a credential: %w", err)
	}
	model, err := d.aries(contexts)
	if err != nil {
		return nil, err
	}
	err = model.AddLinkedDataProof(&verifiable.LinkedDataProofContext{
		SignatureType: typeBBS, SignatureRepresentation: verifiable.SignatureProofValue,
		Suite:   bbsblssignature2020.New(suite.WithSigner(issuer), suite.WithCompactProof()),
		Created: whole(c.Issued), VerificationMethod: c.KeyID, Purpose: purposeAssertion,
	}, jsonld.WithDocumentLoader(contexts))
	if err != nil {
		return nil, fmt.Errorf("proving a credential: %w", err)
	}
	b, err := json.Marshal(model)
	if err != nil {
		return nil, fmt.Errorf("encoding a credential: %w", err)
	}
	return b, nil
}

// VerifyBBS checks a whole BBS+ credential, as its holder does who receives it.
func (v *Verifier) VerifyBBS(ctx context.Context, credential []byte, at time.Time) (*Verified, error) {
	d, p, public, err := v.readBBS(ctx, credential, typeBBS, at)
	if err != nil {
		return nil, err
	}
	s := bbsblssignature2020.New(suite.WithCompactProof(), suite.WithVerifier(alone{bbsblssignature2020.NewG2PublicKeyVerifier()}))
	if err := v.checkAries(credential, p.keyID, public, s); err != nil {
		return nil, err
	}
	c, err := v.verified(d, ContextV1, p, typeBBS, at)
	if err != nil {
		return nil, err
	}
	c.ID = named(c.ID)
	return c, nil
}

// readBBS reads a document with a BBS+ proof, and finds its issuer's key.
func (v *Verifier) readBBS(ctx context.Context, b []byte, kind string, at time.Time) (document, *linkedProof, *verifier.PublicKey, error) {
	d, err := parseDocument(b)
	if err != nil {
		return nil, nil, nil, err
	}
	issuer, p, err := readLinked(d, kind)
	if err == nil {
		err = v.covered(d, p)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if v.BBS == nil || !controls(issuer, p.keyID) {
		return nil, nil, nil, invalid("the proof's key is not that issuer's")
	}
	public, err := v.BBS(ctx, issuer, p.keyID, at)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(public) != BBSKeySize {
		return nil, nil, nil, invalid("the issuer's key is no BBS+ key")
	}
	return d, p, &verifier.PublicKey{Type: "Bls12381G2Key2020", Value: public}, nil
}

// Disclose makes of a BBS+ credential the part with some of its subject's claims,
// for a verifier who asks with a nonce of 16 to 128 bytes. Issuer, types and times
// are always in it. A credential that would show the same id each time is refused.
func (v *Verifier) Disclose(ctx context.Context, credential []byte, claims []string, nonce []byte, at time.Time) ([]byte, error) {
	if len(nonce) < minNonce || len(nonce) > maxNonce {
		return nil, invalid("a nonce has %d to %d bytes", minNonce, maxNonce)
	}
	c, err := v.VerifyBBS(ctx, credential, at)
	if err != nil {
		return nil, err
	}
	if c.ID != "" || c.Holder != "" {
		return nil, invalid("the credential has an id, which each showing would disclose")
	}
	subject := map[string]any{"@explicit": true}
	for _, name := range claims {
		claim, there := c.Subject[name]
		if !there {
			return nil, invalid("the credential has no such claim")
		}
		if err := flat(map[string]any{name: claim}); err != nil {
			return nil, err
		}
		subject[name] = map[string]any{}
	}
	if kind, there := c.Subject["type"]; there {
		subject["type"] = kind
	}
	frame := map[string]any{
		"@context": texts(c.Contexts), "type": texts(c.Types), "@explicit": true, "issuer": map[string]any{},
		"issuanceDate": map[string]any{}, "expirationDate": map[string]any{}, "credentialSubject": subject,
	}
	if c.Expires.IsZero() {
		delete(frame, "expirationDate")
	}
	return v.derive(ctx, credential, c, frame, nonce, at)
}

// flat refuses claims that hold objects: aries loses what stands in them when it
// derives a part.
func flat(claims map[string]any) error {
	for _, claim := range claims {
		list, ok := claim.([]any)
		if !ok {
			list = []any{claim}
		}
		for _, v := range list {
			switch v.(type) {
			case map[string]any, []any:
				return invalid("a claim that can be shown on its own is a value or a list of some")
			}
		}
	}
	return nil
}

func (v *Verifier) derive(ctx context.Context, credential []byte, c *Verified, frame map[string]any, nonce []byte, at time.Time) ([]byte, error) {
	public, err := v.BBS(ctx, c.Issuer, c.Proof.KeyID, at)
	if err != nil {
		return nil, err
	}
	options := []verifiable.CredentialOpt{
		verifiable.WithJSONLDDocumentLoader(v.Contexts), verifiable.WithCredDisableValidation(),
		verifiable.WithPublicKeyFetcher(verifiable.SingleKey(public, "Bls12381G2Key2020")),
	}
	model, err := verifiable.ParseCredential(credential, append(options, verifiable.WithDisabledProofCheck())...)
	if err != nil {
		return nil, fmt.Errorf("modelling a credential: %w", err)
	}
	shown, err := func() (*verifiable.Credential, error) {
		curve.Lock()
		defer curve.Unlock()
		return model.GenerateBBSSelectiveDisclosure(frame, nonce, options...)
	}()
	if err != nil {
		return nil, fmt.Errorf("deriving a proof: %w", err)
	}
	b, err := json.Marshal(shown)
	if err != nil {
		return nil, fmt.Errorf("encoding a part of a credential: %w", err)
	}
	if _, err := v.VerifyDisclosure(ctx, b, nonce, at); err != nil { // aries derives some that do not verify
		return nil, fmt.Errorf("deriving a proof: %w", err)
	}
	return b, nil
}

// VerifyDisclosure checks a part of a BBS+ credential. The nonce is the one with
// which this verifier asked, for this answer alone. The nonce that stands in the
// proof proves nothing: it must be the same.
func (v *Verifier) VerifyDisclosure(ctx context.Context, part, nonce []byte, at time.Time) (*Verified, error) {
	if len(nonce) < minNonce || len(nonce) > maxNonce {
		return nil, invalid("a nonce has %d to %d bytes", minNonce, maxNonce)
	}
	d, p, public, err := v.readBBS(ctx, part, typeBBSProof, at)
	if err != nil {
		return nil, err
	}
	said, err := p.required("nonce")
	if err != nil || subtle.ConstantTimeCompare([]byte(said), []byte(base64.StdEncoding.EncodeToString(nonce))) != 1 {
		return nil, verify.InPart(verify.PartBinding, invalid("the proof was made for another nonce"))
	}
	s := bbsblssignatureproof2020.New(suite.WithCompactProof(),
		suite.WithVerifier(partVerifier{alone{bbsblssignatureproof2020.NewG2PublicKeyVerifier(nonce)}}))
	if err := v.checkAries(part, p.keyID, public, s); err != nil {
		return nil, err
	}
	c, err := v.verified(d, ContextV1, p, typeBBSProof, at)
	if err != nil {
		return nil, err
	}
	c.Format = FormatDisclosed
	c.ID, c.Holder = named(c.ID), named(c.Holder)
	return c, nil
}

// named is an id that the issuer gave, and nothing for one that stands for none.
func named(id string) string {
	if id == nobody || strings.HasPrefix(id, blankNode) {
		return ""
	}
	return id
}
