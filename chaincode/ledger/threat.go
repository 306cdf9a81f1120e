package ledger

import "time"

// The markings of TLP 2.0 (FIRST TLP 2.0, sections 4 and 5).
const (
	TLPClear       = "clear"
	TLPGreen       = "green"
	TLPAmber       = "amber"
	TLPAmberStrict = "amber+strict"
	TLPRed         = "red"
)

// Markings lists the markings of TLP 2.0, the widest first.
var Markings = []string{TLPClear, TLPGreen, TLPAmber, TLPAmberStrict, TLPRed}

// Sealed reports whether a marking lets only named recipients see a body. Of
// such a report the ledger holds a commitment and nothing about the body.
func Sealed(marking string) bool {
	return marking == TLPAmber || marking == TLPAmberStrict || marking == TLPRed
}

// Threat is a shared threat report. Under clear and green the body is served to
// every member, and the ledger holds its digest. Under the other markings the
// body goes sealed to named recipients, and others learn that something was
// shared and when, not what or to whom.
//
// Version 1 knew clear and green only, and always had MediaType and Size. Only a
// relayed one has version 3.
type Threat struct {
	V         int       `json:"v"`
	Digest    string    `json:"digest"` // clear and green: SHA-256 of the body's bytes; else ThreatCommitment; hex
	Marking   string    `json:"marking"`
	MediaType string    `json:"mediaType,omitempty" metadata:",optional"` // MediaTypeSTIX; empty when sealed
	Size      int64     `json:"size,omitempty" metadata:",optional"`      // bytes of the body; 0 when sealed
	Sharer    string    `json:"sharer"`                                   // MSP id
	Relayed   bool      `json:"relayed,omitempty" metadata:",optional"`   // an authority shares it for another member, whose name is sealed: see ThreatEscrow
	Shared    time.Time `json:"shared"`
}

// Key returns the record's key.
func (t *Threat) Key() Key { return ThreatKey(t.Digest, t.Sharer) }

// ThreatKey returns the key of an organisation's report of a body. The sharer is
// part of it, so that nobody can keep another from sharing by being first with
// the digest.
func ThreatKey(digest, sharer string) Key { return Key{TypeThreat, []string{digest, sharer}} }

// MediaTypeSTIX is the media type of STIX 2.1 content (STIX 2.1, section 1.6.5).
const MediaTypeSTIX = "application/stix+json;version=2.1"

// MaxThreatBody bounds a shared body, in bytes.
const MaxThreatBody = 8 << 20

// ShareThreat shares a report under the caller's organisation.
type ShareThreat struct {
	Digest    string `json:"digest"`
	Marking   string `json:"marking"`
	MediaType string `json:"mediaType,omitempty" metadata:",optional"` // absent when the marking seals the body
	Size      int64  `json:"size,omitempty" metadata:",optional"`      // absent when the marking seals the body

	// Relay is present when an authority shares the report for another. Only clear and
	// green ones are: whoever is named by a sealed one fetches it from its sharer.
	Relay *ThreatRelay `json:"relay,omitempty" metadata:",optional"`
}

// Validate returns a Problem that lists every fault.
func (r *ShareThreat) Validate() error {
	var c check
	c.digest("digest", r.Digest)
	c.oneOf("marking", r.Marking, Markings...)
	if Sealed(r.Marking) {
		if r.Relay != nil {
			c.fail("relay", "must be absent for a marking that seals the body")
		}
		if r.MediaType != "" {
			c.fail("mediaType", "must be absent for a marking that seals the body")
		}
		if r.Size != 0 {
			c.fail("size", "must be absent for a marking that seals the body")
		}
		return c.problem("the report")
	}
	c.oneOf("mediaType", r.MediaType, MediaTypeSTIX)
	if r.Size < 1 || r.Size > MaxThreatBody {
		c.fail("size", "must be 1 to %d bytes", MaxThreatBody)
	}
	if r.Relay != nil {
		r.Relay.check(&c)
	}
	return c.problem("the report")
}

// GetThreat asks for the record of one organisation's report of a body, or for
// what was said of it.
type GetThreat struct {
	Digest string `json:"digest"`
	Sharer string `json:"sharer"` // MSP id
}

// ThreatPage is one page of reports, by digest and sharer.
type ThreatPage struct {
	Items []Threat `json:"items"`
	Next  string   `json:"next"`
}

// Why a report is withdrawn.
const (
	WithdrawnFalsePositive = "false_positive" // what it warns of is no threat
	WithdrawnError         = "error"          // it says something wrong
	WithdrawnOutdated      = "outdated"       // it was right and no longer is
	WithdrawnSuperseded    = "superseded"     // another report of the same sharer takes its place
)

// Withdrawal says that a report's sharer no longer stands by it. It is for ever:
// a body that was withdrawn is not shared again by the same organisation.
type Withdrawal struct {
	V            int       `json:"v"`
	Digest       string    `json:"digest"`
	Sharer       string    `json:"sharer"` // MSP id; who withdrew it
	Reason       string    `json:"reason"`
	SupersededBy string    `json:"supersededBy,omitempty" metadata:",optional"` // digest of the same sharer's report that takes its place
	Time         time.Time `json:"time"`
}

// Key returns the record's key.
func (w *Withdrawal) Key() Key { return WithdrawalKey(w.Digest, w.Sharer) }

// WithdrawalKey returns the key of a report's withdrawal.
func WithdrawalKey(digest, sharer string) Key { return Key{TypeWithdrawal, []string{digest, sharer}} }

// WithdrawThreat withdraws a report of the caller's organisation.
type WithdrawThreat struct {
	Digest       string `json:"digest"`
	Reason       string `json:"reason"`
	SupersededBy string `json:"supersededBy,omitempty" metadata:",optional"` // present just when the reason is WithdrawnSuperseded
}

// Validate returns a Problem that lists every fault.
func (r *WithdrawThreat) Validate() error {
	var c check
	c.digest("digest", r.Digest)
	c.oneOf("reason", r.Reason, WithdrawnFalsePositive, WithdrawnError, WithdrawnOutdated, WithdrawnSuperseded)
	switch {
	case r.Reason != WithdrawnSuperseded && r.SupersededBy != "":
		c.fail("supersededBy", "must be absent unless the reason is %s", WithdrawnSuperseded)
	case r.Reason == WithdrawnSuperseded && r.SupersededBy == r.Digest:
		c.fail("supersededBy", "must be another report")
	case r.Reason == WithdrawnSuperseded:
		c.digest("supersededBy", r.SupersededBy)
	}
	return c.problem("the withdrawal")
}
