package adapt

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// readNessus reads Tenable's reports: XML of Nessus (NessusClientData_v2) and the
// tables that Nessus, Tenable.sc and Tenable.io export.
func readNessus(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	isXML, r, err := eitherForm(r)
	if err != nil {
		return err
	}
	if isXML {
		return readNessusXML(ctx, r, good, bad)
	}
	return readNessusTable(ctx, r, good, bad)
}

func readNessusXML(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	x := newXML(ctx, r, "the Nessus report")
	root, err := x.root()
	if err != nil {
		return err
	}
	if root.Name.Local != "NessusClientData_v2" {
		return ledger.Problemf(ledger.CodeInvalid, "the file is not a Nessus report of version 2: its outermost element is not NessusClientData_v2 (export it as .nessus)")
	}
	var host nessusHost
	for {
		t, err := x.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		tag, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		switch tag.Name.Local {
		case "ReportHost":
			host = newNessusHost(xmlAttribute(tag.Attr, "name"))
		case "HostProperties":
			n, _, err := x.element(tag)
			if err != nil {
				return err
			}
			host.properties(n)
		case "ReportItem":
			n, raw, err := x.element(tag)
			if err != nil {
				return err
			}
			if n.attr("pluginID") == "" {
				bad(raw, unfit("a finding of Nessus"))
				continue
			}
			if err := good(host.finding(n, raw)); err != nil {
				return err
			}
		}
	}
}

// nessusHost is the machine that findings follow for.
type nessusHost struct {
	at     time.Time
	known  Record // asset and observables
	system string // CPE of the operating system
}

func newNessusHost(name string) nessusHost {
	var h nessusHost
	h.known.host(name)
	return h
}

func (h *nessusHost) properties(n *xmlNode) {
	for _, tag := range n.all("tag") {
		switch tag.attr("name") {
		case "HOST_END":
			h.at = scanTime(tag.Text)
		case "host-ip", "host-fqdn", "netbios-name":
			h.known.host(tag.Text)
		case "mac-address":
			for m := range strings.FieldsSeq(tag.Text) {
				o, ok := MAC(m)
				h.known.observe(o, ok, "")
			}
		case "cpe":
			h.system = tag.Text
		}
	}
}

func (h *nessusHost) finding(n *xmlNode, original []byte) Record {
	rec := newFinding("nessus:"+n.attr("pluginID"), n.attr("pluginName"), original)
	rec.Time = h.at
	rec.Asset = h.known.Asset
	rec.Observables = append(rec.Observables, h.known.Observables...)
	rec.service(n.attr("protocol"), n.attr("port"))
	texts := func(name string) []string {
		var all []string
		for _, c := range n.all(name) {
			all = append(all, c.Text)
		}
		return all
	}
	rec.CVEs = cves(texts("cve")...)
	rec.Severity = scanSeverity(
		[]string{n.child("cvss4_vector").Text, n.child("cvss3_vector").Text, n.child("cvss_vector").Text},
		[]string{n.child("cvss4_base_score").Text, n.child("cvss3_base_score").Text, n.child("cvss_base_score").Text},
		append([]string{n.child("risk_factor").Text}, nessusLevels[n.attr("severity")]))
	for _, c := range texts("cpe") {
		for one := range strings.FieldsSeq(c) {
			rec.platform(one)
		}
	}
	if rec.Asset.CPE == "" && rec.Asset.Port == 0 { // about the machine: its system
		rec.platform(h.system)
	}
	return rec
}

// nessusLevels are the words for Nessus' numbers.
var nessusLevels = map[string]string{"0": "info", "1": "low", "2": "medium", "3": "high", "4": "critical"}

// nessusColumns tells a table of Tenable's.
func nessusColumns(columns map[string]int) bool {
	return hasColumns("plugin id", "risk", "host")(columns) || hasColumns("plugin id", "name", "plugin output")(columns) ||
		hasColumns("plugin", "plugin name", "severity")(columns)
}

func readNessusTable(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	t, err := newScanTable(ctx, r, "the table of Nessus", nessusColumns)
	if err != nil {
		return err
	}
	return t.each(func(get func(...string) string, original []byte) error {
		id := get("plugin id", "plugin")
		if id == "" {
			bad(original, unfit("a finding of Nessus"))
			return nil
		}
		rec := newFinding("nessus:"+id, get("name", "plugin name"), original)
		rec.Time = scanTime(get("last found", "last observed", "host end"))
		for _, name := range []string{"ip address", "host", "fqdn", "dns name", "netbios", "netbios name"} {
			rec.host(get(name))
		}
		o, ok := MAC(get("mac address"))
		rec.observe(o, ok, "")
		rec.service(get("protocol"), get("port"))
		rec.CVEs = cves(get("cve"))
		rec.Severity = scanSeverity(
			[]string{get("cvss v4.0 vector"), get("cvss3 vector", "cvss v3 vector", "cvss v3.0 vector"), get("cvss vector", "cvss v2 vector")},
			[]string{
				get("cvss v4.0 base score"), get("cvss3 base score", "cvss v3 base score", "cvss v3.0 base score", "cvssv3"),
				get("cvss", "cvss base score", "cvss v2 base score", "cvss v2.0 base score"),
			},
			[]string{get("risk"), get("severity"), get("risk factor")})
		for one := range strings.FieldsSeq(strings.ReplaceAll(get("cpe"), "<br/>", " ")) {
			rec.platform(one)
		}
		return good(rec)
	}, bad)
}
