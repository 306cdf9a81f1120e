package verify_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"golang.org/x/mod/sumdb/note"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

func lastingKey(n byte) *keys.LastingKey {
	return keys.NewLastingKey([keys.LastingSeedSize]byte{n})
}

// TestLastingKeyIsThatOfTheStandard: the key of the all-zero seed has the
// thumbprint that RFC 9964's example gives it.
func TestLastingKeyIsThatOfTheStandard(t *testing.T) {
	t.Parallel()
	k := lastingKey(0).JWK()
	if got := k.Thumbprint(); got != "Suiu29qbfuaBaR4Ats-c6XQBePB_OpAxAwcTR_0KXVM" || verify.CheckThumbprint(got) != nil {
		t.Errorf("the thumbprint is %s", got)
	}
	b, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(b), `{"kty":"AKP","alg":"ML-DSA-65","pub":"QksvJn5Y1bO0TXGs`) {
		t.Errorf("the key is %.60s", b)
	}
	parsed, err := verify.ParseLastingJWK(b)
	if err != nil || parsed != k {
		t.Errorf("what is written does not read (%v)", err)
	}
}

// TestLastingSignatureIsThatOfTheStandard: RFC 9964's example token, which is
// signed without randomness by the key of the all-zero seed, begins as its signature
// does here, so that what is signed and verified below is what others mean by it.
func TestLastingSignatureIsThatOfTheStandard(t *testing.T) {
	t.Parallel()
	signed := "eyJhbGciOiJNTC1EU0EtNjUiLCJraWQiOiJTdWl1MjlxYmZ1YUJhUjRBdHMtYzZYUUJlUEJfT3BBeEF3Y1RSXzBLWFZNIn0." +
		"SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4"
	_, private := mldsa65.NewKeyFromSeed(new([keys.LastingSeedSize]byte))
	raw := make([]byte, mldsa65.SignatureSize)
	if err := mldsa65.SignTo(private, []byte(signed), nil, false, raw); err != nil {
		t.Fatal(err)
	}
	if got := base64.RawURLEncoding.EncodeToString(raw); !strings.HasPrefix(got, "zmO9_0bLgJAegoVNymfRo4nGPK5lVtSFGnDbzfzYAD5mUEXpaBUg4itvZ8rAUZi4HLb59QqDQSBSpMXC0axajXOM") {
		t.Errorf("it begins with %.40s", got)
	}
	// A JWS of ours is one of the standard's: header, payload and signature by the book.
	jws, err := lastingKey(0).Detached("test", []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	header, signature, _ := strings.Cut(jws, "..")
	head, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil || string(head) != `{"alg":"ML-DSA-65","kid":"Suiu29qbfuaBaR4Ats-c6XQBePB_OpAxAwcTR_0KXVM","typ":"test"}` {
		t.Errorf("its header is %s (%v)", head, err)
	}
	if raw, err = base64.RawURLEncoding.DecodeString(signature); err != nil {
		t.Fatal(err)
	}
	public, ok := private.Public().(*mldsa65.PublicKey)
	if !ok || !mldsa65.Verify(public, []byte(header+".cGF5bG9hZA"), nil, raw) {
		t.Error("it is not a JWS's signature")
	}
}

func TestOtherDetachedLastingSignaturesAreRefused(t *testing.T) {
	t.Parallel()
	k, other := lastingKey(1), lastingKey(2)
	payload := []byte("a certificate")
	const use = verify.TypeLastingCertificate
	sign := func(k *keys.LastingKey, typ string, payload []byte) string {
		t.Helper()
		s, err := k.Detached(typ, payload)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good := sign(k, use, payload)
	if err := k.JWK().VerifyDetached(use, payload, good); err != nil {
		t.Fatal(err)
	}
	header, signature, _ := strings.Cut(good, "..")
	claimed, _, _ := strings.Cut(sign(k, use, payload), "..")
	_, theirs, _ := strings.Cut(sign(other, use, payload), "..")
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(raw)
	flipped[100] ^= 1
	named := func(header string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + ".." + signature
	}
	thumbprint := k.JWK().Thumbprint()
	note, err := k.Line("secant/dev/north", "text\n\n— x y\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{
		"over other bytes":           sign(k, use, []byte("another")),
		"another key's":              sign(other, use, payload),
		"another key's in its name":  claimed + ".." + theirs,
		"for another use":            sign(k, "secant-lasting-other", payload),
		"for another use, renamed":   header + ".." + strings.SplitN(sign(k, "other", payload), "..", 2)[1],
		"a checkpoint's":             note,
		"a bit":                      header + ".." + base64.RawURLEncoding.EncodeToString(flipped),
		"truncated":                  good[:len(good)-8],
		"stripped":                   header + "..",
		"nothing":                    "",
		"with its payload":           header + "." + base64.RawURLEncoding.EncodeToString(payload) + "." + signature,
		"without a header":           ".." + signature,
		"more behind":                good + "AAAA",
		"line breaks":                header + ".." + signature[:4] + "\n" + signature[4:],
		"another algorithm":          named(`{"alg":"ML-DSA-44","kid":"` + thumbprint + `","typ":"` + use + `"}`),
		"none":                       named(`{"alg":"none","kid":"` + thumbprint + `","typ":"` + use + `"}`),
		"a header in another order":  named(`{"kid":"` + thumbprint + `","alg":"ML-DSA-65","typ":"` + use + `"}`),
		"a header that says no use":  named(`{"alg":"ML-DSA-65","kid":"` + thumbprint + `"}`),
		"a header that brings a key": named(`{"alg":"ML-DSA-65","jwk":{},"kid":"` + thumbprint + `","typ":"` + use + `"}`),
		"too long":                   good + strings.Repeat("A", verify.MaxLastingJWS),
	} {
		code := ledger.CodeOf(k.JWK().VerifyDetached(use, payload, s))
		if code != ledger.CodeInvalid && (name != "too long" || code != ledger.CodeTooLarge) {
			t.Errorf("%s: %q", name, code)
		}
	}
	if err := other.JWK().VerifyDetached(use, payload, good); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("under another key: %v", err)
	}
	if err := (verify.LastingJWK{}).VerifyDetached(use, payload, good); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("under no key: %v", err)
	}
}

