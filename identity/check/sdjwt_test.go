package check_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/keys"
)

// segment is base64url as tokens have it.
func segment(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func encode(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// jws is a token that a test may spoil before it is signed, and after.
type jws struct {
	by      keys.Signer
	header  m
	payload m
	rawHead string // the header's text, instead of header
	raw     string // the payload's text, instead of payload
	spoil   func(compact string) string
}

func (j *jws) compact(tb testing.TB) string {
	tb.Helper()
	header, payload := encode(tb, j.header), encode(tb, j.payload)
	if j.rawHead != "" {
		header = []byte(j.rawHead)
	}
	if j.raw != "" {
		payload = []byte(j.raw)
	}
	signed := segment(header) + "." + segment(payload)
	signature, err := j.by.Sign([]byte(signed))
	if err != nil {
		tb.Fatal(err)
	}
	compact := signed + "." + segment(signature)
	if j.spoil != nil {
		compact = j.spoil(compact)
	}
	return compact
}

// sdjwtForgery is a presentation in its parts.
type sdjwtForgery struct {
	*scene
	credential  jws
	disclosures []string // shown
	binding     jws
	hash        string // sd_hash instead of the right one
	tail        string // behind everything
}

// sdjwt makes the parts of a good one.
func (s *scene) sdjwt() *sdjwtForgery {
	s.tb.Helper()
	t, _ := catalogue.Find(s.types[0])
	if t == nil {
		t = &catalogue.Type{}
	}
	payload := m{"iss": s.issuer, "vct": s.types[0], "iat": s.issued.Unix(), "exp": s.expires.Unix(), "cnf": m{"jwk": s.holder.JWK()}}
	if !s.begins.IsZero() {
		payload["nbf"] = s.begins.Unix()
	}
	if s.subject != "" {
		payload["sub"] = s.subject
	}
	if s.status != nil {
		payload["status"] = m{"status_list": m{"uri": s.status.URI, "idx": s.status.Index}}
	}
	f := &sdjwtForgery{
		scene:      s,
		credential: jws{by: s.by, header: m{"alg": keys.Algorithm(s.by), "typ": "dc+sd-jwt", "kid": s.keyID}, payload: payload},
		binding: jws{by: s.bearer, header: m{"alg": keys.Algorithm(s.bearer), "typ": "kb+jwt"}, payload: m{
			"iat": s.shown.Unix(), "aud": s.audience, "nonce": s.nonce,
		}},
	}
	open, hidden := t.Split(s.claims)
	for name, value := range open {
		payload[name] = value
	}
	shown := map[string]bool{}
	for _, name := range s.show {
		shown[name] = true
	}
	for name, value := range hidden {
		f.hide(shown[name], name, value)
	}
	return f
}

// hide adds a hidden claim.
func (f *sdjwtForgery) hide(show bool, name string, value any) {
	d := segment(encode(f.tb, []any{"c2FsdA", name, value}))
	f.digest(verify.Hash(d))
	if show {
		f.disclosures = append(f.disclosures, d)
	}
}

func (f *sdjwtForgery) digest(d string) {
	digests, _ := f.credential.payload["_sd"].([]string)
	f.credential.payload["_sd"] = append(digests, d)
}

// token signs everything, the binding last.
func (f *sdjwtForgery) token() string {
	f.tb.Helper()
	bound := strings.Join(append([]string{f.credential.compact(f.tb)}, f.disclosures...), "~") + "~"
	if f.hash == "" {
		f.hash = verify.Hash(bound)
	}
	f.binding.payload["sd_hash"] = f.hash
	return bound + f.binding.compact(f.tb) + f.tail
}

// TestSDJWTForgeriesAreRefused: what only this format can have wrong. The rest of
// its attacks are chaincode/verify's own tests.
func TestSDJWTForgeriesAreRefused(t *testing.T) {
	t.Parallel()
	unsigned := func(s string) string { return s[:strings.LastIndexByte(s, '.')+1] }
	for name, c := range map[string]struct {
		attack func(*sdjwtForgery)
		step   check.Step
	}{
		"no proof":                   {func(f *sdjwtForgery) { f.credential.spoil = unsigned }, check.StepProof},
		"alg none":                   {func(f *sdjwtForgery) { f.credential.header["alg"] = "none"; f.credential.spoil = unsigned }, check.StepFormat},
		"alg of a shared secret":     {func(f *sdjwtForgery) { f.credential.header["alg"] = "HS256" }, check.StepFormat},
		"alg of the other kind":      {func(f *sdjwtForgery) { f.credential.header["alg"] = "ES256" }, check.StepProof},
		"alg of another kind, bound": {func(f *sdjwtForgery) { f.binding.header["alg"] = "EdDSA" }, check.StepBinding},
		"crit":                       {func(f *sdjwtForgery) { f.credential.header["crit"] = []string{"exp"} }, check.StepFormat},
		"a key in the header": {func(f *sdjwtForgery) {
			f.credential.by = edwards(f.tb)
			f.credential.header["jwk"] = f.credential.by.JWK()
		}, check.StepProof},
		"a place for keys in the header": {func(f *sdjwtForgery) {
			f.credential.by = edwards(f.tb)
			f.credential.header["jku"] = "https://attacker.example/keys"
		}, check.StepProof},
		"a plain JWT":              {func(f *sdjwtForgery) { f.credential.header["typ"] = "JWT" }, check.StepFormat},
		"no binding":               {func(f *sdjwtForgery) { f.tail = "~" }, check.StepFormat},
		"a binding without proof":  {func(f *sdjwtForgery) { f.binding.spoil = unsigned }, check.StepBinding},
		"a binding to other words": {func(f *sdjwtForgery) { f.hash = verify.Hash("other") }, check.StepBinding},
		"two types": {func(f *sdjwtForgery) {
			f.credential.raw = `{"vct":"StaffRole",` + string(encode(f.tb, f.credential.payload))[1:]
		}, check.StepFormat},
		"two spellings of the type": {func(f *sdjwtForgery) { f.credential.payload["VCT"] = "Patient" }, check.StepSchema},
		"a claim open and hidden":   {func(f *sdjwtForgery) { f.credential.payload["given_name"] = "Eve" }, check.StepFormat},
		"a claim disclosed twice":   {func(f *sdjwtForgery) { f.hide(true, "given_name", "Eve") }, check.StepFormat},
		"a disclosure twice":        {func(f *sdjwtForgery) { f.disclosures = append(f.disclosures, f.disclosures[0]) }, check.StepFormat},
		"a disclosure of nobody's":  {func(f *sdjwtForgery) { f.disclosures = append(f.disclosures, segment([]byte(`["s","x",1]`))) }, check.StepFormat},
		"a hidden type": {func(f *sdjwtForgery) {
			delete(f.credential.payload, "vct")
			f.hide(true, "vct", "StaffRole")
		}, check.StepFormat},
		"a hidden end": {func(f *sdjwtForgery) {
			delete(f.credential.payload, "exp")
			f.hide(true, "exp", now.Unix()+60)
		}, check.StepFormat},
		"oversized disclosures": {func(f *sdjwtForgery) { f.hide(true, "department", strings.Repeat("x", ledger.MaxPresentation)) }, check.StepFormat},
		"many disclosures": {func(f *sdjwtForgery) {
			for range verify.MaxDisclosures {
				f.hide(true, "x", 1)
			}
		}, check.StepFormat},
		"a disclosure nested deep": {func(f *sdjwtForgery) {
			f.hide(true, "x", json.RawMessage(strings.Repeat("[", 100)+strings.Repeat("]", 100)))
		}, check.StepFormat},
		"nested digests that stay hidden": {func(f *sdjwtForgery) {
			f.credential.payload["organisation"] = m{"_sd": []string{verify.Hash("x")}}
		}, check.StepSchema},
		"a digest twice": {func(f *sdjwtForgery) { f.digest(f.credential.payload["_sd"].([]string)[0]) }, check.StepFormat},
		"weak digests":   {func(f *sdjwtForgery) { f.credential.payload["_sd_alg"] = "md5" }, check.StepFormat},
		"no end":         {func(f *sdjwtForgery) { delete(f.credential.payload, "exp") }, check.StepTime},
		"no beginning":   {func(f *sdjwtForgery) { delete(f.credential.payload, "iat") }, check.StepTime},
		"an end as text": {func(f *sdjwtForgery) { f.credential.payload["exp"] = "2030-01-01" }, check.StepTime},
		"no holder":      {func(f *sdjwtForgery) { delete(f.credential.payload, "cnf") }, check.StepBinding},
		"a holder's private key": {func(f *sdjwtForgery) {
			f.credential.payload["cnf"] = m{"jwk": m{"kty": "OKP", "crv": "Ed25519", "x": f.by.JWK().X, "d": "AA"}}
		}, check.StepBinding},
		"a status of another kind":  {func(f *sdjwtForgery) { f.credential.payload["status"] = m{"crl": "x"} }, check.StepStatus},
		"a subject in a list":       {func(f *sdjwtForgery) { f.credential.payload["sub"] = []string{"x"} }, check.StepFormat},
		"a claim that nobody knows": {func(f *sdjwtForgery) { f.credential.payload["is_admin"] = true }, check.StepSchema},
		"a name that is reserved":   {func(f *sdjwtForgery) { f.hide(true, "_sd", "x") }, check.StepFormat},
		"no bytes":                  {func(f *sdjwtForgery) { f.credential.spoil = func(string) string { return "" } }, check.StepFormat},
	} {
		s := newScene(t, "StaffRole")
		f := s.sdjwt()
		c.attack(f)
		_, err := s.world.verifier(t).Verify(t.Context(), check.Presented{Format: catalogue.SDJWT, Token: f.token()}, s.want)
		refused(t, name, err, c.step)
	}
}

// standard is base64 as BBS+ proofs have their nonce.
func standard(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
