package proof_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

func lastingKey(n byte) *keys.LastingKey {
	return keys.NewLastingKey([keys.LastingSeedSize]byte{n})
}

// lasting is the second signature of the world's checkpoint.
func (w *world) lasting(t *testing.T, k *keys.LastingKey) *proof.Lasting {
	t.Helper()
	origin, err := verify.Origin(w.log.Verifier)
	if err != nil {
		t.Fatal(err)
	}
	line, err := k.Line(origin, w.view.Anchor.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	return &proof.Lasting{Key: k.JWK(), Line: line}
}

// names has the trust file name the lasting keys of an organisation.
func (w *world) names(org string, thumbprints ...string) {
	for i := range w.trust.Epochs[0].Organisations {
		if o := &w.trust.Epochs[0].Organisations[i]; o.ID == org {
			o.Lasting = thumbprints
		}
	}
}

// TestALastingSignatureIsTold: whether there is one, by which key, and whether
// anybody else says whose key that is.
func TestALastingSignatureIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByDevice)
	k := lastingKey(1)
	thumbprint := k.JWK().Thumbprint()
	told := func(b *proof.Bundle) *proof.Verdict {
		t.Helper()
		v, err := w.verify(t, b)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	b := w.bundle(t)
	without := told(b)
	if without.Lasting != "" || !strings.Contains(without.Text(), "No lasting signature") {
		t.Errorf("%+v", without)
	}
	b.Lasting = w.lasting(t, k)
	with := told(b)
	if with.Lasting != thumbprint || with.LastingKnown || !strings.Contains(with.Text(), "its DID document on the ledger says") {
		t.Errorf("%+v", with)
	}
	if err := with.RequireLasting(thumbprint); err != nil || !with.LastingKnown || !strings.Contains(with.Text(), "known to be that of hospital-north") {
		t.Errorf("%+v, %v", with, err)
	}
	w.names(north, lastingKey(2).JWK().Thumbprint(), thumbprint)
	if got := told(b); got.Lasting != thumbprint || !got.LastingKnown {
		t.Errorf("by a key of the trust file: %+v", got)
	}
	// Bundles of before go on verifying.
	b.Lasting = nil
	if got := told(b); got.Lasting != "" || got.LastingKnown {
		t.Errorf("without one, when the trust file names keys: %+v", got)
	}
	w.names("hospital-south", lastingKey(2).JWK().Thumbprint())
	w.names(north)
	b.Lasting = w.lasting(t, k)
	if got := told(b); got.LastingKnown {
		t.Errorf("a key of another organisation's makes this one's known: %+v", got)
	}
	// Line and checkpoint together are a signed note for everybody's reader.
	ed, err := note.NewVerifier(w.log.Verifier)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := b.Lasting.Key.NoteVerifier(ed.Name())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := note.Open([]byte(b.Checkpoint+b.Lasting.Line), note.VerifierList(ed, ours)); err != nil || len(n.Sigs) != 2 {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestOtherLastingSignaturesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	k, other := lastingKey(1), lastingKey(2)
	w.names(north, k.JWK().Thumbprint())
	honest := w.bundle(t)
	honest.Lasting = w.lasting(t, k)
	v, err := proof.NewVerifier(w.trust)
	if err != nil {
		t.Fatal(err)
	}
	origin, err := verify.Origin(w.log.Verifier)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := newWorld(t, proof.VouchedByNode)
	certificate, err := k.Detached(verify.TypeLastingCertificate, []byte(honest.Checkpoint))
	if err != nil {
		t.Fatal(err)
	}
	line := func(k *keys.LastingKey, name, note string) string {
		t.Helper()
		s, err := k.Line(name, note)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, edit := range map[string]func(l *proof.Lasting){
		"another key of the host's": func(l *proof.Lasting) { *l = *w.lasting(t, other) },
		"another key's signature":   func(l *proof.Lasting) { l.Line = w.lasting(t, other).Line },
		"another key beside it":     func(l *proof.Lasting) { l.Key = other.JWK() },
		"of another checkpoint":     func(l *proof.Lasting) { l.Line = line(k, origin, elsewhere.view.Anchor.Checkpoint) },
		"of another log":            func(l *proof.Lasting) { l.Line = line(k, "secant/test/hospital-south", honest.Checkpoint) },
		"for another use":           func(l *proof.Lasting) { l.Line = certificate },
		"stripped":                  func(l *proof.Lasting) { l.Line = "" },
		"truncated":                 func(l *proof.Lasting) { l.Line = l.Line[:len(l.Line)-9] + "\n" },
		"more lines":                func(l *proof.Lasting) { l.Line += l.Line },
		"no key":                    func(l *proof.Lasting) { l.Key = verify.LastingJWK{} },
		"a key of another kind":     func(l *proof.Lasting) { l.Key.Alg = "ML-DSA-44" },
		"endless":                   func(l *proof.Lasting) { l.Line = strings.Repeat("x", 1<<20) },
		"an endless key":            func(l *proof.Lasting) { l.Key.Pub = strings.Repeat("A", 1<<20) },
	} {
		// Also when an honest one was found good just before.
		if _, err := v.Verify(honest); err != nil {
			t.Fatal(err)
		}
		b := w.bundle(t)
		l := *honest.Lasting
		edit(&l)
		b.Lasting = &l
		w.refused(t, b, proof.StepLasting, "")
		if _, err := v.Verify(b); err == nil {
			t.Errorf("%s: taken after the honest one", name)
		}
	}
}

func TestALastingSignatureIsReadStrictly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	b := w.bundle(t)
	b.Lasting = w.lasting(t, lastingKey(1))
	raw, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := proof.ParseBundle(raw); err != nil || *got.Lasting != *b.Lasting {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"a member more":  {`"lasting": {`, `"lasting": {"x": 1,`},
		"a private key":  {`"kty": "AKP"`, `"kty": "AKP", "priv": "AAAA"`},
		"another case":   {`"line": `, `"Line": `},
		"nothing":        {`"line": `, `"line": null, "l": `},
		"a private name": {`"pub": `, `"Pub": `},
	} {
		changed := bytes.Replace(raw, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(changed, raw) {
			t.Fatal(name)
		}
		if _, err := proof.ParseBundle(changed); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

func TestATrustFileNamesLastingKeysByThumbprint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	w.names(north, lastingKey(1).JWK().Thumbprint())
	raw, err := json.Marshal(w.trust)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ledger.ParseTrust(raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := proof.NewVerifier(read); err != nil {
		t.Error(err)
	}
	w.names(north, "key-1")
	if _, err := proof.NewVerifier(w.trust); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("by a name: %v", err)
	}
}

// BenchmarkLasting is what a lasting signature adds to the judging of a bundle: the
// first time under a checkpoint, and again.
func BenchmarkLasting(b *testing.B) {
	bundle, trust := goldenOf(b)
	origin := "secant/test/hospital-north"
	line, err := lastingKey(1).Line(origin, bundle.Checkpoint)
	if err != nil {
		b.Fatal(err)
	}
	lasting := &proof.Lasting{Key: lastingKey(1).JWK(), Line: line}
	for name, l := range map[string]*proof.Lasting{"without": nil, "with": lasting} {
		bundle.Lasting = l
		b.Run(name+"/new", func(b *testing.B) {
			for b.Loop() {
				v, err := proof.NewVerifier(trust)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := v.Verify(bundle); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/again", func(b *testing.B) {
			v, err := proof.NewVerifier(trust)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := v.Verify(bundle); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
