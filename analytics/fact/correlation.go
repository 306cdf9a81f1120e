package fact

import (
	"time"

	"github.com/secant-platform/secant/analytics/correlate"
)

// EventIndicatorMatched tells that own alerts show what an indicator describes.
const EventIndicatorMatched = "indicator.matched"

// Correlated is what an object in a collection contributes to correlation.
type Correlated struct {
	Object     int64 // stix_object.added
	Collection string
	ID         string // STIX id
	Body       []byte // of what is still to be derived
	Entry      correlate.Entry
	Reports    []Brought // that brought it and that stand, by digest
	Refreshed  time.Time // when an own alert last showed it; zero: never
}

// Brought is a report that brought an object, with who shared it.
type Brought struct {
	Digest  string   `json:"digest" doc:"SHA-256 of the report's body."`
	Sharers []string `json:"sharers" doc:"MSP ids of those who stand by it."`
}

// Observable is a value that objects name.
type Observable struct {
	ID      int64           `json:"-"`
	Value   correlate.Value `json:"value"`
	Objects int             `json:"objects" doc:"How many objects name it."`
}

// IndicatorMatch is an own alert that shows what an indicator describes.
type IndicatorMatch struct {
	Seq        int64            `json:"seq" doc:"Rises as matches are found."`
	Alert      int64            `json:"alert" doc:"Number of the alert at this node."`
	Indicator  string           `json:"indicator" doc:"STIX id."`
	Collection string           `json:"-"`
	Report     string           `json:"report" doc:"Digest of the report that brought the indicator; empty: none did."`
	Time       time.Time        `json:"time" doc:"Of the alert."`
	Noted      time.Time        `json:"noted" doc:"When it was found."`
	Found      correlate.Judged `json:"found"`
}

// MatchFilter narrows a list of matches. What is empty does not.
type MatchFilter struct {
	Indicator  string
	Report     string
	Suppressed bool // also those that a warninglist suppresses
}

// MatchPage is a page of matches, the newest first.
type MatchPage struct {
	Items []IndicatorMatch
	Next  string
}

// SightingCount is how often own alerts showed what a report describes.
type SightingCount struct {
	Count int       `json:"count" doc:"Alerts, each once."`
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`

	Next *NextSighting `json:"next,omitempty" doc:"What goes to the sharer next, by itself and no more than this; absent: nothing does."`
}

// NextSighting is what a sharer is told next of what own alerts showed.
type NextSighting struct {
	Count int       `json:"count" doc:"Alerts of which it was not told yet."`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	At    time.Time `json:"at" doc:"When it is told, at the earliest."`
}

// Telling is what a sharer is being told.
type Telling struct {
	Report string // digest
	UpTo   int64  // IndicatorMatch.Seq of the last match of it
	Count  int    // alerts, each once; 0: nothing is
	First  time.Time
	Last   time.Time
}

// FuzzySeen is a fuzzy hash that an alert names.
type FuzzySeen struct {
	ID, Alert int64
	Value     correlate.Value
}

// Exploitation is what is known of a vulnerability and of its being exploited.
type Exploitation struct {
	ID         string    `json:"id" doc:"CVE id."`
	Exploited  bool      `json:"exploited" doc:"It stands in the catalogue of known exploited vulnerabilities."`
	Added      time.Time `json:"added,omitzero" doc:"To that catalogue."`
	Due        time.Time `json:"due,omitzero" doc:"By when the catalogue's readers must have acted."`
	Ransomware bool      `json:"ransomware" doc:"Known to be used by ransomware."`
	Likelihood int       `json:"likelihood" doc:"EPSS, parts of a million; 0: unknown."`
	Percentile int       `json:"percentile" doc:"Of EPSS, parts of a million; 0: unknown."`
	Advisories int       `json:"advisories" doc:"Advisories at this node about it."`
	Score      int       `json:"score" doc:"Highest base score that the newest five of them state, tenths; 0: none."`
	Weaknesses []string  `json:"weaknesses" doc:"CWE ids that they name."`
}
