package vuln

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	gocvss20 "github.com/pandatix/go-cvss/20"
	gocvss30 "github.com/pandatix/go-cvss/30"
	gocvss31 "github.com/pandatix/go-cvss/31"
	gocvss40 "github.com/pandatix/go-cvss/40"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Parse reads an advisory in any of the formats that are known here, by what
// stands in it. An OSV or NVD text may hold several records.
func Parse(b []byte) ([]*Advisory, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if err := strictjson.Check("the advisory", b, advisoryLimits); err != nil {
		return nil, err
	}
	var top struct {
		Document        json.RawMessage `json:"document"`
		ID              json.RawMessage `json:"id"`
		Modified        json.RawMessage `json:"modified"`
		Vulnerabilities []struct {
			CVE json.RawMessage `json:"cve"`
		} `json:"vulnerabilities"`
		Vulns   json.RawMessage `json:"vulns"`
		Results json.RawMessage `json:"results"`
	}
	unknown := ledger.Problemf(ledger.CodeInvalid, "the text is no advisory in a format that is read here: CSAF 2.0, OSV or NVD JSON 2.0")
	if err := json.Unmarshal(b, &top); err != nil {
		return nil, unknown
	}
	switch {
	case top.Document != nil:
		a, err := ParseCSAF(b)
		if err != nil {
			return nil, err
		}
		return []*Advisory{a}, nil
	case top.ID != nil && top.Modified != nil, top.Vulns != nil, top.Results != nil:
		return parseOSV(b)
	case len(top.Vulnerabilities) > 0 && top.Vulnerabilities[0].CVE != nil:
		return parseNVD(b)
	}
	return nil, unknown
}

// Reread reads the body of an advisory that Parse has read before, without
// judging it again.
func Reread(body []byte) (*Advisory, error) {
	var top struct {
		Document json.RawMessage `json:"document"`
		ID       json.RawMessage `json:"id"`
	}
	if err := json.Unmarshal(body, &top); err != nil {
		return nil, fmt.Errorf("reading an advisory again: %w", err)
	}
	if top.Document != nil {
		var doc csafDocument
		if err := json.Unmarshal(body, &doc); err != nil {
			return nil, fmt.Errorf("reading an advisory again: %w", err)
		}
		r := newReferences(&doc)
		if r == nil {
			return nil, errors.New("reading an advisory again: it is too large")
		}
		return doc.advisory(r)
	}
	parse := parseNVD
	if top.ID != nil {
		parse = parseOSV
	}
	all, err := parse(body)
	if err != nil || len(all) != 1 {
		return nil, fmt.Errorf("reading an advisory again: %d records: %w", len(all), err)
	}
	return all[0], nil
}

// maxRecords bounds the records in one text.
const maxRecords = 20_000

// osvRecord is the part of an OSV record that is read (OSV schema 1.6).
type osvRecord struct {
	ID         string   `json:"id"`
	Modified   string   `json:"modified"`
	Published  string   `json:"published"`
	Withdrawn  string   `json:"withdrawn"`
	Aliases    []string `json:"aliases"`
	Summary    string   `json:"summary"`
	Details    string   `json:"details"`
	References []struct {
		URL string `json:"url"`
	} `json:"references"`
	Severity []struct {
		Type  string `json:"type"`
		Score string `json:"score"`
	} `json:"severity"`
	Affected []struct {
		Package struct {
			Ecosystem string `json:"ecosystem"`
			Name      string `json:"name"`
			PURL      string `json:"purl"`
		} `json:"package"`
		Ranges []struct {
			Type   string              `json:"type"`
			Events []map[string]string `json:"events"`
		} `json:"ranges"`
		Versions []string `json:"versions"`
	} `json:"affected"`
}

