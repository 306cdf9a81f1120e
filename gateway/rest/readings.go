package rest

import (
	"context"
	"crypto/ed25519"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/admit"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
)

// Readings accepts readings and reads them back.
type Readings interface {
	Submit(ctx context.Context, r *Submission) (*Receipt, error)
	Receipt(ctx context.Context, id proof.RequestID) (*Receipt, error)
	Record(ctx context.Context, id proof.RequestID, index int) (record []byte, mediaType string, err error)
	ProofParts(ctx context.Context, id proof.RequestID, index int) (*ProofParts, error)
	Erase(ctx context.Context, id proof.RequestID) error
	EraseSubject(ctx context.Context, id pseudonym.ID) (ErasedSubject, error)
}

// Devices decides which devices may hand in readings here, and finds the key under
// which one signs.
type Devices interface {
	Admit(ctx context.Context, unit proof.Hash, signed bool) (ed25519.PublicKey, error)
	// AdmitEdge finds the key of an edge box that may speak for a device.
	AdmitEdge(ctx context.Context, edge, unit proof.Hash) (ed25519.PublicKey, error)
}

// Named finds a device that may hand in readings here by what one of its sources calls
// it. It fails with not_found, and denied.
type Named interface {
	Find(ctx context.Context, source, name string) (proof.Hash, error)
}

// Submission is readings as they arrive: of one device, about one person, or in parts
// about several.
type Submission struct {
	Unit      proof.Hash
	Edge      proof.Hash        // the edge box that signs for it; zero without one
	Key       ed25519.PublicKey // of the device or the edge box; nil when only the node vouches
	Seed      proof.Seed        // zero without a key
	Signature proof.Signature   // zero without a key
	Sequence  proof.Sequence    // as the sender says; signed with a key
	Subject   pseudonym.ID      // whom they are about; empty when that is not said, or said in parts
	MediaType string
	Encoding  string // as in Content-Encoding
	Once      []byte // a name without a key, under which it is taken once; none: each time anew
	Body      io.Reader
}

// Receipt says what was taken, and that it is durable and in the log.
type Receipt struct {
	ID        proof.RequestID `json:"id" doc:"32 hexadecimal digits."`
	Unit      proof.Hash      `json:"unit" doc:"The device, 64 hexadecimal digits."`
	Count     int             `json:"count" doc:"Records that were taken."`
	Root      proof.Hash      `json:"root" doc:"RFC 6962 root over their salted leaves, 64 hexadecimal digits."`
	VouchedBy proof.Voucher   `json:"vouchedBy" enum:"device,edge,node" doc:"Who vouches that the readings are the device's."`
	Edge      *proof.Hash     `json:"edge,omitempty" doc:"The edge box that vouches, 64 hexadecimal digits."`
	MediaType string          `json:"mediaType" doc:"Of one record."`
	Received  time.Time       `json:"received" doc:"By this node's clock."`
	LogIndex  uint64          `json:"logIndex" doc:"Entry of the integrity log."`
	Sequence  proof.Sequence  `json:"sequence,omitzero" doc:"What the sender says of its own count and clock: signed by who vouches, and claimed where that is the node."`
	Erased    int             `json:"erased,omitempty" doc:"Records that were erased with the subject that they were about."`
}

// ProofParts is the node's side of the proof for one record.
type ProofParts struct {
	Record    []byte
	Salt      proof.Hash
	Path      []proof.Hash
	Statement proof.Statement
	EntrySalt proof.Hash
	LogIndex  uint64
}

// AnchoredReceipt is a receipt with the anchor that first covers it.
type AnchoredReceipt struct {
	Receipt
	Anchor *AnchorOf `json:"anchor,omitempty" doc:"The anchor that first covers it; absent until there is one."`
}

// AnchorOf is the anchor that covers a request.
type AnchorOf struct {
	Stream   string    `json:"stream"`
	Sequence uint64    `json:"sequence"`
	Size     uint64    `json:"size" doc:"Entries in the log when it was anchored."`
	Tx       string    `json:"tx"`
	Time     time.Time `json:"time" doc:"Vouched for by the endorsers."`
}

