package eat_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/eat"
)

var (
	key        = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	unit       = [32]byte(bytes.Repeat([]byte{3}, 32))
	now        = time.Date(2026, 11, 30, 14, 0, 0, 0, time.UTC)
	challenges = eat.Challenges{Secret: bytes.Repeat([]byte{9}, 32)}
)

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func digest(s string) string { return ledger.BodyDigest([]byte(s)) }

var published = []ledger.Measurement{
	{Name: "boot", Alg: ledger.HashSHA256, Digest: digest("boot")},
	{Name: "firmware", Alg: ledger.HashSHA256, Digest: digest("firmware")},
}

// honest is what a unit says that runs what it should.
func honest(nonce []byte) *eat.Claims {
	return &eat.Claims{
		Nonce: nonce, Unit: unit, OEM: eat.OEMID("medtech"), Software: "pump", Version: "2.0.0", Debug: eat.DebugDisabledPermanently,
		Measured: slices.Clone(published), Issued: now,
	}
}

func reference() *eat.Reference {
	return &eat.Reference{Manufacturer: "medtech", Release: "2.0.0", Measurements: published}
}

func sign(tb testing.TB, k ed25519.PrivateKey, c *eat.Claims) []byte {
	tb.Helper()
	b, err := eat.Sign(k, c)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// answer is what the unit was asked.
func answer(nonce []byte) *eat.Answer {
	return &eat.Answer{Unit: unit, Key: public(key), Nonce: nonce, Asked: now.Add(-time.Second), Now: now}
}

// take reads and verifies a token.
func take(b []byte, a *eat.Answer) (*eat.Claims, error) {
	t, err := eat.Read(b)
	if err != nil {
		return nil, err
	}
	return t.Verify(a)
}

func TestAnHonestUnitIsAffirmed(t *testing.T) {
	t.Parallel()
	nonce := challenges.New(unit, now)
	want := honest(nonce)
	got, err := take(sign(t, key, want), answer(nonce))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(eat.Claims{})); diff != "" {
		t.Errorf("what is read is not what was signed (-want +got):\n%s", diff)
	}
	if r := eat.Judge(got, reference()); r.Status != eat.Affirming {
		t.Errorf("it comes to %+v", r)
	}
}

// TestWhatAnAttestationComesTo: what differs contraindicates, what is missing is
// unknown.
func TestWhatAnAttestationComesTo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*eat.Claims, *eat.Reference)
		want   eat.Status
	}{
		"another version":       {func(c *eat.Claims, _ *eat.Reference) { c.Version = "1.9.9" }, eat.Contraindicated},
		"a v before it":         {func(c *eat.Claims, _ *eat.Reference) { c.Version = "v2.0.0" }, eat.Affirming},
		"no version":            {func(c *eat.Claims, _ *eat.Reference) { c.Version = "" }, eat.Unknown},
		"another maker":         {func(c *eat.Claims, _ *eat.Reference) { c.OEM = eat.OEMID("other") }, eat.Contraindicated},
		"no maker":              {func(c *eat.Claims, _ *eat.Reference) { c.OEM = nil }, eat.Affirming},
		"debugging":             {func(c *eat.Claims, _ *eat.Reference) { c.Debug = eat.DebugEnabled }, eat.Unknown},
		"debugging not told of": {func(c *eat.Claims, _ *eat.Reference) { c.Debug = eat.DebugUnstated }, eat.Unknown},
		"nothing measured":      {func(c *eat.Claims, _ *eat.Reference) { c.Measured = nil }, eat.Unknown},
		"a part not measured":   {func(c *eat.Claims, _ *eat.Reference) { c.Measured = c.Measured[:1] }, eat.Unknown},
		"a part of which nothing is known": {func(c *eat.Claims, _ *eat.Reference) {
			c.Measured = append(c.Measured, ledger.Measurement{Name: "implant", Alg: ledger.HashSHA256, Digest: digest("x")})
		}, eat.Unknown},
		"another part": {func(c *eat.Claims, _ *eat.Reference) { c.Measured[1].Digest = digest("tampered") }, eat.Contraindicated},
		"another part, while nothing else is said": {func(c *eat.Claims, _ *eat.Reference) {
			c.Measured[1].Digest, c.Version, c.Debug = digest("tampered"), "", eat.DebugEnabled
		}, eat.Contraindicated},
		"another algorithm": {func(c *eat.Claims, _ *eat.Reference) {
			c.Measured[1] = ledger.Measurement{Name: "firmware", Alg: ledger.HashSHA512, Digest: strings.Repeat("00", 64)}
		}, eat.Unknown},
		"one of two algorithms": {func(_ *eat.Claims, r *eat.Reference) {
			r.Measurements = append(slices.Clone(published), ledger.Measurement{Name: "boot", Alg: ledger.HashSHA512, Digest: strings.Repeat("00", 64)})
		}, eat.Affirming},
		"an old release":                      {func(_ *eat.Claims, r *eat.Reference) { r.Measurements = nil }, eat.Unknown},
		"an old release, and another version": {func(c *eat.Claims, r *eat.Reference) { r.Measurements, c.Version = nil, "1" }, eat.Contraindicated},
	} {
		claims, ref := honest([]byte("12345678")), reference()
		c.change(claims, ref)
		got := eat.Judge(claims, ref)
		if got.Status != c.want || len(got.Reasons) == 0 {
			t.Errorf("%s: it comes to %+v", name, got)
		}
		if strings.Contains(strings.Join(got.Reasons, " "), "implant") {
			t.Errorf("%s: a reason repeats what was sent", name)
		}
	}
}

