package misp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// limits bound an event that is handed in.
var limits = strictjson.Limits{Bytes: MaxBody, Depth: 24, Values: 1_000_000}

const (
	maxAttributes = 50_000
	maxTitle      = 1_000 // bytes of what an event is called
	maxValue      = 4_096 // bytes of a value that an attribute is found by
)

var (
	uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	day  = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
)

// members are those of a JSON object, with numbers as they stand.
type members map[string]any

func (m members) text(name string) string {
	switch v := m[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (m members) flag(name string) bool {
	switch v := m[name].(type) {
	case bool:
		return v
	case string, json.Number:
		return m.text(name) == "1" || m.text(name) == "true"
	}
	return false
}

// seconds is a time as MISP has it; zero: it has none, or one that is no number.
func (m members) seconds(name string) int64 {
	n, err := strconv.ParseInt(m.text(name), 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return 0
	}
	return n
}

func (m members) list(name string) []members {
	all, _ := m[name].([]any)
	list := make([]members, 0, len(all))
	for _, one := range all {
		if o, ok := one.(map[string]any); ok {
			list = append(list, o)
		}
	}
	return list
}

// decode reads an event, by itself or below "Event".
func decode(body []byte) (members, error) {
	if err := strictjson.Check("the event", body, limits); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil || m == nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "an event is a JSON object")
	}
	if inner, ok := m["Event"].(map[string]any); ok {
		m = inner
	}
	return m, nil
}

// decodeList reads one object or a list of at most maxAttributes of them, each by itself
// or below a name, as is their whole.
func decodeList(body []byte, below string) ([]members, error) {
	if err := strictjson.Check("the request", body, limits); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the request must be JSON")
	}
	if m, ok := v.(map[string]any); ok && m[below] != nil {
		v = m[below]
	}
	all, ok := v.([]any)
	if !ok {
		all = []any{v}
	}
	if len(all) > maxAttributes {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a request has at most %d of them", maxAttributes)
	}
	list := make([]members, 0, len(all))
	for i, one := range all {
		m, ok := one.(map[string]any)
		if !ok {
			return nil, fault(fmt.Sprintf("%s[%d]", below, i), "must be an object")
		}
		if inner, ok := m[below].(map[string]any); ok {
			m = inner
		}
		list = append(list, m)
	}
	return list, nil
}

// lower is a UUID as it is compared.
func lower(uuid string) string { return strings.ToLower(uuid) }

// merge puts the attributes and objects of an older edition under those of a newer one
// that does not name them, or that knows less of them: an edit says what changes.
func merge(older, newer members) {
	mergeList(older, newer, "Attribute", func(_, _ members) {})
	mergeList(older, newer, "Object", func(was, is members) {
		if !is.flag("deleted") {
			mergeList(was, is, "Attribute", func(_, _ members) {})
		}
		was["Attribute"] = is["Attribute"] // whichever of both objects stays
	})
	if _, said := newer["Tag"]; !said && older["Tag"] != nil {
		newer["Tag"] = older["Tag"]
	}
}

// mergeList merges what both editions have by a name; both is called for what both name.
func mergeList(older, newer members, name string, both func(was, is members)) {
	all, _ := newer[name].([]any)
	type place struct {
		i  int
		is members
	}
	at := make(map[string]place, len(all))
	for i, one := range all {
		if m, ok := one.(map[string]any); ok {
			at[lower(members(m).text("uuid"))] = place{i, m}
		}
	}
	for _, was := range older.list(name) {
		p, named := at[lower(was.text("uuid"))]
		if !named {
			all = append(all, map[string]any(was))
			continue
		}
		both(was, p.is)
		if later(was, p.is) {
			all[p.i] = map[string]any(was)
		}
	}
	if len(all) > 0 {
		newer[name] = all
	}
}

// later reports whether what is kept came after what an edition says of the same, as
// MISP tells: another server's edition may be newer, and not have heard of a change or a
// deletion here. What has no time is of the edition.
func later(was, is members) bool {
	at, said := was.seconds("timestamp"), is.seconds("timestamp")
	return said != 0 && (at > said || at == said && was.flag("deleted"))
}

// Event reads an event that the node makes itself: the form of a report that a member
// shared. The organisation is who made it, where the event names none.
func Event(body []byte, organisation string, now time.Time) (*fact.MISPEvent, error) {
	m, err := decode(body)
	if err != nil {
		return nil, err
	}
	return event(m, organisation, now)
}

