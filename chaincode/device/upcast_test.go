package device_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/secant-platform/secant/chaincode"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// planted is the chaincode with a way to write what an older one had written.
type planted struct{ shim.Chaincode }

func (c planted) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	args := stub.GetStringArgs()
	if args[0] != "plant" {
		return c.Chaincode.Invoke(stub)
	}
	if err := stub.PutState(args[1], []byte(args[2])); err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(nil)
}

// plant writes a golden record as it was written once.
func plant(t *testing.T, l *statetest.Ledger, file string, key ledger.Key) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "ledger", "testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	composed, err := shim.CreateCompositeKey(string(key.Type), key.Parts)
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Simulate(statetest.Proposal{
		Client: l.Client(maker, ledger.RoleRegistrar), Name: "plant", Args: []string{composed, string(b)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Err() != nil || l.Commit(s)[0] != peer.TxValidationCode_VALID {
		t.Fatalf("planting %s: %v", file, s.Err())
	}
}

// TestRecordsOfTheFirstFormLiveOn: what the first chaincode wrote is read, and
// its next change stores it in the newest form, for gateways of both times.
func TestRecordsOfTheFirstFormLiveOn(t *testing.T) {
	t.Parallel()
	const di = "04012345678901"
	id := ledger.BodyDigest([]byte{1})
	open := func() *statetest.Ledger {
		l, err := statetest.Open(statetest.Options{Chaincode: func(clock func() time.Time) (shim.Chaincode, error) {
			cc, err := chaincode.NewAt(clock)
			return planted{cc}, err
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, org := range []string{north, south, maker} {
			if err := l.Submit(l.Client(org, ledger.RoleRegistrar), ledger.IdentityRegister, statetest.Registration(org), nil); err != nil {
				t.Fatal(err)
			}
		}
		plant(t, l, "model.v1.golden.json", ledger.ModelKey(di))
		plant(t, l, "release.v1.golden.json", ledger.ReleaseKey(di, "2.1.0"))
		plant(t, l, "unit.v1.golden.json", ledger.UnitKey(id))
		return l
	}
	for name, revision := range map[string]int{"an older node": ledger.AnyRevision, "a newer node": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := open()
			var u ledger.Unit
			statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.DeviceGetUnit, ledger.GetUnit{ID: id}, &u))
			if u.V != 2 || u.Revision != 1 || u.State != ledger.StateRegistered {
				t.Errorf("it is read as %+v", u)
			}
			p := service(l, north, id)
			p.Request = ledger.PutIntoService{ID: id, Revision: revision}
			s, err := l.Simulate(p)
			if err != nil {
				t.Fatal(err)
			}
			statetest.Want(t, "", s.Err())
			for _, w := range s.Writes {
				var stored struct{ V, Revision int }
				if err := json.Unmarshal(w.Value, &stored); err != nil {
					t.Fatal(err)
				}
				if stored.V != 2 || stored.Revision != 2 {
					t.Errorf("%q is stored as %s", w.Key, w.Value)
				}
			}
			// Its model's maker publishes, registers and recalls as ever.
			statetest.Want(t, "", l.Submitted(t, release(l, di, "2.2.0"), nil))
			statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, release(l, di, "2.1.0"), nil))
			statetest.Want(t, "", l.Submitted(t, unit(l, "new", north), nil))
			statetest.Want(t, "", l.Submit(l.Client(maker, ledger.RoleRegistrar), ledger.DeviceRecall, ledger.RecallDevices{
				DI: di, Kind: ledger.RecallLot, Value: "L42", Class: ledger.RecallClassI, NoticeDigest: ledger.BodyDigest(nil),
			}, nil))
			statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.DeviceGetUnit, ledger.GetUnit{ID: id}, &u))
			if u.State != ledger.StateRecalled {
				t.Errorf("recalled it is %+v", u)
			}
		})
	}
}

// TestANodeThatKnowsNoRevisionsPutsIntoService once, and learns that it did.
func TestANodeThatKnowsNoRevisionsPutsIntoService(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	id := statetest.SeededUnit(north)
	hold := ledger.HoldUnit{ID: id, Revision: 1, Reason: ledger.HoldLost}
	statetest.Want(t, "", l.Submit(l.Client(north, ledger.RoleCustodian), ledger.DeviceHold, hold, nil))
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, service(l, north, id), nil))
	other := statetest.SeededUnit(south)
	statetest.Want(t, "", l.Submitted(t, service(l, south, other), nil))
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, service(l, south, other), nil))
}
