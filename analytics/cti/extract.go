package cti

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Bounds on the facts of one report; what is beyond them is left out.
const (
	maxFacts = 5_000
	maxTitle = 200
)

// gatherer collects the facts of one bundle.
type gatherer struct {
	report  *Report
	byID    map[string]object
	hostile map[netip.Addr]bool // single addresses that indicators name
	named   map[Software]bool
}

// extract fills a report with the facts in its objects. Revoked objects are
// withdrawn by their author and say nothing (STIX 2.1, section 3.2).
func extract(r *Report, objects []object) {
	g := gatherer{
		report: r, byID: make(map[string]object, len(objects)),
		hostile: map[netip.Addr]bool{}, named: map[Software]bool{},
	}
	r.Title, r.Severity = title(objects), UnknownSeverity
	r.Marking = marking(objects)
	var live []object
	for _, o := range objects {
		if revoked, _ := o["revoked"].(bool); revoked {
			continue
		}
		live = append(live, o)
		g.byID[text(o, "id")] = o
	}
	for _, o := range live {
		if text(o, "type") == "indicator" {
			g.indicator(o)
		}
	}
	for _, o := range live {
		g.references(o)
		switch text(o, "type") {
		case "vulnerability":
			g.cves(text(o, "name"))
		case "software":
			g.software(Software{
				Name: text(o, "name"), Vendor: text(o, "vendor"), Version: text(o, "version"), CPE: text(o, "cpe"),
			})
		case "network-traffic":
			g.traffic(o)
		case "report":
			g.alert(o)
		}
	}
	g.finish()
}

func (g *gatherer) finish() {
	r := g.report
	slices.Sort(r.CVEs)
	r.CVEs = slices.Compact(r.CVEs)
	slices.SortFunc(r.Services, func(a, b Service) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol))
	})
	r.Services = slices.Compact(r.Services)
	slices.SortFunc(r.Hosts, func(a, b Host) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), a.Network.Addr().Compare(b.Network.Addr()),
			cmp.Compare(a.Network.Bits(), b.Network.Bits()), cmp.Compare(a.Until, b.Until))
	})
	r.Hosts = slices.Compact(r.Hosts)
}

// title is the name of the most telling object, made safe to print.
func title(objects []object) string {
	for _, kind := range []string{"report", "grouping", "incident", "campaign", "malware", "indicator", "vulnerability", ""} {
		for _, o := range objects {
			name := text(o, "name")
			if t := text(o, "type"); name == "" || kind != "" && t != kind || t == "marking-definition" || t == "identity" || t == "extension-definition" {
				continue
			}
			if name = oneLine(name, maxTitle); name != "" {
				return name
			}
		}
	}
	return fmt.Sprintf("STIX bundle of %d objects", len(objects))
}

// oneLine keeps what can be shown in one line, and at most limit characters.
func oneLine(s string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.Join(strings.Fields(s), " ") {
		if !unicode.IsPrint(r) {
			continue
		}
		if n == limit {
			return b.String() + "…"
		}
		b.WriteRune(r)
		n++
	}
	return strings.TrimSpace(b.String())
}

// marking is the strictest level that any object or part of one is marked with.
func marking(objects []object) string {
	own := map[string]string{}
	for _, o := range objects {
		if text(o, "type") != "marking-definition" {
			continue
		}
		if level := levelOf(o); level != "" {
			own[text(o, "id")] = level
		}
	}
	strictest := ""
	consider := func(id string) {
		for _, known := range []map[string]string{knownMarkings, own} {
			if l := known[id]; strictness(l) > strictness(strictest) {
				strictest = l
			}
		}
	}
	for _, o := range objects {
		for _, id := range texts(o, "object_marking_refs") {
			consider(id)
		}
		for _, m := range list(o, "granular_markings") {
			if m, ok := m.(object); ok {
				consider(text(m, "marking_ref"))
			}
		}
	}
	return strictest
}

// cveID is a CVE identifier of 4 to 19 digits (CVE record format).
var cveID = regexp.MustCompile(`(?i)\bCVE[-_]([0-9]{4})[-_]([0-9]{4,19})\b`)

func (g *gatherer) cves(s string) {
	for _, m := range cveID.FindAllStringSubmatch(s, maxFacts) {
		if len(g.report.CVEs) < maxFacts {
			g.report.CVEs = append(g.report.CVEs, "CVE-"+m[1]+"-"+m[2])
		}
	}
}

// references reads CVE ids from external references (STIX 2.1, section 2.5).
func (g *gatherer) references(o object) {
	for _, ref := range list(o, "external_references") {
		if ref, ok := ref.(object); ok && text(ref, "source_name") == "cve" {
			g.cves(text(ref, "external_id"))
		}
	}
}

func (g *gatherer) software(s Software) {
	if s.Name == "" && s.CPE == "" || len(g.named) >= maxFacts || g.named[s] {
		return
	}
	g.named[s] = true
	g.report.Software = append(g.report.Software, s)
}