// TestALastingLineIsOneOfTheNote: the package that others read signed notes with
// takes the line for what it is: skipped by who does not know the key, verified by
// who does, and also what it makes itself.
func TestALastingLineIsOneOfTheNote(t *testing.T) {
	t.Parallel()
	signer, verifier := key(t, origin)
	k := lastingKey(1)
	root := bytes.Repeat([]byte{7}, 32)
	checkpoint := sign(t, text(origin, 42, root)+"an extension\n", signer)
	line, err := k.Line(origin, checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.JWK().VerifyLastingLine(origin, checkpoint, line); err != nil {
		t.Fatal(err)
	}
	if c, err := verify.ParseCheckpoint(verifier, checkpoint); err != nil || c.Size != 42 {
		t.Errorf("without it: %v %v", c, err)
	}
	ours, err := k.JWK().NoteVerifier(origin)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := note.NewVerifier(verifier)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(checkpoint+line), note.VerifierList(theirs, ours))
	if err != nil || len(n.Sigs) != 2 || len(n.UnverifiedSigs) != 0 {
		t.Errorf("who knows both keys: %+v %v", n, err)
	}
	n, err = note.Open([]byte(checkpoint+line), note.VerifierList(theirs))
	if err != nil || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 1 {
		t.Errorf("who knows the old key: %+v %v", n, err)
	}
	made, err := k.NoteSigner(origin)
	if err != nil {
		t.Fatal(err)
	}
	both, err := note.Sign(&note.Note{Text: text(origin, 42, root)}, signer, made)
	if err != nil {
		t.Fatal(err)
	}
	// The order of lines in a note has no meaning.
	lines := strings.SplitAfter(strings.SplitN(string(both), "\n\n", 2)[1], "\n")
	if err := k.JWK().VerifyLastingLine(origin, string(both), lines[1]); err != nil {
		t.Errorf("what the other package makes: %v", err)
	}
}

