package check_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/keys"
)

// TestEveryTypeIsTakenInEveryFormat: the whole catalogue, issued by whom may.
func TestEveryTypeIsTakenInEveryFormat(t *testing.T) {
	t.Parallel()
	for _, one := range catalogue.Types() {
		for _, f := range one.Formats {
			if !slices.Contains(check.Formats(), f) {
				continue
			}
			s := newScene(t, one.Name)
			got, err := s.judge(f)
			if err != nil {
				t.Errorf("%s as %s: %v", one.Name, f, err)
				continue
			}
			if got.Type != one || got.Format != f || got.Issuer != s.issuer || got.Standing.Issuer != s.issuer ||
				got.HolderID() != s.holder.JWK().Thumbprint() || !got.Issued.Equal(s.issued) || !got.Expires.Equal(s.expires) {
				t.Errorf("%s as %s: judged as %+v", one.Name, f, got)
			}
			if id, _ := ledger.ParseDID(s.issuer); got.Standing.Organisation != id.Org {
				t.Errorf("%s as %s: of %s", one.Name, f, got.Standing.Organisation)
			}
			if diff := cmp.Diff(encode(t, s.claims), encode(t, got.Claims)); diff != "" {
				t.Errorf("%s as %s: its claims: %s", one.Name, f, diff)
			}
		}
	}
}

// TestWhatIsNotShownIsNotThere: the holder decides, and what is asked for is
// looked for.
func TestWhatIsNotShownIsNotThere(t *testing.T) {
	t.Parallel()
	s := newScene(t, "StaffRole")
	s.show, s.want.Claims = []string{"department"}, []string{"role", "department"}
	s.want.Holder = s.holder.JWK().Thumbprint()
	got, err := s.judge(catalogue.SDJWT)
	if err != nil {
		t.Fatal(err)
	}
	want := m{"role": "nurse", "organisation": "hospital-north", "department": "Intensive care"}
	if diff := cmp.Diff(want, got.Claims); diff != "" {
		t.Error(diff)
	}
}

// certifiedToo are the shapes that mdocs have: their issuers' keys and names are in
// certificates.
var certifiedToo = map[string]bool{
	"short-lived without a status": true, "a clock ahead": true, "a format that is asked for": true, "one of several types": true,
}

// TestGoodOnesOfOtherShapes: what is unusual and still good.
func TestGoodOnesOfOtherShapes(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*scene){
		"a key of the other kind": func(s *scene) {
			s.by = p256(s.tb)
			s.world.publish(s.issuer, now.Add(-100*time.Hour), map[string]keys.Signer{"key-1": s.by})
		},
		"a relative key's id":          func(s *scene) { s.keyID = "#key-1" },
		"short-lived without a status": func(s *scene) { s.status = nil },
		"an old key that still stands beside a new one": func(s *scene) {
			s.world.publish(s.issuer, now.Add(-time.Minute), map[string]keys.Signer{"key-1": s.by, "key-2": edwards(s.tb)})
		},
		"a key as young as the credential": func(s *scene) {
			s.world.dids[s.issuer] = nil
			s.world.publish(s.issuer, s.issued.Add(900*time.Millisecond), map[string]keys.Signer{"key-1": s.by})
		},
		"an issuer by its other name": func(s *scene) {
			did := s.issuer
			s.rename("did:web:north.example")
			s.world.aliases[s.issuer] = did
		},
		"an issuer that the node itself believes": func(s *scene) {
			s.rename("did:web:elsewhere.example")
			s.world.outside[s.issuer] = true
			s.claims["organisation"] = "elsewhere"
			s.list(func(l *ledger.StatusList) { l.Issuer = s.issuer })
		},
		"a clock ahead": func(s *scene) {
			s.issued, s.begins, s.shown = now.Add(time.Minute), now.Add(time.Minute), now.Add(time.Minute)
		},
		"one of several types":       func(s *scene) { s.want.Types = []string{"Practitioner", "StaffRole"} },
		"a format that is asked for": func(s *scene) { s.want.Formats = check.Formats() },
	} {
		for _, f := range check.Formats() {
			if f == catalogue.MDoc && !certifiedToo[name] {
				continue
			}
			s := sceneFor(t, f)
			change(s)
			if f == catalogue.LD && s.keyID[0] == '#' {
				continue // JSON-LD has no relative ids
			}
			got, err := s.judge(f)
			if err != nil {
				t.Errorf("%s, as %s: %v", name, f, err)
				continue
			}
			if got.Issuer != s.issuer {
				t.Errorf("%s, as %s: of %s", name, f, got.Issuer)
			}
		}
	}
}

