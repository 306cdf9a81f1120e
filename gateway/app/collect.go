package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/collect"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/forward"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/source"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/identity/fetch"
)

// How often sources are looked at when nothing is said.
const (
	fileEvery   = time.Second
	folderEvery = 10 * time.Second
	webEvery    = 15 * time.Minute
)

// collectTime is for one document of a feed; large ones have tens of megabytes.
const collectTime = 2 * time.Minute

// maxPushed bounds what is handed in at once, in bytes.
const maxPushed = 64 << 20

// Of listeners for syslog.
const (
	syslogConnections = 256
	syslogPerSource   = 64
	syslogHandshake   = 10 * time.Second
)

// syslogWindow is a listener for datagrams of syslog that has no address yet.
type syslogWindow struct {
	address string
	serve   func(ctx context.Context, conn net.PacketConn) error
}

// openCollector puts together what collects intelligence, and who is told of it.
func (n *node) openCollector() error {
	kept := n.cfg.Kept
	opts := collect.Options{
		Collection: cti.CollectionID(n.cfg.Organisation, aliasOwn), Keep: kept.Number, Age: kept.Age.Std(), Wake: n.worker.Hub().Wake, Logger: n.logger,
	}
	if opts.Keep == 0 {
		opts.Keep = config.DefaultKeptNumber
	}
	if opts.Age == 0 {
		opts.Age = config.DefaultKeptAge
	}
	outside := n.outside
	outside.Time, outside.AtOnce = collectTime, max(fetch.DefaultAtOnce, len(n.cfg.Sources))
	web := fetch.New(outside)
	var metrics *source.Metrics
	for i := range n.cfg.Sources {
		s := &n.cfg.Sources[i]
		format, err := formatOf(s)
		if err != nil { // of a mapping, say: it is told where sources are listed, and holds up no other
			way := func(context.Context, *collect.Intake) error { return err }
			opts.Sources = append(opts.Sources, collect.Source{Name: s.Name, Way: way, Every: webEvery})
			continue
		}
		if s.Syslog == nil {
			way, every := wayOf(s, web)
			opts.Sources = append(opts.Sources, collect.Source{Name: s.Name, Format: format, Way: way, Every: every})
			continue
		}
		if metrics == nil {
			if metrics, err = source.NewMetrics(n.reg, "syslog", "Syslog"); err != nil {
				return err
			}
		}
		listener, err := n.openSyslog(s, format, metrics)
		if err != nil {
			return fmt.Errorf("opening sources[%d]: %w", i, err)
		}
		opts.Syslog = append(opts.Syslog, listener)
	}
	collector, err := collect.New(n.store, opts)
	if err != nil {
		return err
	}
	n.collector = &intelligence{collector, n.store, n.cfg.Sources}
	return n.openForwarders()
}

// formatOf finds the format that a source is read in.
func formatOf(s *config.IntelligenceSource) (adapt.Format, error) {
	name := s.Format
	switch {
	case s.TAXII != nil:
		return adapt.Format{}, nil
	case s.MISP != nil && name == "":
		name = "misp"
	}
	if config.IsMapping(name) {
		text, err := os.ReadFile(name) //nolint:gosec // the operator names it
		if err != nil {
			return adapt.Format{}, ledger.Problemf(ledger.CodeUnavailable, "its mapping cannot be read: check the path in the configuration, and that the node may read it")
		}
		return adapt.ParseMapping(text) //nolint:wrapcheck // a problem that tells each mistake
	}
	format, ok := adapt.Lookup(name)
	if !ok {
		return format, fmt.Errorf("there is no format %q; there are: %s", name, strings.Join(formatNames(), ", "))
	}
	if (s.File != "" || s.Syslog != nil) && !format.Lines {
		return format, fmt.Errorf("%s is not read line by line: let the tool write into a directory", format.Tool)
	}
	return format, nil
}

func formatNames() []string {
	var names []string
	for _, f := range adapt.Formats() {
		names = append(names, f.Name)
	}
	return names
}

func wayOf(s *config.IntelligenceSource, web *fetch.Client) (collect.Way, time.Duration) {
	every := s.Every.Std()
	or := func(usual time.Duration) time.Duration {
		if every == 0 {
			return usual
		}
		return every
	}
	switch {
	case s.File != "":
		return collect.File(s.File), or(fileEvery)
	case s.Directory != "":
		return collect.Directory(s.Directory), or(folderEvery)
	case s.TAXII != nil:
		return collect.TAXII(siteOf(&s.TAXII.WebSource, web), s.TAXII.Collection), or(webEvery)
	case s.MISP != nil:
		return collect.MISP(siteOf(s.MISP, web)), or(webEvery)
	}
	return collect.Document(siteOf(s.HTTP, web)), or(webEvery)
}

