package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Voucher says who vouches for readings. It is said, never implied.
type Voucher string

// The vouchers.
const (
	VouchedByDevice Voucher = "device" // the device signed the root over the readings
	VouchedByEdge   Voucher = "edge"   // an enrolled edge box signed for a device that cannot
	VouchedByNode   Voucher = "node"   // the organisation's node says that it received them
)

// The codes that stand for the vouchers in a statement's encoding.
var voucherCodes = map[Voucher]byte{VouchedByDevice: 1, VouchedByEdge: 2, VouchedByNode: 3}

// RequestID identifies an accepted request: 16 bytes that nobody outside the
// organisation can predict. In JSON it is
// lower-case hexadecimal.
type RequestID [16]byte

// String returns the id in lower-case hexadecimal.
func (id RequestID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns the id in lower-case hexadecimal.
func (id RequestID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText reads exactly 32 lower-case hexadecimal digits.
func (id *RequestID) UnmarshalText(text []byte) error { return unhex(id[:], text) }

// ParseRequestID reads an id as String writes it.
func ParseRequestID(s string) (RequestID, error) {
	var id RequestID
	if err := id.UnmarshalText([]byte(s)); err != nil {
		return RequestID{}, fmt.Errorf("reading a request id: %w", err)
	}
	return id, nil
}

// Signature is an Ed25519 signature. In JSON it is unpadded base64url.
type Signature [ed25519.SignatureSize]byte

// MarshalText returns the signature in unpadded base64url.
func (s Signature) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, s[:]), nil
}

// UnmarshalText reads exactly 64 bytes in unpadded base64url.
func (s *Signature) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
	if err != nil || len(b) != len(s) {
		return errors.New("want 64 bytes in unpadded base64url")
	}
	copy(s[:], b)
	return nil
}

// Statement is what an organisation says about one request when it accepts it,
// and what its log commits to. Two statements are the same if and only if ==.
type Statement struct {
	Request      RequestID `json:"request"`
	Organisation string    `json:"organisation"` // MSP id of the organisation that received the request
	Unit         Hash      `json:"unit"`         // id of the device that the readings come from
	VouchedBy    Voucher   `json:"vouchedBy"`
	Count        uint32    `json:"count"`              // records in the request, 1 to MaxRecords
	Root         Hash      `json:"root"`               // of the sub-tree over the records' leaves
	MediaType    string    `json:"mediaType"`          // of a record
	Received     int64     `json:"received"`           // by the node's own clock, milliseconds since 1970-01-01 UTC
	Content      Hash      `json:"content"`            // ContentDigest of the request as received
	Signature    Signature `json:"signature,omitzero"` // over SequencedMessage or EdgeSequencedMessage; zero when VouchedByNode
	Edge         Hash      `json:"edge,omitzero"`      // id of the edge box that signed; zero unless VouchedByEdge
	Sequence     Sequence  `json:"sequence,omitzero"`  // as the sender says, which signs it if it signs; zero when it says nothing
}

// ReceivedAt returns the time at which the node says it received the request.
func (s *Statement) ReceivedAt() time.Time { return time.UnixMilli(s.Received).UTC() }

// Bounds on a statement's texts, in bytes.
const (
	maxOrganisation = 200
	maxMediaType    = 100
)

// validate refuses a statement that could not have been made.
func (s *Statement) validate() error {
	switch {
	case s.Organisation == "" || len(s.Organisation) > maxOrganisation || !utf8.ValidString(s.Organisation):
		return errors.New("no usable organisation")
	case s.MediaType == "" || len(s.MediaType) > maxMediaType || strings.ContainsFunc(s.MediaType, func(r rune) bool { return r < ' ' || r > '~' }):
		return errors.New("no usable media type")
	case s.Count < 1 || s.Count > MaxRecords:
		return fmt.Errorf("a request has 1 to %d records", MaxRecords)
	case s.Received < 0:
		return errors.New("received before 1970")
	case voucherCodes[s.VouchedBy] == 0:
		return errors.New("nobody known vouches for it")
	case (s.VouchedBy == VouchedByNode) != (s.Signature == Signature{}):
		return errors.New("a signature belongs to readings that a device or an edge box vouches for, and to those only")
	case (s.VouchedBy == VouchedByEdge) != (s.Edge != Hash{}):
		return errors.New("an edge box is named where it vouches, and nowhere else")
	case s.Edge != Hash{} && s.Edge == s.Unit:
		return errors.New("what signs for itself is a device")
	}
	return s.Sequence.Validate()
}

