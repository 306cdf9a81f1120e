package rest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
)

// Commands carries transactions to the ledger, through the outbox.
type Commands interface {
	// Do waits until the command is committed and projected. It fails with a
	// ledger.Problem when the command was refused, and with a *fact.Pending when
	// it goes on but took longer than callers are made to wait. A command with a
	// key is done once, however often it is asked for under that key.
	Do(ctx context.Context, key string, role ledger.Role, name string, request any) (*fact.Operation, error)
	// Start is Do without the waiting.
	Start(ctx context.Context, key string, role ledger.Role, name string, request any) (*fact.Operation, error)
}

// Operations finds commands.
type Operations interface {
	Operation(ctx context.Context, id string) (fact.Operation, error)
}

// CommandHeaders are the headers that every command takes.
type CommandHeaders struct {
	Prefer string `header:"Prefer" maxLength:"100" doc:"With respond-async the answer is 202 at once, and the operation tells the outcome (RFC 7240, section 4.1)." example:"respond-async"`
	Key    string `header:"Idempotency-Key" maxLength:"128" doc:"A name of the caller's own for this command. The same command under the same key is done once."`
}

func (h *CommandHeaders) async() bool {
	for p := range strings.SplitSeq(h.Prefer, ",") {
		if strings.EqualFold(strings.TrimSpace(p), "respond-async") {
			return true
		}
	}
	return false
}

// answer is the answer to a command: the record that it made, or the operation
// that is under way.
type answer struct {
	Status   int
	Location string `header:"Location" doc:"Where the record stands, or the operation."`
	Body     any
}

// command sends a command and answers with what read finds afterwards.
func (a *API) command(ctx context.Context, h *CommandHeaders, role ledger.Role, name string, request any, location string, read func(context.Context) (any, error)) (*answer, error) {
	return a.made(ctx, h, role, name, request, func(ctx context.Context, _ string) (string, any, error) {
		body, err := read(ctx)
		return location, body, err
	})
}

// made is command for a record that is named by the transaction that made it.
func (a *API) made(ctx context.Context, h *CommandHeaders, role ledger.Role, name string, request any, read func(ctx context.Context, tx string) (location string, body any, err error)) (*answer, error) {
	op, err := a.send(ctx, h, role, name, request)
	if pending, ok := errors.AsType[*fact.Pending](err); ok {
		op, err = a.operation(ctx, pending.Operation)
	}
	if err != nil {
		return nil, err
	}
	if op.State != fact.StateDone {
		return &answer{http.StatusAccepted, "/v1/operations/" + op.ID, viewOperation(op)}, nil
	}
	location, body, err := read(ctx, op.Tx)
	if err != nil {
		return nil, err
	}
	return &answer{http.StatusCreated, location, body}, nil
}

func (a *API) send(ctx context.Context, h *CommandHeaders, role ledger.Role, name string, request any) (*fact.Operation, error) {
	key := ""
	if h.Key != "" {
		// One caller's keys mean nothing to another.
		caller := auth.CallerOf(ctx)
		sum := sha256.Sum256([]byte(strings.Join([]string{caller.Organisation, string(caller.Role), caller.Subject, name, h.Key}, "\x00")))
		key = hex.EncodeToString(sum[:])
	}
	if h.async() {
		return a.Commands.Start(ctx, key, role, name, request)
	}
	return a.Commands.Do(ctx, key, role, name, request)
}

func (a *API) operation(ctx context.Context, id string) (*fact.Operation, error) {
	op, err := a.Operations.Operation(ctx, id)
	if err != nil {
		return nil, err
	}
	return &op, nil
}

// PathOperation finds an operation.
type PathOperation struct {
	ID string `path:"id" pattern:"^[0-9a-f]{32}$" patternDescription:"32 lower-case hexadecimal digits" doc:"The operation's id."`
}

// Operation is a command on its way to the ledger.
type Operation struct {
	ID       string          `json:"id" doc:"32 hexadecimal digits."`
	Name     string          `json:"name" doc:"The transaction." example:"device:RegisterUnit"`
	State    fact.State      `json:"state" enum:"stored,endorsed,done,failed" doc:"How far it has come. Done and failed are final."`
	Tx       string          `json:"tx,omitempty" doc:"The newest transaction, or the one that did it."`
	Block    uint64          `json:"block,omitempty" doc:"Number of its block, when done."`
	Attempts int             `json:"attempts" doc:"Transactions that were endorsed for it."`
	Stored   time.Time       `json:"stored" doc:"When it became durable here."`
	Updated  time.Time       `json:"updated"`
	Result   json.RawMessage `json:"result,omitempty" doc:"The record, when done."`
	Problem  *Outcome        `json:"problem,omitempty" doc:"Why it failed."`
}

// Outcome is why a command failed.
type Outcome struct {
	Code   ledger.Code     `json:"code"`
	Detail string          `json:"detail"`
	Errors []problem.Fault `json:"errors,omitempty"`
}

func viewOperation(op *fact.Operation) Operation {
	v := Operation{
		ID: op.ID, Name: op.Name, State: op.State, Tx: op.Tx, Attempts: op.Attempts,
		Stored: op.Stored, Updated: op.Updated, Result: op.Result,
	}
	if op.State == fact.StateDone {
		v.Block = op.Block
	}
	if op.Problem != nil {
		d := problem.Of(op.Problem)
		v.Problem = &Outcome{Code: op.Problem.Code, Detail: d.Detail, Errors: d.Errors}
	}
	return v
}

func (a *API) operationRoutes() {
	register(a.api, auth.StatusRead, huma.Operation{
		OperationID: "get-operation", Method: http.MethodGet, Path: "/v1/operations/{id}", Tags: []string{"node"},
		Summary:     "What became of a command",
		Description: "Commands that took long, or that were sent with Prefer: respond-async, are found here. Finished ones are kept for a while.",
	}, func(ctx context.Context, in *PathOperation) (*body[Operation], error) {
		op, err := a.operation(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &body[Operation]{viewOperation(op)}, nil
	})
}

// body is an answer that is a body and nothing else.
type body[T any] struct{ Body T }

// commandOp fills in what all commands have in common: 201 with the record, or
// 202 with the operation.
func commandOp[Record any](a *api, op huma.Operation) huma.Operation {
	location := map[string]*huma.Header{"Location": {Description: "Where it stands.", Schema: &huma.Schema{Type: "string"}}}
	op.DefaultStatus = http.StatusCreated
	op.Responses = map[string]*huma.Response{
		"201": {
			Description: "Committed on the ledger.", Headers: location,
			Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[Record](a)}},
		},
		"202": {
			Description: "Stored, and on its way to the ledger.", Headers: location,
			Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[Operation](a)}},
		},
		"default": a.problemResponse(),
	}
	return op
}
