package chaincode_test

import (
	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// deviceRights is who may call the contract "device".
var deviceRights = map[string]right{
	ledger.DeviceRegisterModel: {ledger.RoleRegistrar, []string{maker}, func(*scene) any {
		return ledger.RegisterModel{DI: "D9", Name: "Pump", ModelNumber: "9", RiskClass: "I"}
	}},
	ledger.DevicePublishRelease: {ledger.RoleRegistrar, []string{maker}, func(*scene) any {
		return ledger.PublishRelease{DI: statetest.SeededDI, Version: "9", SBOMDigest: ledger.BodyDigest(nil), SBOMFormat: ledger.FormatCycloneDX}
	}},
	ledger.DeviceRegisterUnit: {ledger.RoleRegistrar, []string{maker}, func(*scene) any {
		return ledger.RegisterUnit{SerialMAC: ledger.BodyDigest(nil), DI: statetest.SeededDI, Lot: "9", Release: statetest.SeededRelease, Owner: north}
	}},
	ledger.DevicePutIntoService: {ledger.RoleCustodian, []string{north}, func(*scene) any {
		return ledger.PutIntoService{ID: statetest.SeededUnit(north)}
	}},
	ledger.DeviceGetModel:   {"", nil, func(*scene) any { return ledger.GetModel{DI: statetest.SeededDI} }},
	ledger.DeviceGetRelease: {"", nil, func(*scene) any { return ledger.GetRelease{DI: statetest.SeededDI, Version: statetest.SeededRelease} }},
	ledger.DeviceGetUnit:    {"", nil, func(*scene) any { return ledger.GetUnit{ID: statetest.SeededUnit(north)} }},
	ledger.DeviceListUnits:  {"", nil, func(*scene) any { return ledger.PageRequest{} }},
}

// devicePlays draws its requests.
var devicePlays = map[string]func(p *play, org string) any{
	ledger.DeviceListUnits: func(p *play, org string) any {
		return ledger.PageRequest{Size: rapid.IntRange(0, 3).Draw(p.t, "size")}
	},
	ledger.DeviceRegisterModel: func(p *play, org string) any {
		return ledger.RegisterModel{DI: p.di(), Name: "Pump", ModelNumber: "1", RiskClass: "I"}
	},
	ledger.DevicePublishRelease: func(p *play, org string) any {
		return ledger.PublishRelease{DI: p.di(), Version: p.pick("version", "1", "2"), SBOMDigest: p.id("sbom"), SBOMFormat: ledger.FormatCycloneDX}
	},
	ledger.DeviceRegisterUnit: func(p *play, org string) any {
		return ledger.RegisterUnit{SerialMAC: p.id("serial"), DI: p.di(), Lot: "L", Release: p.pick("release", statetest.SeededRelease, "1"), Owner: p.org()}
	},
	ledger.DevicePutIntoService: func(p *play, org string) any {
		return ledger.PutIntoService{ID: p.unit()}
	},
	ledger.DeviceGetModel: func(p *play, org string) any {
		return ledger.GetModel{DI: p.di()}
	},
	ledger.DeviceGetRelease: func(p *play, org string) any {
		return ledger.GetRelease{DI: p.di(), Version: "1"}
	},
	ledger.DeviceGetUnit: func(p *play, org string) any {
		return ledger.GetUnit{ID: p.unit()}
	},
}
