package ledger

// The transactions of the contract "threat".
const (
	ThreatShare         = "threat:Share"
	ThreatSight         = "threat:Sight"
	ThreatOpine         = "threat:Opine"
	ThreatWithdraw      = "threat:Withdraw"
	ThreatGet           = "threat:Get"
	ThreatGetWithdrawal = "threat:GetWithdrawal"
	ThreatList          = "threat:List"
	ThreatListSightings = "threat:ListSightings"
	ThreatListOpinions  = "threat:ListOpinions"
)

var (
	threatWrites = []string{ThreatShare, ThreatSight, ThreatOpine, ThreatWithdraw}
	threatReads  = []string{ThreatGet, ThreatGetWithdrawal, ThreatList, ThreatListSightings, ThreatListOpinions}
)

// The object types of shared threats.
const (
	TypeThreat     ObjectType = "thr"    // parts: digest or commitment, sharer's MSP id
	TypeSighting   ObjectType = "thr.si" // parts: digest, sharer's MSP id, MSP id of who saw it, transaction id
	TypeOpinion    ObjectType = "thr.op" // parts: digest, sharer's MSP id, MSP id of who thinks so
	TypeWithdrawal ObjectType = "thr.wd" // parts: digest or commitment, sharer's MSP id
)

// The events of shared threats.
const (
	EventThreatShared    EventKind = "threat.shared"
	EventThreatSighted   EventKind = "threat.sighted"
	EventThreatJudged    EventKind = "threat.judged"
	EventThreatWithdrawn EventKind = "threat.withdrawn"
)
