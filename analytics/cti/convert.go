package cti

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Sharer is the organisation under whose name a report is made.
type Sharer struct {
	ID       string         // MSP id
	Name     string         // for people
	Networks []netip.Prefix // public networks of its own: inside, never to be named
}

// indicatorLife is how long an address seen attacking is worth watching: the
// lifetime of the network-detection model among MISP's decaying models.
const indicatorLife = 120 * 24 * time.Hour

// FromEVE makes a report of an alert under a TLP 2.0 marking. The same alert
// gives the same bytes to the same sharer, so that sharing it twice is one
// report. Of the two machines in an alert only a public address that attacked is
// named; everything else that would tell of the sharer's network is withheld,
// and the report says so.
func FromEVE(a *Alert, by Sharer, marking string) (*Report, error) {
	if strictness(marking) == 0 {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the marking must be a TLP 2.0 level")
	}
	if by.ID == "" || by.Name == "" {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the sharer needs an id and a name")
	}
	w := &writer{alert: a, by: by, marking: marking, said: a.judge(by.Networks)}
	body, err := w.write()
	if err != nil {
		return nil, err
	}
	// What is served is what others will read: read it as they will.
	r, err := ParseBundle(body)
	if err != nil {
		return nil, fmt.Errorf("reading the report just made: %w", err)
	}
	return r, nil
}

// writer makes one bundle. The first error sticks.
type writer struct {
	alert   *Alert
	by      Sharer
	marking string
	said    judgement

	author  string
	key     []any // all that identifies the alert and may be told
	objects []any
	refs    []string // of the report
	err     error
}

func (w *writer) id(kind string, parts ...any) string {
	id, err := ownID(kind, append(slices.Clone(w.key), parts...)...)
	if err != nil && w.err == nil {
		w.err = err
	}
	return id
}

// common fills what objects about this alert have in common.
func (w *writer) common(kind string, parts ...any) common {
	now := stamp(w.alert.Time)
	return common{
		Type: kind, SpecVersion: specVersion, ID: w.id(kind, parts...), CreatedBy: w.author,
		Created: now, Modified: now, Confidence: w.alert.Confidence, Markings: []string{tlp2[w.marking]},
	}
}

// add appends an object and lets the report refer to it.
func (w *writer) add(id string, o any) {
	w.objects = append(w.objects, o)
	w.refs = append(w.refs, id)
}

func (w *writer) write() ([]byte, error) {
	a := w.alert
	author, err := ownID("identity", w.by.ID)
	if err != nil {
		return nil, err
	}
	w.author = author
	hostile := ""
	if w.said.hostile.IsValid() {
		hostile = w.said.hostile.String()
	}
	w.key = []any{
		author, w.marking, stamp(a.Time), a.Generator, a.SignatureID, a.Revision,
		hostile, w.said.attacked.Protocol, w.said.attacked.Port, w.said.remote,
	}
	w.objects = append(w.objects, markingObject(w.marking))
	if w.marking != levelClear {
		w.objects = append(w.objects, markingObject(levelClear))
	}
	w.objects = append(w.objects, extensionDefinition(), projectObject())
	w.add(author, w.identity())

	var sighted []string
	if hostile != "" {
		sighted = append(sighted, w.address(hostile))
	}
	vulnerabilities := w.vulnerabilities()
	if len(sighted) == 0 {
		sighted = vulnerabilities
	}
	w.techniques()
	for _, of := range sighted {
		w.sighting(of)
	}
	w.report()
	if w.err != nil {
		return nil, w.err
	}
	return encode(stixBundle{Type: "bundle", ID: w.id("bundle"), Objects: w.objects})
}

// encode writes compact JSON without HTML escapes.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding the report: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func (w *writer) identity() stixIdentity {
	return stixIdentity{
		common: common{
			Type: "identity", SpecVersion: specVersion, ID: w.author,
			Created: fixedTime, Modified: fixedTime, // unmarked: one object in reports of every marking
		},
		Name: w.by.Name, Class: "organization", Sectors: []string{"healthcare"},
	}
}

