package oid4vci

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// RequestResponse is the answer to a pushed authorization request (RFC 9126,
// section 2.2), with status 201.
type RequestResponse struct {
	URI       string `json:"request_uri"`
	ExpiresIn int    `json:"expires_in"` // seconds
}

const requestURN = "urn:ietf:params:oauth:request_uri:"

// pushed is an authorization request as it is kept.
type pushed struct {
	Client         string   `json:"client"`
	Redirect       string   `json:"redirect"`
	State          string   `json:"state,omitempty"`
	Challenge      string   `json:"challenge"`
	Configurations []string `json:"configurations"`
	Identifiers    bool     `json:"identifiers,omitempty"`
	Thumbprint     string   `json:"jkt,omitempty"`   // of the key that the code is bound to
	Offer          string   `json:"offer,omitempty"` // issuer_state
	Offered        []byte   `json:"offered,omitempty"`
}

// approved is a pushed request that the user agreed to.
type approved struct {
	pushed

	Subject []byte `json:"subject"`
}

// Push serves the pushed authorization request endpoint (RFC 9126). It is the only
// way to ask for an authorization code, so that nothing that a browser could change
// counts.
func (i *Issuer) Push(ctx context.Context, form url.Values, h http.Header) (*RequestResponse, error) {
	f, err := parseForm(form)
	if err != nil {
		return nil, err
	}
	if i.opts.Approve == nil {
		return nil, refuse(CodeInvalidRequest, "this issuer gives no authorization codes")
	}
	client, err := i.client(ctx, f, h)
	if err != nil {
		return nil, err
	}
	redirects, known := i.opts.Clients[f["client_id"]]
	if !known || client != f["client_id"] {
		return nil, refuseClient("the client is not known here")
	}
	if err := checkPush(f, redirects); err != nil {
		return nil, err
	}
	if _, there := f["issuer_state"]; !there && i.opts.OffersOnly {
		return nil, refuse(CodeInvalidRequest, "issuer_state is missing: what is not offered is not given")
	}
	r := pushed{Client: client, Redirect: f["redirect_uri"], State: f["state"], Challenge: f["code_challenge"]}
	if r.Thumbprint, err = i.pushedKey(ctx, f, h); err != nil {
		return nil, err
	}
	if err := i.wanted(ctx, &r, f); err != nil {
		return nil, err
	}
	uri, err := i.put(ctx, kindRequest, r, requestLife)
	if err != nil {
		return nil, err
	}
	return &RequestResponse{requestURN + uri, int(requestLife / time.Second)}, nil
}

func checkPush(f fields, redirects []string) error {
	for _, name := range []string{"request", "request_uri"} {
		if _, there := f[name]; there {
			return refuse(CodeInvalidRequest, "a request inside the request is not taken")
		}
	}
	switch {
	case f["response_type"] == "":
		return refuse(CodeInvalidRequest, "response_type is missing")
	case f["response_type"] != "code":
		return refuse(CodeUnsupportedType, "response_type must be code")
	case !slices.ContainsFunc(redirects, func(known string) bool { return redirectsTo(known, f["redirect_uri"]) }):
		return refuse(CodeInvalidRequest, "redirect_uri is not the client's")
	case f["code_challenge_method"] != "S256" || !isChallenge(f["code_challenge"]):
		return refuse(CodeInvalidRequest, "a code_challenge of the method S256 is needed")
	case f["response_mode"] != "" && f["response_mode"] != "query":
		return refuse(CodeInvalidRequest, "response_mode must be query")
	}
	return nil
}

// redirectsTo reports whether an address is the known redirect URI: the same, character
// by character, but for the port of a program's on the user's own machine, which has
// whichever is free (RFC 8252, section 7.3).
func redirectsTo(known, asked string) bool {
	if known == asked {
		return true
	}
	k, err := url.Parse(known)
	if err != nil || k.Scheme != "http" || k.Port() != "" || net.ParseIP(k.Hostname()) == nil || !loopback(k.Hostname()) {
		return false
	}
	a, err := url.Parse(asked)
	if err != nil || a.Port() == "" {
		return false
	}
	k.Host = net.JoinHostPort(k.Hostname(), a.Port())
	return k.String() == asked
}

// pushedKey returns the key to which the code will be bound: that of a DPoP proof,
// or dpop_jkt (RFC 9449, section 10).
func (i *Issuer) pushedKey(ctx context.Context, f fields, h http.Header) (string, error) {
	p, err := i.possessed(h, http.MethodPost, i.opts.URL+PathRequest, "")
	if err != nil {
		return "", err
	}
	said, there := f["dpop_jkt"]
	if there && (!isChallenge(said) || p != nil && p.jkt() != said) {
		return "", refuse(CodeInvalidRequest, "dpop_jkt is not the thumbprint of the key that was proven")
	}
	if p != nil {
		return p.jkt(), i.spend(ctx, p, "")
	}
	return said, nil
}

