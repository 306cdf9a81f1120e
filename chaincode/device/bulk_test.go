package device_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// chunk is a request to register units from one serial to before another.
func chunk(from, to int) ledger.RegisterUnits {
	r := ledger.RegisterUnits{DI: statetest.SeededDI, Lot: "L-bulk", Release: statetest.SeededRelease, Owner: north}
	for i := from; i < to; i++ {
		r.Units = append(r.Units, ledger.NewUnit{SerialMAC: ledger.BodyDigest(fmt.Append(nil, i))})
	}
	return r
}

func bulk(l *statetest.Ledger, req ledger.RegisterUnits) statetest.Proposal {
	return statetest.Proposal{Client: l.Client(maker, ledger.RoleRegistrar), Name: ledger.DeviceRegisterUnits, Request: req}
}

// TestAChunkOfUnitsCanBeSentAgain: what is there is skipped, what is missing
// registered, and units that have gone on with their lives are left alone.
func TestAChunkOfUnitsCanBeSentAgain(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	register := func(req ledger.RegisterUnits, registered, skipped int) {
		t.Helper()
		var got ledger.UnitsRegistered
		statetest.Want(t, "", l.Submitted(t, bulk(l, req), &got))
		if got != (ledger.UnitsRegistered{Registered: registered, Skipped: skipped}) {
			t.Errorf("registered %+v, want %d and %d", got, registered, skipped)
		}
	}
	register(chunk(0, 10), 10, 0)
	id := ledger.UnitID(maker, ledger.BodyDigest(fmt.Append(nil, 3)))
	statetest.Want(t, "", l.Submitted(t, service(l, north, id), nil))
	before := l.Height()
	register(chunk(0, 15), 5, 10)
	tx := l.Blocks(before)[0].Txs[0]
	if len(tx.Writes) != 5+1 || tx.Event.Kind != ledger.EventUnitsRegistered || len(tx.Event.Subjects) != 2 {
		t.Errorf("five units more wrote %d keys and the event %+v", len(tx.Writes), tx.Event)
	}
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, bulk(l, chunk(0, 15)), nil))
	var u ledger.Unit
	statetest.Want(t, "", l.Evaluate(l.Client(east, ""), ledger.DeviceGetUnit, ledger.GetUnit{ID: id}, &u))
	if u.State != ledger.StateInService || u.Revision != 2 {
		t.Errorf("the unit that was in service is %+v", u)
	}
}

// TestAChunkRefusesUnitsWithOtherFacts, and says which.
func TestAChunkRefusesUnitsWithOtherFacts(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*ledger.RegisterUnits){
		"lot":        func(r *ledger.RegisterUnits) { r.Lot = "L-other" },
		"owner":      func(r *ledger.RegisterUnits) { r.Owner = south },
		"release":    func(r *ledger.RegisterUnits) { r.Release = newer },
		"public key": func(r *ledger.RegisterUnits) { r.Units[1].PublicKey = ledger.BodyDigest([]byte("k")) },
		"identity":   func(r *ledger.RegisterUnits) { r.Units[1].IDevID = ledger.BodyDigest([]byte("i")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := statetest.NewSeeded(t)
			statetest.Want(t, "", l.Submitted(t, release(l, statetest.SeededDI, newer), nil))
			statetest.Want(t, "", l.Submitted(t, bulk(l, chunk(1, 2)), nil))
			req := chunk(0, 3)
			change(&req)
			p, ok := errors.AsType[*ledger.Problem](l.Submitted(t, bulk(l, req), nil))
			if !ok || p.Code != ledger.CodeInvalid || len(p.Faults) != 1 || p.Faults[0].Field != "units[1]" {
				t.Errorf("the problem is %v", p)
			}
		})
	}
}

// TestAChunkNeedsWhatItRefersTo as a single registration does.
func TestAChunkNeedsWhatItRefersTo(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	for name, c := range map[string]struct {
		change func(*ledger.RegisterUnits)
		code   ledger.Code
	}{
		"model":       {func(r *ledger.RegisterUnits) { r.DI = "unknown" }, ledger.CodeNotFound},
		"release":     {func(r *ledger.RegisterUnits) { r.Release = "9.9" }, ledger.CodeNotFound},
		"owner":       {func(r *ledger.RegisterUnits) { r.Owner = "hospital-west" }, ledger.CodeInvalid},
		"no hospital": {func(r *ledger.RegisterUnits) { r.Owner = authority }, ledger.CodeInvalid},
		"no units":    {func(r *ledger.RegisterUnits) { r.Units = nil }, ledger.CodeInvalid},
	} {
		req := chunk(0, 2)
		c.change(&req)
		if err := l.Submitted(t, bulk(l, req), nil); ledger.CodeOf(err) != c.code {
			t.Errorf("a chunk without its %s: %v", name, err)
		}
	}
	made := ledger.RegisterUnit{SerialMAC: ledger.BodyDigest(fmt.Append(nil, 0)), DI: statetest.SeededDI, Lot: "L-bulk"}
	p := bulk(l, chunk(0, 2))
	p.Name, p.Request = ledger.DeviceRegisterUnit, made
	statetest.Want(t, "", l.Submitted(t, p, nil))
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, bulk(l, chunk(0, 2)), nil)) // one is manufactured only: it is completed
}

// TestAThousandUnitsInOneTransaction: the largest chunk, twice in one block.
func TestAThousandUnitsInOneTransaction(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	if valid := l.Race(t, bulk(l, chunk(0, 1000)), bulk(l, chunk(1000, 2000)), bulk(l, chunk(1999, 2001))); !valid[0] || !valid[1] || valid[2] {
		t.Errorf("of two chunks and one that overlaps these are valid: %v", valid)
	}
	s, err := l.Simulate(bulk(l, chunk(0, 1001)))
	if err != nil {
		t.Fatal(err)
	}
	statetest.Want(t, ledger.CodeInvalid, s.Err())
}

// BenchmarkRegisterUnits simulates a chunk of a thousand: what it costs the
// chaincode alone.
func BenchmarkRegisterUnits(b *testing.B) {
	b.Run("without keys", func(b *testing.B) { registerMany(b, func(*ledger.NewUnit) {}) })
	b.Run("with keys", func(b *testing.B) {
		registerMany(b, func(u *ledger.NewUnit) { u.PublicKey, u.IDevID = signing(u.SerialMAC), u.SerialMAC })
	})
}

func registerMany(b *testing.B, change func(*ledger.NewUnit)) {
	b.Helper()
	l, err := statetest.Open(statetest.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if err := l.Seed(); err != nil {
		b.Fatal(err)
	}
	from := 0
	for b.Loop() {
		b.StopTimer()
		req := chunk(from, from+ledger.MaxUnits)
		for i := range req.Units {
			change(&req.Units[i])
		}
		p := bulk(l, req)
		from += ledger.MaxUnits
		b.StartTimer()
		s, err := l.Simulate(p)
		if err != nil {
			b.Fatal(err)
		}
		if s.Err() != nil {
			b.Fatal(s.Err())
		}
		b.StopTimer()
		if code := l.Commit(s)[0]; code != peer.TxValidationCode_VALID {
			b.Fatal(code)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N)*ledger.MaxUnits/b.Elapsed().Seconds(), "units/s")
}