// parseOSV reads one record, the answer of the OSV service ("vulns"), or a report
// of osv-scanner ("results").
func parseOSV(b []byte) ([]*Advisory, error) {
	var doc struct {
		ID      string            `json:"id"`
		Vulns   []json.RawMessage `json:"vulns"`
		Results []struct {
			Packages []struct {
				Vulnerabilities []json.RawMessage `json:"vulnerabilities"`
			} `json:"packages"`
		} `json:"results"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the advisory is not an OSV record")
	}
	records := doc.Vulns
	if doc.ID != "" {
		records = append(records, b)
	}
	for _, r := range doc.Results {
		for _, p := range r.Packages {
			records = append(records, p.Vulnerabilities...)
		}
	}
	if len(records) > maxRecords {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the text holds more than %d records", maxRecords)
	}
	var all []*Advisory
	seen := map[string]bool{}
	for _, text := range records {
		var r osvRecord
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, ledger.Problemf(ledger.CodeInvalid, "the advisory is not an OSV record")
		}
		if !recordID.MatchString(r.ID) {
			return nil, ledger.Problemf(ledger.CodeInvalid, "an OSV record has no id that can be read")
		}
		if !seen[r.ID] {
			seen[r.ID] = true
			a := r.advisory()
			a.Body = text
			all = append(all, a)
		}
	}
	if len(all) == 0 {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the text holds no OSV record")
	}
	return all, nil
}

var (
	recordID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{2,99}$`)
	cveID    = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,19}$`)
)

func (r *osvRecord) advisory() *Advisory {
	a := &Advisory{
		Format: FormatOSV, Tracking: r.ID, Namespace: "https://osv.dev", Publisher: "OSV", Title: firstSentence(clean(r.Summary)),
		Summary: clean(r.Details), Published: instant(r.Published), Updated: instant(r.Modified), Version: r.Modified, Findings: []Finding{},
	}
	if a.Title == "" {
		a.Title = r.ID
	}
	if r.Withdrawn != "" {
		a.Status = "withdrawn"
	}
	for _, ref := range r.References {
		if len(a.References) < maxFaults {
			a.References = append(a.References, ref.URL)
		}
	}
	v := Vulnerability{ID: r.ID, Title: a.Title}
	for _, alias := range r.Aliases {
		if cveID.MatchString(alias) && !cveID.MatchString(v.ID) {
			v.ID, alias = alias, v.ID
		}
		if len(v.Aliases) < maxFaults {
			v.Aliases = append(v.Aliases, clean(alias))
		}
	}
	for _, s := range r.Severity {
		if score := vectorScore(s.Score); score > v.Score {
			v.Score, v.Vector = score, s.Score
		}
	}
	for i := range r.Affected {
		if len(a.Products) == maxProducts {
			break
		}
		f := &r.Affected[i]
		p := Product{ID: itoa(i), Name: clean(f.Package.Name), On: -1}
		p.Full = strings.TrimSpace(clean(f.Package.Ecosystem) + " " + p.Name)
		p.Versions.Scheme = schemeOf(strings.ToLower(strings.SplitN(f.Package.Ecosystem, ":", 2)[0]))
		if f.Package.PURL != "" {
			p.PURLs = []string{f.Package.PURL}
		} else if kind := purlTypes[strings.ToLower(strings.SplitN(f.Package.Ecosystem, ":", 2)[0])]; kind != "" {
			p.PURLs = []string{"pkg:" + kind + "/" + f.Package.Name}
		}
		if p.Name == "" && len(p.PURLs) == 0 {
			continue
		}
		p.Versions.Read = true
		for _, g := range f.Ranges {
			if g.Type == "GIT" {
				p.Versions.Read = len(f.Versions) > 0 // commits say nothing of versions
				continue
			}
			var c Constraints
			for _, e := range g.Events[:min(len(g.Events), maxConstraints)] {
				for _, sign := range []struct{ name, sign string }{{"introduced", ">="}, {"fixed", "<"}, {"last_affected", "<="}} {
					if version, ok := e[sign.name]; ok {
						c = append(c, Constraint{sign.sign, version})
					}
				}
				if fixed := e["fixed"]; fixed != "" {
					v.Actions = append(v.Actions, Action{Category: "vendor_fix", Detail: "Update " + p.Name + " to " + clean(fixed) + " or later.", Products: []int{len(a.Products)}})
				}
			}
			p.Versions.Parts = append(p.Versions.Parts, inOrder(p.Versions.Scheme, c))
		}
		for _, version := range f.Versions[:min(len(f.Versions), maxConstraints)] {
			p.Versions.Parts = append(p.Versions.Parts, Constraints{{"=", version}})
		}
		p.Versions.Text = rangeText(p.Versions.Parts)
		if len(f.Ranges) == 0 && len(f.Versions) == 0 {
			p.Versions.All, p.Versions.Text = true, "all versions"
		}
		if a.Status != "withdrawn" {
			v.Claims = append(v.Claims, Claim{Product: len(a.Products), Status: StatusAffected})
		}
		a.Products = append(a.Products, p)
	}
	a.Vulnerabilities = []Vulnerability{v}
	return a
}

// inOrder sorts bounds by their versions, as whoever reads OSV's events has to (OSV
// schema, "Evaluation"). What cannot be compared stays where it is.
func inOrder(scheme Scheme, c Constraints) Constraints {
	slices.SortStableFunc(c, func(a, b Constraint) int {
		switch { // "0" is before all others
		case a.Version == b.Version:
			return 0
		case a.Version == "0":
			return -1
		case b.Version == "0":
			return 1
		}
		order, ok := compareVersions(scheme, a.Version, b.Version)
		if !ok {
			return 0
		}
		return order
	})
	return c
}

// purlTypes are the package URL types of OSV's ecosystems.
var purlTypes = map[string]string{
	"npm": "npm", "pypi": "pypi", "maven": "maven", "go": "golang", "crates.io": "cargo", "rubygems": "gem", "nuget": "nuget",
	"packagist": "composer", "pub": "pub", "hex": "hex", "debian": "deb/debian", "ubuntu": "deb/ubuntu", "alpine": "apk/alpine",
	"red hat": "rpm/redhat", "rocky linux": "rpm/rocky", "almalinux": "rpm/almalinux", "suse": "rpm/suse", "opensuse": "rpm/opensuse",
}

// rangeText writes constraints for people; the first of them when there are many.
func rangeText(parts []Constraints) string {
	const shown = 8
	var all []string
	for i, c := range parts {
		if i == shown {
			all = append(all, "…")
			break
		}
		var one []string
		for _, k := range c {
			if k.Sign == "=" {
				one = append(one, clean(k.Version))
			} else if k.Sign != ">=" || k.Version != "0" {
				one = append(one, k.Sign+" "+clean(k.Version))
			}
		}
		if len(one) > 0 {
			all = append(all, strings.Join(one[:min(len(one), shown)], ", "))
		}
	}
	return strings.Join(all, " | ")
}

// vectorScore computes a base score, in tenths, of a CVSS vector of any version; 0
// for any other text.
func vectorScore(vector string) int {
	switch {
	case strings.HasPrefix(vector, "CVSS:4.0/"):
		if c, err := gocvss40.ParseVector(vector); err == nil {
			return tenths(c.Score())
		}
	case strings.HasPrefix(vector, "CVSS:3.1/"):
		if c, err := gocvss31.ParseVector(vector); err == nil {
			return tenths(c.BaseScore())
		}
	case strings.HasPrefix(vector, "CVSS:3.0/"):
		if c, err := gocvss30.ParseVector(vector); err == nil {
			return tenths(c.BaseScore())
		}
	default:
		if c, err := gocvss20.ParseVector(vector); err == nil {
			return tenths(c.BaseScore())
		}
	}
	return 0
}

// nvdRecord is the part of a CVE record that is read (NVD CVE API 2.0).
type nvdRecord struct {
	ID           string `json:"id"`
	Published    string `json:"published"`
	LastModified string `json:"lastModified"`
	Status       string `json:"vulnStatus"`
	Descriptions []struct {
		Lang  string `json:"lang"`
		Value string `json:"value"`
	} `json:"descriptions"`
	Metrics map[string][]struct {
		Data struct {
			Vector string  `json:"vectorString"`
			Score  float64 `json:"baseScore"`
		} `json:"cvssData"`
	} `json:"metrics"`
	Weaknesses []struct {
		Description []struct {
			Value string `json:"value"`
		} `json:"description"`
	} `json:"weaknesses"`
	Configurations []struct {
		Nodes []struct {
			Negate  bool `json:"negate"`
			Matches []struct {
				Vulnerable     bool   `json:"vulnerable"`
				Criteria       string `json:"criteria"`
				StartIncluding string `json:"versionStartIncluding"`
				StartExcluding string `json:"versionStartExcluding"`
				EndIncluding   string `json:"versionEndIncluding"`
				EndExcluding   string `json:"versionEndExcluding"`
			} `json:"cpeMatch"`
		} `json:"nodes"`
	} `json:"configurations"`
	References []struct {
		URL string `json:"url"`
	} `json:"references"`
}

func parseNVD(b []byte) ([]*Advisory, error) {
	var doc struct {
		Vulnerabilities []json.RawMessage `json:"vulnerabilities"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the text is not an answer of NVD's CVE API 2.0")
	}
	if len(doc.Vulnerabilities) > maxRecords {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the text holds more than %d records", maxRecords)
	}
	var all []*Advisory
	for _, text := range doc.Vulnerabilities {
		var item struct {
			CVE nvdRecord `json:"cve"`
		}
		if err := json.Unmarshal(text, &item); err != nil || !cveID.MatchString(item.CVE.ID) {
			return nil, ledger.Problemf(ledger.CodeInvalid, "a record cannot be read, or has no CVE id")
		}
		a := item.CVE.advisory()
		a.Body = slices.Concat([]byte(`{"vulnerabilities":[`), text, []byte("]}"))
		all = append(all, a)
	}
	return all, nil
}