// address writes the hostile address, what was seen of it and an indicator for
// it, and returns the indicator's id.
func (w *writer) address(value string) string {
	kind, family := "ipv6-addr", "ipv6"
	if w.said.hostile.Is4() {
		kind, family = "ipv4-addr", "ipv4"
	}
	marks := []string{tlp2[w.marking]}
	addr := w.observable(kind, map[string]any{"value": value})
	w.add(addr, stixAddress{kind, specVersion, addr, marks, value})

	traffic := stixTraffic{
		Type: "network-traffic", SpecVersion: specVersion, Markings: marks,
		Protocols: []string{family, w.alert.Protocol},
	}
	if w.alert.Application != "" {
		traffic.Protocols = append(traffic.Protocols, w.alert.Application)
	}
	contributing := map[string]any{"protocols": traffic.Protocols}
	if w.said.calls {
		traffic.Destination, traffic.Port = addr, w.said.remote
		contributing["dst_ref"] = addr
	} else {
		traffic.Source, traffic.Port = addr, w.said.attacked.Port
		contributing["src_ref"] = addr
	}
	if traffic.Port != 0 {
		contributing["dst_port"] = traffic.Port
	}
	traffic.ID = w.observable("network-traffic", contributing)
	w.add(traffic.ID, traffic)

	seen := stamp(w.alert.Time)
	observed := stixObserved{
		common: w.common("observed-data"), First: seen, Last: seen, Number: 1, Refs: []string{addr, traffic.ID},
	}
	w.add(observed.ID, observed)

	indicator := stixIndicator{
		common:      w.common("indicator"),
		Name:        "Address behind: " + w.withheld(w.alert.Signature),
		Description: "An address that raised an intrusion detection alert. Addresses change hands; one alert is no proof of intent.",
		Types:       []string{w.indicatorType()},
		Pattern:     "[" + kind + ":value = '" + value + "']",
		PatternType: "stix",
		ValidFrom:   seen,
		ValidUntil:  stamp(w.alert.Time.Add(indicatorLife)),
	}
	w.add(indicator.ID, indicator)
	return indicator.ID
}

func (w *writer) observable(kind string, contributing map[string]any) string {
	id, err := observableID(kind, contributing)
	if err != nil && w.err == nil {
		w.err = err
	}
	return id
}

// indicatorType keeps "malicious" for the two highest priorities.
func (w *writer) indicatorType() string {
	if p := w.alert.Priority; p == 1 || p == 2 {
		return "malicious-activity"
	}
	return "anomalous-activity"
}

// vulnerabilities names the CVEs of the rule. The objects are the same in every
// report of this sharer, so that receivers do not pile them up.
func (w *writer) vulnerabilities() []string {
	var ids []string
	for _, cve := range w.alert.CVEs {
		id, err := ownID("vulnerability", w.author, w.marking, cve)
		if err != nil && w.err == nil {
			w.err = err
		}
		w.add(id, stixNamed{
			common: common{
				Type: "vulnerability", SpecVersion: specVersion, ID: id, CreatedBy: w.author,
				Created: fixedTime, Modified: fixedTime, Markings: []string{tlp2[w.marking]},
				References: []reference{{Source: "cve", ID: cve}},
			},
			Name: cve,
		})
		ids = append(ids, id)
	}
	return ids
}

// techniques names the ATT&CK techniques that the rule's author attached, and
// none that would have to be guessed.
func (w *writer) techniques() {
	for _, t := range w.alert.Techniques {
		id, err := ownID("attack-pattern", w.author, w.marking, t)
		if err != nil && w.err == nil {
			w.err = err
		}
		w.add(id, stixNamed{
			common: common{
				Type: "attack-pattern", SpecVersion: specVersion, ID: id, CreatedBy: w.author,
				Created: fixedTime, Modified: fixedTime, Markings: []string{tlp2[w.marking]},
				References: []reference{techniqueReference(t)},
			},
			Name: "ATT&CK " + t,
		})
		if w.said.hostile.IsValid() {
			link := stixRelationship{
				common: w.common("relationship", t), Kind: "indicates", Source: w.id("indicator"), Target: id,
			}
			w.add(link.ID, link)
		}
	}
}

