package prooftest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	flog "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Log is an organisation's integrity log in memory.
type Log struct {
	Owner    string
	Verifier string // signed-note verifier key
	Anchors  uint64 // anchors made so far
	signer   note.Signer
	leaves   []proof.Hash
}

// NewLog makes an empty log with a new key.
func NewLog(tb testing.TB, owner string) *Log {
	tb.Helper()
	secret, verifier, err := note.GenerateKey(rand.Reader, "secant/test/"+owner)
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		tb.Fatal(err)
	}
	return &Log{Owner: owner, Verifier: verifier, signer: signer}
}

// Add appends an entry and returns its index.
func (l *Log) Add(entry proof.Hash) uint64 {
	l.leaves = append(l.leaves, sha256.Sum256(append([]byte{0}, entry[:]...)))
	return uint64(len(l.leaves)) - 1
}

// Size returns the number of entries.
func (l *Log) Size() int { return len(l.leaves) }

// Fork returns an empty log under the same key.
func (l *Log) Fork() *Log { return &Log{Owner: l.Owner, Verifier: l.Verifier, signer: l.signer} }

// Path returns the audit path of the entry at index to the present root.
func (l *Log) Path(tb testing.TB, index uint64) [][]byte {
	tb.Helper()
	return l.Paths(tb, []uint64{index})[0]
}

// Paths returns the audit paths of several entries.
func (l *Log) Paths(tb testing.TB, indices []uint64) [][][]byte {
	tb.Helper()
	tree := proof.NewTree(l.leaves)
	out := make([][][]byte, len(indices))
	for i, index := range indices {
		path, err := tree.Path(int(index)) //nolint:gosec // small in tests
		if err != nil {
			tb.Fatal(err)
		}
		for _, h := range path {
			out[i] = append(out[i], h[:])
		}
	}
	return out
}

// Checkpoint signs the present state.
func (l *Log) Checkpoint(tb testing.TB) (text string, size uint64, root proof.Hash) {
	tb.Helper()
	size, root = uint64(len(l.leaves)), proof.NewTree(l.leaves).Root()
	signed, err := note.Sign(&note.Note{
		Text: string(flog.Checkpoint{Origin: l.signer.Name(), Size: size, Hash: root[:]}.Marshal()),
	}, l.signer)
	if err != nil {
		tb.Fatal(err)
	}
	return string(signed), size, root
}

// Stream returns the log's record on the ledger.
func (l *Log) Stream() ledger.Stream {
	return ledger.Stream{
		V: 1, ID: ledger.StreamID(l.Verifier), Owner: l.Owner,
		Verifier: l.Verifier, Origin: l.signer.Name(), Opened: Now.Add(-time.Hour),
	}
}

// Anchor returns the answer of anchor:Get for the present state, endorsed a
// minute before Now and followed by another half a minute later.
func (l *Log) Anchor(tb testing.TB) *ledger.AnchorView {
	tb.Helper()
	text, size, root := l.Checkpoint(tb)
	view := &ledger.AnchorView{Stream: l.Stream(), Anchor: ledger.Anchor{
		V: 1, Stream: ledger.StreamID(l.Verifier), Sequence: l.Anchors, Size: size, Root: root.String(),
		Checkpoint: text, Tx: fmt.Sprintf("%064x", l.Anchors), Time: Now.Add(-time.Minute),
	}, Next: Now.Add(-30 * time.Second)}
	l.Anchors++
	return view
}

// Request is a request that an organisation accepted, with all that its node
// keeps of it.
type Request struct {
	Records   [][]byte
	Seed      proof.Seed
	Statement proof.Statement
	Salt      proof.Hash // of the log entry
	Key       ed25519.PrivateKey
	Unit      ledger.Unit
}

// NewRequest makes a request of one device, which signs it when it vouches; when an
// edge box does, Key and Unit are the box's.
func NewRequest(tb testing.TB, organisation string, by proof.Voucher, records ...[]byte) *Request {
	tb.Helper()
	r := &Request{Records: records}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	s := &r.Statement
	for _, b := range [][]byte{r.Seed[:], r.Salt[:], s.Request[:], s.Unit[:]} {
		if _, err := rand.Read(b); err != nil {
			tb.Fatal(err)
		}
	}
	r.Key = private
	signer := s.Unit
	if by == proof.VouchedByEdge {
		if _, err := rand.Read(s.Edge[:]); err != nil {
			tb.Fatal(err)
		}
		signer = s.Edge
	}
	r.Unit = ledger.Unit{
		V: 1, ID: signer.String(), DI: "04012345678901", Lot: "L1", Release: "1.0.0",
		Manufacturer: "medtech", Owner: organisation, PublicKey: hex.EncodeToString(public),
		State: ledger.StateInService, Certification: ledger.CertificationNone, Since: Now.Add(-time.Hour),
	}
	s.Organisation, s.VouchedBy, s.MediaType = organisation, by, "application/x-ndjson"
	s.Received = Now.Add(-2 * time.Minute).UnixMilli()
	s.Content = proof.ContentDigest(&r.Seed, sha256.Sum256(nil))
	r.Seal()
	return r
}

// Seal makes the statement fit the records again, as an honest node and device
// would have.
func (r *Request) Seal() {
	s := &r.Statement
	s.Count = uint32(len(r.Records)) //nolint:gosec // small in tests
	s.Root = r.Tree().Root()
	s.Signature = proof.Signature{}
	switch s.VouchedBy {
	case proof.VouchedByDevice:
		s.Signature = proof.Signature(ed25519.Sign(r.Key, proof.SequencedMessage(s.Unit, len(r.Records), s.Root, s.Sequence)))
	case proof.VouchedByEdge:
		s.Signature = proof.Signature(ed25519.Sign(r.Key, proof.EdgeSequencedMessage(s.Edge, s.Unit, len(r.Records), s.Root, s.Sequence)))
	case proof.VouchedByNode:
	}
}

// Tree returns the tree over the records' leaves.
func (r *Request) Tree() *proof.Tree { return proof.NewTree(proof.LeafHashes(nil, &r.Seed, r.Records)) }

// Entry returns the log's entry for the request.
func (r *Request) Entry(tb testing.TB) proof.Hash {
	tb.Helper()
	entry, err := r.Statement.EntryHash(&r.Salt)
	if err != nil {
		tb.Fatal(err)
	}
	return entry
}

// Bundle makes the bundle for one record of a request that the log holds at
// logIndex, given the reads that prove the rest.
func (r *Request) Bundle(tb testing.TB, l *Log, logIndex uint64, index int, checkpoint string, anchor, device *ledger.SignedRead) *proof.Bundle {
	tb.Helper()
	record, err := proof.NewRecord(r.Records[index], &r.Seed, r.Tree(), index)
	if err != nil {
		tb.Fatal(err)
	}
	entry, err := proof.NewLogProof(&r.Statement, r.Salt, logIndex, l.Path(tb, logIndex))
	if err != nil {
		tb.Fatal(err)
	}
	return &proof.Bundle{
		Format: proof.Format, Record: record, Statement: r.Statement, Log: entry,
		Checkpoint: checkpoint, Anchor: *anchor, Device: device,
	}
}