func TestOtherLastingLinesAreRefused(t *testing.T) {
	t.Parallel()
	signer, _ := key(t, origin)
	k, other := lastingKey(1), lastingKey(2)
	root := bytes.Repeat([]byte{7}, 32)
	checkpoint := sign(t, text(origin, 42, root), signer)
	line := func(k *keys.LastingKey, name, note string) string {
		t.Helper()
		s, err := k.Line(name, note)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good := line(k, origin, checkpoint)
	prefix := "— " + origin + " "
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(strings.TrimPrefix(good, prefix), "\n"))
	if err != nil {
		t.Fatal(err)
	}
	edit := func(change func(raw []byte) []byte) string {
		return prefix + base64.StdEncoding.EncodeToString(change(bytes.Clone(raw))) + "\n"
	}
	theirs, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(strings.TrimPrefix(line(other, origin, checkpoint), prefix), "\n"))
	if err != nil {
		t.Fatal(err)
	}
	detached, err := k.Detached(verify.TypeLastingCertificate, []byte(text(origin, 42, root)))
	if err != nil {
		t.Fatal(err)
	}
	_, signature, _ := strings.Cut(detached, "..")
	certificates, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{
		"over another tree":         line(k, origin, sign(t, text(origin, 43, root), signer)),
		"of another log":            line(k, "south.example/log", checkpoint),
		"another key's":             line(other, origin, checkpoint),
		"another key's in its name": edit(func(raw []byte) []byte { return append(raw[:4], theirs[4:]...) }),
		"a certificate's":           edit(func(raw []byte) []byte { return append(raw[:4], certificates...) }),
		"a bit":                     edit(func(raw []byte) []byte { raw[100] ^= 1; return raw }),
		"another key id":            edit(func(raw []byte) []byte { raw[0] ^= 1; return raw }),
		"truncated":                 edit(func(raw []byte) []byte { return raw[:len(raw)-1] }),
		"stripped":                  edit(func(raw []byte) []byte { return raw[:4] }),
		"no key id":                 edit(func(raw []byte) []byte { return raw[:3] }),
		"longer":                    edit(func(raw []byte) []byte { return append(raw, 0) }),
		"nothing":                   "",
		"no line end":               strings.TrimSuffix(good, "\n"),
		"two lines":                 good + good,
		"a line break in it":        strings.Replace(good, prefix, prefix+"\n", 1),
		"no dash":                   strings.TrimPrefix(good, "— "),
		"too long":                  prefix + strings.Repeat("A", verify.MaxLastingLine) + "\n",
	} {
		if err := k.JWK().VerifyLastingLine(origin, checkpoint, s); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := k.JWK().VerifyLastingLine(origin, "no note", good); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("of no note: %v", err)
	}
	if err := (verify.LastingJWK{}).VerifyLastingLine(origin, checkpoint, good); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("under no key: %v", err)
	}
	if _, err := k.Line(origin, "no note"); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("signs what is no note: %v", err)
	}
}

