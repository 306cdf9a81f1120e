package chaincode_test

import (
	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// threatRights is who may call the contract "threat".
var threatRights = map[string]right{
	ledger.ThreatShare: {ledger.RoleSharer, nil, func(*scene) any { return share("another") }},
	ledger.ThreatGet:   {"", nil, func(*scene) any { return ledger.GetThreat{Digest: share("shared").Digest, Sharer: north} }},
	ledger.ThreatList:  {"", nil, func(*scene) any { return ledger.PageRequest{} }},
}

// threatPlays draws its requests.
var threatPlays = map[string]func(p *play, org string) any{
	ledger.ThreatList: func(p *play, org string) any {
		return ledger.PageRequest{Size: rapid.IntRange(0, 3).Draw(p.t, "size")}
	},
	ledger.ThreatShare: func(p *play, org string) any {
		return ledger.ShareThreat{Digest: p.id("body"), Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: 1}
	},
	ledger.ThreatGet: func(p *play, org string) any {
		return ledger.GetThreat{Digest: p.id("body"), Sharer: p.org()}
	},
}