const (
	statementVersion = 1
	// sequencedVersion is that of a statement with a sequence.
	sequencedVersion = 2
	// statementFixed is the encoding's size without the two texts.
	statementFixed = 1 + 16 + HashSize + 1 + 4 + HashSize + 8 + HashSize + ed25519.SignatureSize + 1 + 1
	// statementMost is the most that an encoding takes.
	statementMost = statementFixed + maxOrganisation + maxMediaType + HashSize + sequenceSize
)

// Encode appends the statement's one encoding to dst: version (1 byte), request,
// unit, voucher (1: device, 2: edge, 3: node), count (4 bytes), root, received
// (8 bytes), content, signature (64 bytes, zero when there is none), then
// organisation and media type, each behind its length in one byte, and the edge
// box's id where one vouches. The version is 1, and 2 where a sequence follows: epoch,
// number and time, 8 bytes each. Numbers are big-endian. It fails for a statement that
// could not have been made.
func (s *Statement) Encode(dst []byte) ([]byte, error) {
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("encoding a statement: %w", err)
	}
	version := byte(statementVersion)
	if s.Sequence != (Sequence{}) {
		version = sequencedVersion
	}
	dst = append(dst, version)
	dst = append(dst, s.Request[:]...)
	dst = append(dst, s.Unit[:]...)
	dst = append(dst, voucherCodes[s.VouchedBy])
	dst = binary.BigEndian.AppendUint32(dst, s.Count)
	dst = append(dst, s.Root[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.Received)) //nolint:gosec // validate refused negative times
	dst = append(dst, s.Content[:]...)
	dst = append(dst, s.Signature[:]...)
	dst = append(dst, byte(len(s.Organisation))) //nolint:gosec // at most maxOrganisation
	dst = append(dst, s.Organisation...)
	dst = append(dst, byte(len(s.MediaType))) //nolint:gosec // at most maxMediaType
	dst = append(dst, s.MediaType...)
	if s.VouchedBy == VouchedByEdge {
		dst = append(dst, s.Edge[:]...)
	}
	if version == sequencedVersion {
		dst = s.Sequence.AppendTo(dst)
	}
	return dst, nil
}

// DecodeStatement reads what Encode wrote and refuses everything else.
func DecodeStatement(b []byte) (*Statement, error) {
	if len(b) < statementFixed || b[0] != statementVersion && b[0] != sequencedVersion {
		return nil, errors.New("decoding a statement: not version 1 or 2")
	}
	var s Statement
	sequenced := b[0] == sequencedVersion
	b = b[1:]
	take := func(n int) []byte { head := b[:n]; b = b[n:]; return head }
	copy(s.Request[:], take(16))
	copy(s.Unit[:], take(HashSize))
	code := take(1)[0]
	for v, c := range voucherCodes {
		if c == code {
			s.VouchedBy = v
		}
	}
	s.Count = binary.BigEndian.Uint32(take(4))
	copy(s.Root[:], take(HashSize))
	s.Received = int64(binary.BigEndian.Uint64(take(8))) //nolint:gosec // validate refuses what does not fit
	copy(s.Content[:], take(HashSize))
	copy(s.Signature[:], take(ed25519.SignatureSize))
	for _, text := range []*string{&s.Organisation, &s.MediaType} {
		if len(b) < 1 || len(b)-1 < int(b[0]) {
			return nil, errors.New("decoding a statement: cut off")
		}
		*text = string(take(1 + int(b[0]))[1:])
	}
	if s.VouchedBy == VouchedByEdge && len(b) >= HashSize {
		copy(s.Edge[:], take(HashSize))
	}
	if sequenced && len(b) == sequenceSize {
		if s.Sequence = decodeSequence(take(sequenceSize)); s.Sequence == (Sequence{}) {
			return nil, errors.New("decoding a statement: version 2 without a sequence")
		}
	} else if sequenced {
		return nil, errors.New("decoding a statement: cut off")
	}
	if len(b) != 0 {
		return nil, errors.New("decoding a statement: bytes left over")
	}
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("decoding a statement: %w", err)
	}
	return &s, nil
}

