package oid4vci

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/dpop"
	"github.com/secant-platform/secant/identity/jwt"
)

// TokenResponse is the answer of the token endpoint (section 6.2).
type TokenResponse struct {
	AccessToken  string   `json:"access_token"`
	TokenType    string   `json:"token_type"`              // "DPoP" or "Bearer"
	ExpiresIn    int      `json:"expires_in"`              // seconds
	RefreshToken string   `json:"refresh_token,omitempty"` // for tokens that are bound to a key
	Details      []Detail `json:"authorization_details,omitempty"`
}

// Detail names a credential that was asked for by authorization_details (sections
// 5.1.1 and 6.2).
type Detail struct {
	Type          string   `json:"type"`
	Configuration string   `json:"credential_configuration_id"`
	Identifiers   []string `json:"credential_identifiers,omitempty"`
}

const detailType = "openid_credential"

// granted is what a wallet may have. All its tokens name it by its id, so that
// with it they all end.
type granted struct {
	Client         string         `json:"client,omitempty"`
	Subject        []byte         `json:"subject"`
	Configurations []string       `json:"configurations"`
	Identifiers    bool           `json:"identifiers,omitempty"` // asked for by authorization_details
	Thumbprint     string         `json:"jkt,omitempty"`         // of the key that its tokens are bound to
	Issued         map[string]int `json:"issued,omitempty"`      // credentials so far, by configuration
}

// Token serves the token endpoint (section 6).
func (i *Issuer) Token(ctx context.Context, form url.Values, h http.Header) (*TokenResponse, error) {
	f, err := parseForm(form)
	if err != nil {
		return nil, err
	}
	client, err := i.client(ctx, f, h)
	if err != nil {
		return nil, err
	}
	p, err := i.possessed(h, http.MethodPost, i.opts.URL+PathToken, "")
	if err != nil {
		return nil, err
	}
	if p == nil && i.opts.RequireDPoP {
		return nil, refuse(CodeInvalidDPoP, "a token is given to a key, which must be proven by DPoP")
	}
	switch f["grant_type"] {
	case GrantPreAuthorized:
		return i.preAuthorized(ctx, f, client, p)
	case GrantCode:
		return i.redeemed(ctx, f, client, p)
	case GrantRefresh:
		return i.refreshed(ctx, f, client, p)
	case "":
		return nil, refuse(CodeInvalidRequest, "grant_type is missing")
	}
	return nil, refuse(CodeUnsupportedGrant, "the grant type is not taken here")
}

// client returns the client_id: that of the attestation, or as the wallet says.
func (i *Issuer) client(ctx context.Context, f fields, h http.Header) (string, error) {
	attested, err := i.wallet(ctx, h)
	if err != nil {
		return "", err
	}
	if said, there := f["client_id"]; there && attested != "" && said != attested {
		return "", refuseClient("the attestation is another wallet's")
	}
	if attested != "" {
		return attested, nil
	}
	if slices.Contains(i.opts.Attested, f["client_id"]) {
		return "", refuseClient("this wallet must show an attestation")
	}
	return f["client_id"], nil
}

// preAuthorized redeems a pre-authorized code (section 6.1).
func (i *Issuer) preAuthorized(ctx context.Context, f fields, client string, p *possession) (*TokenResponse, error) {
	code := f["pre-authorized_code"]
	if code == "" {
		return nil, refuse(CodeInvalidRequest, "pre-authorized_code is missing")
	}
	offer, err := i.openOffer(ctx, code, f)
	if err != nil {
		return nil, err
	}
	g := granted{Client: client, Subject: offer.Subject, Configurations: offer.Configurations, Thumbprint: p.jkt()}
	if raw, there := f["authorization_details"]; there {
		if g.Configurations, err = parseDetails(raw, offer.Configurations); err != nil {
			return nil, err
		}
		g.Identifiers = true
	}
	if err := i.spend(ctx, p, ""); err != nil {
		return nil, err
	}
	if err := i.take(ctx, kindOffer, code, &offered{}); err != nil {
		return nil, i.noCode(ctx, code, err)
	}
	return i.give(ctx, g, code)
}

// openOffer reads an offer and, where it has a transaction code, counts the try
// before it is judged, so that tries at the same time count too.
func (i *Issuer) openOffer(ctx context.Context, code string, f fields) (*offered, error) {
	var offer offered
	if _, err := i.get(ctx, kindOffer, code, &offer); err != nil {
		return nil, i.noCode(ctx, code, err)
	}
	said, there := f["tx_code"]
	switch {
	case there && offer.TxCode == nil:
		return nil, refuse(CodeInvalidRequest, "no transaction code is expected")
	case offer.TxCode == nil:
		return &offer, nil
	case !there:
		return nil, refuse(CodeInvalidRequest, "the transaction code is missing")
	}
	counted, err := change(ctx, i, kindOffer, code, func(o *offered) error {
		if o.Tries >= maxTries {
			return errNoFlow
		}
		o.Tries++
		return nil
	})
	if err != nil {
		return nil, i.noCode(ctx, code, err)
	}
	if hmac.Equal(counted.TxCode, i.mac("tx_code", []byte(counted.TxSalt), []byte(said))) {
		return counted, nil
	}
	if counted.Tries >= maxTries {
		if err := i.take(ctx, kindOffer, code, &offer); err != nil && !errors.Is(err, errNoFlow) {
			return nil, err
		}
	}
	return nil, refuse(CodeInvalidGrant, "the transaction code is wrong")
}

