package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
)

// Batch says what became of the units of one request. Each is counted once.
type Batch struct {
	Registered int           `json:"registered" doc:"Registered by this request."`
	Existing   int           `json:"existing" doc:"Registered before with the same facts; nothing was done."`
	Pending    int           `json:"pending" doc:"Stored, and on their way to the ledger: see operations. Sending them again is harmless."`
	Refused    []RefusedUnit `json:"refused" doc:"Not registered, in the order of the request."`
	Operations []string      `json:"operations" doc:"Operations that are under way, as of /v1/operations."`
}

// RefusedUnit is a unit of a batch that was not registered, and why.
type RefusedUnit struct {
	Index  int             `json:"index" doc:"Its place in the request, from 0: the line, or the element of the list."`
	Code   ledger.Code     `json:"code" doc:"busy and unavailable may go away by themselves."`
	Detail string          `json:"detail"`
	Errors []problem.Fault `json:"errors,omitempty" doc:"Each fault of the unit."`
}

// maxBatch bounds the body of a batch, in bytes.
const maxBatch = 2 << 20

// groupsAtOnce is how many commands of one batch are under way at a time. Units
// of one lot, release and owner make one command.
const groupsAtOnce = 8

func (a *API) batchRoute() {
	text := &huma.MediaType{Schema: &huma.Schema{Type: "string"}}
	done := map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[Batch](a.api)}}
	a.api.stream(auth.DevicesWrite, huma.Operation{
		OperationID: "register-units", Method: http.MethodPost, Path: "/v1/units/batch", Tags: []string{"devices"},
		Summary: fmt.Sprintf("Register up to %d devices of own models", ledger.MaxUnits),
		Description: "The body is NDJSON with one unit a line, or a JSON list of units; a unit is what POST /v1/units takes, with a release. " +
			"Units of one model, lot, release and owner are registered together or not at all. " +
			"Every unit is counted in the answer, and sending a batch again is harmless: what is registered with the same facts counts as existing.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			typeNDJSON: text, typeJSON: {Schema: &huma.Schema{Type: "array", Items: schemaOf[NewUnit](a.api)}},
		}},
		Responses: map[string]*huma.Response{
			"200": {Description: "Done with.", Content: done},
			"202": {Description: "Some are on their way to the ledger.", Content: done},
		},
	}, a.registerUnits)
}

func (a *API) registerUnits(c *gin.Context) error {
	media, err := contentType(c, typeNDJSON, typeJSON)
	if err != nil {
		return err
	}
	text, err := readBody(c)
	if err != nil {
		return err
	}
	if len(text) > maxBatch {
		return ledger.Problemf(ledger.CodeTooLarge, "the body must have at most %d bytes", maxBatch)
	}
	items, err := batchItems(media, text)
	if err != nil {
		return err
	}
	b := batch{api: a, answer: Batch{Refused: []RefusedUnit{}, Operations: []string{}}}
	if err := b.run(c.Request.Context(), items); err != nil {
		return err
	}
	status := http.StatusOK
	if b.answer.Pending > 0 {
		status = http.StatusAccepted
	}
	return writeJSON(c, status, b.answer)
}

// batch is one request on its way.
type batch struct {
	api *API

	mu     sync.Mutex // guards answer
	answer Batch
}

// candidate is a unit that is fit to be registered.
type candidate struct {
	index int
	id    string
	unit  ledger.NewUnit
}

// group is what the units of one command have in common.
type group struct{ di, lot, release, owner string }

// run takes the units of a request to their ends. Its error is a fault of the
// node's, or of the store's, before anything was sent.
func (b *batch) run(ctx context.Context, items []batchItem) error {
	groups, serials := map[group][]candidate{}, map[string]string{}
	models := map[string]error{} // by UDI-DI: why its units cannot be registered here
	for _, item := range items {
		req, faults := item.request(b.api.MakerKey)
		if len(faults) > 0 {
			b.refuse(item.index, invalid(faults...))
			continue
		}
		id := ledger.UnitID(b.api.Organisation, req.SerialMAC)
		if _, twice := serials[id]; twice {
			b.refuse(item.index, invalid(ledger.Fault{Field: "serial", Detail: "must not stand in the request twice"}))
			continue
		}
		why, known := models[req.DI]
		if !known {
			if why = b.api.ownModel(ctx, req.DI); why != nil && !isProblem(why) {
				return why
			}
			models[req.DI] = why
		}
		if why != nil {
			b.refuse(item.index, why)
			continue
		}
		found, err := b.existing(ctx, id, req)
		switch {
		case err != nil && !isProblem(err):
			return err
		case err != nil:
			b.refuse(item.index, err)
			continue
		case found:
			b.answer.Existing++
			continue
		}
		serials[id] = item.unit.Serial
		g := group{req.DI, req.Lot, req.Release, req.Owner}
		groups[g] = append(groups[g], candidate{item.index, id, ledger.NewUnit{SerialMAC: req.SerialMAC, PublicKey: req.PublicKey, IDevID: req.IDevID}})
	}
	// As with a single unit: without its serial nobody could tell afterwards
	// which device an id on the ledger stands for.
	if err := b.api.Inventory.PutSerials(ctx, serials); err != nil {
		return doing("keeping the serial numbers", err)
	}
	var sending errgroup.Group
	sending.SetLimit(groupsAtOnce)
	for g, units := range groups {
		sending.Go(func() error { b.send(ctx, g, units); return nil })
	}
	_ = sending.Wait() // what went wrong is in the answer
	slices.SortFunc(b.answer.Refused, func(x, y RefusedUnit) int { return cmp.Compare(x.Index, y.Index) })
	slices.Sort(b.answer.Operations)
	return nil
}

