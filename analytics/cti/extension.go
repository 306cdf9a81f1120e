package cti

// alertExtension carries what a Suricata rule says of its alert, on a STIX
// report. STIX has no place for a rule's number and classification, nor for a
// service that was attacked by someone who may not be named.
const alertExtension = "extension-definition--0f679e23-c33f-4bca-9a43-2d5da649a377"

// projectIdentity is the author of the extension's definition: SECANT itself,
// so that the definition is the same object whoever uses it.
const projectIdentity = "identity--7ed24d84-d04d-4ef1-bd84-2282eca441d8"

// fixedTime is when the objects that never change were first defined. They say
// nothing about any alert, and must not differ between reports (STIX 2.1,
// section 3.6: one id, one created).
const fixedTime = "2026-01-01T00:00:00.000Z"

type alertProperties struct {
	ExtensionType    string `json:"extension_type"`
	Sensor           string `json:"sensor"`
	Signature        string `json:"signature"`
	SignatureID      int    `json:"signature_id"`
	Generator        int    `json:"generator_id"`
	Revision         int    `json:"revision"`
	Category         string `json:"category,omitempty"`
	Priority         int    `json:"priority"`
	Action           string `json:"action"`
	AttackedProtocol string `json:"attacked_protocol,omitempty"`
	AttackedPort     int    `json:"attacked_port,omitempty"`
	Application      string `json:"application_protocol,omitempty"`
}

const alertSchema = "A property extension of the report object. All values as the sensor gave them. " +
	"sensor (string): the product that raised the alert. " +
	"signature (string): the rule's message. " +
	"signature_id, generator_id, revision (integer): the rule's number, the number space it belongs to, and its version. " +
	"category (string, optional): the rule's classification. " +
	"priority (integer): of the classification, 1 is the highest. " +
	"action (string): allowed or blocked. " +
	"attacked_protocol (string: tcp, udp or sctp) and attacked_port (integer, 1 to 65535), optional, always together: " +
	"the service on the sharer's side that was attacked. " +
	"application_protocol (string, optional): as the sensor recognised it."

func extensionDefinition() stixExtension {
	return stixExtension{
		common: common{
			Type: "extension-definition", SpecVersion: specVersion, ID: alertExtension,
			CreatedBy: projectIdentity, Created: fixedTime, Modified: fixedTime,
			Markings: []string{tlp2[levelClear]},
		},
		Name:           "Intrusion detection alert",
		Description:    "What an intrusion detection rule says of the alert that a report is about.",
		Schema:         alertSchema,
		Version:        "1.0.0",
		ExtensionTypes: []string{"property-extension"},
	}
}

func projectObject() stixIdentity {
	return stixIdentity{
		common: common{
			Type: "identity", SpecVersion: specVersion, ID: projectIdentity,
			Created: fixedTime, Modified: fixedTime, Markings: []string{tlp2[levelClear]},
		},
		Name: "SECANT", Class: "system",
	}
}

func markingObject(level string) stixMarking {
	return stixMarking{
		Type: "marking-definition", SpecVersion: specVersion, ID: tlp2[level], Created: tlpCreated,
		Name:       "TLP:" + levelName(level),
		Extensions: map[string]any{tlpExtension: tlpMarking{ExtensionType: "property-extension", Level: level}},
	}
}
