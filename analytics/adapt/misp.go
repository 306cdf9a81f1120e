package adapt

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds on a file of MISP events.
const (
	maxMISPBytes    = 64 << 20
	maxMISPEvents   = 1_000
	maxMISPSeen     = 100   // sightings of one attribute
	maxMISPText     = 1_000 // attributes that are text for people
	maxManifestSize = 64 << 20
)

var mispLimits = strictjson.Limits{Bytes: maxMISPBytes, Depth: 32, Values: 8_000_000}

var mispFormat = Format{
	Name: "misp", Tool: "MISP event (JSON)", Kind: KindReport,
	Detect: func(head []byte) bool {
		return startsJSON(head) && (bytes.Contains(head, []byte(`"Event"`)) ||
			bytes.Contains(head, []byte(`"threat_level_id"`)) && bytes.Contains(head, []byte(`"info"`)))
	},
	Read: readMISP,
}

func startsJSON(head []byte) bool {
	head = bytes.TrimLeft(head, "\ufeff \t\r\n")
	return len(head) > 0 && (head[0] == '{' || head[0] == '[')
}

// readAll reads a file that is judged as a whole.
func readAll(ctx context.Context, r io.Reader, name string, limit int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(b) > limit {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "%s has more than %d MiB: split it", name, limit>>20)
	}
	return bytes.TrimPrefix(b, []byte("\ufeff")), ctx.Err()
}

// readMISP reads events as MISP exports and serves them (MISP core format): one with or
// without its envelope, a list, or the answer to a search.
func readMISP(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	b, err := readAll(ctx, r, "the MISP event", maxMISPBytes)
	if err != nil {
		return err
	}
	if err := strictjson.Check("the MISP event", b, mispLimits); err != nil {
		return err
	}
	events, err := mispEvents(b)
	if err != nil {
		return err
	}
	for _, raw := range events {
		if err := ctx.Err(); err != nil {
			return err
		}
		record, err := FromMISP(raw)
		if err != nil {
			bad(raw, err)
			continue
		}
		if err := good(record); err != nil {
			return err
		}
	}
	return nil
}

// mispEvents takes the envelope off.
func mispEvents(b []byte) ([]json.RawMessage, error) {
	var list []json.RawMessage
	if json.Unmarshal(b, &list) != nil {
		var envelope struct {
			Response json.RawMessage `json:"response"`
		}
		if err := json.Unmarshal(b, &envelope); err != nil {
			return nil, ledger.Problemf(ledger.CodeInvalid, "the MISP event is not a JSON object")
		}
		if envelope.Response == nil {
			return []json.RawMessage{b}, nil
		}
		if json.Unmarshal(envelope.Response, &list) != nil {
			list = []json.RawMessage{envelope.Response}
		}
	}
	switch {
	case len(list) == 0:
		return nil, ledger.Problemf(ledger.CodeInvalid, "the file holds no MISP event")
	case len(list) > maxMISPEvents:
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the file holds more than %d MISP events: split it", maxMISPEvents)
	}
	return list, nil
}

// jsonObject is a JSON object, numbers kept as text.
type jsonObject map[string]any

func decodeObject(b []byte) (jsonObject, bool) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var o jsonObject
	return o, d.Decode(&o) == nil && o != nil
}

