package vuln

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// The formats that statements on exploitability come in.
const (
	FormatCSAFVEX = "csaf_vex" // CSAF 2.0, profile VEX
	FormatOpenVEX = "openvex"  // OpenVEX 0.2
)

// VEX is a document that says for products whether vulnerabilities concern them.
type VEX struct {
	Format     string
	ID         string
	Title      string
	Author     string
	Updated    time.Time
	Statements []Statement
}

// Statement is what such a document says of one product under one vulnerability.
type Statement struct {
	IDs           []string // of the vulnerability, its aliases too
	Product       Product
	Parts         []string // the components that it is about, by package URLs or as the document names them; empty: the product
	Status        string
	Justification string // label of CSAF or OpenVEX
	Detail        string // impact of not_affected, action for affected
}

// MaxVEXBytes bounds a VEX document.
const MaxVEXBytes = 4 << 20

const maxStatements = 50_000

// ParseVEX reads a CSAF document of the profile VEX, an OpenVEX document, or
// CycloneDX (JSON) with analyses of its product's vulnerabilities. A
// CSAF document of another profile is refused, and so is a statement of
// not_affected that does not say why.
func ParseVEX(b []byte) (*VEX, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if err := strictjson.Check("the VEX document", b, strictjson.Limits{Bytes: MaxVEXBytes, Depth: MaxAdvisoryDepth, Values: MaxAdvisoryValues}); err != nil {
		return nil, err
	}
	var top struct {
		Context  json.RawMessage `json:"@context"`
		Document json.RawMessage `json:"document"`
		Format   string          `json:"bomFormat"`
	}
	if err := json.Unmarshal(b, &top); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the VEX document is not a JSON object")
	}
	switch {
	case top.Document != nil:
		return csafVEX(b)
	case top.Context != nil:
		return openVEX(b)
	case top.Format == "CycloneDX":
		return cycloneVEX(b)
	}
	return nil, ledger.Problemf(ledger.CodeInvalid, "the text is neither CSAF 2.0 of the profile VEX nor OpenVEX nor CycloneDX")
}

func csafVEX(b []byte) (*VEX, error) {
	a, err := ParseCSAF(b)
	if err != nil {
		return nil, err
	}
	if a.Category != "csaf_vex" {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the document is CSAF, but not of the profile VEX")
	}
	var faults []ledger.Fault
	for _, f := range a.Findings {
		if strings.HasPrefix(f.Test, "6.1.27.") && len(faults) < maxFaults {
			faults = append(faults, ledger.Fault{Field: f.Place, Detail: "fails the mandatory test " + f.Test + " of CSAF 2.0"})
		}
	}
	if len(faults) > 0 {
		return nil, &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the document lacks what the profile VEX asks for", Faults: faults}
	}
	doc := &VEX{Format: FormatCSAFVEX, ID: a.Tracking, Title: a.Title, Author: a.Publisher, Updated: a.Updated}
	for i := range a.Vulnerabilities {
		v := &a.Vulnerabilities[i]
		for _, c := range v.Claims {
			if len(doc.Statements) == maxStatements {
				return nil, tooManyStatements()
			}
			s := Statement{
				IDs: append([]string{v.ID}, v.Aliases...), Product: a.Products[c.Product], Status: c.Status,
				Justification: c.Justification, Detail: c.Detail,
			}
			if on := s.Product.On; on >= 0 { // a component of the device: the device is what is spoken of
				s.Parts, s.Product = s.Product.PURLs, a.Products[on]
			}
			doc.Statements = append(doc.Statements, s)
		}
	}
	return doc, nil
}

func tooManyStatements() error {
	return ledger.Problemf(ledger.CodeTooLarge, "the document makes more than %d statements", maxStatements)
}

// justifications are the labels of CSAF 2.0 (section 3.2.3.5) and of OpenVEX,
// which are the same but for vulnerable_code_cannot_be_controlled_by_adversary.
var justifications = []string{
	"component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
	"vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist",
}

// openComponent is a product or a component in OpenVEX, which older documents
// write as a text.
type openComponent struct {
	ID          string            `json:"@id"`
	Identifiers map[string]string `json:"identifiers"`
	Parts       []openComponent   `json:"subcomponents"`
}

// UnmarshalJSON takes both forms.
func (c *openComponent) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &c.ID)
	}
	type plain openComponent
	return json.Unmarshal(b, (*plain)(c))
}

// openName is a vulnerability in OpenVEX, which older documents write as a text.
type openName struct {
	ID      string   `json:"@id"`
	Name    string   `json:"name"`
	Aliases []string `json:"aliases"`
}

