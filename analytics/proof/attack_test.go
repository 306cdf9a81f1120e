package proof_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/proof/prooftest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const north = "hospital-north"

// world is an honest consortium with one proof in it.
type world struct {
	*prooftest.Consortium
	t       *testing.T
	trust   *ledger.Trust
	log     *prooftest.Log
	request *prooftest.Request
	index   uint64 // of the request in the log
	view    *ledger.AnchorView
	anchor  *prooftest.Call
	unit    *prooftest.Call
}

const recordIndex = 4

func newWorld(t *testing.T, by proof.Voucher) *world {
	t.Helper()
	w := &world{Consortium: prooftest.New(t), t: t, log: prooftest.NewLog(t, north)}
	w.trust = w.Trust()
	for i := range 5 {
		w.log.Add(proof.Hash{byte(i)})
	}
	var records [][]byte
	for i := range 11 {
		records = append(records, fmt.Appendf(nil, `{"spo2":%d,"pulse":%d}`, 90+i%9, 60+i))
	}
	w.request = prooftest.NewRequest(t, north, by, records...)
	w.index = w.log.Add(w.request.Entry(t))
	for i := range 7 {
		w.log.Add(proof.Hash{byte(i), 1})
	}
	w.view = w.log.Anchor(t)
	w.anchor = w.AnchorCall(t, w.view)
	if by != proof.VouchedByNode {
		w.unit = w.UnitCall(t, &w.request.Unit)
	}
	return w
}

// bundle is what an honest node would serve for the world as it stands.
func (w *world) bundle(t *testing.T) *proof.Bundle {
	t.Helper()
	var unit *ledger.SignedRead
	if w.unit != nil {
		unit = w.unit.Sign(t)
	}
	return w.request.Bundle(t, w.log, w.index, recordIndex, w.view.Anchor.Checkpoint, w.anchor.Sign(t), unit)
}

func (w *world) verify(t *testing.T, b *proof.Bundle) (*proof.Verdict, error) {
	t.Helper()
	v, err := proof.NewVerifier(w.trust)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return v.VerifyJSON(raw)
}

// refused wants the bundle not to fit at this step, and the error to say so.
func (w *world) refused(t *testing.T, b *proof.Bundle, step proof.Step, words string) {
	t.Helper()
	verdict, err := w.verify(t, b)
	if err == nil {
		t.Fatalf("accepted: %s", verdict)
	}
	m, ok := errors.AsType[*proof.Mismatch](err)
	if !ok || m.Step != step || !strings.Contains(err.Error(), words) {
		t.Errorf("got %q, want step %q and %q", err, step, words)
	}
}

func each(t *testing.T, test func(*world)) {
	t.Helper()
	for _, by := range []proof.Voucher{proof.VouchedByDevice, proof.VouchedByEdge, proof.VouchedByNode} {
		t.Run(string(by), func(t *testing.T) {
			t.Parallel()
			test(newWorld(t, by))
		})
	}
}

func TestHonestProofsHold(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		t := w.t
		got, err := w.verify(t, w.bundle(t))
		if err != nil {
			t.Fatal(err)
		}
		vouchedBy := map[proof.Voucher]string{
			proof.VouchedByDevice: "DEVICE " + w.request.Unit.ID, proof.VouchedByNode: "NODE of hospital-north", proof.VouchedByEdge: "EDGE " + w.request.Unit.ID,
		}[w.request.Statement.VouchedBy]
		want := "unchanged since 2026-11-22T14:29:30.000Z, as witnessed by 3 of 5 organisations " +
			"(hospital-east, hospital-north, hospital-south), vouched for by " + vouchedBy
		if got.String() != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if inService := strings.Contains(got.Text(), "in service, uncertified"); inService != (w.unit != nil) {
			t.Errorf("the text says about the device's state: %v\n%s", inService, got.Text())
		}
	})
}

