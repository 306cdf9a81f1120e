package chaincode_test

import (
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
	ledger.AnchorReportEquivocation: {anyRole, nil, func(s *scene) any {
		return ledger.ReportEquivocation{Stream: s.stream(), First: s.log.Checkpoint(4), Second: s.fork.Checkpoint(4)}
	}},
	ledger.AnchorGet:       {"", nil, func(s *scene) any { return ledger.GetAnchor{Stream: s.stream()} }},
	ledger.AnchorGetStream: {"", nil, func(s *scene) any { return ledger.GetStream{ID: s.stream()} }},
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
}
