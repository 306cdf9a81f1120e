package cti

// Device is what a node knows of one of its own units.
type Device struct {
	Unit       string      `json:"unit"`       // id on the ledger
	Name       string      `json:"name"`       // name of its model
	Model      string      `json:"model"`      // model number
	Address    string      `json:"address"`    // IP address or host name; empty: unknown
	Services   []Service   `json:"services"`   // protocol as "tcp", "https" or "tcp/dicom"
	Components []Component `json:"components"` // of the release that it runs; units of one release should share the slice
}

// Component is one entry of a bill of materials.
type Component struct {
	Name            string   `json:"name"`
	Group           string   `json:"group,omitempty"`
	Version         string   `json:"version,omitempty"`
	Vendors         []string `json:"vendors,omitempty"` // supplier, manufacturer, publisher, authors, as far as stated
	PURL            string   `json:"purl,omitempty"`
	CPE             string   `json:"cpe,omitempty"`
	Supplier        string   `json:"supplier,omitempty"`
	Hashes          []Hash   `json:"hashes,omitempty"`
	Vulnerabilities []string `json:"vulnerabilities,omitempty"` // CVE ids that the bill lists against it and does not call harmless or resolved
}

// Hash is a digest of a component's file, as its bill states it.
type Hash struct {
	Algorithm string `json:"alg" xml:"alg,attr"`      // in the bill's own spelling, as SHA-256 or SHA256
	Value     string `json:"content" xml:",chardata"` // hexadecimal
}

// label names the component for people, as in "openssl 1.0.1".
func (c *Component) label() string {
	if c.Version == "" {
		return c.Name
	}
	return c.Name + " " + c.Version
}

// Hit is a device that a report concerns.
type Hit struct {
	Unit       string   `json:"unit"`
	Reasons    []string `json:"reasons"`    // plain words, the strongest first
	Confidence int      `json:"confidence"` // basis points that the report concerns the unit; an ordinal of ours, not a measured probability
}
