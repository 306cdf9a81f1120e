package ingest

import (
	"context"
	"fmt"

	"github.com/secant-platform/secant/analytics/proof"
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
