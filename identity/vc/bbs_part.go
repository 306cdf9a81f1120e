package vc

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/hyperledger/aries-framework-go/pkg/doc/signature/verifier"
)

// maxStatements bounds how many statements a BBS+ credential makes, its proof's own
// among them. For each the verifier makes a point of the curve, while nobody else
// computes: 128 of them take some 50 ms.
const maxStatements = 128

// The sizes of what a part's proof consists of, in bytes.
const (
	pointSize  = 48 // of G1, compressed
	scalarSize = 32
	lengthSize = 4
	// atInfinity is set in the first byte of a compressed point that is none of the
	// curve's own.
	atInfinity = 0x40
)

// partVerifier has aries verify the proof of a part that is whole: aries' own reader wants no
// more than that it finds what it looks for. With a response more than there are bases
// it puts that in the place of the challenge, so that a proof needs no signature; what
// it is given to verify beyond the statements that are shown by the proof it does not
// look at; and it ends the program at the end of one that is too short.
type partVerifier struct{ alone }

// Verify checks one proof.
func (p partVerifier) Verify(key *verifier.PublicKey, text, proof []byte) error {
	if !wholePart(proof, countStatements(text)) {
		return invalid("the proof of a part is not in its form, or not of what the part says")
	}
	return p.alone.Verify(key, text, proof)
}

// countStatements counts the statements of a text as aries does.
func countStatements(text []byte) (n int) {
	for line := range bytes.Lines(text) {
		if len(bytes.TrimSpace(line)) > 0 {
			n++
		}
	}
	return n
}

// wholePart reports whether a proof has its form (as in the BBS+ signatures of
// jsonld-signatures-bbs), is of so many shown statements, and of no point at infinity.
func wholePart(proof []byte, shown int) bool {
	rest := proof
	next := func(n int) []byte {
		if n < 0 || len(rest) < n {
			rest = nil
			return nil
		}
		b := rest[:n]
		rest = rest[n:]
		return b
	}
	head := next(2)
	if head == nil {
		return false
	}
	count := int(binary.BigEndian.Uint16(head))
	if count < 1 || count > maxStatements || shown < 1 || shown > count {
		return false
	}
	// One bit for each statement, the first in the last byte, and none for others.
	places := next(count/8 + 1)
	if places == nil || places[0]>>(count%8) != 0 {
		return false
	}
	marked := 0
	for _, b := range places {
		marked += bits.OnesCount8(b)
	}
	if marked != shown {
		return false
	}
	for range 3 { // A', A-bar and d
		if !finite(next(pointSize)) {
			return false
		}
	}
	length := next(lengthSize)
	first := 2 // responses: of e and r2
	if length == nil || binary.BigEndian.Uint32(length) != uint32(pointSize+lengthSize+first*scalarSize) {
		return false
	}
	for _, responses := range []int{first, 2 + count - shown} { // then: of r3, s', and of what is hidden
		commitment, stated := next(pointSize), next(lengthSize)
		if !finite(commitment) || stated == nil || int(binary.BigEndian.Uint32(stated)) != responses || next(responses*scalarSize) == nil {
			return false
		}
	}
	return len(rest) == 0
}

func finite(point []byte) bool { return len(point) == pointSize && point[0]&atInfinity == 0 }
