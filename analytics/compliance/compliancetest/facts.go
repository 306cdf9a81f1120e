// Package compliancetest has facts of sample devices, for tests of what is made of
// assessments.
package compliancetest

import (
	"time"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// At is when the samples were gathered.
var At = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)

// Mixed are facts of a unit of which some things are well, some are not, some are
// unknown, and some are excepted.
func Mixed() compliance.Facts {
	proof := At.Add(-time.Hour)
	f := compliance.Facts{
		At:          At,
		Unit:        compliance.Unit{ID: ledger.BodyDigest([]byte("unit")), Lot: "L2026-11", State: ledger.StateInService, Signs: true, IDevID: true},
		Model:       compliance.Model{DI: "04012345678901", BasicUDIDI: "401234567MON1", SRN: "DE-MF-000012345", RiskClass: "IIb", SupportEnd: "2026-06-30"},
		Release:     compliance.Release{Version: "4.2.1", SBOMDigest: ledger.BodyDigest([]byte("bill")), Signed: true},
		Bill:        compliance.Bill{State: compliance.BillRead, Version: "4.2.1", Components: 12, Identified: 11},
		Attestation: &compliance.Attestation{Verdict: compliance.AttestationAffirming, Time: At.Add(-2 * time.Hour), Digest: ledger.BodyDigest([]byte("eat"))},
		KeyProof:    &proof,
		Readings:    &compliance.Readings{},
		Vulnerabilities: &compliance.Vulnerabilities{Lists: []string{ledger.BodyDigest([]byte("list"))}, Known: []compliance.Vulnerability{
			{ID: "CVE-2026-0001", Severity: 98, Published: At.AddDate(0, -2, 0)},
		}},
		Exceptions: []compliance.Exception{
			{Control: "NW-1", SubjectKind: ledger.SubjectModel, Effect: ledger.ExceptNotApplicable, ReasonDigest: ledger.BodyDigest([]byte("a")), By: "authority", Until: At.AddDate(0, 6, 0)},
			{Control: "AU-1", SubjectKind: ledger.SubjectDevice, Effect: ledger.ExceptTolerated, ReasonDigest: ledger.BodyDigest([]byte("b")), By: "authority", Until: At.AddDate(0, 1, 0)},
		},
	}
	for _, c := range []string{"AC-1", "AC-2", "CE-1", "CR-1", "CR-2", "DC-1", "DI-2", "NW-2", "PR-1", "SB-4"} {
		claim := ledger.ClaimMet
		if c == "CR-2" {
			claim = ledger.ClaimPartly
		}
		f.Evidence = append(f.Evidence, compliance.Evidence{
			Control: c, SubjectKind: ledger.SubjectModel, Claim: claim, Digest: ledger.BodyDigest([]byte(c)),
			By: "authority", Party: ledger.PartyAuthority, Time: At.AddDate(0, 0, -3),
		})
	}
	return f
}
