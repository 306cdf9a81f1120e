package adapt

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/cpe"
	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/vuln"
)

// Bounds of scanners' files.
const (
	maxScanBytes   = 256 << 20 // a whole file
	maxScanFinding = 16 << 20  // one finding
)

// scanWords are severities in words, as basis points: the middle of the band that
// CVSS gives to the word (CVSS v3.1 and v4.0, qualitative severity rating scale).
var scanWords = map[string]int{
	"critical": 9_500, "urgent": 9_500, "serious": 9_500, "high": 8_000, "error": 8_000, "important": 8_000, "medium": 5_500, "moderate": 5_500,
	"warning": 5_500, "low": 2_000, "note": 2_000, "minimal": 2_000, "negligible": 1_000, "none": 0, "info": 0, "informational": 0, "log": 0,
}

// scanWord returns the severity that a word means.
func scanWord(s string) (basisPoints int, ok bool) {
	basisPoints, ok = scanWords[strings.ToLower(strings.TrimSpace(s))]
	return basisPoints, ok
}

// scanScore returns the severity of a CVSS score, 0 to 10, of any version.
func scanScore(s string) (basisPoints int, ok bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(f >= 0 && f <= 10) {
		return 0, false
	}
	return int(math.Round(f * 1_000)), true
}

// scanVector returns the severity of a CVSS vector of any version. Nessus writes
// "CVSS2#" before those of version 2, Qualys puts them in brackets after the score.
func scanVector(s string) (basisPoints int, ok bool) {
	s = strings.TrimSpace(s)
	if len(s) > 500 {
		return 0, false
	}
	s = strings.TrimPrefix(s, "CVSS2#")
	if _, inner, found := strings.Cut(s, "("); found {
		s = strings.TrimSuffix(inner, ")")
	}
	if tenths := vuln.VectorScore(s); tenths > 0 {
		return tenths * 100, true
	}
	// Version 3 without its prefix, which CycloneDX and older tools leave out.
	if strings.HasPrefix(s, "AV:") && strings.Contains(s, "/PR:") {
		if tenths := vuln.VectorScore("CVSS:3.1/" + s); tenths > 0 {
			return tenths * 100, true
		}
	}
	return 0, false
}

// scanSeverity takes the first of several ways to say it that says something: a
// vector, else a score, else a word. Whoever calls puts the newest version of CVSS
// first. Tools that know no score write 0: a word goes before that.
func scanSeverity(vectors, scores, words []string) int {
	for _, s := range vectors {
		if v, ok := scanVector(s); ok {
			return v
		}
	}
	nought := false
	for _, s := range scores {
		if v, ok := scanScore(s); ok && v > 0 {
			return v
		} else if ok {
			nought = true
		}
	}
	for _, s := range words {
		if v, ok := scanWord(s); ok {
			return v
		}
	}
	if nought {
		return 0
	}
	return cti.UnknownSeverity
}

// host sets what a scanner calls the machine: an address, or a name.
func (r *Record) host(s string) {
	s = strings.TrimSpace(s)
	if o, ok := Address(s); ok {
		if r.Asset.Address == "" {
			r.Asset.Address = o.Value
		}
		r.observe(o, true, "")
		return
	}
	if o, ok := URL(s); ok { // scanners of web applications name the address of a page
		if u, err := url.Parse(o.Value); err == nil {
			r.host(u.Hostname())
		}
		return
	}
	s = line(s, maxTitle)
	if s == "" || s == "-" || s == "'-" {
		return
	}
	if r.Asset.Name == "" {
		r.Asset.Name = strings.ToLower(s)
	}
	o, ok := Domain(s)
	r.observe(o, ok, "")
}

// service sets protocol and port; 0 and what is no port mean the whole machine.
func (r *Record) service(protocol, port string) {
	n, err := strconv.ParseUint(strings.TrimSpace(port), 10, 16)
	if err != nil || n == 0 {
		return
	}
	r.Asset.Port = int(n)
	if protocol = strings.ToLower(strings.TrimSpace(protocol)); protocol == "tcp" || protocol == "udp" || protocol == "sctp" {
		r.Asset.Protocol = protocol
	}
}

// product sets what software it is about; empty texts say nothing.
func (r *Record) product(name, version, purl string) {
	r.Asset.Product, r.Asset.Version = line(name, maxTitle), line(version, maxTitle)
	if strings.HasPrefix(purl, "pkg:") && len(purl) < 1_000 {
		r.Asset.PURL = purl
	}
}

// platform sets the CPE of what it is about, in the form of CPE 2.3 (NISTIR 7695).
func (r *Record) platform(s string) {
	name, ok := cpe.Parse(strings.TrimSpace(s))
	if !ok || len(s) > 500 || r.Asset.CPE != "" {
		return
	}
	if strings.HasPrefix(strings.ToLower(s), "cpe:2.3:") {
		r.Asset.CPE = strings.TrimSpace(s)
	} else {
		open := func(v string) string {
			if v == "" {
				return "*"
			}
			return cpeQuote(v)
		}
		r.Asset.CPE = "cpe:2.3:" + open(name.Part) + ":" + open(name.Vendor) + ":" + open(name.Product) + ":" +
			open(name.Version) + ":" + open(name.Update) + ":*:*:*:*:*:*"
	}
	if r.Asset.Product == "" {
		r.Asset.Product, r.Asset.Version = line(strings.ReplaceAll(name.Product, "_", " "), maxTitle), line(name.Full(), maxTitle)
	}
}

// cpeQuote quotes what has a meaning in a formatted string.
func cpeQuote(s string) string {
	s = strings.NewReplacer("%21", "!", "%2f", "/", "%3a", ":", "%2b", "+", "%28", "(", "%29", ")", "%26", "&", "%2c", ",", "%40", "@").Replace(s)
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-' || c >= 0x80) {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// newFinding begins a record of one finding. The severity is not known yet.
func newFinding(rule, title string, original []byte) Record {
	return Record{
		Kind: KindScan, Rule: line(rule, maxRule), Title: line(title, maxTitle), Severity: cti.UnknownSeverity, Original: original,
	}
}

// scanTimes are the forms in which scanners write times.
var scanTimes = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05", "Mon Jan _2 15:04:05 2006",
	"Mon Jan _2 15:04:05 2006 MST", "Jan 02, 2006 03:04 PM", "02/01/2006 15:04", "2006/01/02", "2006-01-02", "Jan _2, 2006 15:04:05 MST",
}

// scanTime reads a time; one without a zone is taken as UTC. Seconds since 1970 are
// read too. What is no time is zero.
func scanTime(s string) time.Time {
	s = strings.TrimSpace(s)
	if len(s) < 8 || len(s) > 64 {
		return time.Time{}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 && n < 1<<40 {
		return time.Unix(n, 0).UTC()
	}
	for _, form := range scanTimes {
		if t, err := time.Parse(form, s); err == nil && t.Year() > 1970 {
			return t.UTC().Truncate(time.Millisecond)
		}
	}
	return time.Time{}
}
