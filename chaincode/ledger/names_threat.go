package ledger

// The transactions of the contract "threat".
const (
	ThreatShare = "threat:Share"
	ThreatGet   = "threat:Get"
	ThreatList  = "threat:List"
)

var (
	threatWrites = []string{ThreatShare}
	threatReads  = []string{ThreatGet, ThreatList}
)

// The object types of shared threats.
const (
	TypeThreat ObjectType = "thr" // parts: body digest, sharer's MSP id
)

// The events of shared threats.
const (
	EventThreatShared EventKind = "threat.shared"
)
