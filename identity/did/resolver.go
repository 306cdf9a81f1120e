package did

import (
	"context"
	"errors"
	"strconv"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/fetch"
)

// Config says what a resolver resolves. The zero value resolves did:key and
// did:jwk.
type Config struct {
	Ledger  Ledger        // answers for did:secant; nil: that method is not supported
	Network string        // name of the consortium whose ledger it is
	Web     *fetch.Client // fetches for did:web; nil: that method is not supported

	WebAge    time.Duration    // how long a fetched document serves; 0: DefaultWebAge, negative: not at all
	CacheSize int              // documents in memory, and as many past versions; 0: DefaultCacheSize
	Now       func() time.Time // nil: time.Now
}

// The defaults of Config.
const (
	DefaultWebAge    = 5 * time.Minute
	DefaultCacheSize = 1024
)

// Resolver finds documents. Its methods may be called at once.
type Resolver struct {
	ledger    Ledger
	network   string
	client    *fetch.Client
	age       time.Duration
	versions  *cache[*ledger.DIDVersion]
	documents *cache[fetched]
	flights   singleflight.Group // fetches of did:web
}

// New returns a resolver.
func New(c Config) *Resolver {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.WebAge == 0 {
		c.WebAge = DefaultWebAge
	}
	if c.CacheSize <= 0 {
		c.CacheSize = DefaultCacheSize
	}
	return &Resolver{
		ledger: c.Ledger, network: c.Network, client: c.Web, age: c.WebAge,
		versions:  newCache[*ledger.DIDVersion](c.CacheSize, c.Now),
		documents: newCache[fetched](c.CacheSize, c.Now),
	}
}

// The media types of documents and of resolutions.
const (
	TypeDIDJSON    = "application/did+json"    // DID Core 1.0, section 6.2
	TypeDIDLDJSON  = "application/did+ld+json" // DID Core 1.0, section 6.3
	TypeResolution = `application/ld+json;profile="https://w3id.org/did-resolution"`
)

// The errors of a resolution, by the names of DID Core 1.0, section 7.1.2, and of
// the DID specification registries.
const (
	ErrorInvalidDID         = "invalidDid"
	ErrorNotFound           = "notFound"
	ErrorMethodNotSupported = "methodNotSupported"
	ErrorInvalidDocument    = "invalidDidDocument"
	ErrorInternal           = "internalError"
)

// ContextResolution is the JSON-LD context of resolutions.
const ContextResolution = "https://w3id.org/did-resolution/v1"

// Resolution is the answer to one DID in the Universal Resolver's shape (DID
// Core 1.0, section 7.1).
type Resolution struct {
	Context            string             `json:"@context"`
	Document           *Document          `json:"didDocument"` // nil if there is none
	ResolutionMetadata ResolutionMetadata `json:"didResolutionMetadata"`
	DocumentMetadata   DocumentMetadata   `json:"didDocumentMetadata"`
}

// ResolutionMetadata is about the resolving.
type ResolutionMetadata struct {
	ContentType string `json:"contentType,omitempty"` // of the document
	Error       string `json:"error,omitempty"`       // one of the errors above
	Message     string `json:"errorMessage,omitempty"`
}

// DocumentMetadata is about the document (DID Core 1.0, section 7.1.3), as far
// as a method knows it: that is did:secant. Times are to the second.
type DocumentMetadata struct {
	Created       time.Time `json:"created,omitzero"`
	Updated       time.Time `json:"updated,omitzero"`
	Deactivated   bool      `json:"deactivated,omitempty"` // the DID is, whichever version was asked for
	VersionID     string    `json:"versionId,omitempty"`
	NextVersionID string    `json:"nextVersionId,omitempty"`
}

var (
	errInvalidDID = ledger.Problemf(ledger.CodeInvalid, "it is not a DID of its method")
	errMethod     = ledger.Problemf(ledger.CodeInvalid, "DIDs of that method are not resolved here")
	errVersions   = ledger.Problemf(ledger.CodeInvalid, "DIDs of that method have one version only")
)