// The media types of readings.
const (
	typeNDJSON = "application/x-ndjson"
	typeFHIR   = "application/fhir+json"
	typeHL7    = "application/hl7-v2"
	typeMixed  = "multipart/mixed"
	typeEDF    = "application/edf"
	typeWFDB   = "application/vnd.secant.wfdb+zip"
	typeMDIB   = "application/xml"
	typeGATT   = "application/vnd.secant.gatt+json"
	typeGATTs  = "application/vnd.secant.gatt+x-ndjson"
	typeCBOR   = "application/cbor"
	typeSenML  = "application/senml+json"
	typeSenMLC = "application/senml+cbor"
)

// signingText says how a device signs. The vector in it is computed in a test.
const signingText = "To sign: record i, from 0, has salt_i = SHA-256(\"secant-salt-v1\" (14 bytes, no NUL) || seed (32 bytes) || i (8 bytes, big-endian)) " +
	"and leaf_i = SHA-256(0x00 || salt_i || record_i). The root is that of the RFC 6962 tree over the leaves, whose inner nodes are SHA-256(0x01 || left || right); " +
	"the root of one record is its leaf. The signature is over \"secant-readings-v1\" and one NUL byte, unit id (32 bytes), number of records (8 bytes, big-endian) and root (32 bytes). " +
	"A record's bytes are in NDJSON those of its line without the LF, lines end in LF alone, and the last may lack it; with the other media types the whole body, " +
	"byte for byte, before zstd. " +
	"A device that counts its requests (Secant-Sequence), or says when the readings were made (Secant-Made), signs that, too: \"secant-readings-v2\" and one NUL byte, unit id, number of records and root as above, " +
	"then epoch, number and time, 8 bytes each, big-endian, 0 for what it does not say; an edge box likewise, \"secant-edge-readings-v2\". Vector: Ed25519 private key (RFC 8032 seed) 32 bytes of 0x01, Secant-Seed 32 bytes of 0x02, unit id 32 bytes of 0x03, one record {\"a\":1} give " +
	"root 09b3083aad9bcb2d97767523063a443eccc89af6162d5e440a9d3ef08527e452 and signature 1ZVHscNpENnCYrLEvKY4QJs6Xxr6l1X9h59m2UzD_nTPJ-IHsgLiALtbFSWbr_j5HDRGuZ8pKrrqSCeLJ_v2CQ (unpadded base64url). "

// subjectText says how one request is about several subjects.
const subjectText = "A request about several subjects is multipart/mixed (RFC 2046) with a part for each, at most 256: every part has Content-Type, all the same, " + auth.HeaderSubject + ", " +
	"Content-Encoding if it is compressed, and, when the request is signed, a " + auth.HeaderSeed + " of its own, which the request then has not. The records of all parts are counted through, from 0 in the first part, " +
	"record i has its salt from the seed of its part, and the one signature is over the root over all of them. Each part can be erased alone. "

// PathRequest names a request in the path.
type PathRequest struct {
	ID string `path:"id" pattern:"^[0-9a-f]{32}$" patternDescription:"32 lower-case hexadecimal digits" doc:"The receipt's id."`
}

