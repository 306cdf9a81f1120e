package demo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
)

// bill is a CycloneDX bill of materials as it was found.
type bill struct {
	path       string
	body       []byte
	mediaType  string
	components int // as far as a glance tells
}

// maxBill is what a node takes by default, in bytes.
const maxBill = 8 << 20

// takeBill takes a bill of materials. Whether it is valid, the node decides.
func (f *found) takeBill(path string, b []byte) error {
	if len(b) > maxBill {
		return errors.New("the bill of materials is larger than a node takes")
	}
	if len(f.bills) == maxBills {
		return nil
	}
	text := bytes.TrimSpace(b)
	if len(text) == 0 || text[0] != '{' {
		return nil // a node takes none in XML
	}
	var doc struct {
		Format     string            `json:"bomFormat"`
		Components []json.RawMessage `json:"components"`
	}
	if json.Unmarshal(b, &doc) != nil {
		return errors.New("the bill of materials is not JSON that can be read")
	}
	if doc.Format != "CycloneDX" {
		return nil // speaks of bills, is none
	}
	t := bill{path: path, body: b, mediaType: "application/vnd.cyclonedx+json", components: len(doc.Components)}
	if t.components > 0 {
		f.bills = append(f.bills, t)
	}
	return nil
}

// order puts the best input first.
func (f *found) order() {
	slices.SortStableFunc(f.bills, func(a, b bill) int { return cmp.Compare(b.components, a.components) })
	slices.SortStableFunc(f.people, func(a, b batch) int { return cmp.Compare(len(b.records), len(a.records)) })
	f.messages = append(f.profiled, f.messages...)
	f.messages = f.messages[:min(len(f.messages), maxMessages)]
}
