package bulk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/gateway/auth"
)

// node is the node that takes the units.
type node struct {
	url     string // base address
	token   func() (string, error)
	http    *http.Client
	patient time.Duration // how long one chunk is tried while the node is away or busy
	role    auth.Role     // that the node asks for
	device  string        // unit id of the device that files are of; empty: they name none
}

// answer is what the node says to a chunk; see POST /v1/units/batch.
type answer struct {
	Registered, Existing, Pending int
	Refused                       []refused
}

type refused struct {
	Index  int
	Code   string
	Detail string
	Errors []fault
}

type fault struct{ Location, Detail string }

// reason is what a person reads.
func (r *refused) reason() string {
	if len(r.Errors) == 0 {
		return r.Detail
	}
	texts := make([]string, len(r.Errors))
	for i, f := range r.Errors {
		texts[i] = strings.TrimSpace(f.Location + " " + f.Detail)
	}
	return strings.Join(texts, "; ")
}

// passing reports whether a refusal goes away by itself.
func passing(code string) bool { return code == "busy" || code == "unavailable" }

// away is the error of a node that may answer when it is asked again.
type away struct {
	after time.Duration // not before
	cause error
}

func (a *away) Error() string { return a.cause.Error() }
func (a *away) Unwrap() error { return a.cause }

const (
	firstWait = 200 * time.Millisecond
	longWait  = 5 * time.Second
	maxAnswer = 16 << 20 // bytes
)

// total is what became of the rows of a chunk.
type total struct {
	registered, existing int
	refused              []Refusal
}

// register takes the rows of a chunk to their ends: it sends again what the node
// is too busy for, or has under way, until each row is registered or refused.
// Units that exist are those of the first answer: later ones count what this
// import itself registered.
func (n *node) register(ctx context.Context, rows []row) (total, error) {
	var out total
	ctx, cancel := context.WithTimeout(ctx, n.patient)
	defer cancel()
	left, answered := rows, false
	var last error
	for try := 0; len(left) > 0; {
		got, err := n.post(ctx, left)
		gone, again := errors.AsType[*away](err)
		switch {
		case again:
			last = err
			if !sleep(ctx, max(gone.after, wait(try))) {
				return out, fmt.Errorf("the node does not answer: %w", last)
			}
			try++
			continue
		case err != nil && ctx.Err() != nil && last != nil:
			return out, fmt.Errorf("the node does not answer: %w", last)
		case err != nil:
			return out, err
		}
		if !answered {
			answered, out.existing = true, got.Existing
		}
		var later []row
		firm := map[int]bool{}
		for _, r := range got.Refused {
			switch {
			case r.Index < 0 || r.Index >= len(left):
				return out, errors.New("the node answered for a unit that it was not sent")
			case passing(r.Code):
				later = append(later, left[r.Index])
				last = errors.New(r.reason())
			default:
				firm[r.Index] = true
				out.refused = append(out.refused, Refusal{left[r.Index].line, r.reason()})
			}
		}
		if got.Registered+got.Existing+got.Pending+len(got.Refused) != len(left) {
			return out, fmt.Errorf("the node answered for %d of %d units",
				got.Registered+got.Existing+got.Pending+len(got.Refused), len(left))
		}
		if got.Pending > 0 { // which they are it does not say: all are asked for again
			later = later[:0]
			for i, r := range left {
				if !firm[i] {
					later = append(later, r)
				}
			}
			last = errors.New("the ledger has not taken the units yet")
		}
		if left = later; len(left) > 0 && !sleep(ctx, wait(try)) {
			return out, fmt.Errorf("the ledger does not take the units: %w", last)
		}
		try++
	}
	out.registered = len(rows) - out.existing - len(out.refused)
	return out, nil
}

// post sends rows once.
func (n *node) post(ctx context.Context, rows []row) (*answer, error) {
	var body bytes.Buffer
	for _, r := range rows {
		body.Write(r.text)
		body.WriteByte('\n')
	}
	token, err := n.token()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url+"/v1/units/batch", &body)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := n.http.Do(req)
	if err != nil {
		return nil, &away{0, fmt.Errorf("calling the node: %w", err)}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, &away{0, fmt.Errorf("reading the node's answer: %w", err)}
	}
	if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusAccepted {
		var got answer
		if err := json.Unmarshal(text, &got); err != nil {
			return nil, fmt.Errorf("reading the node's answer: %w", err)
		}
		return &got, nil
	}
	return nil, n.refusal(res, text, auth.RoleRegistrar)
}

// refusal turns an answer that is none into what to do about it.
func (n *node) refusal(res *http.Response, text []byte, role auth.Role) error {
	var p struct{ Detail string }
	_ = json.Unmarshal(text, &p) // another program may have answered
	if p.Detail == "" {
		p.Detail = http.StatusText(res.StatusCode)
	}
	err := fmt.Errorf("the node answered %d: %s", res.StatusCode, p.Detail)
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return &away{time.Duration(min(max(seconds, 0), 60)) * time.Second, err}
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%[1]w (the token must be this node's, of the role %[2]s: `secant token --role %[2]s --config node.json`)", err, role)
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return fmt.Errorf("%w (is %s a node of this version?)", err, n.url)
	}
	return err
}

func wait(try int) time.Duration {
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
