package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/rest"
)

// registrar answers RegisterUnits with a function, and keeps what it was asked.
type registrar struct {
	answer func(ledger.RegisterUnits) (*fact.Operation, error)

	mu   sync.Mutex
	sent []ledger.RegisterUnits
}

func (r *registrar) Do(_ context.Context, _ string, role ledger.Role, name string, request any) (*fact.Operation, error) {
	req, ok := request.(ledger.RegisterUnits)
	if !ok || role != ledger.RoleRegistrar || name != ledger.DeviceRegisterUnits || req.Validate() != nil {
		return nil, fmt.Errorf("%s by %s: %+v", name, role, request)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, req)
	if r.answer != nil {
		return r.answer(req)
	}
	return registered(len(req.Units), 0), nil
}

func (r *registrar) Start(ctx context.Context, key string, role ledger.Role, name string, request any) (*fact.Operation, error) {
	return r.Do(ctx, key, role, name, request)
}

func registered(n, skipped int) *fact.Operation {
	b, err := json.Marshal(ledger.UnitsRegistered{Registered: n, Skipped: skipped})
	if err != nil {
		panic(err)
	}
	return &fact.Operation{ID: "o", State: fact.StateDone, Result: b}
}

// line is a unit of a batch; the last of two fields of one name wins.
func line(serial string, more ...string) string {
	unit := map[string]string{"di": "x", "lot": "L1", "release": "1.0", "owner": "hospital-south", "serial": serial}
	for i := 0; i+1 < len(more); i += 2 {
		if unit[more[i]] = more[i+1]; more[i+1] == "" {
			delete(unit, more[i])
		}
	}
	b, err := json.Marshal(unit)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// batchOf sends a batch to a node whose organisation makes the model "x", and
// another the model "y".
func batchOf(t *testing.T, r *registrar, media, text string) (int, rest.Batch, string) {
	t.Helper()
	known := &ledger.Unit{
		V: 2, Revision: 2, ID: ledger.UnitID("hospital-north", rest.SerialMAC([]byte("maker"), "x", "OLD")), DI: "x", Lot: "L1", Release: "0.9",
		Manufacturer: "hospital-north", Owner: "hospital-east", State: ledger.StateInService, Certification: ledger.CertificationNone,
	}
	s := ledgerOf(t, known,
		&ledger.Model{V: 1, DI: "x", Name: "n", ModelNumber: "m", Manufacturer: "hospital-north", RiskClass: "I"},
		&ledger.Model{V: 1, DI: "y", Name: "n", ModelNumber: "m", Manufacturer: "medtech", RiskClass: "I"})
	deps := storeDeps(t, s)
	deps.Commands = r
	_, _, e := serve(t, deps)
	w := call(t, e, auth.RoleRegistrar, http.MethodPost, "/v1/units/batch", strings.NewReader(text), "Content-Type", media)
	var got rest.Batch
	if w.Code < 300 {
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
	}
	return w.Code, got, w.Body.String()
}

const ndjson = "application/x-ndjson"

func TestABatchCountsEveryUnitOnce(t *testing.T) {
	t.Parallel()
	r := &registrar{}
	text := strings.Join([]string{
		line("A"), line("B"), line("OLD"), line("C", "lot", "L2"), "", line("A"), // twice
		line("D", "di", "y"), line("E", "di", "z"), line("F", "release", ""), line("G", "colour", marked), `{"serial":`,
		line("OLD", "publicKey", strings.Repeat("0123456789abcdef", 4)), line("H", "lot", " "), line(""), `null`, `{"Serial":"I"}`,
	}, "\n") + "\n"
	status, got, body := batchOf(t, r, ndjson, text)
	if status != http.StatusOK || got.Registered != 3 || got.Existing != 1 || got.Pending != 0 || len(got.Operations) != 0 {
		t.Errorf("%d %s", status, body)
	}
	var why []string
	for _, u := range got.Refused {
		text := []string{strconv.Itoa(u.Index), string(u.Code)}
		for _, f := range u.Errors {
			text = append(text, f.Location)
		}
		why = append(why, strings.Join(text, " "))
	}
	want := []string{
		"5 invalid serial", "6 denied", "7 not_found", "8 invalid release", "9 invalid unit", "10 invalid unit",
		"11 conflict publicKey", "12 invalid lot", "13 invalid serial", "14 invalid unit", "15 invalid unit",
	}
	if diff := cmp.Diff(want, why); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(body, marked) {
		t.Error("the answer repeats what was sent")
	}
	if len(r.sent) != 2 { // of two lots
		t.Errorf("%d commands were sent", len(r.sent))
	}
}

func TestABatchIsTakenAsAListToo(t *testing.T) {
	t.Parallel()
	r := &registrar{}
	status, got, body := batchOf(t, r, "application/json", "["+line("A")+","+line("B")+"]")
	if status != http.StatusOK || got.Registered != 2 || len(got.Refused) != 0 || len(r.sent) != 1 {
		t.Errorf("%d %s", status, body)
	}
	for name, c := range map[string]struct {
		media, text string
		status      int
	}{
		"no list":               {"application/json", line("A"), http.StatusBadRequest},
		"no JSON":               {"application/json", "[", http.StatusBadRequest},
		"an empty list":         {"application/json", "[]", http.StatusUnprocessableEntity},
		"nothing":               {ndjson, "", http.StatusUnprocessableEntity},
		"more than are allowed": {ndjson, strings.Repeat(line("A")+"\n", ledger.MaxUnits+1), http.StatusRequestEntityTooLarge},
		"another form":          {"text/csv", "di,lot", http.StatusUnsupportedMediaType},
	} {
		r := &registrar{}
		if status, _, body := batchOf(t, r, c.media, c.text); status != c.status || len(r.sent) > 0 {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// TestWhatTheContractRefusesIsSaidOfEachUnit: a command registers all of its
// units or none, and none is lost sight of.
func TestWhatTheContractRefusesIsSaidOfEachUnit(t *testing.T) {
	t.Parallel()
	text := line("A") + "\n" + line("B") + "\n" + line("C") + "\n"
	for name, c := range map[string]struct {
		answer  func(ledger.RegisterUnits) (*fact.Operation, error)
		want    rest.Batch
		refused []int
		status  int
	}{
		"the second is at fault": {func(r ledger.RegisterUnits) (*fact.Operation, error) {
			if len(r.Units) == 3 {
				return nil, &ledger.Problem{Code: ledger.CodeConflict, Detail: "d", Faults: []ledger.Fault{{Field: "units[1]", Detail: "is registered already, with other facts"}}}
			}
			return registered(1, 1), nil
		}, rest.Batch{Registered: 1, Existing: 1}, []int{1}, 200},
		"one after the other is": {func(ledger.RegisterUnits) (*fact.Operation, error) {
			return nil, &ledger.Problem{Code: ledger.CodeInvalid, Detail: "d", Faults: []ledger.Fault{{Field: "units[0].publicKey", Detail: "f"}}}
		}, rest.Batch{}, []int{0, 1, 2}, 200},
		"the owner is": {func(ledger.RegisterUnits) (*fact.Operation, error) {
			return nil, &ledger.Problem{Code: ledger.CodeInvalid, Detail: "d", Faults: []ledger.Fault{{Field: "owner", Detail: "f"}}}
		}, rest.Batch{}, []int{0, 1, 2}, 200},
		"the ledger is busy": {func(ledger.RegisterUnits) (*fact.Operation, error) {
			return nil, ledger.Problemf(ledger.CodeBusy, "later")
		}, rest.Batch{}, []int{0, 1, 2}, 200},
		"all exist": {func(ledger.RegisterUnits) (*fact.Operation, error) {
			return nil, ledger.Problemf(ledger.CodeAlreadyExists, "all exist")
		}, rest.Batch{Existing: 3}, nil, 200},
		"it takes long": {func(ledger.RegisterUnits) (*fact.Operation, error) {
			return nil, &fact.Pending{Operation: "0011"}
		}, rest.Batch{Pending: 3, Operations: []string{"0011"}}, nil, 202},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &registrar{answer: c.answer}
			status, got, body := batchOf(t, r, ndjson, text)
			if status != c.status || got.Registered != c.want.Registered || got.Existing != c.want.Existing || got.Pending != c.want.Pending ||
				len(got.Operations) != len(c.want.Operations) {
				t.Errorf("%d %s", status, body)
			}
			var refused []int
			for _, u := range got.Refused {
				refused = append(refused, u.Index)
			}
			if diff := cmp.Diff(c.refused, refused); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestALargeBatchFitsItsCommand: as many units as are allowed, with all that a
// unit can have.
func TestALargeBatchFitsItsCommand(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	key := "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a" // RFC 8032, 7.1, test 1
	for i := range ledger.MaxUnits {
		b.WriteString(line(fmt.Sprintf("SN-%06d", i), "publicKey", key, "iDevId", strings.Repeat("ab", 32)) + "\n")
	}
	r := &registrar{}
	status, got, body := batchOf(t, r, ndjson, b.String())
	if status != http.StatusOK || got.Registered != ledger.MaxUnits || len(r.sent) != 1 {
		t.Fatalf("%d %.300s", status, body)
	}
	encoded, err := json.Marshal(r.sent[0])
	if err != nil || len(encoded) > ledger.MaxRequestOf(ledger.DeviceRegisterUnits) {
		t.Errorf("the command has %d bytes, %v", len(encoded), err)
	}
}
