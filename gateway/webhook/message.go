package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/fetch"
	"github.com/secant-platform/secant/identity/webhook"
)

// packet is a message as it is sent.
type packet struct {
	id      string
	method  string
	url     string
	header  http.Header
	body    []byte
	sent    uint64 // how far into its message delivering is when it was taken
	whole   bool   // then nothing of the message is left
	nothing bool   // there is nothing to send
}

// envelope is the body of a message about an event (Standard Webhooks, "Payload
// structure").
type envelope struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

const mediaJSON = "application/json"

// idOf names a message, and is the same whenever it is sent.
func idOf(w *fact.Webhook, seq int64, part uint64) string {
	if part == 0 {
		return fmt.Sprintf("msg_%s_%d", w.ID, seq)
	}
	return fmt.Sprintf("msg_%s_%d_%d", w.ID, seq, part)
}

// pack makes of a message what is to be sent next.
func (d *Deliverer) pack(ctx context.Context, w *fact.Webhook, to *target, m *fact.WebhookMessage) (*packet, error) {
	p := &packet{id: idOf(w, m.Seq, m.Sent), method: http.MethodPost, url: to.URL, header: http.Header{}, whole: true}
	switch m.Kind {
	case fact.MessageResource:
		return p, d.packResource(ctx, w, p, to, m)
	case fact.EventReadingsProven:
		return p, d.packProven(ctx, w, p, m)
	}
	var e fact.Event
	if err := json.Unmarshal(m.Doc, &e); err != nil {
		return nil, fmt.Errorf("reading an event that waits: %w", err)
	}
	return p, p.say(e.Kind, e.Time, &e)
}

// say makes the body.
func (p *packet) say(kind string, at time.Time, data any) (err error) {
	p.header.Set("Content-Type", mediaJSON)
	if p.body, err = json.Marshal(envelope{kind, at, data}); err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	return nil
}

// packResource makes FHIR's notification: with a payload the resource by the update of
// a RESTful server at the endpoint, and else an empty POST.
func (d *Deliverer) packResource(ctx context.Context, w *fact.Webhook, p *packet, to *target, m *fact.WebhookMessage) error {
	var r fact.WebhookResource
	if err := json.Unmarshal(m.Doc, &r); err != nil {
		return fmt.Errorf("reading which resource waits: %w", err)
	}
	if r.Type != w.Resource {
		p.nothing = true // it waits since before the criteria changed, and whoever changed them may not see it
		return nil
	}
	setHeader(p.header, to.Header)
	if to.Payload == "" {
		return nil
	}
	body, err := d.Resource(ctx, r.Type, r.ID, r.Number)
	if code := ledger.CodeOf(err); code == ledger.CodeGone || code == ledger.CodeNotFound {
		p.nothing = true // it was erased, and is nobody's to see
		return nil
	}
	p.header.Set("Content-Type", to.Payload)
	p.method, p.body = http.MethodPut, body
	path, query, has := strings.Cut(to.URL, "?")
	p.url = strings.TrimSuffix(path, "/") + "/" + r.Type + "/" + r.ID
	if has {
		p.url += "?" + query
	}
	return err
}

// setHeader adds the headers that a subscriber wants, written as in HTTP.
func setHeader(h http.Header, lines []string) {
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		h.Add(name, strings.TrimSpace(value))
	}
}

// Bounds of one message about proven readings.
const (
	maxProven  = 200       // requests
	maxBundles = 256 << 10 // bytes of proof bundles
)

// proven is what is said of readings that an anchor covers.
type proven struct {
	Stream   string      `json:"stream"`
	Sequence uint64      `json:"sequence"`
	Size     uint64      `json:"size"`
	Tx       string      `json:"tx"`
	Readings []provenOne `json:"readings"`
}

type provenOne struct {
	Receipt  string          `json:"receipt"`
	Unit     string          `json:"unit"`
	Count    int             `json:"count"`
	LogIndex uint64          `json:"logIndex"`
	Proof    string          `json:"proof"` // of the first record, below the node's address
	Bundle   json.RawMessage `json:"bundle,omitempty"`
}

// noUnit is how a reading without a device names it.
var noUnit = strings.Repeat("0", 64)

// packProven names the next requests that an anchor covers.
func (d *Deliverer) packProven(ctx context.Context, w *fact.Webhook, p *packet, m *fact.WebhookMessage) error {
	var a fact.WebhookProven
	if err := json.Unmarshal(m.Doc, &a); err != nil {
		return fmt.Errorf("reading what is proven: %w", err)
	}
	from := max(a.From, m.Sent)
	list, next, err := d.Readings(ctx, from, a.Size, maxProven)
	if err != nil {
		return err
	}
	if next == from && from < a.Size {
		return ledger.Problemf(ledger.CodeUnavailable, "the readings are not in the log yet")
	}
	said := proven{Stream: a.Stream, Sequence: a.Sequence, Size: a.Size, Tx: a.Tx}
	room := maxBundles
	for i := range list {
		concerns, err := d.concerns(ctx, &w.Doc, []string{list[i].Unit})
		if err != nil {
			return err
		}
		if !concerns {
			continue
		}
		one := provenOne{
			Receipt: list[i].ID, Unit: list[i].Unit, Count: list[i].Count, LogIndex: list[i].LogIndex,
			Proof: "/v1/readings/" + list[i].ID + "/records/0/proof",
		}
		if one.Unit == noUnit {
			one.Unit = ""
		}
		// Of several records whoever is told fetches the proofs that are wanted.
		if w.Doc.Bundles && one.Count == 1 && room > 0 {
			bundle, err := d.Proof(ctx, one.Receipt, 0)
			switch ledger.CodeOf(err) {
			case ledger.CodeGone, ledger.CodeNotFound:
				continue // erased meanwhile
			case ledger.CodeBusy, ledger.CodeUnavailable:
				return err
			}
			if err != nil { // whoever fetches it is told why
				d.Logger.WarnContext(ctx, "proof for a webhook could not be made", slog.Any("error", err))
			} else if room -= len(bundle); room >= 0 {
				one.Bundle = bundle
			}
		}
		said.Readings = append(said.Readings, one)
		if w.Doc.Bundles && room <= 0 {
			next = list[i].LogIndex + 1 // the others in a message of their own
			break
		}
	}
	p.sent, p.whole = next, next >= a.Size
	if len(said.Readings) == 0 {
		p.nothing = true
		return nil
	}
	return p.say(fact.EventReadingsProven, a.Time, &said)
}

// send signs and sends.
func (d *Deliverer) send(ctx context.Context, to *target, p *packet) (fetch.Sent, error) {
	now := d.Pace.Now()
	secrets, err := to.secrets(now)
	if err != nil {
		return fetch.Sent{}, err
	}
	header := p.header.Clone()
	maps.Copy(header, (&webhook.Signer{Secrets: secrets, Key: d.Key}).Sign(p.id, now, p.body))
	return d.Sender.Send(ctx, p.method, p.url, header, p.body)
}
