package ingest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
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
	if err := req.validate(); err != nil {
		return nil, 0, err
	}
	f, err := parseMediaType(req.MediaType)
	if err != nil {
		return nil, 0, err
	}
	packed, err := parseEncoding(req.Encoding)
	if err != nil {
		return nil, 0, err
	}
	if p.active.Add(1) > int64(p.opts.Active) {
		p.active.Add(-1)
		return nil, 0, errBusy
	}
	defer p.active.Add(-1)
	mine, theirs, id, err := p.take(ctx, req, f, packed, begun)
	switch {
	case err != nil:
		return nil, 0, err
	case theirs != nil:
		receipt, err := p.wait(ctx, theirs)
		return receipt, 0, err
	case mine == nil:
		receipt, err := p.stored(ctx, id)
		return receipt, 0, err
	}
	receipt, err := p.wait(ctx, mine)
	if err != nil {
		return nil, 0, err
	}
	return receipt, receipt.Count, nil
}

// take reads, prepares and hands over a request. The call that it returns is
// the committer's, or somebody else's; when there is neither, the vault has id.
func (p *Pipeline) take(ctx context.Context, req *Request, f format, packed bool, begun time.Time) (mine, theirs *call, id vault.ID, err error) {
	p.coming.Add(1)
	defer p.coming.Add(-1)
	body, taken, err := readBody(req.Body, p.opts.Limits.Wire, &p.held)
	defer p.held.give(taken)
	defer releaseBody(body)
	if err != nil {
		return nil, nil, id, err
	}
	p.metrics.received(len(*body))

	var w *worker
	select {
	case w = <-p.workers:
	case <-p.dead:
		return nil, nil, id, errStopping
	case <-ctx.Done():
		return nil, nil, id, errBusy
	}
	mine, theirs, id, err = p.prepare(w, req, f, packed, *body, begun)
	if mine == nil {
		return nil, theirs, id, err
	}
	p.opts.Step(StepSealed)

	select {
	case p.queue <- mine:
		return mine, nil, id, nil
	case <-p.dead:
		err = errStopping
	case <-ctx.Done():
		err = errBusy
	}
	mine.draft.Release()
	p.settle(mine, nil, err)
	return nil, nil, id, err
}

// prepare is the CPU stages: decompress, judge, commit to, check the signature,
// compress, encrypt. A call that it returns as mine is claimed and sealed. It
// gives the worker back.
func (p *Pipeline) prepare(w *worker, req *Request, f format, packed bool, body []byte, begun time.Time) (mine, theirs *call, id vault.ID, err error) {
	defer func() { p.workers <- w }()
	e := envelope{framing: f.framing, seed: req.Seed, storage: storedRaw}
	plain := body
	if packed {
		e.storage = storedAsPacked
		if plain, err = w.unpack(body); err != nil {
			return nil, nil, id, err
		}
	}
	if req.Key == nil {
		_, _ = rand.Read(e.seed[:]) // never fails: crypto/rand
	}
	count, root, err := w.reader.read(f, &e.seed, plain)
	if err != nil {
		return nil, nil, id, err
	}
	s := proof.Statement{
		Organisation: req.Organisation, Unit: req.Unit, VouchedBy: proof.VouchedByNode,
		Count: uint32(count), Root: root, MediaType: f.record, //nolint:gosec // at most MaxRecords
		Received: begun.UnixMilli(),
	}
	if req.Key != nil {
		s.VouchedBy, s.Signature = proof.VouchedByDevice, req.Signature
		if req.Edge != (proof.Hash{}) {
			s.VouchedBy, s.Edge = proof.VouchedByEdge, req.Edge
		}
		if !s.VerifySignature(req.Key) {
			return nil, nil, id, ledger.Problemf(ledger.CodeDenied, "the signature is not the device's over these readings, nor the edge box's that is named")
		}
		id = signedID(p.vault, &s, &e.seed)
	} else if once := f.once(req.Once, plain); len(once) > 0 {
		id = onceID(p.vault, s.Unit, once)
	} else {
		_, _ = rand.Read(id[:]) // never fails: crypto/rand
	}
	if err := w.reader.whole(f, plain); err != nil {
		return nil, nil, id, err
	}
	if mine, theirs, err = p.claim(id); mine == nil {
		return nil, theirs, id, err
	}
	s.Request = proof.RequestID(id)
	s.Content = proof.ContentDigest(&e.seed, sha256.Sum256(body))
	mine.statement = s
	if err := p.seal(w, mine, &e, plain, body); err != nil {
		p.settle(mine, nil, err)
		return nil, nil, id, err
	}
	return mine, nil, id, nil
}

// seal encrypts a claimed call's envelope and body into a draft.
func (p *Pipeline) seal(w *worker, c *call, e *envelope, plain, body []byte) error {
	_, _ = rand.Read(e.entrySalt[:]) // never fails: crypto/rand
	var err error
	if w.statement, err = c.statement.Encode(w.statement[:0]); err != nil {
		return err
	}
	entry, err := c.statement.EntryHash(&e.entrySalt)
	if err != nil {
		return err
	}
	e.statement, e.unpacked = w.statement, len(plain)
	c.draft = p.vault.NewDraft()
	c.draft.Append(func(dst []byte) []byte {
		start := len(dst)
		dst = e.appendHead(dst)
		if e.storage == storedAsPacked {
			return append(dst, body...)
		}
		dst, smaller := w.pack(dst, plain)
		if smaller {
			dst[start+storageAt] = byte(storedPacked)
		}
		return dst
	})
	if err := c.draft.Seal(c.id, entry); err != nil {
		c.draft.Release()
		return err
	}
	return nil
}
