package vuln

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/cpe"
	"github.com/secant-platform/secant/chaincode/ledger"
)

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
				name, ok := cpe.Parse(m.Criteria)
				if !ok || !m.Vulnerable || n.Negate || len(a.Products) == maxProducts {
					continue
				}
				p := Product{ID: itoa(len(a.Products)), Vendor: cpeWords(name.Vendor), Name: cpeWords(name.Product), On: -1, CPEs: []string{m.Criteria}}
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
				case name.Version != "":
					p.Versions.Parts = []Constraints{{{"=", name.Full()}}}
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

// nvdTime reads a time of NVD, which has no zone and means UTC.
func nvdTime(s string) time.Time {
	if t := instant(s); !t.IsZero() {
		return t
	}
	return instant(s + "Z")
}
