package fact

import "time"

// Advisory is a published document about vulnerabilities, as the node keeps it.
type Advisory struct {
	ID        string    `json:"id"` // at this node; 32 hexadecimal digits
	Format    string    `json:"format"`
	Tracking  string    `json:"tracking"` // the publisher's own id
	Namespace string    `json:"namespace"`
	Publisher string    `json:"publisher"`
	Title     string    `json:"title"`
	Version   string    `json:"version"`
	Status    string    `json:"status"`
	Marking   string    `json:"marking"`
	Published time.Time `json:"published"`
	Updated   time.Time `json:"updated"`
	Imported  time.Time `json:"imported"` // set by the store
	Digest    string    `json:"digest"`   // SHA-256 of the body, hex

	Score      int  `json:"score"`      // highest base score, tenths; 0: none is stated
	Exploited  bool `json:"exploited"`  // set by the store
	Likelihood int  `json:"likelihood"` // highest EPSS, parts of a million; set by the store

	Units int `json:"units"` // of this node that it concerns, or may; set by the store
	Open  int `json:"open"`  // releases of them about which somebody has to decide; set by the store

	AdvisoryText
}

// AdvisoryText is what people read of an advisory.
type AdvisoryText struct {
	Summary         string          `json:"summary"`
	References      []string        `json:"references"`
	Vulnerabilities []Vulnerability `json:"vulnerabilities"`
	Products        []string        `json:"products"` // full names, the first hundred
	Findings        []string        `json:"findings"` // mandatory tests of CSAF that the document fails
}

// Vulnerability is one of an advisory's, with what is known about its exploitation.
type Vulnerability struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Score  int    `json:"score"` // tenths; 0: not stated
	Vector string `json:"vector"`
	CWE    string `json:"cwe"`

	Exploited   *Exploited `json:"exploited,omitempty"`   // nil: not in the catalogue; set by the store
	Probability *int       `json:"probability,omitempty"` // EPSS, parts of a million; nil: not known; set by the store
}

// Exploited is an entry of the catalogue of known exploited vulnerabilities.
type Exploited struct {
	Added      time.Time `json:"added"`
	Due        time.Time `json:"due"`
	Ransomware bool      `json:"ransomware"`
	Action     string    `json:"action"`
}

// AdvisoryFilter narrows and orders a list of advisories; an empty field does not.
type AdvisoryFilter struct {
	Sort          string // "rank" (exploited, likelihood, score, then age), "updated", "score", "likelihood"; empty: rank
	Vulnerability string // only those about this one
	Matching      bool   // only those that concern own units, or may
	Exploited     bool   // only those with an exploited vulnerability
}

// AdvisoryPage is one page of advisories.
type AdvisoryPage struct {
	Items []Advisory `json:"items"`
	Next  string     `json:"next"`
}

// ReleaseMatch is an advisory's bearing on a release.
type ReleaseMatch struct {
	ID         string `json:"id"` // 32 hexadecimal digits; the same after each matching
	Advisory   string `json:"advisory"`
	DI         string `json:"di"`
	Version    string `json:"version"`
	State      string `json:"state"` // affected, possible, rejected or not_affected
	Basis      string `json:"basis"` // purl, cpe, name or model
	Confidence int    `json:"confidence"`

	MatchText
}

// MatchText is why a release matches, and what to do.
type MatchText struct {
	Reasons         []string  `json:"reasons"`
	Vulnerabilities []Concern `json:"vulnerabilities"`
	Actions         []Action  `json:"actions"`
	Subjects        []string  `json:"subjects"` // under which a decision about it is remembered beyond its advisory
}

// Concern is a vulnerability's state in a release.
type Concern struct {
	ID            string `json:"id"`
	Score         int    `json:"score"` // tenths
	Status        string `json:"status"`
	Justification string `json:"justification"` // of the maker, when it says not_affected or fixed
	Detail        string `json:"detail"`
	Document      string `json:"document"` // digest of the maker's document on the ledger
}

// Action is what an advisory advises.
type Action struct {
	Category string `json:"category"`
	Detail   string `json:"detail"`
	URL      string `json:"url"`
}

// AffectedUnit is a unit that an advisory concerns, with the match of its release.
type AffectedUnit struct {
	Unit  string `json:"unit"`
	Owner string `json:"owner"` // MSP id
	State string `json:"state"` // of the unit, as the ledger has it
	Model string `json:"model"` // name
	Match ReleaseMatch
}

// AffectedFilter narrows the units of an advisory; an empty field does not, but
// for State, without which only those that are affected or may be are listed.
type AffectedFilter struct {
	Advisory string
	State    string // of the match
	Owner    string // MSP id
	DI       string
}

// AffectedPage is one page of affected units, by match and unit.
type AffectedPage struct {
	Items []AffectedUnit `json:"items"`
	Next  string         `json:"next"`
}

// UnitVulnerability is an advisory's bearing on one unit.
type UnitVulnerability struct {
	Advisory Advisory
	Match    ReleaseMatch
}

// AdvisoryDecision is what a person said of a match.
type AdvisoryDecision struct {
	Subject   string    `json:"subject"`
	DI        string    `json:"di"`
	Confirmed bool      `json:"confirmed"`
	By        string    `json:"by"`
	Role      string    `json:"role"`
	Note      string    `json:"note"`
	Advisory  string    `json:"advisory"` // with which it came up
	Time      time.Time `json:"time"`     // set by the store
}

// Landscape is what advisories are matched with.
type Landscape struct {
	// Basis names this state of all of it: another one means that advisories are to
	// be matched again.
	Basis     string
	Releases  []RunRelease
	Decisions []AdvisoryDecision
	VEX       []CarriedVEX // in the order of the ledger
}

// RunRelease is a release that own units run: of this organisation as their owner
// or as their manufacturer.
type RunRelease struct {
	DI, Version      string
	Model, Number    string
	Manufacturer     string // MSP id
	ManufacturerName string
	Bill             string // digest of the bill of materials that is held; empty: none
}

// CarriedVEX are the statements on exploitability that a report carries, as they
// were taken in.
type CarriedVEX struct {
	Digest string
	Sharer string // MSP id
	Doc    []byte
}

// DueAdvisory is an advisory that is to be matched.
type DueAdvisory struct {
	ID       string
	Tracking string // of which record in the body
	Body     []byte
}