func siteOf(c *config.WebSource, web *fetch.Client) collect.Site {
	site := collect.Site{Web: web, URL: c.URL}
	if c.Authorization != "" {
		site.Authorization = func() (string, error) {
			b, err := os.ReadFile(c.Authorization.Path())
			if err != nil {
				return "", fmt.Errorf("reading an authorization: %w", err)
			}
			return string(bytes.TrimSpace(b)), nil
		}
	}
	return site
}

func (n *node) openSyslog(s *config.IntelligenceSource, format adapt.Format, metrics *source.Metrics) (*collect.Syslog, error) {
	var listener *collect.Syslog
	open := func(senders []source.Source) (serveFunc, error) {
		door, err := source.NewDoor(source.Options{
			Protocol: "syslog", Sources: senders, Connections: syslogConnections, PerSource: syslogPerSource, Handshake: syslogHandshake,
			Metrics: metrics, Logger: n.logger,
		})
		if err != nil {
			return nil, err
		}
		listener = collect.NewSyslog(s.Name, format, door, n.logger)
		return listener.Serve, nil
	}
	if s.Syslog.UDP {
		senders, err := readSources(s.Syslog.Sources)
		if err != nil {
			return nil, err
		}
		if _, err := open(senders); err != nil {
			return nil, err
		}
		n.packets = append(n.packets, syslogWindow{s.Syslog.Listen, listener.ServePackets})
		return listener, nil
	}
	doors, err := openDoors(n.doors, "syslog", []config.Listener{s.Syslog.Listener}, open)
	if err != nil {
		return nil, err
	}
	n.doors = doors
	return listener, nil
}

// listenForPackets opens the addresses for datagrams of syslog, all of them or none.
func listenForPackets(ctx context.Context, list []syslogWindow) (serve []serving, err error) {
	var open []net.PacketConn
	for _, p := range list {
		conn, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", p.address)
		if err != nil {
			for _, c := range open {
				_ = c.Close()
			}
			return nil, fmt.Errorf("listening for syslog: %w", err)
		}
		open = append(open, conn)
		serve = append(serve, func(ctx context.Context) error { return p.serve(ctx, conn) })
	}
	return serve, nil
}

// intelligence is the collector as the HTTP interface sees it.
type intelligence struct {
	*collect.Collector
	store   *store.Store
	sources []config.IntelligenceSource
}

// Take reads a document that is handed in.
func (i *intelligence) Take(ctx context.Context, name, format string, document []byte) (rest.TakenIn, error) {
	if slices.ContainsFunc(i.sources, func(s config.IntelligenceSource) bool { return s.Name == name }) {
		return rest.TakenIn{}, ledger.Problemf(ledger.CodeConflict, "the configuration reads a source of this name: hand it in under another")
	}
	const head = 4 << 10 // bytes: what a format is told by
	f, ok := adapt.Lookup(format)
	switch {
	case format == "":
		if f, ok = adapt.Detect(document[:min(len(document), head)]); !ok {
			return rest.TakenIn{}, ledger.Problemf(ledger.CodeInvalid, "it looks like no format that is known: say which by format, one of %s", strings.Join(formatNames(), ", "))
		}
	case !ok:
		return rest.TakenIn{}, ledger.Problemf(ledger.CodeInvalid, "there is no such format; there are: %s", strings.Join(formatNames(), ", "))
	}
	out, err := i.Collector.Take(ctx, name, f, document)
	return rest.TakenIn{Format: f.Name, New: out.New, Known: out.Known, Refused: out.Refused, Reasons: slices.Concat([]string{}, out.Reasons)}, err
}

