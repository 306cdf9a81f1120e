package phd

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The formats of FHIR's dateTime.
const (
	seconds = "2006-01-02T15:04:05-07:00"
	millis  = "2006-01-02T15:04:05.000-07:00"
)

// systemSequence is under what a measurement's sequence number is known, with its
// device's id before it.
const systemSequence = "urn:secant:phd:sequence"

// systemUnit is under what a device is known by its unit id, as in Device resources of
// the FHIR interface.
const systemUnit = "urn:secant:unit"

// Bundle says what was measured by a device (unit, its id on the ledger) as resources:
// the device, the phone if it is described, the look at the device's clock, and the
// observations. It is the same for the same record.
func (m *Measurement) Bundle(unit string) *Bundle {
	b := &builder{m: m, unit: unit, bundle: &Bundle{ResourceType: "Bundle", Type: "collection"}}
	device := b.add(m.phd(unit))
	gateway := ""
	if m.gateway != nil {
		gateway = b.add(m.phg())
	}
	effective := m.effective()
	coincident := ""
	if effective.looked {
		coincident = b.add(m.coincident(device, gateway))
	}
	first := ""
	for i := range m.reading.measured {
		o := b.observation(&m.reading.measured[i], effective)
		if gateway != "" {
			o.Extension = append(o.Extension, Extension{URL: urlGateway, ValueReference: &Reference{Reference: gateway}})
		}
		if coincident != "" {
			o.Extension = append(o.Extension, Extension{URL: urlCoincident, ValueReference: &Reference{Reference: coincident}})
		}
		o.Device = &Reference{Reference: device}
		if m.reading.measured[i].from && first != "" {
			o.DerivedFrom = append(o.DerivedFrom, Reference{Reference: first})
		}
		if full := b.add(o); first == "" {
			first = full
		}
	}
	return b.bundle
}

type builder struct {
	m      *Measurement
	unit   string
	bundle *Bundle
}

// add adds a resource under an address that follows from its record and place.
func (b *builder) add(resource any) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%d\x00", b.unit, len(b.bundle.Entry))
	h.Write(b.m.record)
	id := h.Sum(nil)[:16]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // RFC 9562, version 8
	text := hex.EncodeToString(id)
	full := "urn:uuid:" + strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
	b.bundle.Entry = append(b.bundle.Entry, Entry{FullURL: full, Resource: resource})
	return full
}

// observation dresses what was measured.
func (b *builder) observation(w *measured, at effective) *Observation {
	o := &Observation{
		ResourceType: "Observation", Meta: Meta{Profile: slices.Clone(w.profiles)}, Status: "final", Code: w.code, Value: w.value, Component: w.parts,
	}
	if w.vital {
		o.Category = []Concept{concept("Vital Signs", Coding{System: systemCategory, Code: "vital-signs"})}
	}
	o.Category = append(o.Category, concept("", Coding{System: guide + "CodeSystem/PhdObservationCategories", Code: "phd"}))
	o.Subject = b.m.about()
	if w.beyond {
		o.Subject = Reference{Extension: why("not-applicable")}
	}
	if at.at == "" {
		o.EffectiveTimed = &Timed{Extension: why(unknown)}
	}
	o.Effective = at.at
	if at.note != "" {
		o.Note = []Note{{at.note}}
	}
	if n := b.m.reading.sequence; n != nil {
		id := Identifier{System: systemSequence, Value: fmt.Sprintf("%s-%d", b.unit, *n)}
		switch {
		case w.context:
			o.DerivedFrom = []Reference{{Type: "Observation", Identifier: &id}}
		case !w.from:
			o.Identifier = []Identifier{id}
		}
	}
	w.status.wear(o)
	return o
}

func why(a absent) []Extension { return []Extension{{URL: urlAbsent, ValueCode: string(a)}} }

func (m *Measurement) about() Reference {
	if m.subject == "" {
		return Reference{Extension: why(unknown)}
	}
	return Reference{Reference: m.subject}
}

// effective is when something was measured.
type effective struct {
	at     string // empty: it is not known
	looked bool   // by the device's clock, compared with the phone's
	note   string
}

const (
	noteUncompared = "The device's clock was not compared with another: the time is what the device said, in the phone's zone."
	noteUnset      = "The device's clock was not set: the time is that of the phone, on receiving the value."
	noteDoubtful   = "The device says that its time may be wrong."
	noteLost       = "The device lost the time of the measurement."
	noteSession    = "The session's start was not read: the time is that of the phone, on receiving the value."
)

