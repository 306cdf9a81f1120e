package ingest

import (
	"crypto/ed25519"
	"encoding/binary"
	"io"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/vault"
)

// Request is readings as they arrive: of one device, about one person, or, as
// MediaMixed, about several.
type Request struct {
	Organisation string     // MSP id of the organisation that receives them
	Unit         proof.Hash // id of the device that they come from

	// Edge is the id of the edge box that signs for a device which cannot, and zero
	// when the device signs for itself, or nobody does.
	Edge proof.Hash
	// Key is the public key of the device or the edge box; nil when the readings are
	// not signed and only the node vouches for them.
	Key ed25519.PublicKey
	// Seed and Signature come with signed readings: the salts derive from the
	// one, and the other is over proof.SequencedMessage or proof.EdgeSequencedMessage.
	// Zero otherwise.
	Seed      proof.Seed
	Signature proof.Signature
	// Sequence is what the sender says of its own count and clock: signed with signed
	// readings, else claimed. Zero: it says nothing.
	Sequence proof.Sequence

	// Subject names whom the readings are about, so that they can be erased by that
	// name. Empty: they cannot, unless it is an HL7 message that says so itself. The
	// parts of a MediaMixed name their own.
	Subject pseudonym.ID

	// Once names readings that nobody signed, so that a sender who asks again,
	// because no answer reached it, finds its own request. Empty: each call is a
	// request of its own. Signed readings have their own name and need none, and a
	// file of a device is its own.
	Once []byte

	MediaType string // as in Content-Type
	Encoding  string // as in Content-Encoding
	Body      io.Reader
}

// validate refuses what the caller should have refused; the rest comes from
// outside and is judged where it is read.
func (r *Request) validate(parted bool) error {
	p := &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the request is not complete"}
	fault := func(field, detail string) { p.Faults = append(p.Faults, ledger.Fault{Field: field, Detail: detail}) }
	if r.Organisation == "" {
		fault("organisation", "must be given")
	}
	if r.Key != nil && len(r.Key) != ed25519.PublicKeySize {
		fault("key", "must be an Ed25519 public key")
	}
	if r.Key != nil && r.Seed == (proof.Seed{}) && !parted {
		fault("seed", "must be 32 random bytes")
	}
	if parted && (r.Seed != proof.Seed{}) {
		fault("seed", "must stand in the parts of a request that has some")
	}
	if parted && r.Subject != "" {
		fault("subject", "must stand in the parts of a request that has some")
	}
	if r.Key != nil && r.Signature == (proof.Signature{}) {
		fault("signature", "must be given with signed readings")
	}
	if r.Key == nil && (r.Seed != proof.Seed{} || r.Signature != proof.Signature{}) {
		fault("signature", "must not be given for a device without a key")
	}
	if r.Edge != (proof.Hash{}) && (r.Key == nil || r.Edge == r.Unit) {
		fault("edge", "must be another device than the one it signs for, and have a key")
	}
	if r.Key != nil && len(r.Once) > 0 {
		fault("once", "must not be given with signed readings")
	}
	if err := r.Sequence.Validate(); err != nil {
		fault("sequence", err.Error())
	}
	if r.Body == nil {
		fault("body", "must be given")
	}
	if len(p.Faults) > 0 {
		return p
	}
	return nil
}

// Receipt says what was taken, and that it is durable and in the log.
type Receipt struct {
	ID        proof.RequestID `json:"id"`
	Unit      proof.Hash      `json:"unit"`
	Count     int             `json:"count"` // records
	Root      proof.Hash      `json:"root"`  // over their salted leaves
	VouchedBy proof.Voucher   `json:"vouchedBy"`
	Edge      *proof.Hash     `json:"edge,omitempty"` // the edge box that vouches
	MediaType string          `json:"mediaType"`      // of a record
	Received  time.Time       `json:"received"`
	LogIndex  uint64          `json:"logIndex"`
	Sequence  proof.Sequence  `json:"sequence,omitzero"` // as the sender said
	Erased    int             `json:"erased,omitempty"`  // records of which only the commitment is left

	// Subjects says what is about whom, where that was said. Only Each tells.
	Subjects []Share `json:"-"`
}

// Share is what of a request is about one subject.
type Share struct {
	Slot     uint64 // of the subject's key
	Records  int
	Finished bool // the key was destroyed, and FinishSubject was told so
}

func receiptOf(s *proof.Statement, index uint64) *Receipt {
	r := &Receipt{
		ID: s.Request, Unit: s.Unit, Count: int(s.Count), Root: s.Root, VouchedBy: s.VouchedBy,
		MediaType: s.MediaType, Received: s.ReceivedAt(), LogIndex: index, Sequence: s.Sequence,
	}
	if s.VouchedBy == proof.VouchedByEdge {
		r.Edge = &s.Edge
	}
	return r
}

// signedID derives the id of signed readings from what makes them the same
// readings, so that a device or an edge box that asks again finds its own request.
func signedID(v *vault.Vault, s *proof.Statement, seed *proof.Seed) vault.ID {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(s.Count))
	if s.Sequence != (proof.Sequence{}) {
		// Who signs the same readings under another number has signed something else.
		return v.ID([]byte("secant/readings/sequenced/v1"), s.Edge[:], s.Unit[:], s.Root[:], n[:], seed[:], s.Sequence.AppendTo(nil))
	}
	if s.VouchedBy == proof.VouchedByEdge {
		return v.ID([]byte("secant/readings/edge/v1"), s.Edge[:], s.Unit[:], s.Root[:], n[:], seed[:])
	}
	return v.ID([]byte("secant/readings/v1"), s.Unit[:], s.Root[:], n[:], seed[:])
}

// partedID is signedID for readings that came in several parts. Their seeds are not in
// it, since one may be destroyed: the root commits to what derives from them.
func partedID(v *vault.Vault, s *proof.Statement) vault.ID {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(s.Count))
	if s.Sequence != (proof.Sequence{}) { // as with signedID
		return v.ID([]byte("secant/readings/parts/sequenced/v1"), []byte(s.VouchedBy), s.Edge[:], s.Unit[:], s.Root[:], n[:], s.Sequence.AppendTo(nil))
	}
	return v.ID([]byte("secant/readings/parts/v1"), []byte(s.VouchedBy), s.Edge[:], s.Unit[:], s.Root[:], n[:])
}

// onceID derives the id of readings that nobody signed from the name that the
// caller gave them.
func onceID(v *vault.Vault, unit proof.Hash, once []byte) vault.ID {
	return v.ID([]byte("secant/readings/once/v1"), unit[:], once)
}