// TestADeviceIsTheUnitThatItsClaimsName.
func TestADeviceIsTheUnitThatItsClaimsName(t *testing.T) {
	t.Parallel()
	for _, f := range []catalogue.Format{catalogue.SDJWT, catalogue.JWT, catalogue.LD} {
		s := newScene(t, "DeviceOperation")
		s.subject = ledger.DeviceDID("dev", s.claims["unit"].(string))
		if got, err := s.judge(f); err != nil || got.Subject != s.subject {
			t.Errorf("as %s: %v, %v", f, got, err)
		}
		for _, other := range []string{ledger.DeviceDID("dev", strings.Repeat("0f", 32)), "did:jwk:", ledger.OrganisationDID("dev", "hospital-north")} {
			s := newScene(t, "DeviceOperation")
			s.subject = other
			if other == "did:jwk:" {
				s.subject = didJWK(t, s.holder)
			}
			_, err := s.judge(f)
			refused(t, other, err, check.StepSubject)
		}
	}
}

// TestADeviceIsWhoHasItsKey: the credential of a device is not taken from anybody to
// whom its issuer gave it, but from the unit whose key stands on the ledger.
func TestADeviceIsWhoHasItsKey(t *testing.T) {
	t.Parallel()
	for _, f := range []catalogue.Format{catalogue.SDJWT, catalogue.JWT, catalogue.LD} {
		for _, typeName := range []string{"DeviceBirth", "DeviceOperation"} {
			for name, spoil := range map[string]func(s *scene, unit string){
				"a device with another key": func(s *scene, unit string) { s.world.units[unit] = edwards(t).JWK() },
				"a device that cannot sign": func(s *scene, unit string) { delete(s.world.units, unit) },
				"a device without a key":    func(s *scene, unit string) { s.world.units[unit] = ledger.JWK{} },
				"a person who holds it":     func(s *scene, _ string) { s.holder = p256(t); s.bearer = s.holder },
				"another device that holds it": func(s *scene, _ string) {
					s.holder = edwards(t)
					s.bearer, s.world.units[strings.Repeat("0f", 32)] = s.holder, s.holder.JWK()
				},
			} {
				s := newScene(t, typeName)
				spoil(s, s.claims["unit"].(string))
				_, err := s.judge(f)
				refused(t, typeName+" as "+string(f)+" of "+name, err, check.StepSubject)
			}
			s := newScene(t, typeName)
			if _, err := s.judge(f); err != nil {
				t.Errorf("%s as %s: %v", typeName, f, err)
			}
			s = newScene(t, typeName)
			token := makers[f](s)
			blind, err := check.New(check.Options{Keys: s.world, Trust: s.world, Status: s.world, Now: func() time.Time { return now }, Contexts: contexts()})
			if err != nil {
				t.Fatal(err)
			}
			_, err = blind.Verify(t.Context(), check.Presented{Format: f, Token: token}, s.want)
			refused(t, "where nobody knows devices", err, check.StepSubject)
		}
	}
}

// TestNobodyIsAskedInVain: a source is asked only when what is known before gives
// reason to. An attacker who names an issuer of its own makes nobody fetch that
// one's keys.
func TestNobodyIsAskedInVain(t *testing.T) {
	t.Parallel()
	for _, f := range []catalogue.Format{catalogue.SDJWT, catalogue.JWT, catalogue.LD} {
		for name, c := range map[string]struct {
			change func(*scene)
			asked  []string
		}{
			"a type that is not asked for": {func(s *scene) { s.want.Types = []string{"Patient"} }, nil},
			"an issuer that nobody knows":  {func(s *scene) { s.rename("did:web:attacker.example") }, []string{"trust did:web:attacker.example"}},
			"a proof that is none":         {func(s *scene) { s.by = edwards(s.tb) }, []string{"trust " + north, "key " + north + "#key-1"}},
		} {
			s := newScene(t, "StaffRole")
			c.change(s)
			if _, err := s.judge(f); err == nil {
				t.Errorf("%s, as %s: was taken", name, f)
			}
			if diff := cmp.Diff(c.asked, s.world.lookedUp); diff != "" {
				t.Errorf("%s, as %s: was asked: %s", name, f, diff)
			}
		}
	}
}

// TestManyAreJudgedAtOnce by one verifier, in every format.
func TestManyAreJudgedAtOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t, "Practitioner")
	tokens := map[catalogue.Format]string{}
	for _, f := range check.Formats() {
		tokens[f] = makers[f](s)
	}
	v := s.world.verifier(t)
	var all errgroup.Group
	for range 4 {
		for f, token := range tokens {
			all.Go(func() error {
				_, err := v.Verify(t.Context(), check.Presented{Format: f, Token: token}, s.want)
				return err
			})
		}
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
}

func TestOtherFormatsAreRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t, "StaffRole")
	v, token := s.world.verifier(t), s.sdjwt().token()
	for name, c := range map[string]struct {
		presented check.Presented
		formats   []catalogue.Format
	}{
		"a format that nobody knows":     {check.Presented{Format: "anoncreds", Token: token}, nil},
		"no format":                      {check.Presented{Token: token}, nil},
		"a format that is not asked for": {check.Presented{Format: catalogue.SDJWT, Token: token}, []catalogue.Format{catalogue.MDoc}},
		"more than anybody may present":  {check.Presented{Format: catalogue.SDJWT, Token: strings.Repeat("x", check.MaxToken+1)}, nil},
		"nothing":                        {check.Presented{Format: catalogue.SDJWT}, nil},
	} {
		want := s.want
		want.Formats = c.formats
		_, err := v.Verify(t.Context(), c.presented, want)
		refused(t, name, err, check.StepFormat)
	}
	for _, f := range check.Formats() {
		for _, other := range check.Formats() {
			if f != other {
				_, err := v.Verify(t.Context(), check.Presented{Format: other, Token: makers[f](sceneFor(t, f))}, s.want)
				refused(t, string(f)+" as "+string(other), err, check.StepFormat)
			}
		}
	}
}

func TestSomebodyMustAskForSomething(t *testing.T) {
	t.Parallel()
	s := newScene(t, "StaffRole")
	token := s.sdjwt().token()
	for name, spoil := range map[string]func(*check.Want){
		"no types":        func(w *check.Want) { w.Types = nil },
		"an unknown type": func(w *check.Want) { w.Types = []string{"StaffRole", "Admin"} },
		"no nonce":        func(w *check.Want) { w.Nonce = "" },
		"no audience":     func(w *check.Want) { w.Audience = "" },
	} {
		want := s.want
		spoil(&want)
		_, err := s.world.verifier(t).Verify(t.Context(), check.Presented{Format: catalogue.SDJWT, Token: token}, want)
		if _, isRefusal := errors.AsType[*check.Refusal](err); err == nil || isRefusal || ledger.CodeOf(err) != ledger.CodeInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, o := range map[string]check.Options{
		"no sources":     {},
		"no time":        {Keys: s.world, Trust: s.world, Status: s.world},
		"a negative age": {Keys: s.world, Trust: s.world, Status: s.world, Now: time.Now, MaxAge: -1},
	} {
		if _, err := check.New(o); err == nil {
			t.Errorf("%s: is a verifier", name)
		}
	}
}

// TestARefusalKeepsWhatASourceSaid, for software, and shows it to nobody.
func TestARefusalKeepsWhatASourceSaid(t *testing.T) {
	t.Parallel()
	s := newScene(t, "StaffRole")
	s.world.down = fmt.Errorf("asking %s: %w", s.issuer, context.DeadlineExceeded)
	_, err := s.judge(catalogue.SDJWT)
	refused(t, "a source that takes too long", err, check.StepIssuer)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, &ledger.Problem{Code: ledger.CodeUnavailable}) {
		t.Errorf("it is %v", err)
	}
	if p, ok := ledger.ParseProblem(err.Error()); !ok || p.Code != ledger.CodeUnavailable {
		t.Errorf("its text reads as %v", p)
	}
}

// TestTheNamesOfStepsStay: metrics and callers know them.
func TestTheNamesOfStepsStay(t *testing.T) {
	t.Parallel()
	want := []check.Step{"format", "type", "issuer", "key", "proof", "time", "binding", "status", "schema", "subject", "claims"}
	if diff := cmp.Diff(want, check.Steps); diff != "" {
		t.Error(diff)
	}
}

// TestACredentialIsNotLogged: a log shows what kind it is, and not whose.
func TestACredentialIsNotLogged(t *testing.T) {
	t.Parallel()
	s := newScene(t, "StaffRole")
	c, err := s.judge(catalogue.SDJWT)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).InfoContext(t.Context(), "credential verified", slog.Any("credential", c))
	fmt.Fprintf(&b, "%v %s", c, c)
	for _, secret := range []string{"Seacole", "Mary", "S-12", c.HolderID(), listURI} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("it shows %q: %s", secret, b.String())
		}
	}
	if !strings.Contains(b.String(), `"credential":{"type":"StaffRole","format":"dc+sd-jwt","organisation":"hospital-north"}`) {
		t.Errorf("it shows %s", b.String())
	}
	if (&check.Credential{}).HolderID() != "" {
		t.Error("nobody has a thumbprint")
	}
}
