package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// NewUnit is what a manufacturer tells of a device.
type NewUnit struct {
	Serial    string `json:"serial"` // stays at the node; the ledger learns its HMAC
	DI        string `json:"di"`
	Lot       string `json:"lot"`
	Release   string `json:"release"` // that it runs
	Owner     string `json:"owner"`   // MSP id of the organisation that it is delivered to
	PublicKey string `json:"publicKey,omitempty"`
	IDevID    string `json:"iDevId,omitempty"`
}

// RegisterUnit registers a device of an own model. Right: devices:write.
func (c *Client) RegisterUnit(ctx context.Context, u NewUnit) (*Unit, error) {
	body, err := json.Marshal(u)
	if err != nil {
		return nil, fmt.Errorf("encoding a unit: %w", err)
	}
	var out Unit
	r := request{method: http.MethodPost, path: "/v1/units", media: mediaJSON, body: body, header: map[string]string{}}
	// The operation does not tell the unit's id, which only the node can compute:
	// asked for once more, it tells the device as it stands.
	err = c.command(ctx, r, &out, func() error {
		a, err := c.do(ctx, r)
		if err != nil {
			return err
		}
		return a.into(r.call(), &out)
	})
	return found(&out, err)
}

// Registration is what became of devices that were registered together.
type Registration struct {
	Registered int           // by this call
	Existing   int           // registered before, with the same facts
	Refused    []RefusedUnit // in the order of their places
}

// RefusedUnit is a device that was not registered, and why.
type RefusedUnit struct {
	Index  int // its place in what was handed in, from 0
	Code   ledger.Code
	Reason string // for people; repeats nothing of the device
}

// RegisterUnits registers any number of devices of own models, and returns when each
// is registered or refused. Those of one model, lot, release and owner are cheapest
// when they follow each other. Registering again is harmless: what is there with the
// same facts counts as existing. With an error the Registration says how far it came.
// Right: devices:write.
func (c *Client) RegisterUnits(ctx context.Context, units []NewUnit) (*Registration, error) {
	all := &Registration{}
	for start := 0; start < len(units); start += ledger.MaxUnits {
		part := units[start:min(start+ledger.MaxUnits, len(units))]
		lines := make([][]byte, len(part))
		for i := range part {
			var err error
			if lines[i], err = json.Marshal(part[i]); err != nil {
				return all, fmt.Errorf("encoding a unit: %w", err)
			}
		}
		got, err := c.RegisterLines(ctx, lines)
		all.Registered += got.Registered
		all.Existing += got.Existing
		for _, r := range got.Refused {
			r.Index += start
			all.Refused = append(all.Refused, r)
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// batch is what the node says to a request; see POST /v1/units/batch.
type batch struct {
	Registered, Existing, Pending int
	Refused                       []refused
}

type refused struct {
	Index  int
	Code   ledger.Code
	Detail string
	Errors []fault
}

// passing reports whether a refusal goes away by itself.
func (r *refused) passing() bool {
	return r.Code == ledger.CodeBusy || r.Code == ledger.CodeUnavailable
}

func (r *refused) reason() string {
	e := Error{Detail: r.Detail, Faults: faultsOf(r.Errors)}
	return e.Reason()
}

// RegisterLines is RegisterUnits for up to ledger.MaxUnits devices that are JSON
// already, a line each. What is none, the node refuses alone.
//
// It sends again what the node is too busy for, or has under way, until each is
// registered or refused. Devices that exist are those of the first answer: later
// ones count what this call itself registered. The Registration holds with an error,
// too.
func (c *Client) RegisterLines(ctx context.Context, lines [][]byte) (*Registration, error) {
	out := &Registration{}
	begun := time.Now()
	left := make([]int, len(lines)) // places of what has no answer that is final
	for i := range left {
		left[i] = i
	}
	for try := 0; len(left) > 0; try++ {
		got, err := c.registerOnce(ctx, lines, left)
		if err != nil {
			return out, err
		}
		if try == 0 {
			out.Existing = got.Existing
		}
		rest, why, err := out.settle(got, left)
		if err != nil {
			return out, err
		}
		left = rest
		if len(left) == 0 {
			break
		}
		pause := backoff(try)
		if time.Since(begun)+pause > c.patient || !sleep(ctx, pause) {
			return out, fmt.Errorf("the ledger does not take the units: %w", why)
		}
	}
	slices.SortFunc(out.Refused, func(a, b RefusedUnit) int { return a.Index - b.Index })
	out.Registered = len(lines) - out.Existing - len(out.Refused)
	return out, nil
}

// settle takes what is final out of an answer for the places in left, and returns
// the others, and why they are not.
func (out *Registration) settle(got *batch, left []int) (rest []int, why, err error) {
	firm := map[int]bool{}
	for i := range got.Refused {
		r := &got.Refused[i]
		switch {
		case r.Index < 0 || r.Index >= len(left):
			return nil, nil, errors.New("the node answered for a unit that it was not sent")
		case r.passing():
			rest = append(rest, left[r.Index])
			why = ledger.Problemf(r.Code, "%s", r.reason())
		default:
			firm[r.Index] = true
			out.Refused = append(out.Refused, RefusedUnit{left[r.Index], r.Code, r.reason()})
		}
	}
	if n := got.Registered + got.Existing + got.Pending + len(got.Refused); n != len(left) {
		return nil, nil, fmt.Errorf("the node answered for %d of %d units", n, len(left))
	}
	if got.Pending > 0 { // which they are it does not say: all are asked for again
		rest = rest[:0]
		for i, place := range left {
			if !firm[i] {
				rest = append(rest, place)
			}
		}
		why = ledger.Problemf(ledger.CodeUnavailable, "the ledger has not taken the units yet")
	}
	return rest, why, nil
}

func (c *Client) registerOnce(ctx context.Context, lines [][]byte, places []int) (*batch, error) {
	var body bytes.Buffer
	for _, i := range places {
		body.Write(lines[i])
		body.WriteByte('\n')
	}
	var got batch
	r := request{method: http.MethodPost, path: "/v1/units/batch", media: mediaNDJSON, body: body.Bytes()}
	return found(&got, c.call(ctx, r, &got))
}
