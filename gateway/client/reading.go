package client

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// The media types of a record.
const (
	MediaJSON = mediaJSON
	MediaFHIR = "application/fhir+json"
	MediaHL7  = "application/hl7-v2"
)

// Readings are what a device measured, about one person at most: one request, with
// one receipt.
type Readings struct {
	Unit proof.Hash // id of the device
	// MediaType is that of the one record; empty: MediaJSON. Several records are JSON.
	MediaType string
	// Records are 1 to proof.MaxRecords. None holds a line feed where there are several.
	Records [][]byte

	// Key signs: the device's own, or with Edge that of an edge box. Nil: only the node
	// vouches, and the client needs a token of the right readings:write.
	Key ed25519.PrivateKey
	// Edge is the id of the edge box whose key signs for the device; zero: it signs itself.
	Edge proof.Hash
	// Seed is the secret from which the records' salts derive. Zero: a fresh one. Signed
	// readings with the same seed are the same request, however often it is sent.
	Seed proof.Seed
	// Signature is one that was made before, with Seed; then Key is not needed.
	Signature proof.Signature
	// Sequence numbers the request in the device's own count, and is signed; zero: none.
	Sequence proof.Sequence
}

// Receipt says what was taken, and that it is durable and in the integrity log.
type Receipt struct {
	ID        proof.RequestID `json:"id"`
	Unit      proof.Hash      `json:"unit"`
	Count     int             `json:"count"` // records
	Root      proof.Hash      `json:"root"`  // over their salted leaves
	VouchedBy proof.Voucher   `json:"vouchedBy"`
	Edge      *proof.Hash     `json:"edge,omitempty"`
	MediaType string          `json:"mediaType"` // of one record
	Received  time.Time       `json:"received"`  // by the node's clock
	LogIndex  uint64          `json:"logIndex"`
	Anchor    *Anchor         `json:"anchor,omitempty"` // that covers it first; nil until there is one
}

// Anchor is a state of the node's log that stands on the ledger.
type Anchor struct {
	Stream   string    `json:"stream"`
	Sequence uint64    `json:"sequence"`
	Size     uint64    `json:"size"` // entries in the log
	Tx       string    `json:"tx"`
	Time     time.Time `json:"time"` // vouched for by the endorsers
}

// The headers of readings.
const (
	headerDevice    = "Secant-Device"
	headerSubject   = "Secant-Subject"
	headerEdge      = "Secant-Edge"
	headerSeed      = "Secant-Seed"
	headerSignature = "Secant-Signature"
	headerSequence  = "Secant-Sequence"
	headerMade      = "Secant-Made"
)

// Submit hands in readings, and returns their receipt once they are durable and in
// the log. The receipt is checked: it is for exactly these records. Signed readings
// are sent again when their answer is lost, others are not: see Unknown.
func (c *Client) Submit(ctx context.Context, r Readings) (*Receipt, error) {
	q, root, err := r.request()
	if err != nil {
		return nil, err
	}
	var got Receipt
	if err := c.call(ctx, *q, &got); err != nil {
		return nil, err
	}
	if got.Unit != r.Unit || got.Count != len(r.Records) || root != nil && got.Root != *root {
		return nil, fmt.Errorf("%s: the receipt is for other readings than were handed in", q.call())
	}
	return &got, nil
}

// request makes the call, and the root when the readings are signed.
func (r *Readings) request() (*request, *proof.Hash, error) {
	if n := len(r.Records); n == 0 || n > proof.MaxRecords {
		return nil, nil, ledger.Problemf(ledger.CodeInvalid, "readings are 1 to %d records", proof.MaxRecords)
	}
	media, several := r.MediaType, len(r.Records) > 1
	if media == "" {
		media = MediaJSON
	}
	if several {
		if media != MediaJSON {
			return nil, nil, ledger.Problemf(ledger.CodeInvalid, "several records in one request are JSON, one a line")
		}
		media = mediaNDJSON
	}
	body, err := r.body(several)
	if err != nil {
		return nil, nil, err
	}
	q := &request{
		method: http.MethodPost, path: "/v1/readings", media: media, body: body,
		header: map[string]string{headerDevice: r.Unit.String()},
	}
	if several || len(body) >= worthPacking {
		q.body = packer().EncodeAll(body, nil)
		q.header["Content-Encoding"] = "zstd"
	}
	if r.Key == nil && r.Signature == (proof.Signature{}) {
		q.once = true
		return q, nil, nil
	}
	root, err := r.sign(q)
	return q, root, err
}

