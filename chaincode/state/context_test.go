package state_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// Careless is a contract whose transactions do what the test says. It has the
// names of the identity contract, since others are refused. Exported: the
// framework does not look into unexported types.
type Careless struct {
	state.Contract
	do func(*state.Context) error
}

// Register writes.
func (c *Careless) Register(ctx *state.Context, _ ledger.PageRequest) error { return c.do(ctx) }

// Get only reads.
func (c *Careless) Get(ctx *state.Context, _ ledger.PageRequest) error { return c.do(ctx) }

func careless(t *testing.T, do func(*state.Context) error) *statetest.Ledger {
	t.Helper()
	l, err := statetest.Open(statetest.Options{Chaincode: func(clock func() time.Time) (shim.Chaincode, error) {
		return contractapi.NewChaincode(&Careless{state.NewContract("identity", state.Options{Clock: clock}), do})
	}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func invoke(t *testing.T, l *statetest.Ledger, name string) *statetest.Simulation {
	t.Helper()
	s, err := l.Simulate(statetest.Proposal{Client: l.Client("hospital-north", ledger.RoleSharer), Name: name, Request: ledger.PageRequest{}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func report(digest string) *ledger.Threat { return &ledger.Threat{V: 1, Digest: digest, Sharer: "o"} }

func emit(ctx *state.Context) error {
	return ctx.Emit(ledger.EventThreatShared, report("a").Key(), "z", "a", "z")
}

// steps runs one step after the other.
func steps(list ...func(*state.Context) error) func(*state.Context) error {
	return func(ctx *state.Context) error {
		for _, step := range list {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

func permit(ctx *state.Context) error { return ctx.PermitAnyRole() }

func create(digest string) func(*state.Context) error {
	return func(ctx *state.Context) error { return state.Threats.Create(ctx, report(digest)) }
}

// TestCarelessTransactionsFail: what a contract forgets or does twice is a
// fault of ours, found by the first test that calls it.
func TestCarelessTransactionsFail(t *testing.T) {
	t.Parallel()
	write, read := ledger.IdentityRegister, ledger.IdentityGet
	for name, c := range map[string]struct {
		tx   string
		do   func(*state.Context) error
		want string // part of the message; empty: it succeeds
	}{
		"all in order":                  {write, steps(permit, create("a"), emit), ""},
		"a read in order":               {read, permit, ""},
		"no permission asked":           {write, steps(create("a"), emit), "may not write"},
		"no permission asked to read":   {read, func(*state.Context) error { return nil }, "asked for no permission"},
		"no event":                      {write, steps(permit, create("a")), "did not say what"},
		"an event and no write":         {write, steps(permit, emit), "wrote nothing"},
		"two events":                    {write, steps(permit, create("a"), emit, emit), "one for each writing transaction"},
		"one key twice":                 {write, steps(permit, create("a"), create("a"), emit), "twice in one transaction"},
		"two keys":                      {write, steps(permit, create("a"), create("b"), emit), ""},
		"a write while reading":         {read, steps(permit, create("a")), "may not write"},
		"an event while reading":        {read, steps(permit, emit), "one for each writing transaction"},
		"a list while writing":          {write, steps(permit, list), "only evaluations list"},
		"a change of what was not read": {write, steps(permit, func(ctx *state.Context) error { return state.Threats.Update(ctx, report("a")) }), "was not read"},
		"a change of what is not there": {write, steps(permit, func(ctx *state.Context) error {
			if _, _, err := state.Threats.Find(ctx, report("a").Key()); err != nil {
				return err
			}
			return state.Threats.Update(ctx, report("a"))
		}), "was not read"},
		"a blind write under a shared key": {write, steps(permit, func(ctx *state.Context) error { return state.Threats.Append(ctx, report("a")) }), "lacks the transaction's id"},
		"a key of another table": {read, steps(permit, func(ctx *state.Context) error {
			_, err := state.Threats.Get(ctx, ledger.ModelKey("a"))
			return err
		}), "another table"},
		"a key without parts": {read, steps(permit, func(ctx *state.Context) error {
			_, err := state.Threats.Get(ctx, ledger.Key{Type: ledger.TypeThreat})
			return err
		}), "another table"},
		"a key that Fabric refuses": {read, steps(permit, func(ctx *state.Context) error {
			_, err := state.Threats.Get(ctx, ledger.ThreatKey("a\x00b", "o"))
			return err
		}), "[invalid] a key holds a character"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := invoke(t, careless(t, c.do), c.tx)
			if failed := s.Status >= 400; failed != (c.want != "") || !strings.Contains(s.Message, c.want) {
				t.Errorf("it ends with %d %q, want %q", s.Status, s.Message, c.want)
			}
		})
	}
}

func list(ctx *state.Context) error {
	_, _, err := state.Threats.List(ctx, nil, ledger.PageRequest{})
	return err
}

func TestSubjectsAreSortedAndStandOnce(t *testing.T) {
	t.Parallel()
	l := careless(t, steps(permit, create("a"), emit))
	l.Commit(invoke(t, l, ledger.IdentityRegister))
	if diff := cmp.Diff([]string{"a", "z"}, l.Blocks(1)[0].Txs[0].Event.Subjects); diff != "" {
		t.Error(diff)
	}
}

// damaging is a chaincode that can also store what no record decodes from.
type damaging struct{ *contractapi.ContractChaincode }

func (d damaging) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	if name, args := stub.GetFunctionAndParameters(); name == "damage" {
		key, err := shim.CreateCompositeKey(string(ledger.TypeThreat), []string{"a", "o"})
		if err == nil {
			err = stub.PutState(key, []byte(args[0]))
		}
		if err != nil {
			return shim.Error(err.Error())
		}
		return shim.Success(nil)
	}
	return d.ContractChaincode.Invoke(stub)
}

func damage(t *testing.T, l *statetest.Ledger, value string) {
	t.Helper()
	s, err := l.Simulate(statetest.Proposal{Client: l.Client("authority", ""), Name: "damage", Args: []string{value}})
	if err != nil {
		t.Fatal(err)
	}
	l.Commit(s)
}

func TestDamagedRecordsAreAFaultOfOurs(t *testing.T) {
	t.Parallel()
	for _, do := range []func(*state.Context) error{
		list,
		func(ctx *state.Context) error {
			_, err := state.Threats.Get(ctx, ledger.ThreatKey("a", "o"))
			return err
		},
	} {
		l, err := statetest.Open(statetest.Options{Chaincode: func(clock func() time.Time) (shim.Chaincode, error) {
			cc, err := contractapi.NewChaincode(&Careless{state.NewContract("identity", state.Options{Clock: clock}), steps(permit, do)})
			return damaging{cc}, err
		}})
		if err != nil {
			t.Fatal(err)
		}
		damage(t, l, "[")
		s := invoke(t, l, ledger.IdentityGet)
		if ledger.CodeOf(s.Err()) != ledger.CodeInternal || !strings.Contains(s.Message, "decoding the report") {
			t.Errorf("it ends with %q", s.Message)
		}
	}
}

func TestRecordsOfNewerVersionsAreRead(t *testing.T) {
	t.Parallel()
	var got *ledger.Threat
	l, err := statetest.Open(statetest.Options{Chaincode: func(clock func() time.Time) (shim.Chaincode, error) {
		cc, err := contractapi.NewChaincode(&Careless{state.NewContract("identity", state.Options{Clock: clock}), steps(permit, func(ctx *state.Context) error {
			var err error
			got, err = state.Threats.Get(ctx, ledger.ThreatKey("a", "o"))
			return err
		})})
		return damaging{cc}, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	damage(t, l, `{"v":2,"digest":"a","added":[1]}`)
	if err := invoke(t, l, ledger.IdentityGet).Err(); err != nil || got == nil || got.Digest != "a" {
		t.Errorf("it reads as %+v, %v", got, err)
	}
}

func TestPagesOfATable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		rows     int
		size     int
		bookmark string
		want     int
		next     bool
		code     ledger.Code
	}{
		{"no rows", 0, 10, "", 0, false, ""},
		{"as many as there are", 3, 3, "", 3, false, ""},
		{"fewer than there are", 3, 2, "", 2, true, ""},
		{"the default", 51, 0, "", 50, true, ""},
		{"more than is allowed", 201, 1000, "", 200, true, ""},
		{"a bookmark that is no base64", 1, 1, "?", 0, false, ledger.CodeInvalid},
		{"a bookmark of another table", 1, 1, encoded("\x00org\x00"), 0, false, ledger.CodeInvalid},
		{"a bookmark of a longer type", 1, 1, encoded("\x00thr.si\x00"), 0, false, ledger.CodeInvalid},
		{"a bookmark at the end", 1, 1, encoded("\x00thr\x00\U0010FFFE\x00"), 0, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := careless(t, func(ctx *state.Context) error {
				if err := permit(ctx); err != nil {
					return err
				}
				if ctx.Caller().Org == "authority" {
					for i := range c.rows {
						if err := create(fmt.Sprintf("%03d", i))(ctx); err != nil {
							return err
						}
					}
					return emit(ctx)
				}
				items, next, err := state.Threats.List(ctx, nil, ledger.PageRequest{Size: c.size, Bookmark: c.bookmark})
				if err == nil && (items == nil || len(items) != c.want || (next != "") != c.next) {
					return fmt.Errorf("it lists %d and then %q", len(items), next)
				}
				return err
			})
			if c.rows > 0 {
				s, err := l.Simulate(statetest.Proposal{Client: l.Client("authority", ledger.RoleSharer), Name: ledger.IdentityRegister, Request: ledger.PageRequest{}})
				if err != nil {
					t.Fatal(err)
				}
				statetest.Want(t, "", s.Err())
				l.Commit(s)
			}
			statetest.Want(t, c.code, invoke(t, l, ledger.IdentityGet).Err())
		})
	}
}

func encoded(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// failing is a peer whose database does not answer.
type failing struct{ shim.ChaincodeStubInterface }

var errDatabase = errors.New("the database does not answer")

func (failing) GetState(string) ([]byte, error) { return nil, errDatabase }
func (failing) PutState(string, []byte) error   { return errDatabase }
func (failing) SetEvent(string, []byte) error   { return errDatabase }
func (failing) FinishWriteBatch() error         { return nil }

func (failing) GetMultipleStates(...string) ([][]byte, error) { return nil, errDatabase }

// full is a peer that refuses what it is sent at the end.
type full struct{ failing }

func (full) FinishWriteBatch() error { return errDatabase }

func TestAPeersFaultIsNoRefusal(t *testing.T) {
	t.Parallel()
	swap := func(ctx *state.Context) error {
		ctx.SetStub(failing{})
		return nil
	}
	for name, c := range map[string]struct {
		tx string
		do func(*state.Context) error
	}{
		"a read": {ledger.IdentityGet, steps(permit, swap, func(ctx *state.Context) error {
			_, _, err := state.Threats.Find(ctx, ledger.ThreatKey("a", "o"))
			return err
		})},
		"a read of many": {ledger.IdentityGet, steps(permit, swap, func(ctx *state.Context) error {
			_, err := state.Threats.FindMany(ctx, ledger.ThreatKey("a", "o"))
			return err
		})},
		"a batch": {ledger.IdentityRegister, steps(permit, create("a"), emit, func(ctx *state.Context) error {
			ctx.SetStub(full{})
			return nil
		})},
		"a create": {ledger.IdentityRegister, steps(permit, swap, create("a"))},
		"an event": {ledger.IdentityRegister, steps(permit, create("a"), emit, swap)},
	} {
		s := invoke(t, careless(t, c.do), c.tx)
		if ledger.CodeOf(s.Err()) != ledger.CodeInternal || !strings.Contains(s.Message, errDatabase.Error()) {
			t.Errorf("%s: %q", name, s.Message)
		}
	}
}

func TestAProposalWithoutATimeIsRefused(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]*timestamppb.Timestamp{"none": nil, "out of range": {Seconds: 1 << 60}} {
		l, err := statetest.Open(statetest.Options{Chaincode: func(clock func() time.Time) (shim.Chaincode, error) {
			cc, err := contractapi.NewChaincode(&Careless{state.NewContract("identity", state.Options{Clock: clock}), permit})
			return timed{cc, at}, err
		}})
		if err != nil {
			t.Fatal(err)
		}
		if got := ledger.CodeOf(invoke(t, l, ledger.IdentityGet).Err()); got != ledger.CodeInvalid {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// timed is a chaincode whose proposals carry the given time.
type timed struct {
	*contractapi.ContractChaincode
	at *timestamppb.Timestamp
}

func (c timed) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	return c.ContractChaincode.Invoke(timedStub{stub, c.at})
}

type timedStub struct {
	shim.ChaincodeStubInterface
	at *timestamppb.Timestamp
}

func (s timedStub) GetTxTimestamp() (*timestamppb.Timestamp, error) { return s.at, nil }