// UnmarshalJSON takes both forms.
func (n *openName) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &n.Name)
	}
	type plain openName
	return json.Unmarshal(b, (*plain)(n))
}

func openVEX(b []byte) (*VEX, error) {
	var d struct {
		Context    string `json:"@context"`
		ID         string `json:"@id"`
		Author     string `json:"author"`
		Timestamp  string `json:"timestamp"`
		Updated    string `json:"last_updated"`
		Statements []struct {
			Vulnerability openName        `json:"vulnerability"`
			Products      []openComponent `json:"products"`
			Parts         []openComponent `json:"subcomponents"`
			Status        string          `json:"status"`
			Justification string          `json:"justification"`
			Impact        string          `json:"impact_statement"`
			Action        string          `json:"action_statement"`
		} `json:"statements"`
	}
	bad := &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the document is not OpenVEX that can be read"}
	fault := func(at, detail string) {
		if len(bad.Faults) < maxFaults {
			bad.Faults = append(bad.Faults, ledger.Fault{Field: at, Detail: detail})
		}
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, bad
	}
	if !strings.HasPrefix(d.Context, "https://openvex.dev/ns") {
		fault("@context", "must be that of OpenVEX")
	}
	doc := &VEX{Format: FormatOpenVEX, ID: clean(d.ID), Author: clean(d.Author), Title: "OpenVEX", Updated: instant(d.Updated)}
	if doc.Updated.IsZero() {
		doc.Updated = instant(d.Timestamp)
	}
	if doc.Updated.IsZero() {
		fault("timestamp", "must be a time as RFC 3339 writes it")
	}
	if doc.ID == "" || doc.Author == "" {
		fault("@id", "must be given, and author too")
	}
	for i := range d.Statements {
		s := &d.Statements[i]
		at := place("statements", i)
		name := s.Vulnerability.Name
		if name == "" {
			name = s.Vulnerability.ID
		}
		if name == "" {
			fault(at+".vulnerability", "must have a name")
		}
		if !slices.Contains([]string{StatusAffected, StatusNotAffected, StatusFixed, StatusUnderInvestigation}, s.Status) {
			fault(at+".status", "must be not_affected, affected, fixed or under_investigation")
		}
		if s.Status == StatusNotAffected && s.Justification == "" && s.Impact == "" {
			fault(at+".justification", "must be given for not_affected, or else impact_statement")
		}
		if s.Justification != "" && !slices.Contains(justifications, s.Justification) {
			fault(at+".justification", "must be one of OpenVEX' labels")
		}
		if len(s.Products) == 0 {
			fault(at+".products", "must name at least one product")
		}
		ids := []string{clean(name)}
		for _, alias := range s.Vulnerability.Aliases {
			ids = append(ids, clean(alias))
		}
		for _, c := range s.Products {
			if len(doc.Statements) == maxStatements {
				return nil, tooManyStatements()
			}
			one := Statement{
				IDs: ids, Product: c.product(), Status: s.Status, Justification: s.Justification,
				Detail: clean(s.Impact + s.Action),
			}
			for _, part := range slices.Concat(s.Parts, c.Parts) {
				urls := part.urls()
				if len(urls) == 0 { // what nothing identifies is not the product either
					urls = []string{part.ID}
				}
				one.Parts = append(one.Parts, urls...)
			}
			doc.Statements = append(doc.Statements, one)
		}
	}
	if len(d.Statements) == 0 {
		fault("statements", "must hold at least one")
	}
	if len(bad.Faults) > 0 {
		return nil, bad
	}
	return doc, nil
}

// urls are the package URLs of a component.
func (c *openComponent) urls() []string {
	var all []string
	for _, s := range []string{c.ID, c.Identifiers["purl"]} {
		if strings.HasPrefix(s, "pkg:") && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

func (c *openComponent) product() Product {
	p := Product{ID: c.ID, Full: clean(c.ID), Name: clean(c.ID), On: -1, PURLs: c.urls(), Models: []string{c.ID}}
	for _, name := range []string{"cpe22", "cpe23"} {
		if s := c.Identifiers[name]; s != "" {
			p.CPEs = append(p.CPEs, s)
		}
	}
	p.Versions = Range{Text: "all versions", All: true, Read: true}
	for _, s := range p.PURLs {
		u, ok := parsePURL(s)
		if !ok {
			continue
		}
		p.Name = u.name
		if u.version != "" {
			p.Versions = Range{Text: u.version, Scheme: u.scheme(), Read: true, Parts: []Constraints{{{"=", u.version}}}}
		}
	}
	return p
}
