package did_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
)

// vector is RFC 8037's key, appendix A.2.
var vector = ledger.JWK{Kty: "OKP", Crv: "Ed25519", X: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}

// TestResolutionHasTheShapeOfTheUniversalResolver pins the wire format.
func TestResolutionHasTheShapeOfTheUniversalResolver(t *testing.T) {
	t.Parallel()
	second := record(lab, 2, born.Add(time.Hour), vector)
	b := &books{versions: map[string][]ledger.DID{lab: {record(lab, 1, born, vector), second, record(lab, 3, born.Add(2*time.Hour))}}}
	res, err := resolver(b).Resolve(t.Context(), lab+"?versionId=2#key-1", did.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(res, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden := `{
 "@context": "https://w3id.org/did-resolution/v1",
 "didDocument": {
  "@context": [
   "https://www.w3.org/ns/did/v1",
   "https://w3id.org/security/jwk/v1"
  ],
  "id": "did:secant:dev:HospitalNorthMSP:lab",
  "alsoKnownAs": [
   "did:web:north.example"
  ],
  "verificationMethod": [
   {
    "id": "did:secant:dev:HospitalNorthMSP:lab#key-1",
    "type": "JsonWebKey",
    "controller": "did:secant:dev:HospitalNorthMSP:lab",
    "publicKeyJwk": {
     "kty": "OKP",
     "crv": "Ed25519",
     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    }
   }
  ],
  "authentication": [
   "did:secant:dev:HospitalNorthMSP:lab#key-1"
  ],
  "assertionMethod": [
   "did:secant:dev:HospitalNorthMSP:lab#key-1"
  ],
  "capabilityInvocation": [
   "did:secant:dev:HospitalNorthMSP:lab#key-1"
  ],
  "service": [
   {
    "id": "did:secant:dev:HospitalNorthMSP:lab#credentials",
    "type": "CredentialIssuer",
    "serviceEndpoint": "https://north.example/credentials"
   }
  ]
 },
 "didResolutionMetadata": {
  "contentType": "application/did+ld+json"
 },
 "didDocumentMetadata": {
  "created": "2026-03-01T12:00:00Z",
  "updated": "2026-03-01T13:00:00Z",
  "deactivated": true,
  "versionId": "2",
  "nextVersionId": "3"
 }
}`
	if diff := cmp.Diff(golden, string(got)); diff != "" {
		t.Error(diff)
	}
	parsed, err := did.ParseDocument(mustJSON(t, res.Document))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(mustJSON(t, res.Document), mustJSON(t, parsed)); diff != "" {
		t.Errorf("what is written reads as another: %s", diff)
	}
}

func mustJSON(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestADeactivatedDIDHasADocumentWithoutKeys(t *testing.T) {
	t.Parallel()
	b := &books{versions: map[string][]ledger.DID{lab: {record(lab, 1, born, vector), record(lab, 2, born.Add(time.Hour))}}}
	res, err := resolver(b).Resolve(t.Context(), lab, did.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !res.DocumentMetadata.Deactivated || res.DocumentMetadata.VersionID != "2" || len(res.Document.VerificationMethod) > 0 {
		t.Errorf("it resolves to %+v", res)
	}
	_, err = resolver(b).Key(t.Context(), lab, lab+"#key-1", did.AssertionMethod, born.Add(2*time.Hour))
	want(t, ledger.CodeNotFound, err)
}

func TestErrorsAreNamedAsInDIDCore(t *testing.T) {
	t.Parallel()
	b := &books{versions: map[string][]ledger.DID{lab: {record(lab, 1, born, vector)}}}
	for name, c := range map[string]struct {
		did   string
		o     did.Options
		error string
		code  ledger.Code
	}{
		"no DID":                    {"hello", did.Options{}, did.ErrorInvalidDID, ledger.CodeInvalid},
		"empty":                     {"", did.Options{}, did.ErrorInvalidDID, ledger.CodeInvalid},
		"not of the method":         {"did:secant:dev", did.Options{}, did.ErrorInvalidDID, ledger.CodeInvalid},
		"unknown":                   {north, did.Options{}, did.ErrorNotFound, ledger.CodeNotFound},
		"another network":           {"did:secant:prod:HospitalNorthMSP:lab", did.Options{}, did.ErrorNotFound, ledger.CodeNotFound},
		"another method":            {"did:example:123", did.Options{}, did.ErrorMethodNotSupported, ledger.CodeInvalid},
		"no client for the web":     {"did:web:north.example", did.Options{}, did.ErrorMethodNotSupported, ledger.CodeInvalid},
		"a path":                    {lab + "/x", did.Options{}, did.ErrorInvalidDID, ledger.CodeInvalid},
		"an unknown query":          {lab + "?service=x", did.Options{}, did.ErrorInvalidDID, ledger.CodeInvalid},
		"a query twice":             {lab + "?versionId=1&versionId=1", did.Options{}, did.ErrorInvalidDID, ledger.CodeInvalid},
		"a version that is not":     {lab + "?versionId=2", did.Options{}, did.ErrorNotFound, ledger.CodeNotFound},
		"a version by another name": {lab + "?versionId=01", did.Options{}, did.ErrorInvalidDID, ledger.CodeInvalid},
		"no time":                   {lab + "?versionTime=yesterday", did.Options{}, did.ErrorInvalidDID, ledger.CodeInvalid},
		"before the first":          {lab + "?versionTime=2020-01-01T00:00:00Z", did.Options{}, did.ErrorNotFound, ledger.CodeNotFound},
		"two versions":              {lab + "?versionId=1", did.Options{VersionID: "1"}, did.ErrorInvalidDID, ledger.CodeInvalid},
		"a version and a time":      {lab, did.Options{VersionID: "1", VersionTime: born}, did.ErrorInvalidDID, ledger.CodeInvalid},
		"a version of a key":        {"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", did.Options{VersionID: "1"}, did.ErrorInvalidDID, ledger.CodeInvalid},
	} {
		res, err := resolver(b).Resolve(t.Context(), c.did, c.o)
		if want(t, c.code, err); res == nil || res.ResolutionMetadata.Error != c.error || res.Document != nil {
			t.Errorf("%s: resolves to %+v, want %s", name, res, c.error)
		}
	}
	b.fault = errors.New("the peer is down")
	res, err := resolver(b).Resolve(t.Context(), lab, did.Options{})
	if err == nil || res.ResolutionMetadata.Error != did.ErrorInternal || res.ResolutionMetadata.Message != "" {
		t.Errorf("a fault resolves to %+v (%v)", res, err)
	}
	if _, err := did.New(did.Config{}).Resolve(t.Context(), lab, did.Options{}); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("without a ledger: %v", err)
	}
}

// liar answers another document than was asked for.
type liar struct{ books }

func TestALedgerThatAnswersAnotherDocumentIsNotBelieved(t *testing.T) {
	t.Parallel()
	l := &liar{books{versions: map[string][]ledger.DID{lab: {record(north, 1, born, vector)}}}}
	if _, err := resolver(&l.books).Resolve(t.Context(), lab, did.Options{}); err == nil {
		t.Error("the document of another DID is taken")
	}
	l.versions[lab] = []ledger.DID{record(lab, 7, born, vector)}
	if _, err := resolver(&l.books).Resolve(t.Context(), lab, did.Options{VersionID: "1"}); err == nil {
		t.Error("another version is taken")
	}
}

// TestTheVersionInForce walks many versions, and asks around each of their times.
func TestTheVersionInForce(t *testing.T) {
	t.Parallel()
	const versions = 50
	b := &books{versions: map[string][]ledger.DID{}}
	public := make([]ledger.JWK, versions)
	at := func(revision int) time.Time { return born.Add(time.Duration(revision-1) * time.Minute) }
	for i := range public {
		public[i] = newJWK(t, ledger.CurveEd25519)
		b.versions[lab] = append(b.versions[lab], record(lab, i+1, at(i+1), public[i]))
	}
	r := resolver(b)
	for revision := 1; revision <= versions; revision++ {
		for _, moment := range []time.Time{at(revision), at(revision + 1).Add(-time.Nanosecond)} {
			key, err := r.Key(t.Context(), lab, lab+"#key-1", did.AssertionMethod, moment)
			if err != nil || key != public[revision-1] {
				t.Errorf("revision %d at %v: %v (%v)", revision, moment, key, err)
			}
		}
		// What "updated" says, to the second, is in force from then on.
		res, err := r.Resolve(t.Context(), lab, did.Options{VersionTime: at(revision).Truncate(time.Second)})
		if err != nil || res.DocumentMetadata.VersionID != itoa(revision) {
			t.Errorf("revision %d: %+v (%v)", revision, res, err)
		}
	}
	_, err := r.Key(t.Context(), lab, lab+"#key-1", did.AssertionMethod, born.Add(-time.Nanosecond))
	want(t, ledger.CodeNotFound, err)

	before := b.reads.Load()
	if _, err := resolver(b).Key(t.Context(), lab, "#key-1", did.AssertionMethod, at(3)); err != nil {
		t.Error(err)
	}
	if n := b.reads.Load() - before; n > 7 {
		t.Errorf("%d reads for a past version of %d", n, versions)
	}
	before = b.reads.Load()
	if _, err := r.Key(t.Context(), lab, "#key-1", did.AssertionMethod, at(3)); err != nil {
		t.Error(err)
	}
	if n := b.reads.Load() - before; n != 1 {
		t.Errorf("%d reads though past versions are known", n)
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func TestAKeyIsNamedExactlyAndForOnePurpose(t *testing.T) {
	t.Parallel()
	first, second := newJWK(t, ledger.CurveEd25519), newJWK(t, ledger.CurveP256)
	current := record(lab, 1, born, first, second)
	current.Keys.VerificationMethod[1].ID = "key-10"
	current.Keys.AssertionMethod = []string{"key-10"}
	b := &books{versions: map[string][]ledger.DID{lab: {current}, north: {record(north, 1, born, first)}}}
	r := resolver(b)
	now := born.Add(time.Hour)
	for _, kid := range []string{lab + "#key-10", "#key-10"} {
		if key, err := r.Key(t.Context(), lab, kid, did.AssertionMethod, now); err != nil || key != second {
			t.Errorf("%s: %v (%v)", kid, key, err)
		}
	}
	if key, err := r.Key(t.Context(), lab, lab+"#key-1", did.Authentication, now); err != nil || key != first {
		t.Errorf("authentication: %v (%v)", key, err)
	}
	for name, c := range map[string]struct {
		issuer, kid, relationship string
		code                      ledger.Code
	}{
		"the key's name begins like it":     {lab, lab + "#key-1", did.AssertionMethod, ledger.CodeNotFound},
		"its name is longer":                {lab, lab + "#key-100", did.AssertionMethod, ledger.CodeNotFound},
		"a part of its name":                {lab, "key-10", did.AssertionMethod, ledger.CodeNotFound},
		"no name":                           {lab, "", did.AssertionMethod, ledger.CodeNotFound},
		"no fragment":                       {lab, lab + "#", did.AssertionMethod, ledger.CodeNotFound},
		"the DID alone":                     {lab, lab, did.AssertionMethod, ledger.CodeNotFound},
		"another DID's key":                 {lab, north + "#key-1", did.Authentication, ledger.CodeNotFound},
		"its organisation's":                {north, lab + "#key-10", did.AssertionMethod, ledger.CodeNotFound},
		"a query before the fragment":       {lab, lab + "?versionId=1#key-10", did.AssertionMethod, ledger.CodeNotFound},
		"another purpose":                   {lab, lab + "#key-10", did.Authentication, ledger.CodeNotFound},
		"agreement":                         {lab, lab + "#key-10", did.KeyAgreement, ledger.CodeInvalid},
		"no purpose":                        {lab, lab + "#key-10", "", ledger.CodeInvalid},
		"a purpose in another case":         {lab, lab + "#key-10", "AssertionMethod", ledger.CodeInvalid},
		"an issuer with a fragment":         {lab + "#key-10", "#key-10", did.AssertionMethod, ledger.CodeInvalid},
		"an issuer that asks for a version": {lab + "?versionId=1", "#key-10", did.AssertionMethod, ledger.CodeInvalid},
		"an issuer that is no DID":          {"https://north.example", "#key-10", did.AssertionMethod, ledger.CodeInvalid},
		"another network's issuer":          {"did:secant:prod:HospitalNorthMSP:lab", "#key-10", did.AssertionMethod, ledger.CodeInvalid},
	} {
		_, err := r.Key(t.Context(), c.issuer, c.kid, c.relationship, now)
		if ledger.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	_, err := r.Key(t.Context(), lab, "#key-10", did.AssertionMethod, time.Time{})
	want(t, ledger.CodeInvalid, err)
}
