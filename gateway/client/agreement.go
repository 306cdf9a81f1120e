package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Agreement is a transaction that takes persons, who sign with their wallets.
type Agreement struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`  // of the transaction
	Says    []string    `json:"says"`  // what each person agrees to, a sentence each
	State   string      `json:"state"` // waiting, submitted, done, failed or expired
	Expires time.Time   `json:"expires"`
	Persons []Signatory `json:"persons"`
}

// Signatory is one of the persons who sign.
type Signatory struct {
	Number int    `json:"number"`         // from 1
	State  string `json:"state"`          // waiting or signed
	Link   string `json:"link,omitempty"` // for the person's wallet (OpenID4VP 1.0)
}

// RequestRelease asks two persons to release an own device that is held or in
// quarantine. evidence is the digest of what shows that it may be; it may be empty.
// Right: devices:write.
func (c *Client) RequestRelease(ctx context.Context, unit, evidence string) (*Agreement, error) {
	in := map[string]string{}
	if evidence != "" {
		in["evidence"] = evidence
	}
	return c.agree(ctx, unitPath(unit)+"/release", in)
}

// RequestCertification asks an assessor to sign an assessment of a device that this
// node, an authority's, put on the ledger. Right: devices:certify.
func (c *Client) RequestCertification(ctx context.Context, a *Assessment) (*Agreement, error) {
	in := map[string]any{
		"catalogue": a.Catalogue, "score": a.Score, "verdict": a.Verdict, "resultDigest": a.ResultDigest,
	}
	if a.ValidTo != nil {
		in["validTo"] = a.ValidTo
	}
	return c.agree(ctx, unitPath(a.Unit)+"/certification", in)
}

func (c *Client) agree(ctx context.Context, path string, in any) (*Agreement, error) {
	var out Agreement
	return found(&out, c.post(ctx, path, in, &out))
}

// Agreement finds an agreement, and what came of it.
func (c *Client) Agreement(ctx context.Context, id string) (*Agreement, error) {
	var out Agreement
	return found(&out, c.get(ctx, agreementPath(id), nil, &out))
}

// Statement returns what one of the persons signs, as a file for `secant wallet sign`.
func (c *Client) Statement(ctx context.Context, agreement string, number int) ([]byte, error) {
	a, err := c.do(ctx, request{method: http.MethodGet, path: agreementPath(agreement) + "/statements/" + strconv.Itoa(number)})
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// Sign hands in a statement that was signed from its file.
func (c *Client) Sign(ctx context.Context, agreement string, signed []byte) (*Agreement, error) {
	var out Agreement
	r := request{method: http.MethodPost, path: agreementPath(agreement) + "/signatures", media: mediaJSON, body: signed}
	return found(&out, c.call(ctx, r, &out))
}

// WaitAgreement returns an agreement once it is done. It fails when the ledger refused
// the transaction, and when the time to sign is over.
func (c *Client) WaitAgreement(ctx context.Context, id string) (*Agreement, error) {
	for try := 0; ; try++ {
		a, err := c.Agreement(ctx, id)
		if err != nil {
			return nil, err
		}
		switch a.State {
		case "done":
			return a, nil
		case "failed", "expired":
			return a, errors.New("the agreement " + a.State)
		}
		if !sleep(ctx, backoff(try)) {
			return a, context.Cause(ctx)
		}
	}
}

func agreementPath(id string) string { return "/v1/agreements/" + url.PathEscape(id) }
