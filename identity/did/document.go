package did

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// The contexts of a document that is also read as JSON-LD.
const (
	contextDID     = "https://www.w3.org/ns/did/v1"
	contextJWK     = "https://w3id.org/security/jwk/v1"             // Controlled Identifiers 1.0, section 2.2.3
	contextJWK2020 = "https://w3id.org/security/suites/jws-2020/v1" // what did:jwk prescribes
	contextBBS     = "https://w3id.org/security/bbs/v1"             // with keys for BBS+ signatures
	typeJWK        = ledger.MethodJSONWebKey                        // with publicKeyJwk
	typeJWK2020    = "JsonWebKey2020"                               // the same, before it was standardised
	typeMultikey   = "Multikey"                                     // with publicKeyMultibase: Controlled Identifiers 1.0, section 2.2.2
	typeEd2020     = "Ed25519VerificationKey2020"                   // the same
)

// The relationships between a subject and its keys (DID Core 1.0, section 5.3).
const (
	Authentication       = "authentication"
	AssertionMethod      = "assertionMethod"
	KeyAgreement         = "keyAgreement"
	CapabilityInvocation = "capabilityInvocation"
	CapabilityDelegation = "capabilityDelegation"
)

// Document is a DID document (DID Core 1.0, section 5) with every id absolute and
// every key under verificationMethod. Documents that a resolver answers are
// shared, and must not be changed.
type Document struct {
	Context              []string             `json:"@context,omitempty"`
	ID                   string               `json:"id"` // the DID
	AlsoKnownAs          []string             `json:"alsoKnownAs,omitempty"`
	Controller           []string             `json:"controller,omitempty"`
	VerificationMethod   []VerificationMethod `json:"verificationMethod,omitempty"`
	Authentication       []string             `json:"authentication,omitempty"` // the relationships hold ids of verification methods
	AssertionMethod      []string             `json:"assertionMethod,omitempty"`
	KeyAgreement         []string             `json:"keyAgreement,omitempty"`
	CapabilityInvocation []string             `json:"capabilityInvocation,omitempty"`
	CapabilityDelegation []string             `json:"capabilityDelegation,omitempty"`
	Service              []Service            `json:"service,omitempty"`
}

// VerificationMethod is one public key of a document. It has one of the members that
// hold keys.
type VerificationMethod struct {
	ID                 string          `json:"id"` // DID URL
	Type               string          `json:"type"`
	Controller         string          `json:"controller"` // DID
	PublicKeyJWK       json.RawMessage `json:"publicKeyJwk,omitempty"`
	PublicKeyMultibase string          `json:"publicKeyMultibase,omitempty"`
	PublicKeyBase58    string          `json:"publicKeyBase58,omitempty"` // of keys for BBS+ signatures alone
}

// Service is a place where the subject answers.
type Service struct {
	ID              string          `json:"id"`
	Type            string          `json:"type"`
	ServiceEndpoint json.RawMessage `json:"serviceEndpoint"` // text, object or list: DID Core 1.0, section 5.4
}

// named returns the keys that a relationship names.
func (d *Document) named(relationship string) *[]string {
	switch relationship {
	case Authentication:
		return &d.Authentication
	case AssertionMethod:
		return &d.AssertionMethod
	case KeyAgreement:
		return &d.KeyAgreement
	case CapabilityInvocation:
		return &d.CapabilityInvocation
	case CapabilityDelegation:
		return &d.CapabilityDelegation
	}
	return nil
}

// relationships lists those of DID Core.
var relationships = []string{Authentication, AssertionMethod, KeyAgreement, CapabilityInvocation, CapabilityDelegation}

// Key returns the signing key that kid names exactly, if the relationship names
// it: a DID URL of this document, or "#" and its fragment alone. The key must be
// the subject's own, and of Ed25519 or P-256. Problems: invalid, not_found.
func (d *Document) Key(relationship, kid string) (ledger.JWK, error) {
	named := d.named(relationship)
	if named == nil || relationship == KeyAgreement {
		return ledger.JWK{}, ledger.Problemf(ledger.CodeInvalid, "a key signs under one of the relationships of DID Core but %s", KeyAgreement)
	}
	if strings.HasPrefix(kid, "#") {
		kid = d.ID + kid
	}
	if did, fragment, ok := strings.Cut(kid, "#"); !ok || did != d.ID || fragment == "" || !slices.Contains(*named, kid) {
		return ledger.JWK{}, errNoKey
	}
	for i := range d.VerificationMethod {
		if m := &d.VerificationMethod[i]; m.ID == kid {
			if m.Controller != d.ID {
				return ledger.JWK{}, errNoKey
			}
			return m.JWK()
		}
	}
	return ledger.JWK{}, errNoKey
}

var errNoKey = ledger.Problemf(ledger.CodeNotFound, "the issuer's document names no such key for that")

// documentOf makes the document of a DID that is a key, or has one only.
func documentOf(did, fragment, context, kind string, jwk json.RawMessage) *Document {
	id := did + "#" + fragment
	list := []string{id}
	return &Document{
		Context: []string{contextDID, context}, ID: did,
		VerificationMethod: []VerificationMethod{{ID: id, Type: kind, Controller: did, PublicKeyJWK: jwk}},
		Authentication:     list, AssertionMethod: list, CapabilityInvocation: list, CapabilityDelegation: list,
	}
}
