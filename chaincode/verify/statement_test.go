package verify_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

var signers = map[string]func(testing.TB) keys.Signer{"Ed25519": edwards, "P-256": p256}

func TestAStatementOfAHolderIsAgreement(t *testing.T) {
	t.Parallel()
	for issuerKind, issuer := range signers {
		for holderKind, holder := range signers {
			f := forge(t, issuer(t), holder(t))
			f.hide("salt", "role", "surgeon")
			f.credential.payload["_sd_alg"] = "sha-256"
			got, err := f.judge()
			if err != nil {
				t.Errorf("issuer %s, holder %s: %v", issuerKind, holderKind, err)
				continue
			}
			challenge, err := f.statement.Challenge()
			if err != nil {
				t.Fatal(err)
			}
			thumbprint := public(t, f.binding.by).Thumbprint()
			want := ledger.Digest("holder-statement", []byte(challenge+thumbprint))
			c := got.Credential
			if got.Commitment != want || c.Issuer != issuerDID || c.Type != "DeviceReleaser" || c.Holder.Thumbprint() != thumbprint ||
				!c.Expires.Equal(now.Add(time.Hour)) || c.Claims["role"] != "surgeon" || c.Claims["_sd"] != nil || c.Claims["_sd_alg"] != nil {
				t.Errorf("issuer %s, holder %s: reads as %+v of %+v", issuerKind, holderKind, got, c)
			}
		}
	}
}

