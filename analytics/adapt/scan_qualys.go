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

// qualysRoots are the outermost elements of Qualys' reports: of an asset, of a scan,
// and the answer of the interface for detections.
var qualysRoots = map[string]bool{"ASSET_DATA_REPORT": true, "SCAN": true, "HOST_LIST_VM_DETECTION_OUTPUT": true}

// readQualys reads reports of Qualys VM and VMDR, as XML and as tables.
func readQualys(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	isXML, r, err := eitherForm(r)
	if err != nil {
		return err
	}
	if isXML {
		return readQualysXML(ctx, r, good, bad)
	}
	return readQualysTable(ctx, r, good, bad)
}

// qualysKnown is what the glossary at a report's end says of a number.
type qualysKnown struct {
	title    string
	severity int
	stated   bool
	cves     []string
}

// qualysHeld is a finding that waits for the glossary.
type qualysHeld struct {
	QID    string
	Record Record
	Told   bool // information alone: its level is no danger
}

type qualysReader struct {
	x     *xmlReader
	good  func(Record) error
	bad   func([]byte, error)
	host  Record
	at    time.Time // of the scan
	group Record    // protocol and port of the findings that follow, in a scan's report
	known map[string]qualysKnown
	held  scanSpool
}

func readQualysXML(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	q := qualysReader{x: newXML(ctx, r, "the Qualys report"), good: good, bad: bad, known: map[string]qualysKnown{}}
	q.held.name = q.x.name
	root, err := q.x.root()
	if err != nil {
		return err
	}
	if !qualysRoots[root.Name.Local] {
		return ledger.Problemf(ledger.CodeInvalid, "the file is not a report of Qualys: its outermost element is none of ASSET_DATA_REPORT, SCAN and HOST_LIST_VM_DETECTION_OUTPUT")
	}
	var failed error
	for failed == nil {
		t, err := q.x.next()
		if err != nil {
			failed = err
			break
		}
		if tag, ok := t.(xml.StartElement); ok {
			failed = q.element(tag)
		}
	}
	// A report that was cut off loses nothing of what it says before.
	err = q.held.each(func(decode func(any) error) error {
		var h qualysHeld
		if err := decode(&h); err != nil {
			return err
		}
		return q.good(q.explained(&h))
	})
	if errors.Is(failed, io.EOF) {
		return err
	}
	return failed
}

func (q *qualysReader) element(tag xml.StartElement) error {
	switch tag.Name.Local {
	case "HOST":
		q.host, q.group = Record{}, Record{}
	case "IP", "DNS", "NETBIOS", "OS_CPE":
		if tag.Name.Local == "IP" && xmlAttribute(tag.Attr, "value") != "" { // of a scan: all findings are within
			q.host, q.group = Record{}, Record{}
			q.host.host(xmlAttribute(tag.Attr, "value"))
			q.host.host(xmlAttribute(tag.Attr, "name"))
			return nil
		}
		n, _, err := q.x.element(tag)
		if err != nil {
			return err
		}
		if n.Name == "OS_CPE" {
			q.host.platform(n.Text)
		} else {
			q.host.host(n.Text)
		}
	case "KEY":
		n, _, err := q.x.element(tag)
		if err != nil {
			return err
		}
		if n.attr("value") == "DATE" {
			q.at = scanTime(n.Text)
		}
	case "CAT":
		q.group = Record{}
		q.group.service(xmlAttribute(tag.Attr, "protocol"), xmlAttribute(tag.Attr, "port"))
	case "VULN_INFO", "DETECTION", "VULN":
		return q.finding(tag)
	case "VULN_DETAILS":
		return q.glossary(tag)
	}
	return nil
}

func (q *qualysReader) finding(tag xml.StartElement) error {
	n, raw, err := q.x.element(tag)
	if err != nil {
		return err
	}
	id := n.child("QID").Text
	if n.Name == "VULN" {
		id = n.attr("number")
	}
	if id == "" {
		q.bad(raw, unfit("a finding of Qualys"))
		return nil
	}
	rec := newFinding("qualys:"+id, n.child("TITLE").Text, raw)
	rec.Asset = q.host.Asset
	rec.Observables = append(rec.Observables, q.host.Observables...)
	rec.Asset.Protocol, rec.Asset.Port = q.group.Asset.Protocol, q.group.Asset.Port
	rec.service(n.child("PROTOCOL").Text, n.child("PORT").Text)
	rec.Time = q.at
	for _, name := range []string{"LAST_FOUND", "LAST_FOUND_DATETIME"} {
		if t := scanTime(n.child(name).Text); !t.IsZero() {
			rec.Time = t
		}
	}
	var named []string
	walkXML(n.child("CVE_ID_LIST"), func(c *xmlNode) { named = append(named, c.Text) })
	rec.CVEs = cves(append(named, n.attr("cveid"))...)
	level := n.attr("severity")
	if level == "" {
		level = n.child("SEVERITY").Text
	}
	rec.Severity = scanSeverity(nil, qualysScores(n), []string{qualysLevels[level]})
	if n.Name != "VULN_INFO" { // these say all that there is
		if rec.Title == "" {
			rec.Title = "Qualys " + line(id, 20)
		}
		return q.good(rec)
	}
	told := qualysTold(n.child("TYPE").Text)
	if told {
		rec.Severity = 0
	}
	return q.held.add(qualysHeld{id, rec, told})
}