// TestTokensOfOthersAreRefused: by key, unit, challenge and time.
func TestTokensOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	nonce := challenges.New(unit, now)
	stranger := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	claims := func(change func(*eat.Claims)) *eat.Claims {
		c := honest(nonce)
		change(c)
		return c
	}
	good := sign(t, key, honest(nonce))
	altered := bytes.Clone(good)
	at := bytes.Index(altered, []byte("firmware"))
	altered[at] ^= 1
	for name, token := range map[string][]byte{
		"another's key":          sign(t, stranger, honest(nonce)),
		"another unit's":         sign(t, key, claims(func(c *eat.Claims) { c.Unit[0] ^= 1 })),
		"another challenge":      sign(t, key, claims(func(c *eat.Claims) { c.Nonce = challenges.New(unit, now) })),
		"made before it":         sign(t, key, claims(func(c *eat.Claims) { c.Issued = now.Add(-time.Hour) })),
		"made tomorrow":          sign(t, key, claims(func(c *eat.Claims) { c.Issued = now.Add(24 * time.Hour) })),
		"altered":                altered,
		"with another signature": append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1),
	} {
		if _, err := take(token, answer(nonce)); ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := take(good, &eat.Answer{Unit: unit, Nonce: nonce, Now: now}); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("of a device without a key: %v", err)
	}
	if _, err := take(sign(t, key, claims(func(c *eat.Claims) { c.Issued = time.Time{} })), answer(nonce)); err != nil {
		t.Errorf("a device without a clock: %v", err)
	}
}

func TestChallengesAreForOneUnitAndAWhile(t *testing.T) {
	t.Parallel()
	nonce := challenges.New(unit, now)
	if asked, err := challenges.Asked(nonce, unit, now.Add(eat.ChallengeLife)); err != nil || !asked.Equal(now) {
		t.Errorf("%v %v", asked, err)
	}
	other := unit
	other[31] ^= 1
	forged := bytes.Clone(nonce)
	forged[3] ^= 1
	for name, c := range map[string]struct {
		from  eat.Challenges
		nonce []byte
		unit  [32]byte
		now   time.Time
	}{
		"another unit": {challenges, nonce, other, now},
		"too late":     {challenges, nonce, unit, now.Add(eat.ChallengeLife + time.Millisecond)},
		"long before":  {challenges, nonce, unit, now.Add(-24 * time.Hour)},
		"another node": {eat.Challenges{Secret: []byte("other")}, nonce, unit, now},
		"another time": {challenges, forged, unit, now},
		"cut off":      {challenges, nonce[:31], unit, now},
		"nothing":      {challenges, nil, unit, now},
	} {
		if _, err := c.from.Asked(c.nonce, c.unit, c.now); ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if bytes.Equal(nonce, challenges.New(unit, now)) {
		t.Error("two challenges of one moment are equal")
	}
}

// FuzzRead holds that nothing that is not the token of the corpus verifies under its
// key, however it is bent.
func FuzzRead(f *testing.F) {
	nonce := bytes.Repeat([]byte{7}, 32)
	good := sign(f, key, honest(nonce))
	token, err := eat.Read(good)
	if err != nil {
		f.Fatal(err)
	}
	want, err := token.Verify(answer(nonce))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(raw{payload: minimal(nonce, nil)}.token(f))
	f.Add([]byte{0xd8, 0x3d, 0xd2, 0x84})
	f.Fuzz(func(t *testing.T, b []byte) {
		token, err := eat.Read(b)
		if err != nil {
			if ledger.CodeOf(err) == ledger.CodeInternal {
				t.Fatalf("no problem: %v", err)
			}
			return
		}
		c, err := token.Verify(answer(nonce))
		if err != nil {
			return
		}
		if c.Version != "" && !cmp.Equal(c, want, cmp.AllowUnexported(eat.Claims{})) {
			t.Errorf("other claims verify: %+v", c)
		}
	})
}

func ExampleSign() {
	// What the node gave at POST /v1/units/{id}/attestation/challenge.
	nonce := bytes.Repeat([]byte{7}, 32)
	token, err := eat.Sign(key, &eat.Claims{
		Nonce: nonce, Unit: unit, Version: "2.0.0", Debug: eat.DebugDisabled,
		Measured: []ledger.Measurement{{Name: "firmware", Alg: ledger.HashSHA256, Digest: digest("firmware")}},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(len(token) < 400) // POST it to /v1/units/{id}/attestation as application/eat+cwt
	// Output: true
}
