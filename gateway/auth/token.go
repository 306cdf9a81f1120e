package auth

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds on tokens.
const (
	MaxToken        = 2 << 10             // bytes
	MaxLifetime     = 31 * 24 * time.Hour // between issue and expiry
	DefaultLifetime = 24 * time.Hour
	NodeLifetime    = 5 * time.Minute // of a token for one call to another node
	Skew            = 60 * time.Second
	maxSubject      = 64 // bytes
)

// algorithms is all that a token may be signed with (RFC 8037, section 3.1).
var algorithms = []jose.SignatureAlgorithm{jose.EdDSA}

// Claims are what a token says (RFC 7519, section 4.1, and our own role).
type Claims struct {
	Issuer   string // organisation whose node signed it
	Audience string // organisation whose node it is for
	Subject  string // who calls, in the issuer's words; never a patient
	Role     Role
	Session  string // id of the session that the token is of; empty: none
	Key      string // RFC 7638 thumbprint of the caller's key (cnf.jkt: RFC 9449, section 6.1); empty: a bearer's
	Scopes   Scopes // what the token is confined to; empty: the role alone says
}

// payload is the token's JSON form.
type payload struct {
	Issuer   string           `json:"iss"`
	Audience string           `json:"aud"`
	Subject  string           `json:"sub"`
	Role     Role             `json:"role"`
	Issued   *jwt.NumericDate `json:"iat"`
	From     *jwt.NumericDate `json:"nbf"`
	Until    *jwt.NumericDate `json:"exp"`
	Session  string           `json:"sid,omitempty"`
	Bound    *confirmation    `json:"cnf,omitempty"`
	Scope    string           `json:"scope,omitempty"`
}

// confirmation names the key that must be proven with the token (RFC 7800, section
// 3.1). A way of naming it that is not known here is refused: see judge.
type confirmation struct {
	Thumbprint string `json:"jkt"`
}

// Mint signs a token that is good from now on for lifetime (at most MaxLifetime).
func Mint(key ed25519.PrivateKey, c Claims, now time.Time, lifetime time.Duration) (string, error) {
	if !c.Role.Known() {
		return "", ledger.Problemf(ledger.CodeInvalid, "no such role; the roles are %s", roleNames())
	}
	if lifetime <= 0 || lifetime > MaxLifetime {
		return "", ledger.Problemf(ledger.CodeInvalid, "a token lives for more than nothing and at most %s", MaxLifetime)
	}
	if c.Issuer == "" || c.Audience == "" || c.Subject == "" || len(c.Subject) > maxSubject {
		return "", ledger.Problemf(ledger.CodeInvalid, "a token needs issuer, audience and a subject of at most %d bytes", maxSubject)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", ledger.Problemf(ledger.CodeInternal, "making a token signer: %v", err)
	}
	said := payload{
		Issuer: c.Issuer, Audience: c.Audience, Subject: c.Subject, Role: c.Role, Session: c.Session, Scope: c.Scopes.String(),
		Issued: jwt.NewNumericDate(now), From: jwt.NewNumericDate(now), Until: jwt.NewNumericDate(now.Add(lifetime)),
	}
	if c.Key != "" {
		said.Bound = &confirmation{c.Key}
	}
	token, err := jwt.Signed(signer).Claims(said).Serialize()
	if err != nil {
		return "", ledger.Problemf(ledger.CodeInternal, "signing a token: %v", err)
	}
	return token, nil
}