func (r *nvdRecord) advisory() *Advisory {
	a := &Advisory{
		Format: FormatNVD, Tracking: r.ID, Namespace: "https://nvd.nist.gov", Publisher: "NVD", Version: r.LastModified,
		Published: nvdTime(r.Published), Updated: nvdTime(r.LastModified), Findings: []Finding{},
	}
	for _, d := range r.Descriptions {
		if d.Lang == "en" {
			a.Summary = clean(d.Value)
			break
		}
	}
	if a.Title = firstSentence(a.Summary); a.Title == "" {
		a.Title = r.ID
	}
	if r.Status == "Rejected" {
		a.Status = "withdrawn"
	}
	for _, ref := range r.References {
		if len(a.References) < maxFaults {
			a.References = append(a.References, ref.URL)
		}
	}
	v := Vulnerability{ID: r.ID, Title: a.Title}
	for _, name := range []string{"cvssMetricV40", "cvssMetricV31", "cvssMetricV30", "cvssMetricV2"} {
		for _, m := range r.Metrics[name] {
			if v.Score == 0 && m.Data.Score >= 0 && m.Data.Score <= 10 {
				v.Score, v.Vector = tenths(m.Data.Score), m.Data.Vector
			}
		}
	}
	for _, w := range r.Weaknesses {
		for _, d := range w.Description {
			if v.CWE == "" && strings.HasPrefix(d.Value, "CWE-") {
				v.CWE = clean(d.Value)
			}
		}
	}
	for _, c := range r.Configurations {
		for _, n := range c.Nodes {
			for _, m := range n.Matches {
				name, ok := parseCPE(m.Criteria)
				if !ok || !m.Vulnerable || n.Negate || len(a.Products) == maxProducts {
					continue
				}
				p := Product{ID: itoa(len(a.Products)), Vendor: cpeWords(name.vendor), Name: cpeWords(name.product), On: -1, CPEs: []string{m.Criteria}}
				p.Full = strings.TrimSpace(p.Vendor + " " + p.Name)
				var k Constraints
				for _, bound := range []struct{ sign, version string }{
					{">=", m.StartIncluding}, {">", m.StartExcluding}, {"<=", m.EndIncluding}, {"<", m.EndExcluding},
				} {
					if bound.version != "" {
						k = append(k, Constraint{bound.sign, bound.version})
					}
				}
				p.Versions.Read = true
				switch {
				case len(k) > 0:
					p.Versions.Parts = []Constraints{k}
				case name.version != "":
					p.Versions.Parts = []Constraints{{{"=", name.full()}}}
				default:
					p.Versions.All = true
				}
				if p.Versions.Text = rangeText(p.Versions.Parts); p.Versions.All {
					p.Versions.Text = "all versions"
				}
				if a.Status != "withdrawn" {
					v.Claims = append(v.Claims, Claim{Product: len(a.Products), Status: StatusAffected})
				}
				a.Products = append(a.Products, p)
			}
		}
	}
	a.Vulnerabilities = []Vulnerability{v}
	return a
}

func cpeWords(s string) string { return strings.ReplaceAll(s, "_", " ") }

// maxTokens of a name are compared.
const maxTokens = 40

func someTokens(s string) []string {
	t := tokens(s)
	return slices.Clip(t[:min(len(t), maxTokens)])
}
