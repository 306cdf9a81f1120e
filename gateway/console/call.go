package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Ledger is a connection to the ledger with a node's identities: a
// client.Client, or a ledger in memory.
type Ledger interface {
	client.Submitter
	Consult(ctx context.Context, name string, req, out any) (client.Source, error)
	Close() error
}

// call is one transaction to call.
type call struct {
	name      string
	request   json.RawMessage
	role      ledger.Role
	transient client.Transient
	within    time.Duration
}

// Result is what became of a call.
type Result struct {
	Answer json.RawMessage // what the contract answered
	Tx     string          // of a submitted one: its transaction, hex
	Block  uint64          // and its block
	Source client.Source   // of a read: whose word it is
}

// run makes the call.
func (c *call) run(ctx context.Context, l Ledger) (*Result, error) {
	if slices.Contains(ledger.Evaluations, c.name) {
		var answer json.RawMessage
		source, err := l.Consult(ctx, c.name, c.request, &answer)
		if err != nil {
			return nil, c.explain(err)
		}
		return &Result{Answer: answer, Source: source}, nil
	}
	answer, commit, err := client.Submit[json.RawMessage](ctx, l, c.role, c.name, c.request, client.Within(c.within), client.With(c.transient))
	if err != nil {
		return nil, c.explain(err)
	}
	return &Result{Answer: *answer, Tx: commit.Tx, Block: commit.Block}, nil
}

// explain turns an error into one that says what to do.
func (c *call) explain(err error) error {
	if unknown, ok := errors.AsType[*client.UnknownOutcome](err); ok {
		return fmt.Errorf("%w; ask for it later with `secant ledger --outcome %s --as ORGANISATION` before calling again", err, unknown.Tx)
	}
	p, ok := errors.AsType[*ledger.Problem](err)
	if !ok {
		return err
	}
	lines := []string{p.Detail}
	for _, f := range p.Faults {
		lines = append(lines, "  "+f.Field+" "+f.Detail)
	}
	switch p.Code {
	case ledger.CodeInvalid:
		lines = append(lines, "The request of "+c.name+" is "+form(c.name))
	case ledger.CodeConflict:
		lines = append(lines, "Read the record again and state what it says now")
	case ledger.CodeUnavailable:
		lines = append(lines, "`secant status` says what runs")
	}
	return &told{strings.Join(lines, "\n"), p}
}

// told is a Problem in words for an operator.
type told struct {
	text    string
	problem *ledger.Problem
}

func (t *told) Error() string { return t.text }
func (t *told) Unwrap() error { return t.problem }

// maxRequest bounds a file or standard input, in bytes.
const maxRequest = 1 << 20

// readRequest checks that a request is one JSON object.
func readRequest(name string, text []byte) (json.RawMessage, error) {
	if len(strings.TrimSpace(string(text))) == 0 {
		text = []byte("{}")
	}
	if err := strictjson.Check("the request", text, strictjson.Limits{Bytes: ledger.MaxRequestOf(name), Depth: 16, Values: 100_000}); err != nil {
		return nil, badRequest(name, err)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil || object == nil {
		return nil, badRequest(name, errors.New("the request is not a JSON object"))
	}
	return json.RawMessage(text), nil
}

func badRequest(name string, err error) error {
	text := err.Error()
	if p, ok := errors.AsType[*ledger.Problem](err); ok {
		text = p.Detail
	}
	return fmt.Errorf("%s; the request of %s is %s", text, name, form(name))
}

// readTransient reads a JSON object whose values, each as its own JSON, are what
// the endorsers see.
func readTransient(text []byte) (client.Transient, error) {
	if err := strictjson.Check("the transient file", text, strictjson.Limits{Bytes: maxRequest, Depth: 32, Values: 100_000}); err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil || object == nil {
		return nil, errors.New(`the transient file is not a JSON object, as in {"statements": [...]}`)
	}
	transient := client.Transient{}
	for name, value := range object {
		transient[name] = value
	}
	return transient, nil
}
