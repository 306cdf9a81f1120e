package compliance

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// MaxCatalogueBytes bounds a catalogue's document.
const MaxCatalogueBytes = 256 << 10

//go:embed catalogue.json
var builtIn []byte

// Catalogue is a catalogue of controls, as its document has it.
type Catalogue struct {
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	Title    string    `json:"title"`
	Note     string    `json:"note"`
	Areas    []Area    `json:"areas"`
	Controls []Control `json:"controls"`

	document []byte
}

// Area groups controls for people.
type Area struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Control is one thing that a device, its maker or its owner must do.
type Control struct {
	ID       string   `json:"id"`
	Area     string   `json:"area"`
	Title    string   `json:"title"`
	Wording  string   `json:"wording"`
	Weight   int      `json:"weight"`
	Critical bool     `json:"critical"`
	Check    string   `json:"check"`    // one of Checks
	Evidence string   `json:"evidence"` // what shows it, for people
	By       []string `json:"by"`       // parties whose evidence counts: ledger.PartyOwner and so on; none: facts alone
	Sources  []Source `json:"sources"`
}

// Source is where a control comes from.
type Source struct {
	Document string `json:"document"`
	Clause   string `json:"clause"`
	Verified bool   `json:"verified"` // the clause was compared with the document's text
}

// BuiltIn returns the catalogue that comes with the program; callers do not change
// it.
var BuiltIn = sync.OnceValue(func() *Catalogue {
	c, err := ParseCatalogue(builtIn)
	if err != nil {
		panic(err) // it is part of the program
	}
	return c
})

// ParseCatalogue reads a catalogue's document, strictly. Its errors are Problems.
func ParseCatalogue(b []byte) (*Catalogue, error) {
	limits := strictjson.Limits{Bytes: MaxCatalogueBytes, Depth: 6, Values: 20 * ledger.MaxControls}
	if err := strictjson.Check("the catalogue", b, limits); err != nil {
		return nil, err
	}
	c := &Catalogue{document: bytes.Clone(b)}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(c); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the catalogue does not have the members of one, of their types, and no others")
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	return c, nil
}

const maxWords = 1000 // bytes of one text

func (c *Catalogue) validate() error {
	request := c.Publication()
	if err := request.Validate(); err != nil {
		return err
	}
	areas := map[string]bool{}
	wrong := ledger.Problemf(ledger.CodeInvalid, "the catalogue is not valid")
	fail := func(field, detail string) {
		const told = 50
		if len(wrong.Faults) < told {
			wrong.Faults = append(wrong.Faults, ledger.Fault{Field: field, Detail: detail})
		}
	}
	words := func(field string, texts ...string) {
		for _, s := range texts {
			if s == "" || len(s) > maxWords {
				fail(field, fmt.Sprintf("must have texts of 1 to %d bytes", maxWords))
				return
			}
		}
	}
	words("title", c.Title, c.Note)
	for i, a := range c.Areas {
		words(fmt.Sprintf("areas[%d]", i), a.ID, a.Title)
		areas[a.ID] = true
	}
	parties := []string{ledger.PartyOwner, ledger.PartyMaker, ledger.PartyAuthority}
	for i, of := range c.Controls {
		at := fmt.Sprintf("controls[%d]", i)
		words(at, of.Title, of.Wording, of.Evidence)
		if !areas[of.Area] {
			fail(at+".area", "must be one of the catalogue's")
		}
		if checks[of.Check] == nil {
			fail(at+".check", "must be one that this program knows")
		}
		if slices.ContainsFunc(of.By, func(p string) bool { return !slices.Contains(parties, p) }) {
			fail(at+".by", "must be of owner, maker and authority")
		}
		if of.Check == checkEvidence && len(of.By) == 0 {
			fail(at+".by", "must name somebody: nothing else shows it")
		}
		for k, s := range of.Sources {
			words(fmt.Sprintf("%s.sources[%d]", at, k), s.Document)
		}
	}
	if len(wrong.Faults) > 0 {
		return wrong
	}
	return nil
}

// ID returns the name under which assessments name the catalogue.
func (c *Catalogue) ID() string { return ledger.CatalogueID(c.Name, c.Version) }

// Document returns the document's bytes; callers do not change them.
func (c *Catalogue) Document() []byte { return c.document }

// Digest returns the digest by which the ledger names the document.
func (c *Catalogue) Digest() string { return ledger.BodyDigest(c.document) }

// Publication returns the request that publishes the catalogue on the ledger.
func (c *Catalogue) Publication() *ledger.PublishCatalogue {
	r := &ledger.PublishCatalogue{Name: c.Name, Version: c.Version, Digest: c.Digest()}
	for _, of := range c.Controls {
		r.Controls = append(r.Controls, ledger.CatalogueControl{ID: of.ID, Weight: of.Weight, Critical: of.Critical})
	}
	return r
}

// Counts returns the part of the catalogue by which the ledger counts.
func (c *Catalogue) Counts() *ledger.Catalogue {
	return &ledger.Catalogue{V: 1, Name: c.Name, Version: c.Version, Digest: c.Digest(), Controls: c.Publication().Controls}
}

// AreaTitle returns an area's title.
func (c *Catalogue) AreaTitle(id string) string {
	for _, a := range c.Areas {
		if a.ID == id {
			return a.Title
		}
	}
	return id
}
