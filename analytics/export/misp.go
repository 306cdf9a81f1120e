package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/cti"
)

// The event as MISP imports it (MISP core format). Numbers are texts there.
type mispEvent struct {
	UUID         string          `json:"uuid"`
	Info         string          `json:"info"`
	Date         string          `json:"date"`
	Timestamp    string          `json:"timestamp"`
	ThreatLevel  string          `json:"threat_level_id"`
	Analysis     string          `json:"analysis"`
	Distribution string          `json:"distribution"`
	Published    bool            `json:"published"`
	PublishedAt  string          `json:"publish_timestamp,omitempty"`
	Orgc         mispOrg         `json:"Orgc"`
	Tags         []mispTag       `json:"Tag"`
	Attributes   []mispAttribute `json:"Attribute"`
}

type mispOrg struct {
	Name string `json:"name"`
	UUID string `json:"uuid"`
}

type mispTag struct {
	Name string `json:"name"`
}

type mispAttribute struct {
	UUID         string    `json:"uuid"`
	Type         string    `json:"type"`
	Category     string    `json:"category"`
	Value        string    `json:"value"`
	Comment      string    `json:"comment"`
	Detect       bool      `json:"to_ids"`
	Timestamp    string    `json:"timestamp"`
	Distribution string    `json:"distribution"`
	Tags         []mispTag `json:"Tag,omitempty"`
}

// Nobody but the receiver's own organisation gets what is imported, until it decides
// otherwise: MISP's distribution 0, and 5 for what follows its event.
const (
	ownOrganisation = "0"
	asTheEvent      = "5"
)

