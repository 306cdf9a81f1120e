package cti

import "time"

// The objects that we write, in the standard's property order. Every one names
// its author and its marking.

const specVersion = "2.1"

// stamp renders a time as STIX writes it, to the millisecond.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

type stixBundle struct {
	Type    string `json:"type"`
	ID      string `json:"id"`
	Objects []any  `json:"objects"`
}

type common struct {
	Type        string      `json:"type"`
	SpecVersion string      `json:"spec_version"`
	ID          string      `json:"id"`
	CreatedBy   string      `json:"created_by_ref,omitempty"`
	Created     string      `json:"created"`
	Modified    string      `json:"modified"`
	Confidence  int         `json:"confidence,omitempty"`
	References  []reference `json:"external_references,omitempty"`
	Markings    []string    `json:"object_marking_refs,omitempty"`
}

type reference struct {
	Source string `json:"source_name"`
	ID     string `json:"external_id,omitempty"`
	URL    string `json:"url,omitempty"`
}

type stixMarking struct {
	Type        string         `json:"type"`
	SpecVersion string         `json:"spec_version"`
	ID          string         `json:"id"`
	Created     string         `json:"created"`
	Name        string         `json:"name"`
	Extensions  map[string]any `json:"extensions"`
}

type tlpMarking struct {
	ExtensionType string `json:"extension_type"`
	Level         string `json:"tlp_2_0"`
}

type stixIdentity struct {
	common
	Name    string   `json:"name"`
	Class   string   `json:"identity_class"`
	Sectors []string `json:"sectors,omitempty"`
}

type stixExtension struct {
	common
	Name           string   `json:"name"`
	Description    string   `json:"description"`
	Schema         string   `json:"schema"`
	Version        string   `json:"version"`
	ExtensionTypes []string `json:"extension_types"`
}

type stixAddress struct {
	Type        string   `json:"type"`
	SpecVersion string   `json:"spec_version"`
	ID          string   `json:"id"`
	Markings    []string `json:"object_marking_refs"`
	Value       string   `json:"value"`
}

type stixTraffic struct {
	Type        string   `json:"type"`
	SpecVersion string   `json:"spec_version"`
	ID          string   `json:"id"`
	Markings    []string `json:"object_marking_refs"`
	Source      string   `json:"src_ref,omitempty"`
	Destination string   `json:"dst_ref,omitempty"`
	Port        int      `json:"dst_port,omitempty"`
	Protocols   []string `json:"protocols"`
}

type stixObserved struct {
	common
	First  string   `json:"first_observed"`
	Last   string   `json:"last_observed"`
	Number int      `json:"number_observed"`
	Refs   []string `json:"object_refs"`
}

type stixIndicator struct {
	common
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Types       []string `json:"indicator_types"`
	Pattern     string   `json:"pattern"`
	PatternType string   `json:"pattern_type"`
	ValidFrom   string   `json:"valid_from"`
	ValidUntil  string   `json:"valid_until"`
}

type stixNamed struct { // vulnerability, attack-pattern
	common
	Name string `json:"name"`
}

type stixRelationship struct {
	common
	Kind   string `json:"relationship_type"`
	Source string `json:"source_ref"`
	Target string `json:"target_ref"`
}

type stixSighting struct {
	common
	First    string   `json:"first_seen"`
	Last     string   `json:"last_seen"`
	Count    int      `json:"count"`
	Of       string   `json:"sighting_of_ref"`
	Observed []string `json:"observed_data_refs,omitempty"`
	Where    []string `json:"where_sighted_refs"`
}

type stixReport struct {
	common
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Types       []string       `json:"report_types"`
	Published   string         `json:"published"`
	Refs        []string       `json:"object_refs"`
	Extensions  map[string]any `json:"extensions"`
}
