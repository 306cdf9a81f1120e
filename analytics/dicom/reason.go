package dicom

// Reason is why an instance was not taken, as the standard numbers it (PS3.18,
// section I.2.2).
type Reason uint16

// The reasons. Those from C000 to CFFF stand for "cannot understand"; which of them
// means what is for each implementation to say.
const (
	ReasonProcessing Reason = 0x0110 // something went wrong here
	ReasonDenied     Reason = 0x0124 // the device may not hand in anything here (PS3.7, section C.5.25)
	ReasonResources  Reason = 0xA700 // busy or too large
	ReasonBroken     Reason = 0xC000 // no DICOM file, or lengths that do not fit
	ReasonIdentity   Reason = 0xC001 // a UID that is missing, not valid, or there twice with another value
	ReasonSyntax     Reason = 0xC122 // the transfer syntax
	ReasonStudy      Reason = 0xC409 // of another study than the request is for
	ReasonDevice     Reason = 0xC404 // no device is known by any of the names
)

// Warning is what has to be said of an instance that was taken (PS3.18, section
// I.2.1).
type Warning uint16

// WarningDiscarded means that elements were not stored: here that is all but what
// the manifest holds.
const WarningDiscarded Warning = 0xB006

// Error says why a file is not taken. Its detail repeats nothing of the file.
type Error struct {
	Reason Reason
	Detail string
}

// Error returns the detail.
func (e *Error) Error() string { return e.Detail }

func broken(detail string) error { return &Error{ReasonBroken, detail} }
