package adapt

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const maxOpenIOCBytes = 16 << 20

// maxCombinations bounds what the AND and OR of one file become.
const maxCombinations = 2_000

var openIOCFormat = Format{
	Name: "openioc", Tool: "OpenIOC 1.0 or 1.1", Kind: KindReport,
	Detect: func(head []byte) bool {
		return bytes.Contains(head, []byte("schemas.mandiant.com")) || bytes.Contains(head, []byte("openioc.org/schemas")) ||
			bytes.Contains(head, []byte("<OpenIOC")) || bytes.Contains(head, []byte("<ioc "))
	},
	Read: readOpenIOC,
}

// readOpenIOC reads one indicator file of OpenIOC 1.0 (root "ioc") or 1.1 ("OpenIOC").
// What a term says that STIX cannot is left out with all that must hold together with it,
// so that no pattern finds more than its author meant.
func readOpenIOC(ctx context.Context, r io.Reader, good func(Record) error, _ func([]byte, error)) error {
	b, err := readAll(ctx, r, "the OpenIOC file", maxOpenIOCBytes)
	if err != nil {
		return err
	}
	x := newXML(ctx, bytes.NewReader(b), "the OpenIOC file")
	tag, err := x.root()
	if err != nil {
		return err
	}
	root, _, err := x.element(tag)
	if err != nil {
		return err
	}
	record, err := fromOpenIOC(root, b)
	if err != nil {
		return err
	}
	return good(record)
}

func fromOpenIOC(root *xmlNode, original []byte) (Record, error) {
	about, criteria := root, root.child("definition")
	switch root.Name {
	case "ioc":
	case "OpenIOC":
		about, criteria = root.child("metadata"), root.child("criteria")
	default:
		return Record{}, ledger.Problemf(ledger.CodeInvalid, "this is no OpenIOC file: its root is neither ioc nor OpenIOC")
	}
	id := strings.ToLower(strings.TrimSpace(root.attr("id")))
	if !isUUID(id) {
		return Record{}, ledger.Problemf(ledger.CodeInvalid, "the OpenIOC file has no id that is a UUID")
	}
	title := about.child("short_description").Text
	if title == "" {
		title = "OpenIOC " + id
	}
	d := cti.Document{
		Key: "openioc:" + id, Title: title, Author: about.child("authored_by").Text, Time: openIOCTime(root, about),
	}
	for _, l := range about.child("links").all("link") {
		if o, ok := URL(l.attr("href")); ok {
			d.Links = append(d.Links, o.Value)
		}
	}
	t := openIOCTerms{}
	for _, i := range criteria.all("Indicator") {
		some, err := t.indicator(i)
		if err != nil {
			return Record{}, err
		}
		for _, tests := range some {
			d.Findings = append(d.Findings, cti.Finding{Any: [][]cti.Test{tests}, Detect: true, Name: tests[0].Value})
		}
	}
	var observables []Observable
	for _, f := range d.Findings {
		if len(f.Any[0]) != 1 {
			continue
		}
		if o, ok := ObservableOf(f.Any[0][0]); ok {
			observables = append(observables, o)
		}
	}
	text := about.child("description").Text
	if t.left > 0 {
		text += "\nNot taken over from the OpenIOC file, terms: " + strconv.Itoa(t.left) + "."
	}
	d.CVEs, d.Techniques = cves(title, text), techniques(title, text)
	return finish(Record{Rule: "openioc:" + id, Severity: cti.UnknownSeverity, Original: original, Text: strings.TrimSpace(text)}, d, observables)
}

func openIOCTime(root, about *xmlNode) time.Time {
	for _, s := range []string{root.attr("last-modified"), about.child("authored_date").Text, root.attr("published-date")} {
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
			if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil && t.Year() >= 1970 {
				return t.UTC()
			}
		}
	}
	return time.Time{}
}

