package dicom

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/secant-platform/secant/analytics/strictjson"
)

// MetadataTags are the private attributes in which a sender says what it measured.
type MetadataTags struct{ Digest, Size string }

const (
	maxDepth  = 64        // of DICOM JSON
	maxValues = 1_000_000 // in it
)

// ReadMetadata reads instances from an array of data sets in the DICOM JSON model.
// Attributes that are not looked at are passed over; one that is no text of its form
// counts as absent, so that each instance has to be judged by Complete and by its
// digest.
func ReadMetadata(text []byte, tags MetadataTags, most int) ([]*Instance, error) {
	if err := strictjson.Check("the metadata", text, strictjson.Limits{Bytes: most, Depth: maxDepth, Values: maxValues}); err != nil {
		return nil, err //nolint:wrapcheck // a problem is passed on as it is
	}
	var sets []attributes
	if err := json.Unmarshal(text, &sets); err != nil {
		return nil, fmt.Errorf("reading metadata: %w", err)
	}
	instances := make([]*Instance, len(sets))
	for n, set := range sets {
		instances[n] = set.instance(tags)
	}
	return instances, nil
}

// attributes is a data set of which few are looked at.
type attributes map[string]struct {
	Value json.RawMessage `json:"Value"`
}

func (a attributes) texts(tag string) []string {
	var values []any
	if json.Unmarshal(a[tag].Value, &values) != nil {
		return nil
	}
	var texts []string
	for _, v := range values {
		// A text that would not fit an element's value, or with what no text has, is none.
		if s, ok := v.(string); ok && len(s) <= maxKept {
			if s = textOf([]byte(s), "ISO_IR 192"); s != "" {
				texts = append(texts, s)
			}
		}
	}
	return texts
}

func (a attributes) text(tag string) string {
	if texts := a.texts(tag); len(texts) == 1 {
		return texts[0]
	}
	return ""
}

func (a attributes) date(tag string) string {
	if d := a.text(tag); ValidDate(d) {
		return d
	}
	return ""
}

func (a attributes) instance(tags MetadataTags) *Instance {
	i := &Instance{
		Measured: BySender, Class: a.text("00080016"), Study: a.text("0020000D"), Series: a.text("0020000E"), UID: a.text("00080018"),
		Device: Device{
			Manufacturer: a.text("00080070"), Model: a.text("00081090"), Serial: a.text("00181000"), Station: a.text("00081010"),
			AETitle: a.text("00080055"), Software: a.texts("00181020"),
		},
		Dates: Dates{Study: a.date("00080020"), Series: a.date("00080021"), Acquisition: a.date("00080022"), Content: a.date("00080023")},
	}
	if m := a.text("00080060"); validCode(m) {
		i.Modality = m
	}
	if uid := a.text("00181002"); ValidUID(uid) {
		i.Device.UID = uid
	}
	if syntax := a.text("00083002"); ValidUID(syntax) {
		i.TransferSyntax = syntax
	}
	_ = i.SHA256.UnmarshalText([]byte(strings.ToLower(a.text(tags.Digest)))) // zero: none
	var size []int64
	if json.Unmarshal(a[tags.Size].Value, &size) == nil && len(size) == 1 && size[0] > 0 {
		i.Size = size[0]
	}
	return i
}