// effective finds out when something was measured: by the device's time stamp brought
// to the phone's clock, which differs from the device's by what one look at both showed;
// and when the device has no time, by when the phone received it.
func (m *Measurement) effective() effective {
	r := &m.reading
	received := effective{at: written(m.received, m.received)}
	base := r.stamp
	if r.session {
		base = m.session
	}
	switch {
	case base == nil && r.session:
		received.note = noteSession
		return received
	case base == nil:
		return received
	case r.unset || m.clock != nil && !m.clock.device.known:
		received.note = noteUnset
		return received
	case !base.known || r.lost:
		return effective{note: noteLost}
	}
	at := base.at.Add(time.Duration(r.offset) * time.Minute)
	e := effective{note: noteUncompared}
	zone := m.received
	if m.clock != nil {
		zone = m.clock.phone
		e = effective{looked: true}
		at = m.clock.phone.Add(at.Sub(m.clock.device.at))
	} else {
		_, offset := m.received.Zone()
		at = at.Add(-time.Duration(offset) * time.Second)
	}
	if r.doubtful {
		e.note = noteDoubtful
	}
	if y := at.In(zone.Location()).Year(); y < 1 || y > 9999 {
		return effective{note: noteLost}
	}
	e.at = written(at, zone)
	return e
}

// written writes a moment in another's zone.
func written(at, zone time.Time) string {
	at = at.In(zone.Location())
	if at.Nanosecond() == 0 {
		return at.Format(seconds)
	}
	return at.Format(millis)
}

// coincident is the look at the device's clock (PhdCoincidentTimeStampObservation).
func (m *Measurement) coincident(device, gateway string) *Observation {
	o := &Observation{
		ResourceType: "Observation", Meta: Meta{Profile: []string{profiles + "PhdCoincidentTimeStampObservation"}}, Status: "final",
		Code: concept("Absolute time", mdc("67975", "MDC_ATTR_TIME_ABS")), Subject: Reference{Reference: device},
		Effective: written(m.clock.phone, m.clock.phone),
	}
	if gateway != "" {
		o.Device = &Reference{Reference: gateway}
	}
	_, offset := m.clock.phone.Zone()
	at := m.clock.device.at.Add(-time.Duration(offset) * time.Second)
	o.Value = Value{DateTime: written(at, m.clock.phone)}
	return o
}

// phd is the device.
func (m *Measurement) phd(unit string) *Device {
	d := m.device.dress(&Device{
		ResourceType: "Device", Meta: Meta{Profile: []string{profiles + "PhdDevice"}},
		Type:           concept("Personal health device", mdc("65573", "MDC_MOC_VMS_MDS_SIMP")),
		Specialization: []Specialization{{concept(m.kind.wordy, m.kind.profile)}},
	})
	d.Identifier = append(d.Identifier, Identifier{System: systemUnit, Value: unit})
	return d
}

// phg is the phone.
func (m *Measurement) phg() *Device {
	d := m.gateway.dress(&Device{
		ResourceType: "Device", Meta: Meta{Profile: []string{profiles + "PhgDevice"}},
		Type: concept("Personal health gateway", mdc("531981", "MDC_MOC_VMS_MDS_AHD")),
	})
	return d
}

// dress puts on a device what is known of it.
func (d *Description) dress(to *Device) *Device {
	if d == nil {
		return to
	}
	kindOf := func(code string) *Concept { return &Concept{Coding: []Coding{{System: systemIDs, Code: code}}} }
	if d.SystemID != "" {
		to.Identifier = append(to.Identifier, Identifier{kindOf("SYSID"), "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680", dashed(d.SystemID)})
	}
	if d.Address != "" {
		to.Identifier = append(to.Identifier, Identifier{kindOf("BTMAC"), "http://hl7.org/fhir/sid/eui-48/bluetooth", dashed(d.Address)})
	}
	to.Manufacturer, to.ModelNumber, to.SerialNumber = d.Manufacturer, d.Model, d.Serial
	for _, v := range []struct{ text, code, display, name string }{
		{d.Firmware, "531976", "MDC_ID_PROD_SPEC_FW", "Firmware revision"},
		{d.Software, "531975", "MDC_ID_PROD_SPEC_SW", "Software revision"},
		{d.Hardware, "531974", "MDC_ID_PROD_SPEC_HW", "Hardware revision"},
	} {
		if v.text != "" {
			c := concept(v.name, mdc(v.code, v.display))
			to.Version = append(to.Version, Version{Type: &c, Value: v.text})
		}
	}
	return to
}

// dashed writes hexadecimal digits as the guide does: upper case, in pairs.
func dashed(s string) string {
	var pairs []string
	for pair := range slices.Chunk([]byte(strings.ToUpper(s)), 2) {
		pairs = append(pairs, string(pair))
	}
	return strings.Join(pairs, "-")
}
