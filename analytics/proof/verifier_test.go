package proof_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/proof/prooftest"
)

// What a verifier has kept must not make it take what it would refuse afresh.
func TestCacheDoesNotSoften(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		t := w.t
		v, err := proof.NewVerifier(w.trust)
		if err != nil {
			t.Fatal(err)
		}
		want, err := v.Verify(w.bundle(t))
		if err != nil {
			t.Fatal(err)
		}
		for name, edit := range map[string]func(*proof.Bundle){
			"record":     func(b *proof.Bundle) { b.Record.Text += " " },
			"index":      func(b *proof.Bundle) { b.Record.Index++ },
			"path":       func(b *proof.Bundle) { b.Record.Path[0][0] ^= 1 },
			"statement":  func(b *proof.Bundle) { b.Statement.Received++ },
			"log index":  func(b *proof.Bundle) { b.Log.Index++ },
			"log salt":   func(b *proof.Bundle) { b.Log.Salt[0] ^= 1 },
			"log entry":  func(b *proof.Bundle) { b.Log.Entry[0] ^= 1 },
			"log path":   func(b *proof.Bundle) { b.Log.Path[0][0] ^= 1 },
			"checkpoint": func(b *proof.Bundle) { b.Checkpoint += " " },
			"header":     func(b *proof.Bundle) { b.Anchor.ChannelHeader[5] ^= 1 },
			"response":   func(b *proof.Bundle) { b.Anchor.Response[20] ^= 1 },
			"signature":  func(b *proof.Bundle) { b.Anchor.Endorsements[1].Signature[20] ^= 1 },
			"minority":   func(b *proof.Bundle) { b.Anchor.Endorsements = b.Anchor.Endorsements[1:] },
			"device": func(b *proof.Bundle) {
				if b.Device == nil {
					b.Device = &b.Anchor
				} else {
					b.Device.Endorsements = b.Device.Endorsements[1:]
				}
			},
		} {
			b := w.bundle(t)
			if _, err := v.Verify(b); err != nil {
				t.Fatal(err)
			}
			edit(b)
			if _, err := v.Verify(b); err == nil {
				t.Errorf("%s: taken after the honest one", name)
			}
		}
		got, err := v.Verify(w.bundle(t))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// A caller may do with its bundle what it likes once Verify has returned.
func TestVerifierKeepsNothingOfABundle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByDevice)
	v, err := proof.NewVerifier(w.trust)
	if err != nil {
		t.Fatal(err)
	}
	b := w.bundle(t)
	first, err := v.Verify(b)
	if err != nil {
		t.Fatal(err)
	}
	first.Witnesses[0] = "nobody"
	b.Log.Path[0][0] ^= 1
	if _, err := v.Verify(b); err == nil {
		t.Error("a path that was changed in place is taken")
	}
	b.Log.Path[0][0] ^= 1
	again, err := v.Verify(b)
	if err != nil || again.Witnesses[0] == "nobody" {
		t.Errorf("%v, %v", again, err)
	}
}

func TestVerifierServesManyGoroutinesAndHeads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	v, err := proof.NewVerifier(w.trust)
	if err != nil {
		t.Fatal(err)
	}
	// More heads than the verifier keeps.
	bundles := make([]*proof.Bundle, 70)
	for i := range bundles {
		w.log.Add(proof.Hash{byte(i), 7})
		w.view = w.log.Anchor(t)
		w.anchor = w.AnchorCall(t, w.view)
		bundles[i] = w.bundle(t)
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range bundles {
				verdict, err := v.Verify(bundles[(i+17*g)%len(bundles)])
				if err != nil {
					t.Error(err)
				} else if want := uint64((i+17*g)%len(bundles) + 1); verdict.Sequence != want {
					t.Errorf("sequence %d, want %d", verdict.Sequence, want)
				}
			}
		})
	}
	wg.Wait()
}

// An auditor goes from head to entry to record and pays for signatures once.
func TestAuditorsWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByDevice)
	v, err := proof.NewVerifier(w.trust)
	if err != nil {
		t.Fatal(err)
	}
	b := w.bundle(t)
	head, err := v.Head(b.Checkpoint, &b.Anchor)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := head.Entry(&b.Statement, &b.Log, b.Device)
	if err != nil {
		t.Fatal(err)
	}
	tree := w.request.Tree()
	for i, content := range w.request.Records {
		record, err := proof.NewRecord(content, &w.request.Seed, tree, i)
		if err != nil {
			t.Fatal(err)
		}
		verdict, err := entry.Verdict(&record)
		if err != nil {
			t.Fatal(err)
		}
		if verdict.Index != i {
			t.Errorf("index %d, want %d", verdict.Index, i)
		}
		record.SetContent(fmt.Appendf(nil, "%s ", content))
		if _, err := entry.Verdict(&record); err == nil {
			t.Error("an altered record is taken")
		}
	}
}

func FuzzVerify(f *testing.F) {
	w := &world{Consortium: prooftest.New(f)}
	for _, name := range []string{"testdata/device.golden.json", "testdata/node.golden.json", "testdata/lasting.golden.json"} {
		f.Add(read(f, name))
	}
	v, err := proof.NewVerifier(w.Trust())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if verdict, err := v.VerifyJSON(raw); err == nil {
			t.Errorf("a bundle under unknown roots is taken: %s", verdict)
		}
	})
}

// FuzzSignedRead changes one part of an honest read: only the honest one holds.
func FuzzSignedRead(f *testing.F) {
	b, trust := goldenOf(f)
	a := &b.Anchor
	parts := []*[]byte{&a.ChannelHeader, &a.SignatureHeader, &a.Proposal, &a.Response, &a.Endorsements[0].Endorser, &a.Endorsements[0].Signature}
	for i, p := range parts {
		f.Add(i, *p)
	}
	f.Fuzz(func(t *testing.T, which int, part []byte) {
		if which < 0 || which >= len(parts) {
			return
		}
		honest := *parts[which]
		defer func() { *parts[which] = honest }()
		*parts[which] = part
		v, err := proof.NewVerifier(trust)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(b); (err == nil) != (string(part) == string(honest)) {
			t.Errorf("part %d: %v", which, err)
		}
	})
}

func FuzzDecodeStatement(f *testing.F) {
	w := newWorldFor(f)
	b, err := w.Statement.Encode(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	w.Statement.Sequence = proof.Sequence{Epoch: 1, Number: 2, Made: 3}
	if b, err = w.Statement.Encode(nil); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := proof.DecodeStatement(b)
		if err != nil {
			return
		}
		again, err := s.Encode(nil)
		if err != nil || string(again) != string(b) {
			t.Errorf("a statement has two encodings: %v", err)
		}
	})
}