// ownModel returns nil when the model is the organisation's own.
func (a *API) ownModel(ctx context.Context, di string) error {
	model, err := a.Models.Model(ctx, di)
	if err != nil {
		return err
	}
	if model.Record.Manufacturer != a.Organisation {
		return ledger.Problemf(ledger.CodeDenied, "only the model's manufacturer registers its units")
	}
	return nil
}

// existing reports whether a unit is registered already, with the same facts as
// the contract compares: release and owner only while nothing has happened to it.
func (b *batch) existing(ctx context.Context, id string, req *ledger.RegisterUnit) (bool, error) {
	row, err := b.api.Units.Unit(ctx, id)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	u := row.Record
	u.Upcast()
	untouched := u.Revision == 1
	var faults []ledger.Fault
	for _, f := range []struct {
		field, want, have string
		fixed             bool
	}{
		{"lot", req.Lot, u.Lot, true},
		{"publicKey", req.PublicKey, u.PublicKey, true},
		{"iDevId", req.IDevID, u.IDevID, true},
		{"release", req.Release, u.Release, untouched},
		{"owner", req.Owner, u.Owner, untouched},
	} {
		if f.fixed && f.want != f.have {
			faults = append(faults, ledger.Fault{Field: f.field, Detail: "must be the one with which the unit is registered"})
		}
	}
	if len(faults) > 0 {
		return false, &ledger.Problem{Code: ledger.CodeConflict, Detail: "the unit is registered with other facts", Faults: faults}
	}
	return true, nil
}

// send takes the units of one command to the ledger. When the contract finds
// fault with some of them it registers none: those are refused, and the others
// are sent again without them, once.
func (b *batch) send(ctx context.Context, g group, units []candidate) {
	for try := 0; ; try++ {
		req := ledger.RegisterUnits{DI: g.di, Lot: g.lot, Release: g.release, Owner: g.owner}
		for _, u := range units {
			req.Units = append(req.Units, u.unit)
		}
		op, err := b.api.Commands.Do(ctx, "", ledger.RoleRegistrar, ledger.DeviceRegisterUnits, req)
		if err == nil || isPending(err) || ledger.CodeOf(err) == ledger.CodeAlreadyExists {
			b.count(len(units), op, err)
			return
		}
		var good []candidate
		faulty := unitFaults(err, len(units))
		for i, u := range units {
			switch faults, bad := faulty[i]; {
			case bad:
				b.refuse(u.index, &ledger.Problem{Code: ledger.CodeOf(err), Detail: asDetail(err), Faults: faults})
			case len(faulty) == 0 || try > 0:
				b.refuse(u.index, err)
			default:
				good = append(good, u)
			}
		}
		if len(good) == 0 {
			return
		}
		units = good
	}
}

// count counts the units of a command that was taken.
func (b *batch) count(n int, op *fact.Operation, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	pending, isPending := errors.AsType[*fact.Pending](err)
	var made ledger.UnitsRegistered
	switch {
	case isPending:
		b.answer.Pending += n
		b.answer.Operations = append(b.answer.Operations, pending.Operation)
	case err != nil: // all exist
		b.answer.Existing += n
	case json.Unmarshal(op.Result, &made) != nil || made.Registered+made.Skipped != n:
		b.answer.Registered += n // done, and an older operation does not tell the shares
	default:
		b.answer.Registered += made.Registered
		b.answer.Existing += made.Skipped
	}
}

func (b *batch) refuse(index int, err error) {
	d := problem.Of(err)
	code := ledger.CodeOf(err)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer.Refused = append(b.answer.Refused, RefusedUnit{Index: index, Code: code, Detail: d.Detail, Errors: d.Errors})
}

// unitFaults are the faults of single units in a refusal of the contract's, by
// place among the n units that were sent.
func unitFaults(err error, n int) map[int][]ledger.Fault {
	p, ok := asProblem(err)
	if !ok {
		return nil
	}
	found := map[int][]ledger.Fault{}
	for _, f := range p.Faults {
		place, field, _ := strings.Cut(f.Field, ".")
		var i int
		if _, err := fmt.Sscanf(place, "units[%d]", &i); err == nil && i >= 0 && i < n {
			found[i] = append(found[i], ledger.Fault{Field: cmp.Or(field, "unit"), Detail: f.Detail})
		}
	}
	return found
}

func isPending(err error) bool {
	_, ok := errors.AsType[*fact.Pending](err)
	return ok
}

func isProblem(err error) bool {
	p, ok := asProblem(err)
	return ok && p.Code != ledger.CodeInternal
}

func asDetail(err error) string {
	if p, ok := asProblem(err); ok {
		return p.Detail
	}
	return "the unit was not registered"
}
