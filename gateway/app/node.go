package app

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/analytics/log"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/worker"
	"github.com/secant-platform/secant/gateway/admit"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/exchange"
	"github.com/secant-platform/secant/gateway/fhir"
	"github.com/secant-platform/secant/gateway/forward"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/misp"
	"github.com/secant-platform/secant/gateway/mqtt"
	"github.com/secant-platform/secant/gateway/problem"
	"github.com/secant-platform/secant/gateway/resolver"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/server"
	"github.com/secant-platform/secant/gateway/session"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/taxii"
	"github.com/secant-platform/secant/gateway/telemetry"
	"github.com/secant-platform/secant/gateway/vault"
	"github.com/secant-platform/secant/gateway/webhook"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/fetch"
)

// node is a node that was put together and not started.
type node struct {
	cfg    config.Config
	logger *slog.Logger
	reg    *prometheus.Registry
	step   func(string)

	key        ed25519.PrivateKey // signs the node's tokens
	ledger     Ledger
	trust      *trustFile
	store      *store.Store
	log        *log.Log
	vault      *vault.Vault
	worker     *worker.Worker
	advisor    *advisor
	correlator *correlator
	labeller   *labeller
	enricher   *enricher
	readings   *readings
	devices    *admit.Devices
	doors      []door
	windows    []window
	brokers    []*mqtt.Client
	packets    []syslogWindow
	collector  *intelligence
	forwarders []*forward.Forwarder
	exchange   *exchange.Exchange
	witness    *witness
	pace       exchange.Pace // of the exchange
	webhooks   *webhook.Deliverer
	fhir       *fhir.API
	monitor    *monitor
	senders    *senders
	controls   *controls
	attester   *attester
	health     *health
	member     *member
	api        *rest.API
	engine     *gin.Engine
	tls        *tls.Config // of config.Config.Listen; nil: none
	public     *tls.Config // of config.Public.Listen; nil: there is no such listener
	fetch      *fetch.Client
	outside    fetch.Options // of what is fetched from others than members
	dids       *did.Resolver
	anyones    *did.Resolver // for those who ask without any right
	identity   *identity     // nil without a public address
	sessions   *session.Sessions
	provider   *session.Provider // nil: none is configured
}

// The folders below config.Config.Data.
const (
	logFolder   = "log"
	vaultFolder = "vault"
)

// open puts a node together. What it opens, close closes, also when open fails.
func open(
	ctx context.Context, cfg config.Config, l Ledger, trust *trustFile, logger *slog.Logger, step func(string),
) (n *node, err error) {
	n = &node{cfg: cfg, logger: logger, ledger: l, trust: trust, step: step, reg: telemetry.NewRegistry()}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return n, fmt.Errorf("making the data folder: %w", err)
	}
	if n.key, err = auth.OpenKey(cfg.Keys.Token.Path()); err != nil {
		return n, err
	}
	maker, err := auth.OpenSecret(cfg.Keys.Maker.Path())
	if err != nil {
		return n, err
	}
	if err := n.openTLS(); err != nil {
		return n, err
	}
	if n.store, err = store.Open(ctx, cfg.StorePlace(), store.Options{Organisation: cfg.Organisation}); err != nil {
		return n, err
	}
	if n.log, err = log.Open(ctx, filepath.Join(cfg.Data, logFolder), logOptions(&cfg)); err != nil {
		return n, fmt.Errorf("opening the integrity log: %w", err)
	}
	if n.vault, err = openVault(ctx, &cfg, logger, false); err != nil {
		return n, err
	}
	measureObjects(n.reg, n.vault)
	if err := n.openResolver(); err != nil {
		return n, err
	}
	assessor := newAssessor(n.store, n.cfg.Organisation)
	n.advisor = newAdvisor(n.store, assessor)
	n.labeller = newLabeller(n.store)
	n.enricher = newEnricher(n.store, n.labeller)
	n.correlator = newCorrelator(n.store, n.enricher, logger)
	n.controls = newControls(n.store)
	if err := n.openWorker(assessor); err != nil {
		return n, err
	}
	n.monitor, n.senders = n.newMonitor(), n.newSenders()
	n.readings = &readings{organisation: cfg.Organisation, store: n.store, saw: n.controls.seen.saw}
	n.devices = admit.New(cfg.Organisation, n.store)
	if n.attester, err = newAttester(n.store, n.key.Seed(), n.devices, n.readings, n.worker.Hub().Wake); err != nil {
		return n, err
	}
	if err := n.openMonitors(); err != nil {
		return n, err
	}
	if err := n.openCoAP(); err != nil {
		return n, err
	}
	if err := n.openMQTT(); err != nil {
		return n, err
	}
	if err := n.openCollector(); err != nil {
		return n, err
	}
	n.health = &health{
		status: n.worker.Status, readings: n.readings,
		eventLag: cfg.Pace.EventLag.Std(), outboxAge: cfg.Pace.OutboxAge.Std(),
	}
	if cfg.Vault.Objects != "" {
		n.health.objects = n.vault.Objects
	}
	n.member = &member{evaluate: l.Evaluate, commands: n.worker, cfg: &n.cfg, key: n.publicKey(), network: trust.Trust().Network, logger: logger}
	return n, n.openInterface(ctx, maker, assessor)
}