// noCode is the answer to a code that opens nothing. One that was used before has
// two owners, so what it gave is taken back (RFC 6749, section 4.1.2).
func (i *Issuer) noCode(ctx context.Context, code string, err error) error {
	if !errors.Is(err, errNoFlow) {
		return err
	}
	var id string
	switch _, err := i.get(ctx, kindSpent, code, &id); {
	case err == nil:
		if err := i.take(ctx, kindGrant, id, &granted{}); err != nil && !errors.Is(err, errNoFlow) {
			return err
		}
	case !errors.Is(err, errNoFlow):
		return err
	}
	return refuse(CodeInvalidGrant, "the code is unknown, used or over")
}

// redeemed redeems an authorization code (RFC 6749, section 4.1.3; RFC 7636).
func (i *Issuer) redeemed(ctx context.Context, f fields, client string, p *possession) (*TokenResponse, error) {
	code := f["code"]
	if code == "" || client == "" {
		return nil, refuse(CodeInvalidRequest, "code or client_id is missing")
	}
	var a approved
	if _, err := i.get(ctx, kindCode, code, &a); err != nil {
		return nil, i.noCode(ctx, code, err)
	}
	switch {
	case a.Client != client:
		return nil, refuse(CodeInvalidGrant, "the code is another client's")
	case f["redirect_uri"] != a.Redirect:
		return nil, refuse(CodeInvalidGrant, "the code was sent to another redirect_uri")
	case !isVerifier(f["code_verifier"]) || !equal(verify.Hash(f["code_verifier"]), a.Challenge):
		return nil, refuse(CodeInvalidGrant, "the code_verifier does not fit")
	case a.Thumbprint != "" && p.jkt() != a.Thumbprint:
		return nil, refuse(CodeInvalidGrant, "the code is bound to another key")
	}
	if err := i.spend(ctx, p, ""); err != nil {
		return nil, err
	}
	if err := i.take(ctx, kindCode, code, &a); err != nil {
		return nil, i.noCode(ctx, code, err)
	}
	g := granted{
		Client: a.Client, Subject: a.Subject, Configurations: a.Configurations,
		Identifiers: a.Identifiers, Thumbprint: p.jkt(),
	}
	return i.give(ctx, g, code)
}

// refreshed gives a new access token for a refresh token, which works only with the
// key that it is bound to. It is not replaced: FAPI 2.0, section 5.3.2.1, has none
// replaced, because a wallet that misses one answer would have lost its grant.
func (i *Issuer) refreshed(ctx context.Context, f fields, client string, p *possession) (*TokenResponse, error) {
	var id string
	var g granted
	_, err := i.get(ctx, kindRefresh, f["refresh_token"], &id)
	if err == nil {
		_, err = i.get(ctx, kindGrant, id, &g)
	}
	if errors.Is(err, errNoFlow) || err == nil && (g.Thumbprint == "" || p.jkt() != g.Thumbprint || g.Client != client) {
		return nil, refuse(CodeInvalidGrant, "the refresh token is unknown, over, or another's")
	}
	if err != nil {
		return nil, err
	}
	if err := i.spend(ctx, p, ""); err != nil {
		return nil, err
	}
	return i.tokens(ctx, id, g)
}

// give keeps a grant and the mark of its code, and makes its first tokens. A grant
// holds what the credential will say of a person: one that no refresh token reaches
// ends with its only access token.
func (i *Issuer) give(ctx context.Context, g granted, code string) (*TokenResponse, error) {
	life := GrantLife
	if g.Thumbprint == "" {
		life = TokenLife
	}
	id, err := i.put(ctx, kindGrant, g, life)
	if err != nil {
		return nil, err
	}
	doc, err := json.Marshal(id)
	if err != nil {
		return nil, err
	}
	if err := i.opts.Flows.CreateFlow(ctx, kindSpent, keyOf(code), doc, i.now().Add(GrantLife)); err != nil {
		return nil, err
	}
	r, err := i.tokens(ctx, id, g)
	if err == nil && g.Thumbprint != "" {
		r.RefreshToken, err = i.put(ctx, kindRefresh, id, GrantLife)
	}
	return r, err
}

func (i *Issuer) tokens(ctx context.Context, id string, g granted) (*TokenResponse, error) {
	access, err := i.put(ctx, kindToken, id, TokenLife)
	if err != nil {
		return nil, err
	}
	r := &TokenResponse{AccessToken: access, TokenType: schemeBearer, ExpiresIn: int(TokenLife / time.Second)}
	if g.Thumbprint != "" {
		r.TokenType = dpop.Scheme
	}
	if g.Identifiers {
		for _, c := range g.Configurations {
			r.Details = append(r.Details, Detail{detailType, c, []string{c}})
		}
	}
	return r, nil
}

// parseDetails reads authorization_details (section 5.1.1) and returns the
// configurations, which must be among those that may be asked for.
func parseDetails(raw string, allowed []string) ([]string, error) {
	bad := refuse(CodeInvalidDetails, "authorization_details must name credentials that may be had, each once")
	if !verify.OneMeaning([]byte(`{"a":` + raw + `}`)) {
		return nil, bad
	}
	var list []jwt.Members
	if json.Unmarshal([]byte(raw), &list) != nil || len(list) == 0 {
		return nil, bad
	}
	var ids []string
	for _, d := range list {
		typ, ok1 := d.Text("type")
		id, ok2 := d.Text("credential_configuration_id")
		if !ok1 || !ok2 || typ != detailType || !slices.Contains(allowed, id) || slices.Contains(ids, id) {
			return nil, bad
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// denied reports whether an error says that somebody may not have what was asked.
func denied(err error) bool { return ledger.CodeOf(err) == ledger.CodeDenied }