func TestLastingKeysAreReadStrictly(t *testing.T) {
	t.Parallel()
	good, err := json.Marshal(lastingKey(0).JWK())
	if err != nil {
		t.Fatal(err)
	}
	with := func(member string) string { return `{` + member + `,` + string(good[1:]) }
	for name, text := range map[string]string{
		"private":         with(`"priv":"AAAA"`),
		"twice":           with(`"kty":"AKP"`),
		"another type":    strings.Replace(string(good), "AKP", "OKP", 1),
		"another alg":     strings.Replace(string(good), "65", "87", 1),
		"number":          `{"kty":"AKP","alg":"ML-DSA-65","pub":1}`,
		"no key":          `{"kty":"AKP","alg":"ML-DSA-65"}`,
		"other case":      strings.Replace(string(good), `"pub"`, `"Pub"`, 1),
		"padded":          strings.Replace(string(good), `"}`, `="}`, 1),
		"short":           strings.Replace(string(good), "QksvJn5Y", "", 1),
		"a line break":    strings.Replace(string(good), "QksvJn5Y", `QksvJn5Y\n`, 1),
		"array":           "[" + string(good) + "]",
		"more behind":     string(good) + "{}",
		"none":            "",
		"not base64url":   strings.Replace(string(good), "QksvJn5Y", "QksvJn5+", 1),
		"too many bytes":  with(`"x":"` + strings.Repeat("x", verify.MaxLastingJWK) + `"`),
		"null beside it":  with(`"x":null`),
		"a text for JSON": `"AKP"`,
	} {
		if _, err := verify.ParseLastingJWK([]byte(text)); err == nil {
			t.Errorf("%s: is read", name)
		}
	}
	if _, err := verify.ParseLastingJWK([]byte(with(`"use":"sig"`))); err != nil {
		t.Errorf("a member beside the key's own: %v", err)
	}
	for _, s := range []string{"", "AAAA", strings.Repeat("A", 44), strings.Repeat("A", 42) + "B", strings.Repeat("A", 42) + "="} {
		if verify.CheckThumbprint(s) == nil {
			t.Errorf("%q is taken for a thumbprint", s)
		}
	}
}

// FuzzParseLastingJWK: what is read is written as one text, and read again.
func FuzzParseLastingJWK(f *testing.F) {
	good, err := json.Marshal(lastingKey(0).JWK())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"kty":"AKP","alg":"ML-DSA-65","pub":"AAAA"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := verify.ParseLastingJWK(b)
		if err != nil {
			return
		}
		written, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := verify.ParseLastingJWK(written); err != nil || again != k {
			t.Errorf("reads back as another (%v)", err)
		}
	})
}

// FuzzLastingSignatures: nothing but what the key made is taken, in either form.
func FuzzLastingSignatures(f *testing.F) {
	k := lastingKey(1)
	const checkpoint = "north\n1\nAA==\n\n— north AA==\n"
	line, err := k.Line("north", checkpoint)
	if err != nil {
		f.Fatal(err)
	}
	jws, err := k.Detached("t", []byte("p"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add(jws)
	f.Add("— north \n")
	f.Add("..")
	// Signing is randomised, and each fuzzing process signs anew: what is taken has
	// the form of ours, and need not be ours.
	alike := func(s, ours, mark string) bool {
		return len(s) == len(ours) && s[:strings.LastIndex(s, mark)+1] == ours[:strings.LastIndex(ours, mark)+1]
	}
	f.Fuzz(func(t *testing.T, s string) {
		if err := k.JWK().VerifyLastingLine("north", checkpoint, s); err == nil && !alike(s, line, " ") {
			t.Errorf("%q is taken for the line", s)
		}
		if err := k.JWK().VerifyDetached("t", []byte("p"), s); err == nil && !alike(s, jws, ".") {
			t.Errorf("%q is taken for the JWS", s)
		}
	})
}

func BenchmarkLasting(b *testing.B) {
	k := lastingKey(1)
	payload := make([]byte, 1024)
	checkpoint := text(origin, 42, payload[:32]) + "\n— x y\n"
	jws, err := k.Detached(verify.TypeLastingCertificate, payload)
	if err != nil {
		b.Fatal(err)
	}
	line, err := k.Line(origin, checkpoint)
	if err != nil {
		b.Fatal(err)
	}
	for name, run := range map[string]func() error{
		"certificate/sign":   func() error { _, err := k.Detached(verify.TypeLastingCertificate, payload); return err },
		"certificate/verify": func() error { return k.JWK().VerifyDetached(verify.TypeLastingCertificate, payload, jws) },
		"checkpoint/sign":    func() error { _, err := k.Line(origin, checkpoint); return err },
		"checkpoint/verify":  func() error { return k.JWK().VerifyLastingLine(origin, checkpoint, line) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
