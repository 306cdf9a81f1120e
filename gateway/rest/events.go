package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Events is what happens, on the ledger and at this node.
type Events interface {
	// Events returns up to limit events behind the one whose id is after, or from
	// the oldest kept when after is empty. It fails with a gone problem when
	// events behind after are no longer kept.
	Events(ctx context.Context, after string, limit int) ([]fact.Event, error)
	// LastEvent returns the id behind which only news will come.
	LastEvent(ctx context.Context) (string, error)
	// Subscribe returns a channel that tells when there may be more.
	Subscribe() (wake <-chan struct{}, cancel func())
}

// eventBatch is how many events are read at once: all that a listener, however
// slow, makes this node hold for it.
const eventBatch = 100

const typeEventStream = "text/event-stream"

func (a *API) eventRoutes() {
	a.api.stream(auth.EventsRead, huma.Operation{
		OperationID: "stream-events", Method: http.MethodGet, Path: "/v1/events", Tags: []string{"events"},
		Summary: "What happens, as server-sent events",
		Description: "Each event has an id, a kind, and as data a JSON object with identifiers; read the record for more. " +
			"A stream that broke goes on with Last-Event-ID. Without it only news is sent, or with from=oldest all that is kept. " +
			"A stream of news begins with the id behind which it begins, without an event, so that one which breaks before its first event misses none. " +
			"Kinds are those of the ledger (organisation.registered, model.registered, release.published, unit.registered, unit.put_into_service, stream.opened, " +
			"anchor.committed, equivocation.reported, threat.shared, score.published, unit.held, controls.assessed, exception.granted) and of this node (report.received, report.matched, advisory.matched, controls.failed, unit.attested, readings.erased, image.conflict, integrity.incident, integrity.resolved, webhook.disabled, operation.failed). " +
			"Of this node's own stream, anchor.committed says that all its readings with a smaller log index than the anchor's size are proven; a webhook may ask for them by name (readings.proven). " +
			"An event of the kind dropped says why this node ends the stream.",
		Parameters: []*huma.Param{
			queryParam("from", "Where to begin without Last-Event-ID.", &huma.Schema{Type: "string", Enum: []any{"now", "oldest"}}),
			queryParam("until", "With now the stream ends once all that there is has been sent.", &huma.Schema{Type: "string", Enum: []any{"now"}}),
			headerParam("Last-Event-ID", "Id of the last event that arrived."),
		},
		Responses: map[string]*huma.Response{"200": {
			Description: "Events without end",
			Content:     map[string]*huma.MediaType{typeEventStream: {Schema: schemaOf[fact.Event](a.api)}},
		}},
	}, a.streamEvents)
}

func (a *API) streamEvents(c *gin.Context) error {
	ctx := c.Request.Context()
	leave, err := a.listeners.enter(auth.CallerOf(ctx))
	if err != nil {
		return err
	}
	defer leave()
	// Subscribed before the first look, or what happens in between is slept over.
	wake, cancel := a.Events.Subscribe()
	defer cancel()
	after, err := a.begin(c)
	if err != nil {
		return err
	}
	until := c.Query("until")
	if until != "" && until != "now" {
		return invalid(ledger.Fault{Field: "query.until", Detail: "must be now"})
	}
	events, err := a.Events.Events(ctx, after, eventBatch)
	if err != nil {
		return lastEventID(err)
	}
	a.Observed.listeners.Inc()
	defer a.Observed.listeners.Dec()

	h := c.Writer.Header()
	h.Set("Content-Type", typeEventStream)
	h.Set("X-Accel-Buffering", "no") // proxies that hold answers back must not
	l := &listener{c: c, rc: http.NewResponseController(c.Writer), patience: a.Limits.Patience}
	c.Status(http.StatusOK)
	start := "retry: 2000\n\n"
	if after != "" && c.GetHeader("Last-Event-ID") == "" {
		start = "retry: 2000\nid: " + after + "\n\n"
	}
	if !l.send([]byte(start)) {
		return nil
	}
	beat := time.NewTicker(a.Limits.Heartbeat)
	defer beat.Stop()
	for {
		for _, e := range events {
			if !l.event(&e) {
				a.drop(l, "slow")
				return nil
			}
			after = e.ID
		}
		if len(events) < eventBatch {
			if until != "" {
				return nil
			}
			select {
			case <-ctx.Done():
				return nil
			case <-a.ended:
				a.drop(l, "shutdown")
				return nil
			case <-beat.C:
				if !l.send([]byte(":\n\n")) {
					a.drop(l, "slow")
					return nil
				}
				events = nil // sent already
				continue
			case <-wake:
			}
		}
		if events, err = a.Events.Events(ctx, after, eventBatch); err != nil {
			a.drop(l, reasonOf(err))
			return nil
		}
	}
}

// begin returns the id behind which the stream begins.
func (a *API) begin(c *gin.Context) (string, error) {
	if id := c.GetHeader("Last-Event-ID"); id != "" {
		return id, nil
	}
	switch c.Query("from") {
	case "oldest":
		return "", nil
	case "", "now":
		return a.Events.LastEvent(c.Request.Context())
	}
	return "", invalid(ledger.Fault{Field: "query.from", Detail: "must be now or oldest"})
}

func lastEventID(err error) error {
	if ledger.CodeOf(err) == ledger.CodeInvalid {
		return invalid(ledger.Fault{Field: "header.Last-Event-ID", Detail: "must be the id of an event of this node"})
	}
	return err
}

func reasonOf(err error) string {
	if ledger.CodeOf(err) == ledger.CodeGone {
		return "behind"
	}
	return "error"
}

// drop tells a listener why it is left, as far as it still listens.
func (a *API) drop(l *listener, reason string) {
	a.Observed.dropped.WithLabelValues(reason).Inc()
	l.send(fmt.Appendf(nil, "event: dropped\ndata: {\"reason\":%q}\n\n", reason))
}

// listener is one open stream.
type listener struct {
	c        *gin.Context
	rc       *http.ResponseController
	patience time.Duration
	broken   bool
}

// event sends an event (HTML, section 9.2.6). It reports false when the
// listener did not take it in time.
func (l *listener) event(e *fact.Event) bool {
	data, err := json.Marshal(e)
	if err != nil { // plain strings and numbers
		panic(err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "id: %s\nevent: %s\ndata: %s\n\n", e.ID, e.Kind, data)
	return l.send(b.Bytes())
}

func (l *listener) send(b []byte) bool {
	if l.broken {
		return false
	}
	_ = l.rc.SetWriteDeadline(time.Now().Add(l.patience)) // where a writer has no deadlines, none is needed
	_, err := l.c.Writer.Write(b)
	if err == nil {
		err = l.rc.Flush()
	}
	// Between two events no deadline stands: over HTTP/2 it would end the stream.
	_ = l.rc.SetWriteDeadline(time.Time{})
	l.broken = err != nil
	return !l.broken
}