// openIOCTerms reads the tree of terms into alternatives.
type openIOCTerms struct {
	left  int // terms that could not be taken over
	total int // combinations made so far
}

// indicator reads a node: what must hold together (AND), or of what one suffices (OR).
func (t *openIOCTerms) indicator(n *xmlNode) ([][]cti.Test, error) {
	together := strings.EqualFold(n.attr("operator"), "AND")
	var all [][]cti.Test
	if together {
		all = [][]cti.Test{nil}
	}
	for _, c := range n.Children {
		var some [][]cti.Test
		switch c.Name {
		case "IndicatorItem":
			if test, ok := openIOCTerm(c); ok {
				some = [][]cti.Test{{test}}
			} else {
				t.left++
			}
		case "Indicator":
			inner, err := t.indicator(c)
			if err != nil {
				return nil, err
			}
			some = inner
		default:
			continue
		}
		if !together {
			all = append(all, some...)
			continue
		}
		if t.total += len(all) * len(some); t.total > maxCombinations {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "the OpenIOC file combines its terms in more than %d ways", maxCombinations)
		}
		joined := make([][]cti.Test, 0, len(all)*len(some))
		for _, a := range all {
			for _, b := range some {
				joined = append(joined, append(append([]cti.Test(nil), a...), b...))
			}
		}
		all = joined // empty from a term on that could not be taken over
	}
	if len(all) == 1 && len(all[0]) == 0 {
		return nil, nil
	}
	return all, nil
}

// openIOCReads are the terms that are values which can be looked for.
var openIOCReads = map[string]func(string) (Observable, bool){
	"FileItem/Md5sum": FileHash, "FileItem/Sha1sum": FileHash, "FileItem/Sha256sum": FileHash,
	"ProcessItem/SectionList/MemorySection/Md5sum": FileHash, "DriverItem/Md5sum": FileHash,
	"DnsEntryItem/Host": Domain, "DnsEntryItem/RecordName": Domain, "Network/DNS": Domain, "UrlHistoryItem/HostName": Domain, "CookieHistoryItem/HostName": Domain,
	"PortItem/remoteIP": Address, "ProcessItem/PortList/PortItem/remoteIP": Address, "DnsEntryItem/RecordData/IPv4Address": Address, "RouteEntryItem/Destination": Address,
	"UrlHistoryItem/URL": URL, "FileDownloadHistoryItem/SourceURL": URL, "Network/URI": URL,
	"Email/From": Email, "Email/To": Email,
}

// openIOCPaths are the terms that are compared as they stand.
var openIOCPaths = map[string]string{
	"FileItem/FileName": "file:name", "ProcessItem/HandleList/Handle/Name": "mutex:name", "HookItem/HookedModule": "file:name",
	"RegistryItem/KeyPath": "windows-registry-key:key", "RegistryItem/Path": "windows-registry-key:key",
	"Network/UserAgent":     "network-traffic:extensions.http-request-ext.request_header.User-Agent",
	"DriverItem/DriverName": "file:name", "ProcessItem/name": "process:name",
}

// openIOCTerm reads one term. "contains" is taken as "is" where the value is whole by
// itself: that finds less and never more.
func openIOCTerm(n *xmlNode) (cti.Test, bool) {
	if strings.EqualFold(n.attr("negate"), "true") {
		return cti.Test{}, false
	}
	term, value, condition := n.child("Context").attr("search"), n.child("Content").Text, strings.ToLower(n.attr("condition"))
	if read, ok := openIOCReads[term]; ok && (condition == "is" || condition == "contains") {
		o, ok := read(value)
		return testOf(o), ok
	}
	path, ok := openIOCPaths[term]
	if !ok || condition != "is" || value == "" || len(value) > maxURL {
		return cti.Test{}, false
	}
	if path == "windows-registry-key:key" {
		value = registryKey(value)
	}
	return cti.Test{Path: path, Value: value}, value != ""
}
