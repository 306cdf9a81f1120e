package cti

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// MaxEVEBytes bounds one EVE event; with payload and packet a real one stays
// under 200 KiB.
const MaxEVEBytes = 1 << 20

var eveLimits = strictjson.Limits{Bytes: MaxEVEBytes, Depth: 16, Values: 20_000}

// Alert is what is used of a Suricata EVE alert. Everything else in the event,
// the payload above all, is dropped when it is read.
type Alert struct {
	Time        time.Time // UTC, to the millisecond
	Signature   string    // rule message; printable
	Category    string    // classification; printable, may be empty
	Action      string    // "allowed" or "blocked"
	Generator   int       // gid
	SignatureID int       // sid
	Revision    int       // rev
	Priority    int       // 1 is the highest; Suricata's "severity"
	Protocol    string    // lower case, as in "tcp"
	Application string    // application protocol, lower case; empty when Suricata found none
	CVEs        []string  // named by the rule, sorted
	Techniques  []string  // ATT&CK technique ids named by the rule, sorted
	Confidence  int       // 0 to 100 as STIX counts it; 0 when the rule says none

	source, destination endpoint // of the packet that raised the alert
	attacker, victim    netip.Addr
	client              netip.Addr // who opened the connection; invalid when unknown
	atServer, atClient  bool       // what the rule's metadata says is attacked
}

type endpoint struct {
	addr netip.Addr
	port int
}

// Sides returns who sent the packet that raised the alert and whom it was sent
// to.
func (a *Alert) Sides() (source, destination netip.Addr) {
	return a.source.addr, a.destination.addr
}

// Severity is what the priority of the rule's classification counts as, in basis
// points.
func (a *Alert) Severity() int { return severityOf(a.Priority) }

// eve are the fields of an EVE alert that are read (Suricata user guide,
// "EVE JSON Format").
type eve struct {
	Timestamp   string   `json:"timestamp"`
	EventType   string   `json:"event_type"`
	Source      string   `json:"src_ip"`
	SourcePort  int      `json:"src_port"`
	Target      string   `json:"dest_ip"`
	TargetPort  int      `json:"dest_port"`
	Protocol    string   `json:"proto"`
	Application string   `json:"app_proto"`
	Direction   string   `json:"direction"` // since Suricata 7
	Alert       *eveRule `json:"alert"`
	Flow        struct {
		Source string `json:"src_ip"` // since Suricata 7
	} `json:"flow"`
}

type eveRule struct {
	Action      string     `json:"action"`
	Generator   int        `json:"gid"`
	SignatureID int        `json:"signature_id"`
	Revision    int        `json:"rev"`
	Signature   string     `json:"signature"`
	Category    string     `json:"category"`
	Priority    int        `json:"severity"`
	Source      eveAddress `json:"source"` // with the rule keyword "target"
	Target      eveAddress `json:"target"`
	Metadata    metadata   `json:"metadata"`
}

// metadata is what the rule's author attached: lists of words by name. Rules
// outside of our reach fill it, so that what is not such a list is passed over.
type metadata map[string]json.RawMessage

func (m metadata) words(name string) []string {
	var list []string
	if json.Unmarshal(m[name], &list) != nil {
		return nil
	}
	return list
}

type eveAddress struct {
	IP string `json:"ip"`
}

// ParseEVE reads one Suricata EVE event, which must be an alert. Its errors are
// Problems that list every fault.
func ParseEVE(b []byte) (*Alert, error) {
	if err := strictjson.Check("the alert", b, eveLimits); err != nil {
		return nil, err
	}
	var e eve
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the alert's fields are not of the types that Suricata EVE defines")
	}
	var f faults
	if e.EventType != "alert" {
		f.add("event_type", "must be alert")
	}
	if e.Alert == nil {
		f.add("alert", "is required")
		e.Alert = &eveRule{}
	}
	a := e.alert(&f)
	if len(f.list) > 0 {
		return nil, &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the event is not a Suricata EVE alert", Faults: f.list}
	}
	return a, nil
}

