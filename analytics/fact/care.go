package fact

import "time"

// MaxCareServices bounds the care services of one organisation.
const MaxCareServices = 1000

// CareService is something that an organisation does for patients and that relies
// on devices, as dialysis or intensive care. It never leaves the node.
type CareService struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Units    []string  `json:"units"`    // ids of the own units that it relies on
	Services []string  `json:"services"` // ids of the care services that it relies on
	Without  int       `json:"without"`  // minutes that it can do without what it relies on
	Updated  time.Time `json:"updated"`  // set by the store
}

// ModelFileKind says what a file of a model is.
type ModelFileKind string

// The kinds of file that a node keeps of a model beside the ledger.
const (
	ModelFileMUD  ModelFileKind = "mud"  // Manufacturer Usage Description (RFC 8520)
	ModelFileMDS2 ModelFileKind = "mds2" // answers about security (HN 1-2019)
)

// ModelFile is what a node keeps of a model beside the ledger.
type ModelFile struct {
	DI      string
	Kind    ModelFileKind
	Digest  string // ledger.BodyDigest of Body
	Doc     []byte // what was found out about Body, as JSON
	Body    []byte // as it was received
	Updated time.Time
}
