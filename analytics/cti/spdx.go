package cti

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// isSPDX says whether text is JSON of SPDX rather than of CycloneDX.
func isSPDX(b []byte) bool {
	text := bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	if !bytes.HasPrefix(text, []byte("{")) || strictjson.Check("the bill of materials", text, SBOMLimits) != nil {
		return false
	}
	var head struct {
		Format  json.RawMessage `json:"bomFormat"`
		Version string          `json:"spdxVersion"`
		Context json.RawMessage `json:"@context"`
		Graph   json.RawMessage `json:"@graph"`
	}
	if json.Unmarshal(text, &head) != nil || head.Format != nil {
		return false
	}
	return head.Version != "" || head.Context != nil && head.Graph != nil
}

// spdxPackage is the part of a package of SPDX 2.3 that is read.
type spdxPackage struct {
	Name       string `json:"name"`
	Version    string `json:"versionInfo"`
	Supplier   string `json:"supplier"`
	Originator string `json:"originator"`
	Checksums  []struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	} `json:"checksums"`
	References []struct {
		Type    string `json:"referenceType"`
		Locator string `json:"referenceLocator"`
	} `json:"externalRefs"`
}

// spdxNode is the part of a node of SPDX 3.0 that is read.
type spdxNode struct {
	Type        string          `json:"type"`
	ID          string          `json:"spdxId"`
	Name        string          `json:"name"`
	Version     string          `json:"software_packageVersion"`
	PURL        string          `json:"software_packageUrl"`
	Supplied    json.RawMessage `json:"suppliedBy"`
	Identifiers []struct {
		Type       string `json:"externalIdentifierType"`
		Identifier string `json:"identifier"`
	} `json:"externalIdentifier"`
	Verified []struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"hashValue"`
	} `json:"verifiedUsing"`
}

// spdxComponents reads the packages of an SPDX document. One that says no more
// than NOASSERTION of something says nothing of it here.
func spdxComponents(b []byte) ([]Component, error) {
	var doc struct {
		Packages []spdxPackage     `json:"packages"`
		Graph    []json.RawMessage `json:"@graph"`
	}
	text := bytes.TrimPrefix(bytes.TrimSpace(b), []byte("\xef\xbb\xbf"))
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the bill of materials is not SPDX that can be read")
	}
	var out []Component
	for i := range doc.Packages {
		if c := doc.Packages[i].component(); c.Name != "" {
			out = append(out, c)
		}
	}
	nodes := make([]spdxNode, 0, len(doc.Graph))
	names := map[string]string{}
	for _, raw := range doc.Graph {
		var n spdxNode
		if json.Unmarshal(raw, &n) != nil {
			continue // a node of a class that is not read
		}
		if n.ID != "" {
			names[n.ID] = n.Name
		}
		nodes = append(nodes, n)
	}
	for i := range nodes {
		if nodes[i].Type == "software_Package" && nodes[i].Name != "" {
			out = append(out, nodes[i].component(names))
		}
	}
	if len(out) > MaxSBOMComponents {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the bill of materials holds more than %d components", MaxSBOMComponents)
	}
	return out, nil
}

func (p *spdxPackage) component() Component {
	c := Component{Name: p.Name, Version: asserted(p.Version), Supplier: party(p.Supplier)}
	for _, v := range []string{c.Supplier, party(p.Originator)} {
		c.addVendor(v)
	}
	for _, h := range p.Checksums {
		c.Hashes = append(c.Hashes, Hash{h.Algorithm, h.Value})
	}
	for _, r := range p.References {
		switch {
		case r.Type == "purl" && c.PURL == "":
			c.PURL = r.Locator
		case r.Type == "cpe23Type" && c.CPE == "", r.Type == "cpe22Type" && c.CPE == "":
			c.CPE = r.Locator
		}
	}
	return c
}

func (n *spdxNode) component(names map[string]string) Component {
	c := Component{Name: n.Name, Version: n.Version, PURL: n.PURL}
	var id string
	var agent struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(n.Supplied, &id) == nil {
		c.Supplier = names[id]
	} else if json.Unmarshal(n.Supplied, &agent) == nil {
		c.Supplier = agent.Name
	}
	c.addVendor(c.Supplier)
	for _, h := range n.Verified {
		if h.Value != "" {
			c.Hashes = append(c.Hashes, Hash{h.Algorithm, h.Value})
		}
	}
	for _, e := range n.Identifiers {
		switch {
		case (e.Type == "packageUrl" || e.Type == "purl") && c.PURL == "":
			c.PURL = e.Identifier
		case (e.Type == "cpe23" || e.Type == "cpe22") && c.CPE == "":
			c.CPE = e.Identifier
		}
	}
	return c
}

func (c *Component) addVendor(name string) {
	if name != "" && (len(c.Vendors) == 0 || c.Vendors[0] != name) {
		c.Vendors = append(c.Vendors, name)
	}
}

func asserted(s string) string {
	if s == "NOASSERTION" || s == "NONE" {
		return ""
	}
	return s
}

// party takes the name from "Organization: Name (address)" (SPDX 2.3, clause 7.5).
func party(s string) string {
	s = asserted(s)
	for _, kind := range []string{"Organization:", "Person:"} {
		if rest, ok := strings.CutPrefix(s, kind); ok {
			name := strings.TrimSpace(rest)
			if at := strings.LastIndexByte(name, '('); at > 0 && strings.HasSuffix(name, ")") {
				name = strings.TrimSpace(name[:at])
			}
			return name
		}
	}
	return ""
}
