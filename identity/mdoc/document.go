package mdoc

import (
	"math"

	"github.com/fxamacker/cbor/v2"

	"github.com/secant-platform/secant/chaincode/verify"
)

// version is of every structure that has one.
const version = "1.0"

// issuerSigned is what an issuer issues (ISO/IEC 18013-5, section 8.3.2.1.2.2).
type issuerSigned struct {
	NameSpaces map[string][]embedded `cbor:"nameSpaces,omitempty"` // of item
	IssuerAuth cbor.RawMessage       `cbor:"issuerAuth"`           // COSE_Sign1 over an embedded securityObject
}

// item is one element with the salt that hides it (same section).
type item struct {
	DigestID uint64          `cbor:"digestID"`
	Random   []byte          `cbor:"random"`
	Name     string          `cbor:"elementIdentifier"`
	Value    cbor.RawMessage `cbor:"elementValue"`
}

const minSalt = 16 // bytes: section 9.1.2.5

// securityObject is what the issuer signs (section 9.1.2.4).
type securityObject struct {
	Version   string                       `cbor:"version"`
	Algorithm string                       `cbor:"digestAlgorithm"`
	Digests   map[string]map[uint64][]byte `cbor:"valueDigests"`
	Device    deviceKeyInfo                `cbor:"deviceKeyInfo"`
	DocType   string                       `cbor:"docType"`
	Validity  validity                     `cbor:"validityInfo"`
	Status    cbor.RawMessage              `cbor:"status,omitempty"`
}

type deviceKeyInfo struct {
	Key coseKey `cbor:"deviceKey"`
}

type validity struct {
	Signed tdate `cbor:"signed"`
	From   tdate `cbor:"validFrom"`
	Until  tdate `cbor:"validUntil"`
}

// statusList is a place in a Token Status List (draft-ietf-oauth-status-list,
// section 6.3).
type statusList struct {
	Index uint64 `cbor:"idx"`
	URI   string `cbor:"uri"`
}

const statusListName = "status_list"

// status returns the credential's place in a Token Status List; nil when it has
// none. A status of another kind is refused, as nobody here could tell what it
// says.
func (o *securityObject) status() (*verify.StatusRef, error) {
	if o.Status == nil {
		return nil, nil //nolint:nilnil // no status is no error
	}
	var kinds map[string]cbor.RawMessage
	if err := decode(o.Status, &kinds, "the credential's status"); err != nil {
		return nil, err
	}
	raw, ok := kinds[statusListName]
	if !ok || len(kinds) != 1 {
		return nil, invalid("the credential has a status of another kind than a token status list")
	}
	var s statusList
	if err := decode(raw, &s, "the credential's status"); err != nil {
		return nil, err
	}
	if s.URI == "" || s.Index > math.MaxInt32 {
		return nil, invalid("the credential's status names no place in a list")
	}
	return &verify.StatusRef{URI: s.URI, Index: int(s.Index)}, nil
}

// deviceResponse is what a wallet answers (section 8.3.2.1.2.2).
type deviceResponse struct {
	Version        string          `cbor:"version"`
	Documents      []document      `cbor:"documents,omitempty"`
	DocumentErrors cbor.RawMessage `cbor:"documentErrors,omitempty"`
	Status         uint64          `cbor:"status"` // 0: as asked
}

type document struct {
	DocType      string          `cbor:"docType"`
	IssuerSigned issuerSigned    `cbor:"issuerSigned"`
	DeviceSigned deviceSigned    `cbor:"deviceSigned"`
	Errors       cbor.RawMessage `cbor:"errors,omitempty"`
}

type deviceSigned struct {
	NameSpaces embedded   `cbor:"nameSpaces"`
	Auth       deviceAuth `cbor:"deviceAuth"`
}

type deviceAuth struct {
	Signature cbor.RawMessage `cbor:"deviceSignature,omitempty"`
	MAC       cbor.RawMessage `cbor:"deviceMac,omitempty"`
}