func (e *eve) alert(f *faults) *Alert {
	r := e.Alert
	a := &Alert{
		Time:      eveTime(f, e.Timestamp),
		Signature: oneLine(r.Signature, 500), Category: oneLine(r.Category, 200),
		Action: strings.ToLower(r.Action), Generator: r.Generator, SignatureID: r.SignatureID,
		Revision: r.Revision, Priority: r.Priority,
		Protocol: protocolName(e.Protocol), Application: applicationName(e.Application),
		source:      endpoint{eveIP(f, "src_ip", e.Source), evePort(f, "src_port", e.SourcePort)},
		destination: endpoint{eveIP(f, "dest_ip", e.Target), evePort(f, "dest_port", e.TargetPort)},
		Confidence:  ruleConfidence(r.Metadata.words("confidence")),
	}
	if a.Signature == "" {
		f.add("alert.signature", "must not be empty")
	}
	if r.SignatureID < 1 {
		f.add("alert.signature_id", "must be at least 1")
	}
	if r.Generator < 0 || r.Revision < 0 {
		f.add("alert.rev", "must not be negative, nor gid")
	}
	if r.Priority < 0 || r.Priority > 255 {
		f.add("alert.severity", "must be 1 to 255")
	}
	if a.Action != "allowed" && a.Action != "blocked" {
		f.add("alert.action", "must be allowed or blocked")
	}
	if a.Protocol == "" {
		f.add("proto", "must name a protocol")
	}
	a.CVEs = ruleCVEs(r)
	a.Techniques = techniques(r.Metadata.words("mitre_technique_id"))
	e.sides(a)
	return a
}

// sides reads what the event says about who attacks and who opened the connection.
func (e *eve) sides(a *Alert) {
	a.attacker, _ = netip.ParseAddr(e.Alert.Source.IP)
	a.victim, _ = netip.ParseAddr(e.Alert.Target.IP)
	a.attacker, a.victim = normal(a.attacker), normal(a.victim)
	switch opened, err := netip.ParseAddr(e.Flow.Source); {
	case err == nil:
		a.client = normal(opened)
	case e.Direction == "to_server":
		a.client = a.source.addr
	case e.Direction == "to_client":
		a.client = a.destination.addr
	}
	for _, t := range e.Alert.Metadata.words("attack_target") {
		t = strings.ToLower(t)
		a.atClient = a.atClient || strings.HasPrefix(t, "client")
		a.atServer = a.atServer || strings.Contains(t, "server")
	}
}

// eveTime reads a time as Suricata writes it, with or without a colon in the zone.
func eveTime(f *faults, s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1970 && t.Year() < 10_000 {
			return t.UTC().Truncate(time.Millisecond)
		}
	}
	f.add("timestamp", "must be a time, as in 2026-01-31T12:00:00.000000+0000")
	return time.Time{}
}

func eveIP(f *faults, field, s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		f.add(field, "must be an IP address")
	}
	return normal(a)
}

func evePort(f *faults, field string, port int) int {
	if port < 0 || port > 65535 {
		f.add(field, "must be a port")
	}
	return port
}

var protocolForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,15}$`)

func protocolName(s string) string {
	s = strings.ToLower(s)
	if !protocolForm.MatchString(s) {
		return ""
	}
	return s
}

// applicationName drops Suricata's words for "not found".
func applicationName(s string) string {
	s = protocolName(s)
	if slices.Contains([]string{"failed", "unknown", "template"}, s) {
		return ""
	}
	return s
}

// ruleCVEs collects the ids in the rule's message and metadata, where Emerging
// Threats writes them "CVE_2014_6271" or "2014_6271".
func ruleCVEs(r *eveRule) []string {
	var all []string
	listed := r.Metadata.words("cve")
	for _, s := range append([]string{r.Signature}, listed...) {
		for _, m := range cveID.FindAllStringSubmatch(s, 100) {
			all = append(all, "CVE-"+m[1]+"-"+m[2])
		}
	}
	for _, s := range listed {
		if m := bareCVE.FindStringSubmatch(s); m != nil {
			all = append(all, "CVE-"+m[1]+"-"+m[2])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

var (
	bareCVE   = regexp.MustCompile(`^([0-9]{4})[-_]([0-9]{4,19})$`)
	technique = regexp.MustCompile(`^T[0-9]{4}(\.[0-9]{3})?$`)
)

// techniques keeps well-formed ATT&CK technique ids.
func techniques(ids []string) []string {
	var all []string
	for _, id := range ids {
		if technique.MatchString(id) {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ruleConfidence maps the rule author's words to STIX's scale (STIX 2.1,
// appendix A, "None / Low / Med / High").
func ruleConfidence(words []string) int {
	if len(words) != 1 {
		return 0
	}
	switch strings.ToLower(words[0]) {
	case "low":
		return 15
	case "medium":
		return 50
	case "high":
		return 85
	}
	return 0
}
