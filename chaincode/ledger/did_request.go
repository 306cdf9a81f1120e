package ledger

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Bounds on a DID's document.
const (
	MaxDIDMethods  = 16 // verification methods, and entries of one relationship
	MaxDIDServices = 16
	MaxDIDAliases  = 8
	MaxControlJWS  = 4 << 10 // bytes of a control signature
)

// TypeControlSignature is the "typ" of the header of a control signature.
const TypeControlSignature = "secant-control"

// Control is what a control signature is over: one change of one document, by one
// transaction of this ledger. The DID holds the network's name.
type Control struct {
	V         int    `json:"v"`
	Channel   string `json:"channel"`   // Fabric channel
	Chaincode string `json:"chaincode"` // ChaincodeName
	Function  string `json:"function"`  // transaction, spelled as in Names
	DID       string `json:"did"`
	Revision  int    `json:"revision"` // that the change makes
	Request   string `json:"request"`  // BodyDigest of the request, encoded by encoding/json, without its signature
}

// ControlRequest is a request that carries a control signature: a compact JWS
// (EdDSA or ES256) whose payload is exactly ControlPayload, whose "typ" is
// TypeControlSignature and whose "kid" is "<did>#<id>" of a key in the current
// document's capabilityInvocation. For the first document, and for a recovered
// one, it is a key of that document itself: so somebody holds it.
type ControlRequest interface {
	// ControlPayload returns the bytes to sign.
	ControlPayload(channel string) ([]byte, error)
}

func controlPayload(channel, function, did string, revision int, unsigned any) ([]byte, error) {
	request, err := json.Marshal(unsigned)
	if err != nil {
		return nil, fmt.Errorf("encoding a request to sign: %w", err)
	}
	b, err := json.Marshal(Control{
		V: 1, Channel: channel, Chaincode: ChaincodeName, Function: function,
		DID: did, Revision: revision, Request: BodyDigest(request),
	})
	if err != nil {
		return nil, fmt.Errorf("encoding what to sign: %w", err)
	}
	return b, nil
}

// CreateDID writes the first document of a DID that the caller's organisation
// controls.
type CreateDID struct {
	DID         string    `json:"did"`
	Keys        DIDKeys   `json:"keys"`
	Service     []Service `json:"service,omitempty" metadata:",optional"`
	AlsoKnownAs []string  `json:"alsoKnownAs,omitempty" metadata:",optional"`
	Signature   string    `json:"signature,omitempty" metadata:",optional"` // see ControlRequest; required
}

// Validate returns a Problem that lists every fault.
func (r *CreateDID) Validate() error {
	var c check
	c.did("did", r.DID)
	c.didKeys("keys", r.Keys)
	c.services("service", r.Service)
	c.aliases("alsoKnownAs", r.AlsoKnownAs)
	c.controlSignature(r.Signature)
	return c.problem("the DID")
}

// ControlPayload returns the bytes to sign.
func (r *CreateDID) ControlPayload(channel string) ([]byte, error) {
	unsigned := *r
	unsigned.Signature = ""
	return controlPayload(channel, IdentityCreateDID, r.DID, 1, unsigned)
}

// RotateKeys replaces the keys of a document and what they may do.
type RotateKeys struct {
	DID       string  `json:"did"`
	Keys      DIDKeys `json:"keys"`
	Revision  int     `json:"revision"`                                 // that this makes: the current one plus one
	Signature string  `json:"signature,omitempty" metadata:",optional"` // by a key of the current document, before this; required
}

// Validate returns a Problem that lists every fault.
func (r *RotateKeys) Validate() error {
	var c check
	c.did("did", r.DID)
	c.didKeys("keys", r.Keys)
	c.revision("revision", r.Revision)
	c.controlSignature(r.Signature)
	return c.problem("the rotation")
}

// ControlPayload returns the bytes to sign.
func (r *RotateKeys) ControlPayload(channel string) ([]byte, error) {
	unsigned := *r
	unsigned.Signature = ""
	return controlPayload(channel, IdentityRotateKeys, r.DID, r.Revision, unsigned)
}

