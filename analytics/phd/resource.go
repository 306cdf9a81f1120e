package phd

import "encoding/json"

// The code systems and the guide's addresses.
const (
	systemMDC      = "urn:iso:std:iso:11073:10101"
	systemLOINC    = "http://loinc.org"
	systemUCUM     = "http://unitsofmeasure.org"
	systemBits     = "http://terminology.hl7.org/CodeSystem/ASN1ToHL7"
	systemAbsent   = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
	systemCategory = "http://terminology.hl7.org/CodeSystem/observation-category"
	systemStatus   = "http://hl7.org/fhir/uv/pocd/CodeSystem/measurement-status"
	systemReason   = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	systemTrust    = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
	systemIDs      = "http://terminology.hl7.org/CodeSystem/ContinuaDeviceIdentifiers"
	guide          = "http://hl7.org/fhir/uv/phd/"
	profiles       = guide + "StructureDefinition/"
	urlAbsent      = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
	urlGateway     = "http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice"
	urlCoincident  = profiles + "CoincidentTimeStampReference"
)

// Coding is FHIR's.
type Coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

// Concept is FHIR's CodeableConcept.
type Concept struct {
	Coding []Coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

// Reference is FHIR's.
type Reference struct {
	Reference  string      `json:"reference,omitempty"`
	Type       string      `json:"type,omitempty"`
	Identifier *Identifier `json:"identifier,omitempty"`
	Extension  []Extension `json:"extension,omitempty"`
}

// Extension is FHIR's, with the values that are used here.
type Extension struct {
	URL            string     `json:"url"`
	ValueReference *Reference `json:"valueReference,omitempty"`
	ValueCode      string     `json:"valueCode,omitempty"`
}

// Quantity is FHIR's.
type Quantity struct {
	Value  json.Number `json:"value"`
	Unit   string      `json:"unit"`
	System string      `json:"system"`
	Code   string      `json:"code"`
}

// Meta is FHIR's.
type Meta struct {
	Profile  []string `json:"profile"`
	Security []Coding `json:"security,omitempty"`
}

// Value is what an observation or a part of one has for a value: one of these, or the
// reason why there is none.
type Value struct {
	Quantity *Quantity `json:"valueQuantity,omitempty"`
	Concept  *Concept  `json:"valueCodeableConcept,omitempty"`
	Boolean  *bool     `json:"valueBoolean,omitempty"`
	Integer  *int      `json:"valueInteger,omitempty"`
	DateTime string    `json:"valueDateTime,omitempty"`
	Absent   *Concept  `json:"dataAbsentReason,omitempty"`
}

// Component is a part of an observation.
type Component struct {
	Code Concept `json:"code"`
	Value
}

// Note is FHIR's Annotation.
type Note struct {
	Text string `json:"text"`
}

// Timed is an element that is there only to say why it has no value.
type Timed struct {
	Extension []Extension `json:"extension"`
}

// Observation is FHIR's, with the elements that are used here.
type Observation struct {
	ResourceType   string       `json:"resourceType"`
	Meta           Meta         `json:"meta"`
	Extension      []Extension  `json:"extension,omitempty"`
	Identifier     []Identifier `json:"identifier,omitempty"`
	Status         string       `json:"status"`
	Category       []Concept    `json:"category,omitempty"`
	Code           Concept      `json:"code"`
	Subject        Reference    `json:"subject"`
	Effective      string       `json:"effectiveDateTime,omitempty"`
	EffectiveTimed *Timed       `json:"_effectiveDateTime,omitempty"`
	Value
	Interpretation []Concept   `json:"interpretation,omitempty"`
	Note           []Note      `json:"note,omitempty"`
	Device         *Reference  `json:"device,omitempty"`
	DerivedFrom    []Reference `json:"derivedFrom,omitempty"`
	Component      []Component `json:"component,omitempty"`
}

// Identifier is FHIR's.
type Identifier struct {
	Type   *Concept `json:"type,omitempty"`
	System string   `json:"system,omitempty"`
	Value  string   `json:"value"`
}

// Specialization is a device's, as FHIR has it.
type Specialization struct {
	SystemType Concept `json:"systemType"`
}

// Version is a device's, as FHIR has it.
type Version struct {
	Type  *Concept `json:"type,omitempty"`
	Value string   `json:"value"`
}

// Device is FHIR's, with the elements that are used here.
type Device struct {
	ResourceType   string           `json:"resourceType"`
	Meta           Meta             `json:"meta"`
	Identifier     []Identifier     `json:"identifier"`
	Manufacturer   string           `json:"manufacturer,omitempty"`
	SerialNumber   string           `json:"serialNumber,omitempty"`
	ModelNumber    string           `json:"modelNumber,omitempty"`
	Type           Concept          `json:"type"`
	Specialization []Specialization `json:"specialization,omitempty"`
	Version        []Version        `json:"version,omitempty"`
}

// Entry is a bundle's.
type Entry struct {
	FullURL  string `json:"fullUrl"`
	Resource any    `json:"resource"` // *Device or *Observation
}

// Bundle is FHIR's, of type collection.
type Bundle struct {
	ResourceType string  `json:"resourceType"`
	Type         string  `json:"type"`
	Entry        []Entry `json:"entry"`
}

func mdc(code, display string) Coding { return Coding{systemMDC, code, display} }

func loinc(code string) Coding { return Coding{System: systemLOINC, Code: code} }

// quantity is a number in a unit of UCUM, or why there is none.
func quantity(n number, unit string) Value {
	if n.absent != "" {
		return Value{Absent: reason(n.absent)}
	}
	shown := unit
	switch unit {
	case "/min":
		shown = "{beat}/min"
	case "Cel":
		shown = "C"
	case "[degF]":
		shown = "F"
	case "[lb_av]":
		shown = "lb"
	case "[in_i]":
		shown = "in"
	}
	return Value{Quantity: &Quantity{n.json(), shown, systemUCUM, unit}}
}

func reason(a absent) *Concept {
	return &Concept{Coding: []Coding{{System: systemAbsent, Code: string(a)}}}
}

func coded(codes ...Coding) Value { return Value{Concept: &Concept{Coding: codes}} }

func boolean(b bool) Value { return Value{Boolean: &b} }

func integer(n int) Value { return Value{Integer: &n} }