// TestNoOtherStatementIsAgreement has one attack, at least, on each check.
func TestNoOtherStatementIsAgreement(t *testing.T) {
	t.Parallel()
	statement := func(change func(s *ledger.Statement)) func(*forgery) {
		return func(f *forgery) { change(&f.statement) }
	}
	issued := func(name string, value any) func(*forgery) {
		return func(f *forgery) { f.credential.payload[name] = value }
	}
	bound := func(name string, value any) func(*forgery) {
		return func(f *forgery) { f.binding.payload[name] = value }
	}
	within := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for name, c := range map[string]struct {
		attack func(*forgery)
		detail string // part of what is said
	}{
		// the statement
		"another network":       {statement(func(s *ledger.Statement) { s.Network = "prod" }), "another network"},
		"another channel":       {statement(func(s *ledger.Statement) { s.Channel = "other" }), "another channel"},
		"another chaincode":     {statement(func(s *ledger.Statement) { s.Chaincode = "other" }), "another chaincode"},
		"another function":      {statement(func(s *ledger.Statement) { s.Function = "device:Certify" }), "another function"},
		"another request":       {statement(func(s *ledger.Statement) { s.Request = ledger.BodyDigest(nil) }), "another request"},
		"another record":        {statement(func(s *ledger.Statement) { s.Record = ledger.BodyDigest(nil) }), "another record"},
		"an earlier revision":   {statement(func(s *ledger.Statement) { s.Revision = 2 }), "another revision"},
		"a later revision":      {statement(func(s *ledger.Statement) { s.Revision = 4 }), "another revision"},
		"a negative revision":   {statement(func(s *ledger.Statement) { s.Revision = -1 }), "revision: must not"},
		"another version":       {statement(func(s *ledger.Statement) { s.V = 2 }), "v: must be"},
		"a short nonce":         {statement(func(s *ledger.Statement) { s.Nonce = "AAAA" }), "nonce: must be"},
		"a nonce of stray bits": {statement(func(s *ledger.Statement) { s.Nonce = strings.Repeat("A", 42) + "B" }), "nonce: must be"},
		"expired":               {statement(func(s *ledger.Statement) { s.Expires = now.Format(ledger.StatementTime) }), "the statement has expired"},
		"too far ahead": {statement(func(s *ledger.Statement) {
			s.Expires = now.Add(15*time.Minute + time.Millisecond).Format(ledger.StatementTime)
		}), "lasts longer"},
		"an expiry in a zone": {statement(func(s *ledger.Statement) { s.Expires = now.Add(time.Minute).Format(time.RFC3339) }), "expires: must be"},
		"no expiry":           {statement(func(s *ledger.Statement) { s.Expires = "" }), "expires: must be"},
		"changed after signing": {func(f *forgery) {
			f.nonce, f.statement.Nonce = challenge(f.statement), segment(bytes.Repeat([]byte{1}, 32))
		}, "something else"},
		"a challenge of nobody's": {bound("nonce", "guess"), "something else"},

		// whose signatures
		"a foreign issuer's key":                {func(f *forgery) { f.issuer = public(f.tb, edwards(f.tb)) }, "not signed by the expected key"},
		"the issuer's key of another algorithm": {func(f *forgery) { f.issuer = public(f.tb, p256(f.tb)) }, "algorithm is not its key's"},
		"a foreign holder's key":                {func(f *forgery) { f.binding.by = edwards(f.tb) }, "not signed by the expected key"},
		"a holder's key of another algorithm": {func(f *forgery) {
			f.binding.by = p256(f.tb)
			f.binding.header["alg"] = "ES256"
		}, "algorithm is not its key's"},
		"the issuer signs for the holder": {func(f *forgery) { f.binding.by = f.credential.by }, "not signed by the expected key"},
		"a key in the binding's header": {func(f *forgery) {
			f.binding.by = edwards(f.tb)
			f.binding.header["jwk"] = f.binding.by.JWK()
		}, "not signed by the expected key"},
		"a changed credential":   {func(f *forgery) { f.credential.spoil = changePayload("DeviceReleaser", "DeviceAssessor") }, "not signed by the expected key"},
		"a changed binding":      {func(f *forgery) { f.binding.spoil = changePayload("secant:dev", "secant:due") }, "not signed by the expected key"},
		"a cut signature":        {func(f *forgery) { f.binding.spoil = func(s string) string { return s[:len(s)-2] } }, "not signed by the expected key"},
		"an unsigned credential": {func(f *forgery) { f.credential.spoil = unsigned }, "not signed by the expected key"},
		"an unsigned binding":    {func(f *forgery) { f.binding.spoil = unsigned }, "not signed by the expected key"},

		// the tokens' headers
		"alg none":                         {func(f *forgery) { f.credential.header["alg"] = "none"; f.credential.spoil = unsigned }, "algorithm must be"},
		"alg none in the binding":          {func(f *forgery) { f.binding.header["alg"] = "none"; f.binding.spoil = unsigned }, "algorithm must be"},
		"alg of a shared secret":           {func(f *forgery) { f.credential.header["alg"] = "HS256" }, "algorithm must be"},
		"alg of another case":              {func(f *forgery) { f.credential.header["alg"] = "eddsa" }, "algorithm must be"},
		"no alg":                           {func(f *forgery) { delete(f.credential.header, "alg") }, "algorithm must be"},
		"alg that is no text":              {func(f *forgery) { f.credential.header["alg"] = []string{"EdDSA"} }, "another type"},
		"alg twice":                        {func(f *forgery) { f.credential.rawHead = `{"alg":"EdDSA","typ":"dc+sd-jwt","alg":"EdDSA"}` }, "one meaning"},
		"alg of the other kind":            {func(f *forgery) { f.credential.header["alg"] = "ES256" }, "algorithm is not its key's"},
		"typ of a plain JWT":               {func(f *forgery) { f.credential.header["typ"] = "JWT" }, "types of its tokens"},
		"typ of another case":              {func(f *forgery) { f.credential.header["typ"] = "DC+SD-JWT" }, "types of its tokens"},
		"no typ":                           {func(f *forgery) { delete(f.credential.header, "typ") }, "types of its tokens"},
		"a binding's typ for a credential": {func(f *forgery) { f.binding.header["typ"] = "dc+sd-jwt" }, "types of its tokens"},
		"no typ in the binding":            {func(f *forgery) { delete(f.binding.header, "typ") }, "types of its tokens"},
		"crit":                             {func(f *forgery) { f.credential.header["crit"] = []string{"exp"} }, "not understood"},
		"b64":                              {func(f *forgery) { f.binding.header["b64"] = false }, "not understood"},

		// the credential
		"no issuer":                  {issued("iss", ""), "lacks a claim"},
		"an issuer in a list":        {issued("iss", []string{issuerDID}), "lacks a claim"},
		"no type":                    {issued("vct", nil), "lacks a claim"},
		"no end":                     {func(f *forgery) { delete(f.credential.payload, "exp") }, "no end"},
		"an expired credential":      {issued("exp", within(0)), "credential has expired"},
		"an end as text":             {issued("exp", strconv.FormatInt(within(time.Hour), 10)), "no number"},
		"an end with a fraction":     {issued("exp", json.Number("1999999999.5")), "whole seconds"},
		"an end in powers":           {issued("exp", json.Number("9e9")), "whole seconds"},
		"an end beyond time":         {issued("exp", json.Number("99999999999999999999")), "whole seconds"},
		"a credential of later":      {issued("nbf", within(3*time.Minute)), "not valid yet"},
		"a credential of the future": {issued("iat", within(3*time.Minute)), "not valid yet"},
		"no key":                     {func(f *forgery) { delete(f.credential.payload, "cnf") }, "not bound to one key"},
		"a key's name only":          {issued("cnf", m{"kid": "x"}), "not bound to one key"},
		"two keys":                   {func(f *forgery) { f.credential.payload["cnf"] = m{"jwk": f.binding.by.JWK(), "jwe": "x"} }, "not bound to one key"},
		"a private key": {func(f *forgery) {
			f.credential.payload["cnf"] = m{"jwk": m{"kty": "OKP", "crv": "Ed25519", "x": f.binding.by.JWK().X, "d": "AA"}}
		}, "member of a private one"},
		"a key of small order":  {issued("cnf", m{"jwk": m{"kty": "OKP", "crv": "Ed25519", "x": segment(append([]byte{1}, make([]byte, 31)...))}}), "no usable public key"},
		"a shared secret":       {issued("cnf", m{"jwk": m{"kty": "oct", "k": "AAAA"}}), "member of a private one"},
		"a name twice":          {func(f *forgery) { f.credential.raw = `{"iss":"a","iss":"b"}` }, "one meaning"},
		"a name twice, escaped": {func(f *forgery) { f.credential.raw = `{"iss":"a","\u0069ss":"b"}` }, "one meaning"},
		"a name twice, deep":    {func(f *forgery) { f.credential.raw = `{"cnf":{"jwk":1,"jwk":2}}` }, "one meaning"},
		"two values":            {func(f *forgery) { f.credential.raw = `{} {}` }, "one meaning"},
		"no object":             {func(f *forgery) { f.credential.raw = `[]` }, "one meaning"},
		"too deep":              {func(f *forgery) { f.credential.raw = strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20) }, "one meaning"},

		// the binding
		"another audience":            {bound("aud", "secant:dev:other"), "something else"},
		"an audience in a list":       {bound("aud", []string{"secant:dev:secant"}), "something else"},
		"no audience":                 {bound("aud", nil), "something else"},
		"no nonce":                    {bound("nonce", ""), "something else"},
		"no hash":                     {bound("sd_hash", ""), "something else"},
		"the hash of another":         {bound("sd_hash", verify.Hash("another~")), "something else"},
		"an old signature":            {bound("iat", within(-10*time.Minute-time.Second)), "too old"},
		"a signature of later":        {bound("iat", within(3*time.Minute)), "not valid yet"},
		"a signature of no time":      {func(f *forgery) { delete(f.binding.payload, "iat") }, "too old"},
		"an expired binding":          {bound("exp", within(0)), "binding has expired"},
		"a binding of later":          {bound("nbf", within(3*time.Minute)), "not valid yet"},
		"a name twice in the binding": {func(f *forgery) { f.binding.raw = `{"aud":"a","aud":"secant:dev:secant"}` }, "one meaning"},

		// the parts
		"no binding":   {func(f *forgery) { f.binding.spoil = func(string) string { return "" } }, "no key binding"},
		"two bindings": {func(f *forgery) { f.tail = "~" + f.binding.compact(f.tb) }, "disclosure is not"},
		"padding":      {func(f *forgery) { f.binding.spoil = func(s string) string { return s + "==" } }, "not base64url"},
		"a line break": {func(f *forgery) { f.binding.spoil = func(s string) string { return s + "\n" } }, "not base64url"},
		"the other alphabet": {func(f *forgery) {
			f.binding.spoil = func(s string) string { return s[:len(s)-86] + strings.Repeat("+", 86) }
		}, "not base64url"},
		"four parts": {func(f *forgery) { f.binding.spoil = func(s string) string { return s + "." } }, "three parts"},
		"too long":   {func(f *forgery) { f.credential.payload["x"] = strings.Repeat("x", ledger.MaxPresentation) }, "at most"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := forge(t, edwards(t), edwards(t))
			c.attack(f)
			wantRefused(t, f, c.detail)
		})
	}
}

