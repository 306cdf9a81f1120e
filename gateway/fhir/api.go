package fhir

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Readings makes resources durable, and reads them back byte for byte. Problems: busy
// and unavailable pass; gone of what was erased.
type Readings interface {
	Submit(ctx context.Context, s *Submission) (proof.RequestID, error)
	Record(ctx context.Context, id proof.RequestID, index int) (record []byte, mediaType string, err error)
}

// Submission is a resource as it came.
type Submission struct {
	Unit      proof.Hash        // the device that it is from; zero: none is known
	Key       ed25519.PublicKey // the device's, when it signed; else nil, and the next two zero
	Seed      proof.Seed
	Signature proof.Signature
	Sequence  proof.Sequence // as the sender says; zero: it says nothing
	Subject   pseudonym.ID   // whom it is about; empty: nobody
	Body      []byte
}

// Store keeps track of resources.
type Store interface {
	PutResources(ctx context.Context, writes []fhir.Write) ([]fhir.Written, error)
	Resource(ctx context.Context, typ, id string, version int64) (fhir.Version, error)
	ResourceHistory(ctx context.Context, typ, id string, req ledger.PageRequest) ([]fhir.Version, string, error)
	Resources(ctx context.Context, q fhir.Query, req ledger.PageRequest) ([]fhir.Version, string, error)
	CountResources(ctx context.Context, q fhir.Query) (int64, error)
	ResourcesUntil(ctx context.Context) (time.Time, error)
	FHIRSchema(ctx context.Context) (text []byte, digest string, err error)
	PutFHIRSchema(ctx context.Context, text []byte, digest string) error
}

// Devices finds devices, and decides which may hand in readings here.
type Devices interface {
	// Admit returns the key under which a device signs when it says that it does.
	Admit(ctx context.Context, unit proof.Hash, signed bool) (ed25519.PublicKey, error)
	// Named finds the device that a source calls by a name.
	Named(ctx context.Context, source, name string) (proof.Hash, error)
	// Registered finds a device as the ledger has it, whoever's it is.
	Registered(ctx context.Context, unit proof.Hash) (*ledger.Unit, error)
}

// Signatures makes out devices that sign whole requests (RFC 9421).
type Signatures interface {
	Device(r *http.Request, keyOf func(ctx context.Context, keyID string) (ed25519.PublicKey, error)) (keyID string, body io.Reader, err error)
}

// Deps is what the interface needs of the rest of the node.
type Deps struct {
	Bases    []string // addresses of the node, the first for those who came by no other
	Readings Readings
	Store    Store
	Devices  Devices
	// Signatures is nil where none is made out.
	Signatures Signatures
	// Services says how programs sign in (SMART App Launch 2.2, "Discovery").
	Services      func() map[string]any
	Subscriptions Subscriptions
	// Blind makes of what a resource is found by what only this node can tell.
	Blind func(param, value string) []byte
	// Prove proves one record of a request. It fails with busy until it is anchored.
	Prove func(ctx context.Context, id proof.RequestID) (*proof.Verdict, error)
	// Device says whether a device asks too much; proven counts the request.
	Device func(r *http.Request, unit string, proven bool) error
	Limits Limits
	// Metrics is made by NewMetrics.
	Metrics *Metrics
}

// Limits bound what one request can take. Zero means the default.
type Limits struct {
	Resource int // bytes of a resource; default 64 KiB
	Bundle   int // bytes of a bundle; default 8 MiB
	Entries  int // of a bundle; default 1,000
	Depth    int // nesting; default 32
}

func (l *Limits) complete() {
	for _, v := range []struct {
		at *int
		d  int
	}{{&l.Resource, 64 << 10}, {&l.Bundle, 8 << 20}, {&l.Entries, 1000}, {&l.Depth, 32}} {
		if *v.at == 0 {
			*v.at = v.d
		}
	}
}

func (l *Limits) resource() fhir.Limits {
	return fhir.Limits{Bytes: l.Resource, Depth: l.Depth, Values: maxValues}
}

