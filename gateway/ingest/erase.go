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
	return p.erase(id)
}

func (p *Pipeline) erase(id proof.RequestID) error {
	if err := p.vault.Erase(vault.ID(id)); err != nil {
		return err //nolint:wrapcheck // a problem is passed on as it is
	}
	p.opener.drop(vault.ID(id))
	return nil
}

// Erased reports whether a request was erased. It fails with a not_found Problem.
func (p *Pipeline) Erased(id proof.RequestID) (bool, error) {
	return p.vault.Erased(vault.ID(id)) //nolint:wrapcheck // a problem is passed on as it is
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

// EraseEmpty erases a request, as Erase does, when none of its records can be read any
// more since the keys of all whom it is about, which are in slots, were destroyed; and
// reports whether that is so. It needs no object, and does not ask whether the sender was
// answered already.
func (p *Pipeline) EraseEmpty(id proof.RequestID, slots []uint64) (empty bool, err error) {
	for _, slot := range slots {
		erased, _, err := p.vault.SubjectErased(slot)
		if err != nil || !erased {
			return false, err //nolint:wrapcheck // it says where the damage is
		}
	}
	if len(slots) == 0 {
		return false, nil
	}
	if err := p.erase(id); err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return false, err
	}
	return true, nil
}
