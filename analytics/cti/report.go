// Package cti is threat intelligence as facts: it makes a STIX 2.1 bundle of a
// Suricata alert, reads bundles from outside within bounds, and says which
// devices a report concerns and why. It is pure: bytes in, judgements out, no
// clock, no network, no store. It never says that a device is vulnerable; it
// says what the report and the device have in common.
package cti

import (
	"net/netip"
	"strconv"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// MediaTypeEVE is the media type under which a Suricata EVE alert is accepted.
// Suricata registers none; this one is ours.
const MediaTypeEVE = "application/vnd.suricata.eve+json"

// Report is a bundle with the facts in it that matching needs.
type Report struct {
	// Body is the bundle, byte for byte as received or as made. Its digest on
	// the ledger is over these bytes, so nothing may re-encode them.
	Body []byte `json:"-"`

	Title    string     `json:"title"`    // for people; at most 200 characters, printable
	Marking  string     `json:"marking"`  // strictest TLP level that an object is marked with; empty: none
	Severity int        `json:"severity"` // basis points; UnknownSeverity when the report says nothing
	CVEs     []string   `json:"cves"`     // sorted, upper case
	Services []Service  `json:"services"` // that were attacked, sorted
	Hosts    []Host     `json:"hosts"`    // that indicators call hostile, sorted
	Software []Software `json:"software"` // that is named, in order of the bundle
}

// UnknownSeverity is what a report counts as that states no severity: medium.
const UnknownSeverity = 5_000

// Service is a transport port at which something listens.
type Service struct {
	Protocol string `json:"protocol"` // "tcp", "udp", "sctp"; empty in a report that does not say
	Port     int    `json:"port"`     // 1 to 65535
}

// String is the usual short form, as in "tcp/22".
func (s Service) String() string {
	if s.Protocol == "" {
		return "port " + strconv.Itoa(s.Port)
	}
	return s.Protocol + "/" + strconv.Itoa(s.Port)
}

// Host is an address, a network or a domain that an indicator calls hostile.
// Addresses that are not public mean another machine at each hospital and are
// never facts.
type Host struct {
	Network netip.Prefix `json:"network,omitzero"` // a single address has the full length
	Domain  string       `json:"domain,omitempty"` // lower case, without a final dot
	Until   string       `json:"until,omitempty"`  // end of the indicator's validity as written, RFC 3339
}

// Software is a product that a report names.
type Software struct {
	Name    string `json:"name"`
	Vendor  string `json:"vendor,omitempty"`
	Version string `json:"version,omitempty"` // empty: any
	CPE     string `json:"cpe,omitempty"`     // CPE 2.3 formatted string
}

// Permits tells whether the report may be shared under a marking: not more
// widely than its own objects are marked (FIRST TLP 2.0, section 3). A report
// without a marking may be shared under any.
func (r *Report) Permits(marking string) error {
	if strictness(marking) < strictness(r.Marking) {
		return ledger.Problemf(ledger.CodeDenied,
			"the report is marked TLP:%s inside and cannot be shared more widely", levelName(r.Marking))
	}
	return nil
}
