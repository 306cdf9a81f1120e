package collect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"
	"unicode"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// A batch is kept when it has one of these.
const (
	batchThings  = 1_000
	batchBytes   = 8 << 20
	batchObjects = 4_000
)

const (
	maxReasons = 20  // that one answer tells
	maxReason  = 300 // characters
)

// Intake is how one look at a source, or one document, comes in.
type Intake struct {
	collector *Collector
	source    string
	format    adapt.Format

	batch   fact.Batch
	bytes   int
	out     fact.BatchOutcome // of what was kept so far
	refused int
	reasons []string
}

func (c *Collector) intake(source string, format adapt.Format) *Intake {
	return &Intake{collector: c, source: source, format: format, batch: fact.Batch{Source: source}}
}

// seen is how many things there were in all.
func (in *Intake) seen() int { return in.out.New + in.out.Known + len(in.batch.Alerts) }

// checkpoint reads how far the source was read.
func (in *Intake) checkpoint(ctx context.Context, into any) error {
	text, err := in.collector.store.SourceCheckpoint(ctx, in.source)
	if err != nil || len(text) == 0 {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return ledger.Problemf(ledger.CodeInternal, "what was noted of how far the source was read cannot be understood; give the source another name, and it is read anew")
	}
	return nil
}

// document reads a document by the source's format. A thing that is wrong is refused by
// itself; the error is about the whole, or the store's.
func (in *Intake) document(ctx context.Context, text []byte) error {
	return in.read(ctx, in.format, bytes.NewReader(text))
}

func (in *Intake) read(ctx context.Context, format adapt.Format, r io.Reader) error {
	var kept error // an error of ours, whatever the reader makes of it
	good := func(record adapt.Record) error {
		kept = in.add(ctx, format.Name, &record)
		return kept
	}
	err := in.guarded(ctx, func() error {
		return format.Read(ctx, r, good, func(_ []byte, why error) { in.refuse(why) }) //nolint:wrapcheck // it says what is wrong
	})
	if kept != nil {
		return kept
	}
	return err
}

// guarded makes a fault of what is read of a reader's panic, so that it holds up nothing
// that comes behind.
func (in *Intake) guarded(ctx context.Context, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			in.collector.opts.Logger.ErrorContext(ctx, "panic recovered", slog.Any("panic", p), slog.String(telemetry.KeyStack, string(debug.Stack())))
			err = ledger.Problemf(ledger.CodeInvalid, "the reader failed at it; the log says where")
		}
	}()
	return do()
}

func (in *Intake) add(ctx context.Context, format string, r *adapt.Record) error {
	if len(r.Original) == 0 {
		in.refuse(errors.New("nothing is left of it as it came"))
		return nil
	}
	digest, now := sha256.Sum256(r.Original), time.Now().UTC().Truncate(time.Millisecond)
	if r.Time.IsZero() {
		received, err := in.arrived(ctx, r.Kind, digest, now)
		if err != nil {
			return err
		}
		*r = adapt.Dated(*r, received)
	}
	a := fact.Alert{
		Source: in.source, Digest: digest, Format: format, Kind: r.Kind, Received: now,
		Time: r.Time, Severity: r.Severity, Title: r.Title, Rule: r.Rule,
		AlertText: fact.AlertText{Observables: r.Observables, CVEs: r.CVEs, Techniques: r.Techniques, Asset: r.Asset},
		Original:  bytes.Clone(r.Original),
	}
	if r.Kind == adapt.KindReport && len(r.Bundle) > 0 {
		if err := in.objects(r.Bundle); err != nil {
			in.refuse(err)
			return nil
		}
	}
	in.batch.Alerts = append(in.batch.Alerts, a)
	in.bytes += len(a.Original)
	if len(in.batch.Alerts) >= batchThings || in.bytes >= batchBytes || len(in.batch.Objects) >= batchObjects {
		return in.flush(ctx, nil, nil)
	}
	return nil
}

// arrived is when a thing first came that says no time. A report that comes again has the
// time of before, so that its objects are the same ones and no newer versions of them.
func (in *Intake) arrived(ctx context.Context, kind adapt.Kind, digest [32]byte, now time.Time) (time.Time, error) {
	if kind != adapt.KindReport {
		return now, nil
	}
	before, err := in.collector.store.AlertReceived(ctx, in.source, digest)
	if err != nil {
		return now, fmt.Errorf("looking whether a report came before: %w", err)
	}
	if !before.IsZero() {
		return before, nil
	}
	return now, nil
}

// objects adds those of a bundle or an envelope that are valid; of the others it is said
// that they were refused.
func (in *Intake) objects(bundle []byte) error {
	objects, err := cti.ReadEnvelope(bundle)
	if err != nil {
		return fmt.Errorf("reading its objects: %w", err)
	}
	for i := range objects {
		o := &objects[i]
		if o.Fault != nil {
			in.refuse(o.Fault)
			continue
		}
		in.bytes += len(o.Body)
		in.batch.Objects = append(in.batch.Objects, fact.STIXObject{
			Collection: in.collector.opts.Collection, ID: o.ID, Type: o.Type, Spec: o.Spec, Version: o.Version, Body: o.Body,
		})
	}
	return nil
}

func (in *Intake) refuse(why error) {
	in.refused++
	in.batch.Refused++
	in.batch.Reason = reason(why)
	if len(in.reasons) < maxReasons {
		in.reasons = append(in.reasons, in.batch.Reason)
	}
}

// flush keeps what was read since the last time, with how far that is. checkpoint may be
// nil: then the place is as before, and what comes once more is known by its content.
func (in *Intake) flush(ctx context.Context, checkpoint any, taken *[32]byte) error {
	if checkpoint != nil {
		text, err := json.Marshal(checkpoint)
		if err != nil {
			return fmt.Errorf("encoding how far a source was read: %w", err)
		}
		in.batch.Checkpoint = text
	}
	in.batch.Taken = taken
	if len(in.batch.Alerts)+len(in.batch.Objects)+in.batch.Refused+len(in.batch.Checkpoint) == 0 && taken == nil {
		return nil
	}
	out, err := in.collector.store.TakeIn(ctx, &in.batch)
	if err != nil {
		return fmt.Errorf("keeping what a source says: %w", err)
	}
	in.out.New, in.out.Known = in.out.New+out.New, in.out.Known+out.Known
	in.batch, in.bytes = fact.Batch{Source: in.source}, 0
	if out.New > 0 {
		in.collector.opts.Wake()
	}
	return nil
}

// ours reports whether an error is not about what was read, so that trying again may help.
func ours(err error) bool {
	code := ledger.CodeOf(err)
	return code != ledger.CodeInvalid && code != ledger.CodeTooLarge
}

// reason is an error as one printable line.
func reason(err error) string {
	text := err.Error()
	if p, ok := errors.AsType[*ledger.Problem](err); ok {
		text = p.Detail
	}
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > maxReason {
			break
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}
