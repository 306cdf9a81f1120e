package verify

import (
	"bytes"
	"crypto/sha256"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Checkpoint is what a log's key signed: the size and root of one tree.
type Checkpoint struct {
	Origin string // the log's name, first line of the note
	Size   uint64 // leaves in the tree
	Root   []byte // RFC 6962 root hash, 32 bytes
}

// Origin returns the name inside a verifier key (C2SP signed-note), which is
// also the origin of the log's checkpoints. It refuses a malformed key.
func Origin(verifier string) (string, error) {
	v, err := open(verifier)
	if err != nil {
		return "", err
	}
	return v.Name(), nil
}

// ParseCheckpoint reads a checkpoint and checks that the verifier key signed
// it. Further signatures (witnesses) are allowed and not judged. Extension lines
// are signed too, and skipped.
func ParseCheckpoint(verifier, signedNote string) (Checkpoint, error) {
	if len(signedNote) > ledger.MaxCheckpoint {
		return Checkpoint{}, invalid("the checkpoint is longer than %d bytes", ledger.MaxCheckpoint)
	}
	v, err := open(verifier)
	if err != nil {
		return Checkpoint{}, err
	}
	n, err := note.Open([]byte(signedNote), note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, invalid("the checkpoint is not signed by the stream's key")
	}
	var c log.Checkpoint
	rest, err := c.Unmarshal([]byte(n.Text))
	if err != nil {
		return Checkpoint{}, invalid("the checkpoint is not a C2SP checkpoint")
	}
	// One tree has one text: no leading zeros, no other base64 of the same hash.
	if len(c.Hash) != sha256.Size || !bytes.Equal(append(c.Marshal(), rest...), []byte(n.Text)) {
		return Checkpoint{}, invalid("the checkpoint is not in its canonical form")
	}
	if c.Origin != v.Name() {
		return Checkpoint{}, invalid("the checkpoint is of another log")
	}
	return Checkpoint{Origin: c.Origin, Size: c.Size, Root: c.Hash}, nil
}

func open(verifier string) (note.Verifier, error) {
	if len(verifier) > ledger.MaxName {
		return nil, invalid("the verifier key is longer than %d bytes", ledger.MaxName)
	}
	v, err := note.NewVerifier(verifier)
	if err != nil {
		return nil, invalid("the verifier key is not an Ed25519 key of a signed note")
	}
	return v, nil
}

func invalid(format string, args ...any) error {
	return ledger.Problemf(ledger.CodeInvalid, format, args...)
}
