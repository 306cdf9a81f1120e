package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// caller calls one organisation's node.
type caller struct {
	client    *http.Client
	org       string
	base      string
	tokenFile string // empty: without a token, as a device
}

// request is one call.
type request struct {
	method, path string
	mediaType    string
	body         []byte
	header       map[string]string
}

// answer is what came back with a status below 300.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// refusal is a problem document (RFC 9457) that a node answered with.
type refusal struct {
	Status int         `json:"status"`
	Code   ledger.Code `json:"code"`
	Detail string      `json:"detail"`
	Errors []struct {
		Location string `json:"location"`
		Detail   string `json:"detail"`
	} `json:"errors"`

	call  string
	after time.Duration // when to try again
}

func (r *refusal) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d %s: %s", r.call, r.Status, r.Code, r.Detail)
	for _, e := range r.Errors {
		fmt.Fprintf(&b, "; %s %s", e.Location, e.Detail)
	}
	return b.String()
}

// refused tells whether err is a node's refusal with one of these codes.
func refused(err error, codes ...ledger.Code) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && slices.Contains(codes, r.Code)
}

// once sends a request once.
func (c *caller) once(ctx context.Context, r request) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("making a request to %s: %w", c.org, err)
	}
	if c.tokenFile != "" {
		token, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("reading the token for %s: %w", c.org, err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	if r.mediaType != "" {
		req.Header.Set("Content-Type", r.mediaType)
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("calling the node of %s (is the consortium up?): %w", c.org, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", c.org, err)
	}
	if resp.StatusCode < 300 {
		return &answer{resp.StatusCode, resp.Header, body}, nil
	}
	p := &refusal{}
	if json.Unmarshal(body, p) != nil || p.Code == "" {
		p.Detail = strings.TrimSpace(string(body[:min(len(body), 200)]))
	}
	p.Status, p.call = resp.StatusCode, fmt.Sprintf("%s %s at %s", r.method, r.path, c.org)
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s >= 0 {
		p.after = time.Duration(min(s, 10)) * time.Second
	}
	return nil, p
}

// retryFor is how long a call is tried again that may yet succeed. All calls
// here are safe to repeat.
const retryFor = time.Minute

// do sends a request until it is taken or refused for good.
func (c *caller) do(ctx context.Context, r request) (*answer, error) {
	limit := time.Now().Add(retryFor)
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		a, err := c.once(ctx, r)
		if err == nil || !refused(err, ledger.CodeBusy, ledger.CodeConflict, ledger.CodeUnavailable) || time.Now().After(limit) {
			return a, err
		}
		pause := wait/2 + rand.N(wait/2) //nolint:gosec // only spreads callers
		if p, ok := errors.AsType[*refusal](err); ok && p.after > 0 {
			pause = p.after
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		case <-t.C:
		}
	}
}

// get reads a JSON document into out.
func (c *caller) get(ctx context.Context, path string, out any) error {
	a, err := c.do(ctx, request{method: http.MethodGet, path: path})
	if err != nil {
		return err
	}
	return decode(a.body, path, out)
}

// has tells whether something stands at a path, and reads it into out.
func (c *caller) has(ctx context.Context, path string, out any) (bool, error) {
	err := c.get(ctx, path, out)
	if refused(err, ledger.CodeNotFound) {
		return false, nil
	}
	return err == nil, err
}

func decode(b []byte, what string, out any) error {
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("reading the answer to %s: %w", what, err)
	}
	return nil
}

// command has something done on the ledger and waits until it is.
func (c *caller) command(ctx context.Context, path string, in any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encoding a request: %w", err)
	}
	_, err = c.send(ctx, request{method: http.MethodPost, path: path, mediaType: "application/json", body: body})
	return err
}

// send is command with a body of any type. A command that takes long is answered
// with an operation, which is then followed.
func (c *caller) send(ctx context.Context, r request) (*answer, error) {
	a, err := c.do(ctx, r)
	if err != nil || a.status != http.StatusAccepted {
		return a, err
	}
	location := a.header.Get("Location")
	if !strings.HasPrefix(location, "/v1/operations/") {
		return a, nil
	}
	var op struct {
		State   string   `json:"state"`
		Problem *refusal `json:"problem"`
	}
	err = await(ctx, "the operation "+location, func(ctx context.Context) (bool, error) {
		err := c.get(ctx, location, &op)
		return op.State == "done" || op.State == "failed", err
	})
	if err != nil {
		return nil, err
	}
	if op.State == "failed" {
		if op.Problem == nil {
			op.Problem = &refusal{Detail: "the operation failed"}
		}
		op.Problem.call = fmt.Sprintf("%s %s at %s", r.method, r.path, c.org)
		return nil, op.Problem
	}
	return a, nil
}
