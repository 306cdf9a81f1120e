package statetest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// replayer is a chaincode that writes what it is told, so that a ledger can be
// damaged. THIS stands for the transaction's id.
type replayer struct{}

const thisTx = "THIS"

type order struct {
	Writes []ledger.Write
	Event  *ledger.Event
}

func (replayer) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

func (replayer) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	_, args := stub.GetFunctionAndParameters()
	var o order
	if err := json.Unmarshal([]byte(strings.ReplaceAll(args[0], thisTx, stub.GetTxID())), &o); err != nil {
		return shim.Error(err.Error())
	}
	for _, w := range o.Writes {
		k := string(w.Key.Type)
		if len(w.Key.Parts) > 0 {
			k = key(k, w.Key.Parts...)
		}
		value := []byte(strings.ReplaceAll(string(w.Value), thisTx, stub.GetTxID()))
		if err := stub.PutState(k, value); err != nil {
			return shim.Error(err.Error())
		}
	}
	if o.Event != nil {
		b, err := json.Marshal(o.Event)
		if err != nil {
			return shim.Error(err.Error())
		}
		if err := stub.SetEvent(string(o.Event.Kind), b); err != nil {
			return shim.Error(err.Error())
		}
	}
	return shim.Success(nil)
}

// history makes a ledger in which everything happened once, and returns its
// transactions with their ids taken out.
func history(t *testing.T) []ledger.Tx {
	t.Helper()
	l := statetest.NewSeeded(t)
	const north, south = "hospital-north", "hospital-south"
	log := statetest.NewLog("secant/test/hospital-north")
	log.Grow(8)
	unit := statetest.SeededUnit(north)
	row := statetest.Registration(north)
	row.Revision = 2
	anchorer := l.Client(north, ledger.RoleAnchorer)
	stream := ledger.StreamID(log.Verifier)
	for _, p := range []statetest.Proposal{
		{Client: l.Client(north, ledger.RoleRegistrar), Name: ledger.IdentityRegister, Request: row},
		{Client: l.Client(north, ledger.RoleCustodian), Name: ledger.DevicePutIntoService, Request: ledger.PutIntoService{ID: unit}},
		{Client: anchorer, Name: ledger.AnchorOpen, Request: ledger.OpenStream{Verifier: log.Verifier}},
		{Client: anchorer, Name: ledger.AnchorCommit, Request: ledger.CommitAnchor{Stream: stream, Checkpoint: log.Checkpoint(3)}},
		{Client: anchorer, Name: ledger.AnchorCommit, Request: ledger.CommitAnchor{Stream: stream, Sequence: 1, Checkpoint: log.Checkpoint(5), Proof: log.Consistency(3, 5)}},
		{Client: l.Client(south, ledger.RoleSharer), Name: ledger.AnchorReportEquivocation, Request: ledger.ReportEquivocation{Stream: stream, First: log.Checkpoint(4), Second: log.Fork().Checkpoint(4)}},
	} {
		statetest.Want(t, "", l.Submitted(t, p, nil))
	}
	for _, p := range slices.Concat(threatHistory(l), riskHistory(l), complianceHistory(t, l), taxonomyHistory(t, l)) {
		statetest.Want(t, "", l.Submitted(t, p, nil))
	}
	return story(t, l)
}

// story returns a ledger's transactions with their ids taken out: each bears its
// number instead, by which later ones name it, and says THIS of itself.
func story(t *testing.T, l *statetest.Ledger) []ledger.Tx {
	t.Helper()
	var txs []ledger.Tx
	var ids []string
	for n, b := range l.Blocks(1) {
		ids = append(ids, b.Txs[0].ID, thisTx)
		tx := told(t, b.Txs[0], ids)
		tx.ID = fmt.Sprintf("TX-%03d", n)
		ids[len(ids)-1] = tx.ID
		txs = append(txs, tx)
	}
	return txs
}

// told returns a copy of a transaction with each of the given strings replaced
// by the one after it.
func told(t *testing.T, tx ledger.Tx, pairs []string) ledger.Tx {
	t.Helper()
	names := strings.NewReplacer(pairs...)
	text, err := json.Marshal(tx)
	if err != nil {
		t.Fatal(err)
	}
	var out ledger.Tx
	if err := json.Unmarshal([]byte(names.Replace(string(text))), &out); err != nil {
		t.Fatal(err)
	}
	for i, w := range out.Writes { // values are base64 in JSON
		out.Writes[i].Value = []byte(names.Replace(string(w.Value)))
	}
	return out
}

