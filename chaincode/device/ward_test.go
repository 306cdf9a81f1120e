package device_test

import (
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

const (
	east      = "hospital-east"
	authority = "authority"
	seededLot = "L1"
	newer     = "3.0.0" // a second release of the seeded model
)

// ward is a ledger with a second release and a person each of north and of the
// authority.
type ward struct {
	*statetest.Ledger
	t             *testing.T
	nurse, expert *statetest.Person
	orders        int
}

func newWard(t *testing.T) *ward {
	t.Helper()
	w := &ward{Ledger: statetest.NewSeeded(t), t: t}
	w.nurse, w.expert = w.employ(north), w.employ(authority)
	statetest.Want(t, "", w.Submitted(t, release(w.Ledger, statetest.SeededDI, newer), nil))
	return w
}

func (w *ward) employ(org string) *statetest.Person {
	w.t.Helper()
	p, err := w.Employ(org, ledger.CredentialReleaser, ledger.CredentialAssessor)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// by is a proposal of somebody.
func (w *ward) by(org string, role ledger.Role, name string, request any) statetest.Proposal {
	return statetest.Proposal{Client: w.Client(org, role), Name: name, Request: request}
}

// agreed adds persons to a proposal about a record.
func (w *ward) agreed(p statetest.Proposal, record ledger.Key, revision int, credential string, persons ...*statetest.Person) statetest.Proposal {
	w.orders++
	p.Transient = w.Agreed(statetest.Order{
		Name: p.Name, Request: p.Request, Record: record, Revision: revision, Credential: credential, Occasion: w.orders,
	}, persons...)
	return p
}

// unit returns a unit as the ledger answers with it.
func (w *ward) unit(id string) ledger.Unit {
	w.t.Helper()
	var u ledger.Unit
	if err := w.Evaluate(w.Client(east, ""), ledger.DeviceGetUnit, ledger.GetUnit{ID: id}, &u); err != nil {
		w.t.Fatal(err)
	}
	return u
}

// register registers a unit of that lot for north.
func (w *ward) register(serial, lot string) string {
	w.t.Helper()
	p := unit(w.Ledger, serial, north)
	req, ok := p.Request.(ledger.RegisterUnit)
	if !ok {
		w.t.Fatal("the request is of another type")
	}
	req.Lot = lot
	p.Request = req
	w.must(p)
	return ledger.UnitID(maker, ledger.BodyDigest([]byte(serial)))
}

func (w *ward) must(p statetest.Proposal) {
	w.t.Helper()
	if err := w.Submitted(w.t, p, nil); err != nil {
		w.t.Fatalf("%s: %v", p.Name, err)
	}
}

func (w *ward) want(code ledger.Code, p statetest.Proposal) {
	w.t.Helper()
	if err := w.Submitted(w.t, p, nil); ledger.CodeOf(err) != code {
		w.t.Errorf("%s: %v, want %q", p.Name, err, code)
	}
}

// The steps of a unit, with the revision that it has.

func (w *ward) certify(id string, good bool) statetest.Proposal {
	u := w.unit(id)
	req := ledger.CertifyUnit{
		ID: id, Revision: u.Revision, Catalogue: "secant-controls/1", Score: 100, Verdict: ledger.VerdictRefused,
		ResultDigest: ledger.BodyDigest([]byte("results")),
	}
	if good {
		req.Score, req.Verdict, req.ValidTo = 9000, ledger.VerdictCertified, w.Now().AddDate(0, 6, 0)
	}
	p := w.by(authority, ledger.RoleCertifier, ledger.DeviceCertify, req)
	return w.agreed(p, u.Key(), u.Revision, ledger.CredentialAssessor, w.expert)
}

func (w *ward) hold(id, reason string) statetest.Proposal {
	return w.by(north, ledger.RoleCustodian, ledger.DeviceHold, ledger.HoldUnit{ID: id, Revision: w.unit(id).Revision, Reason: reason})
}

func (w *ward) quarantine(id, reason string) statetest.Proposal {
	return w.by(north, ledger.RoleCustodian, ledger.DeviceQuarantine, ledger.QuarantineUnit{ID: id, Revision: w.unit(id).Revision, Reason: reason})
}

func (w *ward) releaseBy(id string, persons ...*statetest.Person) statetest.Proposal {
	u := w.unit(id)
	p := w.by(north, ledger.RoleCustodian, ledger.DeviceRelease, ledger.ReleaseUnit{ID: id, Revision: u.Revision})
	return w.agreed(p, u.Key(), u.Revision, ledger.CredentialReleaser, persons...)
}

func (w *ward) update(id, version string) statetest.Proposal {
	return w.by(north, ledger.RoleCustodian, ledger.DeviceUpdateRelease, ledger.UpdateUnit{ID: id, Revision: w.unit(id).Revision, Release: version})
}

func (w *ward) offer(id, to string) statetest.Proposal {
	return w.by(north, ledger.RoleCustodian, ledger.DeviceOffer, ledger.OfferUnit{ID: id, Revision: w.unit(id).Revision, To: to})
}

func (w *ward) accept(org, id string) statetest.Proposal {
	return w.by(org, ledger.RoleCustodian, ledger.DeviceAccept, ledger.AcceptUnit{ID: id, Revision: w.unit(id).Revision})
}

func (w *ward) retire(id string) statetest.Proposal {
	return w.by(north, ledger.RoleCustodian, ledger.DeviceRetire, ledger.RetireUnit{
		ID: id, Revision: w.unit(id).Revision, WipeDigest: ledger.BodyDigest([]byte("wiped")),
	})
}

func (w *ward) clear(id, kind string, recall int, persons ...*statetest.Person) statetest.Proposal {
	u := w.unit(id)
	p := w.by(north, ledger.RoleCustodian, ledger.DeviceClear, ledger.ClearUnit{ID: id, Revision: u.Revision, Kind: kind, Recall: recall})
	return w.agreed(p, u.Key(), u.Revision, ledger.CredentialReleaser, persons...)
}

// recall recalls a lot or release of the seeded model.
func (w *ward) recall(org string, role ledger.Role, kind, value string, revision int) statetest.Proposal {
	return w.by(org, role, ledger.DeviceRecall, ledger.RecallDevices{
		DI: statetest.SeededDI, Kind: kind, Value: value, Class: ledger.RecallClassI,
		NoticeDigest: ledger.BodyDigest([]byte(org + value)), Revision: revision,
	})
}

// lift ends the recall of the seeded units' lot.
func (w *ward) lift(org string, role ledger.Role, revision int, persons ...*statetest.Person) statetest.Proposal {
	p := w.by(org, role, ledger.DeviceLiftRecall, ledger.LiftRecall{DI: statetest.SeededDI, Kind: ledger.RecallLot, Value: seededLot, Revision: revision})
	return w.agreed(p, ledger.RecallKey(statetest.SeededDI, ledger.RecallLot, seededLot), revision, ledger.CredentialReleaser, persons...)
}
