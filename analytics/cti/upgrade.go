package cti

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds on a collection of STIX objects that is more than one bundle may hold.
const (
	MaxCollectionBytes = 64 << 20

	maxCollectionObjects = 200_000
	splitObjects         = 5_000   // in one of the bundles that it becomes
	splitBytes           = 6 << 20 // as above
)

var collectionLimits = strictjson.Limits{Bytes: MaxCollectionBytes, Depth: MaxBundleDepth, Values: 16_000_000}

// oldExtension carries what producers of STIX 2.0 added to the standard's objects under
// names that begin with "x_", and objects of types of their own. STIX 2.1 wants such
// things defined (section 7.3).
const oldExtension = "extension-definition--2f5b9a0c-4a3e-4a63-9d38-7b1c6a90e1d4"

func oldExtensionDefinition() stixExtension {
	return stixExtension{
		common: common{
			Type: "extension-definition", SpecVersion: specVersion, ID: oldExtension,
			CreatedBy: projectIdentity, Created: fixedTime, Modified: fixedTime, Markings: []string{tlp2[levelClear]},
		},
		Name:        "Custom content of STIX 2.0",
		Description: "What a producer of STIX 2.0 said beyond the standard.",
		Schema: "Properties whose names begin with x_, unchanged, as the producer wrote them in STIX 2.0; " +
			"and objects of types that STIX 2.1 does not define, with all of their properties.",
		Version: "1.0.0", ExtensionTypes: []string{"property-extension", "new-sdo"},
	}
}

