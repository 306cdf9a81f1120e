package statetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// scripts is a chaincode whose functions are given by the test.
type scripts map[string]func(shim.ChaincodeStubInterface) error

func (s scripts) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

func (s scripts) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	name, _ := stub.GetFunctionAndParameters()
	if err := s[name](stub); err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success([]byte("done"))
}

func openWith(t *testing.T, cc shim.Chaincode) *statetest.Ledger {
	t.Helper()
	l, err := statetest.Open(statetest.Options{Chaincode: func(func() time.Time) (shim.Chaincode, error) { return cc, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func run(t *testing.T, l *statetest.Ledger, name string) *statetest.Simulation {
	t.Helper()
	s, err := l.Simulate(statetest.Proposal{Client: l.Client("hospital-north", ""), Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func key(t string, parts ...string) string {
	k, err := shim.CreateCompositeKey(t, parts)
	if err != nil {
		panic(err)
	}
	return k
}

func put(k string) func(shim.ChaincodeStubInterface) error {
	return func(stub shim.ChaincodeStubInterface) error { return stub.PutState(k, []byte("v")) }
}

func get(k string) func(shim.ChaincodeStubInterface) error {
	return func(stub shim.ChaincodeStubInterface) error {
		_, err := stub.GetState(k)
		return err
	}
}

// scan reads the whole type "t", and then writes when it is asked to.
func scan(then ...string) func(shim.ChaincodeStubInterface) error {
	return func(stub shim.ChaincodeStubInterface) error {
		rows, err := stub.GetStateByPartialCompositeKey("t", nil)
		if err != nil {
			return err
		}
		for rows.HasNext() {
			if _, err := rows.Next(); err != nil {
				return err
			}
		}
		for _, k := range then {
			if err := stub.PutState(k, []byte("v")); err != nil {
				return err
			}
		}
		return rows.Close()
	}
}

func TestATransactionDoesNotSeeItsOwnWrites(t *testing.T) {
	t.Parallel()
	a := key("t", "a")
	l := openWith(t, scripts{"write then read": func(stub shim.ChaincodeStubInterface) error {
		if err := stub.PutState(a, []byte("v")); err != nil {
			return err
		}
		if b, err := stub.GetState(a); err != nil || b != nil {
			return fmt.Errorf("it read %q, %w", b, err)
		}
		return nil
	}})
	if err := run(t, l, "write then read").Err(); err != nil {
		t.Error(err)
	}
}

// TestCommitRules simulates on one state and commits in one block.
func TestCommitRules(t *testing.T) {
	t.Parallel()
	a, b := key("t", "a"), key("t", "b")
	other := key("u", "a")
	cc := scripts{
		"put a": put(a), "put b": put(b), "put other": put(other), "get a": get(a), "scan": scan(), "scan and put other": scan(other),
		"delete a": func(stub shim.ChaincodeStubInterface) error { return stub.DelState(a) },
		"read a and put b": func(stub shim.ChaincodeStubInterface) error {
			return errors.Join(get(a)(stub), put(b)(stub))
		},
	}
	const (
		valid    = peer.TxValidationCode_VALID
		mvcc     = peer.TxValidationCode_MVCC_READ_CONFLICT
		phantom  = peer.TxValidationCode_PHANTOM_READ_CONFLICT
		refused  = peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
		repeated = peer.TxValidationCode_DUPLICATE_TXID
	)
	for _, c := range []struct {
		name   string
		before []string // committed one by one
		block  []string
		want   []peer.TxValidationCode
	}{
		{"blind writes of one key", nil, []string{"put a", "put a"}, []peer.TxValidationCode{valid, valid}},
		{"a read of an absent key that appears", nil, []string{"put a", "get a"}, []peer.TxValidationCode{valid, mvcc}},
		{"a read before the write", nil, []string{"get a", "put a"}, []peer.TxValidationCode{valid, valid}},
		{"a read of a key that changes", []string{"put a"}, []string{"put a", "get a"}, []peer.TxValidationCode{valid, mvcc}},
		{"a read of a key that is deleted", []string{"put a"}, []string{"delete a", "get a"}, []peer.TxValidationCode{valid, mvcc}},
		{"a loser does not make others lose", []string{"put a"}, []string{"put a", "read a and put b", "get a"}, []peer.TxValidationCode{valid, mvcc, mvcc}},
		{"a loser's write is not there", []string{"put a"}, []string{"put a", "read a and put b", "scan"}, []peer.TxValidationCode{valid, mvcc, phantom}},
		{"a scan into which a row comes", nil, []string{"put a", "scan and put other"}, []peer.TxValidationCode{valid, phantom}},
		{"a scan whose row changes", []string{"put a"}, []string{"put a", "scan"}, []peer.TxValidationCode{valid, phantom}},
		{"a scan whose row goes", []string{"put a", "put b"}, []string{"delete a", "scan"}, []peer.TxValidationCode{valid, phantom}},
		{"a scan of another type", nil, []string{"put other", "scan"}, []peer.TxValidationCode{valid, valid}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := openWith(t, cc)
			for _, name := range c.before {
				l.Commit(run(t, l, name))
			}
			var block []*statetest.Simulation
			for _, name := range c.block {
				block = append(block, run(t, l, name))
			}
			if diff := cmp.Diff(c.want, l.Commit(block...)); diff != "" {
				t.Error(diff)
			}
		})
	}
	l := openWith(t, scripts{"put a": put(a), "fail": func(shim.ChaincodeStubInterface) error { return errors.New("no") }})
	s := run(t, l, "put a")
	if got := l.Commit(s, s, run(t, l, "fail")); !cmp.Equal(got, []peer.TxValidationCode{valid, repeated, refused}) {
		t.Errorf("the same transaction twice and a refused one: %v", got)
	}
	if o := l.Outcome(s.Tx); !o.Known || o.Code != valid || o.Block != 1 {
		t.Errorf("the outcome is %+v", o)
	}
	if o := l.Outcome("unknown"); o.Known {
		t.Errorf("the outcome of an unknown transaction is %+v", o)
	}
}

func TestPagedQueriesAndWritesExcludeEachOther(t *testing.T) {
	t.Parallel()
	page := func(stub shim.ChaincodeStubInterface) error {
		_, _, err := stub.GetStateByPartialCompositeKeyWithPagination("t", nil, 1, "")
		return err
	}
	a := key("t", "a")
	l := openWith(t, scripts{
		"page then put": func(stub shim.ChaincodeStubInterface) error {
			if err := page(stub); err != nil {
				return fmt.Errorf("the page itself: %w", err)
			}
			if put(a)(stub) == nil {
				return errors.New("it wrote")
			}
			return nil
		},
		"put then page": func(stub shim.ChaincodeStubInterface) error {
			if err := put(a)(stub); err != nil {
				return err
			}
			if page(stub) == nil {
				return errors.New("it paged")
			}
			return nil
		},
	})
	for _, name := range []string{"page then put", "put then page"} {
		if err := run(t, l, name).Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBookmarksAreTakenAsTheyAre: Fabric starts a paged scan at any key that it
// is given, even of another type; the tables' own check stands before it.
func TestBookmarksAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	var got []string
	l := openWith(t, scripts{
		"fill": func(stub shim.ChaincodeStubInterface) error {
			return errors.Join(put(key("a", "x"))(stub), put(key("t", "a"))(stub), put(key("t", "b"))(stub))
		},
		"page": func(stub shim.ChaincodeStubInterface) error {
			rows, meta, err := stub.GetStateByPartialCompositeKeyWithPagination("t", nil, 2, key("a"))
			if err != nil {
				return err
			}
			for rows.HasNext() {
				row, err := rows.Next()
				if err != nil {
					return err
				}
				got = append(got, row.Key)
			}
			got = append(got, meta.Bookmark)
			return nil
		},
	})
	l.Commit(run(t, l, "fill"))
	if err := run(t, l, "page").Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{key("a", "x"), key("t", "a"), key("t", "b")}, got); diff != "" {
		t.Error(diff)
	}
}

func TestKeysAreWhatFabricTakes(t *testing.T) {
	t.Parallel()
	l := openWith(t, scripts{
		"empty":    put(""),
		"no text":  put("\xff"),
		"no value": func(stub shim.ChaincodeStubInterface) error { return stub.PutState("k", nil) },
		"part": func(stub shim.ChaincodeStubInterface) error {
			_, err := stub.CreateCompositeKey("t", []string{"a\x00b"})
			return err
		},
	})
	for _, name := range []string{"empty", "no text", "no value", "part"} {
		if run(t, l, name).Err() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestASimulationOnAnOlderStateSeesIt(t *testing.T) {
	t.Parallel()
	a := key("t", "a")
	l := openWith(t, scripts{"put": put(a), "get": get(a)})
	l.Commit(run(t, l, "put"))
	s, err := l.Simulate(statetest.Proposal{Client: l.Client("hospital-north", ""), Name: "get", Height: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Reads) != 1 || s.Reads[0].Version != nil {
		t.Errorf("a peer without the block read %+v", s.Reads)
	}
	if code := l.Commit(s)[0]; code != peer.TxValidationCode_MVCC_READ_CONFLICT {
		t.Errorf("what it read counts at commit: %s", code)
	}
}

func TestBlocksComeInOrderAndCanBeWaitedFor(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	genesis, err := l.Block(t.Context(), 0)
	if err != nil || genesis.Number != 0 || genesis.Txs[0].Name != "" {
		t.Fatalf("block 0 is %+v, %v", genesis, err)
	}
	done := make(chan *ledger.Block, 1)
	go func() {
		b, err := l.Block(context.WithoutCancel(t.Context()), 1)
		if err != nil {
			t.Error(err)
		}
		done <- b
	}()
	statetest.Want(t, "", l.Submit(l.Client("hospital-north", ledger.RoleRegistrar), ledger.IdentityRegister, statetest.Registration("hospital-north"), nil))
	b := <-done
	tx := b.Txs[0]
	if b.Number != 1 || !tx.Valid || tx.Name != ledger.IdentityRegister || tx.Creator != "hospital-north" || !tx.Time.Equal(statetest.Start) {
		t.Errorf("block 1 is %+v", b)
	}
	if diff := cmp.Diff(ledger.OrganisationKey("hospital-north"), tx.Writes[0].Key); diff != "" {
		t.Error(diff)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Block(ended, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting without end: %v", err)
	}
	// Of what lost, nothing is told but that it lost.
	lost := proposal(t, l)
	statetest.Want(t, "", l.Submit(l.Client("hospital-south", ledger.RoleRegistrar), ledger.IdentityRegister, statetest.Registration("hospital-south"), nil))
	l.Commit(lost)
	if tx := l.Blocks(3)[0].Txs[0]; tx.Valid || tx.Writes != nil || tx.Event != nil || !tx.Time.IsZero() || tx.ID != lost.Tx {
		t.Errorf("the loser is told as %+v", tx)
	}
	if got := l.Blocks(4); got != nil {
		t.Errorf("blocks beyond the end are %v", got)
	}
}

func proposal(t *testing.T, l *statetest.Ledger) *statetest.Simulation {
	t.Helper()
	s, err := l.Simulate(statetest.Proposal{
		Client: l.Client("hospital-south", ledger.RoleRegistrar), Name: ledger.IdentityRegister, Request: statetest.Registration("hospital-south"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