// writeMISP writes one event with an attribute for each value. An indicator of one value
// gives its UUID to its attribute, as the reader of events does the other way round.
func writeMISP(s Set, about About) (Output, error) {
	newest := about.Time
	parts := []string{"misp event", about.Title, about.Organisation}
	for _, i := range s.Indicators {
		parts = append(parts, i.ID)
		if about.Time.IsZero() && i.updated.After(newest) {
			newest = i.updated
		}
	}
	e := mispEvent{
		UUID: cti.UUID(parts...), Info: oneLine(about.Title), Date: newest.UTC().Format(time.DateOnly), Timestamp: seconds(newest),
		ThreatLevel: "4", Analysis: "2", Distribution: ownOrganisation,
		Orgc: mispOrg{Name: oneLine(about.Organisation), UUID: cti.UUID("misp organisation", about.Organisation)},
		Tags: []mispTag{}, Attributes: []mispAttribute{},
	}
	if e.Info == "" {
		e.Info = "Indicators"
	}
	if about.Report != "" {
		e.UUID, e.Published, e.PublishedAt = cti.UUID("misp report", about.Report), true, e.Timestamp
	}
	if level := cti.Stricter(s.Level(), about.Marking); level != "" {
		e.Tags = append(e.Tags, mispTag{"tlp:" + level})
	}
	left := 0
	for _, i := range s.Indicators {
		attributes := mispAttributes(i)
		if len(attributes) == 0 {
			left++
		}
		e.Attributes = append(e.Attributes, attributes...)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(struct{ Event mispEvent }{e}); err != nil {
		return Output{}, fmt.Errorf("writing a MISP event: %w", err)
	}
	return Output{Body: b.Bytes(), Left: left}, nil
}

func seconds(t time.Time) string {
	if t.IsZero() || t.Unix() < 0 {
		return "0"
	}
	return strconv.FormatInt(t.Unix(), 10)
}

func mispAttributes(i Indicator) []mispAttribute {
	var all []mispAttribute
	said := map[string]bool{}
	add := func(kind, category, value string) {
		a := mispAttribute{
			UUID: uuid(i.ID), Type: kind, Category: category, Value: value, Comment: oneLine(i.Name), Detect: true,
			Timestamp: seconds(i.updated), Distribution: asTheEvent,
		}
		if len(i.Any) > 1 {
			a.UUID = cti.UUID("misp attribute", i.ID, kind, value)
		}
		if said[a.UUID] {
			return // two alternatives are the same here
		}
		said[a.UUID] = true
		if i.Level != "" {
			a.Tags = append(a.Tags, mispTag{"tlp:" + i.Level})
		}
		for _, l := range i.Labels {
			a.Tags = append(a.Tags, mispTag{oneLine(l)})
		}
		all = append(all, a)
	}
	switch i.Language {
	case "yara", "sigma", "snort":
		add(i.Language, map[string]string{"yara": "Payload delivery", "sigma": "Payload delivery", "snort": "Network activity"}[i.Language], i.Pattern)
	}
	for _, c := range i.Any {
		if kind, category, value := mispValue(c); kind != "" {
			add(kind, category, value)
		}
	}
	return all
}

// mispHashes are the types of hashes by their names in STIX.
var mispHashes = map[string]string{"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512", "SSDEEP": "ssdeep", "TLSH": "tlsh"}

// mispPaths are the types of values that are compared as they stand.
var mispPaths = map[string][2]string{
	"file:name": {"filename", "Payload delivery"}, "mutex:name": {"mutex", "Artifacts dropped"},
	"windows-registry-key:key": {"regkey", "Persistence mechanism"},
	"network-traffic:extensions.http-request-ext.request_header.User-Agent": {"user-agent", "Network activity"},
}

// mispValue is the type, category and value of an attribute; empty for what MISP has no
// type for.
func mispValue(c Combined) (kind, category, value string) {
	if len(c.Tests) == 2 {
		return mispPair(c.Tests[0], c.Tests[1])
	}
	switch o := c.Single; o.Type {
	case adapt.TypeIPv4, adapt.TypeIPv6:
		return "ip-dst", "Network activity", o.Value
	case adapt.TypeDomain:
		return "domain", "Network activity", o.Value
	case adapt.TypeURL:
		return "url", "Network activity", o.Value
	case adapt.TypeEmail:
		return "email-src", "Payload delivery", o.Value
	case adapt.TypeMAC:
		return "mac-address", "Network activity", o.Value
	case adapt.TypeFile:
		value := o.Value
		if o.Property == "TLSH" {
			value = strings.TrimPrefix(value, "t1") // MISP has it without its version
		}
		return mispHashes[o.Property], "Payload delivery", value
	case adapt.TypeCertificate:
		if k, ok := mispHashes[o.Property]; ok && o.Property != "SHA-512" {
			return "x509-fingerprint-" + k, "Network activity", o.Value
		}
		return "", "", ""
	}
	if len(c.Tests) != 1 {
		return "", "", ""
	}
	t := c.Tests[0]
	if p, ok := mispPaths[t.Path]; ok && !t.Within && !strings.ContainsAny(t.Value, "\r\n|") {
		return p[0], p[1], t.Value
	}
	return "", "", ""
}

func mispPair(a, b cti.Test) (kind, category, value string) {
	for _, side := range []string{"dst", "src"} {
		if a.Path != "network-traffic:"+side+"_ref.value" || b.Path != "network-traffic:"+side+"_port" {
			continue
		}
		port, err := strconv.ParseUint(b.Value, 10, 16)
		if err != nil {
			continue
		}
		number := strconv.FormatUint(port, 10)
		if address, err := netip.ParseAddr(a.Value); err == nil && address.Zone() == "" {
			return "ip-" + side + "|port", "Network activity", address.String() + "|" + number
		}
		if o, ok := adapt.Domain(a.Value); ok && side == "dst" {
			return "hostname|port", "Network activity", o.Value + "|" + number
		}
	}
	if a.Path == "windows-registry-key:key" && b.Path == "windows-registry-key:values[*].data" && !strings.Contains(a.Value, "|") {
		return "regkey|value", "Persistence mechanism", a.Value + "|" + b.Value
	}
	return "", "", ""
}

// oneLine makes one line of a text for people.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd")))
}
