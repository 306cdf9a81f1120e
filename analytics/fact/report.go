package fact

import "github.com/secant-platform/secant/chaincode/ledger"

// Match is a report's bearing on an own unit.
type Match struct {
	Unit       string   `json:"unit"` // unit id
	Reasons    []string `json:"reasons"`
	Confidence int      `json:"confidence"` // basis points, as the matcher judges
}

// Assessment is what the node made of a report's body.
type Assessment struct {
	Title   string
	Matches []Match
}

// Report is a threat report as the node knows it.
type Report struct {
	Row[ledger.Threat]
	Held    bool    `json:"held"`    // the body is here, and its digest was checked
	Title   string  `json:"title"`   // from the body; empty until it was assessed
	Matches []Match `json:"matches"` // own units concerned, by unit id
}

// ReportPage is one page of reports, newest on the ledger first.
type ReportPage struct {
	Items []Report `json:"items"`
	Next  string   `json:"next"`
}

// Unassessed is a report that is due for assessment.
type Unassessed struct {
	Row[ledger.Threat]
	Body    []byte
	Version int64 // of the own devices that it is to be assessed with
}
