package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/secant-platform/secant/analytics/hl7"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/vault"
)

// Size is the number of durable requests, erased ones included.
func (p *Pipeline) Size() uint64 { return p.vault.Size() }

// errEnough ends a visit of the vault.
var errEnough = errors.New("enough")

// Each visits the receipts of requests that are in the log, from its index from
// on, in order, at most limit of them. Erased requests are left out. It returns
// from where to go on: the index itself when there was nothing new. sent is when the
// record itself says that it was sent (MSH-7 of an HL7 message; of the zone UTC where
// it names none); zero where it does not. Nothing is verified here but that the vault's
// bytes are those that it wrote.
func (p *Pipeline) Each(ctx context.Context, from uint64, limit int, visit func(r *Receipt, sent time.Time)) (next uint64, err error) {
	size, err := p.log.Size(ctx)
	if err != nil {
		return from, fmt.Errorf("reading the log's size: %w", err)
	}
	next = from
	end := min(size, from+uint64(max(limit, 0)))
	if from >= end {
		return next, nil
	}
	var decoder *zstd.Decoder
	defer func() {
		if decoder != nil {
			decoder.Close()
		}
	}()
	err = p.vault.Each(ctx, from, func(r *vault.Record) error {
		if r.Ordinal >= end {
			return errEnough
		}
		next = r.Ordinal + 1
		if r.Erased {
			return nil
		}
		e, err := decodeEnvelope(r.Plain)
		if err != nil {
			return err
		}
		s, err := proof.DecodeStatement(e.statement)
		if err != nil {
			return fmt.Errorf("reading a request's statement: %w", err)
		}
		receipt := receiptOf(s, r.Ordinal)
		for i := range e.segments {
			share := Share{Slot: e.segments[i].slot, Records: e.segments[i].count}
			if _, share.Finished, err = p.vault.SubjectErased(share.Slot); err != nil {
				return err //nolint:wrapcheck // it says where the damage is
			}
			receipt.Subjects = append(receipt.Subjects, share)
		}
		var sent time.Time
		if s.MediaType == MediaHL7 {
			if decoder == nil {
				if decoder, err = newDecoder(maxUnpacked); err != nil {
					return err
				}
			}
			sent = p.sent(ctx, r, e, decoder)
		}
		visit(receipt, sent)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return next, err
}

// sent is when an HL7 message says that it was sent; zero: it does not, or is none that
// can be read, which is not to be told here. The message is durable: were a fault in
// reading it to end the visit, the node would meet it again with each start.
func (p *Pipeline) sent(ctx context.Context, r *vault.Record, e *envelope, decoder *zstd.Decoder) (at time.Time) {
	defer func() {
		if r := recover(); r != nil {
			p.opts.Logger.LogAttrs(ctx, slog.LevelError, "panic recovered", slog.String("error", fmt.Sprint(r)), slog.String("stack", string(debug.Stack())))
			at = time.Time{}
		}
	}()
	text, err := p.only(r, e, decoder)
	if err != nil {
		return time.Time{}
	}
	m, flaw := hl7.Parse(text)
	if flaw != hl7.Sound {
		return time.Time{}
	}
	at, _ = m.Sent(hl7.Profile{Zone: time.UTC})
	return at
}

// only is the one record of a request; empty when its subject was erased.
func (p *Pipeline) only(r *vault.Record, e *envelope, decoder *zstd.Decoder) ([]byte, error) {
	switch {
	case len(e.segments) > 0:
		if err := e.openSegment(p.vault, r.ID, &r.Entry, 0); err != nil || !e.segments[0].open {
			return nil, err
		}
		return e.segments[0].plain(decoder)
	case e.storage == storedRaw:
		return e.body, nil
	}
	text, err := decoder.DecodeAll(e.body, make([]byte, 0, e.unpacked))
	if err != nil {
		return nil, fmt.Errorf("decompressing a body: %w", err)
	}
	return text, nil
}

// Same reports whether two requests hold the same records, byte for byte, whatever
// their salts are. Problems: not_found and gone, of either.
func (p *Pipeline) Same(ctx context.Context, a, b proof.RequestID) (bool, error) {
	one, err := p.open(ctx, a)
	if err != nil {
		return false, err
	}
	other, err := p.open(ctx, b)
	if err != nil {
		return false, err
	}
	if one.erased+other.erased > 0 {
		return false, ledger.Problemf(ledger.CodeGone, "records were erased with the subject that they were about")
	}
	return slices.EqualFunc(one.records, other.records, bytes.Equal), nil
}
