package exchange

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// deliver tries to hand one thing to a member. Whatever happens, it is tried again later
// unless the member took it.
func (x *Exchange) deliver(ctx context.Context, d *fact.Delivery) error {
	try, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	taken, err := x.hand(try, d)
	switch {
	case ctx.Err() != nil || taken:
		return nil
	case err != nil:
		x.moves.WithLabelValues(d.Kind, "failed").Inc()
		x.Logger.WarnContext(ctx, "sealed report was not delivered", slog.String("kind", d.Kind), slog.String("digest", d.Digest),
			slog.String("member", d.Member), slog.Int("attempts", d.Attempts+1), slog.Any("error", err))
	}
	if err := x.Store.PostponeDelivery(ctx, d.Seq, x.Pace.after(d.Attempts)); err != nil {
		return &storeError{err}
	}
	return nil
}

// hand tries once, and reports whether the member has it.
func (x *Exchange) hand(ctx context.Context, d *fact.Delivery) (taken bool, err error) {
	switch d.Kind {
	case fact.DeliveryFeedback:
		return x.handFeedback(ctx, d)
	case fact.DeliveryRelay:
		return x.handRelay(ctx, d, pathRelays, x.sealRelayed)
	case fact.DeliveryRelayWithdrawal:
		return x.handRelay(ctx, d, pathRelayWithdrawals, x.sealRelayWithdrawal)
	}
	if d.Kind == fact.DeliveryReport {
		if err := x.sealCopy(ctx, d); err != nil {
			return false, err
		}
	}
	text, err := json.Marshal(notice{1, d.Digest, d.Kind == fact.DeliveryWithdrawal})
	if err != nil {
		return false, fmt.Errorf("encoding a notice: %w", err)
	}
	status, answer, err := x.Call(ctx, d.Member, http.MethodPost, pathNotices, text, maxSigned)
	switch {
	case err != nil:
		return false, err
	case status == http.StatusAccepted:
		return false, nil // it will come for it
	case status != http.StatusOK:
		return false, fmt.Errorf("the node answered with status %d", status)
	}
	err = x.acknowledge(ctx, d, answer)
	return err == nil, err
}

// sealCopy seals a report to who is named, unless that was done.
func (x *Exchange) sealCopy(ctx context.Context, d *fact.Delivery) error {
	if x.holds(d.Copy) {
		return nil
	}
	key, err := x.peer(ctx, d.Member)
	if err != nil {
		return err
	}
	_, o, body, err := x.kept(ctx, d.Digest)
	if err != nil {
		return err
	}
	plain, err := frame(o, body, nil)
	if err != nil {
		return err
	}
	if d.Copy, err = x.seal(d.Kind, d.Digest, key, plain); err != nil {
		return err
	}
	return x.Store.SetCopy(ctx, d.Seq, key.ID, d.Copy)
}

// fetch asks a sharer for a report that it announced. What is not what the ledger is
// committed to is not kept.
func (x *Exchange) fetch(ctx context.Context, a *fact.Announced) error {
	try, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := x.take(try, a)
	if err == nil || ctx.Err() != nil {
		return nil // taken, or told to end: then it stays due
	}
	next := x.Pace.after(a.Attempts)
	if ledger.CodeOf(err) == ledger.CodeGone || x.Pace.Now().Sub(a.Told) > x.Pace.Forget {
		next = time.Time{} // never
	}
	x.moves.WithLabelValues("request", "failed").Inc()
	x.Logger.WarnContext(ctx, "sealed report was not taken", slog.String("digest", a.Digest), slog.String("sharer", a.Sharer),
		slog.Int("attempts", a.Attempts+1), slog.Any("error", err))
	if err := x.Store.PostponeAnnounced(ctx, a, next); err != nil {
		return &storeError{err}
	}
	return nil
}

// sealAnew forgets a member's key, which was replaced, and what was sealed to it: the next
// try asks for the key and seals to that one.
func (x *Exchange) sealAnew(ctx context.Context, d *fact.Delivery) error {
	if err := x.Store.SetPeerKey(ctx, d.Member, nil); err != nil {
		return err
	}
	return x.Store.SetCopy(ctx, d.Seq, "", nil)
}