// wanted finds the credentials that are asked for, by scope or by
// authorization_details (section 5.1), within the offer when there is one.
func (i *Issuer) wanted(ctx context.Context, r *pushed, f fields) error {
	may := i.ids
	if state, there := f["issuer_state"]; there {
		var o offered
		if _, err := i.get(ctx, kindState, state, &o); errors.Is(err, errNoFlow) {
			return refuse(CodeInvalidRequest, "the offer is unknown, used or over")
		} else if err != nil {
			return err
		}
		may, r.Offer, r.Offered = o.Configurations, state, o.Subject
	}
	if raw, there := f["authorization_details"]; there {
		r.Identifiers = true
		var err error
		r.Configurations, err = parseDetails(raw, may)
		return err
	}
	scopes := strings.Fields(f["scope"])
	for _, id := range may {
		if scope := i.opts.Configurations[id].Scope; scope != "" && slices.Contains(scopes, scope) {
			r.Configurations = append(r.Configurations, id)
		}
	}
	if len(r.Configurations) == 0 {
		return refuse(CodeInvalidScope, "the scope names no credential that may be had")
	}
	return nil
}

// Authorize serves the authorization endpoint for a browser whose user nobody knows,
// and returns where the browser goes next. An *Error is for the user's eyes: nothing is
// known of where it came from. On ErrNoUser whoever serves the endpoint finds out who the
// user is, and calls AuthorizeUser.
func (i *Issuer) Authorize(ctx context.Context, query url.Values) (string, error) {
	return i.AuthorizeUser(ctx, query, "")
}

// AuthorizeUser is [Issuer.Authorize] once somebody has found out who the user is.
func (i *Issuer) AuthorizeUser(ctx context.Context, query url.Values, user string) (string, error) {
	secret, r, err := i.asked(ctx, query)
	if err != nil {
		return "", err
	}
	subject, err := i.opts.Approve(ctx, Authorization{r.Client, user, r.Configurations, r.Offered})
	if elsewhere, ok := errors.AsType[*InteractionError](err); ok {
		return elsewhere.URL, nil
	}
	if denied(err) {
		return i.end(ctx, secret, CodeAccessDenied)
	}
	if err != nil {
		return "", err
	}
	if err := i.take(ctx, kindRequest, secret, r); errors.Is(err, errNoFlow) {
		return "", errOver()
	} else if err != nil {
		return "", err
	}
	return i.approve(ctx, approved{*r, subject})
}

// RefuseAuthorization ends what a browser came to the authorization endpoint with, and
// returns where it goes with the error: a code of RFC 6749, section 4.1.2.1. What was
// offered can be asked for again.
func (i *Issuer) RefuseAuthorization(ctx context.Context, query url.Values, code string) (string, error) {
	secret, _, err := i.asked(ctx, query)
	if err != nil {
		return "", err
	}
	return i.end(ctx, secret, code)
}

func errOver() *Error {
	return refuse(CodeInvalidRequest, "the request is unknown, used, over, or another client's; start again in the wallet")
}

// asked returns the pushed request that a browser came with, and its secret.
func (i *Issuer) asked(ctx context.Context, query url.Values) (secret string, r *pushed, err error) {
	f, err := parseForm(query)
	if err != nil {
		return "", nil, err
	}
	if i.opts.Approve == nil {
		return "", nil, refuse(CodeInvalidRequest, "this issuer gives no authorization codes")
	}
	secret, ours := strings.CutPrefix(f["request_uri"], requestURN)
	r = new(pushed)
	_, err = i.get(ctx, kindRequest, secret, r)
	if errors.Is(err, errNoFlow) || err == nil && (!ours || r.Client != f["client_id"]) {
		return "", nil, errOver()
	}
	return secret, r, err
}

// end ends a pushed request with an error.
func (i *Issuer) end(ctx context.Context, secret, code string) (string, error) {
	var r pushed
	if err := i.take(ctx, kindRequest, secret, &r); errors.Is(err, errNoFlow) {
		return "", errOver()
	} else if err != nil {
		return "", err
	}
	return i.back(r, "error", code)
}

// approve ends the offer, which serves once, and sends the code back.
func (i *Issuer) approve(ctx context.Context, a approved) (string, error) {
	if a.Offer != "" {
		if err := i.take(ctx, kindState, a.Offer, &offered{}); errors.Is(err, errNoFlow) {
			return i.back(a.pushed, "error", CodeAccessDenied)
		} else if err != nil {
			return "", err
		}
	}
	code, err := i.put(ctx, kindCode, a, codeLife)
	if err != nil {
		return "", err
	}
	return i.back(a.pushed, "code", code)
}

// back is the address of the wallet, with the answer and who gives it (RFC 9207).
func (i *Issuer) back(r pushed, name, value string) (string, error) {
	u, err := url.Parse(r.Redirect)
	if err != nil {
		return "", err
	}
	q := u.Query()
	q.Set(name, value)
	q.Set("iss", i.opts.URL)
	if r.State != "" {
		q.Set("state", r.State)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// isChallenge reports whether s is a SHA-256 in base64url.
func isChallenge(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == 32
}

// isVerifier reports whether s is as RFC 7636, section 4.1, says.
func isVerifier(s string) bool {
	return len(s) >= 43 && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r))
	})
}
