package statetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// ChaincodeName is the namespace of the chaincode's keys.
const ChaincodeName = ledger.ChaincodeName

// Read is a key of a read set; Version is nil when the key was absent.
type Read struct {
	Key     string
	Version *Version
}

// Write is a key of a write set.
type Write struct {
	Key    string // the whole composite key
	Value  []byte
	Delete bool
}

// Simulation is what a peer answers to a proposal: nothing is committed yet.
type Simulation struct {
	Tx      string
	Name    string
	Org     string // MSP id of the creator
	Time    time.Time
	Status  int32
	Message string
	Payload []byte
	Reads   []Read  // by key
	Writes  []Write // by key
	Event   *peer.ChaincodeEvent

	proposal *proposal
	ranges   []scanned
}

// Simulate has one peer run a proposal. An error is a fault of the test, not of
// the transaction: that one is in Err.
func (l *Ledger) Simulate(p Proposal) (*Simulation, error) {
	prop, err := l.propose(p)
	if err != nil {
		return nil, err
	}
	if p.Height == 0 {
		p.Height = l.Height()
	}
	return l.run(prop, p.Height, l.plain), nil
}

// Again simulates the same proposal once more, as a second endorser does.
func (l *Ledger) Again(s *Simulation) *Simulation { return l.run(s.proposal, l.Height(), l.plain) }

// Other simulates the same proposal at a peer that takes writes and answers
// reads one by one when this ledger's peers do so many at a time, and the other
// way round.
func (l *Ledger) Other(s *Simulation) *Simulation { return l.run(s.proposal, l.Height(), !l.plain) }

func (l *Ledger) run(p *proposal, height uint64, plain bool) *Simulation {
	st := &stub{ledger: l, plain: plain, proposal: p, height: height, reads: map[string]*Version{}, writes: map[string]Write{}}
	response := l.cc.Invoke(st)
	if err := st.FinishWriteBatch(); err != nil { // as the shim does, whatever the answer
		response = shim.Error("failed send batch: " + err.Error())
	}
	s := &Simulation{
		Tx: p.tx, Name: p.name, Org: p.org, Time: p.time.AsTime(),
		Status: response.GetStatus(), Message: response.GetMessage(), Payload: response.GetPayload(),
		Event: st.event, proposal: p, ranges: st.ranges,
	}
	for _, k := range slices.Sorted(maps.Keys(st.reads)) {
		s.Reads = append(s.Reads, Read{k, st.reads[k]})
	}
	for _, k := range slices.Sorted(maps.Keys(st.writes)) {
		s.Writes = append(s.Writes, st.writes[k])
	}
	return s
}

// Err returns nil when the transaction succeeded, else its Problem as a client
// reads it from a peer's message.
func (s *Simulation) Err() error {
	if s.Status < 400 {
		return nil
	}
	if p, ok := ledger.ParseProblem(s.Message); ok {
		return p
	}
	return &ledger.Problem{Code: ledger.CodeInternal, Detail: s.Message}
}

// Evaluate simulates and returns the result in out, without a commit.
func (l *Ledger) Evaluate(client *Identity, name string, request, out any) error {
	s, err := l.Simulate(Proposal{Client: client, Name: name, Request: request})
	if err != nil {
		return err
	}
	return s.decode(out)
}

func (s *Simulation) decode(out any) error {
	if err := s.Err(); err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(s.Payload, out); err != nil {
		return fmt.Errorf("decoding the result of %s: %w", s.Name, err)
	}
	return nil
}
