package exchange

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// take asks a sharer for a report, compares it with the ledger and keeps it. Problems:
// gone, when it was withdrawn; not_found, while the ledger here knows nothing of it.
func (x *Exchange) take(ctx context.Context, a *fact.Announced) error {
	share, err := x.shared(ctx, a.Digest, a.Sharer)
	if err != nil {
		return err
	}
	own, err := x.newest(ctx)
	if err != nil {
		return err
	}
	path := pathReports + "/" + url.PathEscape(a.Digest) + "?key=" + url.QueryEscape(own.id)
	status, text, err := x.Call(ctx, a.Sharer, http.MethodGet, path, nil, maxEnvelope)
	switch {
	case err != nil:
		return err
	case status != http.StatusOK:
		return fmt.Errorf("the node answered with status %d", status)
	}
	_, plain, err := x.open(ctx, fact.DeliveryReport, a.Digest, a.Sharer, text)
	if err != nil {
		return err
	}
	if err := x.compare(a.Digest, share, plain); err != nil {
		return err
	}
	if err := x.keep(ctx, a.Digest, a.Sharer, plain, nil); err != nil {
		return err
	}
	x.moves.WithLabelValues("request", "taken").Inc()
	x.Logger.InfoContext(ctx, "sealed report taken", slog.String("digest", a.Digest), slog.String("sharer", a.Sharer))
	x.Wake()
	// Should it not come to be known there now, the next notice is answered with it.
	receipt, err := x.receipt(a.Digest, a.Sharer, fact.ReceiptTaken, x.Pace.Now())
	if err != nil {
		return err
	}
	if status, _, err := x.Call(ctx, a.Sharer, http.MethodPost, pathReports+"/"+url.PathEscape(a.Digest)+"/receipt", receipt, maxSigned); err != nil || status != http.StatusNoContent {
		x.Logger.InfoContext(ctx, "receipt was not taken yet", slog.String("digest", a.Digest), slog.String("sharer", a.Sharer), slog.Any("error", err))
	}
	return nil
}

// shared finds what the ledger says of a member's sealed report.
func (x *Exchange) shared(ctx context.Context, digest, sharer string) (*fact.Share, error) {
	r, err := x.Store.Report(ctx, digest)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(r.Sharers, func(s fact.Share) bool { return s.Sharer == sharer && ledger.Sealed(s.Marking) })
	if i < 0 {
		return nil, ledger.Problemf(ledger.CodeNotFound, "the ledger does not say that %s shared this report under seal", sharer)
	}
	if r.Sharers[i].Feedback.Withdrawn != "" {
		return nil, errWithdrawn
	}
	return &r.Sharers[i], nil
}

// compare holds what was sealed to this organisation against what its sharer is committed
// to on the ledger: body, salt, marking, sender, and all recipients.
func (x *Exchange) compare(digest string, share *fact.Share, plain []byte) error {
	o, body, behind, err := unframe(plain)
	if err != nil {
		return err
	}
	committed, err := o.commitment(body)
	if err != nil {
		return err
	}
	if len(behind) > 0 || o.Sender != share.Sharer || o.Marking != share.Marking || committed != digest || !slices.Contains(o.Recipients, x.Organisation) {
		return ledger.Problemf(ledger.CodeDenied, "the report is not what %s is committed to on the ledger", share.Sharer)
	}
	return nil
}
