package state

import "github.com/secant-platform/secant/chaincode/ledger"

// The tables of shared threats.
var (
	Threats     = table[ledger.Threat](ledger.TypeThreat, "the report")
	Sightings   = table[ledger.Sighting](ledger.TypeSighting, "the sighting")
	Opinions    = table[ledger.Opinion](ledger.TypeOpinion, "the opinion")
	Withdrawals = table[ledger.Withdrawal](ledger.TypeWithdrawal, "the withdrawal")

	ThreatEscrows   = table[ledger.ThreatEscrow](ledger.TypeThreatEscrow, "the sealed name")
	OpeningRequests = table[ledger.OpeningRequest](ledger.TypeOpeningRequest, "the request to open")
	OpeningShares   = table[ledger.OpeningShare](ledger.TypeOpeningShare, "the given share")
)