// SetServices replaces the services and other names of a document.
type SetServices struct {
	DID         string    `json:"did"`
	Service     []Service `json:"service,omitempty" metadata:",optional"`
	AlsoKnownAs []string  `json:"alsoKnownAs,omitempty" metadata:",optional"`
	Revision    int       `json:"revision"`
	Signature   string    `json:"signature,omitempty" metadata:",optional"`
}

// Validate returns a Problem that lists every fault.
func (r *SetServices) Validate() error {
	var c check
	c.did("did", r.DID)
	c.services("service", r.Service)
	c.aliases("alsoKnownAs", r.AlsoKnownAs)
	c.revision("revision", r.Revision)
	c.controlSignature(r.Signature)
	return c.problem("the change of services")
}

// ControlPayload returns the bytes to sign.
func (r *SetServices) ControlPayload(channel string) ([]byte, error) {
	unsigned := *r
	unsigned.Signature = ""
	return controlPayload(channel, IdentitySetServices, r.DID, r.Revision, unsigned)
}

// DeactivateDID ends a DID for good.
type DeactivateDID struct {
	DID       string `json:"did"`
	Revision  int    `json:"revision"`
	Signature string `json:"signature,omitempty" metadata:",optional"`
}

// Validate returns a Problem that lists every fault.
func (r *DeactivateDID) Validate() error {
	var c check
	c.did("did", r.DID)
	c.revision("revision", r.Revision)
	c.controlSignature(r.Signature)
	return c.problem("the deactivation")
}

// ControlPayload returns the bytes to sign.
func (r *DeactivateDID) ControlPayload(channel string) ([]byte, error) {
	unsigned := *r
	unsigned.Signature = ""
	return controlPayload(channel, IdentityDeactivateDID, r.DID, r.Revision, unsigned)
}

// RecoverDID gives a DID whose keys are lost those that the members agreed to.
type RecoverDID struct {
	DID       string   `json:"did"`
	Keys      DIDKeys  `json:"keys"`
	Revision  int      `json:"revision"`
	Proposal  string   `json:"proposal"`                                 // of the kind recover_did
	Voters    []string `json:"voters,omitempty" metadata:",optional"`    // MSP ids of members that approved it, more than half of the roster
	Signature string   `json:"signature,omitempty" metadata:",optional"` // by the proposed key, one of Keys that may change the document; the voters are not signed
}

// Validate returns a Problem that lists every fault.
func (r *RecoverDID) Validate() error {
	var c check
	c.did("did", r.DID)
	c.didKeys("keys", r.Keys)
	c.revision("revision", r.Revision)
	c.digest("proposal", r.Proposal)
	c.voters(r.Voters)
	c.controlSignature(r.Signature)
	return c.problem("the recovery")
}

// ControlPayload returns the bytes to sign.
func (r *RecoverDID) ControlPayload(channel string) ([]byte, error) {
	unsigned := *r
	unsigned.Signature, unsigned.Voters = "", nil
	return controlPayload(channel, IdentityRecoverDID, r.DID, r.Revision, unsigned)
}

func (c *check) thumbprint(field, s string) {
	if _, ok := coordinate(s); !ok { // a digest is as long as a coordinate
		c.fail(field, "must be the RFC 7638 thumbprint of a key: 32 bytes in base64url without padding")
	}
}

func (c *check) did(field, s string) {
	if _, ok := ParseDID(s); !ok {
		c.fail(field, "must be a DID of this ledger: did:secant:<network>:<id>")
	}
}

func (c *check) controlSignature(s string) {
	if s == "" || len(s) > MaxControlJWS {
		c.fail("signature", "must be a compact JWS of at most %d bytes", MaxControlJWS)
	}
}

// fragment wants what can stand behind "#" in a DID URL.
func (c *check) fragment(field, s string) {
	if !isDIDPart(s, 64) {
		c.fail(field, "must be 1 to 64 characters of letters, digits and -._")
	}
}

