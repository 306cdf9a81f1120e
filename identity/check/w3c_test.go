package check_test

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/vc"
)

// contexts are those that the platform knows.
var contexts = sync.OnceValue(func() *vc.Contexts {
	c, err := check.Contexts()
	if err != nil {
		panic(err)
	}
	return c
})

// The contexts of an attacker: one for types of its own, one for claims.
const (
	attackContext = "https://attacker.example/v1"
	adminContext  = "https://attacker.example/admin"
)

// moreContexts are those by which an attacker signs: some define more than the
// platform's of the same address.
var moreContexts = sync.OnceValue(func() *vc.Contexts {
	own := map[string][]byte{}
	for _, t := range catalogue.Types() {
		types, claims := t.Terms()
		if t.Name == "StaffRole" {
			own[attackContext] = vocabulary("https://attacker.example/#", []string{"Admin", "staffrole"}, claims)
			claims = append(claims, "is_root")
		}
		own[t.Contexts[len(t.Contexts)-1]] = vocabulary(catalogue.Vocabulary, types, claims)
	}
	own[adminContext] = vocabulary("https://attacker.example/#", nil, []string{"is_admin"})
	c, err := vc.NewContexts(own)
	if err != nil {
		panic(err)
	}
	return c
})

func vocabulary(base string, types, claims []string) []byte {
	b, err := vc.Vocabulary(base, types, claims)
	if err != nil {
		panic(err)
	}
	return b
}

// party is the holder's DID and the id of its key: a did:jwk, and of a device its
// own DID of the ledger.
func (s *scene) party() (did, keyID string) {
	s.tb.Helper()
	device := s.subject
	if t, ok := catalogue.Find(s.types[0]); ok && t.Subject == catalogue.Device && device == "" {
		unit, _ := s.claims["unit"].(string)
		device = ledger.DeviceDID("dev", unit)
	}
	if strings.HasPrefix(device, "did:secant:") {
		s.world.publish(device, now.Add(-1000*time.Hour), map[string]keys.Signer{"auth": s.holder})
		d := &s.world.dids[device][0].document
		d.Authentication, d.AssertionMethod = d.AssertionMethod, nil
		return device, device + "#auth"
	}
	did = didJWK(s.tb, s.holder)
	return did, did + "#0"
}

func didJWK(tb testing.TB, key keys.Signer) string {
	tb.Helper()
	return "did:jwk:" + segment(encode(tb, key.JWK()))
}

// kinds are the "type" and the contexts that a W3C credential of the scene has.
func (s *scene) kinds() (types, contexts []string) {
	if t, ok := catalogue.Find(s.types[0]); ok {
		return append(append(types, t.W3C...), s.types[1:]...), t.Contexts
	}
	return append([]string{"VerifiableCredential"}, s.types...), []string{attackContext}
}

func (s *scene) entry() m {
	return m{
		"type": "BitstringStatusListEntry", "statusPurpose": "revocation",
		"statusListIndex": strconv.Itoa(s.status.Index), "statusListCredential": s.status.URI,
	}
}

// jwtForgery is a presentation as a JWT in its parts.
type jwtForgery struct {
	*scene
	credential   jws
	presentation jws
	more         []any // credentials beside the one
}

// jwt makes the parts of a good one.
func (s *scene) jwt() *jwtForgery {
	s.tb.Helper()
	types, contexts := s.kinds()
	holder, holderKey := s.party()
	subject := holder
	if s.subject != "" {
		subject = s.subject
	}
	begins := s.begins
	if begins.IsZero() {
		begins = s.issued
	}
	said := m{
		"@context": append([]string{vc.ContextV1}, contexts...), "type": types, "credentialSubject": maps.Clone(s.claims),
	}
	if s.status != nil {
		said["credentialStatus"] = s.entry()
	}
	f := &jwtForgery{scene: s}
	f.credential = jws{by: s.by, header: m{"alg": keys.Algorithm(s.by), "typ": "JWT", "kid": s.keyID}, payload: m{
		"iss": s.issuer, "sub": subject, "iat": s.issued.Unix(), "nbf": begins.Unix(), "exp": s.expires.Unix(), "vc": said,
	}}
	f.presentation = jws{by: s.bearer, header: m{"alg": keys.Algorithm(s.bearer), "typ": "JWT", "kid": holderKey}, payload: m{
		"iss": holder, "aud": s.audience, "nonce": s.nonce, "iat": s.shown.Unix(), "nbf": s.shown.Unix(),
		"vp": m{"@context": []string{vc.ContextV1}, "type": []string{"VerifiablePresentation"}},
	}}
	return f
}

