package vuln

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gowebpki/jcs"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// vexExtension carries a VEX document, byte for byte, on a STIX note: the ledger
// takes digests of STIX bundles, and STIX has no object that says that something
// is not vulnerable. There are no vulnerability objects in the bundle, because
// programs that know nothing of the extension would warn of them.
const vexExtension = "extension-definition--5b0b1d5e-6c0a-4f0f-9d3b-3c0a6e2f7d41"

// projectIdentity is the author of the extension's definition, as in package cti.
const projectIdentity = "identity--7ed24d84-d04d-4ef1-bd84-2282eca441d8"

const definedOn = "2026-01-01T00:00:00.000Z"

const vexSchema = "A property extension of the note object. format (string): csaf_vex (OASIS CSAF 2.0, profile VEX), openvex or cyclonedx. " +
	"document (string): the VEX document's bytes in base64 (RFC 4648, section 4). " +
	"Whoever shares the note vouches for what the document says of its own products, and of no others."

// Carry makes the STIX 2.1 bundle with which an organisation shares a VEX document.
// The same document from the same organisation is the same bytes.
func Carry(document []byte, sharer, name string) ([]byte, error) {
	doc, err := ParseVEX(document)
	if err != nil {
		return nil, err
	}
	if base64.StdEncoding.EncodedLen(len(document)) > ledger.MaxThreatBody-64<<10 {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the VEX document is too large to be shared")
	}
	when := doc.Updated.UTC().Format("2006-01-02T15:04:05.000Z")
	author := "identity--" + stableUUID("identity", sharer)
	type object = map[string]any
	note := object{
		"type": "note", "spec_version": "2.1", "id": "note--" + stableUUID("vex", sharer, string(document)),
		"created_by_ref": author, "created": when, "modified": when,
		"abstract": "VEX: " + firstSentence(doc.Title), "content": fmt.Sprintf("%d statements on exploitability in %s.", len(doc.Statements), doc.Format),
		"object_refs": []string{author},
		"extensions": object{vexExtension: object{
			"extension_type": "property-extension", "format": doc.Format, "document": base64.StdEncoding.EncodeToString(document),
		}},
	}
	bundle := object{"type": "bundle", "id": "bundle--" + stableUUID("bundle", sharer, string(document)), "objects": []object{
		{
			"type": "identity", "spec_version": "2.1", "id": projectIdentity, "created": definedOn, "modified": definedOn,
			"name": "SECANT", "identity_class": "system",
		},
		{
			"type": "extension-definition", "spec_version": "2.1", "id": vexExtension, "created_by_ref": projectIdentity,
			"created": definedOn, "modified": definedOn, "name": "Statement on exploitability", "version": "1.0.0",
			"description": "Carries a VEX document.", "schema": vexSchema, "extension_types": []string{"property-extension"},
		},
		{
			"type": "identity", "spec_version": "2.1", "id": author, "created": definedOn, "modified": definedOn,
			"name": name, "identity_class": "organization",
		},
		note,
	}}
	text, err := json.Marshal(bundle)
	if err != nil {
		return nil, fmt.Errorf("encoding the bundle: %w", err)
	}
	if text, err = jcs.Transform(text); err != nil {
		return nil, fmt.Errorf("making the bundle canonical: %w", err)
	}
	return text, nil
}

// stableUUID is a UUID of version 8 (RFC 9562, section 5.8) over SHA-256. STIX
// wants versions 1 to 5, so it is written as one of version 5.
func stableUUID(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// ErrNoVEX says that a bundle carries no VEX document.
var ErrNoVEX = errors.New("the bundle carries no VEX document")

// Carried returns the VEX documents that a STIX bundle carries; ErrNoVEX when it
// carries none, and a Problem when it does and they cannot be read. The bundle
// must have been judged by cti.ParseBundle before.
func Carried(bundle []byte) ([]*VEX, error) {
	if !bytes.Contains(bundle, []byte(vexExtension)) {
		return nil, ErrNoVEX
	}
	var b struct {
		Objects []struct {
			Type       string                     `json:"type"`
			Revoked    bool                       `json:"revoked"`
			Modified   time.Time                  `json:"modified"`
			Extensions map[string]json.RawMessage `json:"extensions"`
		} `json:"objects"`
	}
	if err := json.Unmarshal(bundle, &b); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the bundle cannot be read")
	}
	var all []*VEX
	for _, o := range b.Objects {
		raw, ok := o.Extensions[vexExtension]
		if !ok || o.Type != "note" || o.Revoked {
			continue
		}
		var ext struct {
			Document string `json:"document"`
		}
		if err := json.Unmarshal(raw, &ext); err != nil {
			return nil, ledger.Problemf(ledger.CodeInvalid, "the extension that carries a VEX document cannot be read")
		}
		text, err := base64.StdEncoding.DecodeString(ext.Document)
		if err != nil {
			return nil, ledger.Problemf(ledger.CodeInvalid, "the extension that carries a VEX document cannot be read")
		}
		doc, err := ParseVEX(text)
		if err != nil {
			return nil, err
		}
		all = append(all, doc)
	}
	if len(all) == 0 {
		return nil, ErrNoVEX
	}
	return all, nil
}
