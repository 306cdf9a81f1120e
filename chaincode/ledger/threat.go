package ledger

import "time"

// The TLP 2.0 markings whose bodies every member may see (FIRST TLP 2.0,
// section 4). Amber and red travel sealed and are refused until they can.
const (
	TLPClear = "clear"
	TLPGreen = "green"
)

// Threat is a shared threat report. The body stays on the sharer's node and is
// served to members; the ledger holds its digest.
type Threat struct {
	V         int       `json:"v"`
	Digest    string    `json:"digest"` // SHA-256 of the body's bytes, hex
	Marking   string    `json:"marking"`
	MediaType string    `json:"mediaType"` // "application/stix+json;version=2.1"
	Size      int64     `json:"size"`      // bytes of the body
	Sharer    string    `json:"sharer"`    // MSP id
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
	MediaType string `json:"mediaType"`
	Size      int64  `json:"size"`
}

// Validate returns a Problem that lists every fault.
func (r *ShareThreat) Validate() error {
	var c check
	c.digest("digest", r.Digest)
	c.oneOf("marking", r.Marking, TLPClear, TLPGreen)
	c.oneOf("mediaType", r.MediaType, MediaTypeSTIX)
	if r.Size < 1 || r.Size > MaxThreatBody {
		c.fail("size", "must be 1 to %d bytes", MaxThreatBody)
	}
	return c.problem("the report")
}

// GetThreat asks for the record of one organisation's report of a body.
type GetThreat struct {
	Digest string `json:"digest"`
	Sharer string `json:"sharer"` // MSP id
}

// ThreatPage is one page of reports, by digest and sharer.
type ThreatPage struct {
	Items []Threat `json:"items"`
	Next  string   `json:"next"`
}