func (l *Limits) bundle() fhir.Limits {
	return fhir.Limits{Bytes: l.Bundle, Depth: l.Depth + bundleDepth, Values: bundleValues}
}

// bundleDepth is how deep a resource stands in a bundle.
const bundleDepth = 3

// MediaType is that of resources (FHIR R4, section 3.1.0.1.10).
const MediaType = "application/fhir+json"

// Path is where the interface is, below the node's address.
const Path = "/fhir"

// API is the FHIR interface of a node.
type API struct {
	Deps
	judge  atomic.Pointer[fhir.Judge]
	schema atomic.Pointer[string] // digest of the schema; nil: none
	memory budget
}

// New makes the interface and registers its routes.
func New(ctx context.Context, r *auth.Router, deps Deps) (*API, error) {
	if len(deps.Bases) == 0 || deps.Readings == nil || deps.Store == nil || deps.Devices == nil || deps.Blind == nil || deps.Prove == nil || deps.Services == nil || deps.Metrics == nil || deps.Subscriptions == nil {
		return nil, errors.New("the FHIR interface lacks a part")
	}
	deps.Limits.complete()
	a := &API{Deps: deps}
	if err := a.loadSchema(ctx); err != nil {
		return nil, err
	}
	handle := func(method, path string, right auth.Right, h func(*gin.Context) error) { //nolint:contextcheck // requests bring contexts of their own
		r.HandleScoped(method, Path+path, right, handler(h))
		if escaped := strings.ReplaceAll(path, "$", "%24"); escaped != path { // as some clients write it
			r.HandleScoped(method, Path+escaped, right, handler(h))
		}
	}
	handle(http.MethodGet, "/metadata", auth.Anonymous, a.metadata)
	for _, end := range []string{"", "/"} { // clients differ in how they end an address
		handle(http.MethodPost, end, auth.ReadingsWrite, a.bundle)
	}
	r.Handle(http.MethodPut, Path+"/$schema", auth.ReferenceWrite, handler(a.putSchema)) //nolint:contextcheck // as above
	handle(http.MethodGet, "/.well-known/smart-configuration", auth.Anonymous, a.smart)
	handle(http.MethodGet, "/$export", auth.ReadingsRead, a.export)
	handle(http.MethodGet, "/$export-status/:job", auth.ReadingsRead, a.exportStatus)
	handle(http.MethodDelete, "/$export-status/:job", auth.ReadingsRead, a.exportEnd)
	handle(http.MethodGet, "/$export-file/:job/:type", auth.ReadingsRead, a.exportFile)
	a.subscriptionRoutes(handle)
	handle(http.MethodPost, "/:type", auth.DeviceOrWrite, a.create)
	handle(http.MethodGet, "/:type", auth.ReadingsRead, a.searchByGet)
	handle(http.MethodPost, "/:type/_search", auth.ReadingsRead, a.searchByPost)
	handle(http.MethodGet, "/:type/:id", auth.ReadingsRead, a.read)
	handle(http.MethodPut, "/:type/:id", auth.ReadingsWrite, a.update)
	handle(http.MethodGet, "/:type/:id/_history", auth.ReadingsRead, a.history)
	handle(http.MethodGet, "/:type/:id/_history/:version", auth.ReadingsRead, a.read)
	for _, below := range []string{"", "/_history/:version"} {
		handle(http.MethodGet, "/:type/:id"+below+"/$received", auth.ReadingsRead, a.received)
		handle(http.MethodGet, "/:type/:id"+below+"/$verify", auth.ReadingsRead, a.verify)
	}
	handle(http.MethodGet, "/:type/:id/_verify", auth.ReadingsRead, a.verify)
	return a, nil
}

func (a *API) base(c *http.Request) string {
	for _, b := range a.Bases {
		if hostOf(b) == c.Host {
			return b + Path
		}
	}
	return a.Bases[0] + Path
}
