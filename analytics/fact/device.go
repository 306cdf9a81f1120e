package fact

import (
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Service is a network service that a device offers.
type Service struct {
	Protocol string `json:"protocol"` // as in "tcp/dicom", "tcp" or "https"
	Port     int    `json:"port"`
}

// Inventory is what a hospital knows of its own unit and never tells the ledger.
type Inventory struct {
	Unit     string    `json:"unit"` // unit id
	Ward     string    `json:"ward"`
	Address  string    `json:"address"` // IP address or host name
	Services []Service `json:"services"`
	Updated  time.Time `json:"updated"` // set by the store
}

// Device is a unit with all that the node knows about it.
type Device struct {
	Unit      Row[ledger.Unit]
	Model     ledger.Model   // zero when the ledger has none
	Release   ledger.Release // the release that the unit runs; zero when the ledger has none
	Inventory Inventory      // zero when the unit is not in the inventory
}

// Match is a report's bearing on an own unit.
type Match struct {
	Unit       string   `json:"unit"` // unit id
	Reasons    []string `json:"reasons"`
	Confidence int      `json:"confidence"` // 0 to 100, as the matcher judges
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
