package resolver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/did"
)

// Deps is what the resolver needs of the rest of the node. All are required but
// those that say otherwise.
type Deps struct {
	Network      string // the consortium's name, as in DIDs
	Organisation string // MSP id of the node's organisation

	// Host is the node as those outside name it, "north.example.org" or
	// "localhost:7051". Empty: nothing is published as did:web.
	Host string
	// Issuer is the label of the issuer that each member's node is, as in
	// did:secant:NETWORK:MEMBER:ISSUER.
	Issuer string
	// Hosts are those, besides members', of which did:web documents are fetched
	// for anyone who asks. May be empty.
	Hosts []string

	Documents Documents
	Members   Members
	DIDs      *did.Resolver // of did:secant, did:web, did:jwk and did:key
}

// Documents are the DIDs of the ledger.
type Documents interface {
	DID(ctx context.Context, did string) (fact.Row[ledger.DID], error)
}

// Members are the organisations of the consortium.
type Members interface {
	Organisations(ctx context.Context, page ledger.PageRequest) (fact.Page[ledger.Organisation], error)
	Roster(ctx context.Context) (fact.Row[ledger.Roster], error)
}

// handler answers the package's routes.
type handler struct{ Deps }

// The paths of what is served. Those of did:web follow from did.WebName.
const (
	pathOrganisation = "/.well-known/did.json"
	pathIssuer       = "/" + ledger.DIDIssuer + "/:label/did.json"
	pathDevice       = "/" + ledger.DIDDevice + "/:unit/did.json"
	pathIdentifiers  = "/1.0/identifiers/"
)

// New registers the resolver's routes on router.
func New(router *auth.Router, deps Deps) error {
	if deps.Network == "" || deps.Organisation == "" || deps.Issuer == "" || deps.Documents == nil || deps.Members == nil || deps.DIDs == nil {
		return errors.New("the resolver needs network, organisation, the issuers' label, documents, members and what resolves DIDs")
	}
	if deps.Host != "" {
		if _, err := did.WebDID(deps.Host); err != nil {
			return fmt.Errorf("naming the organisation on the web: %w", err)
		}
	}
	h := &handler{deps}
	router.Handle("GET", pathOrganisation, auth.Anonymous, h.organisation)
	router.Handle("GET", pathIssuer, auth.Anonymous, h.issuer)
	router.Handle("GET", pathDevice, auth.Anonymous, h.device)
	router.Handle("GET", pathIdentifiers+"*did", auth.Anonymous, h.identifier)
	return nil
}

// write sends a public document, also to pages of any origin: wallets in browsers.
func write(c *gin.Context, status int, mediaType string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding a DID document: %w", err)
	}
	c.Header("Access-Control-Allow-Origin", "*")
	c.Data(status, mediaType, b)
	return nil
}
