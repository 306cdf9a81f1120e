// Package oscal writes catalogues and assessments of controls in the forms that
// auditors' tools exchange: NIST OSCAL 1.1.3, catalog and assessment-results, JSON.
// It reads nothing.
package oscal

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	version   = "1.1.3"
	namespace = "https://secant-platform.github.io/oscal"
)

// MediaType is that of OSCAL's JSON.
const MediaType = "application/oscal+json"

// id derives an identifier from what it names, in the form of a UUID of version 5,
// so that the same thing has the same one in whatever document.
func id(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	u := h.Sum(nil)[:16]
	const nameBased, variant = 0x50, 0x80
	u[6], u[8] = u[6]&0x0f|nameBased, u[8]&0x3f|variant
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

type metadata struct {
	Title        string    `json:"title"`
	LastModified time.Time `json:"last-modified"`
	Version      string    `json:"version"`
	OSCAL        string    `json:"oscal-version"`
	Remarks      string    `json:"remarks,omitempty"`
}

type prop struct {
	Name    string `json:"name"`
	NS      string `json:"ns,omitempty"`
	Value   string `json:"value"`
	Remarks string `json:"remarks,omitempty"`
}

func own(name, value string) prop { return prop{Name: name, NS: namespace, Value: value} }

type part struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Prose string `json:"prose"`
}

type control struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Props []prop `json:"props"`
	Links []link `json:"links,omitempty"`
	Parts []part `json:"parts"`
}

type link struct {
	HREF string `json:"href"`
	Rel  string `json:"rel"`
	Text string `json:"text"`
}

type group struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Controls []control `json:"controls"`
}

type resource struct {
	UUID  string `json:"uuid"`
	Title string `json:"title"`
}

type backMatter struct {
	Resources []resource `json:"resources"`
}

type catalog struct {
	UUID       string     `json:"uuid"`
	Metadata   metadata   `json:"metadata"`
	Groups     []group    `json:"groups"`
	BackMatter backMatter `json:"back-matter"`
}

// Catalog writes a catalogue; since is when its version was published or accepted.
func Catalog(c *compliance.Catalogue, since time.Time) ([]byte, error) {
	out := catalog{
		UUID:     id("catalogue", c.Digest()),
		Metadata: metadata{Title: c.Title, LastModified: since.UTC(), Version: c.Version, OSCAL: version, Remarks: c.Note},
	}
	known := map[string]bool{}
	for _, a := range c.Areas {
		g := group{ID: a.ID, Title: a.Title}
		for i := range c.Controls {
			of := &c.Controls[i]
			if of.Area != a.ID {
				continue
			}
			g.Controls = append(g.Controls, controlOf(of))
			for _, s := range of.Sources {
				if !known[s.Document] {
					known[s.Document] = true
					out.BackMatter.Resources = append(out.BackMatter.Resources, resource{UUID: id("source", s.Document), Title: s.Document})
				}
			}
		}
		if len(g.Controls) > 0 {
			out.Groups = append(out.Groups, g)
		}
	}
	return encode(map[string]any{"catalog": out})
}

func controlOf(of *compliance.Control) control {
	out := control{
		ID: of.ID, Title: of.Title,
		Props: []prop{own("weight", strconv.Itoa(of.Weight)), own("critical", strconv.FormatBool(of.Critical)), own("check", of.Check)},
		Parts: []part{
			{ID: of.ID + "_stm", Name: "statement", Prose: of.Wording},
			{ID: of.ID + "_obj", Name: "assessment-objective", Prose: "Shown by: " + of.Evidence + "."},
		},
	}
	for _, s := range of.Sources {
		text := s.Document
		if s.Clause != "" {
			text += ", " + s.Clause
		}
		if !s.Verified {
			text += " (clause not verified)"
		}
		out.Links = append(out.Links, link{HREF: "#" + id("source", s.Document), Rel: "reference", Text: text})
	}
	return out
}

type selection struct {
	IncludeAll struct{} `json:"include-all"`
}

type reviewed struct {
	Selections []selection `json:"control-selections"`
}

type subject struct {
	UUID  string `json:"subject-uuid"`
	Type  string `json:"type"`
	Title string `json:"title"`
}

type evidence struct {
	HREF        string `json:"href,omitempty"`
	Description string `json:"description"`
}

type observation struct {
	UUID        string     `json:"uuid"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Methods     []string   `json:"methods"`
	Types       []string   `json:"types"`
	Subjects    []subject  `json:"subjects"`
	Evidence    []evidence `json:"relevant-evidence,omitempty"`
	Collected   time.Time  `json:"collected"`
}

type status struct {
	State  string `json:"state"`
	Reason string `json:"reason"`
}

type target struct {
	Type   string `json:"type"`
	ID     string `json:"target-id"`
	Props  []prop `json:"props"`
	Status status `json:"status"`
}

type related struct {
	Observation string `json:"observation-uuid"`
}

type finding struct {
	UUID        string    `json:"uuid"`
	Title       string    `json:"title"`
	Description string    `json:"description"`
	Target      target    `json:"target"`
	Related     []related `json:"related-observations"`
}

type component struct {
	UUID        string `json:"uuid"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Props       []prop `json:"props"`
	Status      struct {
		State string `json:"state"`
	} `json:"status"`
}