// replay writes the transactions to a new ledger, after a change of each.
func replay(t *testing.T, txs []ledger.Tx, change func(*ledger.Tx)) *statetest.Ledger {
	t.Helper()
	l := openWith(t, replayer{})
	var ids []string // of the story, each followed by the one that it has now
	for _, tx := range txs {
		copied := told(t, tx, ids)
		change(&copied)
		s, err := l.Simulate(statetest.Proposal{
			Client: l.Client(copied.Creator, ""), Name: copied.Name, Request: order{copied.Writes, copied.Event},
		})
		if err == nil {
			err = s.Err()
		}
		if err != nil {
			t.Fatal(err)
		}
		l.Commit(s)
		ids = append(ids, tx.ID, s.Tx)
	}
	return l
}

func TestCheckAcceptsWhatContractsWrote(t *testing.T) {
	t.Parallel()
	if err := replay(t, history(t), func(*ledger.Tx) {}).Check(); err != nil {
		t.Error(err)
	}
}

// edit changes the text of the stored records of a type.
func edit(kind ledger.ObjectType, from, to string) func(*ledger.Tx) {
	return func(tx *ledger.Tx) {
		for i, w := range tx.Writes {
			if w.Key.Type == kind {
				tx.Writes[i].Value = []byte(strings.Replace(string(w.Value), from, to, 1))
			}
		}
	}
}

func by(name, org string) func(*ledger.Tx) {
	return func(tx *ledger.Tx) {
		if tx.Name == name {
			tx.Creator = org
		}
	}
}

func lose(kind ledger.ObjectType) func(*ledger.Tx) {
	return func(tx *ledger.Tx) {
		var kept []ledger.Write
		for _, w := range tx.Writes {
			if w.Key.Type != kind {
				kept = append(kept, w)
			}
		}
		tx.Writes = kept
	}
}

func extra(name string, w ledger.Write) func(*ledger.Tx) {
	return func(tx *ledger.Tx) {
		if tx.Name == name {
			tx.Writes = append(tx.Writes, w)
		}
	}
}

// damage is a change of the history that Check is to find.
type damage struct {
	change func(*ledger.Tx)
	want   string // part of what Check says
}

