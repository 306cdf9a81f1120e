package statetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Network is the consortium's name, which Registration states.
const Network = "memory"

// DIDKey is a key of a DID's document, with its secret. It panics where a test
// could not go on.
type DIDKey struct {
	ID   string     // fragment of the key's URL
	JWK  ledger.JWK // the public key
	sign func(message []byte) []byte
	alg  string
}

// NewDIDKey makes an Ed25519 key from its id and a seed: asked twice it is the
// same.
func NewDIDKey(id, seed string) *DIDKey {
	sum := sha256.Sum256([]byte(id + "\x00" + seed))
	secret := ed25519.NewKeyFromSeed(sum[:])
	return newDIDKey(id, secret.Public(), "EdDSA", func(message []byte) []byte { return ed25519.Sign(secret, message) })
}

// NewP256Key makes a fresh P-256 key.
func NewP256Key(id string) *DIDKey {
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return newDIDKey(id, &secret.PublicKey, "ES256", func(message []byte) []byte {
		digest := sha256.Sum256(message)
		r, s, err := ecdsa.Sign(rand.Reader, secret, digest[:])
		if err != nil {
			panic(err)
		}
		signature := make([]byte, 64)
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		return signature
	})
}

func newDIDKey(id string, public crypto.PublicKey, alg string, sign func([]byte) []byte) *DIDKey {
	jwk, err := ledger.JWKOf(public)
	if err != nil {
		panic(err)
	}
	return &DIDKey{ID: id, JWK: jwk, alg: alg, sign: sign}
}

// JWS signs a payload as a compact JWS.
func (k *DIDKey) JWS(typ, kid string, payload []byte) string {
	return k.JWSWith(map[string]any{"typ": typ, "kid": kid}, payload)
}

// JWSWith signs a payload as a compact JWS under a header with the given members
// beside its algorithm.
func (k *DIDKey) JWSWith(members map[string]any, payload []byte) string {
	all := maps.Clone(members)
	all["alg"] = k.alg
	header, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	signed := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	return signed + "." + base64.RawURLEncoding.EncodeToString(k.sign([]byte(signed)))
}

// Control returns the control signature of a request about a DID, whose own
// signature must be empty.
func (k *DIDKey) Control(did string, req ledger.ControlRequest) string {
	payload, err := req.ControlPayload(Channel)
	if err != nil {
		panic(err)
	}
	return k.JWS(ledger.TypeControlSignature, did+"#"+k.ID, payload)
}

// DIDKeys lets each key do everything.
func DIDKeys(keys ...*DIDKey) ledger.DIDKeys {
	var out ledger.DIDKeys
	for _, k := range keys {
		out.VerificationMethod = append(out.VerificationMethod, ledger.VerificationMethod{
			ID: k.ID, Type: ledger.MethodJSONWebKey, PublicKeyJWK: k.JWK,
		})
		out.Authentication = append(out.Authentication, k.ID)
		out.AssertionMethod = append(out.AssertionMethod, k.ID)
		out.CapabilityInvocation = append(out.CapabilityInvocation, k.ID)
	}
	return out
}

// Creation returns a signed request for the first document of a DID, with one
// key that may do everything.
func Creation(did string, key *DIDKey) ledger.CreateDID {
	req := ledger.CreateDID{DID: did, Keys: DIDKeys(key)}
	req.Signature = key.Control(did, &req)
	return req
}

// CreateIssuer gives an organisation of a seeded ledger an issuer with that label
// and that key, and returns the issuer's DID.
func (l *Ledger) CreateIssuer(org, label string, key *DIDKey) (string, error) {
	did := ledger.IssuerDID(Network, org, label)
	return did, l.Submit(l.Client(org, ledger.RoleRegistrar), ledger.IdentityCreateDID, Creation(did, key), nil)
}

// Accept has the members of a seeded ledger accept an issuer for a credential
// type, whose schema it publishes when it has none.
func (l *Ledger) Accept(issuer, credentialType string) error {
	const version = "1.0.0" // of every type of the nodes' catalogue
	registrar := l.Client(l.members[0], ledger.RoleRegistrar)
	err := l.Submit(registrar, ledger.IdentityPublishSchema, ledger.PublishSchema{
		CredentialType: credentialType, Version: version, Digest: ledger.Digest("sample-schema", []byte(credentialType)),
	}, nil)
	if err != nil && ledger.CodeOf(err) != ledger.CodeAlreadyExists {
		return fmt.Errorf("publishing a schema: %w", err)
	}
	return l.Carry(ledger.Propose{
		Kind: ledger.ProposeAcceptIssuer, Reason: "a sample",
		Subject: ledger.ProposalSubject{Issuer: issuer, CredentialType: credentialType, Schema: version},
	})
}

// Carry has the members of a seeded ledger carry a proposal of the contract
// "identity" and enact it.
func (l *Ledger) Carry(p ledger.Propose) error {
	proposal, voters, err := l.Approve(p)
	if err != nil {
		return err
	}
	enact := ledger.Enact{Proposal: proposal, Voters: voters}
	if err := l.Submit(l.Client(voters[0], ledger.RoleRegistrar), ledger.IdentityEnact, enact, nil); err != nil {
		return fmt.Errorf("enacting: %w", err)
	}
	return nil
}

// Approve has just enough members of a seeded ledger approve a proposal. It returns
// the proposal's id and who voted, as whoever enacts it must name them.
func (l *Ledger) Approve(p ledger.Propose) (proposal string, voters []string, err error) {
	var made ledger.Proposal
	if err := l.Submit(l.Client(l.members[0], ledger.RoleRegistrar), ledger.IdentityPropose, p, &made); err != nil {
		return "", nil, fmt.Errorf("proposing: %w", err)
	}
	voters, err = l.carry(made.ID)
	return made.ID, voters, err
}

// ApproveChange proposes a change of a vocabulary and has a majority vote for it.
func (l *Ledger) ApproveChange(c ledger.ProposeChange) (proposal string, voters []string, err error) {
	var made ledger.VocabularyChangeView
	if err := l.Submit(l.Client(l.members[0], ledger.RoleSharer), ledger.TaxonomyPropose, c, &made); err != nil {
		return "", nil, fmt.Errorf("proposing: %w", err)
	}
	voters, err = l.carry(made.Change.Proposal)
	return made.Change.Proposal, voters, err
}

// carry has a majority vote for a proposal.
func (l *Ledger) carry(proposal string) ([]string, error) {
	voters := l.members[:len(l.members)/2+1]
	for _, org := range voters {
		vote := ledger.CastVote{Proposal: proposal, Approve: true}
		if err := l.Submit(l.Client(org, ledger.RoleRegistrar), ledger.IdentityVote, vote, nil); err != nil {
			return nil, fmt.Errorf("voting: %w", err)
		}
	}
	return voters, nil
}
