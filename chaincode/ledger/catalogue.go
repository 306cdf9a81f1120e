package ledger

import (
	"fmt"
	"time"
)

// Bounds of a catalogue of controls.
const (
	MaxControls      = 128 // controls of one catalogue
	MaxControlWeight = 100
	maxControlID     = 32 // characters
)

// Catalogue is one version of a catalogue of controls: what each weighs and
// whether it is critical, so that every peer counts alike. What the controls say
// stays off the ledger, in the document of that digest.
type Catalogue struct {
	V         int                `json:"v"`
	Name      string             `json:"name"`
	Version   string             `json:"version"`
	Digest    string             `json:"digest"` // SHA-256 of the catalogue's document, hex
	Controls  []CatalogueControl `json:"controls"`
	Author    string             `json:"author"` // MSP id
	Published time.Time          `json:"published"`
}

// CatalogueControl is what counting needs to know of a control.
type CatalogueControl struct {
	ID       string `json:"id"`
	Weight   int    `json:"weight"`                                  // 1 to MaxControlWeight
	Critical bool   `json:"critical,omitempty" metadata:",optional"` // nothing is certified while it fails or is unknown
}

// ID returns the name under which assessments name the catalogue, as
// "secant-controls/1".
func (c *Catalogue) ID() string { return CatalogueID(c.Name, c.Version) }

// CatalogueID joins a catalogue's name and version.
func CatalogueID(name, version string) string { return name + "/" + version }

// Key returns the record's key.
func (c *Catalogue) Key() Key { return CatalogueKey(c.Name, c.Version) }

// CatalogueKey returns the key of one version of a catalogue.
func CatalogueKey(name, version string) Key { return Key{TypeCatalogue, []string{name, version}} }

// Control finds a control by its id.
func (c *Catalogue) Control(id string) (CatalogueControl, bool) {
	for _, control := range c.Controls {
		if control.ID == id {
			return control, true
		}
	}
	return CatalogueControl{}, false
}

// PublishCatalogue publishes a version of a catalogue, once. Nothing is assessed
// by it before the members have accepted it.
type PublishCatalogue struct {
	Name     string             `json:"name"`
	Version  string             `json:"version"`
	Digest   string             `json:"digest"`
	Controls []CatalogueControl `json:"controls,omitempty" metadata:",optional"` // 1 to MaxControls
}

// Validate returns a Problem that lists every fault.
func (r *PublishCatalogue) Validate() error {
	var c check
	c.catalogueName("name", r.Name)
	c.catalogueVersion("version", r.Version)
	c.digest("digest", r.Digest)
	if n := len(r.Controls); n < 1 || n > MaxControls {
		c.fail("controls", "must be 1 to %d controls", MaxControls)
		return c.problem("the catalogue")
	}
	seen := map[string]bool{}
	for i, control := range r.Controls {
		at := fmt.Sprintf("controls[%d].", i)
		c.control(at+"id", control.ID)
		if seen[control.ID] {
			c.fail(at+"id", "must not stand in the catalogue twice")
		}
		seen[control.ID] = true
		if control.Weight < 1 || control.Weight > MaxControlWeight {
			c.fail(at+"weight", "must be 1 to %d", MaxControlWeight)
		}
	}
	return c.problem("the catalogue")
}

func (c *check) catalogueName(field, s string)    { c.drawn(field, s, 48, "-._") }
func (c *check) catalogueVersion(field, s string) { c.drawn(field, s, 15, "-._") }
func (c *check) control(field, s string)          { c.drawn(field, s, maxControlID, "-.") }

// CatalogueInUse is the version of a catalogue by which the members assess: the
// one that they accepted last.
type CatalogueInUse struct {
	V        int       `json:"v"`
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	Digest   string    `json:"digest"` // of the catalogue's document
	Since    time.Time `json:"since"`
	Proposal string    `json:"proposal"` // by which it was accepted
	Revision int       `json:"revision"` // 1 for the first version, one more with each
}

// ID returns the name under which assessments name the catalogue.
func (c *CatalogueInUse) ID() string { return CatalogueID(c.Name, c.Version) }

// Key returns the record's key.
func (c *CatalogueInUse) Key() Key { return CatalogueInUseKey(c.Name) }

// CatalogueInUseKey returns the key of the version of a catalogue that is in use.
func CatalogueInUseKey(name string) Key { return Key{TypeCatalogueInUse, []string{name}} }

// AcceptCatalogue puts a version of a catalogue into use, as the members voted.
type AcceptCatalogue struct {
	Proposal string   `json:"proposal"`                              // id of the proposal to accept it
	Voters   []string `json:"voters,omitempty" metadata:",optional"` // MSP ids whose approving votes make a majority
}

// Validate returns a Problem that lists every fault.
func (r *AcceptCatalogue) Validate() error {
	var c check
	c.digest("proposal", r.Proposal)
	c.voters(r.Voters)
	return c.problem("the acceptance")
}

// GetCatalogue asks for one version of a catalogue.
type GetCatalogue struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// GetCatalogueInUse asks which version of a catalogue is in use.
type GetCatalogueInUse struct {
	Name string `json:"name"`
}

// ListCatalogues asks for the versions of one catalogue, or of all.
type ListCatalogues struct {
	Name string      `json:"name,omitempty" metadata:",optional"` // empty: of all
	Page PageRequest `json:"page"`
}

// CataloguePage is one page of catalogues, by name and version.
type CataloguePage struct {
	Items []Catalogue `json:"items"`
	Next  string      `json:"next"`
}
