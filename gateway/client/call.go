package client

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// request is one call.
type request struct {
	method, path string
	query        url.Values
	media        string // of the body
	body         []byte
	header       map[string]string
	once         bool // not safe to repeat unless nothing was done
	open         bool // without a token
	wait         bool // for as long as ctx allows: what is asked for is not there yet
}

func (r *request) call() string { return r.method + " " + r.path }

// answer is an answer with a status below 300.
type answer struct {
	status int
	header http.Header
	body   []byte
}

const (
	maxAnswer = 64 << 20 // bytes
	firstWait = 200 * time.Millisecond
	longWait  = 5 * time.Second
)

// do sends a request until it is answered, refused for good, or patience ends.
func (c *Client) do(ctx context.Context, r request) (*answer, error) {
	begun, renewed := time.Now(), false
	for try := 0; ; try++ {
		a, err := c.attempt(ctx, &r, &renewed)
		if err == nil || ctx.Err() != nil || !r.again(err) {
			return a, err
		}
		pause := backoff(try)
		if e, ok := errors.AsType[*Error](err); ok {
			pause = max(pause, e.After)
		}
		if !r.wait && time.Since(begun)+pause > c.patient {
			return nil, err
		}
		if !sleep(ctx, pause) {
			return nil, err
		}
	}
}

// again reports whether a call that failed so may be sent again.
func (r *request) again(err error) bool {
	if u, ok := errors.AsType[*UnreachedError](err); ok {
		return !r.once || !u.Sent
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	switch e.code() {
	case ledger.CodeBusy: // nothing was done
		return true
	case ledger.CodeUnavailable:
		return !r.once
	}
	return false
}

// attempt sends a request once; and once more, when a token was refused that can be
// had anew.
func (c *Client) attempt(ctx context.Context, r *request, renewed *bool) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	res, token, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, unreached(err, r.method != http.MethodGet)
	}
	switch {
	case len(text) > maxAnswer:
		return nil, fmt.Errorf("%s: the answer has more than %d bytes", r.call(), maxAnswer)
	case res.StatusCode == http.StatusUnauthorized && !*renewed && !r.open && c.refuse(token):
		*renewed = true
		return c.attempt(ctx, r, renewed)
	case res.StatusCode >= http.StatusMultipleChoices:
		return nil, refusal(r.call(), res, text)
	}
	return &answer{res.StatusCode, res.Header, text}, nil
}

// send sends a request and returns the answer as it begins, and the token.
func (c *Client) send(ctx context.Context, r *request) (*http.Response, string, error) {
	address := c.address + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, "", fmt.Errorf("making the request: %w", err)
	}
	token := ""
	if !r.open {
		if token, err = c.bearer(ctx); err != nil {
			return nil, "", err
		}
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("User-Agent", c.agent)
	if r.media != "" {
		req.Header.Set("Content-Type", r.media)
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, "", unreached(err, r.method != http.MethodGet)
	}
	return res, token, nil
}

// call is do with the answer's JSON read into out, unless out is nil.
func (c *Client) call(ctx context.Context, r request, out any) error {
	a, err := c.do(ctx, r)
	if err != nil || out == nil {
		return err
	}
	return a.into(r.call(), out)
}

func (a *answer) into(call string, out any) error {
	if err := json.Unmarshal(a.body, out); err != nil {
		return fmt.Errorf("reading the answer to %s: %w", call, err)
	}
	return nil
}

// get reads a JSON document.
func (c *Client) get(ctx context.Context, path string, query url.Values, out any) error {
	return c.call(ctx, request{method: http.MethodGet, path: path, query: query}, out)
}

const (
	mediaJSON   = "application/json"
	mediaNDJSON = "application/x-ndjson"
)

// post sends JSON.
func (c *Client) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encoding a request: %w", err)
	}
	return c.call(ctx, request{method: http.MethodPost, path: path, media: mediaJSON, body: body}, out)
}

// operation is a command on its way to the ledger.
type operation struct {
	State   string    `json:"state"`
	Problem *document `json:"problem"`
}

// command has something done on the ledger and returns when it is; then read finds
// what it made, where the answer does not have it.
func (c *Client) command(ctx context.Context, r request, out any, read func() error) error {
	if r.header == nil {
		r.header = map[string]string{}
	}
	// Sent again, after its answer was lost, it is the same command.
	r.header["Idempotency-Key"] = crand.Text()
	a, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	location := a.header.Get("Location")
	if a.status != http.StatusAccepted || !strings.HasPrefix(location, "/v1/operations/") {
		return a.into(r.call(), out)
	}
	if err := c.follow(ctx, r.call(), location); err != nil {
		return err
	}
	return read()
}

// follow waits until an operation is done.
func (c *Client) follow(ctx context.Context, call, location string) error {
	for try := 0; ; try++ {
		var op operation
		if err := c.get(ctx, location, nil, &op); err != nil {
			return fmt.Errorf("following %s: %w", call, err)
		}
		switch op.State {
		case "done":
			return nil
		case "failed":
			e := &Error{Call: call, Code: string(ledger.CodeInternal), Detail: "the operation failed"}
			if p := op.Problem; p != nil {
				e.Code, e.Detail, e.Faults = p.Code, p.Detail, faultsOf(p.Errors)
			}
			return e
		}
		if !sleep(ctx, backoff(try)) {
			return fmt.Errorf("waiting for the ledger to take %s: %w", call, context.Cause(ctx))
		}
	}
}

// backoff is how long to wait before another attempt: full jitter, under a bound
// that doubles.
func backoff(try int) time.Duration {
	bound := longWait
	if try < 8 {
		bound = min(firstWait<<try, longWait)
	}
	return rand.N(bound) + time.Millisecond //nolint:gosec // spreads retries, protects nothing
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
