package cti

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds on a bill of materials.
const (
	MaxSBOMBytes      = 8 << 20
	MaxSBOMDepth      = 64
	MaxSBOMValues     = 1_000_000
	MaxSBOMComponents = 50_000

	maxXMLTokens = 2_000_000
	maxAffected  = 200_000 // pairs of vulnerability and component
	maxListed    = 1_000   // vulnerabilities that are kept for one component
)

// SBOMLimits bound a bill of materials in JSON.
var SBOMLimits = strictjson.Limits{Bytes: MaxSBOMBytes, Depth: MaxSBOMDepth, Values: MaxSBOMValues}

// Components reads the components of a bill of materials, CycloneDX as JSON or XML
// or SPDX 2.3 and 3.0 as JSON, nested ones included, with the CVEs that the bill itself lists against them.
// It reads these parts and no others, so that a valid bill is never refused for
// a part that nobody here needs. Its errors are Problems.
func Components(b []byte) ([]Component, error) {
	if isSPDX(b) {
		return spdxComponents(b)
	}
	bom, err := decodeBOM(b)
	if err != nil {
		return nil, err
	}
	w, err := flatten(bom)
	if err != nil {
		return nil, err
	}
	if !w.vulnerabilities(bom.Vulnerabilities) {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the bill of materials lists more than %d pairs of vulnerability and component", maxAffected)
	}
	return w.out, nil
}

func flatten(bom *bom) (*bomWalker, error) {
	w := &bomWalker{byRef: map[string]int{}}
	if p := bom.Metadata.Component; p != nil {
		w.one(p) // the product itself comes first: reports name products, not parts
	}
	w.many(bom.Components)
	if w.tooMany {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the bill of materials holds more than %d components", MaxSBOMComponents)
	}
	return w, nil
}

func decodeBOM(b []byte) (*bom, error) {
	if len(b) > MaxSBOMBytes {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the bill of materials has more than %d bytes", MaxSBOMBytes)
	}
	var doc bom
	text := bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	if bytes.HasPrefix(text, []byte("<")) {
		if err := measureXML(text); err != nil {
			return nil, err
		}
		if err := xml.Unmarshal(text, &doc); err != nil || doc.XMLName.Local != "bom" {
			return nil, unreadableBOM("document", "must be an XML element named bom with elements as CycloneDX defines them")
		}
		if !bomNamespace.MatchString(doc.XMLName.Space) {
			return nil, unreadableBOM("xmlns", "must be the namespace of a CycloneDX version that is known here, 1.0 to 1.7")
		}
		return &doc, nil
	}
	if err := strictjson.Check("the bill of materials", text, SBOMLimits); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, unreadableBOM("document", "must be a JSON object with members of the types that CycloneDX defines")
	}
	if doc.Format != "CycloneDX" {
		return nil, unreadableBOM("bomFormat", "must be CycloneDX")
	}
	if !bomVersion.MatchString(doc.SpecVersion) {
		return nil, unreadableBOM("specVersion", "must be a CycloneDX version that is known here, 1.2 to 1.7")
	}
	return &doc, nil
}

func unreadableBOM(field, detail string) error {
	return &ledger.Problem{
		Code: ledger.CodeInvalid, Detail: "the bill of materials is not CycloneDX that can be read",
		Faults: []ledger.Fault{{Field: field, Detail: detail}},
	}
}

var (
	bomVersion   = regexp.MustCompile(`^1\.[2-7]$`) // JSON began with 1.2
	bomNamespace = regexp.MustCompile(`^http://cyclonedx\.org/schema/bom/1\.[0-7]$`)
)

// bom is the part of a bill that is read, in both of its encodings
// (CycloneDX 1.0 to 1.7).
type bom struct {
	XMLName     xml.Name `json:"-"`
	Format      string   `json:"bomFormat" xml:"-"`
	SpecVersion string   `json:"specVersion" xml:"-"`
	Metadata    struct {
		Component *bomComponent `json:"component" xml:"component"`
	} `json:"metadata" xml:"metadata"`
	Components      []bomComponent     `json:"components" xml:"components>component"`
	Vulnerabilities []bomVulnerability `json:"vulnerabilities" xml:"vulnerabilities>vulnerability"`
}

type bomComponent struct {
	Ref          string         `json:"bom-ref" xml:"bom-ref,attr"`
	Group        string         `json:"group" xml:"group"`
	Name         string         `json:"name" xml:"name"`
	Version      string         `json:"version" xml:"version"`
	Supplier     bomParty       `json:"supplier" xml:"supplier"`
	Manufacturer bomParty       `json:"manufacturer" xml:"manufacturer"`
	Publisher    string         `json:"publisher" xml:"publisher"`
	Author       string         `json:"author" xml:"author"`
	Authors      []bomParty     `json:"authors" xml:"authors>author"`
	CPE          string         `json:"cpe" xml:"cpe"`
	PURL         string         `json:"purl" xml:"purl"`
	Hashes       []Hash         `json:"hashes" xml:"hashes>hash"`
	Components   []bomComponent `json:"components" xml:"components>component"`
}