type localDefinitions struct {
	Components []component `json:"components"`
}

type result struct {
	UUID         string           `json:"uuid"`
	Title        string           `json:"title"`
	Description  string           `json:"description"`
	Start        time.Time        `json:"start"`
	End          time.Time        `json:"end"`
	Props        []prop           `json:"props"`
	Local        localDefinitions `json:"local-definitions"`
	Reviewed     reviewed         `json:"reviewed-controls"`
	Observations []observation    `json:"observations"`
	Findings     []finding        `json:"findings"`
}

type importAP struct {
	HREF    string `json:"href"`
	Remarks string `json:"remarks"`
}

type assessmentResults struct {
	UUID       string     `json:"uuid"`
	Metadata   metadata   `json:"metadata"`
	ImportAP   importAP   `json:"import-ap"`
	Results    []result   `json:"results"`
	BackMatter backMatter `json:"back-matter"`
}

// statuses are what results are to OSCAL, which knows satisfied and not.
var statuses = map[string]status{
	"pass": {"satisfied", "pass"}, "partial": {"not-satisfied", "other"}, "fail": {"not-satisfied", "fail"},
	"unknown": {"not-satisfied", "other"}, "not_applicable": {"satisfied", "other"}, "tolerated": {"not-satisfied", "other"},
}

// Results writes an assessment. The reason why a control is not satisfied, and
// whether it only is in part or nothing shows it, stands beside the status.
func Results(c *compliance.Catalogue, a *compliance.Assessment) ([]byte, error) {
	f := &a.Facts
	unit := id("unit", f.Unit.ID)
	plan := id("plan", a.Method, a.CatalogueDigest)
	of := component{UUID: unit, Type: "hardware", Title: "Device " + f.Unit.ID, Description: "A unit of the model " + f.Model.DI + ", release " + f.Release.Version + "."}
	of.Props = []prop{own("unit", f.Unit.ID), own("udi-di", f.Model.DI), own("release", f.Release.Version), own("lot", f.Unit.Lot)}
	of.Status.State = "operational"
	if f.Unit.State != ledger.StateInService {
		of.Status.State = "other"
	}
	r := result{
		UUID: id("assessment", a.Digest()), Title: "Assessment of " + f.Unit.ID, Description: "All controls of " + a.Catalogue + ", judged by " + a.Method + ".",
		Start: f.At, End: f.At, Local: localDefinitions{[]component{of}}, Reviewed: reviewed{[]selection{{}}},
		Props: []prop{own("score", strconv.Itoa(a.Score)), own("verdict", a.Verdict), own("result-digest", a.Digest()), own("input-digest", a.InputDigest())},
	}
	if !a.ValidTo.IsZero() {
		r.Props = append(r.Props, own("valid-to", a.ValidTo.Format(time.RFC3339)))
	}
	for i := range a.Results {
		one := &a.Results[i]
		seen := observation{
			UUID: id("observation", a.Digest(), one.Control), Title: c.Controls[i].Title, Description: one.Reason, Methods: []string{"TEST"},
			Types: []string{"control-objective"}, Subjects: []subject{{UUID: unit, Type: "component", Title: of.Title}}, Collected: f.At,
		}
		if len(one.Evidence) > 0 || c.Controls[i].Check == "evidence" {
			seen.Methods = []string{"EXAMINE"}
		}
		for _, digest := range one.Evidence {
			seen.Evidence = append(seen.Evidence, evidence{Description: "Document with the SHA-256 digest " + digest})
		}
		if one.Exception != "" {
			seen.Evidence = append(seen.Evidence, evidence{Description: "Reason of the exception, with the SHA-256 digest " + one.Exception})
		}
		r.Observations = append(r.Observations, seen)
		r.Findings = append(r.Findings, finding{
			UUID: id("finding", a.Digest(), one.Control), Title: one.Control + " " + c.Controls[i].Title, Description: one.Reason,
			Target:  target{Type: "objective-id", ID: one.Control + "_obj", Props: []prop{own("result", one.Result)}, Status: statuses[one.Result]},
			Related: []related{{seen.UUID}},
		})
	}
	out := assessmentResults{
		UUID:       id("results", a.Digest()),
		Metadata:   metadata{Title: "Assessment of a medical device's cybersecurity", LastModified: f.At, Version: a.Digest()[:12], OSCAL: version},
		ImportAP:   importAP{HREF: "#" + plan, Remarks: "The plan is the catalogue " + a.Catalogue + " judged by " + a.Method + "."},
		Results:    []result{r},
		BackMatter: backMatter{[]resource{{UUID: plan, Title: a.Catalogue + ", SHA-256 " + a.CatalogueDigest}}},
	}
	return encode(map[string]any{"assessment-results": out})
}

func encode(document any) ([]byte, error) {
	b, err := json.MarshalIndent(document, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encoding an OSCAL document: %w", err)
	}
	return b, nil
}
