package exchange

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// relayWithdrawal is what has a relay withdraw a report.
type relayWithdrawal struct {
	V            int    `json:"v"`
	Token        []byte `json:"token"` // of which it got the digest with the report
	Reason       string `json:"reason"`
	SupersededBy string `json:"supersededBy,omitempty"` // digest of another report that it relayed
}

var withdrawalLimits = strictjson.Limits{Bytes: 1 << 10, Depth: 2, Values: 16}

// relayToken is what only this node can know about an own report that is relayed.
func (x *Exchange) relayToken(digest string) []byte {
	token := x.Vault.Derive([]byte("secant/exchange/relay-token/v1"), []byte(digest))
	return token[:]
}

// WithdrawRelayed has the relay of an own report withdraw it; it is told until it did.
// Problems: not_found, when no relay was to share it; conflict, while it has not; already_exists.
func (x *Exchange) WithdrawRelayed(ctx context.Context, req ledger.WithdrawThreat) error {
	err := x.Store.WithdrawRelayed(ctx, req.Digest, req.Reason+" "+req.SupersededBy, x.Pace.Now())
	if err == nil {
		x.Wake()
	}
	return err
}

func (x *Exchange) sealRelayWithdrawal(ctx context.Context, d *fact.Delivery) error {
	key, err := x.peer(ctx, d.Member)
	if err != nil {
		return err
	}
	w := relayWithdrawal{V: 1, Token: x.relayToken(d.Digest)}
	w.Reason, w.SupersededBy, _ = strings.Cut(d.ID, " ")
	text, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("encoding what a relay is to withdraw: %w", err)
	}
	if d.Copy, err = x.seal(d.Kind, d.Digest, key, text); err != nil {
		return err
	}
	return x.Store.SetCopy(ctx, d.Seq, key.ID, d.Copy)
}

// serveRelayWithdrawal withdraws a report for whoever had it relayed.
func (x *Exchange) serveRelayWithdrawal(c *gin.Context, from string) error {
	ctx := unnamed(c)
	text, err := read(c, maxFeedback)
	if err != nil {
		return err
	}
	e, plain, err := x.open(ctx, fact.DeliveryRelayWithdrawal, "", from, text)
	if err != nil {
		return err
	}
	if err := strictjson.Check("the withdrawal", plain, withdrawalLimits); err != nil {
		return err
	}
	var w relayWithdrawal
	if err := json.Unmarshal(plain, &w); err != nil || w.V != 1 {
		return ledger.Problemf(ledger.CodeInvalid, "the withdrawal is not of a form that is known here")
	}
	handle, err := x.Store.RelayHandle(ctx, e.Digest, x.Organisation)
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return err
	}
	if err != nil || handle != ledger.BodyDigest(w.Token) {
		return errUnknown
	}
	if w.SupersededBy != "" {
		if _, err := x.Store.RelayHandle(ctx, w.SupersededBy, x.Organisation); err != nil {
			return err
		}
	}
	req := ledger.WithdrawThreat{Digest: e.Digest, Reason: w.Reason, SupersededBy: w.SupersededBy}
	if err := req.Validate(); err != nil {
		return err
	}
	return x.done(c, e, x.Submit(ctx, ledger.ThreatWithdraw, req))
}