// Sources lists the sources of the configuration, and those that handed something in.
func (i *intelligence) Sources(ctx context.Context) ([]rest.IntelligenceSource, error) {
	states, err := i.store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	list := []rest.IntelligenceSource{}
	for _, s := range i.sources {
		state := fact.SourceState{Name: s.Name}
		if at := slices.IndexFunc(states, func(v fact.SourceState) bool { return v.Name == s.Name }); at >= 0 {
			state = states[at]
			states = slices.Delete(states, at, at+1)
		}
		list = append(list, viewSource(&state, wayName(&s), s.Format))
	}
	for _, state := range states {
		list = append(list, viewSource(&state, "push", ""))
	}
	slices.SortFunc(list, func(a, b rest.IntelligenceSource) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func wayName(s *config.IntelligenceSource) string {
	switch {
	case s.File != "":
		return "file"
	case s.Directory != "":
		return "directory"
	case s.HTTP != nil:
		return "http"
	case s.TAXII != nil:
		return "taxii"
	case s.MISP != nil:
		return "misp"
	}
	return "syslog"
}

func viewSource(s *fact.SourceState, way, format string) rest.IntelligenceSource {
	v := rest.IntelligenceSource{
		Name: s.Name, Way: way, Format: format, State: "waiting", Success: s.Success, Failing: s.Failing, Failure: s.Failure,
		New: s.New, Known: s.Known, Refused: s.Refused, Reason: s.Reason, Checkpoint: string(s.Checkpoint),
	}
	switch {
	case !s.Failing.IsZero():
		v.State = "failing"
	case !s.Success.IsZero():
		v.State = "read"
	}
	return v
}

// openForwarders puts together who is told what this node learns.
func (n *node) openForwarders() error {
	for i := range n.cfg.Forward {
		c := &n.cfg.Forward[i]
		u, err := url.Parse(c.Address)
		if err != nil {
			return errors.New("the address is none") // which the configuration's check has found
		}
		event := adapt.CEF
		if c.Form == "leef" {
			event = adapt.LEEF
		}
		opts := forward.Options{Name: c.Name, Network: "tcp", Address: u.Host, Logger: n.logger, Encode: func(r adapt.Record, counted bool) []byte {
			message := adapt.Syslog(n.cfg.Organisation, r.Time, r.Severity, event(r))
			if !counted {
				_, message, _ = bytes.Cut(message, []byte(" "))
			}
			return message
		}}
		switch u.Scheme {
		case "udp":
			opts.Network = "udp"
		case "tls":
			if opts.TLS, err = forwardTLS(c, u.Hostname()); err != nil {
				return fmt.Errorf("opening forward[%d]: %w", i, err)
			}
		}
		f, err := forward.New(told{n.store, c.Severity}, opts)
		if err != nil {
			return err
		}
		n.forwarders = append(n.forwarders, f)
	}
	return nil
}

func forwardTLS(c *config.Forward, host string) (*tls.Config, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if c.Roots != "" {
		text, err := os.ReadFile(c.Roots)
		if err != nil {
			return nil, fmt.Errorf("reading the roots of a watching system: %w", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(text) {
			return nil, errors.New("reading the roots of a watching system: the file holds no certificate")
		}
	}
	if c.Certificate != "" {
		own, err := tls.LoadX509KeyPair(c.Certificate, c.Key.Path())
		if err != nil {
			return nil, fmt.Errorf("reading the certificate for a watching system: %w", err)
		}
		secure.Certificates = []tls.Certificate{own}
	}
	return secure, nil
}

// told is what a watching system is told: own alerts, and reports of members that turn
// out to concern own devices.
type told struct {
	*store.Store
	severity int
}

// After returns what there is behind a place.
func (t told) After(ctx context.Context, from forward.Place, limit int) (records []adapt.Record, next forward.Place, err error) {
	next = from
	if from.Event == "" { // it begins with what happens from now on
		if next.Alert, err = t.LastAlert(ctx); err != nil {
			return nil, from, err
		}
		next.Event, err = t.LastEvent(ctx)
		return nil, next, err
	}
	alerts, err := t.AlertsAfter(ctx, from.Alert, limit)
	if err != nil {
		return nil, from, err
	}
	for i := range alerts {
		a := &alerts[i]
		next.Alert = a.Seq
		if a.Severity >= t.severity {
			records = append(records, a.Record())
		}
	}
	events, err := t.Events(ctx, from.Event, limit)
	if ledger.CodeOf(err) == ledger.CodeGone { // told too late: the reports are still to be read here
		next.Event, err = t.LastEvent(ctx)
		return records, next, err
	}
	if err != nil {
		return nil, from, err
	}
	for i := range events {
		e := &events[i]
		next.Event = e.ID
		if e.Kind != fact.EventReportMatched && e.Kind != fact.EventReportReceived || len(e.Key) != 2 || len(e.Subjects) == 0 {
			continue
		}
		r, err := t.Report(ctx, e.Key[1])
		if ledger.CodeOf(err) == ledger.CodeNotFound {
			continue
		}
		if err != nil {
			return nil, from, err
		}
		records = append(records, matched(&r, e))
	}
	return records, next, nil
}

// matched is a report that concerns own devices, as an alert.
func matched(r *fact.Report, e *fact.Event) adapt.Record {
	record := adapt.Record{
		Kind: adapt.KindAlert, Time: e.Time, Rule: "report:" + r.Record.Digest, Severity: cti.UnknownSeverity,
		Title: fmt.Sprintf("%s, shared by %s, concerns %d own devices", r.Title, r.Record.Sharer, len(e.Subjects)),
	}
	return record
}
