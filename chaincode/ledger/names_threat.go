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

	ThreatRequestOpening = "threat:RequestOpening"
	ThreatGiveShare      = "threat:GiveShare"
	ThreatGetOpening     = "threat:GetOpening"
)

var (
	threatWrites = []string{ThreatShare, ThreatSight, ThreatOpine, ThreatWithdraw, ThreatRequestOpening, ThreatGiveShare}
	threatReads  = []string{ThreatGet, ThreatGetWithdrawal, ThreatList, ThreatListSightings, ThreatListOpinions, ThreatGetOpening}
)

// The object types of shared threats.
const (
	TypeThreat     ObjectType = "thr"    // parts: digest or commitment, sharer's MSP id
	TypeSighting   ObjectType = "thr.si" // parts: digest, sharer's MSP id, MSP id of who saw it, transaction id
	TypeOpinion    ObjectType = "thr.op" // parts: digest, sharer's MSP id, MSP id of who thinks so
	TypeWithdrawal ObjectType = "thr.wd" // parts: digest or commitment, sharer's MSP id

	TypeThreatEscrow   ObjectType = "thr.es" // parts: digest, relay's MSP id
	TypeOpeningRequest ObjectType = "thr.or" // parts: digest, relay's MSP id, MSP id of who asks
	TypeOpeningShare   ObjectType = "thr.os" // parts: digest, relay's MSP id, MSP id of whose share it is
)

// The events of shared threats.
const (
	EventThreatShared    EventKind = "threat.shared"
	EventThreatSighted   EventKind = "threat.sighted"
	EventThreatJudged    EventKind = "threat.judged"
	EventThreatWithdrawn EventKind = "threat.withdrawn"

	EventThreatOpeningRequested EventKind = "threat.opening_requested"
	EventThreatShareGiven       EventKind = "threat.share_given"
)
