package cti

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds on a bundle from outside.
const (
	MaxBundleBytes   = ledger.MaxThreatBody
	MaxBundleDepth   = 32
	MaxBundleValues  = 1_000_000
	MaxBundleObjects = 20_000

	maxFaults = 50 // that one answer lists
)

var bundleLimits = strictjson.Limits{Bytes: MaxBundleBytes, Depth: MaxBundleDepth, Values: MaxBundleValues}

// object is one STIX object as decoded: names exactly as written, numbers kept
// as text.
type object = map[string]any

// ParseBundle reads a STIX 2.1 bundle from outside. Its errors are Problems:
// too_large beyond a bound, invalid with a list of faults for anything that
// STIX 2.1 does not allow. Unknown object types and properties are kept, as the
// standard asks of consumers (STIX 2.1, section 3.1); an object twice is not.
func ParseBundle(body []byte) (*Report, error) {
	objects, err := decodeBundle(body)
	if err != nil {
		return nil, err
	}
	r := &Report{Body: body}
	extract(r, objects)
	return r, nil
}

func decodeBundle(body []byte) ([]object, error) {
	if err := strictjson.Check("the report", body, bundleLimits); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var bundle object
	if err := d.Decode(&bundle); err != nil || bundle == nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the report is not a JSON object")
	}
	var f faults
	if text(bundle, "type") != "bundle" {
		f.add("type", "must be bundle")
	}
	f.id("id", bundle, "bundle")
	if _, old := bundle["spec_version"]; old {
		f.add("spec_version", "must be absent: STIX 2.0 bundles are not read")
	}
	list, _ := bundle["objects"].([]any)
	switch {
	case len(list) == 0:
		f.add("objects", "must be a list of at least one object")
	case len(list) > MaxBundleObjects:
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the report holds more than %d objects", MaxBundleObjects)
	}
	objects := make([]object, 0, len(list))
	seen := make(map[string]bool, len(list))
	for i, v := range list {
		at := fmt.Sprintf("objects[%d]", i)
		o, ok := v.(object)
		if !ok {
			f.add(at, "must be an object")
			continue
		}
		f.object(at, o)
		// Two versions of one object may stand side by side (STIX 2.1, section
		// 3.6); the same version twice may not.
		version := strings.ToLower(text(o, "id")) + " " + text(o, "modified")
		if seen[version] {
			f.add(at+".id", "occurs twice with the same modified time")
		}
		seen[version] = true
		objects = append(objects, o)
	}
	return objects, f.problem()
}

func text(o object, name string) string {
	s, _ := o[name].(string)
	return s
}

func list(o object, name string) []any {
	l, _ := o[name].([]any)
	return l
}