// event makes what is kept of an event: what it lacks is completed as MISP does. The
// organisation is who handed it in, for events that name none.
func event(m members, organisation string, now time.Time) (*fact.MISPEvent, error) {
	e := &fact.MISPEvent{
		UUID: strings.ToLower(m.text("uuid")), Info: m.text("info"), Date: m.text("date"), Published: m.flag("published"),
		Timestamp: m.seconds("timestamp"), PublishedAt: m.seconds("publish_timestamp"), ThreatLevel: int(m.seconds("threat_level_id")),
	}
	if orgc, ok := m["Orgc"].(map[string]any); ok {
		e.Orgc = members(orgc).text("name")
	}
	if e.Orgc == "" {
		e.Orgc = organisation
		m["Orgc"] = map[string]any{"name": organisation}
	}
	if e.UUID == "" {
		e.UUID = newUUID()
	}
	if e.Timestamp == 0 {
		e.Timestamp = now.Unix()
	}
	if e.Date == "" {
		e.Date = now.UTC().Format(time.DateOnly)
	}
	if e.ThreatLevel < 1 || e.ThreatLevel > 4 {
		e.ThreatLevel = 4
	}
	switch {
	case !uuid.MatchString(e.UUID):
		return nil, fault("uuid", "must be a UUID")
	case e.Info == "" || len(e.Info) > maxTitle:
		return nil, fault("info", fmt.Sprintf("must say in at most %d bytes what the event is", maxTitle))
	case !day.MatchString(e.Date):
		return nil, fault("date", "must be a day, as 2026-11-30")
	}
	m["uuid"], m["date"], m["timestamp"], m["threat_level_id"] = e.UUID, e.Date, strconv.FormatInt(e.Timestamp, 10), strconv.Itoa(e.ThreatLevel)
	tagged := map[string]bool{}
	for _, tag := range m.list("Tag") {
		if name := tag.text("name"); name != "" && !strings.Contains(name, "\n") && !tagged[name] {
			tagged[name] = true
			e.Tags = append(e.Tags, name)
		}
	}
	if err := attributes(e, m); err != nil {
		return nil, err
	}
	m["attribute_count"] = strconv.Itoa(len(e.Attributes))
	for _, mine := range []string{"id", "org_id", "orgc_id", "event_creator_email"} { // another server's own
		delete(m, mine)
	}
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding an event: %w", err)
	}
	// What was completed or put together has more than what came, and must be one that
	// can be read again.
	if err := strictjson.Check("the event as it would be kept", body, limits); err != nil {
		return nil, err
	}
	e.Body = body
	return e, nil
}

// attributes completes an event's attributes, those of its objects as well, and lists
// what it is found by.
func attributes(e *fact.MISPEvent, m members) error {
	all := m.list("Attribute")
	for _, o := range m.list("Object") {
		complete(o, e)
		all = append(all, o.list("Attribute")...)
	}
	if len(all) > maxAttributes {
		return ledger.Problemf(ledger.CodeTooLarge, "an event has at most %d attributes", maxAttributes)
	}
	seen := map[string]bool{}
	for i, a := range all {
		complete(a, e)
		id, kind, value := strings.ToLower(a.text("uuid")), a.text("type"), a.text("value")
		switch {
		case !uuid.MatchString(id) || seen[id]:
			return fault(fmt.Sprintf("Attribute[%d].uuid", i), "must be a UUID of its own")
		case kind == "" || value == "":
			return fault(fmt.Sprintf("Attribute[%d]", i), "must have a type and a value")
		}
		seen[id] = true
		if a.flag("deleted") {
			continue
		}
		doc, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("encoding an attribute: %w", err)
		}
		e.Attributes = append(e.Attributes, fact.MISPAttribute{
			UUID: id, Type: kind, Category: a.text("category"), Values: values(kind, value), ToIDs: a.flag("to_ids"), Timestamp: a.seconds("timestamp"), Doc: doc,
		})
	}
	return nil
}

func complete(one members, e *fact.MISPEvent) {
	if one.text("uuid") == "" {
		one["uuid"] = newUUID()
	}
	if one.seconds("timestamp") == 0 {
		one["timestamp"] = strconv.FormatInt(e.Timestamp, 10)
	}
	delete(one, "id")
	delete(one, "event_id")
}

// values are those by which an attribute is found: both parts of one that has two, and
// the whole.
func values(kind, value string) []string {
	list := []string{value}
	if strings.Contains(kind, "|") {
		if first, second, ok := strings.Cut(value, "|"); ok {
			list = append(list, first, second)
		}
	}
	return slices.DeleteFunc(list, func(v string) bool { return v == "" || len(v) > maxValue })
}

func fault(field, detail string) error {
	return &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the request is not valid", Faults: []ledger.Fault{{Field: "body." + field, Detail: detail}}}
}
