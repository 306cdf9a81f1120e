package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/secant-platform/secant/analytics/proof"
)

// storage says how a body lies in the vault. Its values stand there.
type storage byte

const (
	storedRaw       storage = 1 // as received
	storedPacked    storage = 2 // received plain, compressed with zstd by the node
	storedAsPacked  storage = 3 // received compressed with zstd, and kept so
	envelopeVersion         = 1
	// envelopeFixed is the size of what stands before the statement.
	envelopeFixed = 1 + 1 + 1 + 4 + proof.SeedSize + proof.HashSize + 2
)

// envelope is what the vault keeps of a request, encrypted. The first version is of a
// request about which subject nothing was said: version (1 byte),
// storage (1), framing (1), size of the body when unpacked (4, big-endian),
// seed (32), entry salt (32), length of the statement (2), the statement in its
// one encoding, and the body.
type envelope struct {
	storage   storage
	framing   framing
	unpacked  int
	seed      proof.Seed
	entrySalt proof.Hash
	statement []byte
	body      []byte

	// Of the second version, which has no body and seed of its own.
	segments []segment
	leaves   []proof.Hash // of all records, when there are several segments
}

// appendHead appends the envelope but for the body, which the caller appends.
func (e *envelope) appendHead(dst []byte) []byte {
	dst = append(dst, envelopeVersion, byte(e.storage), byte(e.framing))
	dst = binary.BigEndian.AppendUint32(dst, uint32(e.unpacked)) //nolint:gosec // bounded by Limits.Body
	dst = append(dst, e.seed[:]...)
	dst = append(dst, e.entrySalt[:]...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(e.statement))) //nolint:gosec // a statement has some hundred bytes
	return append(dst, e.statement...)
}

// storageAt is where the storage stands in the head, for when it is known last.
const storageAt = 1

// decodeEnvelope reads what appendHead and the body behind it are. The envelope
// shares b's memory.
func decodeEnvelope(b []byte) (*envelope, error) {
	if len(b) > 0 && b[0] == segmentedVersion {
		return decodeSegmented(b)
	}
	if len(b) < envelopeFixed || b[0] != envelopeVersion {
		return nil, errors.New("decoding an envelope: of no known version")
	}
	e := &envelope{storage: storage(b[1]), framing: framing(b[2]), unpacked: int(binary.BigEndian.Uint32(b[3:]))}
	if e.storage < storedRaw || e.storage > storedAsPacked || e.framing < framedSingle || e.framing > framedLines {
		return nil, errors.New("decoding an envelope: stored or framed in no known way")
	}
	b = b[7:]
	b = b[copy(e.seed[:], b):]
	b = b[copy(e.entrySalt[:], b):]
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; len(b) < n {
		return nil, errors.New("decoding an envelope: cut off")
	}
	e.statement, e.body = b[:n], b[n:]
	if e.unpacked > maxUnpacked || e.storage == storedRaw && len(e.body) != e.unpacked {
		return nil, fmt.Errorf("decoding an envelope: a body of %d bytes says that it has %d", len(e.body), e.unpacked)
	}
	return e, nil
}