// openTLS reads the certificates of what is listened on. Members' nodes speak TLS
// 1.3; of wallets and verifiers some are older.
func (n *node) openTLS() error {
	if t := n.cfg.TLS; t != nil {
		cert, err := tls.LoadX509KeyPair(t.Certificate, t.Key.Path())
		if err != nil {
			return fmt.Errorf("reading the TLS certificate: %w", err)
		}
		n.tls = server.TLS(cert, tls.VersionTLS13)
	}
	if p := n.cfg.Public; p != (config.Public{}) {
		cert, err := tls.LoadX509KeyPair(p.Certificate, p.Key.Path())
		if err != nil {
			return fmt.Errorf("reading the TLS certificate for the public address: %w", err)
		}
		n.public = server.TLS(cert, tls.VersionTLS12)
	}
	return nil
}

func (n *node) publicKey() ed25519.PublicKey {
	return n.key.Public().(ed25519.PublicKey) //nolint:errcheck,forcetypeassert // what the standard library promises
}

func logOptions(cfg *config.Config) log.Options {
	return log.Options{
		Origin:             log.OriginOf(cfg.Network, cfg.Organisation),
		CheckpointInterval: cfg.Pace.Checkpoint.Std(),
	}
}

// reachable lists the networks that are called although they are not public.
func (n *node) reachable() []netip.Prefix {
	if !n.cfg.Development {
		return n.cfg.Exchange.Reachable
	}
	return append(slices.Clone(n.cfg.Exchange.Reachable), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
}

// addRoots adds the roots of other members' nodes to a pool.
func (n *node) addRoots(pool *x509.CertPool) error {
	text, err := os.ReadFile(n.cfg.Exchange.Roots)
	if err != nil {
		return fmt.Errorf("reading the roots of other members' nodes: %w", err)
	}
	if !pool.AppendCertsFromPEM(text) {
		return errors.New("reading the roots of other members' nodes: the file holds no certificate")
	}
	return nil
}

// openResolver makes what resolves DIDs: those of the ledger from the read model,
// those of the web by guarded fetches.
func (n *node) openResolver() error {
	options := fetch.Options{Reachable: n.reachable()}
	if n.cfg.Exchange.Roots != "" {
		var err error
		if options.Roots, err = x509.SystemCertPool(); err != nil {
			return fmt.Errorf("reading the system's roots: %w", err)
		}
		if err := n.addRoots(options.Roots); err != nil {
			return err
		}
	}
	resolves := func(web *fetch.Client) *did.Resolver {
		return did.New(did.Config{Ledger: documents{n.store}, Network: n.trust.Trust().Network, Web: web})
	}
	n.fetch, n.outside = fetch.New(options), options
	n.dids = resolves(n.fetch)
	// What strangers ask for takes neither memory nor fetches from what is judged here.
	n.anyones = resolves(fetch.New(options))
	return nil
}

func (n *node) openWorker(a *assessor) (err error) {
	var roots *tls.Config
	if n.cfg.Exchange.Roots != "" {
		roots = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS13}
		if err := n.addRoots(roots.RootCAs); err != nil {
			return err
		}
	}
	review := &reviewer{organisation: n.cfg.Organisation, controls: n.controls}
	n.worker, err = worker.New(n.ledger, n.store, worker.Options{
		Organisation: n.cfg.Organisation, Log: n.log,
		Token:     nodeTokens(n.cfg.Organisation, n.key),
		Assess:    n.match(a),
		Advise:    n.advisor.Advise,
		Correlate: n.correlator.Correlate,
		Label:     n.labeller.Label,
		Train:     n.labeller.Train,
		Review:    review.Review,
		Beside:    n.beside,
		Wait:      n.cfg.Limits.CommandWait.Std(),
		Reachable: n.reachable(), TLS: roots,
		Step: n.step, Logger: n.logger, Metrics: n.reg,
	})
	if err != nil {
		return fmt.Errorf("making the worker: %w", err)
	}
	review.worker, n.controls.wake, n.labeller.wake = n.worker, n.worker.Hub().Wake, n.worker.Hub().Wake
	return nil
}

