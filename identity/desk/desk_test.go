package desk_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/certificate"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/keys/local"
	"github.com/secant-platform/secant/identity/lasting"
	"github.com/secant-platform/secant/identity/mdoc"
	"github.com/secant-platform/secant/identity/sdjwt"
	"github.com/secant-platform/secant/identity/status"
	"github.com/secant-platform/secant/identity/vc"
)

const (
	north   = "hospital-north"
	secant  = "did:secant:dev:hospital-north:credentials"
	web     = "did:web:localhost%3A7051:issuers:credentials"
	base    = "https://localhost:7051"
	address = base + "/status/"
)

// shelf keeps certificates.
type shelf struct{ all [][]byte }

func (s *shelf) Certificates() ([][]byte, error) { return s.all, nil }

func (s *shelf) AddCertificate(_ string, der []byte) error {
	s.all = append(s.all, der)
	return nil
}

// office is a desk with the store of a node, and the ledger's status lists.
type office struct {
	*desk.Desk
	store     *store.Store
	desks     desk.Store // what the desk keeps things in: store, or something before it
	keeper    keys.Keeper
	contexts  *vc.Contexts
	committed map[string]*ledger.StatusList
	dark      bool       // the ledger does not answer
	mu        sync.Mutex // guards committed
	now       time.Time
	authority *certificate.Authority
	resolver  *did.Resolver

	kind, organisation string
	last               func(*lasting.Certificate) (string, error)
	bbs                func() (string, *vc.BBSSigner, error)
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{kind: ledger.KindHospital, organisation: north, committed: map[string]*ledger.StatusList{}, now: time.Now().UTC().Truncate(time.Second), resolver: did.New(did.Config{})}
	var err error
	if o.store, err = store.Open(t.Context(), storetest.Place(t), store.Options{Organisation: north}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.store.Close() })
	o.desks = o.store
	if o.keeper, err = local.Open(t.TempDir(), []byte(strings.Repeat("k", local.MinSecret))); err != nil {
		t.Fatal(err)
	}
	if o.contexts, err = check.Contexts(); err != nil {
		t.Fatal(err)
	}
	o.authority, err = certificate.New(certificate.Options{
		Subject: certificate.Subject{Name: "North", Country: "XX", Base: base, DID: web}, Keys: o.keeper, Purpose: desk.PurposeIssuer, Store: &shelf{},
	})
	if err != nil {
		t.Fatal(err)
	}
	o.open(t)
	return o
}

