package ingest

import (
	"context"
	"fmt"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/vault"
)

// Erase destroys the key of a request's records and of what was said about them: the
// log keeps its salted commitment, from which nothing follows, and every other
// request's proof holds as before. Proofs that were given away stay good for those who
// have them. It fails with a not_found Problem; what is erased stays erased.
func (p *Pipeline) Erase(ctx context.Context, id proof.RequestID) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("erasing a request: %w", err)
	}
	p.mu.Lock()
	_, underway := p.inflight[vault.ID(id)]
	p.mu.Unlock()
	if underway {
		return ledger.Problemf(ledger.CodeNotFound, "there is no such request")
	}
	if err := p.vault.Erase(vault.ID(id)); err != nil {
		return err //nolint:wrapcheck // a problem is passed on as it is
	}
	p.opener.drop(vault.ID(id))
	return nil
}

// EraseSubject destroys the key of all that the node has about one subject, in whichever
// requests that lies, and returns when that is durable: their records and salts can be
// read by nobody any more, and those about others stay as they are. What comes about the
// subject later gets a new key. It returns the keys' slots of which FinishSubject was
// not told yet: what is known of the requests elsewhere has to be forgotten by them.
func (p *Pipeline) EraseSubject(ctx context.Context, id pseudonym.ID) ([]uint64, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("erasing a subject: %w", err)
	}
	slots, err := p.vault.EraseSubject(blind(p.vault, id))
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it did
	}
	for _, slot := range slots {
		p.opener.dropSubject(slot)
	}
	return slots, nil
}

// ErasedSubjects returns the slots of all subjects that were erased and of which
// FinishSubject was not told.
func (p *Pipeline) ErasedSubjects() []uint64 { return p.vault.ErasedSubjects() }

// FinishSubject says that nothing else is known of a subject that was erased.
func (p *Pipeline) FinishSubject(slot uint64) error {
	return p.vault.FinishSubject(slot) //nolint:wrapcheck // it says what it did
}

// EraseEmpty erases a request, as Erase does, of whose records none can be read any
// more, and reports whether that is so. It fails with a not_found Problem.
func (p *Pipeline) EraseEmpty(ctx context.Context, id proof.RequestID) (empty bool, err error) {
	r, err := p.vault.Get(ctx, vault.ID(id))
	if ledger.CodeOf(err) == ledger.CodeGone {
		return true, nil
	}
	if err != nil {
		return false, err //nolint:wrapcheck // a problem is passed on as it is
	}
	e, err := decodeEnvelope(r.Plain)
	if err != nil || len(e.segments) == 0 {
		return false, err
	}
	for i := range e.segments {
		erased, _, err := p.vault.SubjectErased(e.segments[i].slot)
		if err != nil || !erased {
			return false, err //nolint:wrapcheck // it says where the damage is
		}
	}
	return true, p.Erase(ctx, id)
}