// techniqueReference is where a technique of ATT&CK is described.
func techniqueReference(id string) reference {
	return reference{
		Source: "mitre-attack", ID: id,
		URL: "https://attack.mitre.org/techniques/" + strings.ReplaceAll(id, ".", "/"),
	}
}

func (w *writer) sighting(of string) {
	seen := stamp(w.alert.Time)
	s := stixSighting{
		common: w.common("sighting", of), First: seen, Last: seen, Count: 1, Of: of, Where: []string{w.author},
	}
	if w.said.hostile.IsValid() {
		s.Observed = []string{w.id("observed-data")}
	}
	w.add(s.ID, s)
}

func (w *writer) report() {
	a := w.alert
	signature := w.withheld(a.Signature)
	props := alertProperties{
		ExtensionType: "property-extension", Sensor: "Suricata",
		Signature: signature, SignatureID: a.SignatureID, Generator: a.Generator, Revision: a.Revision,
		Category: w.withheld(a.Category), Priority: a.Priority, Action: a.Action, Application: a.Application,
		AttackedProtocol: w.said.attacked.Protocol, AttackedPort: w.said.attacked.Port,
	}
	r := stixReport{
		common: w.common("report"), Name: signature, Description: w.description(),
		Types: []string{"observed-data"}, Published: stamp(a.Time), Refs: w.refs,
		Extensions: map[string]any{alertExtension: props},
	}
	if w.said.hostile.IsValid() {
		r.Types = []string{"indicator"}
	}
	w.objects = append(w.objects, r)
}

// description says what was seen and what was left out.
func (w *writer) description() string {
	var b strings.Builder
	b.WriteString("An intrusion detection alert")
	if s := w.said.attacked; s.Port != 0 {
		b.WriteString(" about the service " + s.String())
	}
	switch {
	case w.said.hostile.IsValid() && w.said.calls:
		b.WriteString(", raised by a connection to " + w.said.hostile.String())
	case w.said.hostile.IsValid():
		b.WriteString(", raised by " + w.said.hostile.String())
	}
	b.WriteString(". Withheld by the sharer: every address inside its network, ports of clients, host names, payload and sensor.")
	if !w.said.hostile.IsValid() {
		b.WriteString(" No public address can be called hostile in this alert.")
	}
	return b.String()
}

var (
	runForm  = regexp.MustCompile(`[0-9A-Za-z:.%]+`)               // what an address may be written in
	ipv4Form = regexp.MustCompile(`[0-9]{1,3}(?:\.[0-9]{1,3}){3}`) // also inside a longer word
)

const addressWithheld = "[address withheld]"

// withheld removes from a text of the sharer's own rules every address but the
// hostile one.
func (w *writer) withheld(s string) string {
	return withhold(s, func(addr netip.Addr) bool {
		return addr.IsUnspecified() || normal(addr) == w.said.hostile // "::" is punctuation in messages
	})
}

// withhold removes from a text every address that is not allowed in it.
func withhold(s string, allowed func(netip.Addr) bool) string {
	s = runForm.ReplaceAllStringFunc(s, func(run string) string {
		core := strings.TrimRight(run, ".")
		addr, err := netip.ParseAddr(core)
		if err != nil {
			core = strings.TrimSuffix(core, ":")
			if addr, err = netip.ParseAddr(core); err != nil {
				return run
			}
		}
		if allowed(addr) {
			return run
		}
		return addressWithheld + run[len(core):]
	})
	return ipv4Form.ReplaceAllStringFunc(s, func(m string) string {
		if addr, err := netip.ParseAddr(m); err == nil && allowed(addr) {
			return m
		}
		return addressWithheld
	})
}
