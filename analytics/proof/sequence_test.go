package proof_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/proof"
)

var counted = proof.Sequence{Epoch: 1_795_000_000_000, Number: 42, Made: 1_795_358_400_123}

// sequenced is a world whose request says its sequence.
func (w *world) sequenced(q proof.Sequence) {
	w.request.Statement.Sequence = q
	w.request.Seal()
	w.index = w.log.Add(w.request.Entry(w.t))
	w.view = w.log.Anchor(w.t)
	w.anchor = w.AnchorCall(w.t, w.view)
}

func TestACountIsProvenWithTheReadings(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		w.sequenced(counted)
		v, err := w.verify(w.t, w.bundle(w.t))
		if err != nil || v.Numbered != counted {
			w.t.Fatalf("%+v %v", v, err)
		}
		text := v.Text()
		if !strings.Contains(text, "Number 42 of the device's count 1795000000000, made 2026-11-22T") ||
			strings.Contains(text, "which nobody signed") != (v.VouchedBy == proof.VouchedByNode) {
			w.t.Error(text)
		}
	})
}

// TestACountIsNobodysToChange: what is told of a count is what was committed to, and
// where somebody signed, what was signed: a node that commits to another is found out.
func TestACountIsNobodysToChange(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*proof.Sequence){
		"epoch":  func(q *proof.Sequence) { q.Epoch++ },
		"number": func(q *proof.Sequence) { q.Number-- },
		"time":   func(q *proof.Sequence) { q.Made = 0 },
		"all":    func(q *proof.Sequence) { *q = proof.Sequence{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(w *world) {
				w.sequenced(counted)
				b := w.bundle(w.t)
				change(&b.Statement.Sequence)
				w.refused(w.t, b, proof.StepStatement, "not what the log committed to")
				if b.Statement.VouchedBy == proof.VouchedByNode {
					return
				}
				signature := w.request.Statement.Signature
				q := counted
				change(&q)
				w.request.Statement.Sequence, w.request.Statement.Signature = q, signature
				w.index = w.log.Add(w.request.Entry(w.t)) // a lying node
				w.view = w.log.Anchor(w.t)
				w.anchor = w.AnchorCall(w.t, w.view)
				w.refused(w.t, w.bundle(w.t), proof.StepDevice, "signature")
			})
		})
	}
}

func TestASequenceHasOneForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		count, made string
		want        proof.Sequence
		good        bool
	}{
		{"", "", proof.Sequence{}, true},
		{"0/1", "", proof.Sequence{Number: 1}, true},
		{"7/7", "1795358400123", proof.Sequence{Epoch: 7, Number: 7, Made: 1_795_358_400_123}, true},
		{"", "1", proof.Sequence{Made: 1}, true},
		{"9007199254740991/9007199254740991", "", proof.Sequence{Epoch: proof.MaxSequence, Number: proof.MaxSequence}, true},
		{"1/0", "", proof.Sequence{}, false},
		{"1", "", proof.Sequence{}, false},
		{"01/1", "", proof.Sequence{}, false},
		{"1/+1", "", proof.Sequence{}, false},
		{"1/1/1", "", proof.Sequence{}, false},
		{"-1/1", "", proof.Sequence{}, false},
		{"1/9007199254740992", "", proof.Sequence{}, false},
		{"", "0", proof.Sequence{}, false},
		{"", "2026-01-01T00:00:00Z", proof.Sequence{}, false},
	} {
		got, err := proof.ParseSequence(c.count, c.made)
		if (err == nil) != c.good || got != c.want {
			t.Errorf("%q %q: %+v %v", c.count, c.made, got, err)
		}
		if c.good && got.String() != c.count {
			t.Errorf("%q is written as %q", c.count, got)
		}
	}
}

// The signed text in numbers, for other implementations.
func TestWhatIsSignedWithASequence(t *testing.T) {
	t.Parallel()
	unit, edge, root := proof.Hash{3}, proof.Hash{4}, proof.Hash{5}
	q := proof.Sequence{Epoch: 1, Number: 2, Made: 3}
	numbers := "0000000000000001" + "0000000000000002" + "0000000000000003"
	tail := hex.EncodeToString(unit[:]) + "0000000000000009" + hex.EncodeToString(root[:]) + numbers
	if got := hex.EncodeToString(proof.SequencedMessage(unit, 9, root, q)); got != hex.EncodeToString([]byte("secant-readings-v2\x00"))+tail {
		t.Error(got)
	}
	if got := hex.EncodeToString(proof.EdgeSequencedMessage(edge, unit, 9, root, q)); got != hex.EncodeToString([]byte("secant-edge-readings-v2\x00"))+hex.EncodeToString(edge[:])+tail {
		t.Error(got)
	}
	if string(proof.SequencedMessage(unit, 9, root, proof.Sequence{})) != string(proof.SigningMessage(unit, 9, root)) ||
		string(proof.EdgeSequencedMessage(edge, unit, 9, root, proof.Sequence{})) != string(proof.EdgeSigningMessage(edge, unit, 9, root)) {
		t.Error("without a sequence another text is signed than before")
	}
}

