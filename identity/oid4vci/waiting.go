package oid4vci

import (
	"net/url"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Waiting is what a wallet keeps of a credential that is still to come. It has tokens
// in it, which work with the client's Key alone where that is set.
type Waiting struct {
	Remote         Remote        `json:"remote"` // what collecting needs of it
	Token          TokenResponse `json:"token"`
	Until          time.Time     `json:"until"` // of the access token
	Receipt        Receipt       `json:"receipt"`
	Wanted         []Received    `json:"wanted"`
	Configurations []string      `json:"configurations"`
}

// Wait returns what to keep of a receipt of what was deferred, so that the credential
// can be collected after the process has ended; false: nothing was deferred.
func (c *Client) Wait(s *Session, r *Receipt) (*Waiting, bool) {
	if r.Transaction == "" {
		return nil, false
	}
	w := &Waiting{Remote: *s.Remote, Token: s.token, Until: s.until, Receipt: *r, Wanted: r.wanted, Configurations: s.Configurations}
	// An issuer may describe a hundred credentials; the one that is wanted stands in Wanted.
	w.Remote.Issuer.Configurations, w.Remote.Issuer.Display = nil, nil
	return w, true
}

// Resume returns the session and the receipt of what is waited for, for Collect.
func (c *Client) Resume(w *Waiting) (*Session, *Receipt) {
	r := w.Receipt
	r.wanted = w.Wanted
	return &Session{Remote: &w.Remote, Configurations: w.Configurations, token: w.Token, until: w.Until}, &r
}

// Stale reports whether a session's token is over, or nearly so, and a refresh token
// may bring another.
func (s *Session) Stale(now time.Time) bool {
	return s.token.RefreshToken != "" && !now.Before(s.until.Add(-stale))
}

// stale is for how long a token must still hold to be used.
const stale = 30 * time.Second

// Answers reports whether an address, which a browser came back to, answers this
// request, and no other (RFC 6749, section 10.12; RFC 9207, section 2.4).
func (p *Pending) Answers(callback string) bool {
	u, err := url.Parse(callback)
	return err == nil && u.Query().Get("state") == p.state && u.Query().Get("iss") == p.remote.Server.Issuer
}

// only says by what the offer can be taken, where it has no pre-authorized code that
// is this issuer's.
func (o *Offer) only() error {
	if o.Grants.PreAuthorized == nil && o.Grants.Code != nil {
		return ledger.Problemf(ledger.CodeDenied, "the offer needs the person's approval, in a browser at the issuer")
	}
	return ledger.Problemf(ledger.CodeInvalid, "the offer has no pre-authorized code of this issuer's")
}
