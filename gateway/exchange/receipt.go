package exchange

import (
	"context"
	"encoding/json"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

func (x *Exchange) receipt(digest, sender, what string, at time.Time) ([]byte, error) {
	return sign(x.Key, domainReceipt, fact.SealedReceipt{V: 1, Network: x.Network, Digest: digest, Sender: sender, Recipient: x.Organisation, What: what, Time: at.UTC().Truncate(time.Second)})
}

// receiptFor is what a kind of delivery ends with.
func receiptFor(kind string) string {
	switch kind {
	case fact.DeliveryWithdrawal:
		return fact.ReceiptErased
	case fact.DeliveryRelay:
		return fact.ReceiptRelayed
	case fact.DeliveryRelayWithdrawal:
		return fact.ReceiptWithdrawn
	}
	return fact.ReceiptTaken
}

// acknowledge notes a member's receipt of what it was to take. Problems: invalid, denied.
func (x *Exchange) acknowledge(ctx context.Context, d *fact.Delivery, text []byte) error {
	var r fact.SealedReceipt
	if err := x.read(ctx, "the receipt of "+d.Member, d.Member, domainReceipt, text, &r); err != nil {
		return err
	}
	if r.V != 1 || r.Network != x.Network || r.Digest != d.Digest || r.Sender != x.Organisation || r.Recipient != d.Member || r.What != receiptFor(d.Kind) {
		return ledger.Problemf(ledger.CodeDenied, "the receipt of %s is for something else", d.Member)
	}
	x.moves.WithLabelValues(d.Kind, "taken").Inc()
	return x.Store.DeliveryTaken(ctx, d.Seq, text, x.Pace.Now())
}

// decodeReceipt reads a receipt that was judged when it came.
func decodeReceipt(text []byte) (*fact.SealedReceipt, error) {
	var s signed
	var r fact.SealedReceipt
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, err //nolint:wrapcheck // the caller says what was read
	}
	if err := json.Unmarshal(s.Payload, &r); err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	return &r, nil
}
