package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/vault"
)

// Size is the number of durable requests, erased ones included.
func (p *Pipeline) Size() uint64 { return p.vault.Size() }

// errEnough ends a visit of the vault.
var errEnough = errors.New("enough")

// Each visits the receipts of requests that are in the log, from its index from
// on, in order, at most limit of them. Erased requests are left out. It returns
// from where to go on: the index itself when there was nothing new. Nothing is
// verified here but that the vault's bytes are those that it wrote.
func (p *Pipeline) Each(ctx context.Context, from uint64, limit int, visit func(*Receipt)) (next uint64, err error) {
	size, err := p.log.Size(ctx)
	if err != nil {
		return from, fmt.Errorf("reading the log's size: %w", err)
	}
	next = from
	end := min(size, from+uint64(max(limit, 0)))
	if from >= end {
		return next, nil
	}
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
		visit(receipt)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return next, err
}
