package check_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// TestAnswersOfWalletsAreJudged: each format, asked for as OpenID4VP does, and its
// claims where a query points at them.
func TestAnswersOfWalletsAreJudged(t *testing.T) {
	t.Parallel()
	const docType = "io.github.secant-platform.practitioner.1"
	for f, c := range map[catalogue.Format]struct {
		asked []string
		path  oid4vp.Path
	}{
		catalogue.SDJWT: {[]string{"Practitioner"}, oid4vp.Path{"profession"}},
		catalogue.JWT:   {[]string{"Practitioner", "VerifiableCredential"}, oid4vp.Path{"credentialSubject", "profession"}},
		catalogue.LD:    {[]string{"Practitioner", "VerifiableCredential"}, oid4vp.Path{"credentialSubject", "profession"}},
		catalogue.MDoc:  {[]string{docType}, oid4vp.Path{docType, "profession"}},
	} {
		s := newScene(t, "Practitioner")
		var judge oid4vp.Judge = s.world.verifier(t).Answer
		presented := oid4vp.Presented{Format: oid4vp.Format(f), Query: "q", Token: makers[f](s)}
		want := oid4vp.Want{
			Nonce: nonce, Audience: audience, ResponseURI: responseURI, Thumbprint: make([]byte, 32), Types: c.asked, Bound: true, At: now,
		}
		judged, err := judge(t.Context(), presented, want)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		query := oid4vp.Query{Credentials: []oid4vp.CredentialQuery{{
			ID: "q", Format: oid4vp.Format(f), Claims: []oid4vp.Claim{{Path: c.path, Values: []oid4vp.Value{"physician"}}},
			Meta: oid4vp.Meta{Types: c.asked, DocType: docType, W3C: [][]string{c.asked}},
		}}}
		if err := query.Satisfied(oid4vp.Shown{"q": {*judged}}); err != nil {
			t.Errorf("%s: what is judged does not answer: %v: %v", f, err, judged)
		}
		var detail check.Detail
		if err := json.Unmarshal(judged.Detail, &detail); err != nil {
			t.Fatal(err)
		}
		subject, ref := detail.Subject, *s.status
		if f == catalogue.JWT || f == catalogue.LD {
			ref.Kind, ref.Purpose = check.StatusBitstring, "revocation"
		}
		if diff := cmp.Diff(check.Detail{
			Type: "Practitioner", Issuer: s.issuer, Registered: s.issuer, Organisation: "hospital-north",
			Holder: s.holder.JWK().Thumbprint(), Subject: subject, Issued: s.issued, Expires: s.expires, Status: []check.StatusRef{ref},
		}, detail); diff != "" {
			t.Errorf("%s: %s", f, diff)
		}
		want.Types = []string{"VerifiableCredential"}
		_, err = judge(t.Context(), presented, want)
		refused(t, string(f)+" of no type", err, check.StepType)
		want.Types, want.Nonce = c.asked, "other"
		_, err = judge(t.Context(), presented, want)
		refused(t, string(f)+" for another question", err, check.StepBinding)
	}
}