func (f *jwtForgery) vc() m { return f.credential.payload["vc"].(m) }
func (f *jwtForgery) vp() m { return f.presentation.payload["vp"].(m) }

func (f *jwtForgery) token() string {
	f.tb.Helper()
	if _, set := f.vp()["verifiableCredential"]; !set {
		f.vp()["verifiableCredential"] = append([]any{f.credential.compact(f.tb)}, f.more...)
	}
	return f.presentation.compact(f.tb)
}

// ldForgery is a presentation with Data Integrity proofs in its parts.
type ldForgery struct {
	*scene
	credential vc.Credential
	signed     func(m) // changes the credential after its proof
	shown      func(m) // changes the presentation after its proof
	showing    vc.Showing
}

// linked makes the parts of a good one.
func (s *scene) linked() *ldForgery {
	s.tb.Helper()
	types, contexts := s.kinds()
	holder, holderKey := s.party()
	f := &ldForgery{scene: s, credential: vc.Credential{
		Contexts: contexts, Types: types[1:], Issuer: s.issuer, KeyID: s.issuer + "#key-1", Holder: holder,
		Issued: s.issued, Begins: s.begins, Expires: s.expires, Subject: maps.Clone(s.claims),
	}}
	if s.subject != "" {
		f.credential.Holder = s.subject
	}
	if s.status != nil {
		f.credential.Status = []map[string]any{s.entry()}
	}
	f.showing = vc.Showing{Holder: holder, KeyID: holderKey, Made: s.shown, Question: vc.Question{Nonce: s.nonce, Audience: s.audience}}
	return f
}

func (f *ldForgery) token() string {
	f.tb.Helper()
	credential, err := vc.Issue(moreContexts(), f.by, f.credential)
	if err != nil {
		f.tb.Fatal(err)
	}
	credential = f.change(credential, func(d m) {
		if f.keyID != f.credential.KeyID {
			d["proof"].(m)["verificationMethod"] = f.keyID
		}
		if f.signed != nil {
			f.signed(d)
		}
	})
	presentation, err := vc.Present(moreContexts(), f.bearer, f.showing, credential)
	if err != nil {
		f.tb.Fatal(err)
	}
	return string(f.change(presentation, func(d m) {
		if f.shown != nil {
			f.shown(d)
		}
	}))
}

func (f *ldForgery) change(b []byte, change func(m)) []byte {
	f.tb.Helper()
	var d m
	if err := json.Unmarshal(b, &d); err != nil {
		f.tb.Fatal(err)
	}
	change(d)
	return encode(f.tb, d)
}

