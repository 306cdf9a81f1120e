package statetest

import (
	"fmt"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// What Seed registers.
const (
	SeededDI      = "04012345678901"
	SeededRelease = "2.1.0"
)

// SeededUnit returns the id of the unit that Seed registers for a hospital of
// the development consortium.
func SeededUnit(hospital string) string {
	return ledger.UnitID(seededMaker, seededSerial(hospital))
}

// seededMaker makes what Seed registers.
const seededMaker = "medtech"

func seededSerial(hospital string) string { return ledger.Digest("sample-serial", []byte(hospital)) }

// Kind returns what an organisation of the development consortium is.
func Kind(org string) string {
	switch {
	case strings.HasPrefix(org, "hospital-"):
		return ledger.KindHospital
	case org == "authority":
		return ledger.KindAuthority
	}
	return ledger.KindManufacturer
}

// Registration returns a valid request that registers the organisation for the
// first time.
func Registration(org string) ledger.RegisterOrganisation {
	return ledger.RegisterOrganisation{
		Name: "The " + org, Kind: Kind(org), Endpoint: "https://" + org + ".example",
		TokenKey: ledger.Digest("sample-token-key", []byte(org)), Revision: 1, Network: Network,
	}
}

// Seed registers every member, and of medtech a model, a release and one unit
// for each hospital.
func (l *Ledger) Seed() error {
	steps := []Proposal{}
	for _, org := range l.members {
		steps = append(steps, Proposal{Client: l.Client(org, ledger.RoleRegistrar), Name: ledger.IdentityRegister, Request: Registration(org)})
	}
	maker := l.Client(seededMaker, ledger.RoleRegistrar)
	steps = append(steps,
		Proposal{Client: maker, Name: ledger.DeviceRegisterModel, Request: ledger.RegisterModel{
			DI: SeededDI, Name: "Infusion pump", ModelNumber: "IP-7", RiskClass: "IIb",
		}},
		Proposal{Client: maker, Name: ledger.DevicePublishRelease, Request: ledger.PublishRelease{
			DI: SeededDI, Version: SeededRelease, SBOMDigest: ledger.BodyDigest([]byte("sbom")), SBOMFormat: ledger.FormatCycloneDX,
		}},
	)
	for _, org := range l.members {
		if Kind(org) == ledger.KindHospital {
			steps = append(steps, Proposal{Client: maker, Name: ledger.DeviceRegisterUnit, Request: ledger.RegisterUnit{
				SerialMAC: seededSerial(org), DI: SeededDI, Lot: "L1", Release: SeededRelease, Owner: org,
			}})
		}
	}
	for _, p := range steps {
		if err := l.Submit(p.Client, p.Name, p.Request, nil); err != nil {
			return fmt.Errorf("seeding with %s: %w", p.Name, err)
		}
	}
	return nil
}
