package phd

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Record is a characteristic's value as a phone read it.
type Record struct {
	// Characteristic is its assigned number, 4 hexadecimal digits ("2a35"), or the UUID
	// that has it.
	Characteristic string `json:"characteristic"`
	// Service is that of its service, for whoever reads the record. Optional.
	Service string `json:"service,omitempty"`
	// Value is the characteristic's value in hexadecimal digits, as it came.
	Value string `json:"value"`
	// Received is when the phone received it, by the phone's clock and in its zone
	// (RFC 3339).
	Received string `json:"received"`
	// Clock is what the device's clock said. Without it a device's time stamps are taken
	// for the phone's local time, and their observations say so.
	Clock *Clock `json:"clock,omitempty"`
	// Session is the value of a glucose monitor's CGM Session Start Time (0x2AAA) in
	// hexadecimal digits, from which its time offsets count.
	Session string `json:"session,omitempty"`
	// Device is what the device says of itself.
	Device *Description `json:"device,omitempty"`
	// Gateway is the phone and its app.
	Gateway *Description `json:"gateway,omitempty"`
	// Subject is whom it is about, as a reference ("Patient/ID"): a pseudonym, no name.
	Subject string `json:"subject,omitempty"`
}

// Clock is one look at a device's clock.
type Clock struct {
	// Value is that of Current Time (0x2A2B) or Date Time (0x2A08) in hexadecimal digits.
	Value string `json:"value"`
	// Read is when the phone read it, by the phone's clock and in its zone (RFC 3339).
	Read string `json:"read"`
}

// Description is what a device or a phone is (Device Information Service). All of it is
// optional.
type Description struct {
	SystemID     string `json:"systemId,omitempty"` // EUI-64, 16 hexadecimal digits
	Address      string `json:"address,omitempty"`  // of Bluetooth, 12 hexadecimal digits
	Manufacturer string `json:"manufacturer,omitempty"`
	Model        string `json:"model,omitempty"`
	Serial       string `json:"serial,omitempty"`
	Firmware     string `json:"firmware,omitempty"`
	Software     string `json:"software,omitempty"`
	Hardware     string `json:"hardware,omitempty"`
}

// Measurement is a record that was read.
type Measurement struct {
	record   []byte
	kind     *kind
	reading  reading
	received time.Time
	clock    *look
	session  *stamp
	device   *Description
	gateway  *Description
	subject  string
}

// Received is when the phone received the value, by its own clock.
func (m *Measurement) Received() time.Time { return m.received }

// Subject is whom it is about, as a reference ("Patient/ID"); empty when that is not said.
func (m *Measurement) Subject() string { return m.subject }

// look is a device's time beside the phone's.
type look struct {
	device stamp
	phone  time.Time
}

// kind is a characteristic that is read here.
type kind struct {
	decode  func(*reader) reading
	flags   int    // the bits of its first byte that mean something; -1: a length comes first
	profile Coding // of the device
	wordy   string // what the device is
}

// kinds are the characteristics that are read here, by their assigned numbers.
var kinds = map[string]*kind{
	"2a37": {decode: heartRate, flags: 0x1f, profile: mdc("528525", "MDC_DEV_SUB_SPEC_PROFILE_HR"), wordy: "Heart rate sensor"},
	"2a35": {decode: bloodPressure, flags: 0x1f, profile: mdc("528391", "MDC_DEV_SPEC_PROFILE_BP"), wordy: "Blood pressure monitor"},
	"2a1c": {decode: temperature, flags: 0x07, profile: mdc("528392", "MDC_DEV_SPEC_PROFILE_TEMP"), wordy: "Thermometer"},
	"2a18": {decode: glucose, flags: 0x1f, profile: mdc("528401", "MDC_DEV_SPEC_PROFILE_GLUCOSE"), wordy: "Glucose meter"},
	"2a34": {decode: context, flags: 0xff, profile: mdc("528401", "MDC_DEV_SPEC_PROFILE_GLUCOSE"), wordy: "Glucose meter"},
	"2a9d": {decode: weight, flags: 0x0f, profile: mdc("528399", "MDC_DEV_SPEC_PROFILE_SCALE"), wordy: "Weighing scale"},
	"2a9c": {decode: composition, flags: -1, profile: mdc("528404", "MDC_DEV_SPEC_PROFILE_BCA"), wordy: "Body composition analyser"},
	"2a5e": {decode: spotCheck, flags: 0x1f, profile: mdc("528388", "MDC_DEV_SPEC_PROFILE_PULS_OXIM"), wordy: "Pulse oximeter"},
	"2a5f": {decode: continuous, flags: 0x1f, profile: mdc("528388", "MDC_DEV_SPEC_PROFILE_PULS_OXIM"), wordy: "Pulse oximeter"},
	"2aa7": {decode: monitor, flags: -1, profile: mdc("528409", "MDC_DEV_SPEC_PROFILE_CGM"), wordy: "Continuous glucose monitor"},
}

const (
	baseUUID = "-0000-1000-8000-00805f9b34fb"
	maxValue = 512 // bytes of an attribute's value (Bluetooth Core, vol. 3, part F, 3.2.9)
	maxText  = 200 // bytes of a description's text
)

var limits = strictjson.Limits{Bytes: 16 << 10, Depth: 3, Values: 64}