// TestJWTForgeriesAreRefused: what this format can have wrong.
func TestJWTForgeriesAreRefused(t *testing.T) {
	t.Parallel()
	unsigned := func(s string) string { return s[:strings.LastIndexByte(s, '.')+1] }
	for name, c := range map[string]struct {
		attack func(*jwtForgery)
		step   check.Step
	}{
		"no proof":               {func(f *jwtForgery) { f.credential.spoil = unsigned }, check.StepProof},
		"alg none":               {func(f *jwtForgery) { f.credential.header["alg"] = "none"; f.credential.spoil = unsigned }, check.StepFormat},
		"alg of a shared secret": {func(f *jwtForgery) { f.credential.header["alg"] = "HS256" }, check.StepFormat},
		"alg of the other kind":  {func(f *jwtForgery) { f.credential.header["alg"] = "ES256" }, check.StepProof},
		"a holder without proof": {func(f *jwtForgery) { f.presentation.spoil = unsigned }, check.StepBinding},
		"a holder by alg none":   {func(f *jwtForgery) { f.presentation.header["alg"] = "none"; f.presentation.spoil = unsigned }, check.StepFormat},
		"no presentation":        {func(f *jwtForgery) { f.presentation.raw = string(encode(f.tb, f.credential.payload)) }, check.StepFormat},
		"an attacker's did:key": {func(f *jwtForgery) {
			f.credential.by = edwards(f.tb)
			f.credential.header["kid"] = didJWK(f.tb, f.credential.by) + "#0"
		}, check.StepKey},
		"a key in the header": {func(f *jwtForgery) {
			f.credential.by = edwards(f.tb)
			f.credential.header["jwk"] = f.credential.by.JWK()
		}, check.StepProof},
		"another issuer inside":  {func(f *jwtForgery) { f.vc()["issuer"] = south }, check.StepFormat},
		"another subject inside": {func(f *jwtForgery) { f.vc()["credentialSubject"].(m)["id"] = "did:jwk:other" }, check.StepFormat},
		"another end inside":     {func(f *jwtForgery) { f.vc()["expirationDate"] = "2099-01-01T00:00:00Z" }, check.StepFormat},
		"no issuer":              {func(f *jwtForgery) { delete(f.credential.payload, "iss") }, check.StepIssuer},
		"no end":                 {func(f *jwtForgery) { delete(f.credential.payload, "exp") }, check.StepTime},
		"a credential of another's, with the attacker's own proof": {func(f *jwtForgery) {
			f.presentation.by = p256(f.tb)
			did := didJWK(f.tb, f.presentation.by)
			f.presentation.payload["iss"], f.presentation.header["kid"] = did, did+"#0"
		}, check.StepBinding},
		"a credential of nobody's":                {func(f *jwtForgery) { delete(f.credential.payload, "sub") }, check.StepBinding},
		"bound to another key than its subject's": {func(f *jwtForgery) { f.credential.payload["cnf"] = m{"jwk": p256(f.tb).JWK()} }, check.StepBinding},
		"a holder who could have us fetch": {func(f *jwtForgery) {
			f.presentation.payload["iss"], f.presentation.header["kid"] = "did:web:attacker.example", "did:web:attacker.example#0"
		}, check.StepBinding},
		"a key of the holder's for another purpose": {func(f *jwtForgery) {
			device := ledger.DeviceDID("dev", strings.Repeat("1f", 32))
			f.world.publish(device, now.Add(-time.Hour), map[string]keys.Signer{"auth": f.bearer})
			f.credential.payload["sub"] = device
			f.presentation.payload["iss"], f.presentation.header["kid"] = device, device+"#auth"
		}, check.StepBinding},
		"two audiences":             {func(f *jwtForgery) { f.presentation.payload["aud"] = []string{audience, "x"} }, check.StepBinding},
		"two credentials":           {func(f *jwtForgery) { f.more = []any{f.credential.compact(f.tb)} }, check.StepFormat},
		"no credential":             {func(f *jwtForgery) { f.vp()["verifiableCredential"] = []any{} }, check.StepFormat},
		"a credential as an object": {func(f *jwtForgery) { f.vp()["verifiableCredential"] = f.vc() }, check.StepFormat},
		"two types of ours":         {func(f *jwtForgery) { f.vc()["type"] = []string{"VerifiableCredential", "StaffRole", "Practitioner"} }, check.StepType},
		"another type beside":       {func(f *jwtForgery) { f.vc()["type"] = []string{"VerifiableCredential", "StaffRole", "Admin"} }, check.StepType},
		"not the common type":       {func(f *jwtForgery) { f.vc()["type"] = []string{"StaffRole"} }, check.StepType},
		"types that are no texts":   {func(f *jwtForgery) { f.vc()["type"] = []any{"VerifiableCredential", "StaffRole", 1} }, check.StepType},
		"a claim twice": {func(f *jwtForgery) {
			f.credential.raw = strings.Replace(string(encode(f.tb, f.credential.payload)), `"role":`, `"role":"auditor","role":`, 1)
		}, check.StepFormat},
		"a claim that nobody knows": {func(f *jwtForgery) { f.vc()["credentialSubject"].(m)["is_admin"] = true }, check.StepSchema},
		"two subjects":              {func(f *jwtForgery) { f.vc()["credentialSubject"] = []any{f.claims, f.claims} }, check.StepFormat},
		"a status of another kind":  {func(f *jwtForgery) { f.vc()["credentialStatus"] = m{"id": "x:y", "type": "RevocationList2020Status"} }, check.StepStatus},
		"one status of several that is bad": {func(f *jwtForgery) {
			other := f.entry()
			other["statusListIndex"] = "18"
			f.vc()["credentialStatus"] = []any{f.entry(), other}
			f.world.revoked[place(check.StatusRef{URI: listURI, Index: 18})] = true
		}, check.StepStatus},
		"revoked by the list that JWTs have": {func(f *jwtForgery) {
			f.credential.payload["status"] = m{"status_list": m{"idx": 18, "uri": listURI}}
			f.world.revoked[place(check.StatusRef{Kind: check.StatusToken, URI: listURI, Index: 18})] = true
		}, check.StepStatus},
		"a status of another kind beside": {func(f *jwtForgery) { f.credential.payload["status"] = m{"other": m{}} }, check.StepFormat},
		"an old time":                     {func(f *jwtForgery) { f.presentation.payload["iat"] = now.Add(-time.Hour).Unix() }, check.StepBinding},
		"oversized":                       {func(f *jwtForgery) { f.vc()["name"] = strings.Repeat("x", 20<<10) }, check.StepFormat},
		"nested deep": {func(f *jwtForgery) {
			f.vc()["name"] = json.RawMessage(strings.Repeat("[", 40) + strings.Repeat("]", 40))
		}, check.StepFormat},
	} {
		s := newScene(t, "StaffRole")
		f := s.jwt()
		c.attack(f)
		_, err := s.world.verifier(t).Verify(t.Context(), check.Presented{Format: catalogue.JWT, Token: f.token()}, s.want)
		refused(t, name, err, c.step)
	}
}

