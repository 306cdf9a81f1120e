package adapt

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// readOpenVAS reads reports of OpenVAS and the Greenbone Vulnerability Manager: XML
// (GMP 20.08 and later, get_reports) and tables.
func readOpenVAS(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	isXML, r, err := eitherForm(r)
	if err != nil {
		return err
	}
	if isXML {
		return readOpenVASXML(ctx, r, good, bad)
	}
	return readOpenVASTable(ctx, r, good, bad)
}

func readOpenVASXML(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	x := newXML(ctx, r, "the OpenVAS report")
	root, err := x.root()
	if err != nil {
		return err
	}
	if root.Name.Local != "report" && root.Name.Local != "get_reports_response" {
		return ledger.Problemf(ledger.CodeInvalid, "the file is not a report of OpenVAS: its outermost element is neither report nor get_reports_response")
	}
	var inside []string // the elements that are open
	for {
		t, err := x.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch tag := t.(type) {
		case xml.EndElement:
			if len(inside) > 0 {
				inside = inside[:len(inside)-1]
			}
		case xml.StartElement:
			// Results stand in "results"; elements of the same name elsewhere (of the
			// task, of filters) are none.
			if tag.Name.Local != "result" || len(inside) == 0 || inside[len(inside)-1] != "results" {
				inside = append(inside, tag.Name.Local)
				continue
			}
			n, raw, err := x.element(tag)
			if err != nil {
				return err
			}
			if n.child("host").Text == "" && n.child("name").Text == "" && n.child("nvt").attr("oid") == "" {
				bad(raw, unfit("a result of OpenVAS"))
				continue
			}
			if err := good(openvasResult(n, raw)); err != nil {
				return err
			}
		}
	}
}

func openvasResult(n *xmlNode, original []byte) Record {
	nvt := n.child("nvt")
	title := n.child("name").Text
	if title == "" {
		title = nvt.child("name").Text
	}
	rec := newFinding("openvas:"+nvt.attr("oid"), title, original)
	for _, at := range []string{"modification_time", "creation_time"} {
		if rec.Time.IsZero() {
			rec.Time = scanTime(n.child(at).Text)
		}
	}
	host := n.child("host")
	rec.host(host.Text)
	rec.host(host.child("hostname").Text)
	port, protocol, _ := strings.Cut(n.child("port").Text, "/")
	if i := strings.LastIndexAny(port, "( "); i >= 0 { // "http (80/tcp)" of old versions
		port, protocol = port[i+1:], strings.TrimSuffix(protocol, ")")
	}
	rec.service(protocol, port)
	var named []string
	if c := nvt.child("cve").Text; c != "" {
		named = append(named, c)
	}
	vectors := []string{}
	for _, ref := range nvt.child("refs").all("ref") {
		if ref.attr("type") == "cve" {
			named = append(named, ref.attr("id"))
		}
	}
	for _, s := range nvt.child("severities").all("severity") {
		vectors = append(vectors, s.child("value").Text)
	}
	rec.CVEs = cves(append(named, nvt.attr("oid"))...)
	for tag := range strings.SplitSeq(nvt.child("tags").Text, "|") {
		if v, ok := strings.CutPrefix(tag, "cvss_base_vector="); ok {
			vectors = append(vectors, v)
		}
	}
	// What the report states as severity may have been overridden by the hospital and
	// goes before the vector.
	rec.Severity = scanSeverity(nil, []string{n.child("severity").Text}, nil)
	if n.child("severity").Text == "" {
		rec.Severity = scanSeverity(vectors, []string{nvt.child("cvss_base").Text}, []string{n.child("threat").Text})
	}
	for _, d := range n.child("detection", "result", "details").all("detail") {
		if d.child("name").Text == "product" {
			rec.platform(d.child("value").Text)
		}
	}
	return rec
}

// openvasProduct is how a result names what it was found in.
var openvasProduct = regexp.MustCompile(`(?m)Product:\s+(cpe:/\S{1,300})`)

func readOpenVASTable(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	t, err := newScanTable(ctx, r, "the table of OpenVAS", hasColumns("ip", "nvt name", "nvt oid"))
	if err != nil {
		return err
	}
	return t.each(func(get func(...string) string, original []byte) error {
		if get("nvt oid") == "" && get("nvt name") == "" {
			bad(original, unfit("a result of OpenVAS"))
			return nil
		}
		rec := newFinding("openvas:"+get("nvt oid"), get("nvt name"), original)
		rec.Time = scanTime(get("timestamp"))
		rec.host(get("ip"))
		rec.host(get("hostname"))
		rec.service(get("port protocol"), get("port"))
		rec.CVEs = cves(get("cves"), get("nvt oid"))
		rec.Severity = scanSeverity(nil, []string{get("cvss")}, []string{get("severity")})
		if m := openvasProduct.FindStringSubmatch(get("product detection result")); m != nil {
			rec.platform(m[1])
		}
		return good(rec)
	}, bad)
}
