package check_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/keys"
)

var now = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

const (
	north    = "did:secant:dev:hospital-north:staff"
	south    = "did:secant:dev:hospital-south:staff"
	maker    = "did:secant:dev:medtech"
	nonce    = "n-0S6_WzA2Mj"
	audience = "x509_san_dns:north.example"

	responseURI = "https://north.example/responses/1"
)

// m is a JSON object.
type m = map[string]any

func edwards(tb testing.TB) keys.Signer {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return signer(tb, key)
}

func p256(tb testing.TB) keys.Signer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return signer(tb, key)
}

func signer(tb testing.TB, key crypto.Signer) keys.Signer {
	tb.Helper()
	s, err := keys.FromCrypto(key)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// version is a DID's document from a time on.
type version struct {
	from     time.Time
	document ledger.DIDKeys
}

// world is what a verifier knows: the ledger's records, by their keys.
type world struct {
	now       time.Time
	dids      map[string][]version
	rows      map[string]*ledger.TrustRow // by issuer and type
	members   map[string]*ledger.Organisation
	roster    *ledger.Roster
	units     map[string]ledger.JWK        // keys of devices
	certified map[string]*check.Certified  // by DNS name
	outside   map[string]bool              // issuers that the node itself believes
	aliases   map[string]string            // did:web of issuers of the ledger
	revoked   map[string]bool              // by address and index
	lists     map[string]ledger.StatusList // by address
	down      error                        // what every source answers
	mu        sync.Mutex
	lookedUp  []string // which sources were asked
}

func newWorld() *world {
	w := &world{
		now: now, dids: map[string][]version{}, rows: map[string]*ledger.TrustRow{},
		members: map[string]*ledger.Organisation{}, roster: &ledger.Roster{Network: "dev"},
		units: map[string]ledger.JWK{}, certified: map[string]*check.Certified{}, outside: map[string]bool{}, aliases: map[string]string{},
		revoked: map[string]bool{}, lists: map[string]ledger.StatusList{},
	}
	for id, kind := range map[string]string{
		"hospital-north": ledger.KindHospital, "hospital-south": ledger.KindHospital,
		"medtech": ledger.KindManufacturer, "authority": ledger.KindAuthority,
	} {
		w.members[id] = &ledger.Organisation{ID: id, Kind: kind}
		w.roster.Organisations = append(w.roster.Organisations, id)
	}
	return w
}

// publish gives a DID a new document, in which each key may make assertions.
func (w *world) publish(did string, from time.Time, methods map[string]keys.Signer) {
	var document ledger.DIDKeys
	for _, id := range slices.Sorted(maps.Keys(methods)) {
		document.VerificationMethod = append(document.VerificationMethod, ledger.VerificationMethod{
			ID: id, Type: ledger.MethodJSONWebKey, PublicKeyJWK: methods[id].JWK(),
		})
		document.AssertionMethod = append(document.AssertionMethod, id)
	}
	w.dids[did] = append(w.dids[did], version{from, document})
}

// asked notes that a source was asked.
func (w *world) asked(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lookedUp = append(w.lookedUp, what)
}

// place names where a status stands, whichever kind it is.
func place(ref check.StatusRef) string { return fmt.Sprintf("%s#%d", ref.URI, ref.Index) }

func (w *world) accept(issuer string, types ...string) {
	for _, name := range types {
		w.rows[issuer+" "+name] = &ledger.TrustRow{Issuer: issuer, CredentialType: name, State: ledger.TrustAccepted, Schema: "1.0.0"}
	}
}

// Key reads the version of the document that held at that time.
func (w *world) Key(_ context.Context, issuer, keyID, relationship string, at time.Time) (ledger.JWK, error) {
	if !strings.HasPrefix(issuer, "did:jwk:") { // which is its own document
		w.asked("key " + keyID)
	}
	if w.down != nil {
		return ledger.JWK{}, w.down
	}
	if text, ok := strings.CutPrefix(issuer, "did:jwk:"); ok {
		return ofJWK(text, keyID == issuer+"#0")
	}
	fragment, ok := strings.CutPrefix(keyID, issuer+"#")
	if !ok {
		return ledger.JWK{}, ledger.Problemf(ledger.CodeInvalid, "%s is no key of %s", keyID, issuer)
	}
	var current *ledger.DIDKeys
	for _, v := range w.dids[issuer] {
		if !v.from.After(at) {
			current = &v.document
		}
	}
	if current == nil {
		return ledger.JWK{}, ledger.Problemf(ledger.CodeNotFound, "there is no %s", issuer)
	}
	named := current.AssertionMethod
	if relationship == check.Authentication {
		named = current.Authentication
	}
	key, ok := current.Method(named, fragment)
	if !ok {
		return ledger.JWK{}, ledger.Problemf(ledger.CodeNotFound, "there is no %s", keyID)
	}
	return key, nil
}

// ofJWK reads a did:jwk.
func ofJWK(text string, named bool) (ledger.JWK, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || !named {
		return ledger.JWK{}, ledger.Problemf(ledger.CodeInvalid, "%s is no key", text)
	}
	key, err := verify.ParseJWK(b)
	if err != nil {
		return ledger.JWK{}, err
	}
	return key.JWK(), nil
}

// UnitKey reads the units' rows.
func (w *world) UnitKey(_ context.Context, unit string) (ledger.JWK, error) {
	w.asked("unit " + unit)
	if w.down != nil {
		return ledger.JWK{}, w.down
	}
	key, ok := w.units[unit]
	if !ok {
		return ledger.JWK{}, ledger.Problemf(ledger.CodeNotFound, "there is no unit %s that signs", unit)
	}
	return key, nil
}

func (w *world) Standing(_ context.Context, issuer, credentialType string) (*check.Standing, error) {
	w.asked("trust " + issuer)
	if w.down != nil {
		return nil, w.down
	}
	if w.outside[issuer] {
		return &check.Standing{Issuer: issuer, State: ledger.TrustAccepted, Outside: true}, nil
	}
	if did, ok := w.aliases[issuer]; ok {
		issuer = did
	}
	id, ok := ledger.ParseDID(issuer)
	if !ok {
		return nil, ledger.Problemf(ledger.CodeNotFound, "nobody knows %s", issuer)
	}
	return check.StandingOf(w.rows[issuer+" "+credentialType], w.members[id.Org], w.roster), nil
}

func (w *world) Valid(_ context.Context, q check.StatusQuestion) error {
	ref := q.Ref
	w.asked("status " + ref.URI)
	if w.down != nil {
		return w.down
	}
	list, ok := w.lists[ref.URI]
	if !ok || list.Issuer != q.Issuer || !q.At.Before(list.ValidUntil) {
		return ledger.Problemf(ledger.CodeDenied, "%s is stale, or of another than %s", ref.URI, q.Issuer)
	}
	if w.revoked[place(ref)] {
		return ledger.Problemf(ledger.CodeDenied, "%d of %s is revoked", ref.Index, ref.URI)
	}
	return nil
}

func (w *world) verifier(tb testing.TB) *check.Verifier {
	tb.Helper()
	v, err := check.New(check.Options{Keys: w, Trust: w, Status: w, Certificates: w, Units: w, Now: func() time.Time { return w.now }, Contexts: contexts()})
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// scene is a credential and its presentation, as a maker of its format makes them
// and a verifier judges them: as newScene makes it, it is good.
type scene struct {
	tb    testing.TB
	world *world
	want  check.Want

	issuer  string
	keyID   string
	by      keys.Signer // signs the credential
	types   []string    // the first is the catalogue's
	subject string
	claims  m
	show    []string
	issued  time.Time
	begins  time.Time
	expires time.Time
	status  *check.StatusRef

	holder   keys.Signer // to whom it is issued
	bearer   keys.Signer // who presents it
	nonce    string
	audience string
	shown    time.Time
}

const listURI = "https://north.example/status/staff-1"

// sceneFor is a scene of a type that has the format.
func sceneFor(tb testing.TB, f catalogue.Format) *scene {
	tb.Helper()
	if f == catalogue.MDoc {
		return newScene(tb, "Practitioner")
	}
	return newScene(tb, "StaffRole")
}

// coded is a claim of the scene's type with a closed set of values, and free one of
// any text.
func (s *scene) coded() string {
	return map[string]string{"StaffRole": "role", "Practitioner": "profession"}[s.types[0]]
}

func (s *scene) free() string {
	return map[string]string{"StaffRole": "department", "Practitioner": "speciality"}[s.types[0]]
}

func newScene(tb testing.TB, typeName string) *scene {
	tb.Helper()
	w := newWorld()
	key, holder := edwards(tb), p256(tb)
	t, ok := catalogue.Find(typeName)
	if !ok {
		tb.Fatalf("no type %s", typeName)
	}
	if t.ByDevice {
		holder = edwards(tb)
	}
	s := &scene{
		tb: tb, world: w, want: check.Want{
			Types: []string{typeName}, Nonce: nonce, Audience: audience, ResponseURI: responseURI, Thumbprint: make([]byte, 32),
		},
		issuer: north, by: key, types: []string{typeName}, claims: example(tb, typeName), show: t.Hidden(),
		issued: now.Add(-time.Hour), expires: now.Add(10 * time.Hour),
		status: &check.StatusRef{Kind: check.StatusToken, URI: listURI, Index: 17},
		holder: holder, bearer: holder, nonce: nonce, audience: audience, shown: now,
	}
	switch {
	case t.By(ledger.KindHospital):
	case t.By(ledger.KindManufacturer):
		s.issuer = maker
	default:
		s.issuer = "did:secant:dev:authority"
	}
	if unit, ok := s.claims["unit"].(string); ok {
		w.units[unit] = holder.JWK()
	}
	s.keyID = s.issuer + "#key-1"
	w.publish(s.issuer, now.Add(-1000*time.Hour), map[string]keys.Signer{"key-1": key, "key-10": edwards(tb)})
	w.accept(s.issuer, typeName)
	w.lists[listURI] = ledger.StatusList{Issuer: s.issuer, ValidUntil: now.Add(time.Hour)}
	return s
}

// example returns the catalogue's example of a type's claims.
func example(tb testing.TB, typeName string) m {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("..", "catalogue", "testdata", "examples.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var all map[string]m
	if err := json.Unmarshal(b, &all); err != nil {
		tb.Fatal(err)
	}
	return all[typeName]
}

func (s *scene) judge(f catalogue.Format) (*check.Credential, error) {
	s.tb.Helper()
	token := makers[f](s)
	return s.world.verifier(s.tb).Verify(s.tb.Context(), check.Presented{Format: f, Token: token}, s.want)
}

// makers make the presentation of a scene in each format.
var makers = map[catalogue.Format]func(*scene) string{
	catalogue.SDJWT: func(s *scene) string { return s.sdjwt().token() },
	catalogue.JWT:   func(s *scene) string { return s.jwt().token() },
	catalogue.LD:    func(s *scene) string { return s.linked().token() },
	catalogue.MDoc:  func(s *scene) string { return s.mdoc().token() },
}
