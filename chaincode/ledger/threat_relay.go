package ledger

import (
	"encoding/base64"
	"fmt"
	"slices"
	"time"
)

// Bounds of a sealed name.
const (
	MaxEscrow       = 64 // members among whom it is shared; they are MinVoters at least
	EscrowNameSize  = 1052
	maxSealedShare  = 2 << 10 // bytes of a member's share as it is sealed to it
	maxRelayRequest = 256 << 10
)

// EscrowNeeded returns how many of so many members open a name together: more than
// half.
func EscrowNeeded(members int) int { return members/2 + 1 }

// ThreatRelay is who is behind a report that an authority shares for another, sealed
// so that more than half of the members open it together, and nobody before.
type ThreatRelay struct {
	// Name is the sealed name: EscrowNameSize bytes whatever the name is, base64.
	Name string `json:"name"`
	// Commitment is what each share is held against: as many points as shares are
	// needed, each 32 bytes of ristretto255 (RFC 9496), hexadecimal digits.
	Commitment []string `json:"commitment"`
	// Shares are the members' shares, sorted by member. The first has place 1.
	Shares []SealedShare `json:"shares"`
}

// SealedShare is a member's share of a sealed name, as only that member opens it.
type SealedShare struct {
	Member string `json:"member"` // MSP id
	Share  string `json:"share"`  // base64
}

// Place returns which share is the member's; 0 when it has none.
func (r *ThreatRelay) Place(member string) int {
	return 1 + slices.IndexFunc(r.Shares, func(s SealedShare) bool { return s.Member == member })
}

// Members lists who has a share, sorted.
func (r *ThreatRelay) Members() []string {
	all := make([]string, len(r.Shares))
	for i, s := range r.Shares {
		all[i] = s.Member
	}
	return all
}

func (r *ThreatRelay) check(c *check) {
	if b, err := base64.StdEncoding.Strict().DecodeString(r.Name); err != nil || len(b) != EscrowNameSize {
		c.fail("relay.name", "must be %d bytes in base64", EscrowNameSize)
	}
	if n := len(r.Shares); n < MinVoters || n > MaxEscrow {
		c.fail("relay.shares", "must be of %d to %d members", MinVoters, MaxEscrow)
		return
	}
	if len(r.Commitment) != EscrowNeeded(len(r.Shares)) {
		c.fail("relay.commitment", "must be as many points as members open the name together: %d", EscrowNeeded(len(r.Shares)))
		return
	}
	for i, p := range r.Commitment {
		c.digest(fmt.Sprintf("relay.commitment[%d]", i), p)
	}
	for i, s := range r.Shares {
		at := fmt.Sprintf("relay.shares[%d]", i)
		c.token(at+".member", s.Member, 64)
		if i > 0 && r.Shares[i-1].Member >= s.Member {
			c.fail(at+".member", "must come after the one before it, each once")
		}
		if b, err := base64.StdEncoding.Strict().DecodeString(s.Share); err != nil || len(b) == 0 || len(b) > maxSealedShare {
			c.fail(at+".share", "must be 1 to %d bytes in base64", maxSealedShare)
		}
	}
}

// ThreatEscrow holds who is behind a report that its sharer only relayed.
type ThreatEscrow struct {
	V      int         `json:"v"`
	Digest string      `json:"digest"`
	Sharer string      `json:"sharer"` // MSP id of the authority that relayed it
	Relay  ThreatRelay `json:"relay"`
	Time   time.Time   `json:"time"`
}

// Key returns the record's key.
func (e *ThreatEscrow) Key() Key { return ThreatEscrowKey(e.Digest, e.Sharer) }

// ThreatEscrowKey returns the key of what is sealed about a relayed report.
func ThreatEscrowKey(digest, sharer string) Key {
	return Key{TypeThreatEscrow, []string{digest, sharer}}
}

// Why a name is to be opened.
const (
	OpeningHarm  = "harm"  // patients may come to harm unless the source is asked
	OpeningFalse = "false" // the report is held to be false on purpose
	OpeningLaw   = "law"   // a law or a court demands it
)

// OpeningReasons lists them.
var OpeningReasons = []string{OpeningHarm, OpeningFalse, OpeningLaw}

// OpeningRequest is a member's request that the others open a name. It stays, whatever
// comes of it.
type OpeningRequest struct {
	V      int       `json:"v"`
	Digest string    `json:"digest"`
	Sharer string    `json:"sharer"` // MSP id of the authority that relayed the report
	By     string    `json:"by"`     // MSP id; who asks
	Reason string    `json:"reason"`
	Time   time.Time `json:"time"`
}

// Key returns the record's key.
func (r *OpeningRequest) Key() Key { return OpeningRequestKey(r.Digest, r.Sharer, r.By) }

// OpeningRequestKey returns the key of a member's request.
func OpeningRequestKey(digest, sharer, by string) Key {
	return Key{TypeOpeningRequest, []string{digest, sharer, by}}
}

// RequestOpening asks the members to open the name behind a relayed report.
type RequestOpening struct {
	Digest string `json:"digest"`
	Sharer string `json:"sharer"`
	Reason string `json:"reason"`
}

// Validate returns a Problem that lists every fault.
func (r *RequestOpening) Validate() error {
	var c check
	c.digest("digest", r.Digest)
	c.token("sharer", r.Sharer, 64)
	c.oneOf("reason", r.Reason, OpeningReasons...)
	return c.problem("the request to open")
}

// OpeningShare is a member's share, given so that a name is opened. Fewer than are
// needed tell nothing of it.
type OpeningShare struct {
	V      int       `json:"v"`
	Digest string    `json:"digest"`
	Sharer string    `json:"sharer"` // MSP id of the authority that relayed the report
	By     string    `json:"by"`     // MSP id; whose share it is
	For    string    `json:"for"`    // MSP id; whose request it answers
	Share  string    `json:"share"`  // 32 bytes, hexadecimal digits
	Time   time.Time `json:"time"`
}

// Key returns the record's key.
func (s *OpeningShare) Key() Key { return OpeningShareKey(s.Digest, s.Sharer, s.By) }

// OpeningShareKey returns the key of a member's given share.
func OpeningShareKey(digest, sharer, by string) Key {
	return Key{TypeOpeningShare, []string{digest, sharer, by}}
}

// GiveShare gives the caller's share for a request to open.
type GiveShare struct {
	Digest string `json:"digest"`
	Sharer string `json:"sharer"`
	For    string `json:"for"` // MSP id; whose request it answers
	Share  string `json:"share"`
}

// Validate returns a Problem that lists every fault.
func (r *GiveShare) Validate() error {
	var c check
	c.digest("digest", r.Digest)
	c.token("sharer", r.Sharer, 64)
	c.token("for", r.For, 64)
	c.digest("share", r.Share)
	return c.problem("the share")
}

// ThreatOpening is how far the opening of a name has come.
type ThreatOpening struct {
	Escrow   ThreatEscrow     `json:"escrow"`
	Requests []OpeningRequest `json:"requests"` // by member
	Shares   []OpeningShare   `json:"shares"`   // by member
	Needed   int              `json:"needed"`   // shares that open it
	Opened   bool             `json:"opened"`   // so many were given: whoever reads this can open it
}
