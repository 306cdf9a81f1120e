package check_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
)

// FuzzVerify: whatever is presented is refused at a step, or says what was signed.
// The keys are the same in each run, so that what was found before is still signed.
func FuzzVerify(f *testing.F) {
	formats := check.Formats()
	s := newScene(f, "Practitioner")
	s.by = signer(f, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)))
	s.holder = signer(f, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32)))
	s.bearer = s.holder
	s.world.dids[s.issuer][0].document.VerificationMethod[0].PublicKeyJWK = s.by.JWK()
	for i, format := range formats {
		f.Add(i, makers[format](s))
	}
	for _, text := range []string{"", "a.b.c~d~e.f.g", "{}", `{"type":["VerifiablePresentation"],"verifiableCredential":[{}]}`, "oA"} {
		for i := range formats {
			f.Add(i, text)
		}
	}
	v := s.world.verifier(f)
	f.Fuzz(func(t *testing.T, i int, token string) {
		format := formats[uint(i)%uint(len(formats))]
		c, err := v.Verify(t.Context(), check.Presented{Format: format, Token: token}, s.want)
		s.world.lookedUp = nil
		if err != nil {
			r, ok := errors.AsType[*check.Refusal](err)
			if !ok || !slices.Contains(check.Steps, r.Step) || r.Problem.Code == ledger.CodeInternal {
				t.Errorf("it is refused by %v", err)
			}
			return
		}
		for name, value := range c.Claims {
			if !bytes.Equal(encode(t, value), encode(t, s.claims[name])) {
				t.Errorf("it says of %s what nobody signed", name)
			}
		}
		if format != catalogue.MDoc && c.Holder != s.holder.JWK() {
			t.Error("it is somebody else's")
		}
	})
}
