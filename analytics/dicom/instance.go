package dicom

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Measured says who computed an instance's digest.
type Measured string

// Who can have computed it.
const (
	ByNode   Measured = "node"   // the node did, over the bytes that it received
	BySender Measured = "sender" // the sender says so; the node saw no bytes
)

// Instance is what is kept of a DICOM instance: the digest of its file, which
// instance it is, and which device made it. It has no element that says whose image
// it is.
type Instance struct {
	SHA256   Digest   `json:"sha256"` // of the file, byte for byte
	Size     int64    `json:"size"`   // bytes of the file
	Measured Measured `json:"measuredBy"`

	TransferSyntax string `json:"transferSyntax,omitempty"` // (0002,0010)
	Class          string `json:"sopClass"`                 // (0008,0016)
	Study          string `json:"study"`                    // (0020,000D)
	Series         string `json:"series"`                   // (0020,000E)
	UID            string `json:"instance"`                 // (0008,0018)
	Modality       string `json:"modality,omitempty"`       // (0008,0060)
	Device         Device `json:"device"`
	Dates          Dates  `json:"dates,omitzero"`
}

// Device is what an instance says of the device that made it.
type Device struct {
	Manufacturer string   `json:"manufacturer,omitempty"` // (0008,0070)
	Model        string   `json:"model,omitempty"`        // (0008,1090)
	Serial       string   `json:"serial,omitempty"`       // (0018,1000)
	Station      string   `json:"station,omitempty"`      // (0008,1010)
	AETitle      string   `json:"aeTitle,omitempty"`      // (0002,0016), or without it (0008,0055)
	UID          string   `json:"uid,omitempty"`          // (0018,1002)
	UDI          string   `json:"udi,omitempty"`          // (0018,1009) in the first item of (0018,100A)
	Software     []string `json:"software,omitempty"`     // (0018,1020)
}

// Dates are as in the file, YYYYMMDD; empty where there is none or one that is no date.
type Dates struct {
	Study       string `json:"study,omitempty"`       // (0008,0020)
	Series      string `json:"series,omitempty"`      // (0008,0021)
	Acquisition string `json:"acquisition,omitempty"` // (0008,0022)
	Content     string `json:"content,omitempty"`     // (0008,0023)
}

// Names lists what the device is called in the instance, the surest name first.
func (d *Device) Names() []string {
	var names []string
	for _, name := range []string{d.Serial, d.Station, d.AETitle} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Manifest is the record that stands for the instance: JSON, the same bytes for the
// same instance.
func (i *Instance) Manifest() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(struct {
		Type string `json:"type"`
		*Instance
	}{manifestType, i}); err != nil {
		return nil, fmt.Errorf("encoding a manifest: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// manifestType names the form of a manifest.
const manifestType = "secant/dicom-instance/v1"

// Digest is a SHA-256.
type Digest [32]byte

// String returns 64 lower-case hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText writes 64 lower-case hexadecimal digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads 64 lower-case hexadecimal digits.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(d)) || !bytes.Equal(text, bytes.ToLower(text)) {
		return fmt.Errorf("a digest is %d lower-case hexadecimal digits", hex.EncodedLen(len(d)))
	}
	var read Digest
	if _, err := hex.Decode(read[:], text); err != nil {
		return fmt.Errorf("reading a digest: %w", err)
	}
	*d = read
	return nil
}

// ValidUID reports whether a text is a UID (PS3.5, chapter 9). Components that begin
// with a zero are let through: old devices make them.
func ValidUID(s string) bool {
	if s == "" || len(s) > maxUID || s[0] == '.' || s[len(s)-1] == '.' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c != '.' || s[i-1] == '.') {
			return false
		}
	}
	return true
}

const maxUID = 64

// validCode reports whether a text is a code (PS3.5, section 6.2, CS).
func validCode(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != ' ' && c != '_' {
			return false
		}
	}
	return len(s) <= 16
}

// ValidDate reports whether a text is a date, YYYYMMDD (PS3.5, section 6.2, DA).
func ValidDate(s string) bool {
	if len(s) != len("YYYYMMDD") {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s[4:6] >= "01" && s[4:6] <= "12" && s[6:] >= "01" && s[6:] <= "31"
}
