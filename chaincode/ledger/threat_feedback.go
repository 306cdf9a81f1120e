package ledger

import "time"

// Sighting says that an organisation saw what a report warns of.
type Sighting struct {
	V      int       `json:"v"`
	Digest string    `json:"digest"`
	Sharer string    `json:"sharer"` // MSP id; whose report
	By     string    `json:"by"`     // MSP id; who saw it
	Tx     string    `json:"tx"`
	Count  int       `json:"count"` // how often, 1 to MaxSightings
	First  time.Time `json:"first"` // the first time, as By says
	Last   time.Time `json:"last"`  // the last time, as By says; not after Time
	Time   time.Time `json:"time"`
}

// Key returns the record's key.
func (s *Sighting) Key() Key {
	return Key{TypeSighting, []string{s.Digest, s.Sharer, s.By, s.Tx}}
}

// MaxSightings is the largest count of one sighting (STIX 2.1, section 5.2.1).
const MaxSightings = 999_999_999

// SightThreat says that the caller's organisation saw what a report warns of.
type SightThreat struct {
	Digest string    `json:"digest"`
	Sharer string    `json:"sharer"`
	Count  int       `json:"count"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

// Validate returns a Problem that lists every fault.
func (r *SightThreat) Validate() error {
	var c check
	c.digest("digest", r.Digest)
	c.token("sharer", r.Sharer, 64)
	if r.Count < 1 || r.Count > MaxSightings {
		c.fail("count", "must be 1 to %d", MaxSightings)
	}
	if r.First.IsZero() {
		c.fail("first", "must be a time")
	}
	if r.Last.Before(r.First) {
		c.fail("last", "must not be before first")
	}
	return c.problem("the sighting")
}

// SightingPage is one page of a report's sightings, by organisation.
type SightingPage struct {
	Items []Sighting `json:"items"`
	Next  string     `json:"next"`
}

// What an organisation may think of a report (STIX 2.1, opinion-enum).
const (
	StronglyDisagree = "strongly-disagree"
	Disagree         = "disagree"
	Neutral          = "neutral"
	Agree            = "agree"
	StronglyAgree    = "strongly-agree"
)

// Opinions lists the opinions, from the worst to the best.
var Opinions = []string{StronglyDisagree, Disagree, Neutral, Agree, StronglyAgree}

// Opinion is what an organisation thinks of another's report. It may change its
// mind; the newest revision holds.
type Opinion struct {
	V        int       `json:"v"`
	Digest   string    `json:"digest"`
	Sharer   string    `json:"sharer"` // MSP id; whose report
	By       string    `json:"by"`     // MSP id; who thinks so
	Opinion  string    `json:"opinion"`
	Weight   int       `json:"weight"`   // how sure By is, 1 to MaxWeight
	Revision int       `json:"revision"` // 1 for the first, one more with each change
	Time     time.Time `json:"time"`
}

// Key returns the record's key.
func (o *Opinion) Key() Key { return OpinionKey(o.Digest, o.Sharer, o.By) }

// OpinionKey returns the key of an organisation's opinion of a report.
func OpinionKey(digest, sharer, by string) Key {
	return Key{TypeOpinion, []string{digest, sharer, by}}
}

// MaxWeight is the weight of an opinion that its holder is sure of.
const MaxWeight = 100

// OpineThreat states what the caller's organisation thinks of another's report.
type OpineThreat struct {
	Digest   string `json:"digest"`
	Sharer   string `json:"sharer"`
	Opinion  string `json:"opinion"`
	Weight   int    `json:"weight"`
	Revision int    `json:"revision"` // the revision that this makes: 1 for the first; a lost race is a conflict, never silent
}

// Validate returns a Problem that lists every fault.
func (r *OpineThreat) Validate() error {
	var c check
	c.digest("digest", r.Digest)
	c.token("sharer", r.Sharer, 64)
	c.oneOf("opinion", r.Opinion, Opinions...)
	if r.Weight < 1 || r.Weight > MaxWeight {
		c.fail("weight", "must be 1 to %d", MaxWeight)
	}
	if r.Revision < 1 {
		c.fail("revision", "must be at least 1")
	}
	return c.problem("the opinion")
}

// OpinionPage is one page of a report's opinions, by organisation.
type OpinionPage struct {
	Items []Opinion `json:"items"`
	Next  string    `json:"next"`
}

// ListFeedback asks for what was said of one organisation's report of a body.
type ListFeedback struct {
	Digest string      `json:"digest"`
	Sharer string      `json:"sharer"`
	Page   PageRequest `json:"page"`
}