// Read reads a record. It fails with a Problem, invalid or too_large, that names the
// member which is wrong and repeats nothing.
func Read(text []byte) (*Measurement, error) {
	if err := strictjson.Check("the characteristic's record", text, limits); err != nil {
		return nil, err //nolint:wrapcheck // a problem is passed on as it is
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var r Record
	if d.Decode(&r) != nil {
		return nil, invalid("", "must be an object with the members of a characteristic's value, each of its kind, and no others")
	}
	m := &Measurement{record: text, device: r.Device, gateway: r.Gateway, subject: r.Subject}
	var err error
	if m.received, err = moment(r.Received); err != nil {
		return nil, invalid("received", "must be the phone's time with its zone, as in RFC 3339")
	}
	if m.kind = kinds[short(r.Characteristic)]; m.kind == nil {
		return nil, invalid("characteristic", "must be 2a37, 2a35, 2a1c, 2a18, 2a34, 2a9d, 2a9c, 2a5e, 2a5f or 2aa7: others are handed in as they are, as JSON")
	}
	if r.Service != "" && short(r.Service) == "" {
		return nil, invalid("service", "must be an assigned number of 4 hexadecimal digits, or its UUID")
	}
	if m.subject != "" && !referable(m.subject) {
		return nil, invalid("subject", "must be a reference as Patient/ID")
	}
	for name, d := range map[string]*Description{"device": r.Device, "gateway": r.Gateway} {
		if fault := d.fault(); fault != "" {
			return nil, invalid(name+"."+fault, "is not in its form, or too long")
		}
	}
	if err := m.clocks(&r); err != nil {
		return nil, err
	}
	value, err := hex.DecodeString(r.Value)
	if err != nil || len(value) == 0 || len(value) > maxValue {
		return nil, invalid("value", "must be the characteristic's value in hexadecimal digits")
	}
	if fault := m.decode(value); fault != "" {
		return nil, invalid("value", fault)
	}
	return m, nil
}

func (m *Measurement) decode(value []byte) string {
	r := &reader{b: value}
	m.reading = m.kind.decode(r)
	switch {
	case m.reading.fault != "":
		return m.reading.fault
	case r.short:
		return "ends before all that its flags announce"
	case len(r.b) > 0 && (m.kind.flags < 0 || int(value[0])&^m.kind.flags == 0):
		return "has more than its flags announce" // what later versions of a service append has flags of its own
	}
	return ""
}

// clocks reads what is known of the device's clock.
func (m *Measurement) clocks(r *Record) error {
	if r.Clock != nil {
		b, err := hex.DecodeString(r.Clock.Value)
		if err != nil || len(b) != 7 && len(b) != 10 {
			return invalid("clock.value", "must be a Current Time of 10 bytes or a Date Time of 7, in hexadecimal digits")
		}
		s, ok := (&reader{b: b}).stamp()
		if !ok {
			return invalid("clock.value", "has a time stamp that is no date")
		}
		m.clock = &look{device: s}
		if m.clock.phone, err = moment(r.Clock.Read); err != nil {
			return invalid("clock.read", "must be the phone's time with its zone, as in RFC 3339")
		}
	}
	if r.Session != "" {
		b, err := hex.DecodeString(r.Session)
		if err != nil || len(b) != 9 && len(b) != 11 {
			return invalid("session", "must be a CGM Session Start Time in hexadecimal digits")
		}
		s, ok := (&reader{b: b}).stamp()
		if !ok {
			return invalid("session", "has a time stamp that is no date")
		}
		m.session = &s
	}
	return nil
}

func moment(s string) (time.Time, error) {
	if len(s) > 40 {
		return time.Time{}, invalid("", "")
	}
	at, err := time.Parse(time.RFC3339, s)
	if err == nil {
		_, err = at.MarshalText() // stricter: what is read here must be written again
	}
	return at, err //nolint:wrapcheck // the caller says what is wrong
}

// short is the assigned number that a text is, or is the UUID of; empty for others.
func short(s string) string {
	s = strings.ToLower(s)
	if rest, ok := strings.CutSuffix(s, baseUUID); ok && len(rest) == 8 {
		s = strings.TrimPrefix(rest, "0000")
	}
	if len(s) != 4 || strings.Trim(s, "0123456789abcdef") != "" {
		return ""
	}
	return s
}

// referable reports whether a text is a reference to a patient.
func referable(s string) bool {
	id, ok := strings.CutPrefix(s, "Patient/")
	return ok && id != "" && len(id) <= 64 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == ""
}

// fault names the member that is wrong.
func (d *Description) fault() string {
	if d == nil {
		return ""
	}
	if d.SystemID != "" && !hexadecimal(d.SystemID, 8) {
		return "systemId"
	}
	if d.Address != "" && !hexadecimal(d.Address, 6) {
		return "address"
	}
	for name, s := range map[string]string{
		"manufacturer": d.Manufacturer, "model": d.Model, "serial": d.Serial, "firmware": d.Firmware, "software": d.Software, "hardware": d.Hardware,
	} {
		if len(s) > maxText || s != strings.TrimSpace(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
			return name
		}
	}
	return ""
}

func hexadecimal(s string, n int) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == n
}

func invalid(field, detail string) error {
	p := ledger.Problemf(ledger.CodeInvalid, "the record is not a characteristic's value")
	p.Faults = []ledger.Fault{{Field: field, Detail: detail}}
	return p
}