// TestAJWTPresentationNeedsNoTime: the data model 1.1 asks for none, and the nonce
// tells when it was made; a wrong one still is refused.
func TestAJWTPresentationNeedsNoTime(t *testing.T) {
	t.Parallel()
	s := newScene(t, "StaffRole")
	for _, nonce := range []string{s.nonce, "another"} {
		f := s.jwt()
		delete(f.presentation.payload, "iat")
		delete(f.presentation.payload, "nbf")
		f.presentation.payload["nonce"] = nonce
		_, err := s.world.verifier(t).Verify(t.Context(), check.Presented{Format: catalogue.JWT, Token: f.token()}, s.want)
		if nonce == s.nonce {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		refused(t, "another nonce", err, check.StepBinding)
	}
}

// TestLinkedForgeriesAreRefused: what this format can have wrong.
func TestLinkedForgeriesAreRefused(t *testing.T) {
	t.Parallel()
	proof := func(d m) m { return d["proof"].(m) }
	inner := func(d m) m { return d["verifiableCredential"].([]any)[0].(m) }
	for name, c := range map[string]struct {
		attack func(*ldForgery)
		step   check.Step
	}{
		"no proof":               {func(f *ldForgery) { f.signed = func(d m) { delete(d, "proof") } }, check.StepKey},
		"a proof for nothing":    {func(f *ldForgery) { f.signed = func(d m) { proof(d)["proofPurpose"] = "authentication" } }, check.StepFormat},
		"a changed claim":        {func(f *ldForgery) { f.signed = func(d m) { d["credentialSubject"].(m)["role"] = "auditor" } }, check.StepProof},
		"another cryptosuite":    {func(f *ldForgery) { f.signed = func(d m) { proof(d)["cryptosuite"] = "ecdsa-rdfc-2019" } }, check.StepProof},
		"an unknown cryptosuite": {func(f *ldForgery) { f.signed = func(d m) { proof(d)["cryptosuite"] = "none" } }, check.StepProof},
		"another kind of proof":  {func(f *ldForgery) { f.shown = func(d m) { proof(d)["type"] = "Ed25519Signature2020" } }, check.StepFormat},
		"a proof's own words":    {func(f *ldForgery) { f.signed = func(d m) { proof(d)["expires"] = "2099-01-01T00:00:00Z" } }, check.StepFormat},
		"two proofs":             {func(f *ldForgery) { f.signed = func(d m) { d["proof"] = []any{d["proof"], d["proof"]} } }, check.StepKey},
		"an undefined claim":     {func(f *ldForgery) { f.signed = func(d m) { d["credentialSubject"].(m)["is_root"] = true } }, check.StepFormat},
		"an undefined member":    {func(f *ldForgery) { f.signed = func(d m) { d["is_root"] = true } }, check.StepFormat},
		"an unknown context": {func(f *ldForgery) {
			f.credential.Contexts = append([]string{adminContext}, f.credential.Contexts...)
			f.credential.Subject["is_admin"] = true
		}, check.StepFormat},
		"a context of its own": {func(f *ldForgery) {
			f.shown = func(d m) { d["@context"] = []any{vc.ContextV2, m{"is_root": "https://attacker.example/#root"}} }
		}, check.StepFormat},
		"null":                  {func(f *ldForgery) { f.shown = func(d m) { inner(d)["name"] = nil } }, check.StepFormat},
		"no holder's proof":     {func(f *ldForgery) { f.shown = func(d m) { delete(d, "proof") } }, check.StepFormat},
		"another holder's name": {func(f *ldForgery) { f.shown = func(d m) { d["holder"] = didJWK(f.tb, p256(f.tb)) } }, check.StepBinding},
		"no presentation":       {func(f *ldForgery) { f.shown = func(d m) { one := inner(d); clear(d); maps.Copy(d, one) } }, check.StepBinding},
		"two credentials": {func(f *ldForgery) {
			f.shown = func(d m) { d["verifiableCredential"] = []any{inner(d), inner(d)} }
		}, check.StepFormat},
		"a credential that is put in": {func(f *ldForgery) {
			f.shown = func(d m) { inner(d)["credentialSubject"].(m)["role"] = "auditor" }
		}, check.StepBinding},
		"another challenge after the proof": {func(f *ldForgery) { f.showing.Nonce = "other"; f.shown = func(d m) { proof(d)["challenge"] = nonce } }, check.StepBinding},
		"another domain after the proof": {func(f *ldForgery) {
			f.showing.Audience = "other"
			f.shown = func(d m) { proof(d)["domain"] = audience }
		}, check.StepBinding},
		"an issuer as an object with a name of its own": {func(f *ldForgery) {
			f.signed = func(d m) { d["issuer"] = m{"id": d["issuer"], "name": "North"} }
		}, check.StepProof},
		"two types of ours": {func(f *ldForgery) {
			f.credential.Types = append(f.credential.Types, "Practitioner")
			f.credential.Contexts = append(f.credential.Contexts, "https://secant-platform.github.io/credentials/Practitioner/v1")
		}, check.StepType},
		"bound to nobody":           {func(f *ldForgery) { f.credential.Holder = "" }, check.StepBinding},
		"a credential of another's": {func(f *ldForgery) { f.credential.Holder = didJWK(f.tb, p256(f.tb)) }, check.StepBinding},
	} {
		s := newScene(t, "StaffRole")
		f := s.linked()
		c.attack(f)
		_, err := s.world.verifier(t).Verify(t.Context(), check.Presented{Format: catalogue.LD, Token: f.token()}, s.want)
		refused(t, name, err, c.step)
	}
}
