package session

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/dpop"
	"github.com/secant-platform/secant/identity/jwt"
)

// Service is a program that signs in by itself: a client of OAuth's with a key pair
// (RFC 7523; SMART App Launch 2.2, "Backend Services").
type Service struct {
	ID    string
	Keys  []byte // public keys, as a JSON Web Key Set
	Roles []auth.Role
}

type service struct {
	keys  map[string]jose.JSONWebKey // by "kid"
	roles []auth.Role
}

// Bounds.
const (
	maxAssertion = 8 << 10         // bytes
	maxKeys      = 16              // of one service
	maxLife      = 5 * time.Minute // of an assertion (SMART)
)

// ServiceAlgorithms are those with which services sign their assertions: SMART asks
// for the first two of every server.
var ServiceAlgorithms = []jose.SignatureAlgorithm{jose.ES384, jose.RS384, jose.ES256, jose.EdDSA}

// openServices reads the services and their keys.
func openServices(list []Service) (map[string]*service, error) {
	out := map[string]*service{}
	for _, c := range list {
		if c.ID == "" || len(c.ID) > 64 || out[c.ID] != nil || len(c.Roles) == 0 {
			return nil, errors.New("making sessions: each service needs an id of its own, of at most 64 bytes, and roles")
		}
		for _, r := range c.Roles {
			if !slices.Contains(staffRoles, r) {
				return nil, errors.New("making sessions: a service has roles of people's and programs', but not a patient's")
			}
		}
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(c.Keys, &set); err != nil || len(set.Keys) == 0 || len(set.Keys) > maxKeys {
			return nil, errors.New("making sessions: the keys of a service must be a JSON Web Key Set of 1 to 16 keys")
		}
		s := &service{keys: map[string]jose.JSONWebKey{}, roles: c.Roles}
		for _, k := range set.Keys {
			_, twice := s.keys[k.KeyID]
			if k.KeyID == "" || twice || !k.IsPublic() || !k.Valid() || algorithm(&k) == "" {
				return nil, errors.New("making sessions: each key of a service is public, of P-384, RSA, P-256 or Ed25519, and has a kid of its own")
			}
			s.keys[k.KeyID] = k
		}
		out[c.ID] = s
	}
	return out, nil
}

// algorithm is the one with which a key signs: the key decides, and no token.
func algorithm(k *jose.JSONWebKey) jose.SignatureAlgorithm {
	for _, alg := range ServiceAlgorithms {
		if (k.Algorithm == "" || k.Algorithm == string(alg)) && fits(k, alg) {
			return alg
		}
	}
	return ""
}

// fits reports whether a key is one for an algorithm.
func fits(k *jose.JSONWebKey, alg jose.SignatureAlgorithm) bool {
	switch key := k.Key.(type) {
	case *ecdsa.PublicKey:
		return key.Curve == elliptic.P384() && alg == jose.ES384 || key.Curve == elliptic.P256() && alg == jose.ES256
	case *rsa.PublicKey:
		return alg == jose.RS384 && key.N.BitLen() >= 2048
	case ed25519.PublicKey:
		return alg == jose.EdDSA
	}
	return false
}

// OAuthError is an error of the token endpoint (RFC 6749, section 5.2).
type OAuthError struct {
	Code        string
	Description string
}

// Error returns the description.
func (e *OAuthError) Error() string { return e.Code + ": " + e.Description }

// The codes.
const (
	CodeInvalidRequest   = "invalid_request"
	CodeInvalidClient    = "invalid_client"
	CodeUnsupportedGrant = "unsupported_grant_type"
	CodeInvalidScope     = "invalid_scope"
	CodeInvalidDPoP      = "invalid_dpop_proof"
)

// The values that a service's request has.
const (
	grantService  = "client_credentials"
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	assertionFlow = "session.assertion" // the kind of an assertion that was used
)

// ServiceGrant is a service's token.
type ServiceGrant struct {
	AccessToken string
	TokenType   string
	Life        time.Duration
	Scope       string // the role, or the scopes
}

// Service gives a service a token for what it asserts with one of its keys. The
// scope names one of its roles; it may be left out by one that has one only. Scopes of
// SMART (system/Observation.rs) are given where one of its roles has the rights for
// them, and the token is confined to them. With a proof of possession the token is
// bound to that key.
func (s *Sessions) Service(r *http.Request, form url.Values) (*ServiceGrant, error) {
	for _, list := range form {
		if len(list) > 1 {
			return nil, &OAuthError{CodeInvalidRequest, "a parameter is there twice"}
		}
	}
	if form.Get("grant_type") != grantService {
		return nil, &OAuthError{CodeUnsupportedGrant, "the grant type must be client_credentials"}
	}
	proof, err := s.prove(r, "")
	if err != nil {
		return nil, &OAuthError{CodeInvalidDPoP, err.Error()}
	}
	id, c, err := s.asserted(r.Context(), r.URL, form)
	if err != nil {
		return nil, err
	}
	role, scopes, ok := c.grant(form.Get("scope"))
	if !ok {
		return nil, &OAuthError{CodeInvalidScope, "the scope must be one of the client's roles, or what one of them may do: system/TYPE.ACTIONS"}
	}
	switch err := s.spend(proof); {
	case ledger.CodeOf(err) == ledger.CodeInvalid:
		return nil, &OAuthError{CodeInvalidDPoP, "the proof was used before"}
	case err != nil:
		return nil, err
	}
	key := thumbprint(proof)
	token, err := auth.Mint(s.o.Key, auth.Claims{
		Issuer: s.o.Organisation, Audience: s.o.Organisation, Subject: s.pseudonym(byService, id), Role: role, Key: key, Scopes: scopes,
	}, s.o.Now(), ServiceLife)
	if err != nil {
		return nil, err
	}
	granted := string(role)
	if len(scopes) > 0 {
		granted = scopes.String()
	}
	return &ServiceGrant{token, tokenType(key), ServiceLife, granted}, nil
}

