package ledger

// The transactions of the contract "anchor".
const (
	AnchorOpen               = "anchor:Open"
	AnchorCommit             = "anchor:Commit"
	AnchorSucceed            = "anchor:Succeed"
	AnchorReportEquivocation = "anchor:ReportEquivocation"
	AnchorGet                = "anchor:Get"
	AnchorGetStream          = "anchor:GetStream"
	AnchorGetLive            = "anchor:GetLive"
)

var (
	anchorWrites = []string{AnchorOpen, AnchorCommit, AnchorSucceed, AnchorReportEquivocation}
	anchorReads  = []string{AnchorGet, AnchorGetStream, AnchorGetLive}
)

// The object types of integrity logs.
const (
	TypeStream       ObjectType = "str"    // parts: stream id
	TypeStreamOwner  ObjectType = "str.ow" // parts: MSP id; names an organisation's one live stream
	TypeAnchor       ObjectType = "anc"    // parts: stream id, sequence (12 digits)
	TypeEquivocation ObjectType = "str.eq" // parts: stream id
)

// The events of integrity logs.
const (
	EventStreamOpened         EventKind = "stream.opened"
	EventStreamSucceeded      EventKind = "stream.succeeded"
	EventAnchorCommitted      EventKind = "anchor.committed"
	EventEquivocationReported EventKind = "equivocation.reported"
)
