package client

import (
	"context"
	"errors"
	"net/http"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Proof fetches the proof bundle of one record, and checks that it is of that record.
// As long as no anchor covers the record it fails with a problem of the code busy,
// once patience has ended. What the bundle proves, Verify says. Right: readings:read.
func (c *Client) Proof(ctx context.Context, id proof.RequestID, index int) ([]byte, error) {
	return c.bundle(ctx, id, index, false)
}

// WaitProof is Proof that waits for the anchor as long as ctx allows.
func (c *Client) WaitProof(ctx context.Context, id proof.RequestID, index int) ([]byte, error) {
	return c.bundle(ctx, id, index, true)
}

func (c *Client) bundle(ctx context.Context, id proof.RequestID, index int, wait bool) ([]byte, error) {
	a, err := c.do(ctx, request{method: http.MethodGet, path: recordPath(id, index) + "/proof", wait: wait})
	if err != nil {
		return nil, err
	}
	b, err := proof.ParseBundle(a.body)
	if err != nil {
		return nil, err
	}
	if b.Statement.Request != id || int64(b.Record.Index) != int64(index) {
		return nil, errors.New("the node answered with the proof of another record")
	}
	return a.body, nil
}

// Verify judges a proof bundle offline, by the consortium's trust file, which whoever
// verifies has from somebody else than the node. It fails with a *proof.Mismatch for
// one that does not hold. For many bundles, a proof.Verifier is made once.
func Verify(trust, bundle []byte) (*proof.Verdict, error) {
	t, err := ledger.ParseTrust(trust)
	if err != nil {
		return nil, err
	}
	v, err := proof.NewVerifier(t)
	if err != nil {
		return nil, err
	}
	return v.VerifyJSON(bundle)
}
