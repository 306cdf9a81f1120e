package fact

import (
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// DocumentKind says what a document is, and with it how its digest is made.
type DocumentKind string

// The kinds of document that a node keeps off the ledger.
const (
	DocumentSBOM       DocumentKind = "sbom"        // bill of materials of a release; ledger.BodyDigest of the bytes as received
	DocumentReport     DocumentKind = "report"      // body of a threat report; ledger.BodyDigest of the bytes
	DocumentSchema     DocumentKind = "schema"      // JSON Schema of a credential type; ledger.BodyDigest of the bytes
	DocumentCatalogue  DocumentKind = "catalogue"   // catalogue of controls; ledger.BodyDigest of the bytes
	DocumentAssessment DocumentKind = "assessment"  // results of an assessment by controls, canonical JSON; ledger.BodyDigest of the bytes
	DocumentRiskInputs DocumentKind = "risk-inputs" // inputs of a score, canonical JSON; ledger.Digest of kind "risk-inputs"
)

// Digest returns the digest under which a document of this kind is named on the
// ledger, in lower-case hexadecimal.
func (k DocumentKind) Digest(body []byte) string {
	if k == DocumentRiskInputs {
		return ledger.Digest("risk-inputs", body)
	}
	return ledger.BodyDigest(body)
}

// Document is a document that the ledger names by digest only.
type Document struct {
	Kind      DocumentKind
	Digest    string // as Kind.Digest makes it; the store refuses any other
	MediaType string
	Body      []byte
	Stored    time.Time // set by the store
}

// Fetch is a document that the ledger names and this node wants but does not
// hold: the body of another member's report, the bill of materials of a release
// that an own unit in service runs, or the schema of a credential type. A document that several members hold
// is wanted from each.
type Fetch struct {
	Kind      DocumentKind
	Digest    string
	MediaType string // as the ledger states it; empty when it does not
	Size      int64  // bytes as the ledger states them; 0 when it does not
	Holder    string // MSP id of the organisation whose node serves it
	Path      string // on the holder's node, escaped, beginning with "/v1/"
	Attempts  int    // failed so far
	Next      time.Time
}
