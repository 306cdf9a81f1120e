package vuln

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

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
		if score := VectorScore(s.Score); score > v.Score {
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