func wantRefused(t *testing.T, f *forgery, detail string) {
	t.Helper()
	got, err := f.judge()
	code := ledger.CodeOf(err)
	if code != ledger.CodeInvalid && code != ledger.CodeTooLarge || got != nil || !strings.Contains(err.Error(), detail) {
		t.Errorf("judged as %+v, %v; want it refused with %q", got, err, detail)
	}
}

func challenge(s ledger.Statement) string {
	c, err := s.Challenge()
	if err != nil {
		panic(err)
	}
	return c
}

// unsigned takes the signature off a compact token.
func unsigned(s string) string { return s[:strings.LastIndexByte(s, '.')+1] }

// changePayload changes text of a compact token's payload and keeps the signature.
func changePayload(from, to string) func(string) string {
	return func(s string) string {
		parts := strings.Split(s, ".")
		payload := strings.Replace(decoded(parts[1]), from, to, 1)
		return parts[0] + "." + segment([]byte(payload)) + "." + parts[2]
	}
}

func TestABoundOfTimeIsExact(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(f *forgery){
		"statement at its longest": func(f *forgery) { f.statement.Expires = now.Add(15 * time.Minute).Format(ledger.StatementTime) },
		"statement at its end":     func(f *forgery) { f.statement.Expires = now.Add(time.Millisecond).Format(ledger.StatementTime) },
		"signature at its oldest":  func(f *forgery) { f.binding.payload["iat"] = now.Add(-10 * time.Minute).Unix() },
		"wallet ahead":             func(f *forgery) { f.binding.payload["iat"] = now.Add(2 * time.Minute).Unix() },
		"issuer ahead":             func(f *forgery) { f.credential.payload["iat"] = now.Add(2 * time.Minute).Unix() },
		"credential at its end":    func(f *forgery) { f.credential.payload["exp"] = now.Add(time.Second).Unix() },
	} {
		f := forge(t, edwards(t), p256(t))
		change(f)
		if _, err := f.judge(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOneAgreementHasOneCommitment: a signature of ECDSA can be made into another
// one by anybody, and a holder can sign twice; what the ledger keeps is the same.
func TestOneAgreementHasOneCommitment(t *testing.T) {
	t.Parallel()
	f := forge(t, edwards(t), p256(t))
	seen := map[string]bool{}
	for i := range 4 {
		f.binding.payload["iat"] = now.Add(-time.Duration(i) * time.Second).Unix()
		if i == 3 {
			f.binding.spoil = otherSignature
		}
		got, err := f.judge()
		if err != nil {
			t.Fatal(err)
		}
		seen[got.Commitment] = true
	}
	if len(seen) != 1 {
		t.Errorf("%d commitments to one statement of one person", len(seen))
	}
	f = forge(t, edwards(t), p256(t))
	if got, err := f.judge(); err != nil || seen[got.Commitment] {
		t.Errorf("another person's commitment is the same (%v)", err)
	}
}

func TestTransientStatementsAreReadStrictly(t *testing.T) {
	t.Parallel()
	f := forge(t, edwards(t), edwards(t))
	good := string(f.transient())
	one := good[1 : len(good)-1]
	if _, err := verify.ParseStatements([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{
		"nothing":                      "",
		"null":                         "null",
		"no list":                      one,
		"an empty list":                "[]",
		"five":                         "[" + strings.Repeat(one+",", 4) + one + "]",
		"a null":                       "[null]",
		"more behind":                  good + "1",
		"a member more":                strings.Replace(good, `{"statement"`, `{"more":1,"statement"`, 1),
		"a member of a statement more": strings.Replace(good, `"v":1`, `"v":1,"more":1`, 1),
		"a member less":                strings.Replace(good, `"revision":3,`, ``, 1),
		"a member twice":               strings.Replace(good, `"revision":3`, `"revision":3,"revision":3`, 1),
		"a member of other case":       strings.Replace(good, `"revision"`, `"Revision"`, 1),
		"a null member":                strings.Replace(good, `"revision":3`, `"revision":null`, 1),
		"a number as text":             strings.Replace(good, `"revision":3`, `"revision":"3"`, 1),
		"a fraction":                   strings.Replace(good, `"revision":3`, `"revision":3.5`, 1),
		"a text as number":             strings.Replace(good, `"channel":"secant"`, `"channel":1`, 1),
		"no presentation":              strings.Replace(good, `"presentation":"ey`, `"presentation":"x`, 1),
		"a presentation's list":        strings.Replace(good, `"presentation":`, `"presentation":[],"x":`, 1),
		"too long":                     good + strings.Repeat(" ", ledger.MaxTransient),
	} {
		list, err := verify.ParseStatements([]byte(s))
		if code := ledger.CodeOf(err); list != nil || code != ledger.CodeInvalid && code != ledger.CodeTooLarge {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}

// TestAStatementHasOneForm is the form that wallets of any maker sign.
func TestAStatementHasOneForm(t *testing.T) {
	t.Parallel()
	s := forge(t, edwards(t), edwards(t)).statement
	got, err := s.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"v":1,"network":"dev","channel":"secant","chaincode":"secant","function":"device:Release",` +
		`"request":"` + ledger.BodyDigest([]byte("request")) + `","record":"` + s.Record + `","revision":3,` +
		`"nonce":"` + strings.Repeat("A", 43) + `","expires":"2026-01-05T08:05:00.000Z"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	if got := verify.Hash("secant/statement/v1\x00" + want); got != challenge(s) {
		t.Errorf("the challenge is %s, want %s", challenge(s), got)
	}
}
