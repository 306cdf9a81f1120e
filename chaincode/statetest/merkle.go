package statetest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
	"golang.org/x/mod/sumdb/note"
)

// Log is a Merkle log in memory with a signing key of its own. It panics where
// a test could not go on.
type Log struct {
	Verifier string // the key, as a stream states it
	signer   note.Signer
	tree     *testonly.Tree
}

// NewLog makes an empty log with that origin.
func NewLog(origin string) *Log {
	secret, verifier, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		panic(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		panic(err)
	}
	return &Log{Verifier: verifier, signer: signer, tree: testonly.New(rfc6962.DefaultHasher)}
}

// Add appends leaves and returns the log's size.
func (l *Log) Add(leaves ...string) uint64 {
	for _, leaf := range leaves {
		l.tree.AppendData([]byte(leaf))
	}
	return l.tree.Size()
}

// Grow appends n leaves and returns the log's size.
func (l *Log) Grow(n int) uint64 {
	for range n {
		l.Add(fmt.Sprintf("leaf %d", l.tree.Size()))
	}
	return l.tree.Size()
}

// Fork returns a log with the same key and another history from the first leaf
// on.
func (l *Log) Fork() *Log {
	other := &Log{Verifier: l.Verifier, signer: l.signer, tree: testonly.New(rfc6962.DefaultHasher)}
	for range l.tree.Size() {
		other.Add(fmt.Sprintf("other leaf %d", other.tree.Size()))
	}
	return other
}

// Checkpoint returns the signed checkpoint of the tree of size leaves.
func (l *Log) Checkpoint(size uint64) string {
	text := log.Checkpoint{Origin: l.signer.Name(), Size: size, Hash: l.tree.HashAt(size)}.Marshal()
	signed, err := note.Sign(&note.Note{Text: string(text)}, l.signer)
	if err != nil {
		panic(err)
	}
	return string(signed)
}

// Consistency returns the proof that the tree of to leaves begins with the tree
// of from leaves, in hexadecimal.
func (l *Log) Consistency(from, to uint64) []string {
	hashes, err := l.tree.ConsistencyProof(from, to)
	if err != nil {
		panic(err)
	}
	proof := make([]string, len(hashes))
	for i, h := range hashes {
		proof[i] = hex.EncodeToString(h)
	}
	return proof
}
