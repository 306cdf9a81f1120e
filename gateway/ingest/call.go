package ingest

import (
	"context"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/vault"
)

// call is a request that was claimed, on its way to its receipt. Those that ask
// the same meanwhile wait for the same call.
type call struct {
	id        vault.ID
	statement proof.Statement
	subjects  []pseudonym.ID // whom it is about, part by part, if that was said
	draft     *vault.Draft
	ordinal   uint64
	future    func() (uint64, error)

	done    chan struct{} // closed when the two below are set
	receipt *Receipt
	err     error
}

// claim makes the caller the one who commits the request id. If somebody else
// is at it, their call is returned; if it is in the vault, neither.
func (p *Pipeline) claim(id vault.ID, subjects []pseudonym.ID) (mine, theirs *call, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != running {
		return nil, nil, errStopping
	}
	if c, ok := p.inflight[id]; ok {
		return nil, c, nil
	}
	// A call leaves inflight only after the vault has it: there is no gap.
	if has, err := p.vault.Has(id); has || err != nil {
		return nil, nil, err
	}
	c := &call{id: id, subjects: subjects, done: make(chan struct{})}
	p.inflight[id] = c
	return c, nil, nil
}

// settle gives a call its outcome and lets it go.
func (p *Pipeline) settle(c *call, receipt *Receipt, err error) {
	c.receipt, c.err = receipt, err
	p.mu.Lock()
	delete(p.inflight, c.id)
	if p.state == stopping && len(p.inflight) == 0 {
		close(p.drained)
	}
	p.mu.Unlock()
	close(c.done)
}

// wait waits for a call's outcome.
func (p *Pipeline) wait(ctx context.Context, c *call) (*Receipt, error) {
	select {
	case <-c.done:
		return c.receipt, c.err
	case <-ctx.Done():
		return nil, errUnknown
	case <-p.dead:
	}
	select {
	case <-c.done: // it was answered before the pipeline ended
		return c.receipt, c.err
	default:
		return nil, errUnknown
	}
}

// stop begins the end: nothing more is claimed.
func (p *Pipeline) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != running {
		return
	}
	p.state = stopping
	if len(p.inflight) == 0 {
		close(p.drained)
	}
}

// stored gives the receipt of a request that the vault has, and that is now said to be
// about these subjects.
func (p *Pipeline) stored(ctx context.Context, id vault.ID, subjects []pseudonym.ID) (*Receipt, error) {
	o, err := p.open(ctx, proof.RequestID(id))
	if ledger.CodeOf(err) == ledger.CodeGone {
		return nil, ledger.Problemf(ledger.CodeGone, "these readings were taken before, and erased since")
	}
	if err != nil {
		return nil, err
	}
	r := o.receipt()
	if r.Erased == r.Count {
		return nil, ledger.Problemf(ledger.CodeGone, "these readings were taken before, and erased since")
	}
	_, signed := o.statement.Signer()
	switch had := len(o.envelope.segments); {
	case len(subjects) == 0, had == 0 && !signed && o.statement.MediaType == MediaHL7: // whom it is about follows from its text, and was not told then
		return r, nil
	case had != len(subjects):
		return nil, errOthers
	}
	for i := range subjects {
		s := &o.envelope.segments[i]
		if slot, known := p.vault.FindSubject(blind(p.vault, subjects[i])); s.open && (!known || slot != s.slot) {
			return nil, errOthers
		}
	}
	return r, nil
}

// errOthers keeps a sender from believing that readings can be erased by a name under
// which they are not kept.
var errOthers = &ledger.Problem{Code: ledger.CodeAlreadyExists, Detail: "these readings were taken before, and not said to be about these subjects"}
