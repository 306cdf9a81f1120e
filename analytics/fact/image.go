package fact

import "time"

// EventImageConflict is the kind of event for an image that came twice with other
// bytes under one UID. Its key is that of the later one's receipt.
const EventImageConflict = "image.conflict"

// Image is a DICOM instance of which the digest was taken. The file itself is
// elsewhere, and nothing here says whose image it is.
type Image struct {
	Instance, Digest, Measured           string // SOP instance UID; SHA-256, hexadecimal; by whom: node or sender
	Study, Series, Class                 string // UIDs
	Modality, Date                       string // Date is YYYYMMDD
	Manufacturer, Model, Serial, Station string
	Syntax                               string
	Size                                 int64 // bytes of the file
	Unit, Receipt                        string
	Received                             time.Time
	Others                               []string // digests of other files with this instance's UID; set by the store
}

// ImageLevel is what a search for images counts: studies, series or instances.
type ImageLevel int

// The levels.
const (
	ImageStudies ImageLevel = iota
	ImageSeries
	ImageInstances
)

// ImageFilter leaves those images that have each of its values; what is empty leaves
// all. Of a list one has to fit. In a value, * stands for any text and ? for any
// character.
type ImageFilter struct {
	Studies, Series, Instances, Classes []string
	Modalities                          []string
	Digest, Unit                        string
	Manufacturer, Model                 string
	Serial, Station                     string
	DateFrom, DateTo                    string // YYYYMMDD, both included
}

// ImageGroup is one study, one series or one instance of what a search found.
type ImageGroup struct {
	Image      Image    // of an instance: itself; else the first of the group, whose lower levels mean nothing
	Modalities []string // of all in the group
	Series     int      // in the group
	Instances  int      // in the group, each UID once
}