func (a *API) readingRoutes() {
	text := &huma.MediaType{Schema: &huma.Schema{Type: "string"}}
	binary := &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary"}}
	receipt := schemaOf[Receipt](a.api)
	a.api.stream(auth.DeviceOrWrite, huma.Operation{
		OperationID: "submit-readings", Method: http.MethodPost, Path: "/v1/readings", Tags: []string{"readings"},
		Summary: "Hand in readings of one device, about one person or several",
		Description: "A device signs once over all records of the request and needs no token; without a signature the node vouches, and a token is needed. " +
			"A device that cannot sign so may sign the request as a whole (HTTP Message Signatures, RFC 9421): keyid is its unit id, the key that on the ledger (ed25519), " +
			"and the signature covers @method, content-digest (sha-256) and @target-uri, or all of @authority, @path and @query, and has created, at most a minute ago; it serves once. " +
			"The node then vouches. " +
			"An edge box, itself a device on the ledger, signs for devices that cannot: with its unit id in " + auth.HeaderEdge + ", which is also the source of a name that the device has in its inventory, " +
			"and its signature over \"secant-edge-readings-v1\" and one NUL byte, its own unit id (32 bytes), then the device's, number and root as below. " +
			signingText +
			subjectText +
			"What a phone reads of personal devices by Bluetooth is handed in as " + typeGATT + ", or one a line as " + typeGATTs + ": " +
			"{\"characteristic\":\"2a35\",\"value\":HEX,\"received\":the phone's time with its zone}, and, where they are known, " +
			"clock ({\"value\":HEX of 2a2b or 2a08,\"read\":when}), session (HEX of 2aaa), device and gateway (systemId, address, manufacturer, model, serial, firmware, software, hardware), " +
			"service and subject (Patient/ID). " +
			"The answer comes when the readings are durable and in the integrity log. The same signed request is one request, however often it is sent.",
		Parameters: []*huma.Param{
			headerParam(auth.HeaderDevice, "The device's unit id, 64 lower-case hexadecimal digits. Needed unless the request is signed as a whole."),
			queryParam("source", "With name, in place of "+auth.HeaderDevice+" where nobody signs: which of the device's names is given.", &huma.Schema{Type: "string"}),
			queryParam("name", "What the source calls the device, as its owner entered it where the device serves.", &huma.Schema{Type: "string"}),
			headerParam(auth.HeaderEdge, "The unit id of the edge box that signs for the device; absent when the device signs."),
			headerParam(auth.HeaderSeed, "With a signature: 32 random bytes, unpadded base64url, from which the records' salts derive."),
			headerParam(auth.HeaderSignature, "Ed25519 signature, unpadded base64url, over \"secant-readings-v1\\0\", unit id (32 bytes), number of records (8 bytes, big-endian) and root (32 bytes)."),
			headerParam(auth.HeaderSequence, "The sender's own count, EPOCH/NUMBER: numbers from 1 without a gap, of this device's requests, under an epoch that grows when the count begins anew. "+
				"What is missing, late or twice is then told (GET /v1/units/{id}/sequence); nothing is refused for it. Without a signature it is a claim."),
			headerParam(auth.HeaderMade, "When the readings were made, by the sender's clock: milliseconds since 1970. It orders nothing."),
			headerParam(auth.HeaderSubject, "Whom all records are about: a pseudonym of the sender's, 1 to 200 printable ASCII characters, one of them a digit. By it they can be erased (POST /v1/subjects/erase). An HL7 message is about the patient in PID-3 without it, and values of a personal device about the subject that all of them name."),
			headerParam(auth.HeaderInput, "Of a request that is signed as a whole (RFC 9421), with the fields Signature and Content-Digest."),
			headerParam("Content-Encoding", "zstd, or absent."),
		},
		RequestBody: &huma.RequestBody{Required: true, Description: "One record, or with NDJSON one a line. " + filesText, Content: map[string]*huma.MediaType{
			typeJSON: text, typeFHIR: text, typeHL7: text, typeNDJSON: text, typeMixed: text, typeEDF: binary, typeWFDB: binary, typeMDIB: text,
			typeGATT: text, typeGATTs: text, typeSenML: text, typeSenMLC: binary, typeCBOR: binary,
		}},
		Responses: map[string]*huma.Response{"202": {
			Description: "Taken: durable, and in the integrity log.",
			Headers:     map[string]*huma.Header{"Location": {Description: "Where the receipt stands.", Schema: &huma.Schema{Type: "string"}}},
			Content:     map[string]*huma.MediaType{typeJSON: {Schema: receipt}},
		}},
	}, a.submitReadings)

	register(a.api, auth.ReadingsRead, huma.Operation{
		OperationID: "get-receipt", Method: http.MethodGet, Path: "/v1/readings/{id}", Tags: []string{"readings"},
		Summary: "The receipt of a request, with the anchor that covers it",
	}, func(ctx context.Context, in *PathRequest) (*body[AnchoredReceipt], error) {
		id, err := proof.ParseRequestID(in.ID)
		if err != nil {
			return nil, noRequest()
		}
		v, err := a.Anchored(ctx, id)
		if err != nil {
			return nil, err
		}
		return &body[AnchoredReceipt]{*v}, nil
	})

	register(a.api, auth.ReadingsErase, huma.Operation{
		OperationID: "erase-readings", Method: http.MethodDelete, Path: "/v1/readings/{id}", Tags: []string{"readings"},
		Summary: "Erase the readings of a request, for good",
		Description: "Their key is destroyed: nobody can read them any more, and no proof of them can be made. The log keeps a salted commitment, from which nothing follows; " +
			"the proofs of all other readings hold as before. What is about one person, whose pseudonym its senders told, is erased by that (POST /v1/subjects/erase). " +
			"Backups that hold the vault's key and older segments must be let go as well.",
		DefaultStatus: http.StatusNoContent,
	}, func(ctx context.Context, in *PathRequest) (*struct{}, error) {
		id, err := proof.ParseRequestID(in.ID)
		if err != nil {
			return nil, noRequest()
		}
		return nil, a.Readings.Erase(ctx, id)
	})

	record := []*huma.Param{
		pathParam("id", "The receipt's id, 32 lower-case hexadecimal digits."),
		{Name: "index", In: "path", Required: true, Description: "The record's place in the request, from 0.", Schema: &huma.Schema{Type: "integer"}},
	}
	a.api.stream(auth.ReadingsRead, huma.Operation{
		OperationID: "get-record", Method: http.MethodGet, Path: "/v1/readings/{id}/records/{index}", Tags: []string{"readings"},
		Summary: "One record, byte for byte", Parameters: record,
		Responses: map[string]*huma.Response{"200": {Description: "The record", Content: map[string]*huma.MediaType{
			typeJSON: text, typeFHIR: text, typeHL7: text, typeEDF: binary, typeWFDB: binary, typeMDIB: text,
			typeGATT: text, typeSenML: text, typeSenMLC: binary, typeCBOR: binary,
		}}},
	}, func(c *gin.Context) error {
		id, index, err := recordOf(c)
		if err != nil {
			return err
		}
		b, mediaType, err := a.Readings.Record(c.Request.Context(), id, index)
		if err != nil {
			return err
		}
		c.Data(http.StatusOK, mediaType, b)
		return nil
	})

	a.api.stream(auth.ReadingsRead, huma.Operation{
		OperationID: "get-proof", Method: http.MethodGet, Path: "/v1/readings/{id}/records/{index}/proof", Tags: []string{"readings"},
		Summary: "The proof bundle of one record",
		Description: "Good offline, for whoever has the consortium's trust file: secant verify BUNDLE. " +
			"Until the record's request is anchored the answer is 503 with the code busy and Retry-After.",
		Parameters: record,
		Responses:  map[string]*huma.Response{"200": {Description: "The bundle", Content: map[string]*huma.MediaType{typeJSON: {Schema: &huma.Schema{Type: "object"}}}}},
	}, func(c *gin.Context) error {
		id, index, err := recordOf(c)
		if err != nil {
			return err
		}
		bundle, err := a.Proof(c.Request.Context(), id, index)
		if err != nil {
			return err
		}
		c.Data(http.StatusOK, typeJSON, bundle)
		return nil
	})
}

