package chaincode_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// logSize is how many leaves the logs have.
const logSize = 30

// play draws transactions that are sometimes right and often nearly so.
type play struct {
	t    *rapid.T
	l    *statetest.Ledger
	logs map[string]*statetest.Log // by organisation
	fork map[string]*statetest.Log
	last map[string]*ledger.Anchor // by stream
	next map[string]*statetest.Log // approved successors, by stream

	staff map[string]*statetest.Person // by organisation; see persons
	names []string                     // of the transactions that are played
}

func (p *play) pick(label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(p.t, label)
}

func (p *play) org() string { return p.pick("org", north, south, maker) }

// actor is mostly an organisation that may do such things.
func (p *play) actor(name string) string {
	switch {
	case rapid.IntRange(0, 9).Draw(p.t, "stranger") == 0:
		return p.org()
	case strings.HasPrefix(name, "identity:"):
		return p.org()
	case rights[name].role == ledger.RoleRegistrar:
		return maker
	case rights[name].role == ledger.RoleCertifier:
		return authority
	}
	return p.pick("hospital", north, south)
}

// commit is mostly the next anchor of a stream.
func (p *play) commit(log *statetest.Log, stream string) ledger.CommitAnchor {
	r := ledger.CommitAnchor{Stream: stream}
	from := uint64(0)
	if last := p.last[stream]; last != nil {
		r.Sequence, from = last.Sequence+1, last.Size
	}
	if rapid.IntRange(0, 9).Draw(p.t, "jump") == 0 {
		r.Sequence = rapid.Uint64Range(0, 3).Draw(p.t, "sequence")
	}
	to := rapid.Uint64Range(max(from, 1), min(from+3, logSize)).Draw(p.t, "to")
	r.Checkpoint = log.Checkpoint(to)
	if from > 0 {
		r.Proof = log.Consistency(from, to)
	}
	return r
}

// id draws from so few that transactions meet.
func (p *play) id(label string) string {
	return ledger.BodyDigest([]byte(p.pick(label, "a", "b", "c")))
}

func (p *play) unit() string {
	return p.pick("unit", statetest.SeededUnit(north), statetest.SeededUnit(south), ledger.UnitID(maker, p.id("serial")))
}

func (p *play) di() string { return p.pick("di", statetest.SeededDI, "D1", "D2") }

// log is mostly the organisation's log, and sometimes a fork of it.
func (p *play) log(org string) (log *statetest.Log, stream string) {
	log = p.logs[org]
	if rapid.IntRange(0, 4).Draw(p.t, "forked") == 0 {
		log = p.fork[org]
	}
	return log, ledger.StreamID(log.Verifier)
}

// plays draw the requests; each contract's part stands in its own file.
var plays = joined(identityPlays, devicePlays, anchorPlays, threatPlays, riskPlays, compliancePlays, taxonomyPlays)

// focus draws what a play is about: everything, or mostly one contract, since
// records live long lives only if a play stays with them.
func (p *play) focus() []string {
	contract := p.pick("contract", "", "identity:", "device:", "device:", "anchor:", "threat:", "risk:", "compliance:", "taxonomy:")
	names := slices.Clone(ledger.Names)
	for _, n := range ledger.Names {
		if contract != "" && strings.HasPrefix(n, contract) {
			names = append(names, n, n, n, n)
		}
	}
	return names
}

func (p *play) proposal() statetest.Proposal {
	name := p.pick("name", p.names...)
	org := p.actor(name)
	draw, known := plays[name]
	if !known {
		p.t.Fatalf("%s is not played", name)
	}
	request := draw(p, org)
	role := rights[name].role
	switch role {
	case "", anyRole:
		role = ledger.RoleSharer
	case several:
		who, at, _ := strings.Cut(p.pick("who", rights[name].orgs...), "@")
		role, org = ledger.Role(who), at
	}
	out := statetest.Proposal{
		Client: p.l.Client(org, role), Name: name, Request: request,
		Time: p.l.Now().Add(time.Duration(rapid.IntRange(-60, 60).Draw(p.t, "skew")) * time.Second),
	}
	if o, ok := request.(signed); ok {
		o.Name = name
		out.Request, out.Transient = o.Request, p.l.Agreed(o.Order, o.persons...)
	}
	return out
}

// TestEndorsersAgreeAndTheLedgerHolds plays transactions in blocks: two peers
// on one state sign the same bytes, a refusal writes nothing, and after each
// play the ledger holds what Check asks.
func TestEndorsersAgreeAndTheLedgerHolds(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	var clock func() time.Time
	cc, err := chaincode.NewAt(func() time.Time { return clock() }) // made once: that is slow
	if err != nil {
		t.Fatal(err)
	}
	options := statetest.Options{Chaincode: func(c func() time.Time) (shim.Chaincode, error) {
		clock = c
		return cc, nil
	}}
	rapid.Check(t, func(t *rapid.T) {
		l, err := statetest.Open(options)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Seed(); err != nil {
			t.Fatal(err)
		}
		p := &play{t: t, l: l, logs: map[string]*statetest.Log{}, fork: map[string]*statetest.Log{}, last: map[string]*ledger.Anchor{}, next: map[string]*statetest.Log{}}
		p.names = p.focus()
		for _, org := range []string{north, south, maker} {
			p.logs[org] = statetest.NewLog("secant/test/" + org)
			p.logs[org].Grow(logSize)
			p.fork[org] = p.logs[org].Fork()
			open := ledger.OpenStream{Verifier: p.logs[org].Verifier}
			if err := l.Submit(l.Client(org, ledger.RoleAnchorer), ledger.AnchorOpen, open, nil); err != nil {
				t.Fatal(err)
			}
		}
		for range rapid.IntRange(3, 15).Draw(t, "blocks") {
			var block []*statetest.Simulation
			for range rapid.IntRange(1, 8).Draw(t, "transactions") {
				s, err := l.Simulate(p.proposal())
				if err != nil {
					t.Fatal(err)
				}
				sameBytes(t, s, l.Again(s))
				sameBytes(t, s, l.Other(s)) // with and without batches, the same is read and written
				switch code := ledger.CodeOf(s.Err()); {
				case code == ledger.CodeInternal:
					t.Fatalf("%s: %v", s.Name, s.Err())
				case code != "" && len(s.Writes) > 0:
					t.Fatalf("%s was refused and wrote", s.Name)
				}
				block = append(block, s)
			}
			for i, code := range l.Commit(block...) {
				counts[fmt.Sprint(block[i].Name, " ", code)]++
				p.learn(block[i], code)
			}
			l.Advance(time.Minute)
		}
		if err := l.Check(); err != nil {
			t.Fatal(err)
		}
	})
	t.Log(counts)
}

// learn remembers the last anchor of each stream and each organisation's log.
func (p *play) learn(s *statetest.Simulation, code peer.TxValidationCode) {
	if code == peer.TxValidationCode_VALID && s.Name == ledger.AnchorSucceed {
		p.learnSuccession(s.Payload)
	}
	if code != peer.TxValidationCode_VALID || s.Name != ledger.AnchorCommit {
		return
	}
	a := new(ledger.Anchor)
	if err := json.Unmarshal(s.Payload, a); err != nil {
		p.t.Fatal(err)
	}
	p.last[a.Stream] = a
}
