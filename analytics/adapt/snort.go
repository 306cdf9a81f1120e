package adapt

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// snortFast is a line of alert_fast: time, [gid:sid:rev], message, classification
// and priority where the rule has them, protocol, and the two sides.
var snortFast = regexp.MustCompile(`^(\S+)\s+(?:\[(?:Drop|wDrop|WDrop|Would drop|Block)\]\s+)?\[\*\*\]\s+\[(\d+):(\d+):(\d+)\]\s+(.*?)\s+\[\*\*\]` +
	`(?:\s+\[Classification: ([^\]]*)\])?(?:\s+\[Priority: (\d+)\])?(?:\s+\[AppID: [^\]]*\])?\s+\{([^}]*)\}\s+(\S+)\s+->\s+(\S+)\s*$`)

// snortJSON are the fields of alert_json that are read (Snort 3 reference,
// alert_json.fields).
type snortJSON struct {
	Timestamp string `json:"timestamp"`
	Seconds   int64  `json:"seconds"`
	Message   string `json:"msg"`
	Rule      string `json:"rule"`
	Generator *int64 `json:"gid"`
	Signature *int64 `json:"sid"`
	Priority  int    `json:"priority"`
	Source    string `json:"src_addr"`
	Target    string `json:"dst_addr"`
	SourceAP  string `json:"src_ap"`
	TargetAP  string `json:"dst_ap"`
	SourceMAC string `json:"eth_src"`
	TargetMAC string `json:"eth_dst"`
}

func detectSnort(head []byte) bool {
	first := firstLine(head)
	return snortFast.Match(first) || mentions(head, "msg") && (mentions(head, "rule") || mentions(head, "sid")) && !mentions(head, "event_type")
}

func readSnort(b []byte) (*Record, error) {
	if b = bytes.TrimSpace(b); b[0] == '{' {
		return readSnortJSON(b)
	}
	m := snortFast.FindStringSubmatch(textOf(b))
	if m == nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the line is no alert of Snort: neither alert_fast nor alert_json")
	}
	r := &Record{
		Kind: KindAlert, Time: snortTime(m[1]), Title: shortTitle(strings.Trim(m[5], `"`)), Rule: "snort:" + m[2] + ":" + m[3],
		Severity: snortSeverity(m[7]),
	}
	ports := m[8] == "TCP" || m[8] == "UDP"
	r.observeSide(m[9], RoleSource, ports)
	r.observeSide(m[10], RoleDestination, ports)
	r.order([]string{m[5]}, nil)
	return r, nil
}

func readSnortJSON(b []byte) (*Record, error) {
	if err := strictjson.Check("the alert", b, lineLimits); err != nil {
		return nil, err //nolint:wrapcheck // a Problem
	}
	var a snortJSON
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the alert's fields are not of the types that Snort writes")
	}
	generator, signature := "1", ""
	if parts := strings.Split(a.Rule, ":"); len(parts) == 3 {
		generator, signature = parts[0], parts[1]
	}
	if a.Generator != nil {
		generator = strconv.FormatInt(*a.Generator, 10)
	}
	if a.Signature != nil {
		signature = strconv.FormatInt(*a.Signature, 10)
	}
	if a.Message == "" || signature == "" {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the line is no alert of Snort: it needs msg, and rule or sid; name them in alert_json.fields")
	}
	r := &Record{
		Kind: KindAlert, Time: snortTime(a.Timestamp), Title: shortTitle(a.Message),
		Rule: "snort:" + lineOf(generator+":"+signature), Severity: snortSeverity(strconv.Itoa(a.Priority)),
	}
	if a.Seconds > 0 {
		if t, ok := inRange(time.Unix(a.Seconds, 0)); ok && (r.Time.IsZero() || r.Time.Unix() != a.Seconds) {
			r.Time = t
		}
	}
	r.observeNamed(Address, a.Source, RoleSource)
	r.observeSide(a.SourceAP, RoleSource, true)
	r.observeNamed(Address, a.Target, RoleDestination)
	r.observeSide(a.TargetAP, RoleDestination, true)
	r.observeNamed(MAC, a.SourceMAC, RoleSource)
	r.observeNamed(MAC, a.TargetMAC, RoleDestination)
	r.order([]string{a.Message}, nil)
	return r, nil
}

// observeSide adds a side of a connection. Where there are ports, the last number is
// one: Snort writes IPv6 addresses without brackets before it.
func (r *Record) observeSide(s, role string, port bool) {
	if p, err := netip.ParseAddrPort(s); err == nil {
		r.observeAddr(p.Addr(), role)
		return
	}
	if i := strings.LastIndexByte(s, ':'); port && i > 0 {
		s = s[:i]
	}
	r.observeNamed(Address, s, role)
}

// snortSeverity maps the priority of a classification as Suricata's: it is the same
// scale.
func snortSeverity(priority string) int {
	p, err := strconv.Atoi(priority)
	if err != nil || p < 1 {
		return cti.UnknownSeverity
	}
	return (&cti.Alert{Priority: p}).Severity()
}

// snortTime reads month/day-time, with the year before or behind when Snort was
// told to write it (option -y). Without a year nobody can tell when it was.
func snortTime(s string) time.Time {
	date, clock, ok := strings.Cut(s, "-")
	parts := strings.Split(date, "/")
	if !ok || len(parts) != 3 {
		return time.Time{}
	}
	year, month, day := parts[2], parts[0], parts[1]
	if len(parts[0]) == 4 || parts[0] > "12" { // no alert is older than 2013
		year, month, day = parts[0], parts[1], parts[2]
	}
	if len(year) == 2 {
		year = "20" + year
	}
	t, err := time.Parse("2006/01/02 15:04:05.999999", year+"/"+month+"/"+day+" "+clock)
	if err != nil {
		return time.Time{}
	}
	t, _ = inRange(t)
	return t
}