// Anchored returns the receipt of a request, with the anchor that first covers it.
func (a *API) Anchored(ctx context.Context, id proof.RequestID) (*AnchoredReceipt, error) {
	r, err := a.Readings.Receipt(ctx, id)
	if err != nil {
		return nil, err
	}
	v := &AnchoredReceipt{Receipt: *r}
	if anchor, ok, err := a.proofs.covering(ctx, r.LogIndex); err != nil {
		return nil, err
	} else if ok {
		v.Anchor = &AnchorOf{Stream: anchor.Stream, Sequence: anchor.Sequence, Size: anchor.Size, Tx: anchor.Tx, Time: anchor.Time}
	}
	return v, nil
}

// Proof returns the proof bundle of one record, for protocols that have a path of
// their own to it. Problems: not_found, and busy until it is anchored.
func (a *API) Proof(ctx context.Context, id proof.RequestID, index int) ([]byte, error) {
	return a.proofs.bundle(ctx, id, index)
}

func noRequest() error { return ledger.Problemf(ledger.CodeNotFound, "there is no such request") }

// recordOf reads which record is asked for. What could not be one is not found.
func recordOf(c *gin.Context) (proof.RequestID, int, error) {
	id, err := proof.ParseRequestID(c.Param("id"))
	if err != nil {
		return id, 0, noRequest()
	}
	index, err := strconv.ParseUint(c.Param("index"), 10, 31)
	if err != nil || strconv.FormatUint(index, 10) != c.Param("index") {
		return id, 0, ledger.Problemf(ledger.CodeNotFound, "there is no such record in the request")
	}
	return id, int(index), nil
}

