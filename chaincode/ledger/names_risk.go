package ledger

// The transactions of the contract "risk".
const (
	RiskPublish = "risk:Publish"
	RiskGet     = "risk:Get"
	RiskList    = "risk:List"
)

var (
	riskWrites = []string{RiskPublish}
	riskReads  = []string{RiskGet, RiskList}
)

// The object types of risk scores.
const (
	TypeScore ObjectType = "rsk" // parts: subject, model, input digest
)

// The events of risk scores.
const (
	EventScorePublished EventKind = "score.published"
)