// qualysScores are the CVSS scores that an element has, the newest version first.
// The final score of a finding is adjusted to the hospital and left aside.
func qualysScores(n *xmlNode) []string {
	return []string{
		n.child("CVSS_V3_1_BASE").Text, n.child("CVSS3_BASE").Text, n.child("CVSS3_SCORE", "CVSS3_BASE").Text,
		n.child("CVSS_BASE").Text, n.child("CVSS_SCORE", "CVSS_BASE").Text,
	}
}

// qualysLevels are the words for Qualys' numbers (1 minimal, 2 medium, 3 serious, 4
// critical, 5 urgent), as far apart as those of CVSS.
var qualysLevels = map[string]string{"1": "minimal", "2": "low", "3": "medium", "4": "high", "5": "critical"}

func (q *qualysReader) glossary(tag xml.StartElement) error {
	n, _, err := q.x.element(tag)
	if err != nil {
		return err
	}
	var named []string
	walkXML(n.child("CVE_ID_LIST"), func(c *xmlNode) { named = append(named, c.Text) })
	k := qualysKnown{title: line(n.child("TITLE").Text, maxTitle), cves: cves(named...)}
	scores, level := qualysScores(n), qualysLevels[n.child("SEVERITY").Text]
	k.stated = level != "" || strings.Join(scores, "") != ""
	k.severity = scanSeverity(nil, scores, []string{level})
	if len(q.known) == 200_000 {
		return ledger.Problemf(ledger.CodeTooLarge, "the Qualys report has a glossary of more than 200000 entries: split it")
	}
	q.known[n.child("QID").Text] = k
	return nil
}

func (q *qualysReader) explained(h *qualysHeld) Record {
	rec := h.Record
	if k, ok := q.known[h.QID]; ok {
		rec.Title = k.title
		if k.stated && !h.Told {
			rec.Severity = k.severity
		}
		rec.CVEs = sorted(append(rec.CVEs, k.cves...))
	}
	if rec.Title == "" {
		rec.Title = "Qualys " + line(h.QID, 20)
	}
	return rec
}

func readQualysTable(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	t, err := newScanTable(ctx, r, "the table of Qualys", qualysColumns)
	if err != nil {
		return err
	}
	return t.each(func(get func(...string) string, original []byte) error {
		id := get("qid")
		if id == "" {
			bad(original, unfit("a finding of Qualys"))
			return nil
		}
		rec := newFinding("qualys:"+id, get("title", "vuln title"), original)
		rec.Time = scanTime(get("last detected", "last scan"))
		for _, name := range []string{"ip", "asset ipv4", "asset ipv6", "fqdn", "dns", "hostname", "asset name", "netbios"} {
			for one := range strings.SplitSeq(get(name), ",") {
				rec.host(one)
			}
		}
		rec.service(get("protocol"), get("port"))
		rec.CVEs = cves(get("cve", "cve id", "cveid"))
		rec.Techniques = techniques(get("mitre att&ck technique id"))
		level := get("severity", "q_severity")
		if word, ok := qualysLevels[level]; ok {
			level = word
		}
		rec.Severity = scanSeverity(
			[]string{get("cvss3 base", "cvss3.1 base", "cvss base")},
			[]string{get("cvssv3.1 base (nvd)"), get("cvss3.1 base", "cvss3 base"), get("cvssv2 base (nvd)", "cvss_base", "cvss base")},
			[]string{level})
		if qualysTold(get("type", "type detected")) {
			rec.Severity = 0
		}
		rec.platform(get("os cpe"))
		return good(rec)
	}, bad)
}

// qualysTold reports whether a type of finding is information that was gathered.
func qualysTold(kind string) bool {
	kind = strings.ToLower(kind)
	return kind == "ig" || strings.HasPrefix(kind, "info")
}

// qualysColumns tells a table of Qualys'.
func qualysColumns(columns map[string]int) bool {
	_, id := columns["qid"]
	_, title := columns["title"]
	_, other := columns["vuln title"]
	return id && (title || other)
}
