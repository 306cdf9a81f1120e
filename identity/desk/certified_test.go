package desk_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/certificate"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/mdoc"
)

// TestAnMDocSaysWhatTheClaimsAre: days as days, everything else as it is, for no
// longer than its certificate lasts.
func TestAnMDocSaysWhatTheClaimsAre(t *testing.T) {
	t.Parallel()
	o, holder := newOffice(t), newHolder(t)
	order := desk.Order{Type: "Patient", Format: catalogue.MDoc, Claims: patient, Holders: []ledger.JWK{holder.JWK()}}
	issued, err := o.Issue(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	b, err := base64.RawURLEncoding.DecodeString(issued[0].Credential.(string))
	if err != nil {
		t.Fatal(err)
	}
	got, err := mdoc.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	want := maps.Clone(patient)
	want["birthdate"] = mdoc.Date("1961-04-30")
	if diff := cmp.Diff(map[string]map[string]any{patientType: want}, got.Elements); diff != "" {
		t.Error(diff)
	}
	if got.DocType != patientType || got.Holder != holder.JWK() || !got.ValidUntil.Equal(o.now.Add(certificate.MaxCredential)) {
		t.Errorf("%+v", got)
	}
	order.Life = certificate.MaxCredential + time.Second
	if _, err := o.Issue(t.Context(), order); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("longer than its certificate: %v", err)
	}
	order.Format = catalogue.SDJWT
	if _, err := o.Issue(t.Context(), order); err != nil {
		t.Errorf("as long, in a format that has no certificate: %v", err)
	}
}

// TestACertifiedCredentialIsTakenEitherWay: by the certificate, whose names have the
// issuer in it, and by the key's id.
func TestACertifiedCredentialIsTakenEitherWay(t *testing.T) {
	t.Parallel()
	o, holder := newOffice(t), newHolder(t)
	if err := o.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	order := desk.Order{Type: "StaffRole", Format: catalogue.SDJWT, Claims: nurse, Holders: []ledger.JWK{holder.JWK()}, Certified: true}
	issued, err := o.Issue(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.judge(t, o.verifier(t), issued[0], holder); err != nil {
		t.Error(err)
	}
	parts := strings.Split(issued[0].Credential.(string), ".")
	var header struct{ X5C [][]byte }
	var claims struct{ Iss string }
	for part, into := range map[string]any{parts[0]: &header, parts[1]: &claims} {
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatal(err)
		}
	}
	if len(header.X5C) != 1 {
		t.Fatalf("%d certificates", len(header.X5C))
	}
	leaf, err := x509.ParseCertificate(header.X5C[0])
	if err != nil || leaf.URIs[0].String() != claims.Iss || leaf.CheckSignatureFrom(o.authority.Roots(o.now)[0]) != nil {
		t.Errorf("%v: the certificate of %v for the issuer %s", err, leaf.URIs, claims.Iss)
	}
	for name, bad := range map[string]desk.Order{
		"another format": {Type: "StaffRole", Format: catalogue.JWT, Claims: nurse, Certified: true},
		"a statement's":  {Type: ledger.CredentialReleaser, Format: catalogue.SDJWT, Certified: true},
	} {
		if err := o.Check(bad); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
