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
	MediaType string     // of the body
	Encoding  string     // of the body, as Content-Encoding; empty: none
	Body      []byte
	Seed      proof.Seed
	Signature proof.Signature
	Sequence  proof.Sequence // that was signed with them; zero: none
}

// Forward hands in readings as they were signed, and returns their receipt. It may be
// called again: they are the same request.
func (c *Client) Forward(ctx context.Context, s *Signed) (*Receipt, error) {
	q := request{method: http.MethodPost, path: "/v1/readings", media: s.MediaType, body: s.Body, header: map[string]string{headerDevice: s.Unit.String()}}
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
