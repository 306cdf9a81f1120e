package eat_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
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

// raw signs any header and payload, and puts them together as it is told.
type raw struct {
	protected   any // map, or bytes as they are
	unprotected any
	payload     any // map, or bytes as they are
	tags        []uint64
	more        []any
}

func cborOf(tb testing.TB, v any) []byte {
	tb.Helper()
	if b, ok := v.(cbor.RawMessage); ok {
		return b
	}
	b, err := cbor.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func (r raw) token(tb testing.TB) []byte {
	tb.Helper()
	if r.protected == nil {
		r.protected = map[any]any{1: -8}
	}
	if r.unprotected == nil {
		r.unprotected = map[any]any{}
	}
	header, payload := cborOf(tb, r.protected), cborOf(tb, r.payload)
	signed := cborOf(tb, []any{"Signature1", header, []byte{}, payload})
	b := cborOf(tb, append([]any{header, r.unprotected, payload, ed25519.Sign(key, signed)}, r.more...))
	for _, tag := range r.tags {
		b = cborOf(tb, cbor.RawTag{Number: tag, Content: b})
	}
	return b
}

// minimal is the least that a payload may have.
func minimal(nonce []byte, more map[any]any) map[any]any {
	m := map[any]any{10: nonce, 256: append([]byte{1}, unit[:]...)}
	for k, v := range more {
		m[k] = v
	}
	return m
}

func files(list ...any) any {
	b, err := cbor.Marshal(map[any]any{0: "t", 12: 0, 1: "n", 2: map[any]any{31: "e", 33: 1}, 3: map[any]any{17: list}})
	if err != nil {
		panic(err)
	}
	return []any{[]any{258, b}}
}

func file(name string, alg int, size int) any {
	return map[any]any{24: name, 7: []any{alg, make([]byte, size)}}
}

func TestFormsThatAreTaken(t *testing.T) {
	t.Parallel()
	nonce := challenges.New(unit, now)
	one, err := cbor.Marshal(map[any]any{0: "t", 12: 0, 1: "n", 3: map[any]any{17: file("a", 1, 32)}})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]raw{
		"untagged":           {payload: minimal(nonce, nil)},
		"of COSE":            {payload: minimal(nonce, nil), tags: []uint64{18}},
		"of CWT":             {payload: minimal(nonce, nil), tags: []uint64{18, 61}},
		"Ed25519":            {payload: minimal(nonce, nil), protected: map[any]any{1: -19}},
		"its type":           {payload: minimal(nonce, nil), protected: map[any]any{1: -8, 16: eat.MediaType}},
		"its content format": {payload: minimal(nonce, nil), protected: map[any]any{1: -8, 16: 263}},
		"a key id":           {payload: minimal(nonce, nil), unprotected: map[any]any{4: []byte("k")}},
		"unknown claims":     {payload: minimal(nonce, map[any]any{-70000: []any{1, "x"}, 260: []any{"1"}, "own": true})},
		"an oemid of IEEE":   {payload: minimal(nonce, map[any]any{258: []byte{1, 2, 3}})},
		"an oemid of a PEN":  {payload: minimal(nonce, map[any]any{258: 7})},
		"a fraction":         {payload: minimal(nonce, map[any]any{6: float64(now.Unix()) + 0.5})},
		"a version's scheme": {payload: minimal(nonce, map[any]any{271: []any{"1.0", 1}})},
		"many files":         {payload: minimal(nonce, map[any]any{273: files(file("a", 1, 32), file("b", 7, 48), file("c", 8, 64))})},
		"one file":           {payload: minimal(nonce, map[any]any{273: []any{[]any{258, one}}})},
		"good for a while":   {payload: minimal(nonce, map[any]any{4: now.Unix() + 60, 5: now.Unix() - 60})},
	} {
		if _, err := take(r.token(t), answer(nonce)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFormsThatAreRefused: each is signed by the unit.
func TestFormsThatAreRefused(t *testing.T) {
	t.Parallel()
	nonce := challenges.New(unit, now)
	deep := cborOf(t, 1)
	for range 40 {
		deep = cborOf(t, []any{cbor.RawMessage(deep)})
	}
	hexed := func(s string) cbor.RawMessage {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ueid := "190100" + "5821" + "01" + hex.EncodeToString(unit[:])
	pair := "0a" + "5820" + hex.EncodeToString(nonce)
	many := []any{}
	for i := range eat.MaxMeasurements + 1 {
		many = append(many, file(strconv.Itoa(i), 1, 32))
	}
	for name, r := range map[string]raw{
		"no algorithm":              {payload: minimal(nonce, nil), protected: map[any]any{}},
		"ES256":                     {payload: minimal(nonce, nil), protected: map[any]any{1: -7}},
		"a MAC":                     {payload: minimal(nonce, nil), protected: map[any]any{1: 5}},
		"no protected algorithm":    {payload: minimal(nonce, nil), protected: map[any]any{}, unprotected: map[any]any{1: -8}},
		"an algorithm twice":        {payload: minimal(nonce, nil), unprotected: map[any]any{1: -8}},
		"a header twice":            {payload: minimal(nonce, nil), protected: map[any]any{1: -8, 4: []byte("k")}, unprotected: map[any]any{4: []byte("k")}},
		"what is critical":          {payload: minimal(nonce, nil), protected: map[any]any{1: -8, 2: []any{-70000}, -70000: 1}},
		"another type":              {payload: minimal(nonce, nil), protected: map[any]any{1: -8, 16: "application/cwt"}},
		"a header's name twice":     {payload: minimal(nonce, nil), protected: hexed("a201270127")},
		"another tag":               {payload: minimal(nonce, nil), tags: []uint64{98}},
		"a tag twice":               {payload: minimal(nonce, nil), tags: []uint64{18, 18}},
		"five parts":                {payload: minimal(nonce, nil), more: []any{1}},
		"no payload":                {payload: cbor.RawMessage{}},
		"a payload of a list":       {payload: []any{1}},
		"more behind the payload":   {payload: cbor.RawMessage(append(cborOf(t, minimal(nonce, nil)), 1))},
		"a claim twice":             {payload: hexed("a3" + pair + pair + ueid)},
		"a claim twice, deep in":    {payload: hexed("a3" + pair + ueid + "01" + "81a2010201" + "03")},
		"an indefinite map":         {payload: hexed("bf" + pair + ueid + "ff")},
		"an indefinite string":      {payload: hexed("a3" + pair + ueid + "19010e" + "7f6161ff")},
		"too deep":                  {payload: minimal(nonce, map[any]any{-70000: cbor.RawMessage(deep)})},
		"not a number":              {payload: minimal(nonce, map[any]any{6: cbor.RawMessage{0xf9, 0x7e, 0x00}})},
		"no nonce":                  {payload: map[any]any{256: append([]byte{1}, unit[:]...)}},
		"two nonces":                {payload: minimal(nonce, map[any]any{10: []any{nonce, nonce}})},
		"a nonce of text":           {payload: minimal(nonce, map[any]any{10: string(nonce)})},
		"no ueid":                   {payload: map[any]any{10: nonce}},
		"a ueid of another type":    {payload: minimal(nonce, map[any]any{256: append([]byte{2}, unit[:]...)})},
		"a short ueid":              {payload: minimal(nonce, map[any]any{256: []byte{1, 2, 3}})},
		"a time of text":            {payload: minimal(nonce, map[any]any{6: "now"})},
		"a time before all":         {payload: minimal(nonce, map[any]any{6: -1})},
		"a time of null":            {payload: minimal(nonce, map[any]any{6: nil})},
		"a time too far":            {payload: minimal(nonce, map[any]any{6: int64(1) << 62})},
		"another profile":           {payload: minimal(nonce, map[any]any{265: "tag:psacertified.org,2023:psa#tfm"})},
		"sub-modules":               {payload: minimal(nonce, map[any]any{266: map[any]any{"a": map[any]any{}}})},
		"debugging beyond":          {payload: minimal(nonce, map[any]any{263: 5})},
		"debugging of text":         {payload: minimal(nonce, map[any]any{263: "off"})},
		"a version of text":         {payload: minimal(nonce, map[any]any{271: "1.0"})},
		"no version in it":          {payload: minimal(nonce, map[any]any{271: []any{}})},
		"a name too long":           {payload: minimal(nonce, map[any]any{270: strings.Repeat("x", 300)})},
		"a name that rings":         {payload: minimal(nonce, map[any]any{270: "a\a"})},
		"measurements of text":      {payload: minimal(nonce, map[any]any{273: "x"})},
		"no measurements":           {payload: minimal(nonce, map[any]any{273: []any{}})},
		"measurements in JSON":      {payload: minimal(nonce, map[any]any{273: []any{[]any{50, []byte("{}")}}})},
		"measurements of no CoSWID": {payload: minimal(nonce, map[any]any{273: []any{[]any{258, []byte{1}}}})},
		"what ought to be":          {payload: minimal(nonce, map[any]any{273: []any{[]any{258, cborOf(t, map[any]any{6: map[any]any{17: file("a", 1, 32)}})}}})},
		"too many files":            {payload: minimal(nonce, map[any]any{273: files(many...)})},
		"a file twice":              {payload: minimal(nonce, map[any]any{273: files(file("a", 1, 32), file("a", 1, 32))})},
		"a file without a name":     {payload: minimal(nonce, map[any]any{273: files(file("", 1, 32))})},
		"a file without a hash":     {payload: minimal(nonce, map[any]any{273: files(map[any]any{24: "a"})})},
		"MD5":                       {payload: minimal(nonce, map[any]any{273: files(file("a", 9, 16))})},
		"a short hash":              {payload: minimal(nonce, map[any]any{273: files(file("a", 1, 16))})},
	} {
		_, err := take(r.token(t), answer(nonce))
		if code := ledger.CodeOf(err); code != ledger.CodeInvalid && code != ledger.CodeTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "a lone tag": {0xd2}, "text": []byte("eyJhbGciOiJFZERTQSJ9.e30.AA"),
		"a length beyond the end": {0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"detached":                cborOf(t, []any{cborOf(t, map[any]any{1: -8}), map[any]any{}, nil, make([]byte, 64)}),
	} {
		if _, err := eat.Read(b); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := eat.Read(make([]byte, eat.MaxBytes+1)); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("a huge one: %v", err)
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
