package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/client"
)

// chosen says whose readings are exported, and since when.
type chosen struct{ unit, model, owner, since string }

func (f *chosen) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.unit, "unit", "", "only those of the device with this id")
	c.Flags().StringVar(&f.model, "model", "", "only those of devices of the model with this UDI-DI")
	c.Flags().StringVar(&f.owner, "owner", "", "only those of devices of this owner (MSP id)")
	c.MarkFlagsMutuallyExclusive("unit", "model")
	c.MarkFlagsMutuallyExclusive("unit", "owner")
	sinceFlag(c, &f.since, "received")
}

func (f *chosen) filter() map[string]string {
	return map[string]string{"unit": f.unit, "model": f.model, "owner": f.owner, "since": f.since}
}

// settled is for how long before the node's own time nothing is taken for listed:
// readings stand in the list within a second, and its time is told to the second.
const settled = 3 * time.Second

// window sets since when and until when things are exported by a new run.
func (e *exporter) window(ctx context.Context, m *manifest, since string) error {
	now, err := e.node.Now(ctx)
	if err != nil {
		return err
	}
	if m.Since, err = sinceTime(since, now); err != nil {
		return err
	}
	m.Until = now.Add(-settled)
	return nil
}

func exportReadingsCommand() *cobra.Command {
	var f chosen
	var receipts bool
	c := exportCommand("readings FILE",
		"Write readings that the node has taken, byte for byte",
		"readings writes each record as a line: the id of its request and its place there, the device, when it was received,\n"+
			"who vouches for it, and its bytes, as text or, where they are no plain text, as base64. They stand by device,\n"+
			"and of each run the newest first. Repeated, it adds what came since.",
		"  secant export readings readings.ndjson --since 24h --config DIR/nodes/hospital-north/node.json",
		func(e *exporter, ctx context.Context, c *cobra.Command, target string) error {
			return e.readings(ctx, c, target, &f, receipts)
		})
	f.flags(c)
	c.Flags().BoolVar(&receipts, "receipts", false, "receipts, a line for each request, without the records")
	return c
}

// record is a line of exported readings.
type record struct {
	Request   string    `json:"request"`
	Index     int       `json:"index"`
	Unit      string    `json:"unit"`
	Received  time.Time `json:"received"`
	VouchedBy string    `json:"vouchedBy"`
	MediaType string    `json:"mediaType"`
	Text      string    `json:"text,omitempty"`
	Base64    []byte    `json:"base64,omitempty"`
}

func (e *exporter) readings(ctx context.Context, c *cobra.Command, target string, f *chosen, receipts bool) error {
	m := manifest{Kind: kindReadings, Node: e.node.Address(), Filter: f.filter()}
	if receipts {
		m.Filter["receipts"] = "true"
	}
	if err := e.window(ctx, &m, f.since); err != nil {
		return err
	}
	s, err := openSink(target, c.OutOrStdout(), m, grown)
	if err != nil {
		return err
	}
	var last struct {
		ID string // of a receipt
		record
	}
	if s.last != nil {
		if err := json.Unmarshal(s.last, &last); err != nil {
			return errors.Join(errors.New("the file's last line is no reading"), s.close(false))
		}
		if receipts {
			last.Request = last.ID
		}
	}
	list := e.requests(ctx, f, &s.m, last.Unit, last.Received, last.Request)
	if receipts {
		for r, err := range list {
			if err != nil {
				return errors.Join(err, s.close(false))
			}
			if r.ID == last.Request {
				continue
			}
			if err := s.line(r); err != nil {
				return errors.Join(err, s.close(false))
			}
			e.count.Add(1)
		}
		return s.close(true)
	}
	fetch := func(ctx context.Context, at place) ([]byte, error) {
		b, _, err := e.node.Record(ctx, at.id, at.index)
		return b, err
	}
	err = each(ctx, places(list, last.Request, last.Index), fetch, func(at place, b []byte) error {
		r := record{at.of.ID, at.index, at.of.Unit, at.of.Received, at.of.VouchedBy, at.of.MediaType, "", nil}
		if utf8.Valid(b) {
			r.Text = string(b)
		} else {
			r.Base64 = b
		}
		e.count.Add(1)
		return s.line(r)
	})
	return errors.Join(err, s.close(err == nil))
}

// place is one record of a request.
type place struct {
	of    *fact.Reading
	id    proof.RequestID
	index int
}

// places lists the records of requests, of the request last those behind index.
func places(from iter.Seq2[*fact.Reading, error], last string, index int) iter.Seq2[place, error] {
	return func(yield func(place, error) bool) {
		for r, err := range from {
			if err != nil {
				yield(place{}, err)
				return
			}
			id, err := proof.ParseRequestID(r.ID)
			if err != nil {
				yield(place{}, err)
				return
			}
			start := 0
			if r.ID == last {
				start = index + 1
			}
			for i := start; i < r.Count; i++ {
				if !yield(place{r, id, i}, nil) {
					return
				}
			}
		}
	}
}

// requests lists requests of a window, by device and newest first, from the request
// last of a device on, which was received at a time; with an empty one, all.
func (e *exporter) requests(ctx context.Context, f *chosen, m *manifest, unit string, at time.Time, last string) iter.Seq2[*fact.Reading, error] {
	return func(yield func(*fact.Reading, error) bool) {
		for u, err := range e.devices(ctx, f) {
			if err != nil {
				yield(nil, err)
				return
			}
			if u < unit {
				continue
			}
			window, found := client.ReadingFilter{Since: m.Since, Until: m.Until}, true
			if u == unit && last != "" {
				window.Until, found = at.Add(time.Millisecond), false
			}
			for r, err := range e.node.ReadingsOf(ctx, u, window) {
				// What came in the same millisecond before the last was written; when the last
				// was erased meanwhile, older ones say so.
				found = found || err != nil || r.ID == last || r.Received.Before(at)
				if found && !yield(&r, err) || err != nil {
					return
				}
			}
		}
	}
}

// devices lists the ids of the chosen devices.
func (e *exporter) devices(ctx context.Context, f *chosen) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if f.unit != "" {
			_, err := e.node.Unit(ctx, f.unit)
			if ledger.CodeOf(err) == ledger.CodeNotFound {
				err = errors.New("the node knows no device with this id")
			}
			yield(f.unit, err)
			return
		}
		for u, err := range e.node.Units(ctx, client.UnitFilter{DI: f.model, Owner: f.owner}) {
			if !yield(u.ID, err) || err != nil {
				return
			}
		}
	}
}
