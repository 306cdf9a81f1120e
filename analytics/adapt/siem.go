package adapt

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// What the node calls itself in events that it writes.
const (
	ownVendor  = "SECANT"
	ownProduct = "gateway"
	ownVersion = "1"
)

// maxOwn bounds the list of observables in an event: a custom string of CEF has at
// most 4,000 characters. The whole record stays with the node.
const maxOwn = 4_000

// Labels of the custom fields that carry what CEF has no key for. A reader that
// does not know them shows them by these names.
const (
	labelObservables = "observables"
	labelCVEs        = "cves"
	labelTechniques  = "techniques"
	labelSeverity    = "severityBasisPoints"
)

// CEF writes a record as an event for a hospital's SIEM (ArcSight CEF, version 0):
// what it has keys for by them, the first of each kind, and all of it in custom
// fields with labels. Text of the record cannot end a field or a line.
func CEF(r Record) []byte {
	var b strings.Builder
	b.WriteString("CEF:0")
	for _, part := range []string{ownVendor, ownProduct, ownVersion, lineOfRule(r), shortTitle(r.Title), strconv.Itoa(tenths(r.Severity))} {
		b.WriteString("|" + headerEscape.Replace(part))
	}
	b.WriteString("|")
	for i, f := range r.fields("rt") {
		if i > 0 {
			b.WriteString(" ")
		}
		b.WriteString(f.name + "=" + cefEscape.Replace(line(f.value, maxOwn)))
	}
	return []byte(b.String())
}

// LEEF writes a record as an event in LEEF 2.0, with a tab between attributes,
// which no value of it has.
func LEEF(r Record) []byte {
	var b strings.Builder
	b.WriteString("LEEF:2.0")
	for _, part := range []string{ownVendor, ownProduct, ownVersion, lineOfRule(r), "x09"} {
		b.WriteString("|" + headerEscape.Replace(part))
	}
	b.WriteString("|")
	all := append(fields{{"name", shortTitle(r.Title)}, {"sev", strconv.Itoa(tenths(r.Severity))}}, r.fields("devTime")...)
	for i, f := range all {
		if i > 0 {
			b.WriteString("\t")
		}
		b.WriteString(f.name + "=" + line(f.value, maxOwn))
	}
	return []byte(b.String())
}

