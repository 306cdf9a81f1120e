package fhir

import (
	"sync/atomic"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// budget bounds the memory that what is being read takes, of all requests together.
type budget struct{ used atomic.Int64 }

// What is read takes more room than its text: a value of a few bytes becomes a node.
const (
	perByte     = 32        // bytes for a byte of text, at most
	oneResource = 6 << 20   // bytes, at most: the number of its values is bounded
	oneBundle   = 48 << 20  // the same
	allReading  = 512 << 20 // bytes
	// maxAnswer bounds a page, and all that the reads of one bundle are answered with.
	maxAnswer = 32 << 20
	// maxValues and bundleValues bound the values in a resource and in a bundle.
	maxValues    = 1 << 15
	bundleValues = 1 << 18
)

// hold takes room for a text. Whoever gets it gives it back by calling release.
func (b *budget) hold(text []byte, most int64) (release func(), err error) {
	n := min(int64(len(text))*perByte, most)
	if b.used.Add(n) > allReading {
		b.used.Add(-n)
		return nil, ledger.Problemf(ledger.CodeBusy, "too much is being read; try again")
	}
	return func() { b.used.Add(-n) }, nil
}

// tooMuch is the answer to who asks for more at once than is answered.
func tooMuch() error {
	return ledger.Problemf(ledger.CodeTooLarge, "the answer would be too large: ask for fewer resources at a time (_count)")
}
