package ledger

// The transactions of the contract "device".
const (
	DeviceRegisterModel  = "device:RegisterModel"
	DevicePublishRelease = "device:PublishRelease"
	DeviceRegisterUnit   = "device:RegisterUnit"
	DevicePutIntoService = "device:PutIntoService"
	DeviceGetModel       = "device:GetModel"
	DeviceGetRelease     = "device:GetRelease"
	DeviceGetUnit        = "device:GetUnit"
	DeviceListUnits      = "device:ListUnits"
)

var (
	deviceWrites = []string{DeviceRegisterModel, DevicePublishRelease, DeviceRegisterUnit, DevicePutIntoService}
	deviceReads  = []string{DeviceGetModel, DeviceGetRelease, DeviceGetUnit, DeviceListUnits}
)

// The object types of medical devices.
const (
	TypeModel       ObjectType = "mdl"    // parts: UDI-DI
	TypeRelease     ObjectType = "rel"    // parts: UDI-DI, version
	TypeUnit        ObjectType = "dev"    // parts: unit id
	TypeUnitHistory ObjectType = "dev.ev" // parts: unit id, transaction id
)

// The events of medical devices.
const (
	EventModelRegistered    EventKind = "model.registered"
	EventReleasePublished   EventKind = "release.published"
	EventUnitRegistered     EventKind = "unit.registered"
	EventUnitPutIntoService EventKind = "unit.put_into_service"
)