func (g *gatherer) service(protocol string, port int) {
	if port >= 1 && port <= 65535 && len(g.report.Services) < maxFacts {
		g.report.Services = append(g.report.Services, Service{protocol, port})
	}
}

func (g *gatherer) host(value, until string) {
	if len(g.report.Hosts) >= maxFacts {
		return
	}
	if p, ok := parseNetwork(value); ok {
		if publicNetwork(p) {
			g.report.Hosts = append(g.report.Hosts, Host{Network: p, Until: until})
		}
		if p.IsSingleIP() {
			g.hostile[p.Addr()] = true
		}
		return
	}
	if d, ok := parseDomain(value); ok {
		g.report.Hosts = append(g.report.Hosts, Host{Domain: d, Until: until})
	}
}

// indicator reads the pattern of an indicator that calls something hostile.
// Patterns in other languages than STIX's are kept in the body and yield no facts.
func (g *gatherer) indicator(o object) {
	if text(o, "pattern_type") != "stix" || slices.Contains(texts(o, "indicator_types"), "benign") {
		return
	}
	alternatives, ok := parsePattern(text(o, "pattern"))
	if !ok {
		return
	}
	for _, c := range alternatives {
		g.conjunction(c, text(o, "valid_until"))
	}
}

func (g *gatherer) conjunction(c conjunction, until string) {
	var (
		soft            Software
		protocols       []string
		ports           []int
		remote, unknown bool
	)
	for _, t := range c {
		if len(t.values) == 0 || t.holds {
			continue
		}
		switch t.path {
		case "ipv4-addr:value", "ipv6-addr:value", "domain-name:value",
			"network-traffic:src_ref.value", "network-traffic:dst_ref.value":
			for _, v := range t.values {
				g.host(v, until)
			}
			remote = remote || t.path == "network-traffic:dst_ref.value"
		case "url:value":
			for _, v := range t.values {
				g.host(hostOfURL(v), until)
			}
		case "network-traffic:protocols[*]":
			protocols = append(protocols, t.values...)
		case "network-traffic:dst_port":
			for _, v := range t.values {
				n, err := strconv.Atoi(v)
				unknown = unknown || err != nil
				ports = append(ports, n)
			}
		case "software:name":
			soft.Name = t.values[0]
		case "software:vendor":
			soft.Vendor = t.values[0]
		case "software:version":
			soft.Version = t.values[0]
		case "software:cpe":
			soft.CPE = t.values[0]
		}
	}
	g.software(soft)
	if remote || unknown {
		return // the port of a hostile server, not of anything attacked
	}
	for _, port := range ports {
		g.service(transport(protocols), port)
	}
}

// traffic reads the attacked service of observed traffic. Traffic towards a
// server that is itself hostile, or towards one without a known source, is a
// call home and names no attacked service.
func (g *gatherer) traffic(o object) {
	port, ok := o["dst_port"].(json.Number)
	if !ok || text(o, "src_ref") == "" {
		return
	}
	if dst, ok := g.byID[text(o, "dst_ref")]; ok {
		if a, err := netip.ParseAddr(text(dst, "value")); err == nil && g.hostile[normal(a)] {
			return
		}
	}
	if n, err := strconv.Atoi(port.String()); err == nil {
		g.service(transport(texts(o, "protocols")), n)
	}
}

// overTCP are application protocols that stand in protocol lists without their
// transport.
var overTCP = []string{"http", "https", "tls", "ssl", "ssh", "ftp", "smtp", "smb", "telnet", "rdp", "imap", "pop3", "mqtt", "ldap"}

// transport finds the transport protocol in a list from outer to inner
// (STIX 2.1, section 6.12); empty when it says none.
func transport(protocols []string) string {
	inner := ""
	for _, p := range protocols {
		switch p = strings.ToLower(p); {
		case p == "tcp" || p == "udp" || p == "sctp":
			return p
		case slices.Contains(overTCP, p):
			inner = "tcp"
		}
	}
	return inner
}

// alert reads our own extension.
func (g *gatherer) alert(o object) {
	all, _ := o["extensions"].(object)
	e, ok := all[alertExtension].(object)
	if !ok {
		return
	}
	if n, ok := e["priority"].(json.Number); ok {
		if p, err := strconv.Atoi(n.String()); err == nil {
			g.report.Severity = severityOf(p)
		}
	}
	if n, ok := e["attacked_port"].(json.Number); ok {
		if p, err := strconv.Atoi(n.String()); err == nil {
			g.service(transport([]string{text(e, "attacked_protocol")}), p)
		}
	}
}

// severityOf maps the priority of Suricata's classification (1 is the highest)
// to basis points. The steps are ours: Suricata orders its priorities and gives
// them no measure.
func severityOf(priority int) int {
	switch {
	case priority < 1:
		return UnknownSeverity
	case priority == 1:
		return 8_000
	case priority == 2:
		return UnknownSeverity
	case priority == 3:
		return 2_500
	}
	return 1_000
}