// text returns a property that is a text, or a number as its text: MISP writes both.
func (o jsonObject) text(name string) string {
	switch v := o[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// yes returns a property that is true, or 1 as a number or a text.
func (o jsonObject) yes(name string) bool {
	b, _ := o[name].(bool)
	return b || o.text(name) == "1"
}

// all returns the objects of a list.
func (o jsonObject) all(name string) []jsonObject {
	list, _ := o[name].([]any)
	var out []jsonObject
	for _, v := range list {
		if v, ok := v.(map[string]any); ok {
			out = append(out, v)
		}
	}
	return out
}

func (o jsonObject) object(name string) jsonObject {
	v, _ := o[name].(map[string]any)
	return v
}

// seconds reads a time in seconds since 1970; zero for none.
func (o jsonObject) seconds(name string) time.Time {
	n, err := strconv.ParseInt(o.text(name), 10, 64)
	if err != nil || n <= 0 || n > 253_402_300_799 { // the year 9999
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// FromMISP makes a record of one MISP event, with or without its envelope. What is to be
// detected (to_ids) becomes indicators, other values what was seen; attributes that have
// no place in STIX are named in the text. Objects keep the UUIDs of their attributes, and
// other ids derive from the event's.
func FromMISP(raw []byte) (Record, error) {
	o, ok := decodeObject(raw)
	if !ok {
		return Record{}, ledger.Problemf(ledger.CodeInvalid, "the MISP event is not a JSON object")
	}
	if inner := o.object("Event"); inner != nil {
		o = inner
	}
	id := strings.ToLower(o.text("uuid"))
	if !isUUID(id) || o.text("info") == "" {
		return Record{}, ledger.Problemf(ledger.CodeInvalid, "this is no MISP event: it must have uuid and info")
	}
	m := mispReader{left: map[string]int{}}
	m.document = cti.Document{
		Key: "misp:" + id, Title: o.text("info"), Author: o.object("Orgc").text("name"), Time: o.seconds("timestamp"),
	}
	if m.document.Time.IsZero() {
		m.document.Time, _ = time.Parse(time.DateOnly, o.text("date"))
	}
	m.tags(o.all("Tag"))
	m.galaxies(o.all("Galaxy"))
	for _, a := range o.all("Attribute") {
		m.attribute(a)
	}
	for _, inner := range o.all("Object") {
		m.object(inner)
	}
	for _, r := range o.all("EventReport") {
		if !r.yes("deleted") {
			m.lines = append(m.lines, r.text("name"), r.text("content"))
		}
	}
	m.distribution(o.text("distribution"))
	record := Record{
		Rule: "misp:" + id, Severity: mispSeverity(o.text("threat_level_id")), Original: raw, Text: m.text(),
	}
	return finish(record, m.document, m.observables)
}

// isUUID tells whether a text has the form of a UUID, in lower case. It becomes part of
// ids and of the names of files in a feed.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		if hyphen != (s[i] == '-') || !hyphen && !(s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'f') {
			return false
		}
	}
	return true
}

// mispSeverity maps MISP's threat levels (1 high, 2 medium, 3 low, 4 undefined).
func mispSeverity(level string) int {
	switch level {
	case "1":
		return 8_000
	case "3":
		return 2_500
	}
	return cti.UnknownSeverity
}

// finish writes a document's bundle and what a record says of it.
func finish(r Record, d cti.Document, observables []Observable) (Record, error) {
	r.Kind, r.Time, r.Title = KindReport, d.Time, line(d.Title, maxTitle)
	d.CVEs, d.Techniques = distinct(d.CVEs, strings.ToUpper), distinct(d.Techniques, strings.Clone)
	r.CVEs, r.Techniques = d.CVEs, d.Techniques
	r.Observables = uniqueObservables(observables)
	r.Text = truncate(r.Text, maxText)
	d.Text = r.Text
	body, err := cti.Compose(d)
	if err != nil {
		return Record{}, err
	}
	r.Bundle = body
	return r, nil
}

// maxText bounds a report's text, in bytes.
const maxText = 1 << 20

// truncate cuts a text between two letters.
func truncate(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.ToValidUTF8(s, "")
}

func uniqueObservables(all []Observable) []Observable {
	seen := make(map[Observable]bool, len(all))
	var out []Observable
	for _, o := range all {
		if !seen[o] && len(out) < MaxIndicators {
			seen[o] = true
			out = append(out, o)
		}
	}
	return out
}

// mispReader gathers what one event says.
type mispReader struct {
	document    cti.Document
	observables []Observable
	lines       []string       // text for people
	left        map[string]int // attributes that have no place, by their type
}

// text is what the event says to people, and what was left out.
func (m *mispReader) text() string {
	lines := m.lines
	if len(m.left) > 0 {
		var out []string
		for _, kind := range slices.Sorted(maps.Keys(m.left)) {
			out = append(out, fmt.Sprintf("%s (%d)", kind, m.left[kind]))
		}
		lines = append(slices.Clip(lines), "Not taken over from the MISP event, by type: "+strings.Join(out, ", ")+".")
	}
	return strings.Join(lines, "\n")
}

// mark makes the document as strict as a TLP tag asks; one that is not known counts as
// the strictest.
func (m *mispReader) mark(level string) {
	known := cti.Level(level)
	if known == "" {
		known = "red"
	}
	m.document.Marking = cti.Stricter(m.document.Marking, known)
}

// distribution is who may have the event where no TLP tag says it: MISP's 0 is its own
// organisation, 4 a named group.
func (m *mispReader) distribution(level string) {
	if m.document.Marking != "" {
		return
	}
	switch level {
	case "0":
		m.document.Marking = "amber+strict"
	case "4":
		m.document.Marking = "amber"
	}
}

// threatGalaxies are the galaxies whose clusters name someone or something behind an
// event, with the type of the object in STIX.
var threatGalaxies = map[string]string{
	"threat-actor": "intrusion-set", "mitre-intrusion-set": "intrusion-set", "mitre-enterprise-attack-intrusion-set": "intrusion-set",
	"microsoft-activity-group": "intrusion-set", "mitre-ics-groups": "intrusion-set",
	"mitre-malware": "malware", "mitre-enterprise-attack-malware": "malware", "malpedia": "malware", "ransomware": "malware",
	"rat": "malware", "banker": "malware", "botnet": "malware", "backdoor": "malware", "stealer": "malware", "cryptominers": "malware",
	"mitre-tool": "tool", "mitre-enterprise-attack-tool": "tool", "tool": "tool",
}

// tags reads labels: the marking, clusters of galaxies, and what else was written.
func (m *mispReader) tags(tags []jsonObject) (labels []string) {
	for _, t := range tags {
		name := t.text("name")
		lower := strings.ToLower(name)
		galaxy, isGalaxy := strings.CutPrefix(lower, "misp-galaxy:")
		switch {
		case strings.HasPrefix(lower, "tlp:"):
			m.mark(lower)
		case isGalaxy:
			kind, _, _ := strings.Cut(galaxy, "=")
			_, value, _ := strings.Cut(name, "=")
			m.cluster(kind, strings.Trim(value, `"`))
		case name != "":
			labels = append(labels, name)
			m.document.Labels = append(m.document.Labels, name)
		}
	}
	return labels
}

func (m *mispReader) galaxies(galaxies []jsonObject) {
	for _, g := range galaxies {
		for _, c := range g.all("GalaxyCluster") {
			kind := cmp.Or(c.text("type"), g.text("type"))
			m.cluster(kind, c.text("value"))
			ids, _ := c.object("meta")["external_id"].([]any)
			for _, id := range ids {
				if s, ok := id.(string); ok && strings.Contains(kind, "attack-pattern") {
					m.document.Techniques = append(m.document.Techniques, techniqueForm.FindAllString(s, 1)...)
				}
			}
		}
	}
}

// cluster reads a cluster's name, as in "Launch Daemon - T1543.004".
func (m *mispReader) cluster(kind, value string) {
	if strings.Contains(kind, "attack-pattern") || strings.Contains(kind, "techniques") {
		m.document.Techniques = append(m.document.Techniques, techniqueForm.FindAllString(value, 1)...)
		return
	}
	if to, known := threatGalaxies[kind]; known {
		if i := strings.LastIndex(value, " - "); i > 0 && len(value)-i < 12 { // "APT32 - G0050"
			value = value[:i]
		}
		t := cti.Threat{Type: to, Name: value}
		if !slices.Contains(m.document.Threats, t) && len(m.document.Threats) < maxNames {
			m.document.Threats = append(m.document.Threats, t)
		}
	}
}

// attribute reads one that stands by itself.
func (m *mispReader) attribute(a jsonObject) {
	if a.yes("deleted") {
		return
	}
	kind, value := a.text("type"), strings.TrimSpace(a.text("value"))
	labels := m.attributeTags(a)
	switch {
	case kind == "vulnerability":
		if found := cves(value); len(found) > 0 {
			m.document.CVEs = append(m.document.CVEs, found...)
			return
		}
	case kind == "comment" || kind == "text" || kind == "other":
		if len(m.lines) < maxMISPText {
			m.lines = append(m.lines, strings.Trim(a.text("comment")+": "+value, ": "))
		}
		return
	case kind == "link":
		if o, ok := URL(value); ok && !a.yes("to_ids") {
			m.document.Links = append(m.document.Links, o.Value)
			return
		}
	}
	f := m.finding(a, labels)
	if language, ok := map[string]string{"yara": "yara", "sigma": "sigma", "snort": "snort"}[kind]; ok && len(value) <= maxText {
		f.Rule, f.RuleType = value, language
		m.document.Findings = append(m.document.Findings, f)
		return
	}
	tests, observables := mispTests(kind, value)
	if len(tests) == 0 {
		m.left[line(kind, 40)]++
		return
	}
	f.Any = tests
	if f.Name == "" {
		f.Name = value
	}
	m.add(f, observables)
}

func (m *mispReader) add(f cti.Finding, observables []Observable) {
	m.document.Findings = append(m.document.Findings, f)
	if f.Detect {
		m.observables = append(m.observables, observables...)
	}
}

func (m *mispReader) attributeTags(a jsonObject) []string {
	before := len(m.document.Labels)
	labels := m.tags(a.all("Tag"))
	m.document.Labels = m.document.Labels[:before] // a label of a part is not one of the whole
	m.galaxies(a.all("Galaxy"))
	return labels
}

// finding reads what an attribute says besides its value.
func (m *mispReader) finding(a jsonObject, labels []string) cti.Finding {
	f := cti.Finding{
		ID: a.text("uuid"), Detect: a.yes("to_ids"), Description: a.text("comment"), Labels: labels, From: a.seconds("timestamp"),
	}
	if t, err := time.Parse(time.RFC3339, a.text("first_seen")); err == nil {
		f.From = t
	}
	for _, s := range a.all("Sighting") {
		at := s.seconds("date_sighting")
		switch s.text("type") { // MISP core format: sighting, false positive, end of life
		case "0", "":
			if !at.IsZero() && len(f.Seen) < maxMISPSeen {
				f.Seen = append(f.Seen, cti.Seen{Time: at, Where: cmp.Or(s.object("Organisation").text("name"), s.text("source"))})
			}
		case "1":
			f.Doubted++
		case "2":
			if f.Until.IsZero() || at.Before(f.Until) {
				f.Until = at
			}
		}
	}
	return f
}

// object reads attributes that together describe one thing. Those of a file are
// alternatives, because each hash alone tells it; of others that belong together both
// must hold.
func (m *mispReader) object(o jsonObject) {
	if o.yes("deleted") {
		return
	}
	attributes := o.all("Attribute")
	switch o.text("name") {
	case "file":
		m.file(o, attributes)
	case "ip-port", "registry-key":
		if !m.pair(o, attributes) {
			m.each(attributes)
		}
	default:
		m.each(attributes)
	}
	if c := o.text("comment"); c != "" && len(m.lines) < maxMISPText {
		m.lines = append(m.lines, c)
	}
}

func (m *mispReader) each(attributes []jsonObject) {
	for _, a := range attributes {
		m.attribute(a)
	}
}

// file makes one finding of a file's hashes; its name alone finds too much.
func (m *mispReader) file(o jsonObject, attributes []jsonObject) {
	var (
		f           cti.Finding
		observables []Observable
		rest        []jsonObject
		name        string
	)
	for _, a := range attributes {
		kind, value := a.text("type"), strings.TrimSpace(a.text("value"))
		if kind == "filename" && !a.yes("deleted") && name == "" {
			name = value
			rest = append(rest, a)
			continue
		}
		tests, found := mispTests(kind, value)
		if len(found) == 0 || found[0].Type != TypeFile || a.yes("deleted") {
			rest = append(rest, a)
			continue
		}
		own := m.finding(a, m.attributeTags(a))
		f.Any, observables = append(f.Any, tests...), append(observables, found...)
		f.Detect = f.Detect || own.Detect
		f.Seen, f.Doubted, f.Labels = append(f.Seen, own.Seen...), f.Doubted+own.Doubted, append(f.Labels, own.Labels...)
		f.Description = cmp.Or(f.Description, own.Description)
		if f.From.IsZero() || !own.From.IsZero() && own.From.Before(f.From) {
			f.From = own.From
		}
		if !own.Until.IsZero() {
			f.Until = own.Until
		}
	}
	if len(f.Any) > 0 {
		f.ID, f.Name, f.Description = o.text("uuid"), cmp.Or(name, f.Any[0][0].Value), cmp.Or(f.Description, o.text("comment"))
		m.add(f, observables)
		rest = slices.DeleteFunc(rest, func(a jsonObject) bool { return a.text("type") == "filename" && a.text("value") == name })
	}
	m.each(rest)
}

// pair makes one finding of two attributes that must hold together, and reports whether
// it could.
func (m *mispReader) pair(o jsonObject, attributes []jsonObject) bool {
	by := map[string]jsonObject{}
	for _, a := range attributes {
		if !a.yes("deleted") {
			by[a.text("object_relation")] = a
		}
	}
	kind, first, second := "regkey|value", by["key"], by["data"]
	if o.text("name") == "ip-port" {
		kind, first, second = "ip-dst|port", by["ip"], by["dst-port"]
	}
	if first == nil || second == nil || len(by) != 2 {
		return false
	}
	tests, observables := mispTests(kind, first.text("value")+"|"+second.text("value"))
	if len(tests) == 0 {
		return false
	}
	f := m.finding(first, m.attributeTags(first))
	f.ID, f.Any, f.Name = o.text("uuid"), tests, first.text("value")
	f.Detect = f.Detect || second.yes("to_ids")
	m.add(f, observables)
	return true
}

// mispTests reads a value by the type that MISP gives it (MISP core format, section 2.4.2)
// into alternatives; none for what cannot be said as a pattern.
func mispTests(kind, value string) ([][]cti.Test, []Observable) {
	switch kind {
	case "ip-src|port", "ip-dst|port", "hostname|port":
		return portTests(kind, value)
	case "domain|ip":
		domain, address, _ := strings.Cut(value, "|")
		tests, observables := observableTest(domain, Domain)
		more, others := observableTest(address, Address)
		return append(tests, more...), append(observables, others...)
	case "ip-src", "ip-dst":
		return networkTests(value)
	case "domain", "hostname":
		return observableTest(value, Domain)
	case "url":
		return observableTest(value, URL)
	case "email", "email-src", "email-dst", "email-reply-to":
		return observableTest(value, Email)
	case "mac-address":
		return observableTest(value, MAC)
	case "md5", "sha1", "sha256", "sha512", "ssdeep", "tlsh":
		return observableTest(value, FileHash)
	case "x509-fingerprint-md5", "x509-fingerprint-sha1", "x509-fingerprint-sha256":
		return observableTest(value, Certificate)
	case "filename|md5", "filename|sha1", "filename|sha256", "filename|sha512", "filename|ssdeep", "filename|tlsh", "malware-sample":
		return observableTest(value[strings.LastIndexByte(value, '|')+1:], FileHash)
	case "filename":
		return textTest("file:name", value)
	case "mutex":
		return textTest("mutex:name", value)
	case "user-agent":
		return textTest("network-traffic:extensions.http-request-ext.request_header.User-Agent", value)
	case "regkey":
		return textTest("windows-registry-key:key", registryKey(value))
	case "regkey|value":
		key, data, _ := strings.Cut(value, "|")
		key = registryKey(key)
		if key == "" || data == "" {
			return textTest("windows-registry-key:key", key)
		}
		return [][]cti.Test{{{Path: "windows-registry-key:key", Value: key}, {Path: "windows-registry-key:values[*].data", Value: data}}}, nil
	}
	return nil, nil
}

// hives are the short names of the registry's roots. STIX wants the long ones (STIX 2.1,
// section 6.17).
var hives = map[string]string{
	"HKLM": "HKEY_LOCAL_MACHINE", "HKCU": "HKEY_CURRENT_USER", "HKCR": "HKEY_CLASSES_ROOT", "HKU": "HKEY_USERS", "HKCC": "HKEY_CURRENT_CONFIG",
}

func registryKey(s string) string {
	root, rest, _ := strings.Cut(strings.TrimSpace(s), `\`)
	if long, ok := hives[strings.ToUpper(root)]; ok {
		return strings.TrimSuffix(long+`\`+rest, `\`)
	}
	for short := range hives {
		if strings.Contains(strings.ToUpper(s), short) {
			return "" // several keys in one, as in "(HKLM|HKCU)"
		}
	}
	return strings.TrimSpace(s)
}

func textTest(path, value string) ([][]cti.Test, []Observable) {
	if value == "" || len(value) > maxURL {
		return nil, nil
	}
	return [][]cti.Test{{{Path: path, Value: value}}}, nil
}

// observableTest reads one value.
func observableTest(value string, read func(string) (Observable, bool)) ([][]cti.Test, []Observable) {
	o, ok := read(value)
	if !ok {
		return nil, nil
	}
	return [][]cti.Test{{testOf(o)}}, []Observable{o}
}

// testOf is the comparison that finds an observable.
func testOf(o Observable) cti.Test {
	t := cti.Test{Path: o.Type + ":" + o.Property, Value: o.Value}
	if o.Type == TypeFile || o.Type == TypeCertificate {
		t.Path = o.Type + ":hashes." + o.Property
	}
	t.Within = (o.Type == TypeIPv4 || o.Type == TypeIPv6) && strings.Contains(o.Value, "/")
	return t
}

// networkTests reads an address or a network.
func networkTests(value string) ([][]cti.Test, []Observable) {
	p, err := netip.ParsePrefix(value)
	if err != nil || p.IsSingleIP() {
		value, _, _ = strings.Cut(value, "/")
		return observableTest(value, Address)
	}
	o := Observable{Type: TypeIPv6, Property: propertyValue, Value: p.Masked().String()}
	if p.Addr().Is4() {
		o.Type = TypeIPv4
	}
	return [][]cti.Test{{testOf(o)}}, []Observable{o}
}

// portTests reads a machine and the port that goes with it.
func portTests(kind, value string) ([][]cti.Test, []Observable) {
	host, port, _ := strings.Cut(value, "|")
	read, side := Address, "dst"
	switch kind {
	case "hostname|port":
		read = Domain
	case "ip-src|port":
		side = "src"
	}
	o, ok := read(host)
	n, err := strconv.ParseUint(port, 10, 16)
	if !ok || err != nil || n == 0 {
		return nil, nil
	}
	return [][]cti.Test{{
		{Path: "network-traffic:" + side + "_ref.value", Value: o.Value},
		{Path: "network-traffic:" + side + "_port", Value: strconv.FormatUint(n, 10), Number: true},
	}}, []Observable{o}
}

// MISPEntry is one event that a feed announces.
type MISPEntry struct {
	UUID   string // in lower case; the event lies in "<UUID>.json"
	Title  string
	Time   time.Time // of the last change; zero: the feed does not say
	Author string
}

// ParseMISPManifest reads the list of events of a MISP feed (manifest.json), sorted by
// UUID. An entry whose name is no UUID refuses the whole, because names become addresses.
func ParseMISPManifest(b []byte) ([]MISPEntry, error) {
	if err := strictjson.Check("the manifest", b, strictjson.Limits{Bytes: maxManifestSize, Depth: 8, Values: 8_000_000}); err != nil {
		return nil, err
	}
	o, ok := decodeObject(b)
	if !ok {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the manifest is not a JSON object")
	}
	entries := make([]MISPEntry, 0, len(o))
	for name := range o {
		entry := o.object(name)
		id := strings.ToLower(name)
		if entry == nil || !isUUID(id) {
			return nil, ledger.Problemf(ledger.CodeInvalid, "the manifest names something that is no event")
		}
		entries = append(entries, MISPEntry{
			UUID: id, Title: line(entry.text("info"), maxTitle), Time: entry.seconds("timestamp"), Author: line(entry.object("Orgc").text("name"), maxTitle),
		})
	}
	slices.SortFunc(entries, func(a, b MISPEntry) int { return cmp.Compare(a.UUID, b.UUID) })
	return entries, nil
}
