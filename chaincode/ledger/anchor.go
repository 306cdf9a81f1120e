package ledger

import "time"

// Stream is an integrity log of an organisation, which has one live one at a
// time. Its id derives from the log's key, so that a log with another key is
// another stream.
//
// Version 1 had no Predecessor.
type Stream struct {
	V        int       `json:"v"`
	ID       string    `json:"id"`       // SHA-256 digest "stream" of the verifier key's text, hex
	Owner    string    `json:"owner"`    // MSP id
	Verifier string    `json:"verifier"` // the log's public key as a signed-note verifier key (C2SP signed-note)
	Origin   string    `json:"origin"`   // first line of each checkpoint (C2SP tlog-checkpoint)
	Opened   time.Time `json:"opened"`

	Predecessor *Predecessor `json:"predecessor,omitempty" metadata:",optional"` // nil for an organisation's first stream
}

// Predecessor is the stream in whose place another stands, and where it ended:
// no anchor of it follows.
type Predecessor struct {
	Stream   string `json:"stream"`
	Sequence uint64 `json:"sequence"`                              // of its last anchor
	Unused   bool   `json:"unused,omitempty" metadata:",optional"` // it never had an anchor, and Sequence means nothing
	Reason   string `json:"reason"`                                // as the members approved it
	Proposal string `json:"proposal"`                              // id of the proposal that a majority approved
}

// Key returns the record's key.
func (s *Stream) Key() Key { return StreamKey(s.ID) }

// StreamKey returns the key of a stream.
func StreamKey(id string) Key { return Key{TypeStream, []string{id}} }

// StreamID derives a stream's id from its verifier key's text.
func StreamID(verifier string) string { return Digest("stream", []byte(verifier)) }

// StreamOwner names an organisation's one live stream. A succession changes it.
type StreamOwner struct {
	V      int    `json:"v"`
	Owner  string `json:"owner"`
	Stream string `json:"stream"`
}

// Key returns the record's key.
func (s *StreamOwner) Key() Key { return StreamOwnerKey(s.Owner) }

// StreamOwnerKey returns the key that names an organisation's stream.
func StreamOwnerKey(org string) Key { return Key{TypeStreamOwner, []string{org}} }

// OpenStream opens the caller's organisation's stream.
type OpenStream struct {
	Verifier string `json:"verifier"` // its name ends in "/" and the caller's MSP id
}

// Validate returns a Problem that lists every fault.
func (r *OpenStream) Validate() error {
	var c check
	c.text("verifier", r.Verifier)
	return c.problem("the stream")
}

// SucceedStream puts a new stream in the place of the caller's organisation's
// live one, whose log can no longer be written: its key or its data are lost, or
// it signed two histories. A majority approved it beforehand.
type SucceedStream struct {
	Proposal string   `json:"proposal"`                              // of kind ProposeSucceedStream
	Verifier string   `json:"verifier"`                              // of the new log; its StreamID is the proposal's successor
	Voters   []string `json:"voters,omitempty" metadata:",optional"` // MSP ids of members that approved it, more than half of the roster
}

// Validate returns a Problem that lists every fault.
func (r *SucceedStream) Validate() error {
	var c check
	c.digest("proposal", r.Proposal)
	c.text("verifier", r.Verifier)
	c.voters(r.Voters)
	return c.problem("the succession")
}

// Anchor is one checkpoint of a stream, witnessed by the peers that endorsed it.
type Anchor struct {
	V          int       `json:"v"`
	Stream     string    `json:"stream"`
	Sequence   uint64    `json:"sequence"` // 0 for the first
	Size       uint64    `json:"size"`     // leaves in the log
	Root       string    `json:"root"`     // RFC 6962 root hash, hex
	Checkpoint string    `json:"checkpoint"`
	Tx         string    `json:"tx"`
	Time       time.Time `json:"time"` // when it was endorsed: the greater of the previous anchor's time and the claimed one
}

// Key returns the record's key.
func (a *Anchor) Key() Key { return AnchorKey(a.Stream, a.Sequence) }

// AnchorKey returns the key of an anchor.
func AnchorKey(stream string, sequence uint64) Key {
	return Key{TypeAnchor, []string{stream, SequencePart(sequence)}}
}

// CommitAnchor anchors the next checkpoint of the caller's stream.
type CommitAnchor struct {
	Stream     string   `json:"stream"`
	Sequence   uint64   `json:"sequence"`                             // the previous anchor's plus one, or 0
	Checkpoint string   `json:"checkpoint"`                           // signed note (C2SP tlog-checkpoint)
	Proof      []string `json:"proof,omitempty" metadata:",optional"` // RFC 6962 consistency proof from the previous anchor's size, hex; empty for the first
}

// Validate returns a Problem that lists every fault.
func (r *CommitAnchor) Validate() error {
	var c check
	c.digest("stream", r.Stream)
	if r.Sequence > MaxSequence {
		c.fail("sequence", "must be at most %d", uint64(MaxSequence))
	}
	if r.Checkpoint == "" || len(r.Checkpoint) > MaxCheckpoint {
		c.fail("checkpoint", "must be a signed note of at most %d bytes", MaxCheckpoint)
	}
	if len(r.Proof) > MaxProof {
		c.fail("proof", "must have at most %d hashes", MaxProof)
	} else {
		for _, h := range r.Proof {
			c.digest("proof", h)
		}
	}
	return c.problem("the anchor")
}

// ReportEquivocation shows that a log signed two different trees of one size.
type ReportEquivocation struct {
	Stream string `json:"stream"`
	First  string `json:"first"`  // signed checkpoint
	Second string `json:"second"` // signed checkpoint of the same size with another root
}

// Validate returns a Problem that lists every fault.
func (r *ReportEquivocation) Validate() error {
	var c check
	c.digest("stream", r.Stream)
	for _, f := range []struct{ name, note string }{{"first", r.First}, {"second", r.Second}} {
		if f.note == "" || len(f.note) > MaxCheckpoint {
			c.fail(f.name, "must be a signed note of at most %d bytes", MaxCheckpoint)
		}
	}
	return c.problem("the evidence")
}

// Equivocation marks a stream for ever: nothing it anchored later is to be trusted.
type Equivocation struct {
	V      int       `json:"v"`
	Stream string    `json:"stream"`
	First  string    `json:"first"`
	Second string    `json:"second"`
	By     string    `json:"by"` // MSP id
	Time   time.Time `json:"time"`
}

// Key returns the record's key.
func (e *Equivocation) Key() Key { return EquivocationKey(e.Stream) }

// EquivocationKey returns the key of a stream's mark.
func EquivocationKey(stream string) Key { return Key{TypeEquivocation, []string{stream}} }

// GetAnchor asks for one anchor, with its stream, its stream's mark and the time
// of the anchor after it.
type GetAnchor struct {
	Stream   string `json:"stream"`
	Sequence uint64 `json:"sequence"`
}

// AnchorView is what a signed read of an anchor states. The anchor's own time is
// when it was endorsed, and it may have been held back since; the next anchor's
// endorsers had read it from the ledger, so by Next it stood there.
type AnchorView struct {
	Anchor      Anchor `json:"anchor"`
	Stream      Stream `json:"stream"`
	Equivocated bool   `json:"equivocated"` // the stream's log was shown to have signed two histories

	Next time.Time `json:"next,omitzero" metadata:",optional"` // time of the anchor after it; zero while there is none
}

// GetStream asks for a stream.
type GetStream struct {
	ID string `json:"id"`
}

// GetLive asks for an organisation's live stream.
type GetLive struct {
	Owner string `json:"owner"` // MSP id
}
