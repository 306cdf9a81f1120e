package dicom

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/secant-platform/secant/analytics/dicom"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/auth"
)

// Source is what devices' names in DICOM instances are entered under in the
// inventory.
const Source = "dicom"

// Manifest is the record that stands for an instance of a device.
type Manifest struct {
	Unit proof.Hash
	Once []byte // names the instance and its bytes: the same again has the same
	Text []byte // JSON
}

// Receipt says that a manifest is durable and in the log.
type Receipt struct {
	ID       proof.RequestID
	Received time.Time
}

// Readings makes manifests durable. Problems: busy and unavailable pass; the same
// manifest (Manifest.Once) may be handed in again.
type Readings interface {
	Submit(ctx context.Context, m Manifest) (Receipt, error)
}

// Devices finds the device that a source calls by a name (not_found), if it may hand
// in readings here (denied), and judges one that is named by its id.
type Devices interface {
	Find(ctx context.Context, source, name string) (proof.Hash, error)
	Admit(ctx context.Context, unit proof.Hash) error
}

// Images is the index of instances.
type Images interface {
	PutImages(ctx context.Context, images []fact.Image) ([]fact.Image, error)
	Images(ctx context.Context, level fact.ImageLevel, f fact.ImageFilter, limit, offset int) ([]fact.ImageGroup, bool, error)
}

// Anchor is the anchor on the ledger that first covers a record.
type Anchor struct {
	Stream   string    `json:"stream"`
	Sequence uint64    `json:"sequence"`
	Time     time.Time `json:"time"` // vouched for by the endorsers
}

// Proofs finds since when a record is on the ledger (nil: not yet), and the bundle
// that proves it. Problems: not_found, gone, and busy until it is anchored.
type Proofs interface {
	Since(ctx context.Context, id proof.RequestID) (*Anchor, error)
	Bundle(ctx context.Context, id proof.RequestID) ([]byte, error)
}

// Limits bound what one caller can take. Zero means the default.
type Limits struct {
	File     int64 // bytes of a file; default 2 GiB
	Parts    int   // files of a request; default 10,000
	Header   int   // bytes of a part's header, and of what is before the first part; default 16 KiB
	Requests int   // with files, at once; default 16
	Metadata int   // bytes of a body of metadata; default 4 MiB
}

// Deps is what the interface needs of the rest of the node. All but Limits are
// required.
type Deps struct {
	Readings Readings
	Devices  Devices
	Images   Images
	Proofs   Proofs
	Metrics  *Metrics
	Limits   Limits
}

// The paths. Those of the standard stand below a base address, which callers are told.
const (
	Base         = "/dicomweb"
	pathStudies  = Base + "/studies"
	pathStudy    = pathStudies + "/:study"
	pathSeries   = pathStudy + "/series"
	pathInstance = pathSeries + "/:series/instances"
	pathProof    = pathInstance + "/:instance/proof"
	pathDigest   = Base + "/digests/:digest"
)

// Large lists the routes that take files, as auth.Route has them.
func Large() []string { return []string{"POST " + pathStudies, "POST " + pathStudy} }

// handler answers the package's routes.
type handler struct {
	Deps
	running chan struct{} // requests with files
}

// New registers the routes on router.
func New(router *auth.Router, deps Deps) error {
	if deps.Readings == nil || deps.Devices == nil || deps.Images == nil || deps.Proofs == nil || deps.Metrics == nil {
		return errors.New("DICOM web services need readings, devices, images, proofs and metrics")
	}
	l := &deps.Limits
	if min(l.File, int64(min(l.Parts, l.Header, l.Requests, l.Metadata))) < 0 {
		return errors.New("a bound of the DICOM web services is negative")
	}
	orDefault(&l.File, 2<<30)
	orDefault(&l.Parts, 10_000)
	orDefault(&l.Header, 16<<10)
	orDefault(&l.Requests, 16)
	orDefault(&l.Metadata, 4<<20)
	h := &handler{Deps: deps, running: make(chan struct{}, l.Requests)}
	router.Handle(http.MethodPost, pathStudies, auth.ReadingsWrite, h.store)
	router.Handle(http.MethodPost, pathStudy, auth.ReadingsWrite, h.store)
	router.Handle(http.MethodGet, pathStudies, auth.ReadingsRead, h.search(fact.ImageStudies))
	router.Handle(http.MethodGet, Base+"/series", auth.ReadingsRead, h.search(fact.ImageSeries))
	router.Handle(http.MethodGet, Base+"/instances", auth.ReadingsRead, h.search(fact.ImageInstances))
	router.Handle(http.MethodGet, pathSeries, auth.ReadingsRead, h.search(fact.ImageSeries))
	router.Handle(http.MethodGet, pathStudy+"/instances", auth.ReadingsRead, h.search(fact.ImageInstances))
	router.Handle(http.MethodGet, pathInstance, auth.ReadingsRead, h.search(fact.ImageInstances))
	router.Handle(http.MethodGet, pathProof, auth.ReadingsRead, h.prove)
	router.Handle(http.MethodGet, pathDigest, auth.ReadingsRead, h.digest)
	return nil
}

func orDefault[T int | int64](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// imageOf is the row that an instance gets in the index.
func imageOf(i *dicom.Instance, unit proof.Hash, r Receipt) fact.Image {
	return fact.Image{
		Instance: i.UID, Digest: i.SHA256.String(), Measured: string(i.Measured), Study: i.Study, Series: i.Series, Class: i.Class,
		Modality: i.Modality, Date: i.Dates.Study,
		Manufacturer: i.Device.Manufacturer, Model: i.Device.Model, Serial: i.Device.Serial, Station: i.Device.Station,
		Syntax: i.TransferSyntax, Size: i.Size, Unit: unit.String(), Receipt: r.ID.String(), Received: r.Received,
	}
}