// Resolve finds the document of a DID, or that which a DID URL is of; a fragment
// changes nothing. What the URL asks for and the options may not both name a
// version. The resolution is never nil: beside an error it says in its own terms
// what the error is, so that it can be served as it is. A deactivated DID is no
// error; its document has no keys. Errors are Problems: invalid, not_found, and
// those of [fetch.Client.Get], or come from the ledger.
func (r *Resolver) Resolve(ctx context.Context, didURL string, o Options) (*Resolution, error) {
	res := &Resolution{Context: ContextResolution}
	err := r.resolve(ctx, didURL, o, res)
	if err != nil {
		res.ResolutionMetadata.Error = nameOf(err)
		if p, ok := errors.AsType[*ledger.Problem](err); ok {
			res.ResolutionMetadata.Message = p.Detail
		}
		return res, err
	}
	res.ResolutionMetadata.ContentType = TypeDIDLDJSON
	return res, nil
}

func (r *Resolver) resolve(ctx context.Context, didURL string, o Options, res *Resolution) error {
	u, err := ParseURL(didURL)
	if err != nil {
		return err
	}
	if u.Options != (Options{}) {
		if o != (Options{}) {
			return errURL
		}
		o = u.Options
	}
	if o.VersionID != "" && !o.VersionTime.IsZero() {
		return errURL
	}
	if u.Method == MethodSecant && r.ledger != nil {
		found, err := r.secant(ctx, u, o)
		if err != nil {
			return err
		}
		res.Document, res.DocumentMetadata = FromLedger(&found.Version.Document), metadata(found)
		return nil
	}
	if !r.supports(u.Method) {
		return errMethod
	}
	if o != (Options{}) {
		return errVersions
	}
	res.Document, err = r.current(ctx, u)
	return err
}

func (r *Resolver) supports(method string) bool {
	return method == MethodKey || method == MethodJWK || method == MethodWeb && r.client != nil
}

// current returns the document of a DID whose method knows no versions.
func (r *Resolver) current(ctx context.Context, u URL) (*Document, error) {
	switch u.Method {
	case MethodKey:
		return keyDocument(u)
	case MethodJWK:
		return jwkDocument(u)
	}
	return r.web(ctx, u.DID)
}

func metadata(r *ledger.DIDResolution) DocumentMetadata {
	d := &r.Version.Document
	m := DocumentMetadata{
		Created: d.Created.UTC().Truncate(time.Second), Deactivated: r.Ended, VersionID: strconv.Itoa(d.Revision),
	}
	if d.Revision > 1 {
		m.Updated = d.Updated.UTC().Truncate(time.Second)
	}
	if d.Revision < r.Current {
		m.NextVersionID = strconv.Itoa(d.Revision + 1)
	}
	return m
}

// nameOf returns a resolution's name for an error.
func nameOf(err error) string {
	p, ok := errors.AsType[*ledger.Problem](err)
	switch {
	case !ok:
		return ErrorInternal
	case errors.Is(err, errDocument):
		return ErrorInvalidDocument
	case p == errMethod:
		return ErrorMethodNotSupported
	case p.Code == ledger.CodeNotFound:
		return ErrorNotFound
	case p.Code == ledger.CodeInvalid:
		return ErrorInvalidDID
	}
	return ErrorInternal
}

// Key returns the key that kid names exactly in the issuer's own document, if it
// serves for the relationship: see [Document.Key]. The issuer is a bare DID, and
// kid a DID URL of it or "#" and a fragment.
//
// For did:secant it is the document that was in force at the time; a deactivated
// DID has no keys from its deactivation on. At must be a time that the caller
// vouches for, such as now, or when a statement was anchored: by a time that a
// token states of itself, whoever steals an old key could still use it. The other
// methods know no past; for them it is the document as it is now, for did:web not
// older than Config.WebAge.
func (r *Resolver) Key(ctx context.Context, issuer, kid, relationship string, at time.Time) (ledger.JWK, error) {
	u, err := ParseURL(issuer)
	if err != nil {
		return ledger.JWK{}, err
	}
	if u.DID != issuer || at.IsZero() {
		return ledger.JWK{}, errInvalidDID
	}
	d, err := r.documentAt(ctx, u, at)
	if err != nil {
		return ledger.JWK{}, err
	}
	return d.Key(relationship, kid)
}

func (r *Resolver) documentAt(ctx context.Context, u URL, at time.Time) (*Document, error) {
	if u.Method == MethodSecant && r.ledger != nil {
		name, ok := ledger.ParseDID(u.DID)
		if !ok || name.Network != r.network {
			return nil, errInvalidDID
		}
		found, err := r.inForce(ctx, u.DID, at, time.Nanosecond)
		if err != nil {
			return nil, err
		}
		return FromLedger(&found.Version.Document), nil
	}
	if !r.supports(u.Method) {
		return nil, errMethod
	}
	return r.current(ctx, u)
}