func texts(o object, name string) []string {
	var out []string
	for _, v := range list(o, name) {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// faults collects what is wrong, up to a bound.
type faults struct {
	list []ledger.Fault
	more int
}

func (f *faults) add(field, detail string) {
	if len(f.list) == maxFaults {
		f.more++
		return
	}
	f.list = append(f.list, ledger.Fault{Field: field, Detail: detail})
}

func (f *faults) problem() error {
	if len(f.list) == 0 {
		return nil
	}
	p := &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the report is not a STIX 2.1 bundle", Faults: f.list}
	if f.more > 0 {
		p.Detail += fmt.Sprintf(" (the first %d of %d faults)", maxFaults, maxFaults+f.more)
	}
	return p
}

// identifier is the form of every STIX id (STIX 2.1, section 2.9).
var identifier = regexp.MustCompile(`^([a-z0-9][a-z0-9-]{1,248}[a-z0-9])--[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-5][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$`)

func (f *faults) id(field string, o object, kind string) {
	m := identifier.FindStringSubmatch(text(o, "id"))
	switch {
	case m == nil:
		f.add(field, "must be a STIX identifier: the type, two hyphens and a UUID")
	case m[1] != kind:
		f.add(field, "must begin with the object's type")
	}
}

var objectType = regexp.MustCompile(`^[a-z][a-z0-9-]{1,248}[a-z0-9]$`)

// object checks one object: the properties that every object of its class needs
// (STIX 2.1, section 3.2), those that its type needs, ids, references and times.
func (f *faults) object(at string, o object) {
	kind := text(o, "type")
	if !objectType.MatchString(kind) || kind == "bundle" {
		f.add(at+".type", "must name a STIX object type")
		return
	}
	f.id(at+".id", o, kind)
	if v, present := o["spec_version"]; present && v != "2.1" {
		f.add(at+".spec_version", "must be 2.1")
	}
	shape, known := shapes[kind]
	switch {
	case shape.observable: // needs type and id only
	case kind == "marking-definition":
		f.require(at, o, "spec_version", "created")
	case known || o["created"] != nil:
		f.require(at, o, "spec_version", "created", "modified")
	}
	f.require(at, o, shape.required...)
	if len(shape.oneOf) > 0 && !hasAny(o, shape.oneOf) {
		f.add(at, "must have at least one of "+strings.Join(shape.oneOf, ", "))
	}
	f.references(at, o)
	f.times(at, o)
}

func (f *faults) require(at string, o object, names ...string) {
	for _, name := range names {
		switch v := o[name].(type) {
		case nil:
			f.add(at+"."+name, "is required")
		case string:
			if v == "" {
				f.add(at+"."+name, "must not be empty")
			}
		case []any:
			if len(v) == 0 {
				f.add(at+"."+name, "must not be empty")
			}
		}
	}
}

func hasAny(o object, names []string) bool {
	for _, name := range names {
		if o[name] != nil {
			return true
		}
	}
	return false
}

// references checks the form of properties that the standard's naming rule makes
// references (STIX 2.1, section 3.3): names that end in _ref or _refs. Such names
// in custom properties of other vendors are left alone.
func (f *faults) references(at string, o object) {
	for _, name := range []string{
		"created_by_ref", "source_ref", "target_ref", "sighting_of_ref", "src_ref", "dst_ref", "object_ref",
	} {
		if v, present := o[name]; present {
			if s, ok := v.(string); !ok || !identifier.MatchString(s) {
				f.add(at+"."+name, "must be a STIX identifier")
			}
		}
	}
	for _, name := range []string{
		"object_marking_refs", "object_refs", "where_sighted_refs", "observed_data_refs",
	} {
		v, present := o[name]
		if !present {
			continue
		}
		refs, ok := v.([]any)
		if !ok || len(refs) == 0 {
			f.add(at+"."+name, "must be a list of STIX identifiers")
			continue
		}
		for i, ref := range refs {
			if s, ok := ref.(string); !ok || !identifier.MatchString(s) {
				f.add(fmt.Sprintf("%s.%s[%d]", at, name, i), "must be a STIX identifier")
			}
		}
	}
}

var timestamps = []string{
	"created", "modified", "valid_from", "valid_until", "published",
	"first_seen", "last_seen", "first_observed", "last_observed", "start", "end",
}

// stixTime is RFC 3339 in UTC, written with Z (STIX 2.1, section 2.15).
var stixTime = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$`)

func parseTime(s string) (time.Time, bool) {
	if !stixTime.MatchString(s) {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

func (f *faults) times(at string, o object) {
	read := map[string]time.Time{}
	for _, name := range timestamps {
		v, present := o[name]
		if !present {
			continue
		}
		s, _ := v.(string)
		t, ok := parseTime(s)
		if !ok {
			f.add(at+"."+name, "must be a time in UTC, as in 2026-01-31T12:00:00.000Z")
			continue
		}
		read[name] = t
	}
	for _, span := range [][2]string{
		{"created", "modified"},
		{"valid_from", "valid_until"},
		{"first_seen", "last_seen"},
		{"first_observed", "last_observed"},
		{"start", "end"},
	} {
		from, haveFrom := read[span[0]]
		to, haveTo := read[span[1]]
		if haveFrom && haveTo && to.Before(from) {
			f.add(at+"."+span[1], "must not be before "+span[0])
		}
	}
}
