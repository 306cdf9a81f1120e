package ingest

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/vault"
)

// Submit takes a request and returns its receipt when it is durable and in the
// log. Signed readings that were taken before, others with a name (Request.Once), and
// files get the receipt they got then, however often they are sent.
//
// Problems: invalid and too_large list every fault; denied when the signature
// does not fit; busy when nothing was done and trying again soon helps;
// unavailable when the outcome is unknown, the node is stopping or its disk is
// full; gone when the same readings were erased since.
func (p *Pipeline) Submit(ctx context.Context, req Request) (*Receipt, error) {
	begun := time.Now()
	receipt, count, err := p.submit(ctx, &req, begun)
	p.metrics.answered(begun, count, err)
	return receipt, err
}

// submit also returns how many readings were new.
func (p *Pipeline) submit(ctx context.Context, req *Request, begun time.Time) (*Receipt, int, error) {
	f, err := parseMediaType(req.MediaType)
	if err != nil {
		return nil, 0, err
	}
	if err := req.validate(f.boundary != ""); err != nil {
		return nil, 0, err
	}
	packed, err := parseEncoding(req.Encoding)
	if err != nil {
		return nil, 0, err
	}
	if packed && f.boundary != "" {
		return nil, 0, unframed("Content-Encoding", "must stand in the parts that it is of")
	}
	if p.active.Add(1) > int64(p.opts.Active) {
		p.active.Add(-1)
		return nil, 0, errBusy
	}
	defer p.active.Add(-1)
	t, err := p.take(ctx, req, f, packed, begun)
	switch {
	case err != nil:
		return nil, 0, err
	case t.theirs != nil:
		if len(t.subjects) > 0 && !slices.Equal(t.subjects, t.theirs.subjects) {
			return nil, 0, errOthers
		}
		receipt, err := p.wait(ctx, t.theirs)
		return receipt, 0, err
	case t.mine == nil:
		receipt, err := p.stored(ctx, t.id, t.subjects)
		return receipt, 0, err
	}
	receipt, err := p.wait(ctx, t.mine)
	if err != nil {
		return nil, 0, err
	}
	return receipt, receipt.Count, nil
}

// taken is what became of a request: the caller's call, somebody else's that asks the
// same, or neither, when the vault has it.
type taken struct {
	mine, theirs *call
	id           vault.ID
	subjects     []pseudonym.ID // whom it is about, part by part, if that was said
}

// take reads, prepares and hands over a request.
func (p *Pipeline) take(ctx context.Context, req *Request, f format, packed bool, begun time.Time) (t taken, err error) {
	p.coming.Add(1)
	defer p.coming.Add(-1)
	body, held, err := readBody(req.Body, p.opts.Limits.Wire, &p.held)
	defer p.held.give(held)
	defer releaseBody(body)
	if err != nil {
		return t, err
	}
	p.metrics.received(len(*body))

	var w *worker
	select {
	case w = <-p.workers:
	case <-p.dead:
		return t, errStopping
	case <-ctx.Done():
		return t, errBusy
	}
	if t, err = p.prepare(w, req, f, packed, *body, begun); err != nil || t.mine == nil {
		return t, err
	}
	p.opts.Step(StepSealed)

	select {
	case p.queue <- t.mine:
		return t, nil
	case <-p.dead:
		err = errStopping
	case <-ctx.Done():
		err = errBusy
	}
	t.mine.draft.Release()
	p.settle(t.mine, nil, err)
	return taken{}, err
}