type bomParty struct {
	Name string `json:"name" xml:"name"`
}

type bomVulnerability struct {
	ID         string `json:"id" xml:"id"`
	References []struct {
		ID string `json:"id" xml:"id"`
	} `json:"references" xml:"references>reference"`
	Analysis struct {
		State string `json:"state" xml:"state"`
	} `json:"analysis" xml:"analysis"`
	Affects []struct {
		Ref string `json:"ref" xml:"ref"`
	} `json:"affects" xml:"affects>target"`
}

// measureXML bounds a document before it is decoded: depth, tokens, and no
// document type, which nothing here needs and attacks are made of.
func measureXML(b []byte) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	depth := 0
	for n := 0; ; n++ {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return ledger.Problemf(ledger.CodeInvalid, "the bill of materials is not well-formed XML")
		}
		switch t.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.Directive:
			return ledger.Problemf(ledger.CodeInvalid, "the bill of materials must not declare a document type")
		}
		if depth > MaxSBOMDepth || n > maxXMLTokens {
			return ledger.Problemf(ledger.CodeTooLarge, "the bill of materials is nested more than %d deep or has more than %d parts", MaxSBOMDepth, maxXMLTokens)
		}
	}
}

// bomWalker flattens a bill, whose depth was bounded before it was decoded.
type bomWalker struct {
	out     []Component
	byRef   map[string]int // index in out by bom-ref, which is unique in a bill; the first wins
	tooMany bool
}

func (w *bomWalker) many(list []bomComponent) {
	for i := range list {
		w.one(&list[i])
	}
}

func (w *bomWalker) one(c *bomComponent) {
	if len(w.out) == MaxSBOMComponents {
		w.tooMany = true
		return
	}
	if c.Name != "" {
		if _, taken := w.byRef[c.Ref]; c.Ref != "" && !taken {
			w.byRef[c.Ref] = len(w.out)
		}
		w.out = append(w.out, Component{
			Name: c.Name, Group: c.Group, Version: c.Version, Vendors: vendorNames(c), PURL: c.PURL, CPE: c.CPE,
			Supplier: strings.TrimSpace(c.Supplier.Name), Hashes: c.Hashes,
		})
	}
	w.many(c.Components)
}

func vendorNames(c *bomComponent) []string {
	var names []string
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(names, s) {
			names = append(names, s)
		}
	}
	add(c.Supplier.Name)
	add(c.Manufacturer.Name)
	add(c.Publisher)
	add(c.Author)
	for _, a := range c.Authors {
		add(a.Name)
	}
	return names
}

// harmlessStates are the results of an analysis that say the component is not
// concerned, or no longer (CycloneDX, impact analysis state).
var harmlessStates = []string{"not_affected", "false_positive", "resolved", "resolved_with_pedigree"}

// vulnerabilities puts the ids that the bill lists to their components; false
// when they are too many.
func (w *bomWalker) vulnerabilities(list []bomVulnerability) bool {
	pairs := 0
	for i := range list {
		v := &list[i]
		if slices.Contains(harmlessStates, v.Analysis.State) {
			continue
		}
		ids := cvesOf(v)
		for _, a := range v.Affects {
			at, known := w.byRef[refOf(a.Ref)]
			if !known {
				continue
			}
			if pairs += len(ids); pairs > maxAffected {
				return false
			}
			c := &w.out[at]
			for _, id := range ids {
				if len(c.Vulnerabilities) < maxListed && !slices.Contains(c.Vulnerabilities, id) {
					c.Vulnerabilities = append(c.Vulnerabilities, id)
				}
			}
		}
	}
	return true
}

// cvesOf reads the vulnerability's own id and those it refers to.
func cvesOf(v *bomVulnerability) []string {
	var ids []string
	add := func(s string) {
		if m := cveID.FindStringSubmatch(s); m != nil && len(ids) < maxListed {
			ids = append(ids, "CVE-"+m[1]+"-"+m[2])
		}
	}
	add(v.ID)
	for _, r := range v.References {
		add(r.ID)
	}
	return ids
}

// refOf takes the element from a BOM-Link (urn:cdx:serial/version#ref); any
// other reference is the element itself.
func refOf(ref string) string {
	if strings.HasPrefix(ref, "urn:cdx:") {
		if _, element, ok := strings.Cut(ref, "#"); ok {
			return element
		}
	}
	return ref
}
