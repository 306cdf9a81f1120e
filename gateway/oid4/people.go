package oid4

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/session"
	"github.com/secant-platform/secant/identity/oid4vci"
)

// PathSignedIn is where browsers come back to from where people sign in, behind the
// issuer's identifier.
const PathSignedIn = "/signed-in"

// People is where people sign in before a credential is issued to them: session.Visits.
type People interface {
	// Begin begins a visit, which carries what it is for. ledger.CodeUnavailable: nobody
	// can sign in now.
	Begin(ctx context.Context, carried string) (*session.Visit, error)
	// End ends it, and returns what it was for and who signed in. ledger.CodeNotFound: the
	// browser is not the one that was sent. Any other error comes with what the visit was
	// for.
	End(ctx context.Context, in session.Returned) (carried, person string, err error)
}

// authorize serves the authorization endpoint. A browser whose user nobody knows is sent
// to sign in.
func (i *Issuer) authorize(c *gin.Context) error {
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return i.reply(c, 0, nil, malformed(oid4vci.CodeInvalidRequest, "the query is malformed"))
	}
	ctx := c.Request.Context()
	to, err := i.issuer.Authorize(ctx, query)
	if errors.Is(err, oid4vci.ErrNoUser) && i.people != nil {
		// What was asked for is known by these two now, and by them alone.
		carried := url.Values{"client_id": query["client_id"], "request_uri": query["request_uri"]}
		var v *session.Visit
		if v, err = i.people.Begin(ctx, carried.Encode()); err != nil {
			return i.refuseUser(c, carried, err)
		}
		i.keep(c, v.State, v.Ticket, int(time.Until(v.Expires)/time.Second))
		to = v.Link
	}
	if err != nil {
		return i.reply(c, 0, nil, err)
	}
	return redirect(c, to)
}

// signedIn serves where the browser comes back to. Its ticket, which no other browser
// has, says which request the person signed in for.
func (i *Issuer) signedIn(c *gin.Context) error {
	over := malformed(oid4vci.CodeInvalidRequest, "this browser was not sent to sign in, or too long ago; start again in the wallet")
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil || repeated(query) {
		return i.reply(c, 0, nil, over)
	}
	state := query.Get("state")
	// Of two cookies of a name nobody knows whose is whose.
	kept := c.Request.CookiesNamed(i.cookie(state))
	if len(kept) != 1 {
		return i.reply(c, 0, nil, over)
	}
	ctx := c.Request.Context()
	carried, person, err := i.people.End(ctx, session.Returned{
		Answer: session.Answer{Ticket: kept[0].Value, Code: query.Get("code"), State: state, Issuer: query.Get("iss")}, Error: query.Get("error"),
	})
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return i.reply(c, 0, nil, over)
	}
	i.keep(c, state, "", -1) // it has served
	request, bad := url.ParseQuery(carried)
	if bad != nil {
		return bad
	}
	if err != nil {
		return i.refuseUser(c, request, err)
	}
	to, err := i.issuer.AuthorizeUser(ctx, request, person)
	if err != nil {
		return i.reply(c, 0, nil, err)
	}
	return redirect(c, to)
}

// refuseUser tells the wallet that its user did not sign in. Why is for the log alone.
func (i *Issuer) refuseUser(c *gin.Context, request url.Values, why error) error {
	code := oid4vci.CodeServerError
	switch ledger.CodeOf(why) {
	case ledger.CodeDenied:
		code = oid4vci.CodeAccessDenied
	case ledger.CodeUnavailable, ledger.CodeBusy:
		code = oid4vci.CodeUnavailable
	}
	to, err := i.issuer.RefuseAuthorization(c.Request.Context(), request, code)
	if err != nil {
		return i.reply(c, 0, nil, err)
	}
	_ = c.Error(why)
	return redirect(c, to)
}

// cookie names the cookie with the ticket of a visit, one for each, so that a person may
// take two offers at once. A page of another host under the same domain cannot set it:
// browsers take a name that begins so from the host itself alone.
func (i *Issuer) cookie(state string) string {
	sum := sha256.Sum256([]byte(state))
	name := "secant-visit-" + hex.EncodeToString(sum[:8])
	if i.server.Scheme == "https" {
		return "__Host-" + name
	}
	return name
}

// keep has the browser keep a ticket for some seconds, or forget it. The way back begins
// on another site, so that SameSite=Strict would withhold it.
func (i *Issuer) keep(c *gin.Context, state, ticket string, seconds int) {
	http.SetCookie(c.Writer, &http.Cookie{ //nolint:gosec // an issuer without TLS is on loopback
		Name: i.cookie(state), Value: ticket, Path: "/", MaxAge: seconds,
		Secure: i.server.Scheme == "https", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// redirect sends the browser on, by a request of its own (FAPI 2.0, section 5.3.2.2).
func redirect(c *gin.Context, to string) error {
	h := c.Writer.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // the address holds the request (RFC 9700, section 4.2.4)
	c.Redirect(http.StatusSeeOther, to)
	return nil
}

// repeated reports whether a parameter stands in a query more than once.
func repeated(q url.Values) bool {
	return slices.ContainsFunc([]string{"code", "state", "iss", "error"}, func(name string) bool { return len(q[name]) > 1 })
}
