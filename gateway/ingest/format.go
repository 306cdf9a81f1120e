package ingest

import (
	"fmt"
	"mime"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/phd"
	"github.com/secant-platform/secant/analytics/senml"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Media types that requests may have.
const (
	MediaJSON   = "application/json"      // one reading: a JSON value
	MediaFHIR   = "application/fhir+json" // one FHIR resource
	MediaHL7    = "application/hl7-v2"    // one HL7 v2 message
	MediaNDJSON = "application/x-ndjson"  // a reading a line, each a JSON object
	// Files, of which each is one record.
	MediaEDF  = "application/edf"                 // a recording: EDF, EDF+ or BDF
	MediaWFDB = "application/vnd.secant.wfdb+zip" // a WFDB record: its files in a ZIP archive
	MediaMDIB = "application/xml"                 // a snapshot of an SDC device

	MediaGATT  = "application/vnd.secant.gatt+json"     // one characteristic's value (analytics/phd)
	MediaGATTs = "application/vnd.secant.gatt+x-ndjson" // one a line
)

// Media types in which constrained devices send.
const (
	MediaCBOR      = "application/cbor"       // one reading: a CBOR item
	MediaSenML     = "application/senml+json" // one pack of measurements (RFC 8428)
	MediaSenMLCBOR = "application/senml+cbor" // one in CBOR
)

// EncodingZstd is the one content encoding that requests may have.
const EncodingZstd = "zstd"

// framing says how records lie in a body. Its values stand in the vault.
type framing byte

const (
	framedSingle framing = 1 // the whole body is one record
	framedLines  framing = 2 // a record ends before a line feed, or at the body's end
)

// format is how a request's media type is read.
type format struct {
	framing framing
	record  string // media type of a record
	object  bool   // a record must be a JSON object
	fhir    bool   // and must name its resourceType
	hl7     bool   // a record is an HL7 message, not JSON
	file    judge  // a record is a file, not JSON
	binary  bool   // a record is not JSON, nor text

	// read judges a record by what else its form asks for, or is nil. Its problem says
	// what is wrong.
	read func(record []byte) error

	boundary string // of a request in parts; the other fields are then those of its parts
}

var formats = map[string]format{
	MediaJSON:   {framing: framedSingle, record: MediaJSON},
	MediaFHIR:   {framing: framedSingle, record: MediaFHIR, object: true, fhir: true},
	MediaHL7:    {framing: framedSingle, record: MediaHL7, hl7: true},
	MediaNDJSON: {framing: framedLines, record: MediaJSON, object: true},
	MediaEDF:    {framing: framedSingle, record: MediaEDF, file: judgeEDF},
	MediaWFDB:   {framing: framedSingle, record: MediaWFDB, file: judgeWFDB},
	MediaMDIB:   {framing: framedSingle, record: MediaMDIB, file: judgeMDIB},

	MediaGATT:  {framing: framedSingle, record: MediaGATT, object: true, read: readGATT},
	MediaGATTs: {framing: framedLines, record: MediaGATT, object: true, read: readGATT},

	MediaCBOR:      {framing: framedSingle, record: MediaCBOR, binary: true, read: senml.Check},
	MediaSenML:     {framing: framedSingle, record: MediaSenML, read: readSenML},
	MediaSenMLCBOR: {framing: framedSingle, record: MediaSenMLCBOR, binary: true, read: readSenMLCBOR},
}

func readSenML(record []byte) error {
	_, err := senml.ReadJSON(record, time.Time{})
	return err //nolint:wrapcheck // a problem is passed on as it is
}

func readSenMLCBOR(record []byte) error {
	_, err := senml.ReadCBOR(record, time.Time{})
	return err //nolint:wrapcheck // a problem is passed on as it is
}

func readGATT(record []byte) error {
	_, err := phd.Read(record)
	return err //nolint:wrapcheck // a problem is passed on as it is
}

// parseMediaType finds the format for a Content-Type. Parameters other than a
// character set, and the boundary of a request in parts, mean nothing here; JSON is
// UTF-8 always.
func parseMediaType(contentType string) (format, error) {
	if boundary, mixed, err := boundaryOf(contentType); mixed {
		return format{boundary: boundary}, err
	}
	media, params, err := mime.ParseMediaType(contentType)
	f, known := formats[media]
	charset := params["charset"]
	if err != nil || !known || !f.hl7 && f.file == nil && charset != "" && !strings.EqualFold(charset, "utf-8") {
		return format{}, &ledger.Problem{
			Code:   ledger.CodeInvalid,
			Detail: "the media type of the readings is not one that is taken",
			Faults: []ledger.Fault{{Field: "Content-Type", Detail: fmt.Sprintf(
				"must be %s, %s, %s, %s, %s, or one of those that the interface lists; JSON is UTF-8", MediaJSON, MediaFHIR, MediaHL7, MediaNDJSON, MediaMixed)}},
		}
	}
	return f, nil
}

// parseEncoding reads a Content-Encoding: none, or zstd.
func parseEncoding(encoding string) (packed bool, err error) {
	switch strings.ToLower(encoding) {
	case "", "identity":
		return false, nil
	case EncodingZstd:
		return true, nil
	}
	return false, &ledger.Problem{
		Code:   ledger.CodeInvalid,
		Detail: "the content encoding is not one that is taken",
		Faults: []ledger.Fault{{Field: "Content-Encoding", Detail: "must be absent or " + EncodingZstd}},
	}
}

// nextRecord cuts the first record off a body. An NDJSON body may end with or
// without a line feed. A carriage return before it would belong to the record,
// and is refused: senders that write one do not mean to sign it.
func (f framing) nextRecord(body []byte) (record, rest []byte) {
	if f == framedLines {
		return cutLine(body)
	}
	return body, nil
}