// open opens the desk, as a node does that starts.
func (o *office) open(t *testing.T) {
	t.Helper()
	var err error
	o.Desk, err = desk.New(t.Context(), desk.Options{
		DID: secant, Web: web, Home: base, Kind: o.kind, Organisation: o.organisation, Last: o.last, BBS: o.bbs,
		Keys: o.keeper, Contexts: o.contexts, Chain: o.authority.Chain, Lists: address, Store: o.desks,
		Committed: func(_ context.Context, list string) (*ledger.StatusList, error) { return o.commitment(list) },
		Commit: func(_ context.Context, req ledger.CommitStatusList) error {
			if err := req.Validate(); err != nil {
				return err
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			before := o.committed[req.List]
			switch {
			case o.dark:
				return ledger.Problemf(ledger.CodeUnavailable, "the ledger does not answer")
			case before == nil && req.Version != 1, before != nil && req.Version != before.Version+1:
				return ledger.Problemf(ledger.CodeConflict, "another version stands")
			}
			o.committed[req.List] = &ledger.StatusList{
				V: 1, Issuer: req.Issuer, List: req.List, Version: req.Version, Digest: req.Digest, ValidUntil: req.ValidUntil,
			}
			return nil
		},
		Now: func() time.Time { return o.now },
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (o *office) commitment(list string) (*ledger.StatusList, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c, ok := o.committed[list]; ok {
		return c, nil
	}
	return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such list")
}

// Key knows the issuer under both of its names, and holders by themselves.
func (o *office) Key(ctx context.Context, party, keyID, relationship string, at time.Time) (ledger.JWK, error) {
	if party != secant && party != web && party != base {
		return o.resolver.Key(ctx, party, keyID, relationship, at)
	}
	methods, err := desk.Methods(o.keeper)
	if err != nil {
		return ledger.JWK{}, err
	}
	for _, k := range methods {
		if keyID == party+"#"+k.ID() && relationship == check.Assertion {
			return k.JWK(), nil
		}
	}
	return ledger.JWK{}, ledger.Problemf(ledger.CodeNotFound, "no such key")
}

// Standing takes the issuer's word for everything.
func (o *office) Standing(_ context.Context, issuer, _ string) (*check.Standing, error) {
	if issuer != secant && issuer != web && issuer != base {
		return nil, ledger.Problemf(ledger.CodeNotFound, "nobody knows the issuer")
	}
	return &check.Standing{Issuer: secant, State: ledger.TrustAccepted, Schema: "1.0.0", Organisation: north, Kind: ledger.KindHospital, Member: true}, nil
}

// Certified knows the issuer by its roots.
func (o *office) Certified(context.Context, *x509.Certificate) (*check.Certified, error) {
	return &check.Certified{Issuer: secant, Name: web, Roots: o.authority.Roots(o.now)}, nil
}

// verifier is another hospital's: it knows the ledger, and fetches lists.
func (o *office) verifier(t *testing.T) *check.Verifier {
	t.Helper()
	cache, err := status.NewCache(status.Options{
		Commitment: func(_ context.Context, _, list string) (*ledger.StatusList, error) { return o.commitment(list) },
		Fetch: func(ctx context.Context, uri string, _ int64) ([]byte, error) {
			e, err := o.List(ctx, strings.TrimPrefix(uri, address))
			if err != nil {
				return nil, err
			}
			return e.Body, nil
		},
		Now: func() time.Time { return o.now }, RetryAfter: time.Nanosecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := check.New(check.Options{
		Keys: o, Trust: o, Certificates: o, Now: func() time.Time { return o.now },
		Status: &check.Lists{Cache: cache, Contexts: o.contexts, Keys: o, Names: func(context.Context, string) []string { return []string{web} }},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newHolder(t *testing.T) keys.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := keys.FromCrypto(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var nurse = map[string]any{"role": "nurse", "organisation": north, "given_name": "Ada", "family_name": "Berg", "staff_number": "N-17"}

var practitioner = map[string]any{
	"profession": "nurse", "organisation": north, "given_name": "Ada", "family_name": "Berg",
	"licence_number": "L-4711", "licence_authority": "Board of Nursing", "licence_until": "2029-12-31",
}

var patient = map[string]any{
	"given_name": "Ida", "family_name": "Holm", "birthdate": "1961-04-30", "patient_number": "P-1", "age_over_18": true,
}

const (
	practitionerType = "io.github.secant-platform.practitioner.1"
	patientType      = "io.github.secant-platform.patient.1"
)

// present shows a credential as its holder does.
func (o *office) present(t *testing.T, i desk.Issued, holder keys.Signer) string {
	t.Helper()
	subject, err := did.JWKDID(holder.JWK())
	if err != nil {
		t.Fatal(err)
	}
	showing := vc.Showing{Holder: subject, KeyID: subject + "#0", Made: o.now, Question: vc.Question{Audience: "aud", Nonce: "n-1"}}
	var token string
	var b []byte
	switch i.Record.Format {
	case catalogue.MDoc:
		text, _ := i.Credential.(string)
		if b, err = base64.RawURLEncoding.DecodeString(text); err != nil {
			t.Fatal(err)
		}
		docType := map[string]string{"Patient": patientType, "Practitioner": practitionerType}[i.Record.Type]
		opened, fault := mdoc.Open(b)
		if fault != nil {
			t.Fatal(fault)
		}
		show := map[string][]string{docType: slices.Collect(maps.Keys(opened.Elements[docType]))}
		b, err = mdoc.Present(b, holder, show, mdoc.Session{ClientID: "aud", Nonce: "n-1", ResponseURI: "https://verifier.example/1"})
		token = base64.RawURLEncoding.EncodeToString(b)
	case catalogue.SDJWT:
		token, err = sdjwt.Present(i.Credential.(string), holder, nil, sdjwt.Binding{Audience: "aud", Nonce: "n-1", At: o.now})
	case catalogue.JWT:
		token, err = vc.PresentJWT(holder, showing, i.Credential.(string))
	case catalogue.LD:
		b, err = vc.Present(o.contexts, holder, showing, i.Credential.(json.RawMessage))
		token = string(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (o *office) judge(t *testing.T, v *check.Verifier, i desk.Issued, holder keys.Signer) (*check.Credential, error) {
	t.Helper()
	return v.Verify(t.Context(), check.Presented{Format: i.Record.Format, Token: o.present(t, i, holder)},
		check.Want{Types: []string{i.Record.Type}, Nonce: "n-1", Audience: "aud", ResponseURI: "https://verifier.example/1"})
}

func step(err error) check.Step {
	if r, ok := errors.AsType[*check.Refusal](err); ok {
		return r.Step
	}
	return ""
}

// TestAHolderIsNamedAsItNamedItself: of one key there are several did:jwk, and a
// wallet finds its own alone. A name that verifiers would not follow is not taken.
func TestAHolderIsNamedAsItNamedItself(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	holder := newHolder(t).JWK()
	own, err := did.JWKDID(holder)
	if err != nil {
		t.Fatal(err)
	}
	spelled := "did:jwk:" + base64.RawURLEncoding.EncodeToString([]byte(`{"y":"`+holder.Y+`","x":"`+holder.X+`","kty":"EC","crv":"P-256"}`))
	for name, want := range map[string]string{spelled: spelled, "": own, "did:web:attacker.example": own} {
		issued, err := o.Issue(t.Context(), desk.Order{
			Type: "StaffRole", Format: catalogue.JWT, Claims: nurse, Holders: []ledger.JWK{holder}, Names: []string{name},
		})
		if err != nil {
			t.Fatal(err)
		}
		j, err := verify.ParseJWS(issued[0].Credential.(string))
		if err != nil {
			t.Fatal(err)
		}
		claims, err := verify.ParseObject(j.Payload, 16)
		if err != nil || claims["sub"] != want {
			t.Errorf("who proved a key by %q is named %v, %v", name, claims["sub"], err)
		}
	}
	if _, err := o.Issue(t.Context(), desk.Order{
		Type: "StaffRole", Format: catalogue.JWT, Claims: nurse, Holders: []ledger.JWK{holder}, Names: []string{own, own},
	}); err == nil {
		t.Error("issued to more names than holders")
	}
}

// TestWhatIsIssuedVerifiesUntilItIsTakenBack, in each format, at a verifier that
// knows the list before the change, and again when it is reinstated.
func TestWhatIsIssuedVerifiesUntilItIsTakenBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if err := o.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, holder := o.verifier(t), newHolder(t)
	for format, typeName := range map[catalogue.Format]string{
		catalogue.SDJWT: "StaffRole", catalogue.JWT: "StaffRole", catalogue.LD: "StaffRole", catalogue.MDoc: "Practitioner",
	} {
		claims := nurse
		if typeName == "Practitioner" {
			claims = practitioner
		}
		issued, err := o.Issue(t.Context(), desk.Order{Type: typeName, Format: format, Claims: claims, Holders: []ledger.JWK{holder.JWK()}})
		if err != nil {
			t.Fatal(err)
		}
		one := issued[0]
		got, err := o.judge(t, v, one, holder)
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if diff := cmp.Diff(claims, got.Claims); diff != "" && format == catalogue.MDoc {
			t.Error(diff)
		}
		if got.Claims["organisation"] != north || got.Standing.Organisation != north || len(got.Status) == 0 {
			t.Errorf("%s: reads as %+v, status %v", format, got.Claims, got.Status)
		}
		for _, change := range []struct {
			to   status.Status
			want check.Step
		}{{status.Suspended, check.StepStatus}, {status.Valid, ""}, {status.Revoked, check.StepStatus}} {
			if _, err := o.SetStatus(t.Context(), one.Record.ID, change.to); err != nil {
				t.Fatal(err)
			}
			if _, err := o.judge(t, v, one, holder); step(err) != change.want || (err == nil) != (change.want == "") {
				t.Errorf("%s: with status %d: %v", format, change.to, err)
			}
		}
		if _, err := o.SetStatus(t.Context(), one.Record.ID, status.Valid); ledger.CodeOf(err) != ledger.CodeGone {
			t.Errorf("%s: a revoked one is reinstated: %v", format, err)
		}
	}
}

// TestARevocationOutlivesACrash: it was kept, and the ledger did not answer.
func TestARevocationOutlivesACrash(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if err := o.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	holder := newHolder(t)
	issued, err := o.Issue(t.Context(), desk.Order{Type: "StaffRole", Format: catalogue.SDJWT, Claims: nurse, Holders: []ledger.JWK{holder.JWK(), newHolder(t).JWK()}})
	if err != nil {
		t.Fatal(err)
	}
	if issued[0].Record.Index == issued[1].Record.Index {
		t.Error("two copies have one place")
	}
	o.dark = true
	if _, err := o.SetStatus(t.Context(), issued[0].Record.ID, status.Revoked); ledger.CodeOf(err) != ledger.CodeUnavailable {
		t.Fatal(err)
	}
	v := o.verifier(t)
	if _, err := o.judge(t, v, issued[0], holder); err != nil {
		t.Errorf("nobody was told, and it is refused: %v", err)
	}
	o.dark = false
	o.open(t)
	if err := o.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := o.judge(t, v, issued[0], holder); step(err) != check.StepStatus {
		t.Errorf("after the restart: %v", err)
	}
	versions := o.committed["1"].Version
	if err := o.Publish(t.Context()); err != nil || o.committed["1"].Version != versions {
		t.Errorf("published again without need: %v", err)
	}
	o.now = o.now.Add(13 * time.Hour)
	if err := o.Publish(t.Context()); err != nil || o.committed["1"].Version != versions+1 {
		t.Errorf("not published anew near its end: %v", err)
	}
	if r, err := o.store.Credential(t.Context(), issued[0].Record.ID); err != nil || r.Status != status.Revoked {
		t.Errorf("kept as %+v, %v", r, err)
	}
}

// TestAListIsServedWhileTheLedgerIsAway: however often somebody tries to change a
// status meanwhile, what the issuer is committed to can be had, and else nobody's
// credential could be judged.
func TestAListIsServedWhileTheLedgerIsAway(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if err := o.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	issued, err := o.Issue(t.Context(), desk.Order{Type: "StaffRole", Format: catalogue.SDJWT, Claims: nurse, Holders: []ledger.JWK{newHolder(t).JWK()}})
	if err != nil {
		t.Fatal(err)
	}
	served := func() {
		t.Helper()
		for _, list := range o.Lists() {
			if e, err := o.List(t.Context(), list); err != nil || e.Digest != o.committed[list].Digest {
				t.Fatalf("list %s: %v", list, err)
			}
		}
	}
	kept := func() int {
		t.Helper()
		editions, err := o.store.Editions(t.Context(), "1")
		if err != nil {
			t.Fatal(err)
		}
		return len(editions)
	}
	o.dark = true
	for range 12 {
		for _, to := range []status.Status{status.Suspended, status.Valid} {
			if _, err := o.SetStatus(t.Context(), issued[0].Record.ID, to); ledger.CodeOf(err) != ledger.CodeUnavailable {
				t.Fatal(err)
			}
			served()
		}
	}
	if n := kept(); n > 9 {
		t.Errorf("%d editions are kept", n)
	}
	before := kept()
	for range 3 {
		o.now = o.now.Add(time.Minute)
		if err := o.Publish(t.Context()); ledger.CodeOf(err) != ledger.CodeUnavailable || kept() != before {
			t.Errorf("an edition that was ready is made again: %d after %d, %v", kept(), before, err)
		}
	}
	o.dark = false
	if err := o.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	served()
}

// TestRotationKeepsWhatWasIssued: older keys stay among the methods.
func TestRotationKeepsWhatWasIssued(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if err := o.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, holder := o.verifier(t), newHolder(t)
	order := desk.Order{Type: "StaffRole", Format: catalogue.SDJWT, Claims: nurse, Holders: []ledger.JWK{holder.JWK()}}
	before, err := o.Issue(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.keeper.Rotate(desk.PurposeIssuer, "ES256"); err != nil {
		t.Fatal(err)
	}
	after, err := o.Issue(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	for name, i := range map[string]desk.Issued{"before": before[0], "after": after[0]} {
		if _, err := o.judge(t, v, i, holder); err != nil {
			t.Errorf("issued %s the rotation: %v", name, err)
		}
	}
}

func TestWhatCannotBeIssued(t *testing.T) {
	t.Parallel()
	o, holder := newOffice(t), newHolder(t)
	with := func(name string, value any) map[string]any {
		claims := map[string]any{}
		for k, v := range nurse {
			claims[k] = v
		}
		claims[name] = value
		return claims
	}
	for name, order := range map[string]desk.Order{
		"an unknown type":         {Type: "Nobility", Format: catalogue.SDJWT},
		"another kind's":          {Type: "DeviceCertification", Format: catalogue.SDJWT},
		"another format":          {Type: "StaffRole", Format: catalogue.MDoc, Claims: nurse},
		"another's organisation":  {Type: "StaffRole", Format: catalogue.SDJWT, Claims: with("organisation", "hospital-south")},
		"a claim of no such type": {Type: "StaffRole", Format: catalogue.SDJWT, Claims: with("salary", 1)},
		"too long":                {Type: "StaffRole", Format: catalogue.SDJWT, Claims: nurse, Life: 10000 * time.Hour},
		"no holder":               {Type: "StaffRole", Format: catalogue.SDJWT, Claims: nurse, Holders: []ledger.JWK{}},
		"a long reference":        {Type: "StaffRole", Format: catalogue.SDJWT, Claims: nurse, Reference: strings.Repeat("x", desk.MaxReference+1)},
	} {
		if order.Holders == nil {
			order.Holders = []ledger.JWK{holder.JWK()}
		}
		if _, err := o.Issue(t.Context(), order); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestACertificateIsLastingBeforeItIsHandedOut: of each copy in each format something
// is signed once more, and when that fails, nothing is handed out.
func TestACertificateIsLastingBeforeItIsHandedOut(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.kind, o.organisation = ledger.KindAuthority, "authority"
	seen := map[string]bool{}
	var failure error
	o.last = func(c *lasting.Certificate) (string, error) {
		seen[c.Digest()] = c.Issuer == web
		return "over " + c.Digest(), failure
	}
	o.open(t)
	order := desk.Order{
		Type: "DeviceCertification", Holders: []ledger.JWK{newHolder(t).JWK(), newHolder(t).JWK()},
		Claims: map[string]any{
			"unit": strings.Repeat("0f", 32), "di": "04012345678901", "release": "3.1.0", "catalogue": "IEC 81001-5-1", "verdict": "certified",
			"score": 9100, "result_digest": strings.Repeat("0a", 32), "assessed": "2026-11-04", "assessor": "authority",
		},
	}
	kind, _ := catalogue.Find(order.Type)
	for _, order.Format = range kind.Formats {
		clear(seen)
		issued, err := o.Issue(t.Context(), order)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range issued {
			b, ok := one.Credential.(json.RawMessage)
			if text, isText := one.Credential.(string); isText {
				b, ok = []byte(text), true
			}
			c, err := lasting.Open(o.contexts, order.Format, b)
			if !ok || err != nil || !seen[c.Digest()] {
				t.Fatalf("%s: handed out without: %v", order.Format, err)
			}
			if kept, err := o.store.Lasting(t.Context(), c.Digest()); err != nil || kept != "over "+c.Digest() {
				t.Errorf("%s: kept is %q, %v", order.Format, kept, err)
			}
		}
		if len(seen) != len(order.Holders) {
			t.Errorf("%s: %d were signed", order.Format, len(seen))
		}
		failure = errors.New("the disk is full")
		if _, err := o.Issue(t.Context(), order); !errors.Is(err, failure) {
			t.Errorf("%s: handed out all the same: %v", order.Format, err)
		}
		// Nor is there a record of what has none: a node that ends there has issued nothing.
		kept := 0
		if err := o.store.EachCredential(t.Context(), func(r desk.Record) error {
			if r.Format == order.Format {
				kept++
			}
			return nil
		}); err != nil || kept != len(order.Holders) {
			t.Errorf("%s: %d records are kept, %v", order.Format, kept, err)
		}
		failure = nil
	}
}