// prepare is the CPU stages: decompress, judge, commit to, check the signature,
// compress, encrypt. A call that it returns as mine is claimed and sealed. It
// gives the worker back.
func (p *Pipeline) prepare(w *worker, req *Request, f format, packed bool, body []byte, begun time.Time) (t taken, err error) {
	defer func() { p.workers <- w }()
	parts, f, err := w.parts(req, f, packed, body)
	if err != nil {
		return t, err
	}
	t.subjects = told(parts)
	count, root, err := w.take(f, parts)
	if err != nil {
		return t, err
	}
	s := proof.Statement{
		Organisation: req.Organisation, Unit: req.Unit, VouchedBy: proof.VouchedByNode,
		Count: uint32(count), Root: root, MediaType: f.record, //nolint:gosec // at most MaxRecords
		Received: begun.UnixMilli(), Sequence: req.Sequence,
	}
	switch {
	case req.Key != nil:
		s.VouchedBy, s.Signature = proof.VouchedByDevice, req.Signature
		if req.Edge != (proof.Hash{}) {
			s.VouchedBy, s.Edge = proof.VouchedByEdge, req.Edge
		}
		if !s.VerifySignature(req.Key) {
			return t, ledger.Problemf(ledger.CodeDenied, "the signature is not the device's over these readings, nor the edge box's that is named")
		}
		if len(parts) > 1 {
			t.id = partedID(p.vault, &s)
		} else {
			t.id = signedID(p.vault, &s, &parts[0].seed)
		}
	default:
		if once := f.once(req.Once, parts[0].plain); len(once) > 0 {
			t.id = onceID(p.vault, s.Unit, once)
		} else {
			_, _ = rand.Read(t.id[:]) // never fails: crypto/rand
		}
	}
	if err := w.reader.whole(f, parts[0].plain); err != nil {
		return t, err
	}
	if t.mine, t.theirs, err = p.claim(t.id, t.subjects); t.mine == nil {
		return t, err
	}
	s.Request = proof.RequestID(t.id)
	s.Content = w.contentOf(parts)
	t.mine.statement = s
	if err := p.seal(w, t.mine, f.framing, parts); err != nil {
		p.settle(t.mine, nil, err)
		return taken{}, err
	}
	return t, nil
}

// seal encrypts a claimed call's envelope and body into a draft.
func (p *Pipeline) seal(w *worker, c *call, f framing, parts []part) error {
	e := envelope{framing: f, seed: parts[0].seed, storage: parts[0].storage, unpacked: parts[0].unpacked}
	_, _ = rand.Read(e.entrySalt[:]) // never fails: crypto/rand
	var err error
	if w.statement, err = c.statement.Encode(w.statement[:0]); err != nil {
		return err
	}
	entry, err := c.statement.EntryHash(&e.entrySalt)
	if err != nil {
		return err
	}
	e.statement = w.statement
	var slots []uint64
	if named(parts) {
		if slots, err = p.slots(parts); err != nil {
			return err
		}
	}
	c.draft = p.vault.NewDraft()
	c.draft.Append(func(dst []byte) []byte {
		if named(parts) {
			dst, err = w.sealSegments(dst, p.vault, &e, c.id, (*[32]byte)(&entry), parts, slots)
			return dst
		}
		start := len(dst)
		dst = e.appendHead(dst)
		if e.storage == storedAsPacked {
			return append(dst, parts[0].body...)
		}
		dst, smaller := w.pack(dst, parts[0].body)
		if smaller {
			dst[start+storageAt] = byte(storedPacked)
		}
		return dst
	})
	if errors.Is(err, vault.ErrSubjectErased) { // meanwhile: it gets a new key
		err = errBusy
	}
	if err == nil {
		err = c.draft.Seal(c.id, entry)
	}
	if err != nil {
		c.draft.Release()
	}
	return err
}

// slots finds the keys of the subjects of a request.
func (p *Pipeline) slots(parts []part) ([]uint64, error) {
	slots := make([]uint64, len(parts))
	for i := range parts {
		var err error
		if slots[i], err = p.vault.NeedSubject(blind(p.vault, parts[i].subject)); err != nil {
			if errors.Is(err, vault.ErrFull) {
				err = errFull
			}
			return nil, err
		}
	}
	return slots, nil
}