// grant finds the role that a scope names, or the first that has the rights for what
// it asks for.
func (c *service) grant(scope string) (auth.Role, auth.Scopes, bool) {
	if auth.IsScoped(scope) {
		scopes, ok := auth.ParseScopes(scope)
		if !ok {
			return "", nil, false
		}
		i := slices.IndexFunc(c.roles, func(r auth.Role) bool {
			return !slices.ContainsFunc(scopes.Rights(), func(right auth.Right) bool { return !r.Has(right) })
		})
		if i < 0 {
			return "", nil, false
		}
		return c.roles[i], scopes, true
	}
	role := auth.Role(scope)
	if role == "" && len(c.roles) == 1 {
		role = c.roles[0]
	}
	return role, nil, slices.Contains(c.roles, role)
}

// asserted returns the service that signed the assertion of a request. Why not is
// not told: whoever guesses learns nothing of which services there are.
func (s *Sessions) asserted(ctx context.Context, at *url.URL, form url.Values) (string, *service, error) {
	no := &OAuthError{CodeInvalidClient, "the client assertion does not hold"}
	text := form.Get("client_assertion")
	if form.Get("client_assertion_type") != assertionType || text == "" || len(text) > maxAssertion {
		return "", nil, no
	}
	signed, err := josejwt.ParseSigned(text, ServiceAlgorithms)
	if err != nil || len(signed.Headers) != 1 {
		return "", nil, no
	}
	if typ, there := signed.Headers[0].ExtraHeaders[jose.HeaderType]; there && typ != "JWT" {
		return "", nil, no
	}
	var raw json.RawMessage
	if signed.UnsafeClaimsWithoutVerification(&raw) != nil {
		return "", nil, no
	}
	claims, ok := jwt.ParseMembers(raw)
	if !ok {
		return "", nil, no
	}
	id, ok := claims.Text("iss")
	c := s.services[id]
	if !ok || c == nil {
		return "", nil, no
	}
	key, ok := c.keys[signed.Headers[0].KeyID]
	if !ok || signed.Headers[0].Algorithm != string(algorithm(&key)) || signed.Claims(key.Key) != nil {
		return "", nil, no
	}
	until, ok := s.current(claims, id, form.Get("client_id"), s.endpoint(at))
	jti, isText := claims.Text("jti")
	if !ok || !isText || jti == "" {
		return "", nil, no
	}
	err = s.o.Flows.CreateFlow(ctx, assertionFlow, digest(id+"\x00"+jti), []byte("{}"), until.Add(jwt.Skew))
	if ledger.CodeOf(err) == ledger.CodeAlreadyExists {
		return "", nil, no
	}
	return id, c, err
}

// current checks for whom an assertion is, by whom and until when.
func (s *Sessions) current(claims jwt.Members, id, client string, audiences []string) (until time.Time, ok bool) {
	sub, ok1 := claims.Text("sub")
	aud, ok2 := claims.Text("aud")
	until, ends, ok3 := claims.Date("exp")
	now := s.o.Now()
	ok = ok1 && ok2 && ok3 && ends && same(sub, id) && (client == "" || same(client, id)) &&
		slices.Contains(audiences, aud) && now.Before(until) && !until.After(now.Add(maxLife+jwt.Skew))
	if nbf, begins, isDate := claims.Date("nbf"); ok && begins {
		ok = isDate && !nbf.After(now.Add(jwt.Skew))
	}
	return until, ok
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// TokenEndpoint is the address for which assertions are made, below a base.
const TokenEndpoint = "/oauth/token" //nolint:gosec // a path

// Describe returns what programs are told of the token endpoint (SMART App Launch
// 2.2, "Authorization Endpoint Discovery").
func (s *Sessions) Describe() map[string]any {
	var scopes []string
	for _, c := range s.services {
		for _, r := range c.roles {
			said := []string{string(r)}
			if r.Has(auth.ReadingsRead) {
				said = append(said, "system/*.rs")
			}
			if r.Has(auth.ReadingsWrite) {
				said = append(said, "system/*.cu")
			}
			for _, one := range said {
				if !slices.Contains(scopes, one) {
					scopes = append(scopes, one)
				}
			}
		}
	}
	slices.Sort(scopes)
	algorithms := make([]string, len(ServiceAlgorithms))
	for i, a := range ServiceAlgorithms {
		algorithms[i] = string(a)
	}
	return map[string]any{
		"token_endpoint":                                   s.o.URLs[0] + TokenEndpoint,
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": algorithms,
		"grant_types_supported":                            []string{grantService},
		"scopes_supported":                                 append([]string{}, scopes...),
		"dpop_signing_alg_values_supported":                dpop.Algorithms,
		"capabilities":                                     []string{"client-confidential-asymmetric", "permission-v1", "permission-v2"},
	}
}
