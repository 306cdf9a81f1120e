package worker

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Options tunes a worker. Organisation is required; the zero value of all else
// suits a node, except that without Log nothing is anchored, without Token
// nothing is fetched, without Assess nothing is assessed, without Advise no
// advisory is matched and without Label no text is labelled.
type Options struct {
	// Organisation is the MSP id of the node's own organisation.
	Organisation string

	// Log is the organisation's integrity log.
	Log Log

	// Token mints the token with which this node asks another member's node for
	// a document.
	Token func(ctx context.Context, audience string) (string, error)

	// Assess judges a report's body against the own devices. It must not change
	// the slice or what it holds. A body that it cannot read is an invalid or
	// too_large problem, and counts as assessed with nothing found; after any
	// other error the report is tried again, and what was found before stays.
	Assess func(ctx context.Context, report ledger.Threat, body []byte, devices []fact.Device) (fact.Assessment, error)

	// Advise brings the matches of advisories up to what the node knows, and reports
	// whether it changed any. It is called when something new may have come.
	Advise func(ctx context.Context) (changed bool, err error)
	// Correlate takes in objects of threat intelligence and own alerts that came, and
	// reports whether an alert shows what an indicator describes. It is called when
	// something new may have come, and once a second. Nil: nothing is correlated.
	Correlate func(ctx context.Context) (changed bool, err error)
	// Label brings the labels of texts up to the vocabularies that the node has, and
	// reports whether it changed any. It is called as Advise is, and now and then.
	Label func(ctx context.Context) (changed bool, err error)
	// Train brings what Label judges by up to the examples that the node has, and reports
	// whether it changed. It is called as Label is, and beside it. Nil: nothing is trained.
	Train func(ctx context.Context) (changed bool, err error)
	// Review judges the own devices that are due, some at a time, and returns when
	// the next will be: a time that has come when there are more, zero when there are
	// none. After an error it is asked again, with back-off. Nil: none are judged.
	Review func(ctx context.Context, now time.Time) (next time.Time, err error)

	// Beside returns what the endorsers of a command must see besides its request,
	// and nobody may keep. It is asked each time that the command is endorsed; a
	// command of which it says nothing has nothing.
	Beside func(ctx context.Context, name string, request []byte) (client.Transient, error)

	// Concurrency is how many commands are under way at once; default 100, what
	// a small network carries best.
	Concurrency int
	// Backlog is how many unfinished commands the node accepts before it answers
	// busy; default 10,000.
	Backlog int
	// Wait is how long Do waits for a command's outcome; default 30 s.
	Wait time.Duration
	// Patience is how long a command is tried before it fails; default 15 min.
	// One that was refused for good fails at once.
	Patience time.Duration
	// Fresh is how long an endorsed transaction whose outcome is unknown is sent
	// again rather than replaced by a new one; default 2 min, well below
	// ledger.LateAfter.
	Fresh time.Duration

	// Reachable lists networks that documents may be fetched from although they
	// are not public: the loopback in development, a private network of the
	// consortium.
	Reachable []netip.Prefix
	// TLS is used to reach other members' nodes; nil: the system's roots.
	TLS *tls.Config
	// MaxDocument bounds a fetched document whose size the ledger does not state,
	// in bytes; default 8 MiB.
	MaxDocument int64

	// Step, when set, is called at the steps of a command, with StepStored and so
	// on: crash tests end the process there.
	Step func(name string)
	// Logger gets what an operator should know; nil: nothing is logged.
	Logger *slog.Logger
	// Metrics registers the worker's metrics; nil: they are kept to itself.
	Metrics prometheus.Registerer
}

// The steps of a command, in their order.
const (
	StepStored    = "stored"    // durable in the outbox; nothing was sent
	StepEndorsed  = "endorsed"  // its transaction is endorsed and durable here; nothing was sent for ordering
	StepSubmitted = "submitted" // the orderers have the transaction
	StepCommitted = "committed" // it stands valid in a block; the read model does not show it yet
	StepProjected = "projected" // the read model shows it, and the operation is done
)

func (o *Options) validate() error {
	if o.Organisation == "" {
		return errors.New("the worker needs its organisation")
	}
	if o.Concurrency < 0 || o.Backlog < 0 || o.Wait < 0 || o.Patience < 0 || o.Fresh < 0 || o.MaxDocument < 0 {
		return errors.New("the worker's bounds must not be negative")
	}
	for value, standard := range map[*int]int{&o.Concurrency: 100, &o.Backlog: 10_000} {
		if *value == 0 {
			*value = standard
		}
	}
	for value, standard := range map[*time.Duration]time.Duration{
		&o.Wait: 30 * time.Second, &o.Patience: 15 * time.Minute, &o.Fresh: 2 * time.Minute,
	} {
		if *value == 0 {
			*value = standard
		}
	}
	if o.Fresh >= ledger.LateAfter {
		return errors.New("a transaction must not be sent again so late that it would show as held back")
	}
	if o.MaxDocument == 0 {
		o.MaxDocument = 8 << 20
	}
	if o.Step == nil {
		o.Step = func(string) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