func TestAlteredRecord(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		t := w.t
		b := w.bundle(t)
		b.Record.Text = strings.Replace(b.Record.Text, "94", "99", 1)
		w.refused(t, b, proof.StepContent, "record's bytes")
	})
}

// Whoever alters a record and all that can be recomputed from it still cannot
// make the leaf.
func TestAlteredRecordWithItsDigests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	b := w.bundle(t)
	w.request.Records[recordIndex] = []byte(`{"spo2":99}`)
	forged, err := proof.NewRecord(w.request.Records[recordIndex], &w.request.Seed, w.request.Tree(), recordIndex)
	if err != nil {
		t.Fatal(err)
	}
	leaf := b.Record.Leaf
	b.Record = forged
	w.refused(t, b, proof.StepPath, "does not lead to its request's root")
	b.Record.Leaf = leaf
	w.refused(t, b, proof.StepSalt, "")
}

func TestAlteredSalt(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		t := w.t
		b := w.bundle(t)
		b.Record.Salt[3] ^= 1
		w.refused(t, b, proof.StepSalt, "")
	})
}

func TestMovedIndex(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		t := w.t
		for index := range uint32(12) {
			if index == recordIndex {
				continue
			}
			b := w.bundle(t)
			b.Record.Index = index
			w.refused(t, b, proof.StepPath, "")
		}
		b := w.bundle(t)
		b.Log.Index++
		w.refused(t, b, proof.StepPath, "checkpoint")
	})
}

func TestRecordMovedToAnotherDevice(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		t := w.t
		b := w.bundle(t)
		b.Statement.Unit[0] ^= 1
		w.refused(t, b, proof.StepStatement, "not what the log committed to")
		entry, err := b.Statement.EntryHash(&b.Log.Salt)
		if err != nil {
			t.Fatal(err)
		}
		b.Log.Entry = entry
		w.refused(t, b, proof.StepPath, "does not lead to the checkpoint")
	})
}

// A node that logs, from the start, a device's readings as another device's.
func TestReadingsLoggedForAnotherDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByDevice)
	other := prooftest.NewRequest(t, north, proof.VouchedByDevice, w.request.Records...)
	signature := w.request.Statement.Signature
	w.request.Statement.Unit = other.Statement.Unit
	w.request.Unit = other.Unit
	w.relog(t)
	w.refused(t, w.bundle(t), proof.StepDevice, "not that of the device's key")
	// And with the record of the device that did sign.
	w.request.Statement.Signature = signature
	w.request.Unit.ID = strings.Repeat("ab", 32)
	w.unit = w.UnitCall(t, &w.request.Unit)
	w.refused(t, w.bundle(t), proof.StepDevice, "another device")
}

// relog puts the changed request into a new log, as its node could have done.
func (w *world) relog(t *testing.T) {
	t.Helper()
	w.log = prooftest.NewLog(t, w.log.Owner)
	w.index = w.log.Add(w.request.Entry(t))
	w.log.Add(proof.Hash{1})
	w.view = w.log.Anchor(t)
	w.anchor = w.AnchorCall(t, w.view)
	if w.request.Statement.VouchedBy == proof.VouchedByDevice {
		w.unit = w.UnitCall(t, &w.request.Unit)
	}
}

func TestInventedDeviceReading(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByDevice)
	_, invented, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.request.Key = invented
	w.request.Seal()
	w.relog(t)
	w.refused(t, w.bundle(t), proof.StepDevice, "not that of the device's key")
}

func TestDeviceOfAnotherOrganisation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByDevice)
	w.request.Unit.Owner = "hospital-south"
	w.relog(t)
	w.refused(t, w.bundle(t), proof.StepDevice, "another organisation")
}

func TestDeviceWithoutKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByDevice)
	w.request.Unit.PublicKey = ""
	w.relog(t)
	w.refused(t, w.bundle(t), proof.StepDevice, "no key")
}

