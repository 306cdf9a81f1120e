package rest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/problem"
)

// Streams finds integrity logs on the ledger.
type Streams interface {
	StreamOf(ctx context.Context, org string) (fact.Row[ledger.Stream], error)
	Equivocation(ctx context.Context, stream string) (fact.Row[ledger.Equivocation], bool, error)
}

// Anchors finds their anchors.
type Anchors interface {
	AnchorCovering(ctx context.Context, stream string, logIndex uint64) (fact.Row[ledger.Anchor], bool, error)
	LastAnchor(ctx context.Context, stream string) (fact.Row[ledger.Anchor], bool, error)
	Anchors(ctx context.Context, stream string, page ledger.PageRequest) (fact.Page[ledger.Anchor], error)
}

// Log is the organisation's own integrity log.
type Log interface {
	Size(ctx context.Context) (uint64, error)
	Inclusion(ctx context.Context, index, size uint64) ([][]byte, error)
}

// Reader has peers of a majority of organisations sign what they read.
type Reader interface {
	SignedRead(ctx context.Context, name string, request any) (*ledger.SignedRead, error)
}

// Judge verifies proof bundles offline.
type Judge interface {
	Verify(b *proof.Bundle) (*proof.Verdict, error)
}

// proofs assembles proof bundles. It takes the first anchor that covers a
// record, not the newest: a proof says "unchanged since", and the earlier the
// time the more it says. What peers signed about an anchor serves every record
// under it for readLife.
type proofs struct {
	organisation string
	readings     Readings
	streams      Streams
	anchors      Anchors
	log          Log
	judge        Judge
	observed     *Metrics
	reads        *signedReads
	lasting      func(checkpoint string) (*proof.Lasting, error) // nil: none
}

// anchorSoon is when to come back for a proof that has no anchor yet.
const anchorSoon = time.Second

func newProofs(d Deps) *proofs {
	return &proofs{
		organisation: d.Organisation, readings: d.Readings, streams: d.Streams, anchors: d.Anchors, log: d.Log, judge: d.Judge,
		observed: d.Observed, reads: newSignedReads(d.Reader, d.Observed), lasting: d.Lasting,
	}
}

// covering finds the first anchor that covers an entry of the own log.
func (p *proofs) covering(ctx context.Context, logIndex uint64) (ledger.Anchor, bool, error) {
	stream, err := p.streams.StreamOf(ctx, p.organisation)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return ledger.Anchor{}, false, nil
	}
	if err != nil {
		return ledger.Anchor{}, false, err
	}
	row, ok, err := p.anchors.AnchorCovering(ctx, stream.Record.ID, logIndex)
	return row.Record, ok, err
}

// bundle makes, verifies and encodes the proof of one record.
func (p *proofs) bundle(ctx context.Context, id proof.RequestID, index int) ([]byte, error) {
	b, _, err := p.prove(ctx, id, index)
	if err != nil {
		return nil, err
	}
	encoded, err := b.Encode()
	if err != nil {
		return nil, err
	}
	p.observed.proofs.WithLabelValues("served").Inc()
	return encoded, nil
}

// Prove says what is proven about one record. It fails with busy until the record is
// anchored, and with a *proof.Mismatch when the proof does not hold.
func (a *API) Prove(ctx context.Context, id proof.RequestID, index int) (*proof.Verdict, error) {
	_, verdict, err := a.proofs.prove(ctx, id, index)
	return verdict, err
}

// prove makes and verifies the proof of one record.
func (p *proofs) prove(ctx context.Context, id proof.RequestID, index int) (*proof.Bundle, *proof.Verdict, error) {
	parts, err := p.readings.ProofParts(ctx, id, index)
	if err != nil {
		return nil, nil, err
	}
	anchor, ok, err := p.covering(ctx, parts.LogIndex)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		p.observed.proofs.WithLabelValues("early").Inc()
		return nil, nil, problem.Later(ledger.Problemf(ledger.CodeBusy, "the reading is taken, and not yet anchored on the ledger"), anchorSoon)
	}
	b, err := p.assemble(ctx, parts, index, &anchor)
	if err != nil {
		return nil, nil, err
	}
	// Nothing leaves that its receiver would refuse.
	verdict, err := p.judge.Verify(b)
	if err != nil {
		p.observed.proofs.WithLabelValues("refused").Inc()
		return nil, nil, fmt.Errorf("verifying the proof that was just made: %w", err)
	}
	return b, verdict, nil
}

func (p *proofs) assemble(ctx context.Context, parts *ProofParts, index int, anchor *ledger.Anchor) (*proof.Bundle, error) {
	path, err := p.log.Inclusion(ctx, parts.LogIndex, anchor.Size)
	if err != nil {
		return nil, doing("proving the log entry", err)
	}
	logProof, err := proof.NewLogProof(&parts.Statement, parts.EntrySalt, parts.LogIndex, path)
	if err != nil {
		return nil, err
	}
	read, err := p.reads.get(ctx, ledger.AnchorGet, fmt.Sprintf("%s %d", anchor.Stream, anchor.Sequence),
		ledger.GetAnchor{Stream: anchor.Stream, Sequence: anchor.Sequence})
	if err != nil {
		return nil, err
	}
	b := &proof.Bundle{
		Format: proof.Format, Statement: parts.Statement, Log: logProof, Checkpoint: anchor.Checkpoint, Anchor: *read,
		Record: proof.Record{
			Digest: sha256.Sum256(parts.Record), Index: uint32(index), Salt: parts.Salt, //nolint:gosec // an index of a request is small
			Leaf: proof.LeafHash(&parts.Salt, parts.Record), Path: parts.Path,
		},
	}
	b.Record.SetContent(parts.Record)
	if b.Record.Path == nil {
		b.Record.Path = []proof.Hash{}
	}
	if p.lasting != nil {
		if b.Lasting, err = p.lasting(anchor.Checkpoint); err != nil {
			return nil, err
		}
	}
	if signer, signed := parts.Statement.Signer(); signed {
		unit := signer.String()
		if b.Device, err = p.reads.get(ctx, ledger.DeviceGetUnit, unit, ledger.GetUnit{ID: unit}); err != nil {
			return nil, err
		}
	}
	return b, nil
}
