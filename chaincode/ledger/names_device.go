package ledger

// The transactions of the contract "device".
const (
	DeviceRegisterModel  = "device:RegisterModel"
	DeviceAssignModel    = "device:AssignModel"
	DevicePublishRelease = "device:PublishRelease"
	DeviceRegisterUnit   = "device:RegisterUnit"
	DeviceRegisterUnits  = "device:RegisterUnits"
	DeviceCompleteUnit   = "device:CompleteUnit"
	DeviceCertify        = "device:Certify"
	DevicePutIntoService = "device:PutIntoService"
	DeviceHold           = "device:Hold"
	DeviceQuarantine     = "device:Quarantine"
	DeviceRelease        = "device:Release" // a unit from its holds; a release of software is published
	DeviceUpdateRelease  = "device:UpdateRelease"
	DeviceOffer          = "device:Offer"
	DeviceEndOffer       = "device:EndOffer"
	DeviceAccept         = "device:Accept"
	DeviceRetire         = "device:Retire"
	DeviceRecall         = "device:Recall"
	DeviceLiftRecall     = "device:LiftRecall"
	DeviceClear          = "device:Clear"
	DeviceGetModel       = "device:GetModel"
	DeviceGetRelease     = "device:GetRelease"
	DeviceGetUnit        = "device:GetUnit"
	DeviceListUnits      = "device:ListUnits"
	DeviceGetRecall      = "device:GetRecall"
	DeviceListRecalls    = "device:ListRecalls"
)

var (
	deviceWrites = []string{
		DeviceRegisterModel, DeviceAssignModel, DevicePublishRelease, DeviceRegisterUnit, DeviceRegisterUnits, DeviceCompleteUnit,
		DeviceCertify, DevicePutIntoService, DeviceHold, DeviceQuarantine, DeviceRelease, DeviceUpdateRelease,
		DeviceOffer, DeviceEndOffer, DeviceAccept, DeviceRetire, DeviceRecall, DeviceLiftRecall, DeviceClear,
	}
	deviceReads = []string{DeviceGetModel, DeviceGetRelease, DeviceGetUnit, DeviceListUnits, DeviceGetRecall, DeviceListRecalls}
)

// The object types of medical devices.
const (
	TypeModel       ObjectType = "mdl"    // parts: UDI-DI
	TypeRelease     ObjectType = "rel"    // parts: UDI-DI, version
	TypeUnit        ObjectType = "dev"    // parts: unit id
	TypeUnitHistory ObjectType = "dev.ev" // parts: unit id, transaction id
	TypeUnitChunk   ObjectType = "dev.ch" // parts: transaction id
	TypeUnitIDevID  ObjectType = "dev.id" // parts: the digest of a unit's IDevID
	TypeUnitSigning ObjectType = "dev.pk" // parts: a unit's public key
	TypeRecall      ObjectType = "rec"    // parts: UDI-DI, "lot" or "release", the lot or version
)

// The events of medical devices.
const (
	EventModelRegistered    EventKind = "model.registered"
	EventModelAssigned      EventKind = "model.assigned"
	EventReleasePublished   EventKind = "release.published"
	EventUnitRegistered     EventKind = "unit.registered"
	EventUnitsRegistered    EventKind = "units.registered" // its key is the first unit's; the transaction's writes say which they are
	EventUnitCompleted      EventKind = "unit.completed"
	EventUnitAssessed       EventKind = "unit.assessed"
	EventUnitPutIntoService EventKind = "unit.put_into_service"
	EventUnitHeld           EventKind = "unit.held"
	EventUnitQuarantined    EventKind = "unit.quarantined"
	EventUnitReleased       EventKind = "unit.released"
	EventUnitUpdated        EventKind = "unit.updated"
	EventUnitOffered        EventKind = "unit.offered"
	EventUnitOfferEnded     EventKind = "unit.offer_ended"
	EventUnitTransferred    EventKind = "unit.transferred"
	EventUnitRetired        EventKind = "unit.retired"
	EventUnitCleared        EventKind = "unit.cleared"
	EventRecallIssued       EventKind = "recall.issued"
	EventRecallLifted       EventKind = "recall.lifted"
)