// quiet are the routes whose successes would drown the log.
var quiet = []string{"POST /v1/readings", "POST /fhir", "POST /fhir/", "POST /fhir/:type", "GET /livez", "GET /readyz", "GET /metrics"}

func (n *node) serverOptions() server.Options {
	l := n.cfg.Limits
	return server.Options{
		MaxBody: l.Body, MaxHeader: l.Header, HeaderTime: l.HeaderTime.Std(), BodyTime: l.BodyTime.Std(),
		WriteTime: l.WriteTime.Std(), IdleTime: l.IdleTime.Std(), Drain: n.cfg.Pace.Shutdown.Std() / 2, Quiet: quiet,
		Shapes: []problem.Shape{fhir.Shape(), taxii.Shape(), misp.Shape()}, Bodies: bodies(&l),
	}
}

func (n *node) openInterface(ctx context.Context, maker []byte, a *assessor) (err error) {
	if n.engine, err = server.NewEngine(n.serverOptions(), n.logger, n.reg); err != nil { //nolint:contextcheck // requests bring contexts of their own
		return err
	}
	verifier := auth.NewVerifier(n.cfg.Organisation, n.publicKey(), memberKeys{n.store})
	router := auth.NewRouter(n.engine, verifier)
	router.Limit(n.limiter().Allow)
	known := newCallers(n.cfg.Limits)
	router.LimitCallers(known.limit)
	if err := n.openDIDs(router); err != nil { //nolint:contextcheck // requests bring contexts of their own
		return err
	}
	if err := n.openLabels(router); err != nil { //nolint:contextcheck // requests bring contexts of their own
		return err
	}
	if err := n.openProvider(); err != nil {
		return err
	}
	var offers rest.Credentials
	var last func(checkpoint string) (*proof.Lasting, error)
	var agreements rest.Agreements
	if n.cfg.PublicURL() != "" {
		if n.identity, err = n.openIdentities(ctx, router); err != nil {
			return err
		}
		offers, last = credentials{n.identity, n.store, n.controls}, n.identity.lasting.line
		agreements = n.identity.agreements
	}
	sessions, err := n.openSessions(router, verifier) //nolint:contextcheck // requests bring contexts of their own
	if err != nil {
		return err
	}
	if err := n.openWebhooks(); err != nil {
		return err
	}
	if err := n.openExchange(router); err != nil { //nolint:contextcheck // as above
		return err
	}
	n.api, err = rest.New(router, rest.Deps{ //nolint:contextcheck // requests bring contexts of their own
		Credentials: offers, Agreements: agreements, Sessions: sessions, Lasting: last,
		Organisation: n.cfg.Organisation, DisplayName: n.cfg.DisplayName, Endpoint: n.cfg.Endpoint, LabelBase: n.labelBase(), MakerKey: maker,
		Commands: commands{n.worker}, Operations: n.store, Members: n.store, Proposals: n.store, Taxonomies: n.store, Registry: n.store,
		Models: n.store, Releases: n.store, Units: n.store, Recalls: n.store,
		Inventory: n.store, Care: n.store, ModelFiles: n.store, Fetch: n.fetch.Get, Documents: n.store, Reports: n.store, Searcher: n.store, Knower: n.enricher, Collections: n.collections(), Exporter: newExporter(n.store, n.correlator.judges), Exchange: n.exchange, Scores: n.store, Assessor: a, Compliance: n.controls, Attestations: n.attester,
		Advisories: n.store, Advisor: n.advisor, Alerts: n.store, Intelligence: n.collector, Correlator: n.correlator, Labels: n.store, Labeller: n.labeller,
		Streams: n.store, Anchors: n.store, Log: n.log, Readings: n.readings, Listed: n.store, Sequences: n.store, Monitor: n.monitor, Profiles: n.profiles(), Devices: n.devices,
		Named: named{n.store, n.devices}, Reader: n.ledger, Judge: n.trust,
		Events: events{n.store, n.worker}, Webhooks: n.webhooks, Health: n.health, Metrics: telemetry.Handler(n.reg),
		Limits: rest.Limits{
			Depth: n.cfg.Limits.Depth, Listeners: n.cfg.Limits.Listeners, Heartbeat: heartbeat, Patience: patience,
		},
		Device: known.device, Observed: rest.NewMetrics(n.reg), Sharer: n.cfg.Exchange.Networks, Sanitise: n.sanitising(), OwnNames: n.ownNames(),
	})
	if err != nil {
		return err
	}
	if err := n.openFHIR(ctx, router, known); err != nil {
		return err
	}
	if err := n.openTAXII(router); err != nil { //nolint:contextcheck // as above
		return err
	}
	if err := n.openMISP(router); err != nil { //nolint:contextcheck // as above
		return err
	}
	return n.openImages(router) //nolint:contextcheck // requests bring contexts of their own
}

