package ingest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/vault"
)

// Parts is the node's side of the proof for one record: from its bytes to the
// place of its request's commitment in the log.
type Parts struct {
	Record    []byte
	MediaType string
	Salt      proof.Hash   // of the record
	Index     int          // of the record in its request
	Path      []proof.Hash // from the record's leaf to the statement's root
	Statement proof.Statement
	EntrySalt proof.Hash // of the statement
	LogIndex  uint64     // of the statement's commitment
}

// Receipt returns the receipt of a request. It fails with a not_found or gone
// Problem.
func (p *Pipeline) Receipt(ctx context.Context, id proof.RequestID) (*Receipt, error) {
	o, err := p.open(ctx, id)
	if err != nil {
		return nil, err
	}
	return o.receipt(), nil
}

// Record returns the bytes of one record, exactly as received, and their media
// type. It fails with a not_found or gone Problem.
func (p *Pipeline) Record(ctx context.Context, id proof.RequestID, index int) ([]byte, string, error) {
	o, err := p.open(ctx, id)
	if err != nil {
		return nil, "", err
	}
	record, err := o.record(index)
	return record, o.statement.MediaType, err
}

// ProofParts returns what a proof for one record needs from this node. It fails
// with a not_found or gone Problem.
func (p *Pipeline) ProofParts(ctx context.Context, id proof.RequestID, index int) (*Parts, error) {
	o, err := p.open(ctx, id)
	if err != nil {
		return nil, err
	}
	record, err := o.record(index)
	if err != nil {
		return nil, err
	}
	path, err := o.tree.Path(index)
	if err != nil {
		return nil, fmt.Errorf("proving a record: %w", err)
	}
	return &Parts{
		Record: record, MediaType: o.statement.MediaType, Salt: proof.SaltOf(o.seed(index), index), Index: index,
		Path: path, Statement: o.statement, EntrySalt: o.envelope.entrySalt, LogIndex: o.ordinal,
	}, nil
}

// open opens a request that was answered. One that is durable but not in the
// log yet is nobody's to see: its index is not known to hold.
func (p *Pipeline) open(ctx context.Context, id proof.RequestID) (*opened, error) {
	p.mu.Lock()
	_, underway := p.inflight[vault.ID(id)]
	p.mu.Unlock()
	if underway {
		return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such request")
	}
	return p.opener.open(ctx, vault.ID(id))
}

func (o *opened) record(index int) ([]byte, error) {
	if index < 0 || index >= len(o.records) {
		return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such record in the request")
	}
	if o.records[index] == nil {
		return nil, ledger.Problemf(ledger.CodeGone,
			"the record was erased; what stays proven, by entry %d of the integrity log, is that a request of %d records, received %s, had one in this place",
			o.ordinal, o.statement.Count, o.statement.ReceivedAt().Format(time.RFC3339))
	}
	return slices.Clone(o.records[index]), nil
}

func (o *opened) receipt() *Receipt {
	r := receiptOf(&o.statement, o.ordinal)
	r.Erased = o.erased
	return r
}

// seed returns the seed from which the salt of a record derives that is not erased.
func (o *opened) seed(index int) *proof.Seed {
	for i := range o.envelope.segments {
		if s := &o.envelope.segments[i]; index < s.first+s.count {
			return &s.seed
		}
	}
	return &o.envelope.seed
}