func roleNames() string {
	names := make([]string, len(Roles))
	for i, r := range Roles {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

// Keys finds the key with which another member's node signs its tokens; it is
// nil for an organisation that is unknown or has none.
type Keys interface {
	TokenKey(ctx context.Context, organisation string) (ed25519.PublicKey, error)
}

// Sessions knows what becomes of what tokens stand for.
type Sessions interface {
	// Admit returns nil when a request is made by the key to which its token is bound,
	// if it is, and the session goes on of which it is, if it is of one. A refusal is a
	// *RefusedError.
	Admit(r *http.Request, token string, c *Caller) error
}

// Verifier judges the tokens that callers of one node bring.
type Verifier struct {
	organisation string
	key          ed25519.PublicKey
	members      Keys
	sessions     Sessions // nil: none is kept
	proven       proven
}

// NewVerifier makes the verifier of an organisation's node, whose own tokens
// are signed with the private part of key.
func NewVerifier(organisation string, key ed25519.PublicKey, members Keys) *Verifier {
	return &Verifier{organisation: organisation, key: key, members: members}
}

// Ask has the verifier ask s about every token of a session and every bound one.
// Without, it refuses them. It is called before the first request.
func (v *Verifier) Ask(s Sessions) { v.sessions = s }

// Caller is who calls, as far as is proven.
type Caller struct {
	Organisation string // MSP id
	Subject      string
	Role         Role
	Session      string // id; empty: the token is of none
	Key          string // RFC 7638 thumbprint of the key that was proven; empty: none
	Scope        string // what the token is confined to (Scopes); empty: the role alone says
}

// Refused is the answer to a caller who could not be made out.
func Refused(why string) error { return refused(why) }

// refused is the one answer to a token that does not hold, so that a guesser
// learns nothing from it.
func refused(why string) error {
	return &RefusedError{Why: why}
}

// RefusedError means that the caller could not be made out. Why is for the log.
type RefusedError struct{ Why string }

// Error says why the caller could not be made out.
func (r *RefusedError) Error() string { return "token refused: " + r.Why }

// Request makes out who sends a request: by a token of the node's, and where that
// is bound to a key or of a session, by what becomes of these.
func (v *Verifier) Request(r *http.Request) (*Caller, error) {
	scheme, token, ok := credentials(r.Header.Values("Authorization"))
	if !ok {
		return nil, refused("no token")
	}
	caller, err := v.Verify(r.Context(), token)
	if err != nil {
		return nil, err
	}
	if (scheme == schemeDPoP) != (caller.Key != "") {
		return nil, refused("scheme") // a bound token that is shown as a bearer's may be a stolen one
	}
	if caller.Key == "" && caller.Session == "" {
		return caller, nil
	}
	if v.sessions == nil {
		return nil, refused("session")
	}
	return caller, v.sessions.Admit(r, token, caller)
}

// The schemes by which tokens are shown (RFC 6750, section 2.1; RFC 9449, section 7.1).
const (
	schemeBearer = "bearer"
	schemeDPoP   = "dpop"
)

// credentials finds the one token, and the scheme in lower case.
func credentials(headers []string) (scheme, token string, ok bool) {
	if len(headers) != 1 {
		return "", "", false
	}
	scheme, token, ok = strings.Cut(headers[0], " ")
	scheme = strings.ToLower(scheme)
	return scheme, token, ok && (scheme == schemeBearer || scheme == schemeDPoP)
}

// Verify checks a token's form, signature, issuer, audience and times, and
// returns its holder, without asking for the key and the session that it names: see
// Request. Any fault of the token is a *RefusedError.
func (v *Verifier) Verify(ctx context.Context, token string) (*Caller, error) {
	sure, err := v.signed(ctx, token)
	if err != nil {
		return nil, err
	}
	if err := sure.judge(v.organisation, time.Now()); err != nil {
		return nil, err
	}
	caller := &Caller{Organisation: sure.Issuer, Subject: sure.Subject, Role: sure.Role, Session: sure.Session}
	if sure.Scope != "" {
		if _, ok := ParseScopes(sure.Scope); !ok {
			return nil, refused("scope")
		}
		caller.Scope = sure.Scope
	}
	if sure.Bound != nil {
		caller.Key = sure.Bound.Thumbprint
	}
	return caller, nil
}

// signed returns what a token says, under a signature of who may sign it now.
func (v *Verifier) signed(ctx context.Context, token string) (*payload, error) {
	known, seen := v.proven.of(token)
	if seen {
		if key, err := v.keyOf(ctx, &known.payload); err != nil || key.Equal(known.key) {
			return &known.payload, err
		}
	}
	claimed, signed, err := parse(token)
	if err != nil {
		return nil, err
	}
	key, err := v.keyOf(ctx, claimed)
	if err != nil {
		return nil, err
	}
	var sure payload
	if err := signed.Claims(key, &sure); err != nil {
		return nil, refused("signature")
	}
	v.proven.add(token, provenToken{sure, key})
	return &sure, nil
}

// keyOf finds the key that the issuer must have signed with. The issuer decides
// what its tokens can be at most: another organisation's node is a node, and
// nobody is a node of this organisation to itself.
func (v *Verifier) keyOf(ctx context.Context, c *payload) (ed25519.PublicKey, error) {
	if c.Issuer == v.organisation {
		if c.Role == RoleNode {
			return nil, refused("role")
		}
		return v.key, nil
	}
	if c.Role != RoleNode {
		return nil, refused("issuer")
	}
	key, err := v.members.TokenKey(ctx, c.Issuer)
	if err != nil {
		return nil, err //nolint:wrapcheck // a Problem of the store, told as it is
	}
	if len(key) != ed25519.PublicKeySize {
		return nil, refused("issuer")
	}
	return key, nil
}

// parse reads the token's form and its unproven claims.
func parse(token string) (*payload, *jwt.JSONWebToken, error) {
	if token == "" || len(token) > MaxToken {
		return nil, nil, refused("size")
	}
	signed, err := jwt.ParseSigned(token, algorithms)
	if err != nil || len(signed.Headers) != 1 {
		return nil, nil, refused("form")
	}
	if typ, ok := signed.Headers[0].ExtraHeaders[jose.HeaderType]; ok && typ != "JWT" {
		return nil, nil, refused("type")
	}
	var raw json.RawMessage
	if err := signed.UnsafeClaimsWithoutVerification(&raw); err != nil {
		return nil, nil, refused("claims")
	}
	var c payload
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, nil, refused("claims")
	}
	return &c, signed, nil
}

// judge checks proven claims.
func (c *payload) judge(organisation string, now time.Time) error {
	switch {
	case c.Audience != organisation:
		return refused("audience")
	case !c.Role.Known():
		return refused("role")
	case c.Subject == "" || len(c.Subject) > maxSubject:
		return refused("subject")
	case c.Bound != nil && c.Bound.Thumbprint == "":
		return refused("confirmation")
	case c.Issued == nil || c.From == nil || c.Until == nil:
		return refused("times missing")
	}
	issued, from, until := c.Issued.Time(), c.From.Time(), c.Until.Time()
	switch {
	case now.Add(Skew).Before(issued) || now.Add(Skew).Before(from):
		return refused("not yet valid")
	case !now.Add(-Skew).Before(until):
		return refused("expired")
	case until.Sub(issued) > MaxLifetime:
		return refused("lifetime")
	}
	return nil
}