var (
	headerEscape = strings.NewReplacer(`\`, `\\`, `|`, `\|`)
	cefEscape    = strings.NewReplacer(`\`, `\\`, `=`, `\=`)
)

func lineOfRule(r Record) string { return line(r.Rule, maxRule) }

// tenths is a severity in basis points on the scale of 0 to 10.
func tenths(severity int) int { return (min(max(severity, 0), 10_000) + 500) / 1_000 }

// fields are what both forms say of a record besides their headers.
func (r Record) fields(timeName string) fields {
	var f fields
	add := func(name, value string) {
		if name != "" && value != "" && f.get(name) == "" {
			f = append(f, field{name, value})
		}
	}
	if !r.Time.IsZero() {
		add(timeName, strconv.FormatInt(r.Time.UnixMilli(), 10))
	}
	own := ""
	for _, o := range r.Observables {
		add(keyOf(o), o.Value)
		if item := strings.Join([]string{o.Type, o.Property, o.Role, o.Value}, ":"); len(own)+len(item) < maxOwn-1 {
			own = strings.TrimPrefix(own+" "+item, " ")
		}
	}
	custom := func(n int, label, value string) {
		if value != "" {
			add("cs"+strconv.Itoa(n)+"Label", label)
			add("cs"+strconv.Itoa(n), value)
		}
	}
	custom(1, labelObservables, own)
	custom(2, labelCVEs, strings.Join(r.CVEs, " "))
	custom(3, labelTechniques, strings.Join(r.Techniques, " "))
	add("cn1Label", labelSeverity)
	add("cn1", strconv.Itoa(r.Severity))
	return f
}

// keyOf is the key of CEF's dictionary, and LEEF's where they agree, for an
// observable; empty: it has none.
func keyOf(o Observable) string {
	for _, k := range []struct{ types, role, name string }{
		{TypeIPv4 + TypeIPv6, RoleSource, "src"},
		{TypeIPv4 + TypeIPv6, RoleDestination, "dst"},
		{TypeMAC, RoleSource, "smac"},
		{TypeMAC, RoleDestination, "dmac"},
		{TypeDomain, RoleSource, "shost"},
		{TypeDomain, "", "dhost"},
		{TypeDomain, RoleDestination, "dhost"},
		{TypeURL, "", "request"},
		{TypeFile, "", "fileHash"},
	} {
		if strings.Contains(k.types, o.Type) && k.role == o.Role {
			return k.name
		}
	}
	return ""
}

// own reads an event that a node wrote: the record as it was, except for what did
// not fit.
func (r *Record) own(rule string, f fields) error {
	r.Rule = line(rule, maxRule)
	n, err := strconv.Atoi(f.get("cn1"))
	if err != nil || n < 0 || n > 10_000 || f.get("cn1Label") != labelSeverity {
		return ledger.Problemf(ledger.CodeInvalid, "the event says that a node wrote it and has no severity in basis points")
	}
	r.Severity = n
	for _, item := range strings.Fields(f.get("cs1")) {
		part := strings.SplitN(item, ":", 4)
		if len(part) != 4 {
			return ledger.Problemf(ledger.CodeInvalid, "the event says that a node wrote it and its observables are not in the node's form")
		}
		o := Observable{Type: part[0], Property: part[1], Value: part[3]}
		if canonical, ok := canonical(o); !ok || canonical != o {
			return ledger.Problemf(ledger.CodeInvalid, "the event says that a node wrote it and an observable is not in its canonical form")
		}
		if part[2] != RoleSource && part[2] != RoleDestination {
			part[2] = ""
		}
		r.observe(o, true, part[2])
	}
	r.order([]string{f.get("cs2")}, []string{f.get("cs3")})
	return nil
}

// canonical reads an observable's value by its type.
func canonical(o Observable) (Observable, bool) {
	switch o.Type {
	case TypeIPv4, TypeIPv6:
		return Address(o.Value)
	case TypeDomain:
		return Domain(o.Value)
	case TypeURL:
		return URL(o.Value)
	case TypeEmail:
		return Email(o.Value)
	case TypeFile:
		return FileHash(o.Value)
	case TypeCertificate:
		return Certificate(o.Value)
	case TypeMAC:
		return MAC(o.Value)
	}
	return Observable{}, false
}

// Facility 13 of RFC 5424, section 6.2.1: log audit.
const facilityAudit = 13

// Syslog puts an event into a message of RFC 5424 with its length before it (RFC
// 6587, section 3.4.1; RFC 5425, section 4.3), as from a host; at is when, and
// zero when nobody can say.
func Syslog(host string, at time.Time, severity int, event []byte) []byte {
	stamp := "-"
	if !at.IsZero() {
		stamp = at.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	}
	message := fmt.Sprintf("<%d>1 %s %s secant - - - %s", facilityAudit*8+syslogLevel(severity), stamp, hostName(host), event)
	return fmt.Appendf(nil, "%d %s", len(message), message)
}

// syslogLevel is the severity of RFC 5424 for one in basis points: critical,
// error, warning, notice.
func syslogLevel(severity int) int {
	switch {
	case severity >= 9_000:
		return 2
	case severity >= 7_000:
		return 3
	case severity >= 4_000:
		return 4
	}
	return 5
}

// hostName keeps what may stand in a HOSTNAME: printable ASCII without spaces, at
// most 255.
func hostName(s string) string {
	s = strings.Map(func(c rune) rune {
		if c <= ' ' || c > '~' {
			return -1
		}
		return c
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), 255)]
}