// worthPacking is from how many bytes on a record is sent compressed.
const worthPacking = 1 << 10

// packer is shared: it keeps its buffers, and packs for several goroutines at once.
var packer = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
})

func (r *Readings) body(several bool) ([]byte, error) {
	size := len(r.Records)
	for _, record := range r.Records {
		if len(record) == 0 || len(record) > proof.MaxRecord {
			return nil, proof.ErrRecordSize
		}
		if several && bytes.IndexByte(record, '\n') >= 0 {
			return nil, ledger.Problemf(ledger.CodeInvalid, "a record among several holds no line feed")
		}
		size += len(record)
	}
	if !several {
		return r.Records[0], nil
	}
	out := make([]byte, 0, size)
	for _, record := range r.Records {
		out = append(append(out, record...), '\n')
	}
	return out, nil
}

// sign signs, unless that was done before, and says so in the headers.
func (r *Readings) sign(q *request) (*proof.Hash, error) {
	seed, signature := r.Seed, r.Signature
	signed := signature != proof.Signature{}
	switch {
	case !signed && len(r.Key) != ed25519.PrivateKeySize:
		return nil, ledger.Problemf(ledger.CodeInvalid, "a device's key is an Ed25519 private key")
	case seed == proof.Seed{} && signed:
		return nil, ledger.Problemf(ledger.CodeInvalid, "readings that are signed already come with their seed")
	case seed == proof.Seed{}:
		_, _ = rand.Read(seed[:]) // never fails
	}
	root := proof.Root(proof.LeafHashes(nil, &seed, r.Records))
	if !signed {
		message := proof.SequencedMessage(r.Unit, len(r.Records), root, r.Sequence)
		if r.Edge != (proof.Hash{}) {
			message = proof.EdgeSequencedMessage(r.Edge, r.Unit, len(r.Records), root, r.Sequence)
		}
		signature = proof.Signature(ed25519.Sign(r.Key, message))
	}
	return &root, q.signed(r.Edge, &seed, signature, r.Sequence)
}

// signed says in the headers who signed, and needs no token then.
func (q *request) signed(edge proof.Hash, seed *proof.Seed, signature proof.Signature, n proof.Sequence) error {
	text, err := signature.MarshalText()
	if err != nil {
		return fmt.Errorf("encoding a signature: %w", err)
	}
	if edge != (proof.Hash{}) {
		q.header[headerEdge] = edge.String()
	}
	q.header[headerSeed] = base64.RawURLEncoding.EncodeToString(seed[:])
	q.header[headerSignature] = string(text)
	if n.Number > 0 {
		q.header[headerSequence] = n.String()
	}
	if n.Made > 0 {
		q.header[headerMade] = strconv.FormatInt(n.Made, 10)
	}
	q.open = true
	return nil
}

// Receipt finds the receipt of a request, with the anchor that covers it. Right:
// readings:read.
func (c *Client) Receipt(ctx context.Context, id proof.RequestID) (*Receipt, error) {
	var out Receipt
	return found(&out, c.get(ctx, readingsPath(id), nil, &out))
}

// Record returns one record of a request, byte for byte, and its media type.
func (c *Client) Record(ctx context.Context, id proof.RequestID, index int) (record []byte, mediaType string, err error) {
	a, err := c.do(ctx, request{method: http.MethodGet, path: recordPath(id, index)})
	if err != nil {
		return nil, "", err
	}
	return a.body, a.header.Get("Content-Type"), nil
}

// ReadingFilter narrows a list of readings; an empty field does not narrow.
type ReadingFilter struct {
	MediaType string    // of one record
	Since     time.Time // received then or later
	Until     time.Time // received before
}

// ReadingsOf lists the readings of a device that the node has taken, newest first. A
// request stands there within a second of its receipt.
func (c *Client) ReadingsOf(ctx context.Context, unit string, f ReadingFilter) iter.Seq2[fact.Reading, error] {
	q := values("mediaType", f.MediaType, "since", instant(f.Since), "until", instant(f.Until))
	return pages[fact.Reading](ctx, c, unitPath(unit)+"/readings", q)
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func readingsPath(id proof.RequestID) string { return "/v1/readings/" + url.PathEscape(id.String()) }

func recordPath(id proof.RequestID, index int) string {
	return readingsPath(id) + "/records/" + strconv.Itoa(index)
}
