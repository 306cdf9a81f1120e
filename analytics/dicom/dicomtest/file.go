// Package dicomtest writes small DICOM files for tests. It keeps to no rule but those
// of the file's form.
package dicomtest

import (
	"encoding/binary"
	"maps"
	"slices"
)

// CT is the SOP class of a CT image.
const CT = "1.2.840.10008.5.1.4.1.1.2"

// Image is what a file says; what is empty is left out.
type Image struct {
	Study, Series, Instance  string // UIDs
	Serial, Station, AETitle string
	Manufacturer, Model      string
	Date, Modality           string
	PatientName, PatientID   string
	Pixels                   []byte // of an even length
}

// File writes an image as a DICOM file in explicit VR, little endian.
func (i Image) File() []byte {
	meta := elements(map[uint32][2]string{
		0x0002_0002: {"UI", CT}, 0x0002_0003: {"UI", i.Instance}, 0x0002_0010: {"UI", "1.2.840.10008.1.2.1"}, 0x0002_0016: {"AE", i.AETitle},
	})
	b := append(make([]byte, 128), "DICM"...)
	b = append(b, 2, 0, 0, 0, 'U', 'L', 4, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(meta))) //nolint:gosec // short
	b = append(b, meta...)
	b = append(b, elements(map[uint32][2]string{
		0x0008_0016: {"UI", CT}, 0x0008_0018: {"UI", i.Instance}, 0x0008_0020: {"DA", i.Date}, 0x0008_0060: {"CS", i.Modality},
		0x0008_0070: {"LO", i.Manufacturer}, 0x0008_1010: {"SH", i.Station}, 0x0008_1090: {"LO", i.Model},
		0x0010_0010: {"PN", i.PatientName}, 0x0010_0020: {"LO", i.PatientID}, 0x0018_1000: {"LO", i.Serial},
		0x0020_000D: {"UI", i.Study}, 0x0020_000E: {"UI", i.Series},
	})...)
	b = append(b, 0xE0, 0x7F, 0x10, 0, 'O', 'W', 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(i.Pixels))) //nolint:gosec // of a test
	return append(b, i.Pixels...)
}

// elements writes elements with values of text, in the order of their tags.
func elements(of map[uint32][2]string) []byte {
	var b []byte
	for _, tag := range slices.Sorted(maps.Keys(of)) {
		vr, value := of[tag][0], of[tag][1]
		if value == "" {
			continue
		}
		if len(value)%2 == 1 {
			if vr == "UI" {
				value += "\x00"
			} else {
				value += " "
			}
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(tag>>16))
		b = binary.LittleEndian.AppendUint16(b, uint16(tag)) //nolint:gosec // its lower half
		b = append(b, vr...)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value))) //nolint:gosec // short
		b = append(b, value...)
	}
	return b
}
