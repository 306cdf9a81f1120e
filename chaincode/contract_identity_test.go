package chaincode_test

import (
	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// identityRights is who may call the contract "identity".
var identityRights = map[string]right{
	ledger.IdentityRegister: {ledger.RoleRegistrar, []string{north}, func(*scene) any {
		r := statetest.Registration(north)
		r.Revision = 2
		return r
	}},
	ledger.IdentityGet:  {"", nil, func(*scene) any { return ledger.GetOrganisation{ID: north} }},
	ledger.IdentityList: {"", nil, func(*scene) any { return ledger.PageRequest{} }},
}

// identityPlays draws its requests.
var identityPlays = map[string]func(p *play, org string) any{
	ledger.IdentityRegister: func(p *play, org string) any {
		r := statetest.Registration(org)
		r.Revision = rapid.IntRange(2, 3).Draw(p.t, "revision")
		return r
	},
	ledger.IdentityGet: func(p *play, org string) any {
		return ledger.GetOrganisation{ID: p.org()}
	},
	ledger.IdentityList: func(p *play, org string) any {
		return ledger.PageRequest{Size: rapid.IntRange(0, 3).Draw(p.t, "size")}
	},
}
