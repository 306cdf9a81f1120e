package oid4vci_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci"
)

// noSignature leaves a token's signature out.
func noSignature(s string) string { return s[:strings.LastIndex(s, ".")+1] }

// spoiled are ways to spoil any JWT that carries its own key, with none of which
// may an issuer agree.
func spoiled(j jwt, other keys.Signer) map[string]jwt {
	private := m{"kty": j.by.JWK().Kty, "crv": j.by.JWK().Crv, "x": j.by.JWK().X, "d": segment(make([]byte, 32))}
	if y := j.by.JWK().Y; y != "" {
		private["y"] = y
	}
	head := func(more m) jwt { return jwt{j.by, with(j.header, more), j.payload, nil} }
	body := func(more m) jwt { return jwt{j.by, j.header, with(j.payload, more), nil} }
	after := func(spoil func(string) string) jwt { return jwt{j.by, j.header, j.payload, spoil} }
	iat, _ := j.payload["iat"].(int64)
	minutes := func(n int64) int64 { return iat + n*60 }
	return map[string]jwt{
		"alg none":              head(m{"alg": "none"}),
		"alg none, unsigned":    {j.by, with(j.header, m{"alg": "none"}), j.payload, noSignature},
		"alg HS256":             head(m{"alg": "HS256"}),
		"another alg":           head(m{"alg": map[string]string{"ES256": "EdDSA", "EdDSA": "ES256"}[keys.Algorithm(j.by)]}),
		"alg missing":           head(m{"alg": nil}),
		"unsigned":              after(noSignature),
		"another typ":           head(m{"typ": "JWT"}),
		"typ missing":           head(m{"typ": ""}),
		"a private key":         head(m{"jwk": private}),
		"another's key":         head(m{"jwk": other.JWK()}),
		"a key for another alg": head(m{"jwk": m{"kty": private["kty"], "crv": private["crv"], "x": private["x"], "alg": "RS256"}}),
		"no point":              head(m{"jwk": m{"kty": "EC", "crv": "P-256", "x": segment(make([]byte, 32)), "y": segment(make([]byte, 32))}}),
		"a secret key":          head(m{"jwk": m{"kty": "oct", "k": segment(make([]byte, 32))}}),
		"a key of no type":      head(m{"jwk": "x"}),
		"crit":                  head(m{"crit": []string{"exp"}}),
		"too old":               body(m{"iat": minutes(-6)}),
		"from the future":       body(m{"iat": minutes(2)}),
		"iat missing":           body(m{"iat": nil}),
		"iat of another type":   body(m{"iat": strconv.FormatInt(iat, 10)}),
		"over":                  body(m{"exp": iat}),
		"not yet":               body(m{"nbf": minutes(2)}),
		"changed": after(func(s string) string {
			parts := strings.Split(s, ".")
			b, _ := base64.RawURLEncoding.DecodeString(parts[1])
			parts[1] = segment([]byte(strings.Replace(string(b), "{", `{"more":1,`, 1)))
			return strings.Join(parts, ".")
		}),
		"a name twice": after(func(s string) string {
			parts := strings.Split(s, ".")
			b, _ := base64.RawURLEncoding.DecodeString(parts[0])
			parts[0] = segment([]byte(strings.Replace(string(b), "{", `{"typ":"JWT",`, 1)))
			return strings.Join(parts, ".")
		}),
		"too long":  body(m{"more": strings.Repeat("x", 20<<10)}),
		"no JWT":    after(func(string) string { return "x.y.z" }),
		"nothing":   after(func(string) string { return "" }),
		"a JSON of": after(func(s string) string { return s + "." }),
	}
}

func TestSpoiledKeyProofsAreRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	token := d.token(nil)
	other := edwards(t)
	try := func(name string, j jwt, code string) {
		t.Helper()
		body := encode(t, d.request("staff", j.compact(t)))
		_, err := d.issuer.Credential(t.Context(), bearer(token.AccessToken), body)
		wantError(t, name, err, code)
	}
	for _, holder := range []keys.Signer{edwards(t), p256(t)} {
		d.holder = holder
		for name, j := range spoiled(d.proof(d.nonce()), other) {
			try(name, j, oid4vci.CodeInvalidProof)
		}
	}
	change := func(name string, header, payload m, code string) {
		t.Helper()
		j := d.proof(d.nonce())
		j.header, j.payload = with(j.header, header), with(j.payload, payload)
		try(name, j, code)
	}
	change("another audience", nil, m{"aud": "https://south.example/issuer"}, oid4vci.CodeInvalidProof)
	change("two audiences", nil, m{"aud": []string{issuerURL, "https://south.example"}}, oid4vci.CodeInvalidProof)
	change("no audience", nil, m{"aud": nil}, oid4vci.CodeInvalidProof)
	change("an anonymous client with a name", nil, m{"iss": app}, oid4vci.CodeInvalidProof)
	change("no nonce", nil, m{"nonce": ""}, oid4vci.CodeInvalidProof)
	change("a nonce of another type", nil, m{"nonce": 1}, oid4vci.CodeInvalidProof)
	change("another nonce", nil, m{"nonce": "x"}, oid4vci.CodeInvalidNonce)
	dpop, err := d.issuer.DPoPNonce()
	mustFlow(t, err)
	change("a nonce for DPoP", nil, m{"nonce": dpop}, oid4vci.CodeInvalidNonce)
	change("a kid and a jwk", m{"kid": "did:jwk:x#0"}, nil, oid4vci.CodeInvalidProof)
	change("an x5c and a jwk", m{"x5c": []string{"x"}}, nil, oid4vci.CodeInvalidProof)
	j := d.proof(d.nonce())
	delete(j.header, "jwk")
	try("no key", j, oid4vci.CodeInvalidProof)
	j.header["kid"] = "did:jwk:x#0"
	try("a kid that nobody resolves", j, oid4vci.CodeInvalidProof)
	if len(d.orders) != 0 {
		t.Errorf("issued: %+v", d.orders)
	}
}

func TestANonceServesOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	token := d.token(nil)
	nonce := d.nonce()
	for _, code := range []string{"", oid4vci.CodeInvalidNonce} {
		d.holder = edwards(t)
		_, err := d.issuer.Credential(t.Context(), bearer(token.AccessToken), encode(t, d.request("staff", d.proof(nonce).compact(t))))
		if code == "" {
			mustFlow(t, err)
			continue
		}
		wantError(t, "again", err, code)
	}
	nonce = d.nonce()
	d.now = d.now.Add(5 * time.Minute)
	_, err := d.issuer.Credential(t.Context(), bearer(token.AccessToken), encode(t, d.request("staff", d.proof(nonce).compact(t))))
	wantError(t, "over", err, oid4vci.CodeInvalidNonce)
	forged := []byte(d.nonce())
	forged[3] ^= 1
	_, err = d.issuer.Credential(t.Context(), bearer(token.AccessToken), encode(t, d.request("staff", d.proof(string(forged)).compact(t))))
	wantError(t, "forged", err, oid4vci.CodeInvalidNonce)
}

func TestOtherCredentialRequestsAreRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	token := d.token(nil)
	fine := func() string { return d.proof(d.nonce()).compact(t) }
	one := fine()
	first := fine()
	d.holder = p256(t)
	second := fine()
	third := d.proof(d.nonce())
	for name, c := range map[string]struct {
		body []byte
		code string
	}{
		"no JSON":             {[]byte("{"), oid4vci.CodeInvalidCredentialRequest},
		"no object":           {[]byte("[]"), oid4vci.CodeInvalidCredentialRequest},
		"a name twice":        {[]byte(`{"credential_configuration_id":"staff","credential_configuration_id":"badge"}`), oid4vci.CodeInvalidCredentialRequest},
		"too large":           {[]byte(`{"x":"` + strings.Repeat("x", oid4vci.MaxBody) + `"}`), oid4vci.CodeInvalidCredentialRequest},
		"too deep":            {[]byte(`{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`), oid4vci.CodeInvalidCredentialRequest},
		"nothing":             {[]byte(`{}`), oid4vci.CodeInvalidCredentialRequest},
		"of another type":     {[]byte(`{"credential_configuration_id":1}`), oid4vci.CodeInvalidCredentialRequest},
		"by both names":       {encode(t, with(d.request("staff", one), m{"credential_identifier": "staff"})), oid4vci.CodeInvalidCredentialRequest},
		"another case":        {encode(t, m{"Credential_Configuration_ID": "staff", "proofs": m{"jwt": []string{one}}}), oid4vci.CodeInvalidCredentialRequest},
		"swapped":             {encode(t, d.request("badge", one)), oid4vci.CodeUnknownConfiguration},
		"unknown":             {encode(t, d.request("x", one)), oid4vci.CodeUnknownConfiguration},
		"an identifier":       {encode(t, m{"credential_identifier": "staff", "proofs": m{"jwt": []string{one}}}), oid4vci.CodeUnknownConfiguration},
		"encrypted":           {encode(t, with(d.request("staff", one), m{"credential_response_encryption": m{"enc": "A128GCM"}})), oid4vci.CodeInvalidEncryption},
		"no proof":            {encode(t, d.request("staff")), oid4vci.CodeInvalidProof},
		"an old draft's":      {encode(t, m{"credential_configuration_id": "staff", "proof": m{"proof_type": "jwt", "jwt": one}}), oid4vci.CodeInvalidProof},
		"an empty list":       {encode(t, d.request("staff", []string{}...)), oid4vci.CodeInvalidProof},
		"proofs of two kinds": {encode(t, m{"credential_configuration_id": "staff", "proofs": m{"jwt": []string{one}, "attestation": []string{"x"}}}), oid4vci.CodeInvalidProof},
		"another kind":        {encode(t, m{"credential_configuration_id": "staff", "proofs": m{"di_vp": []any{m{}}}}), oid4vci.CodeInvalidProof},
		"no list":             {encode(t, m{"credential_configuration_id": "staff", "proofs": m{"jwt": one}}), oid4vci.CodeInvalidProof},
		"one key twice":       {encode(t, d.request("staff", second, second)), oid4vci.CodeInvalidProof},
		"two nonces":          {encode(t, d.request("staff", first, second)), oid4vci.CodeInvalidNonce},
		"too many":            {encode(t, d.request("staff", one, first, third.compact(t))), oid4vci.CodeInvalidProof},
	} {
		_, err := d.issuer.Credential(t.Context(), bearer(token.AccessToken), c.body)
		wantError(t, name, err, c.code)
	}
	if len(d.orders) != 0 {
		t.Errorf("issued: %+v", d.orders)
	}
}

func TestSpoiledDPoPProofsAreRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	token := d.token(d.dpop(oid4vci.PathToken, "")).AccessToken
	other := edwards(t)
	_, o := d.offer(oid4vci.OfferRequest{})
	// try shows a proof to both servers: the one that gives tokens and the one that
	// takes them.
	try := func(name, code string, spoil func(jwt) jwt) {
		t.Helper()
		_, err := d.issuer.Token(t.Context(), redeem(o), http.Header{"Dpop": {spoil(d.possession(oid4vci.PathToken, "")).compact(t)}})
		wantError(t, name, err, code)
		wantStatus(t, name, err, http.StatusBadRequest, "")
		h := http.Header{"Dpop": {spoil(d.possession(oid4vci.PathCredential, token)).compact(t)}, "Authorization": {"DPoP " + token}}
		_, err = d.issuer.Credential(t.Context(), h, d.good())
		wantError(t, name, err, code)
		wantStatus(t, name, err, http.StatusUnauthorized, "DPoP")
	}
	for name := range spoiled(d.possession(oid4vci.PathToken, ""), other) {
		try(name, oid4vci.CodeInvalidDPoP, func(j jwt) jwt { return spoiled(j, other)[name] })
	}
	change := func(more m) func(jwt) jwt {
		return func(j jwt) jwt { return jwt{j.by, j.header, with(j.payload, more), nil} }
	}
	try("another method", oid4vci.CodeInvalidDPoP, change(m{"htm": "GET"}))
	try("another place", oid4vci.CodeInvalidDPoP, change(m{"htu": issuerURL + "/other"}))
	try("another host", oid4vci.CodeInvalidDPoP, change(m{"htu": "https://north.example.evil/issuer/token"}))
	try("another scheme", oid4vci.CodeInvalidDPoP, change(m{"htu": "http://north.example/issuer/token"}))
	try("no id", oid4vci.CodeInvalidDPoP, change(m{"jti": ""}))
	try("no nonce", oid4vci.CodeUseDPoPNonce, change(m{"nonce": ""}))
	try("another nonce", oid4vci.CodeUseDPoPNonce, change(m{"nonce": "x"}))
	nonce := d.nonce()
	try("a nonce for key proofs", oid4vci.CodeUseDPoPNonce, change(m{"nonce": nonce}))
	for name, more := range map[string]m{"another token": {"ath": segment(make([]byte, 32))}, "no token": {"ath": nil}} {
		j := d.possession(oid4vci.PathCredential, token)
		h := http.Header{"Dpop": {change(more)(j).compact(t)}, "Authorization": {"DPoP " + token}}
		_, err := d.issuer.Credential(t.Context(), h, d.good())
		wantError(t, name, err, oid4vci.CodeInvalidDPoP)
	}
	if len(d.orders) != 0 {
		t.Errorf("issued: %+v", d.orders)
	}
	if _, err := d.issuer.Token(t.Context(), redeem(o), d.dpop(oid4vci.PathToken, "")); err != nil {
		t.Errorf("the code was spent: %v", err)
	}
}

func wantStatus(tb testing.TB, name string, err error, status int, challenge string) {
	tb.Helper()
	e, ok := err.(*oid4vci.Error) //nolint:errorlint // wantError has looked
	if !ok || e.Status != status || e.Challenge != challenge || (e.Nonce != "") != (e.Code == oid4vci.CodeUseDPoPNonce) {
		tb.Errorf("%s: %+v", name, e)
	}
}

func TestADPoPProofServesOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	h := d.dpop(oid4vci.PathToken, "")
	token := d.token(h).AccessToken
	_, o := d.offer(oid4vci.OfferRequest{})
	_, err := d.issuer.Token(t.Context(), redeem(o), h)
	wantError(t, "at the token endpoint", err, oid4vci.CodeInvalidDPoP)
	h = d.dpop(oid4vci.PathCredential, token)
	_, err = d.issuer.Credential(t.Context(), h, d.good())
	mustFlow(t, err)
	_, err = d.issuer.Credential(t.Context(), h, d.good())
	wantError(t, "at the credential endpoint", err, oid4vci.CodeInvalidDPoP)
	h = d.dpop(oid4vci.PathCredential, token)
	h["Dpop"] = append(h["Dpop"], h["Dpop"][0])
	_, err = d.issuer.Credential(t.Context(), h, d.good())
	wantError(t, "two at once", err, oid4vci.CodeInvalidDPoP)
}

