package vuln

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// FormatCycloneVEX is a CycloneDX document whose vulnerabilities have an analysis
// (CycloneDX 1.4 to 1.7, JSON).
const FormatCycloneVEX = "cyclonedx"

var cycloneSpec = regexp.MustCompile(`^1\.[4-7]$`)

// cycloneStates are VEX' states of CycloneDX' impact analysis.
var cycloneStates = map[string]string{
	"not_affected": StatusNotAffected, "false_positive": StatusNotAffected, "exploitable": StatusAffected, "in_triage": StatusUnderInvestigation,
	"resolved": StatusFixed, "resolved_with_pedigree": StatusFixed,
}

// cycloneReasons are the labels of CSAF and OpenVEX for CycloneDX' justifications.
var cycloneReasons = map[string]string{
	"code_not_present": "vulnerable_code_not_present", "code_not_reachable": "vulnerable_code_not_in_execute_path",
	"requires_configuration": "vulnerable_code_cannot_be_controlled_by_adversary", "requires_dependency": "component_not_present",
	"requires_environment":  "vulnerable_code_cannot_be_controlled_by_adversary",
	"protected_by_compiler": "inline_mitigations_already_exist", "protected_at_runtime": "inline_mitigations_already_exist",
	"protected_at_perimeter": "inline_mitigations_already_exist", "protected_by_mitigating_control": "inline_mitigations_already_exist",
}

type cycloneComponent struct {
	Ref        string             `json:"bom-ref"`
	Name       string             `json:"name"`
	Version    string             `json:"version"`
	PURL       string             `json:"purl"`
	Components []cycloneComponent `json:"components"`
}

// cycloneVEX reads what a document says of the product that it describes: the
// component of its metadata, in its version. References into other documents are
// not followed.
func cycloneVEX(b []byte) (*VEX, error) {
	var d struct {
		Spec     string `json:"specVersion"`
		Serial   string `json:"serialNumber"`
		Metadata struct {
			Timestamp string            `json:"timestamp"`
			Component *cycloneComponent `json:"component"`
		} `json:"metadata"`
		Components      []cycloneComponent `json:"components"`
		Vulnerabilities []struct {
			ID       string `json:"id"`
			Analysis struct {
				State         string `json:"state"`
				Justification string `json:"justification"`
				Detail        string `json:"detail"`
			} `json:"analysis"`
			Affects []struct {
				Ref string `json:"ref"`
			} `json:"affects"`
		} `json:"vulnerabilities"`
	}
	bad := &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the document is not CycloneDX with statements on exploitability that can be read"}
	if err := json.Unmarshal(b, &d); err != nil || !cycloneSpec.MatchString(d.Spec) {
		return nil, bad
	}
	product, updated := d.Metadata.Component, instant(d.Metadata.Timestamp)
	if product == nil || product.Name == "" || product.Version == "" || updated.IsZero() {
		bad.Faults = []ledger.Fault{{Field: "metadata", Detail: "must have a timestamp, and a component with name and version: the release that is spoken of"}}
		return nil, bad
	}
	urls := map[string]string{}
	collect(d.Components, urls)
	doc := &VEX{Format: FormatCycloneVEX, ID: clean(d.Serial), Title: "CycloneDX", Author: "", Updated: updated}
	for i := range d.Vulnerabilities {
		v := &d.Vulnerabilities[i]
		status := cycloneStates[v.Analysis.State]
		if status == "" || v.ID == "" {
			continue
		}
		s := Statement{
			IDs: []string{clean(v.ID)}, Status: status, Justification: cycloneReasons[v.Analysis.Justification], Detail: clean(v.Analysis.Detail),
			Product: Product{
				Name: clean(product.Name), Full: clean(product.Name + " " + product.Version), On: -1,
				Versions: Range{Text: clean(product.Version), Read: true, Parts: []Constraints{{{"=", product.Version}}}},
			},
		}
		if product.PURL != "" {
			s.Product.PURLs = []string{product.PURL}
		}
		if status == StatusNotAffected && s.Justification == "" && s.Detail == "" && len(bad.Faults) < maxFaults {
			bad.Faults = append(bad.Faults, ledger.Fault{Field: place("vulnerabilities", i) + ".analysis", Detail: "must say why: a justification or a detail"})
		}
		whole := slices.ContainsFunc(v.Affects, func(a struct {
			Ref string `json:"ref"`
		},
		) bool {
			return a.Ref == product.Ref && a.Ref != ""
		})
		for _, a := range v.Affects {
			if !whole { // a component that nothing identifies is not the product either
				s.Parts = append(s.Parts, cmp.Or(urls[a.Ref], a.Ref))
			}
		}
		if len(doc.Statements) == maxStatements {
			return nil, tooManyStatements()
		}
		doc.Statements = append(doc.Statements, s)
	}
	if len(bad.Faults) > 0 {
		return nil, bad
	}
	if len(doc.Statements) == 0 {
		bad.Faults = []ledger.Fault{{Field: "vulnerabilities", Detail: "must hold at least one with an analysis"}}
		return nil, bad
	}
	return doc, nil
}

// collect maps references to package URLs, in a tree whose depth was bounded before
// it was decoded.
func collect(list []cycloneComponent, urls map[string]string) {
	for i := range list {
		c := &list[i]
		if strings.HasPrefix(c.PURL, "pkg:") && c.Ref != "" {
			urls[c.Ref] = c.PURL
		}
		collect(c.Components, urls)
	}
}
