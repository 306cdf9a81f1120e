// Package adapt reads what the security tools of a hospital write (alerts, scans,
// reports) into records of one shape, and makes STIX 2.1 of them. It is pure: bytes
// in, facts out, within bounds; no clock, no network, no store. What it reads is
// data: no text of a tool is ever run, followed or shown as markup.
package adapt

import (
	"context"
	"io"
	"time"
)

// Kind is what a record is.
type Kind string

// The kinds of records.
const (
	KindAlert  Kind = "alert"  // something was seen at a time
	KindScan   Kind = "scan"   // a weakness or a service of an asset, as a scanner found it
	KindReport Kind = "report" // intelligence: indicators, techniques, text
)

// Record is one thing that a tool said.
type Record struct {
	Kind     Kind
	Time     time.Time // as the tool says, UTC; zero: it does not
	Title    string    // one printable line of at most 200 characters
	Severity int       // basis points (0 to 10,000); cti.UnknownSeverity where the tool does not say
	Rule     string    // what found it, as the tool names it: "suricata:1:2100498", "CVE-2017-0144"; may be empty

	Observables []Observable // by which it is found and matched
	CVEs        []string     // upper case, sorted
	Techniques  []string     // ATT&CK ids, sorted
	Asset       Asset        // what a scan is about
	Text        string       // what a report says, as plain text; at most 1 MiB

	Original []byte // what was read, byte for byte; of a file with many, this one's part
	// Bundle is the STIX 2.1 bundle that a report came as, or was turned into. Alerts
	// and scans have none: theirs is made on demand.
	Bundle []byte
}

// Observable is a value that can be looked for elsewhere.
type Observable struct {
	// Type is that of the STIX cyber-observable object: "ipv4-addr", "ipv6-addr",
	// "domain-name", "url", "email-addr", "file", "x509-certificate", "mac-addr".
	Type string
	// Property is what of it Value is: "value", or for files and certificates the
	// name of the hash as in hash-algorithm-ov ("SHA-256", "MD5", "SSDEEP", "TLSH").
	Property string
	Value    string // canonical: addresses by netip, domains in lower case without a final dot, hashes in lower case (not SSDEEP)
	Role     string // "source", "destination", or empty
}

// Asset is the machine that a scan is about, as the scanner names it.
type Asset struct {
	Address  string // IP address; may be empty
	Name     string // host name; may be empty
	Protocol string // "tcp", "udp"; empty: the whole machine
	Port     int
	Product  string // software or package: name
	Version  string
	CPE      string // CPE 2.3 formatted string
	PURL     string
}

// Format is one form in which a tool writes.
type Format struct {
	Name string // as `secant import` and the configuration call it: "eve", "nessus"
	Tool string // for people: "Suricata EVE JSON"
	Kind Kind
	// Lines tells that it comes line by line, each a record by itself, so that a file
	// can be followed.
	Lines bool
	// Detect reports whether a file that begins so looks like it; at most 4 KiB.
	Detect func(head []byte) bool
	// Read reads all records. A record that is wrong by itself goes to bad, with why,
	// and reading goes on; an error is about the whole: invalid, too_large.
	Read func(ctx context.Context, r io.Reader, good func(Record) error, bad func(original []byte, why error)) error
}
