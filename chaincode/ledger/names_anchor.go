package ledger

// The transactions of the contract "anchor".
const (
	AnchorOpen               = "anchor:Open"
	AnchorCommit             = "anchor:Commit"
	AnchorReportEquivocation = "anchor:ReportEquivocation"
	AnchorGet                = "anchor:Get"
	AnchorGetStream          = "anchor:GetStream"
)

var (
	anchorWrites = []string{AnchorOpen, AnchorCommit, AnchorReportEquivocation}
	anchorReads  = []string{AnchorGet, AnchorGetStream}
)

// The object types of integrity logs.
const (
	TypeStream       ObjectType = "str"    // parts: stream id
	TypeStreamOwner  ObjectType = "str.ow" // parts: MSP id; makes an organisation's stream the only one
	TypeAnchor       ObjectType = "anc"    // parts: stream id, sequence (12 digits)
	TypeEquivocation ObjectType = "str.eq" // parts: stream id
)

// The events of integrity logs.
const (
	EventStreamOpened         EventKind = "stream.opened"
	EventAnchorCommitted      EventKind = "anchor.committed"
	EventEquivocationReported EventKind = "equivocation.reported"
)
