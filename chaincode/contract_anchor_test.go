package chaincode_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// anchorRights is who may call the contract "anchor".
var anchorRights = map[string]right{
	// Every organisation opens a stream of its own name, and north has one already.
	ledger.AnchorOpen: {ledger.RoleAnchorer, []string{south}, func(*scene) any {
		return ledger.OpenStream{Verifier: statetest.NewLog("secant/test/" + south).Verifier}
	}},
	ledger.AnchorCommit: {ledger.RoleAnchorer, []string{north}, func(s *scene) any {
		return ledger.CommitAnchor{Stream: s.stream(), Sequence: 1, Checkpoint: s.log.Checkpoint(8), Proof: s.log.Consistency(4, 8)}
	}},
	ledger.AnchorSucceed: {ledger.RoleAnchorer, []string{north}, func(s *scene) any { return s.succession }},
	ledger.AnchorReportEquivocation: {anyRole, nil, func(s *scene) any {
		return ledger.ReportEquivocation{Stream: s.stream(), First: s.log.Checkpoint(4), Second: s.fork.Checkpoint(4)}
	}},
	ledger.AnchorGet:       {"", nil, func(s *scene) any { return ledger.GetAnchor{Stream: s.stream()} }},
	ledger.AnchorGetStream: {"", nil, func(s *scene) any { return ledger.GetStream{ID: s.stream()} }},
	ledger.AnchorGetLive:   {"", nil, func(*scene) any { return ledger.GetLive{Owner: north} }},
}

// newSuccession has a majority approve that a new log follows north's stream,
// which ends at its first anchor.
func newSuccession(t *testing.T, l *statetest.Ledger, stream string) ledger.SucceedStream {
	t.Helper()
	verifier := statetest.NewLog("secant/second/" + north).Verifier
	proposal, voters, err := l.Approve(ledger.Propose{Kind: ledger.ProposeSucceedStream, Reason: "a sample", Subject: ledger.ProposalSubject{
		Stream: stream, Successor: ledger.StreamID(verifier),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return ledger.SucceedStream{Proposal: proposal, Verifier: verifier, Voters: voters}
}

// anchorPlays draws its requests.
var anchorPlays = map[string]func(p *play, org string) any{
	ledger.AnchorOpen: func(p *play, org string) any {
		log, _ := p.log(org)
		return ledger.OpenStream{Verifier: log.Verifier}
	},
	ledger.AnchorCommit: func(p *play, org string) any {
		log, stream := p.log(org)
		return p.commit(log, stream)
	},
	ledger.AnchorSucceed: func(p *play, org string) any {
		_, stream := p.log(org)
		next := statetest.NewLog("secant/next/" + org)
		next.Grow(logSize)
		r := ledger.SucceedStream{Proposal: p.proposed(), Verifier: next.Verifier, Voters: statetest.Organisations()[:3]}
		if rapid.IntRange(0, 4).Draw(p.t, "approved") == 0 {
			return r
		}
		subject := ledger.ProposalSubject{Stream: stream, Successor: ledger.StreamID(next.Verifier)}
		if last := p.last[stream]; last != nil {
			subject.LastSequence = last.Sequence
		}
		id, voters, err := p.l.Approve(ledger.Propose{Kind: ledger.ProposeSucceedStream, Reason: "a sample", Subject: subject})
		if err == nil {
			r.Proposal, r.Voters = id, voters
			p.next[subject.Successor] = next
		}
		return r
	},
	ledger.AnchorReportEquivocation: func(p *play, org string) any {
		log, stream := p.log(org)
		n := rapid.Uint64Range(1, logSize).Draw(p.t, "at")
		return ledger.ReportEquivocation{Stream: stream, First: p.logs[org].Checkpoint(n), Second: log.Checkpoint(n)}
	},
	ledger.AnchorGet: func(p *play, org string) any {
		_, stream := p.log(org)
		return ledger.GetAnchor{Stream: stream}
	},
	ledger.AnchorGetStream: func(p *play, org string) any {
		_, stream := p.log(org)
		return ledger.GetStream{ID: stream}
	},
	ledger.AnchorGetLive: func(p *play, _ string) any { return ledger.GetLive{Owner: p.org()} },
}

// learnSuccession goes on with the log that followed an organisation's.
func (p *play) learnSuccession(payload []byte) {
	var s ledger.Stream
	if err := json.Unmarshal(payload, &s); err != nil {
		p.t.Fatal(err)
	}
	p.logs[s.Owner] = p.next[s.ID]
	p.fork[s.Owner] = p.next[s.ID].Fork()
}