// TestCheckFindsEveryDamage: a checker that nothing can fail checks nothing.
func TestCheckFindsEveryDamage(t *testing.T) {
	t.Parallel()
	txs := history(t)
	damages := map[string]damage{
		"a key of no type":           {extra(ledger.ThreatShare, ledger.Write{Key: ledger.Key{Type: "zzz", Parts: []string{"a"}}, Value: []byte("{}")}), "of no known type"},
		"a simple key":               {extra(ledger.ThreatShare, ledger.Write{Key: ledger.Key{Type: "org"}, Value: []byte("{}")}), "is not a composite key"},
		"an empty part":              {extra(ledger.ThreatShare, ledger.Write{Key: ledger.Key{Type: "org", Parts: []string{""}}, Value: []byte("{}")}), "has an empty part"},
		"no JSON":                    {edit(ledger.TypeThreat, "{", "["), "does not decode"},
		"another encoding":           {edit(ledger.TypeThreat, "{", "{ "), "not stored in its own encoding"},
		"another version":            {edit(ledger.TypeThreat, `"v":2`, `"v":9`), "has version 9"},
		"a record under another key": {edit(ledger.TypeThreat, `"digest":"e`, `"digest":"f`), "stands under"},
		"a forgotten event":          {func(tx *ledger.Tx) { tx.Event = nil }, "emitted no event"},
		"an event of another key":    {func(tx *ledger.Tx) { tx.Event.Key = []string{"org", "x"} }, "names a key that it did not write"},
		"an event without subjects":  {func(tx *ledger.Tx) { tx.Event.Subjects = nil }, "subjects are missing"},
		"an event of another tx":     {func(tx *ledger.Tx) { tx.Event.Tx = "x" }, "not of this transaction"},
		"a read that wrote":          {func(tx *ledger.Tx) { tx.Name = ledger.RiskGet }, "only reads, and wrote"},
		"a row by another":           {by(ledger.IdentityRegister, "medtech"), "another organisation wrote its row"},
		"a revision twice":           {edit(ledger.TypeOrganisation, `"revision":2`, `"revision":1`), "has revision 1"},
		"a model of a hospital":      {edit(ledger.TypeModel, "medtech", "hospital-east"), "its maker is no manufacturer"},
		"a model by another":         {by(ledger.DeviceRegisterModel, "authority"), "model 04012345678901: another organisation wrote it"},
		"a release of nothing":       {lose(ledger.TypeModel), "of no model"},
		"a unit's release unknown":   {edit(ledger.TypeUnit, `"release":"2.1.0"`, `"release":"9"`), "runs no known release"},
		"a unit of a manufacturer":   {edit(ledger.TypeUnit, `"owner":"hospital-north"`, `"owner":"authority"`), "its owner is no hospital"},
		"a certificate from nowhere": {edit(ledger.TypeUnit, ledger.CertificationNone, "certified"), "is certified by nobody"},
		"a unit without history":     {lose(ledger.TypeUnitHistory), "has no history"},
		"a history of nothing":       {lose(ledger.TypeUnit), "of no unit"},
		"a history to another state": {edit(ledger.TypeUnitHistory, `"to":"in_service"`, `"to":"registered"`), "does not lead to its state"},
		"a service by another":       {by(ledger.DevicePutIntoService, "hospital-south"), "is not by who may make it"},
		"a second stream":            {lose(ledger.TypeStreamOwner), "was never its owner's live one"},
		"a stream of another origin": {edit(ledger.TypeStream, `"origin":"secant`, `"origin":"other`), "id or origin is not its key's"},
		"a stream of another's log":  {edit(ledger.TypeStream, `"owner":"hospital-north"`, `"owner":"medtech"`), "bears another's name"},
		"a stream by another":        {by(ledger.AnchorOpen, "medtech"), "another organisation opened it"},
		"a mark of nothing":          {lose(ledger.TypeStream), "mark {str.eq"},
		"a mark without evidence":    {edit(ledger.TypeEquivocation, `"first":"s`, `"first":"x`), "proves nothing"},
		"an anchor of another size":  {edit(ledger.TypeAnchor, `"size":5`, `"size":6`), "not what its checkpoint says"},
		"an anchor by another":       {by(ledger.AnchorCommit, "medtech"), "not its owner's transaction"},
		"an anchor that shrinks":     {edit(ledger.TypeAnchor, `"size":3`, `"size":7`), "does not follow the one before"},
		"an anchor back in time": {func(tx *ledger.Tx) {
			if len(tx.Writes) > 0 && tx.Writes[0].Key.Type == ledger.TypeAnchor && tx.Writes[0].Key.Parts[1] != "000000000000" {
				edit(ledger.TypeAnchor, `"time":"2026`, `"time":"2025`)(tx)
			}
		}, "does not follow the one before"},
		"an owner's row without stream":  {lose(ledger.TypeStream), "hospital-north: has no stream"},
		"an anchor of nothing":           {lose(ledger.TypeStream), "anchor {anc"},
		"a first anchor that is missing": {func(tx *ledger.Tx) { dropAnchor(tx, "000000000000") }, "is the first and not"},
	}
	maps.Copy(damages, threatDamages)
	maps.Copy(damages, riskDamages)
	maps.Copy(damages, complianceDamages)
	maps.Copy(damages, taxonomyDamages)
	for name, c := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := replay(t, txs, c.change).Check()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Check says %v, want %q", err, c.want)
			}
		})
	}
}

func dropAnchor(tx *ledger.Tx, sequence string) {
	for i, w := range tx.Writes {
		if w.Key.Type == ledger.TypeAnchor && w.Key.Parts[1] == sequence {
			tx.Writes[i] = ledger.Write{Key: ledger.OrganisationKey("spare"), Value: []byte("{}")}
		}
	}
}

// TestCheckFindsWhatIsWrittenTwice plays a create-only transaction again.
func TestCheckFindsWhatIsWrittenTwice(t *testing.T) {
	t.Parallel()
	txs := history(t)
	for _, tx := range txs {
		if tx.Name != ledger.ThreatShare {
			continue
		}
		err := replay(t, append(txs, tx), func(*ledger.Tx) {}).Check()
		if err == nil || !strings.Contains(err.Error(), "written 2 times") {
			t.Errorf("Check says %v", err)
		}
	}
}

// TestCheckFindsAnchorsAfterTheMark moves the mark before the last anchor.
func TestCheckFindsAnchorsAfterTheMark(t *testing.T) {
	t.Parallel()
	txs := history(t)
	for i, tx := range txs {
		if tx.Name == ledger.AnchorReportEquivocation {
			txs[i-1], txs[i] = txs[i], txs[i-1]
		}
	}
	err := replay(t, txs, func(*ledger.Tx) {}).Check()
	if err == nil || !strings.Contains(err.Error(), "came after its stream's mark") {
		t.Errorf("Check says %v", err)
	}
}
