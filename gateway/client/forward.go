package client

import (
	"context"
	"net/http"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Signed is a request for readings whose bytes were signed before, as an edge box keeps
// them until the node can be reached.
type Signed struct {
	Unit      proof.Hash
	Edge      proof.Hash // the edge box that signed; zero: the device itself
	Subject   string     // whom they are about; empty: not said
	MediaType string     // of the body
	Encoding  string     // of the body, as Content-Encoding; empty: none
	Body      []byte
	Seed      proof.Seed
	Signature proof.Signature
	Sequence  proof.Sequence // that was signed with them; zero: none
}

// File is a recording, or a snapshot of a device, as one reading that nobody signed.
type File struct {
	// Unit is the device's id. Zero: Source calls it by Name, as its owner entered that.
	Unit         proof.Hash
	Source, Name string
	MediaType    string // as application/edf
	Body         []byte
}

// SubmitFile hands in a file. The same file of a device is the same reading, however
// often it is handed in. Right: readings:write.
func (c *Client) SubmitFile(ctx context.Context, f *File) (*Receipt, error) {
	q := request{method: http.MethodPost, path: "/v1/readings", media: f.MediaType, body: f.Body, header: map[string]string{}}
	if f.Unit != (proof.Hash{}) {
		q.header[headerDevice] = f.Unit.String()
	} else {
		q.query = values("source", f.Source, "name", f.Name)
	}
	var got Receipt
	if err := c.call(ctx, q, &got); err != nil {
		return nil, err
	}
	return &got, nil
}

// Forward hands in readings as they were signed, and returns their receipt. It may be
// called again: they are the same request.
func (c *Client) Forward(ctx context.Context, s *Signed) (*Receipt, error) {
	q := request{method: http.MethodPost, path: "/v1/readings", media: s.MediaType, body: s.Body, header: map[string]string{headerDevice: s.Unit.String()}}
	if s.Subject != "" {
		q.header[headerSubject] = s.Subject
	}
	if s.Encoding != "" {
		q.header["Content-Encoding"] = s.Encoding
	}
	if err := q.signed(s.Edge, &s.Seed, s.Signature, s.Sequence); err != nil {
		return nil, err
	}
	var got Receipt
	if err := c.call(ctx, q, &got); err != nil {
		return nil, err
	}
	if got.Unit != s.Unit {
		return nil, ledger.Problemf(ledger.CodeInternal, "the receipt is for another device's readings")
	}
	return &got, nil
}
