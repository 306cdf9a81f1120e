package verify_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

const origin = "north.example/log"

func key(tb testing.TB, name string) (note.Signer, string) {
	tb.Helper()
	secret, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := note.NewSigner(secret)
	if err != nil {
		tb.Fatal(err)
	}
	return s, public
}

func sign(tb testing.TB, text string, signers ...note.Signer) string {
	tb.Helper()
	b, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func text(origin string, size any, root []byte) string {
	return fmt.Sprintf("%s\n%v\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root))
}

func TestCheckpointsOfTheKeyAreRead(t *testing.T) {
	t.Parallel()
	signer, verifier := key(t, origin)
	witness, _ := key(t, "witness.example")
	root := bytes.Repeat([]byte{7}, 32)
	for name, signed := range map[string]string{
		"plain":           sign(t, text(origin, 42, root), signer),
		"with extensions": sign(t, text(origin, 42, root)+"further line\n", signer),
		"with a witness":  sign(t, text(origin, 42, root), signer, witness),
	} {
		c, err := verify.ParseCheckpoint(verifier, signed)
		if err != nil || c.Origin != origin || c.Size != 42 || !bytes.Equal(c.Root, root) {
			t.Errorf("%s: reads as %v, %v", name, c, err)
		}
	}
	if got, err := verify.Origin(verifier); err != nil || got != origin {
		t.Errorf("the key's name is %q, %v", got, err)
	}
}

func TestOtherCheckpointsAreRefused(t *testing.T) {
	t.Parallel()
	signer, verifier := key(t, origin)
	other, _ := key(t, origin) // same name, another key
	root := bytes.Repeat([]byte{7}, 32)
	good := sign(t, text(origin, 42, root), signer)
	for name, signed := range map[string]string{
		"empty":               "",
		"unsigned":            text(origin, 42, root),
		"another key":         sign(t, text(origin, 42, root), other),
		"changed":             strings.Replace(good, "\n42\n", "\n43\n", 1),
		"another origin":      sign(t, text("south.example/log", 42, root), signer),
		"no origin":           sign(t, text("", 42, root), signer),
		"leading zeros":       sign(t, text(origin, "042", root), signer),
		"negative size":       sign(t, text(origin, -1, root), signer),
		"size over 64 bits":   sign(t, text(origin, "18446744073709551616", root), signer),
		"short root":          sign(t, text(origin, 42, root[1:]), signer),
		"two lines":           sign(t, origin+"\n42\n", signer),
		"base64 not strict":   sign(t, origin+"\n42\n"+strings.Repeat("A", 42)+"B=\n", signer),
		"longer than allowed": sign(t, text(origin, 42, root)+strings.Repeat("x", ledger.MaxCheckpoint)+"\n", signer),
	} {
		if c, err := verify.ParseCheckpoint(verifier, signed); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: reads as %v, %v", name, c, err)
		}
	}
	for name, v := range map[string]string{
		"empty": "", "no key": origin, "wrong hash": strings.Replace(verifier, "+", "+0", 1),
		"another algorithm": "north+00000000+" + base64.StdEncoding.EncodeToString([]byte{9}), "long": strings.Repeat("x", ledger.MaxName+1),
	} {
		if _, err := verify.ParseCheckpoint(v, good); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("verifier key %s: %v", name, err)
		}
		if _, err := verify.Origin(v); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("verifier key %s: %v", name, err)
		}
	}
}

// FuzzParseCheckpoint signs whatever text it is given, so that the fuzzer gets
// past the signature.
func FuzzParseCheckpoint(f *testing.F) {
	signer, verifier := key(f, origin)
	f.Add(text(origin, 42, make([]byte, 32)), "")
	f.Add(text(origin, "007", make([]byte, 32)), "x")
	f.Add("\n\n\n", "\n\n— x y\n")
	f.Add(origin+"\n1\nAA==\n\n", "")
	f.Fuzz(func(t *testing.T, s, tail string) {
		for _, signed := range []string{s, s + tail} {
			if _, err := verify.ParseCheckpoint(verifier, signed); ledger.CodeOf(err) != ledger.CodeInvalid {
				t.Errorf("an unsigned note is a checkpoint: %v", err)
			}
		}
		b, err := note.Sign(&note.Note{Text: s}, signer)
		if err != nil {
			return
		}
		c, err := verify.ParseCheckpoint(verifier, string(b)+tail)
		switch {
		case err != nil && ledger.CodeOf(err) != ledger.CodeInvalid:
			t.Errorf("the fault is not the caller's: %v", err)
		case err == nil && !strings.HasPrefix(s, text(c.Origin, c.Size, c.Root)):
			t.Errorf("%q reads as %v", s, c)
		}
	})
}