func (a *API) submitReadings(c *gin.Context) error {
	media, err := readingsType(c)
	if err != nil {
		return err
	}
	s := &Submission{MediaType: media, Encoding: c.GetHeader("Content-Encoding"), Body: c.Request.Body}
	if s.Encoding != "" && s.Encoding != "identity" && s.Encoding != "zstd" {
		return problem.Encoding()
	}
	if s.Subject, err = subjectOf(c); err != nil {
		return err
	}
	ctx := c.Request.Context()
	switch {
	case c.Query("source") != "" || c.Query("name") != "":
		err = a.admitNamed(c, s)
	case c.GetHeader(auth.HeaderInput) != "":
		err = a.admitSigned(c.Request, s)
	default:
		var signed bool
		if signed, err = readSignature(c, s); err != nil {
			return err
		}
		if s.Edge != (proof.Hash{}) {
			s.Key, err = a.Devices.AdmitEdge(ctx, s.Edge, s.Unit)
		} else {
			s.Key, err = a.Devices.Admit(ctx, s.Unit, signed)
		}
	}
	if err != nil {
		return toDevice(ctx, err)
	}
	device := auth.CallerOf(ctx) == nil && a.Device != nil
	signer := s.Unit
	if s.Edge != (proof.Hash{}) {
		signer = s.Edge
	}
	if device {
		if err := a.Device(c.Request, signer.String(), false); err != nil {
			return err
		}
	}
	r, err := a.Readings.Submit(ctx, s)
	if err != nil {
		return toDevice(ctx, inBody(err))
	}
	if device { // it was refused before, or this is the first one too many
		_ = a.Device(c.Request, signer.String(), true)
	}
	c.Header("Location", "/v1/readings/"+r.ID.String())
	return writeJSON(c, http.StatusAccepted, r)
}

// toDevice keeps from whoever calls without a token which devices there are: all
// that can be wrong with a device or its signature is one answer.
func toDevice(ctx context.Context, err error) error {
	if code := ledger.CodeOf(err); auth.CallerOf(ctx) == nil && (code == ledger.CodeNotFound || code == ledger.CodeDenied) {
		return ledger.Problemf(ledger.CodeDenied, "no device of this id is in service here, or its signature does not fit")
	}
	return err
}

// admitNamed finds the device of readings that nobody signed by one of its names.
func (a *API) admitNamed(c *gin.Context, s *Submission) error {
	for _, name := range []string{auth.HeaderDevice, auth.HeaderEdge, auth.HeaderSeed, auth.HeaderSignature, auth.HeaderInput} {
		if c.GetHeader(name) != "" {
			return invalid(ledger.Fault{Field: "header." + name, Detail: "must not be there beside a source and its name of the device"})
		}
	}
	source, name := c.Query("source"), c.Query("name")
	if source == "" || name == "" {
		return invalid(ledger.Fault{Field: "query.name", Detail: "must be given with a source, and a source with it"})
	}
	var err error
	s.Unit, err = a.Named.Find(c.Request.Context(), source, name)
	return err
}

// readSignature reads the headers that name the device and carry its signature.
func readSignature(c *gin.Context, s *Submission) (signed bool, err error) {
	said, faults := admit.ReadSignature(c.Request.Header, strings.HasPrefix(s.MediaType, typeMixed))
	if len(faults) > 0 {
		return said.Signed, invalid(faults...)
	}
	s.Unit, s.Edge, s.Seed, s.Signature, s.Sequence = said.Unit, said.Edge, said.Seed, said.Signature, said.Sequence
	return said.Signed, nil
}

// admitSigned lets pass a request that a device signed as a whole (RFC 9421). That
// says who sent it, and nothing that a proof could show to others: the node vouches
// for the readings.
func (a *API) admitSigned(r *http.Request, s *Submission) error {
	for _, name := range []string{auth.HeaderDevice, auth.HeaderEdge, auth.HeaderSeed, auth.HeaderSignature} {
		if r.Header.Get(name) != "" {
			return invalid(ledger.Fault{Field: "header." + name, Detail: "must not be there beside " + auth.HeaderInput})
		}
	}
	unit, body, err := a.Sessions.Device(r, func(ctx context.Context, keyID string) (ed25519.PublicKey, error) {
		if s.Unit.UnmarshalText([]byte(keyID)) != nil {
			return nil, ledger.Problemf(ledger.CodeNotFound, "no device has such an id")
		}
		return a.Devices.Admit(ctx, s.Unit, true)
	})
	if err != nil {
		return err
	}
	if s.Unit.String() != unit {
		return ledger.Problemf(ledger.CodeDenied, "the signature is another device's")
	}
	s.Body = body
	return nil
}
