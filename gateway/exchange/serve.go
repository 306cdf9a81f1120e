package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Where members' nodes call each other. None of it is for people or programs.
const (
	pathKey      = "/exchange/v1/key"
	pathNotices  = "/exchange/v1/notices"
	pathReports  = "/exchange/v1/reports"
	pathFeedback = "/exchange/v1/feedback"
	pathShareKey = "/exchange/v1/share-key"
	pathRelays   = "/exchange/v1/relays"

	pathRelayWithdrawals = "/exchange/v1/relays/withdrawals"
)

// notice says that something is to be had, or that it was withdrawn.
type notice struct {
	V         int    `json:"v"`
	Digest    string `json:"digest"`
	Withdrawn bool   `json:"withdrawn,omitempty"`
}

var (
	noticeLimits = strictjson.Limits{Bytes: 1 << 10, Depth: 2, Values: 16}
	digestForm   = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// errUnknown is the answer about every report that a caller does not hold, whether there
// is one or not.
var errUnknown = ledger.Problemf(ledger.CodeNotFound, "there is no such report")

// Register registers the routes.
func (x *Exchange) Register(router *auth.Router) {
	for _, r := range []struct {
		method, path string
		handle       func(c *gin.Context, from string) error
	}{
		{http.MethodGet, pathKey, x.serveKey},
		{http.MethodPost, pathNotices, x.serveNotice},
		{http.MethodGet, pathReports + "/:digest", x.serveReport},
		{http.MethodPost, pathReports + "/:digest/receipt", x.serveReceipt},
		{http.MethodPost, pathFeedback, x.serveFeedback},
		{http.MethodGet, pathShareKey, x.serveShareKey},
		{http.MethodPost, pathRelays, x.serveRelay},
		{http.MethodPost, pathRelayWithdrawals, x.serveRelayWithdrawal},
	} {
		router.Handle(r.method, r.path, auth.MembersRead, func(c *gin.Context) error {
			caller := auth.CallerOf(c.Request.Context())
			if caller == nil || caller.Role != auth.RoleNode || caller.Organisation == x.Organisation {
				return ledger.Problemf(ledger.CodeDenied, "only other members' nodes call this")
			}
			return r.handle(c, caller.Organisation)
		})
	}
}

func read(c *gin.Context, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(c.Request.Body, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the request: %w", err)
	case int64(len(b)) > limit:
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the request must have at most %d bytes", limit)
	}
	return b, nil
}

// serveKey tells the own key. Who asks stands in no log: whoever has a report relayed asks
// just before.
func (x *Exchange) serveKey(c *gin.Context, _ string) error {
	text, err := x.statement(unnamed(c))
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, "application/json", text)
	return nil
}

// serveNotice answers with a receipt when nothing remains to be done.
func (x *Exchange) serveNotice(c *gin.Context, from string) error {
	text, err := read(c, int64(noticeLimits.Bytes))
	if err != nil {
		return err
	}
	if err := strictjson.Check("the notice", text, noticeLimits); err != nil {
		return err
	}
	var n notice
	if err := json.Unmarshal(text, &n); err != nil || n.V != 1 || !digestForm.MatchString(n.Digest) {
		return ledger.Problemf(ledger.CodeInvalid, "the notice does not name a report")
	}
	ctx := c.Request.Context()
	what, err := x.noticed(ctx, from, &n)
	if err != nil {
		return err
	}
	if what == "" {
		c.Status(http.StatusAccepted)
		return nil
	}
	receipt, err := x.receipt(n.Digest, from, what, x.Pace.Now())
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, "application/json", receipt)
	return nil
}

// noticed does what a notice asks for, and returns what is to be acknowledged; empty:
// nothing yet.
func (x *Exchange) noticed(ctx context.Context, from string, n *notice) (what string, err error) {
	r, err := x.Store.SealedReport(ctx, n.Digest)
	known := err == nil && r.Sharer == from
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return "", err
	}
	if n.Withdrawn {
		// By the ledger, not by the notice: the sharer said so there, for ever.
		if _, err := x.shared(ctx, n.Digest, from); !errors.Is(err, errWithdrawn) {
			return "", nil // the ledger here is behind, or there is nothing
		}
		if known && r.Erased.IsZero() {
			err = x.erase(ctx, n.Digest)
		} else {
			err = nil
		}
		return fact.ReceiptErased, err
	}
	switch {
	case known && r.Erased.IsZero():
		return fact.ReceiptTaken, nil
	case known:
		return "", nil // withdrawn meanwhile, which the sharer will say
	}
	if err := x.Store.Announce(ctx, from, n.Digest, x.Pace.Now()); err != nil {
		return "", err
	}
	x.Wake()
	return "", nil
}

// delivery finds what a caller was named for.
func (x *Exchange) delivery(c *gin.Context, kind, from string) (fact.Delivery, error) {
	d, err := x.Store.Delivery(c.Request.Context(), kind, c.Param("digest"), from)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return d, errUnknown
	}
	return d, err
}

func (x *Exchange) serveReport(c *gin.Context, from string) error {
	d, err := x.delivery(c, fact.DeliveryReport, from)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if _, err := x.shared(ctx, d.Digest, x.Organisation); err != nil {
		return err
	}
	if d.Key != c.Query("key") || !x.holds(d.Copy) {
		// Its key or the own one was replaced, or it wants again what it took.
		if err := x.Store.SetPeerKey(ctx, from, nil); err != nil {
			return err
		}
		if err := x.Store.SetCopy(ctx, d.Seq, "", nil); err != nil {
			return err
		}
		x.Wake()
		return errSealedToAnother
	}
	c.Data(http.StatusOK, "application/json", d.Copy)
	return nil
}

func (x *Exchange) serveReceipt(c *gin.Context, from string) error {
	d, err := x.delivery(c, fact.DeliveryReport, from)
	if err != nil {
		return err
	}
	text, err := read(c, maxSigned)
	if err != nil {
		return err
	}
	if d.Taken.IsZero() {
		if err := x.acknowledge(c.Request.Context(), &d, text); err != nil {
			return err
		}
	}
	c.Status(http.StatusNoContent)
	return nil
}
