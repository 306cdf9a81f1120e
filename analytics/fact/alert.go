package fact

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
)

// Alert is one thing that a tool of this organisation said, as the node keeps it: an
// alert, a finding of a scanner, or a report that came from elsewhere.
type Alert struct {
	Seq      int64      // rises in the order in which they came; no two have the same, ever
	Source   string     // as the configuration names it
	Digest   [32]byte   // SHA-256 of Original
	Format   string     // by which it was read
	Kind     adapt.Kind // what it is
	Received time.Time  // when it came, to the millisecond
	Time     time.Time  // as the tool says; Received where it does not
	Severity int        // basis points
	Title    string
	Rule     string // what found it, as the tool names it; may be empty
	AlertText
	Original []byte // as it came; only where it is asked for
}

// AlertText is the part of an alert that is kept as one document.
type AlertText struct {
	Observables []adapt.Observable `json:"observables,omitempty"`
	CVEs        []string           `json:"cves,omitempty"`
	Techniques  []string           `json:"techniques,omitempty"`
	Asset       adapt.Asset        `json:"asset,omitzero"`
}

// AlertFilter says which alerts are asked for. What is empty asks for nothing.
type AlertFilter struct {
	From, To time.Time // of Time: from From, before To
	Severity int       // at least, basis points
	Source   string
	Kind     adapt.Kind // empty: alerts and scans, which are not reports
	Rule     string
	Value    string // of an observable
}

// AlertPage is a page of alerts, the newest first.
type AlertPage struct {
	Items []Alert
	Next  string
}

// maxValue is the length of a value by which alerts are found, in bytes; of longer ones
// the beginning counts.
const maxValue = 512

// AlertKey is the form in which a value stands in the index of alerts: an address as
// "ip:" and 32 hexadecimal digits of its 16 bytes (IPv4 mapped into IPv6), so that a
// network is a range of it; anything else as it is.
func AlertKey(value string) string {
	if a, err := netip.ParseAddr(value); err == nil {
		b := a.WithZone("").As16()
		return "ip:" + hex.EncodeToString(b[:])
	}
	if len(value) > maxValue {
		value = strings.ToValidUTF8(value[:maxValue], "")
	}
	return value
}

// Record is what the tool said, without its original.
func (a *Alert) Record() adapt.Record {
	return adapt.Record{
		Kind: a.Kind, Time: a.Time, Title: a.Title, Severity: a.Severity, Rule: a.Rule,
		Observables: a.Observables, CVEs: a.CVEs, Techniques: a.Techniques, Asset: a.Asset,
	}
}
