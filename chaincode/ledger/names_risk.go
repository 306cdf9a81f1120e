package ledger

// The transactions of the contract "risk".
const (
	RiskPublish            = "risk:Publish"
	RiskRecompute          = "risk:Recompute"
	RiskGet                = "risk:Get"
	RiskList               = "risk:List"
	RiskListRecomputations = "risk:ListRecomputations"
)

var (
	riskWrites = []string{RiskPublish, RiskRecompute}
	riskReads  = []string{RiskGet, RiskList, RiskListRecomputations}
)

// The object types of risk scores.
const (
	TypeScore         ObjectType = "rsk"    // parts: subject, model, input digest
	TypeRecomputation ObjectType = "rsk.re" // parts: subject, model, input digest, MSP id of who recomputed it
)

// The events of risk scores.
const (
	EventScorePublished  EventKind = "score.published"
	EventScoreRecomputed EventKind = "score.recomputed"
)
