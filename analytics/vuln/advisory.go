// Package vuln reads what makers and authorities publish about vulnerabilities
// and says which device releases it concerns, why and how surely: CSAF 2.0
// advisories and VEX, OpenVEX, OSV and NVD records, CISA's catalogue of exploited
// vulnerabilities and FIRST's EPSS. It is pure: bytes in, judgements out, no
// clock, no network, no store.
//
// A match is what an advisory and a release have in common. Only an identifier
// (package URL, CPE) with a version inside the advisory's range, or a person who
// said that the advisory's product is this model, makes it certain; agreement of
// names alone is offered for somebody to look at.
package vuln

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// The formats that advisories come in.
const (
	FormatCSAF = "csaf" // OASIS CSAF 2.0
	FormatOSV  = "osv"  // OSV schema 1
	FormatNVD  = "nvd"  // NVD CVE API 2.0
)

// The states of a product under a vulnerability: those of VEX (CSAF 2.0, section
// 4.5; OpenVEX, status labels).
const (
	StatusAffected           = "affected"
	StatusNotAffected        = "not_affected"
	StatusFixed              = "fixed"
	StatusUnderInvestigation = "under_investigation"
)

// Advisory is one published document, with the facts in it that matching and
// people need.
type Advisory struct {
	Format    string
	Tracking  string // the publisher's own id, unique within Namespace
	Namespace string // of the publisher, a URI; of OSV and NVD records a fixed one
	Publisher string // name
	Category  string // of a CSAF document, as csaf_security_advisory
	Title     string
	Summary   string // plain text of the document's notes; may be empty
	Version   string
	Status    string // of a CSAF document: draft, interim or final; "withdrawn" of a record that was taken back
	Marking   string // TLP as the document writes it; empty: none
	Published time.Time
	Updated   time.Time

	References      []string // URLs
	Products        []Product
	Vulnerabilities []Vulnerability

	// Body is the document, or the one record of a text that holds several, as it
	// came: Reread reads it again.
	Body []byte

	// Findings are the mandatory tests of CSAF (section 6.1) that the document
	// fails and that do not change what it says of products.
	Findings []Finding
}

// ID names the advisory at a node: one of each publisher's tracking id. 32
// hexadecimal digits.
func (a *Advisory) ID() string {
	sum := sha256.Sum256([]byte("secant-advisory-v1\x00" + a.Namespace + "\x00" + a.Tracking))
	return hex.EncodeToString(sum[:16])
}

// CVEs lists the ids of the vulnerabilities, in the document's order.
func (a *Advisory) CVEs() []string {
	ids := make([]string, 0, len(a.Vulnerabilities))
	for i := range a.Vulnerabilities {
		ids = append(ids, a.Vulnerabilities[i].ID)
	}
	return ids
}

// Score is the highest base score of the vulnerabilities in tenths, 0 to 100; 0:
// none is stated.
func (a *Advisory) Score() int {
	score := 0
	for i := range a.Vulnerabilities {
		score = max(score, a.Vulnerabilities[i].Score)
	}
	return score
}

// Product is what an advisory speaks of: a product in one version or a range.
type Product struct {
	ID       string // within the document
	Vendor   string
	Name     string // as the branch of the product tree calls it; without one, the full name
	Full     string // the full name, for people
	Versions Range
	PURLs    []string
	CPEs     []string
	Models   []string // model numbers and trade item numbers
	On       int      // place of the platform's product that it is installed on or part of; -1: none is stated
}

// Vulnerability is what a document says of one vulnerability.
type Vulnerability struct {
	ID      string // CVE id, or another where there is none
	Aliases []string
	Title   string
	Score   int    // base score in tenths, 0 to 100; 0: not stated
	Vector  string // of the score
	CWE     string
	Claims  []Claim
	Actions []Action
}

// Claim is the state of one product.
type Claim struct {
	Product       int // place in Advisory.Products
	Status        string
	Justification string // of not_affected: a label of CSAF or OpenVEX; may be empty
	Detail        string // of not_affected: why, in words; may be empty
}

// Action is what the document advises.
type Action struct {
	Category string // of CSAF: vendor_fix, mitigation, workaround, none_available, no_fix_planned
	Detail   string
	URL      string
	Products []int // places in Advisory.Products; empty: all
}

// Finding is a mandatory test of CSAF that a document fails.
type Finding struct {
	Test  string // as "6.1.16"
	Place string // JSON pointer without values of the document
}