// Anybody makes signatures that verify under the point of order 1.
func TestDeviceWithAKeyOfSmallOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByDevice)
	neutral := make(ed25519.PublicKey, ed25519.PublicKeySize)
	neutral[0] = 1
	w.request.Unit.PublicKey = hex.EncodeToString(neutral)
	w.request.Statement.Signature = proof.Signature{1}
	if !w.request.Statement.VerifySignature(neutral) {
		t.Fatal("the forged signature does not even verify under the raw key")
	}
	w.relog(t)
	w.refused(t, w.bundle(t), proof.StepDevice, "no key")
}

func TestMissingDeviceRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByDevice)
	b := w.bundle(t)
	b.Device = nil
	w.refused(t, b, proof.StepDevice, "lacks")
}

func TestNodeReadingDressedUpAsTheDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	b := w.bundle(t)
	b.Device = w.UnitCall(t, &w.request.Unit).Sign(t)
	w.refused(t, b, proof.StepDevice, "though the node vouches")
}

// What an edge box signs, no device signs for itself, and the other way round.
func TestEdgeAndDeviceSignDifferently(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByEdge)
	s := &w.request.Statement
	s.Signature = proof.Signature(ed25519.Sign(w.request.Key, proof.SigningMessage(s.Edge, int(s.Count), s.Root)))
	w.relog(t)
	w.refused(t, w.bundle(t), proof.StepDevice, "not that of the device's key")

	w = newWorld(t, proof.VouchedByDevice)
	s = &w.request.Statement
	s.Signature = proof.Signature(ed25519.Sign(w.request.Key, proof.EdgeSigningMessage(proof.Hash{1}, s.Unit, int(s.Count), s.Root)))
	w.relog(t)
	w.refused(t, w.bundle(t), proof.StepDevice, "not that of the device's key")
}

// An edge box vouches for the device that it named, and for no other.
func TestEdgeReadingGivenToAnotherDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByEdge)
	w.request.Statement.Unit[0] ^= 1
	w.relog(t)
	w.refused(t, w.bundle(t), proof.StepDevice, "not that of the device's key")
}

func TestEdgeReadingWithTheDevicesRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByEdge)
	w.request.Unit.ID = w.request.Statement.Unit.String()
	w.unit = w.UnitCall(t, &w.request.Unit)
	w.refused(t, w.bundle(t), proof.StepDevice, "of another device")
}

func TestEdgeIsNamedWhereItVouches(t *testing.T) {
	t.Parallel()
	edge := newWorld(t, proof.VouchedByEdge).request.Statement
	device := newWorld(t, proof.VouchedByDevice).request.Statement
	for name, s := range map[string]proof.Statement{
		"none that vouches": func() proof.Statement { s := edge; s.Edge = proof.Hash{}; return s }(),
		"one beside":        func() proof.Statement { s := device; s.Edge = proof.Hash{1}; return s }(),
		"itself":            func() proof.Statement { s := edge; s.Edge = s.Unit; return s }(),
	} {
		if _, err := s.Encode(nil); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
	b, err := edge.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := proof.DecodeStatement(b); err != nil || *got != edge {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := proof.DecodeStatement(b[:len(b)-proof.HashSize]); err == nil {
		t.Error("decoded without the box")
	}
}

func TestStatementOfAnotherOrganisation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	w.request.Statement.Organisation = "hospital-south"
	w.relog(t)
	w.refused(t, w.bundle(t), proof.StepStatement, "another organisation")
}

func TestOtherCheckpoint(t *testing.T) {
	t.Parallel()
	each(t, func(w *world) {
		t := w.t
		b := w.bundle(t)
		w.log.Add(proof.Hash{99})
		b.Checkpoint, _, _ = w.log.Checkpoint(t)
		w.refused(t, b, proof.StepCheckpoint, "not the one that was anchored")
	})
}

// A log that signs a second tree of the same size and proves a record in it.
func TestForkedCheckpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	fork := w.log.Fork()
	forged := prooftest.NewRequest(t, north, proof.VouchedByNode, []byte(`{"spo2":99}`))
	index := fork.Add(forged.Entry(t))
	for fork.Size() < w.log.Size() {
		fork.Add(proof.Hash{2})
	}
	text, _, _ := fork.Checkpoint(t)
	b := forged.Bundle(t, fork, index, 0, text, w.anchor.Sign(t), nil)
	w.refused(t, b, proof.StepCheckpoint, "not the one that was anchored")
	b.Checkpoint = w.view.Anchor.Checkpoint
	w.refused(t, b, proof.StepPath, "does not lead to the checkpoint")
	// With the anchor's text exchanged too, the peers' signatures no longer fit.
	w.view.Anchor.Checkpoint = text
	b.Checkpoint = text
	signed := w.anchor.Sign(t)
	b.Anchor = *w.AnchorCall(t, w.view).Sign(t)
	for i := range b.Anchor.Endorsements {
		b.Anchor.Endorsements[i] = signed.Endorsements[i]
	}
	w.refused(t, b, proof.StepSignedRead, "does not fit")
}

func TestCheckpointOfAnotherKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	stranger := prooftest.NewLog(t, north)
	stranger.Add(w.request.Entry(t))
	w.view.Anchor.Checkpoint, w.view.Anchor.Size, _ = stranger.Checkpoint(t)
	w.anchor = w.AnchorCall(t, w.view)
	w.refused(t, w.bundle(t), proof.StepCheckpoint, "not signed by the stream's key")
}

func TestAnchorOfAnotherTreeThanItsCheckpoint(t *testing.T) {
	t.Parallel()
	for _, edit := range []func(*ledger.Anchor){
		func(a *ledger.Anchor) { a.Size++ },
		func(a *ledger.Anchor) { a.Root = strings.Repeat("0", 64) },
	} {
		w := newWorld(t, proof.VouchedByNode)
		edit(&w.view.Anchor)
		w.anchor = w.AnchorCall(t, w.view)
		w.refused(t, w.bundle(t), proof.StepCheckpoint, "another tree")
	}
}

// Parts whose numbers cannot be.
func TestPartsOutOfBounds(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]struct {
		edit  func(*proof.Bundle)
		step  proof.Step
		words string
	}{
		"entry beyond the log":  {func(b *proof.Bundle) { b.Log.Index = 1 << 40 }, proof.StepPath, "outside a tree of 13"},
		"log path too short":    {func(b *proof.Bundle) { b.Log.Path = b.Log.Path[1:] }, proof.StepPath, "the path has"},
		"record beyond request": {func(b *proof.Bundle) { b.Record.Index = 11 }, proof.StepPath, "outside a tree of 11"},
		"record path too long":  {func(b *proof.Bundle) { b.Record.Path = append(b.Record.Path, proof.Hash{}) }, proof.StepPath, "the path has"},
		"media type":            {func(b *proof.Bundle) { b.Statement.MediaType = "" }, proof.StepStatement, "no usable media type"},
		"voucher":               {func(b *proof.Bundle) { b.Statement.VouchedBy = "somebody" }, proof.StepStatement, "nobody known"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, proof.VouchedByNode)
			b := w.bundle(t)
			a.edit(b)
			w.refused(t, b, a.step, a.words)
		})
	}
}

func TestStreamUnderAnotherKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	w.view.Stream.Verifier = prooftest.NewLog(t, north).Verifier
	w.anchor = w.AnchorCall(t, w.view)
	w.refused(t, w.bundle(t), proof.StepSignedRead, "do not belong together")
}

func TestEquivocatedStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	w.view.Equivocated = true
	w.anchor = w.AnchorCall(t, w.view)
	w.refused(t, w.bundle(t), proof.StepCheckpoint, "two histories")
}