// didKeys wants keys with ids of their own, relationships that name them, and at
// least one key that can change the document.
func (c *check) didKeys(field string, k DIDKeys) {
	if n := len(k.VerificationMethod); n < 1 || n > MaxDIDMethods {
		c.fail(field+".verificationMethod", "must be 1 to %d keys", MaxDIDMethods)
		return
	}
	ids, thumbs := map[string]bool{}, map[string]bool{}
	for i, m := range k.VerificationMethod {
		at := fmt.Sprintf("%s.verificationMethod[%d]", field, i)
		if c.fragment(at+".id", m.ID); ids[m.ID] {
			c.fail(at+".id", "is there twice")
		}
		c.oneOf(at+".type", m.Type, MethodJSONWebKey)
		if c.jwk(at+".publicKeyJwk", m.PublicKeyJWK); thumbs[m.PublicKeyJWK.Thumbprint()] {
			c.fail(at+".publicKeyJwk", "is there twice")
		}
		ids[m.ID], thumbs[m.PublicKeyJWK.Thumbprint()] = true, true
	}
	c.relationship(field+".authentication", k.Authentication, ids)
	c.relationship(field+".assertionMethod", k.AssertionMethod, ids)
	c.relationship(field+".capabilityInvocation", k.CapabilityInvocation, ids)
	if len(k.CapabilityInvocation) == 0 {
		c.fail(field+".capabilityInvocation", "must name at least one key, or nothing could change the document")
	}
}

func (c *check) relationship(field string, list []string, ids map[string]bool) {
	if len(list) > MaxDIDMethods {
		c.fail(field, "must name at most %d keys", MaxDIDMethods)
		return
	}
	seen := map[string]bool{}
	for i, id := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		switch {
		case !ids[id]:
			c.fail(at, "must be the id of one of the keys")
		case seen[id]:
			c.fail(at, "is named twice")
		}
		seen[id] = true
	}
}

func (c *check) services(field string, list []Service) {
	if len(list) > MaxDIDServices {
		c.fail(field, "must be at most %d services", MaxDIDServices)
		return
	}
	seen := map[string]bool{}
	for i, s := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		if c.fragment(at+".id", s.ID); seen[s.ID] {
			c.fail(at+".id", "is there twice")
		}
		seen[s.ID] = true
		c.fragment(at+".type", s.Type)
		if strings.Contains(s.ServiceEndpoint, "@") {
			c.fail(at+".serviceEndpoint", "must be an http or https address that holds no mailbox's")
		} else {
			c.httpURL(at+".serviceEndpoint", s.ServiceEndpoint)
		}
	}
}

// aliases wants DIDs and https addresses. Other names of a subject, such as an
// e-mail address, have no place on the ledger.
func (c *check) aliases(field string, list []string) {
	if len(list) > MaxDIDAliases {
		c.fail(field, "must be at most %d names", MaxDIDAliases)
		return
	}
	seen := map[string]bool{}
	for i, s := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		switch {
		case !isAlias(s):
			c.fail(at, "must be a DID of this ledger, did:web: and a host, or https:// and a host")
		case seen[s]:
			c.fail(at, "is there twice")
		}
		seen[s] = true
	}
}

// isAlias reports whether s can be another name of a DID's subject. Subjects are
// organisations, their issuers and devices, never persons, and the ledger forgets
// nothing: so a name has no room for a person's. It is a DID of this ledger, or a
// host by itself, without user, path, query and fragment.
func isAlias(s string) bool {
	if len(s) > MaxName {
		return false
	}
	if _, ok := ParseDID(s); ok {
		return true
	}
	for _, scheme := range []string{"did:web:", "https://"} {
		if host, ok := strings.CutPrefix(s, scheme); ok {
			return IsHost(host)
		}
	}
	return false
}

// IsHost reports whether s is a host's name in lower case (RFC 1123, section 2.1), in its one
// spelling: no port, no final dot.
func IsHost(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-') }) {
			return false
		}
	}
	return true
}
