package proof

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MaxSequence is the largest number, epoch and time of a Sequence: the largest integer
// that every reader of JSON takes for itself.
const MaxSequence = 1<<53 - 1

// Sequence is what a sender says of a request's place among its own: so what was lost,
// held back or put in between can be told. A device or an edge box signs it with the
// readings; without a signature it is a claim. Zero: nothing is said.
type Sequence struct {
	// Epoch tells a count that began anew from one that went back: larger than that of
	// every count before. A number of starts will do, or the time of the start.
	Epoch uint64 `json:"epoch,omitempty"`
	// Number counts the requests of the device from 1, without a gap; an edge box
	// counts each device's for itself. 0: they are not counted.
	Number uint64 `json:"number,omitempty"`
	// Made is when the readings were made by the sender's own clock, in milliseconds
	// since 1970-01-01 UTC. It orders nothing. 0: not said.
	Made int64 `json:"made,omitempty"`
}

// MadeAt returns the time that the sender says, and whether it says one.
func (q Sequence) MadeAt() (time.Time, bool) { return time.UnixMilli(q.Made).UTC(), q.Made != 0 }

// Validate refuses what could not have been said.
func (q Sequence) Validate() error {
	switch {
	case q.Epoch > MaxSequence || q.Number > MaxSequence || q.Made > MaxSequence || q.Made < 0:
		return fmt.Errorf("a sequence has no number over %d, and none below 0", MaxSequence)
	case q.Number == 0 && q.Epoch != 0:
		return errors.New("an epoch without a number counts nothing")
	}
	return nil
}

// String returns the count as "epoch/number"; empty: there is none.
func (q Sequence) String() string {
	if q.Number == 0 {
		return ""
	}
	return strconv.FormatUint(q.Epoch, 10) + "/" + strconv.FormatUint(q.Number, 10)
}

// ParseSequence reads a count as String writes it, and a time in milliseconds since
// 1970; either may be empty.
func ParseSequence(count, made string) (q Sequence, err error) {
	if count != "" {
		epoch, number, _ := strings.Cut(count, "/")
		if q.Epoch, err = decimal(epoch); err != nil {
			return Sequence{}, err
		}
		if q.Number, err = decimal(number); err != nil || q.Number == 0 {
			return Sequence{}, errors.New("reading a sequence: it is epoch/number, and begins with number 1")
		}
	}
	if made != "" {
		ms, err := decimal(made)
		if err != nil || ms == 0 {
			return Sequence{}, errors.New("reading a sequence: a time is milliseconds since 1970")
		}
		q.Made = int64(ms) //nolint:gosec // at most MaxSequence
	}
	return q, nil
}

// decimal reads a number in its one form.
func decimal(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > MaxSequence || strconv.FormatUint(n, 10) != text {
		return 0, fmt.Errorf("reading a sequence: want decimal digits, at most %d", MaxSequence)
	}
	return n, nil
}

const (
	sequencedDomain     = "secant-readings-v2\x00"
	edgeSequencedDomain = "secant-edge-readings-v2\x00"
	sequenceSize        = 3 * 8
)

// AppendTo appends epoch, number and time, 8 bytes each, big-endian.
func (q Sequence) AppendTo(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, q.Epoch)
	dst = binary.BigEndian.AppendUint64(dst, q.Number)
	return binary.BigEndian.AppendUint64(dst, uint64(q.Made)) //nolint:gosec // Validate refuses negative times
}

// decodeSequence reads what AppendTo wrote.
func decodeSequence(b []byte) (q Sequence) {
	q.Epoch, q.Number = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	q.Made = int64(binary.BigEndian.Uint64(b[16:])) //nolint:gosec // Validate refuses what does not fit
	return q
}

// SequencedMessage returns what a device signs with Ed25519 for a request that says its
// sequence: "secant-readings-v2\x00" || unit || count as 8 bytes, big-endian || root ||
// epoch || number || time made in milliseconds, 8 bytes each, big-endian. A sequence
// that says nothing is signed by SigningMessage, which this then returns.
func SequencedMessage(unit Hash, count int, root Hash, q Sequence) []byte {
	if q == (Sequence{}) {
		return SigningMessage(unit, count, root)
	}
	b := make([]byte, 0, len(sequencedDomain)+HashSize+8+HashSize+sequenceSize)
	b = append(b, sequencedDomain...)
	b = append(b, unit[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(count)) //nolint:gosec // a count is not negative
	b = append(b, root[:]...)
	return q.AppendTo(b)
}

// EdgeSequencedMessage returns what an edge box signs for readings of a device that it
// has counted: as SequencedMessage, but "secant-edge-readings-v2\x00" and the box's id
// stand before the unit. Without a sequence it is EdgeSigningMessage.
func EdgeSequencedMessage(edge, unit Hash, count int, root Hash, q Sequence) []byte {
	if q == (Sequence{}) {
		return EdgeSigningMessage(edge, unit, count, root)
	}
	b := make([]byte, 0, len(edgeSequencedDomain)+2*HashSize+8+HashSize+sequenceSize)
	b = append(b, edgeSequencedDomain...)
	b = append(b, edge[:]...)
	b = append(b, unit[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(count)) //nolint:gosec // a count is not negative
	b = append(b, root[:]...)
	return q.AppendTo(b)
}
