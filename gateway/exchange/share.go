package exchange

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// named is what a report is kept under in the vault.
func named(digest string) string { return "secant/exchange/report/v1/" + digest }

// Recipients returns to whom a report may go, sorted, each once. Problems: invalid, with
// a fault for each that is no other member.
func (x *Exchange) Recipients(ctx context.Context, to []string) ([]string, error) {
	roster, err := x.Store.Roster(ctx)
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return nil, err
	}
	to = slices.Compact(slices.Sorted(slices.Values(to)))
	p := &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the recipients are not valid"}
	fault := func(detail string) {
		if f := (ledger.Fault{Field: "query.to", Detail: detail}); !slices.Contains(p.Faults, f) {
			p.Faults = append(p.Faults, f)
		}
	}
	if len(to) == 0 || len(to) > ledger.MaxRecipients {
		fault(fmt.Sprintf("must name 1 to %d members, to whom the report goes", ledger.MaxRecipients))
	}
	for _, id := range to[:min(len(to), ledger.MaxRecipients)] {
		_, err := x.Store.Organisation(ctx, id)
		switch {
		case ledger.CodeOf(err) == ledger.CodeNotFound || err == nil && slices.Contains(roster.Record.Removed, id):
			fault("must be members of the consortium: see /v1/organisations")
		case err != nil:
			return nil, err
		case id == x.Organisation:
			fault("must not be the own organisation")
		}
	}
	if len(p.Faults) > 0 {
		return nil, p
	}
	return to, nil
}

// Prepare keeps a report, so that it goes to whom it names as soon as its commitment
// stands on the ledger under this organisation's name. It returns the commitment.
func (x *Exchange) Prepare(ctx context.Context, s fact.Sealing) (string, error) {
	to, err := x.Recipients(ctx, s.To)
	if err != nil {
		return "", err
	}
	if len(s.Body) == 0 || len(s.Body) > ledger.MaxThreatBody {
		return "", ledger.Problemf(ledger.CodeTooLarge, "a report has 1 to %d bytes", ledger.MaxThreatBody)
	}
	name := s.Name
	if name == nil {
		name = make([]byte, 32)
		_, _ = rand.Read(name) // never fails: crypto/rand
	}
	parts := [][]byte{[]byte("secant/exchange/salt/v1"), name, []byte(ledger.BodyDigest(s.Body)), []byte(s.Marking)}
	for _, m := range to {
		parts = append(parts, []byte(m))
	}
	salt := x.Vault.Derive(parts...)
	o := &opening{V: 1, Marking: s.Marking, Recipients: to, Salt: hex.EncodeToString(salt[:]), Sender: x.Organisation, Size: len(s.Body)}
	digest, err := o.commitment(s.Body)
	if err != nil {
		return "", err
	}
	_, err = x.Store.SealedReport(ctx, digest)
	if err == nil || ledger.CodeOf(err) != ledger.CodeNotFound {
		return digest, err
	}
	plain, err := frame(o, s.Body, s.Original)
	if err != nil {
		return "", err
	}
	return digest, x.keep(ctx, digest, x.Organisation, plain, to)
}

// keep puts a report into the vault and the store.
func (x *Exchange) keep(ctx context.Context, digest, sharer string, plain []byte, to []string) error {
	slot, wrapped, sealed, err := x.Vault.Keep(named(digest), plain)
	if err != nil {
		return fmt.Errorf("keeping a sealed report: %w", err)
	}
	return x.Store.PutSealed(ctx, &fact.SealedReport{
		Digest: digest, Sharer: sharer, Slot: slot, Wrapped: wrapped, Sealed: sealed, Stored: x.Pace.Now().UTC().Truncate(time.Millisecond),
	}, to)
}

// Discard forgets a report that the ledger refused.
func (x *Exchange) Discard(ctx context.Context, digest string) error {
	if r, err := x.Store.Report(ctx, digest); err == nil && len(r.Sharers) > 0 {
		return nil // it was shared after all
	}
	if err := x.Store.ForgetSealed(ctx, digest); err != nil {
		return err
	}
	if _, err := x.Store.SealedReport(ctx, digest); ledger.CodeOf(err) != ledger.CodeNotFound {
		return err // nil: it came to stand on the ledger at this very moment, and its key is needed
	}
	return x.Vault.Erase(named(digest))
}

// kept opens a report that is here. Problems: not_found; gone, when it was withdrawn.
func (x *Exchange) kept(ctx context.Context, digest string) (r fact.SealedReport, o *opening, body []byte, err error) {
	if r, err = x.Store.SealedReport(ctx, digest); err != nil {
		return r, nil, nil, err
	}
	if !r.Erased.IsZero() {
		return r, nil, nil, errWithdrawn
	}
	plain, err := x.Vault.Open(named(digest), r.Slot, r.Wrapped, r.Sealed)
	if err != nil {
		return r, nil, nil, err
	}
	o, body, _, err = unframe(plain)
	return r, o, body, err
}

var errWithdrawn = ledger.Problemf(ledger.CodeGone, "the report was withdrawn, and what it said was erased")

// Body returns what a sealed report says that is here. Problems: not_found, gone.
func (x *Exchange) Body(ctx context.Context, digest string) ([]byte, error) {
	_, _, body, err := x.kept(ctx, digest)
	return body, err
}

// Deliveries lists what became of an own sealed report at each that it names. Problems:
// not_found.
func (x *Exchange) Deliveries(ctx context.Context, digest string) ([]fact.Delivered, error) {
	r, err := x.Store.SealedReport(ctx, digest)
	if err == nil && r.Sharer != x.Organisation {
		err = ledger.Problemf(ledger.CodeNotFound, "this organisation did not share the report under seal")
	}
	if err != nil {
		return nil, err
	}
	all, err := x.Store.Deliveries(ctx, digest)
	if err != nil {
		return nil, err
	}
	list := []fact.Delivered{}
	for _, d := range all {
		if d.Kind == fact.DeliveryFeedback {
			continue
		}
		one := fact.Delivered{Delivery: d}
		if len(d.Receipt) > 0 {
			// The key that the member has now need not be the one that signed then.
			if one.Says, err = decodeReceipt(d.Receipt); err != nil {
				return nil, errors.Join(errors.New("reading a receipt that was judged before"), err)
			}
		}
		list = append(list, one)
	}
	return list, nil
}
