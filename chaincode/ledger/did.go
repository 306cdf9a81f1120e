package ledger

import (
	"strings"
	"time"
)

// The kinds of subject that a DID of the ledger has.
const (
	DIDOrganisation = "organisation" // a member
	DIDIssuer       = "issuer"       // one of a member's issuers
	DIDDevice       = "device"       // a unit
)

// didMethod begins every DID of the ledger.
const didMethod = "did:secant:"

// DIDName is a DID of the ledger taken apart: "did:secant:<network>:<id>", where
// id is an MSP id (organisation), an MSP id, ":" and a label (issuer), or a
// unit's id (device).
type DIDName struct {
	Network string
	Kind    string // DIDOrganisation, DIDIssuer or DIDDevice
	Org     string // MSP id; empty for a device
	Label   string // of an issuer
	Unit    string // id of a device
}

// OrganisationDID returns the DID of a member.
func OrganisationDID(network, org string) string { return didMethod + network + ":" + org }

// IssuerDID returns the DID of one of a member's issuers.
func IssuerDID(network, org, label string) string {
	return didMethod + network + ":" + org + ":" + label
}

// DeviceDID returns the DID of a unit.
func DeviceDID(network, unit string) string { return didMethod + network + ":" + unit }

// Bounds on the parts of a DID.
const (
	MaxNetworkName = 32
	MaxDIDLabel    = 32
)

// ParseDID takes a DID of the ledger apart, and reports false for any other text.
// Each DID has one spelling (DID Core, section 3.1, without percent signs). Sixty-four
// lower-case hexadecimal digits are always a unit's id: an organisation of
// such a name has no DID.
func ParseDID(s string) (DIDName, bool) {
	rest, ok := strings.CutPrefix(s, didMethod)
	if !ok {
		return DIDName{}, false
	}
	parts := strings.Split(rest, ":")
	if !IsNetworkName(parts[0]) {
		return DIDName{}, false
	}
	d := DIDName{Network: parts[0]}
	switch {
	case len(parts) == 2 && isDigest(parts[1]):
		d.Kind, d.Unit = DIDDevice, parts[1]
	case len(parts) == 2 && isDIDPart(parts[1], 64):
		d.Kind, d.Org = DIDOrganisation, parts[1]
	case len(parts) == 3 && isDIDPart(parts[1], 64) && !isDigest(parts[1]) && isDIDPart(parts[2], MaxDIDLabel):
		d.Kind, d.Org, d.Label = DIDIssuer, parts[1], parts[2]
	default:
		return DIDName{}, false
	}
	return d, true
}

// String returns the DID.
func (d DIDName) String() string {
	switch d.Kind {
	case DIDDevice:
		return DeviceDID(d.Network, d.Unit)
	case DIDIssuer:
		return IssuerDID(d.Network, d.Org, d.Label)
	}
	return OrganisationDID(d.Network, d.Org)
}

// IsNetworkName reports whether s can be a consortium's name: 1 to MaxNetworkName
// lower-case letters, digits and hyphens, with a letter first.
func IsNetworkName(s string) bool {
	return s != "" && len(s) <= MaxNetworkName && s[0] >= 'a' && s[0] <= 'z' &&
		!strings.ContainsFunc(s, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
		})
}

// isDIDPart wants 1 to limit characters of DID Core's idchar, without "%".
func isDIDPart(s string, limit int) bool {
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._", r))
	})
}

func isDigest(s string) bool {
	var c check
	c.digest("", s)
	return len(c.faults) == 0
}

// MethodJSONWebKey is the one type of verification method (VC JSON Web Key 2020's
// successor, W3C Controlled Identifiers 1.0, section 2.2.3).
const MethodJSONWebKey = "JsonWebKey"

// VerificationMethod is one public key of a document.
type VerificationMethod struct {
	ID           string `json:"id"`   // fragment of its URL, without "#"
	Type         string `json:"type"` // MethodJSONWebKey
	PublicKeyJWK JWK    `json:"publicKeyJwk"`
}

// Service is a place where a DID's subject answers.
type Service struct {
	ID              string `json:"id"` // fragment of its URL, without "#"
	Type            string `json:"type"`
	ServiceEndpoint string `json:"serviceEndpoint"` // http or https address
}

// DIDKeys are a document's keys and what each may do, by the names of DID Core 1.0,
// section 5.3. The relationships hold ids of verification methods.
type DIDKeys struct {
	VerificationMethod   []VerificationMethod `json:"verificationMethod,omitempty" metadata:",optional"`
	Authentication       []string             `json:"authentication,omitempty" metadata:",optional"`
	AssertionMethod      []string             `json:"assertionMethod,omitempty" metadata:",optional"`      // may sign credentials and releases
	CapabilityInvocation []string             `json:"capabilityInvocation,omitempty" metadata:",optional"` // may change the document
}

// DID is the current document of a DID, or one of its versions.
type DID struct {
	V            int       `json:"v"`
	ID           string    `json:"id"`           // the DID
	Kind         string    `json:"kind"`         // DIDOrganisation, DIDIssuer or DIDDevice
	Organisation string    `json:"organisation"` // MSP id of the member that wrote this version
	Keys         DIDKeys   `json:"keys"`         // none once it is deactivated
	Service      []Service `json:"service,omitempty" metadata:",optional"`
	AlsoKnownAs  []string  `json:"alsoKnownAs,omitempty" metadata:",optional"` // other DIDs and https hosts of the subject
	Created      time.Time `json:"created"`
	Updated      time.Time `json:"updated"`
	Revision     int       `json:"revision"`    // 1 for the first, one more with each change
	Deactivated  bool      `json:"deactivated"` // for good
}

// Key returns the record's key.
func (d *DID) Key() Key { return DIDKey(d.ID) }

// DIDKey returns the key of a DID's current document.
func DIDKey(did string) Key { return Key{TypeDID, []string{did}} }

// Method returns the public key with that id if the relationship, one of the
// document's, names it.
func (k *DIDKeys) Method(relationship []string, id string) (JWK, bool) {
	for _, named := range relationship {
		if named != id {
			continue
		}
		for _, m := range k.VerificationMethod {
			if m.ID == id {
				return m.PublicKeyJWK, true
			}
		}
	}
	return JWK{}, false
}

// DIDVersion is one version of a document, with the signature that made it: it
// verifies under a capabilityInvocation key of the version before; that of the
// first version, and of one that the members recovered, under one of its own.
type DIDVersion struct {
	V        int    `json:"v"`
	Document DID    `json:"document"`
	Proof    string `json:"proof"` // compact JWS; see ControlPayload
	Tx       string `json:"tx"`
}

// Key returns the record's key.
func (d *DIDVersion) Key() Key { return DIDVersionKey(d.Document.ID, d.Document.Revision) }

// DIDVersionKey returns the key of a version of a document.
func DIDVersionKey(did string, revision int) Key {
	return Key{TypeDIDVersion, []string{did, RevisionPart(revision)}}
}

// ResolveDID asks for a document.
type ResolveDID struct {
	DID      string `json:"did"`
	Revision int    `json:"revision,omitempty" metadata:",optional"` // 0: the current one
}

// DIDResolution is a version of a document, and which is the current one.
type DIDResolution struct {
	Version DIDVersion `json:"version"`
	Current int        `json:"current"` // revision of the newest version
	Ended   bool       `json:"ended"`   // the DID is deactivated, whichever version was asked for
}

// DIDPage is one page of current documents, by DID.
type DIDPage struct {
	Items []DID  `json:"items"`
	Next  string `json:"next"`
}