// Bundles reads a collection of STIX objects: a bundle of 2.1 or 2.0, or a TAXII
// envelope. A bundle of 2.1 that is no larger than one may be is given as it came;
// everything else becomes bundles of 2.1 of at most a few thousand objects, of which the
// same input gives the same bytes. An object that is wrong by itself goes to bad.
//
// From 2.0 to 2.1: what was seen (observed-data) becomes objects of its own, referred to
// by ids that the standard derives; labels that were types become types; TLP 1 markings
// become those of TLP 2.0; custom properties go into an extension.
func Bundles(body []byte, good func(*Report) error, bad func(original []byte, why error)) error {
	if err := strictjson.Check("the STIX collection", body, collectionLimits); err != nil {
		return err
	}
	var envelope struct {
		Type    string            `json:"type"`
		ID      string            `json:"id"`
		Spec    string            `json:"spec_version"`
		Objects []json.RawMessage `json:"objects"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return ledger.Problemf(ledger.CodeInvalid, "the STIX collection is not a JSON object with a list of objects")
	}
	switch {
	case envelope.Type != "bundle" && envelope.Type != "":
		return ledger.Problemf(ledger.CodeInvalid, "the STIX collection is neither a bundle nor an envelope")
	case len(envelope.Objects) == 0:
		return ledger.Problemf(ledger.CodeInvalid, "the STIX collection has no objects")
	case len(envelope.Objects) > maxCollectionObjects:
		return ledger.Problemf(ledger.CodeTooLarge, "the STIX collection holds more than %d objects", maxCollectionObjects)
	case envelope.Spec != "" && envelope.Spec != "2.0" && envelope.Spec != specVersion:
		return ledger.Problemf(ledger.CodeInvalid, "the STIX collection is of a version that is not read: 2.0 and 2.1 are")
	}
	old := envelope.Spec == "2.0"
	if !old && envelope.Type == "bundle" && len(body) <= MaxBundleBytes && len(envelope.Objects) <= MaxBundleObjects {
		r, err := ParseBundle(body)
		if err != nil {
			return err
		}
		return good(r)
	}
	s := splitter{key: envelope.ID, good: good, upgrade: upgrader{levels: map[string]string{}}}
	if old {
		for _, raw := range envelope.Objects {
			s.upgrade.marking(raw)
		}
	}
	for _, raw := range envelope.Objects {
		objects := [][]byte{raw}
		if old {
			var err error
			if objects, err = s.upgrade.object(raw); err != nil {
				bad(raw, err)
				continue
			}
		}
		for _, o := range objects {
			if read := readObject(o); read.Fault != nil {
				bad(raw, read.Fault)
			} else if err := s.add(read); err != nil {
				return err
			}
		}
	}
	return s.flush()
}

// splitter puts objects into bundles.
type splitter struct {
	key     string
	good    func(*Report) error
	upgrade upgrader
	objects []json.RawMessage
	seen    map[string]bool // objects in the bundle, with their version
	size    int
	number  int
}

func (s *splitter) add(o Object) error {
	version := o.ID + " " + o.Version.String()
	if s.seen[version] {
		return nil // the same observable was seen twice
	}
	if len(s.objects) >= splitObjects || s.size+len(o.Body) > splitBytes {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	s.seen[version] = true
	s.objects, s.size = append(s.objects, o.Body), s.size+len(o.Body)
	return nil
}

func (s *splitter) flush() error {
	if len(s.objects) == 0 {
		return nil
	}
	var own []any
	for _, level := range levels {
		if s.upgrade.used[level] || level == levelClear && s.upgrade.custom {
			own = append(own, markingObject(level))
		}
	}
	if s.upgrade.custom {
		own = append(own, projectObject(), oldExtensionDefinition())
	}
	for _, o := range own {
		b, err := encode(o)
		if err != nil {
			return err
		}
		s.objects = append(s.objects, b)
	}
	id, err := ownID("bundle", "part", s.key, s.number, len(s.objects), s.size)
	if err != nil {
		return err
	}
	body, err := encode(struct {
		Type    string            `json:"type"`
		ID      string            `json:"id"`
		Objects []json.RawMessage `json:"objects"`
	}{"bundle", id, s.objects})
	if err != nil {
		return err
	}
	s.objects, s.seen, s.size, s.number = nil, nil, 0, s.number+1
	r, err := ParseBundle(body)
	if err != nil {
		return err
	}
	return s.good(r)
}

// upgrader makes objects of STIX 2.1 of such of 2.0.
type upgrader struct {
	levels map[string]string // ids of TLP 1 markings, with their levels in TLP 2.0
	used   map[string]bool   // levels that an object so far refers to
	custom bool              // an object so far uses the extension
}

// marking remembers a TLP marking; the standard's four are known.
func (u *upgrader) marking(raw []byte) {
	var m struct {
		Type, ID       string
		DefinitionType string `json:"definition_type"`
		Definition     struct{ TLP string }
	}
	if json.Unmarshal(raw, &m) == nil && m.Type == "marking-definition" && m.DefinitionType == "tlp" {
		if level := parseLevel(m.Definition.TLP); level != "" {
			u.levels[m.ID] = level
		}
	}
}

// typesOf say which labels of STIX 2.0 became a property of their own.
var typesOf = map[string]string{
	"indicator": "indicator_types", "malware": "malware_types", "tool": "tool_types",
	"threat-actor": "threat_actor_types", "report": "report_types", "identity": "roles",
}

// object upgrades one object; what was seen comes before the object that says so.
func (u *upgrader) object(raw []byte) ([][]byte, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var o object
	if err := d.Decode(&o); err != nil || o == nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "it is not a JSON object")
	}
	kind := text(o, "type")
	if kind == "marking-definition" && u.level(text(o, "id")) != "" {
		return nil, nil // TLP 2.0 has its own
	}
	o["spec_version"] = specVersion
	u.markings(o)
	if types, ok := typesOf[kind]; ok && o["labels"] != nil {
		o[types] = o["labels"]
		delete(o, "labels")
	}
	switch kind {
	case "indicator":
		o["pattern_type"] = "stix"
	case "malware":
		if o["is_family"] == nil {
			o["is_family"] = true // what has a name that others know it by
		}
	}
	u.extension(kind, o)
	var all []any
	if kind == "observed-data" {
		seen, refs, err := u.observed(o)
		if err != nil {
			return nil, err
		}
		delete(o, "objects")
		o["object_refs"] = refs
		all = seen
	}
	var out [][]byte
	for _, v := range append(all, o) {
		b, err := encode(v)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func (u *upgrader) level(id string) string {
	if level, ok := u.levels[id]; ok {
		return level
	}
	return knownMarkings[id]
}

// markings replaces references to TLP 1.
func (u *upgrader) markings(o object) {
	replace := func(id string) string {
		level := u.level(id)
		if level == "" {
			return id
		}
		if u.used == nil {
			u.used = map[string]bool{}
		}
		u.used[level] = true
		return tlp2[level]
	}
	if refs := texts(o, "object_marking_refs"); len(refs) > 0 {
		for i := range refs {
			refs[i] = replace(refs[i])
		}
		o["object_marking_refs"] = slices.Compact(refs)
	}
	for _, m := range list(o, "granular_markings") {
		if m, ok := m.(object); ok && text(m, "marking_ref") != "" {
			m["marking_ref"] = replace(text(m, "marking_ref"))
		}
	}
}

// extension moves custom properties of the standard's objects into the extension, and
// says of objects of other types that they are its.
func (u *upgrader) extension(kind string, o object) {
	_, known := shapes[kind]
	properties := map[string]any{"extension_type": "new-sdo"}
	if known {
		properties["extension_type"] = "property-extension"
		for _, name := range slices.Sorted(maps.Keys(o)) {
			if strings.HasPrefix(name, "x_") {
				properties[name] = o[name]
				delete(o, name)
			}
		}
		if len(properties) == 1 {
			return
		}
	}
	all, _ := o["extensions"].(object)
	if all == nil {
		all = object{}
	}
	all[oldExtension] = properties
	o["extensions"] = all
	u.custom = true
}

// renamed are the properties of observables that STIX 2.1 calls otherwise; those it no
// longer has are empty.
var renamed = map[string]map[string]string{
	"file":                 {"created": "ctime", "modified": "mtime", "accessed": "atime", "is_encrypted": "", "encryption_algorithm": "", "decryption_key": ""},
	"directory":            {"created": "ctime", "modified": "mtime", "accessed": "atime"},
	"process":              {"created": "created_time", "binary_ref": "image_ref", "name": "", "arguments": ""},
	"user-account":         {"password_last_changed": "credential_last_changed"}, //nolint:gosec // names of properties
	"windows-registry-key": {"modified": "modified_time"},
}

// contributing are the properties that identify an observable (STIX 2.1, section 6).
var contributing = map[string][]string{
	"artifact": {"hashes", "payload_bin"}, "autonomous-system": {"number"}, "directory": {"path"},
	"domain-name": {"value"}, "email-addr": {"value"}, "email-message": {"from_ref", "subject", "body"},
	"file": {"hashes", "name", "extensions", "parent_directory_ref"}, "ipv4-addr": {"value"}, "ipv6-addr": {"value"},
	"mac-addr": {"value"}, "mutex": {"name"}, "software": {"name", "cpe", "swid", "vendor", "version"}, "url": {"value"},
	"network-traffic": {"start", "end", "src_ref", "dst_ref", "src_port", "dst_port", "protocols", "extensions"},
	"user-account":    {"account_type", "user_id", "account_login"}, "windows-registry-key": {"key", "values"},
	"x509-certificate": {"hashes", "serial_number"},
}

// observed makes objects of what an observed-data object of STIX 2.0 holds, and returns
// them with the references to all of them.
func (u *upgrader) observed(o object) (objects []any, refs []string, err error) {
	held, _ := o["objects"].(object)
	if len(held) == 0 {
		return nil, nil, ledger.Problemf(ledger.CodeInvalid, "objects must hold what was observed")
	}
	all := observedObjects{held: held, ids: map[string]string{}}
	names := slices.Sorted(maps.Keys(held))
	for _, name := range names {
		if err := all.rename(name); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range names {
		if _, err := all.id(name, 0); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range names {
		seen, _ := held[name].(object)
		all.link(seen, 0)
		seen["id"], seen["spec_version"] = all.ids[name], specVersion
		if markings := o["object_marking_refs"]; markings != nil {
			seen["object_marking_refs"] = markings
		}
		u.extension(text(seen, "type"), seen)
		objects, refs = append(objects, seen), append(refs, all.ids[name])
	}
	return objects, refs, nil
}

// observedObjects are those that one observation holds, by their names in it.
type observedObjects struct {
	held object
	ids  map[string]string
}

func (a *observedObjects) rename(name string) error {
	o, ok := a.held[name].(object)
	if !ok || !objectType.MatchString(text(o, "type")) {
		return ledger.Problemf(ledger.CodeInvalid, "objects must hold cyber-observable objects")
	}
	for was, is := range renamed[text(o, "type")] {
		v, present := o[was]
		if !present {
			continue
		}
		delete(o, was)
		if is != "" {
			o[is] = v
		}
	}
	return nil
}

// maxReferences bounds how far one observable's identity hangs on others'.
const maxReferences = 8

func (a *observedObjects) id(name string, depth int) (string, error) {
	if id, ok := a.ids[name]; ok {
		return id, nil
	}
	o, ok := a.held[name].(object)
	if !ok || depth > maxReferences {
		return "", ledger.Problemf(ledger.CodeInvalid, "an observed object refers to one that is not there, or in a ring")
	}
	kind := text(o, "type")
	parts := map[string]any{}
	for _, property := range contributing[kind] {
		v := o[property]
		if v == nil {
			continue
		}
		switch {
		case strings.HasSuffix(property, "_ref"):
			ref, err := a.id(text(o, property), depth+1)
			if err != nil {
				return "", err
			}
			v = ref
		case property == "hashes":
			if hashes, ok := v.(object); ok {
				v = firstHash(hashes)
			}
		}
		parts[property] = v
	}
	id, err := observableID(kind, parts)
	if len(parts) == 0 { // the standard has it random; ours is the same for the same content
		id, err = ownID(kind, name, o)
	}
	a.ids[name] = id
	return id, err
}

// link replaces the names that properties refer by with ids.
func (a *observedObjects) link(o object, depth int) {
	for name, v := range o {
		switch v := v.(type) {
		case string:
			if strings.HasSuffix(name, "_ref") && a.ids[v] != "" {
				o[name] = a.ids[v]
			}
		case []any:
			for i := range v {
				if inner, ok := v[i].(object); ok && depth < MaxBundleDepth {
					a.link(inner, depth+1)
				}
				if s, ok := v[i].(string); ok && strings.HasSuffix(name, "_refs") && a.ids[s] != "" {
					v[i] = a.ids[s]
				}
			}
		case object:
			if depth < MaxBundleDepth {
				a.link(v, depth+1)
			}
		}
	}
}

// Techniques returns the ATT&CK ids of an object's external references.
func (o *Object) Techniques() []string {
	var read struct {
		References []struct {
			Source string `json:"source_name"`
			ID     string `json:"external_id"`
		} `json:"external_references"`
	}
	if o.Type != "attack-pattern" || json.Unmarshal(o.Body, &read) != nil {
		return nil
	}
	var all []string
	for _, r := range read.References {
		if n, err := strconv.Atoi(strings.TrimPrefix(r.ID[:min(len(r.ID), 5)], "T")); strings.HasPrefix(r.Source, "mitre") && err == nil && n > 0 {
			all = append(all, r.ID)
		}
	}
	return all
}
