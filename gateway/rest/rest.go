package rest

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/sanitise"
	"github.com/secant-platform/secant/gateway/auth"
)

// Deps is what the interface needs of the rest of the node. All are required
// but those that say otherwise.
type Deps struct {
	Organisation string // MSP id of the node's organisation
	DisplayName  string // its name for people, in reports that the node makes
	Endpoint     string // base address for the OpenAPI document; may be empty
	LabelBase    string // where those outside reach the node, for links on labels
	MakerKey     []byte // key of the HMAC that the ledger learns of serial numbers

	Commands   Commands
	Operations Operations
	Members    Members
	Proposals  Proposals
	Taxonomies Taxonomies
	Registry   Registry
	Models     Models
	Releases   Releases
	Units      Units
	Recalls    Recalls
	Inventory  Inventory
	Care       Care
	ModelFiles ModelFiles
	Fetch      Fetch
	Documents  Documents
	Reports    Reports
	// Searcher finds objects by their words in the collections, ids by alias.
	Searcher    Searcher
	Knower      Knower
	Collections map[string]string
	Exporter    Exporter
	Exchange    Exchange
	Alerts      Alerts
	// Intelligence takes in what tools and feeds say.
	Intelligence Intelligence
	Scores       Scores
	Assessor     Assessor
	Advisories   Advisories
	Advisor      Advisor
	Correlator   Correlator
	Labels       TextLabels
	Labeller     Labeller
	Compliance   Compliance
	// Attestations lets devices show what they run.
	Attestations Attestations
	Streams      Streams
	Anchors      Anchors
	Log          Log
	Readings     Readings
	Listed       Listed
	Sequences    Sequences
	Monitor      Monitor
	Profiles     Profiles
	Devices      Devices
	Named        Named
	Reader       Reader
	Judge        Judge
	Events       Events
	Webhooks     Webhooks
	Health       Health
	Metrics      http.Handler

	Credentials Credentials // nil without a public address
	Agreements  Agreements  // nil without a public address
	// Lasting makes the lasting signature of an anchored checkpoint; nil without a
	// public address, and then there are none.
	Lasting  func(checkpoint string) (*proof.Lasting, error)
	Sessions Sessions

	// Device says whether a device asks too much; proven counts the request. Nil: none does.
	Device func(r *http.Request, unit string, proven bool) error

	Limits   Limits
	Observed *Metrics // made by NewMetrics
	Sharer   SharerNetworks
	Sanitise sanitise.Rules // of what is shared
	OwnNames []string       // by which texts tell who the own organisation is: of itself, of its hosts, its DID
}

// Limits bound what one caller can take.
type Limits struct {
	Depth     int           // nesting of JSON bodies
	Listeners int           // open event streams
	Heartbeat time.Duration // between signs of life on a quiet event stream
	Patience  time.Duration // for a listener to take what is sent to it
}

// API is the node's own HTTP interface.
type API struct {
	Deps
	api       *api
	proofs    *proofs
	text      []byte        // the OpenAPI document
	ended     chan struct{} // closed when streams must end
	endOnce   sync.Once
	listeners *listeners
}

// New makes the interface and registers its routes on router.
func New(router *auth.Router, deps Deps) (*API, error) {
	if deps.Limits.Depth <= 0 || deps.Limits.Listeners <= 0 || deps.Limits.Heartbeat <= 0 || deps.Limits.Patience <= 0 {
		return nil, errors.New("every limit of the HTTP interface must be more than zero")
	}
	if deps.Organisation == "" || len(deps.MakerKey) == 0 || deps.Observed == nil {
		return nil, errors.New("the HTTP interface needs its organisation, the maker's key and its metrics")
	}
	a := &API{
		Deps:      deps,
		api:       newAPI(router, deps.Limits.Depth, deps.Endpoint),
		proofs:    newProofs(deps),
		ended:     make(chan struct{}),
		listeners: newListeners(deps.Limits.Listeners),
	}
	a.modelRoutes()
	a.releaseRoutes()
	a.unitRoutes()
	a.labelRoutes()
	a.careRoutes()
	a.modelFileRoutes()
	a.recallRoutes()
	a.agreementRoutes()
	a.readingRoutes()
	a.recordingRoutes()
	a.subjectRoutes()
	a.listedRoutes()
	a.integrityRoutes()
	a.observationRoutes()
	a.threatRoutes()
	a.searchRoutes()
	a.exportRoutes()
	a.sharingRoutes()
	a.riskRoutes()
	a.advisoryRoutes()
	a.intelligenceRoutes()
	a.correlationRoutes()
	a.knownRoutes()
	a.vocabularyRoutes()
	a.complianceRoutes()
	a.attestationRoutes()
	a.memberRoutes()
	a.credentialRoutes()
	a.lastingRoutes()
	a.sessionRoutes()
	a.proposalRoutes()
	a.taxonomyRoutes()
	a.taxonomyProposalRoutes()
	a.registryRoutes()
	a.schemaRoutes()
	a.catalogueRoutes()
	a.logRoutes()
	a.eventRoutes()
	a.webhookRoutes()
	a.operationRoutes()
	a.healthRoutes()
	var err error
	a.text, err = encodeDocument(a.api.huma.OpenAPI())
	return a, err
}

// End ends what would not end by itself: open event streams. It may be called
// more than once.
func (a *API) End() { a.endOnce.Do(func() { close(a.ended) }) }