// TestAStatementWithASequenceIsAnotherVersion: what was written before is read as
// before, and one version is never taken for the other.
func TestAStatementWithASequenceIsAnotherVersion(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		s := w.request.Statement
		old, err := s.Encode(nil)
		if err != nil || old[0] != 1 {
			w.t.Fatalf("%d %v", old[0], err)
		}
		s.Sequence = counted
		b, err := s.Encode(nil)
		if err != nil || b[0] != 2 || len(b) != len(old)+24 {
			w.t.Fatalf("%d %v", b[0], err)
		}
		got, err := proof.DecodeStatement(b)
		if err != nil || *got != s {
			w.t.Errorf("%+v %v", got, err)
		}
		for name, bad := range map[string][]byte{
			"version 1 with a sequence":    append([]byte{1}, b[1:]...),
			"version 2 without one":        append([]byte{2}, old[1:]...),
			"version 2 with none in it":    append(append([]byte{2}, old[1:]...), make([]byte, 24)...),
			"cut off":                      b[:len(b)-1],
			"a byte more":                  append(append([]byte{}, b...), 0),
			"a number too large":           append(append([]byte{}, b[:len(b)-24]...), []byte(strings.Repeat("\xff", 24))...),
			"an epoch that counts nothing": append(append([]byte{}, b[:len(b)-16]...), make([]byte, 16)...),
		} {
			if got, err := proof.DecodeStatement(bad); err == nil {
				w.t.Errorf("%s: %+v", name, got)
			}
		}
	})
	// A signature without a sequence is none for a statement with one.
	w := newWorld(t, proof.VouchedByDevice)
	s := w.request.Statement
	s.Sequence = counted
	if s.VerifySignature(w.request.Key.Public().(ed25519.PublicKey)) {
		t.Error("a signature over readings without a sequence is taken for one with")
	}
}

// TestWhatASetOfProofsCounts: offline, the numbers in proofs show what is not among them.
func TestWhatASetOfProofsCounts(t *testing.T) {
	t.Parallel()
	one := func(by proof.Voucher, unit, edge string, epoch, number uint64, request string) *proof.Verdict {
		return &proof.Verdict{VouchedBy: by, Unit: unit, Edge: edge, Request: request, Numbered: proof.Sequence{Epoch: epoch, Number: number}}
	}
	device, box, node := proof.VouchedByDevice, proof.VouchedByEdge, proof.VouchedByNode
	got := proof.Counted([]*proof.Verdict{
		one(device, "u", "", 7, 9, "c"), one(device, "u", "", 7, 3, "a"), one(device, "u", "", 7, 3, "a"), one(device, "u", "", 7, 5, "b"),
		one(device, "u", "", 8, 1, "d"), one(device, "u", "", 8, 1, "e"), one(device, "u", "", 8, 1, "f"), one(device, "u", "", 8, 2, "g"),
		one(box, "u", "e", 7, 3, "h"), one(node, "u", "", 7, 3, "i"), one(device, "v", "", 0, 0, "j"),
	})
	want := []string{
		"Count 7 of device u, claimed by nobody who signed: numbers 3 to 3, none missing between.",
		"Count 7 of device u, signed by EDGE e: numbers 3 to 3, none missing between.",
		"Count 7 of device u, signed by itself: numbers 3 to 9, missing 4, 6 to 8.",
		"Count 8 of device u, signed by itself: numbers 1 to 2, none missing between; two requests under number 1.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzParseSequence: what is read is written the same way, and could have been signed.
func FuzzParseSequence(f *testing.F) {
	f.Add("7/1", "3")
	f.Add("", "")
	f.Add("0/9007199254740991", "9007199254740992")
	f.Fuzz(func(t *testing.T, count, made string) {
		q, err := proof.ParseSequence(count, made)
		if err != nil {
			return
		}
		if q.String() != count || (q.Made != 0) != (made != "") || q.Validate() != nil {
			t.Errorf("%q %q is read as %+v", count, made, q)
		}
	})
}