const entryDomain = "secant-entry-v1\x00"

// EntryHash returns the log's entry for the statement:
// SHA-256("secant-entry-v1\x00" || salt || encoding). The salt is 32 random
// bytes, kept beside the statement; without it the entry says nothing.
func (s *Statement) EntryHash(salt *Hash) (Hash, error) {
	var buf [len(entryDomain) + HashSize + statementMost]byte
	b := append(buf[:0], entryDomain...)
	b = append(b, salt[:]...)
	b, err := s.Encode(b)
	if err != nil {
		return Hash{}, err
	}
	return sha256.Sum256(b), nil
}

const contentDomain = "secant-content-v1\x00"

// ContentDigest returns the commitment to the bytes of a request as received,
// given their SHA-256: SHA-256("secant-content-v1\x00" || seed || sum). The seed
// keeps whoever holds the proof of one record from testing guesses of the others.
func ContentDigest(seed *Seed, sum [sha256.Size]byte) Hash {
	var b [len(contentDomain) + SeedSize + sha256.Size]byte
	copy(b[:], contentDomain)
	copy(b[len(contentDomain):], seed[:])
	copy(b[len(contentDomain)+SeedSize:], sum[:])
	return sha256.Sum256(b[:])
}

const contentsDomain = "secant-contents-v1\x00"

// ContentsDigest returns the commitment to a request that came in several parts, one for
// each subject, given the ContentDigest of each: that of the one part itself, and
// SHA-256("secant-contents-v1\x00" || digests) of more. The digests may be kept when a
// part and its seed are destroyed, and say nothing of it then.
func ContentsDigest(parts []Hash) Hash {
	if len(parts) == 1 {
		return parts[0]
	}
	h := sha256.New()
	h.Write([]byte(contentsDomain))
	for i := range parts {
		h.Write(parts[i][:])
	}
	var sum Hash
	h.Sum(sum[:0])
	return sum
}

const signingDomain = "secant-readings-v1\x00"

// SigningMessage returns what a device signs with Ed25519 for a request:
// "secant-readings-v1\x00" || unit || count as 8 bytes, big-endian || root.
func SigningMessage(unit Hash, count int, root Hash) []byte {
	b := make([]byte, 0, len(signingDomain)+HashSize+8+HashSize)
	b = append(b, signingDomain...)
	b = append(b, unit[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(count)) //nolint:gosec // a count is not negative
	return append(b, root[:]...)
}

const edgeSigningDomain = "secant-edge-readings-v1\x00"

// EdgeSigningMessage returns what an edge box signs with Ed25519 for readings that it
// has from a device: "secant-edge-readings-v1\x00" || edge || unit || count as 8
// bytes, big-endian || root. It is no message that a device signs for itself, so that
// no device's key makes an edge box of it unawares.
func EdgeSigningMessage(edge, unit Hash, count int, root Hash) []byte {
	b := make([]byte, 0, len(edgeSigningDomain)+2*HashSize+8+HashSize)
	b = append(b, edgeSigningDomain...)
	b = append(b, edge[:]...)
	b = append(b, unit[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(count)) //nolint:gosec // a count is not negative
	return append(b, root[:]...)
}

// Signer returns the id of what signed the readings, and nothing when only the node
// vouches for them.
func (s *Statement) Signer() (Hash, bool) {
	switch s.VouchedBy {
	case VouchedByDevice:
		return s.Unit, true
	case VouchedByEdge:
		return s.Edge, true
	case VouchedByNode:
	}
	return Hash{}, false
}

// VerifySignature reports whether the holder of key, which is that of Signer, signed
// the readings that the statement is about.
func (s *Statement) VerifySignature(key ed25519.PublicKey) bool {
	message := SequencedMessage(s.Unit, int(s.Count), s.Root, s.Sequence)
	if s.VouchedBy == VouchedByEdge {
		message = EdgeSequencedMessage(s.Edge, s.Unit, int(s.Count), s.Root, s.Sequence)
	}
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, message, s.Signature[:])
}