func TestTokensAreForWhomTheyWereGiven(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	bound, free := d.token(d.dpop(oid4vci.PathToken, "")), d.token(nil)
	owner := d.key
	d.key = edwards(t)
	stolen := d.dpop(oid4vci.PathCredential, bound.AccessToken)
	d.key = owner
	twice := bearer(free.AccessToken)
	twice.Add("Authorization", "Bearer "+free.AccessToken)
	noProof := http.Header{"Authorization": {"DPoP " + bound.AccessToken}}
	for name, c := range map[string]struct {
		h    http.Header
		code string
	}{
		"no token":                   {nil, oid4vci.CodeInvalidToken},
		"no such token":              {bearer("x"), oid4vci.CodeInvalidToken},
		"an empty one":               {bearer(""), oid4vci.CodeInvalidToken},
		"two":                        {twice, oid4vci.CodeInvalidToken},
		"a bound one as a bearer's":  {bearer(bound.AccessToken), oid4vci.CodeInvalidToken},
		"a bearer's as a bound one":  {d.dpop(oid4vci.PathCredential, free.AccessToken), oid4vci.CodeInvalidToken},
		"a bound one with no proof":  {noProof, oid4vci.CodeInvalidDPoP},
		"a stolen one":               {stolen, oid4vci.CodeInvalidToken},
		"a refresh token":            {bearer(bound.RefreshToken), oid4vci.CodeInvalidToken},
		"another scheme":             {http.Header{"Authorization": {"Basic " + free.AccessToken}}, oid4vci.CodeInvalidToken},
		"one that is long":           {bearer(strings.Repeat("x", 2000)), oid4vci.CodeInvalidToken},
		"a proof for the other path": {d.dpop(oid4vci.PathDeferred, bound.AccessToken), oid4vci.CodeInvalidDPoP},
	} {
		_, err := d.issuer.Credential(t.Context(), c.h, d.good())
		wantError(t, name, err, c.code)
	}
	r, err := d.issuer.Credential(t.Context(), bearer(free.AccessToken), d.good())
	mustFlow(t, err)
	err = d.issuer.Notification(t.Context(), d.dpop(oid4vci.PathNotification, bound.AccessToken), encode(t, m{"notification_id": r.Notification, "event": "credential_deleted"}))
	wantError(t, "another's notification", err, oid4vci.CodeInvalidNotification)
	d.now = d.now.Add(oid4vci.TokenLife)
	_, err = d.issuer.Credential(t.Context(), bearer(free.AccessToken), d.good())
	wantError(t, "over", err, oid4vci.CodeInvalidToken)
	d.key = edwards(t)
	_, err = d.issuer.Token(t.Context(), url.Values{"grant_type": {oid4vci.GrantRefresh}, "refresh_token": {bound.RefreshToken}}, d.dpop(oid4vci.PathToken, ""))
	wantError(t, "a stolen refresh token", err, oid4vci.CodeInvalidGrant)
	_, err = d.issuer.Token(t.Context(), url.Values{"grant_type": {oid4vci.GrantRefresh}, "refresh_token": {bound.RefreshToken}}, nil)
	wantError(t, "a refresh token without its key", err, oid4vci.CodeInvalidGrant)
}

func TestNoticesAreChecked(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	token := d.token(nil).AccessToken
	for name, c := range map[string][2]string{
		"no JSON":         {"{", oid4vci.CodeInvalidNotificationRequest},
		"no event":        {`{"notification_id":"x"}`, oid4vci.CodeInvalidNotificationRequest},
		"another event":   {`{"notification_id":"x","event":"credential_stolen"}`, oid4vci.CodeInvalidNotificationRequest},
		"another type":    {`{"notification_id":1,"event":"credential_deleted"}`, oid4vci.CodeInvalidNotificationRequest},
		"an unknown id":   {`{"notification_id":"x","event":"credential_deleted"}`, oid4vci.CodeInvalidNotification},
		"a long one":      {`{"notification_id":"` + strings.Repeat("x", 2000) + `","event":"credential_deleted"}`, oid4vci.CodeInvalidNotificationRequest},
		"no transactions": {`{"transaction_id":"x"}`, oid4vci.CodeInvalidNotificationRequest},
	} {
		wantError(t, name, d.issuer.Notification(t.Context(), bearer(token), []byte(c[0])), c[1])
	}
	for body, code := range map[string]string{"{": oid4vci.CodeInvalidCredentialRequest, `{"transaction_id":1}`: oid4vci.CodeInvalidCredentialRequest, `{}`: oid4vci.CodeInvalidTransaction, `{"transaction_id":"x","credential_response_encryption":{}}`: oid4vci.CodeInvalidEncryption} {
		_, err := d.issuer.Deferred(t.Context(), bearer(token), []byte(body))
		wantError(t, body, err, code)
	}
}
