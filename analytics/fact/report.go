package fact

import (
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Match is a report's bearing on an own unit.
type Match struct {
	Unit       string   `json:"unit"` // unit id
	Reasons    []string `json:"reasons"`
	Confidence int      `json:"confidence"` // basis points, as the matcher judges
}

// Assessment is what the node made of a report's body.
type Assessment struct {
	Title    string
	Severity int // basis points, as the report says of itself
	Matches  []Match
}

// Share is one organisation's sharing of a report.
type Share struct {
	Sharer  string    `json:"sharer"`  // MSP id
	Marking string    `json:"marking"` // TLP marking under which it shared
	Time    time.Time `json:"time"`    // as Origin.Time
	Late    bool      `json:"late"`    // as Origin.Late

	Feedback Feedback `json:"feedback"` // what members said of it, and whether its sharer stands by it
}

// Finding is a report's weight for an own unit.
type Finding struct {
	Report     string // digest of the body
	Severity   int    // basis points, as the report says of itself
	Confidence int    // basis points that it concerns the unit
}

// Report is a threat report as the node knows it: the record of the sharer that
// stands first on the ledger, unless a filter asked for another's.
type Report struct {
	Row[ledger.Threat]
	Sharers []Share `json:"sharers"` // all who shared this body, the earliest on the ledger first
	Held    bool    `json:"held"`    // the body is here, and its digest was checked
	Title   string  `json:"title"`   // from the body; empty until it was assessed
	Matches []Match `json:"matches"` // own units concerned, by unit id
}

// Hits says in one sentence which own units the report concerns, and by what of the
// surest of them; empty while the body is not here.
func (r *Report) Hits() string {
	switch {
	case !r.Held:
		return ""
	case len(r.Matches) == 0:
		return "It concerns none of the own devices that this node knows."
	}
	surest := r.Matches[0]
	for _, m := range r.Matches[1:] {
		if m.Confidence > surest.Confidence {
			surest = m
		}
	}
	what := "one own device"
	if n := len(r.Matches); n > 1 {
		what = strconv.Itoa(n) + " own devices"
	}
	return "It concerns " + what + ", because of unit " + surest.Unit + ": " + strings.Join(surest.Reasons, "; ") + "."
}

// ReportPage is one page of reports, newest on the ledger first.
type ReportPage struct {
	Items []Report `json:"items"`
	Next  string   `json:"next"`
}

// Unassessed is a report that is due for assessment.
type Unassessed struct {
	Row[ledger.Threat]
	Body     []byte // empty for a sealed one, which is kept elsewhere
	Attempts int    // failed since it became due
	Version  int64  // of the own devices that it is to be assessed with
}