// openDIDs registers the resolver of DIDs.
func (n *node) openDIDs(router *auth.Router) error {
	return resolver.New(router, resolver.Deps{
		Network: n.trust.Trust().Network, Organisation: n.cfg.Organisation, Host: n.cfg.PublicHost(), Issuer: issuerLabel,
		Documents: n.store, Members: n.store, Hosts: n.cfg.Exchange.Resolve, DIDs: n.anyones,
	})
}

// openPipeline makes the pipeline, which brings the log up to the vault: only
// when the log was found to continue its last anchor.
func (n *node) openPipeline(ctx context.Context) (*ingest.Pipeline, error) {
	wire := int(n.cfg.Limits.Body)
	return ingest.Open(ctx, n.vault, n.log, ingest.Options{
		Limits: ingest.Limits{Wire: wire, Body: max(wire, unpacked), Record: recorded, Depth: n.cfg.Limits.Depth},
		Held:   max(held, int64(wire)),
		Step:   n.step, Metrics: n.reg, Logger: n.logger,
	})
}

const (
	unpacked = 32 << 20  // bytes of readings when decompressed, unless more are taken as they are
	held     = 256 << 20 // bytes of readings under way
	recorded = 1 << 20   // bytes of one record: an electrocardiogram of twelve leads is one FHIR resource
)

// close closes what is open, in the opposite order.
func (n *node) close(ctx context.Context) error {
	var errs []error
	if n.log != nil {
		errs = append(errs, wrap("closing the integrity log", n.log.Close(ctx)))
	}
	if n.vault != nil {
		errs = append(errs, wrap("closing the vault", n.vault.Close()))
	}
	errs = append(errs, wrap("closing the ledger connection", n.ledger.Close()))
	if n.identity != nil {
		if token, ok := n.identity.keeper.(io.Closer); ok {
			errs = append(errs, wrap("closing the issuer's keys", token.Close()))
		}
	}
	if n.sessions != nil {
		errs = append(errs, wrap("closing the memory of used proofs", n.sessions.Close()))
	}
	if n.store != nil {
		errs = append(errs, wrap("closing the store", n.store.Close()))
	}
	return errors.Join(errs...)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
