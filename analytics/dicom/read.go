package dicom

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"slices"
	"strings"
)

// Limits bound one file. Zero means the default.
type Limits struct {
	Size     int64 // bytes of the file; default 2 GiB
	Inflated int64 // bytes of a data set that is deflated, when it is not; default 1 GiB
}

const (
	preamble  = 128
	maxMeta   = 64 << 10 // bytes of the file meta information
	groupMeta = 0x0002
)

// The attributes that are looked at. None of them says whose image it is.
const (
	tagMetaLength  = 0x0002_0000
	tagMetaClass   = 0x0002_0002
	tagMetaUID     = 0x0002_0003
	tagMetaSyntax  = 0x0002_0010
	tagMetaAETitle = 0x0002_0016

	tagCharset      = 0x0008_0005
	tagClass        = 0x0008_0016
	tagUID          = 0x0008_0018
	tagStudyDate    = 0x0008_0020
	tagSeriesDate   = 0x0008_0021
	tagAcquired     = 0x0008_0022
	tagContentDate  = 0x0008_0023
	tagAETitle      = 0x0008_0055
	tagModality     = 0x0008_0060
	tagManufacturer = 0x0008_0070
	tagStation      = 0x0008_1010
	tagModel        = 0x0008_1090
	tagSerial       = 0x0018_1000
	tagDeviceUID    = 0x0018_1002
	tagUDI          = 0x0018_1009
	tagUDISequence  = 0x0018_100A
	tagSoftware     = 0x0018_1020
	tagStudy        = 0x0020_000D
	tagSeries       = 0x0020_000E
)

// The transfer syntaxes that are known by what they do to the data set.
const (
	syntaxImplicit  = "1.2.840.10008.1.2"
	syntaxExplicit  = "1.2.840.10008.1.2.1"
	syntaxDeflated  = "1.2.840.10008.1.2.1.99"
	syntaxBigEndian = "1.2.840.10008.1.2.2"
	syntaxPapyrus   = "1.2.840.10008.1.20"
	// syntaxStandard begins the standard's own, which are in explicit VR but for those above.
	syntaxStandard = "1.2.840.10008.1.2."
)

// deflatedToo are further syntaxes in which the data set is deflated (JPIP).
var deflatedToo = []string{"1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"}

// Read reads a DICOM file to its end, and holds no more of it than a few kilobytes at
// a time. A length in it that does not fit what it stands in is an *Error, as is
// everything else for which the file is not taken; other errors are the reader's. The
// instance is what was read before an error, too.
func Read(r io.Reader, limits Limits) (*Instance, error) {
	if limits.Size == 0 {
		limits.Size = 2 << 30
	}
	if limits.Inflated == 0 {
		limits.Inflated = 1 << 30
	}
	f := &file{Instance: Instance{Measured: ByNode}, limits: limits, hash: sha256.New()}
	err := f.read(r)
	f.settle()
	if err == nil {
		err = f.judge()
	}
	if err == nil {
		f.hash.Sum(f.SHA256[:0])
	}
	return &f.Instance, err
}

// file is a file that is being read.
type file struct {
	Instance
	limits Limits
	hash   hash.Hash

	metaClass, metaUID string
	values             map[uint64][]byte // of the data set, by sequence and tag
}

// Write hashes what was read of the file.
func (f *file) Write(b []byte) (int, error) {
	f.Size += int64(len(b))
	if f.Size > f.limits.Size {
		return 0, &Error{ReasonResources, "the file is larger than what is taken here"}
	}
	return f.hash.Write(b) //nolint:wrapcheck // a hash never errs
}

func (f *file) read(r io.Reader) error {
	src := newSource(io.TeeReader(r, f))
	if err := src.skip(preamble); err != nil {
		return err
	}
	magic, err := src.next(len("DICM"))
	if err != nil {
		return err
	}
	if string(magic) != "DICM" {
		return broken("this is no DICOM file: DICM must stand after 128 bytes")
	}
	if err := f.meta(src); err != nil {
		return err
	}
	f.values = map[uint64][]byte{}
	w := &walk{src: src, want: wanted, take: f.take}
	switch syntax := f.TransferSyntax; {
	case syntax == syntaxImplicit:
		return w.run(form{implicit: true})
	case syntax == syntaxDeflated || slices.Contains(deflatedToo, syntax):
		return f.inflate(src, w)
	case syntax == syntaxExplicit || strings.HasPrefix(syntax, syntaxStandard) && syntax != syntaxBigEndian:
		return w.run(form{})
	case syntax == syntaxBigEndian || syntax == syntaxPapyrus || ValidUID(syntax):
		return &Error{ReasonSyntax, "the transfer syntax is not taken: it must be one of the standard's in little endian"}
	}
	return &Error{ReasonIdentity, "the transfer syntax must be a UID"}
}

// meta reads the file meta information (PS3.10, section 7.1), which is in explicit VR
// whatever follows.
func (f *file) meta(src *source) error {
	start, end := src.pos, int64(-1)
	seen := map[uint32]bool{}
	for {
		if b := src.peek(2); len(b) < 2 || uint32(b[0])|uint32(b[1])<<8 != groupMeta {
			break
		}
		e, err := src.element(form{}, false)
		if err != nil {
			return err
		}
		if e.length == undefinedLength || src.pos-start+int64(e.length) > maxMeta {
			return broken("the file meta information is longer than what is taken here")
		}
		if seen[e.tag] {
			return broken("the file meta information has an element twice")
		}
		seen[e.tag] = true
		value, err := src.value(int(e.length))
		if err != nil {
			return err
		}
		switch e.tag {
		case tagMetaLength:
			if len(value) != 4 || len(seen) > 1 {
				return broken("the length of the file meta information is not where or what it must be")
			}
			end = src.pos + int64(le32(value))
		case tagMetaClass:
			f.metaClass = uidOf(value)
		case tagMetaUID:
			f.metaUID = uidOf(value)
		case tagMetaSyntax:
			f.TransferSyntax = uidOf(value)
		case tagMetaAETitle:
			f.Device.AETitle = textOf(value, "")
		}
	}
	switch {
	case end >= 0 && src.pos != end:
		return broken("the file meta information is not as long as it says")
	case f.TransferSyntax == "":
		return broken("the file meta information names no transfer syntax")
	}
	if ValidUID(f.metaUID) {
		f.UID, f.Class = f.metaUID, f.metaClass
	}
	return nil
}

// inflate walks a data set that is deflated (PS3.5, section A.5).
func (f *file) inflate(src *source, w *walk) error {
	inflated := flate.NewReader(src.r) // which reads no further than the end, byte by byte
	defer inflated.Close()
	w.src = newSource(&bounded{inflated, f.limits.Inflated})
	if err := w.run(form{}); err != nil {
		if _, ok := errors.AsType[flate.CorruptInputError](err); ok {
			return broken("the data set is not deflated as it must be")
		}
		return err
	}
	// A byte of padding to an even length, and before it some writers leave the checksum
	// and the length that end a gzip file.
	rest := src.peek(gzipTrailer + 2)
	if n := len(rest); n > gzipTrailer+1 || n > 1 && n < gzipTrailer {
		return broken("something follows the data set")
	}
	return src.skip(int64(len(rest)))
}

const gzipTrailer = 8

// bounded is an error when there is more than left.
type bounded struct {
	r    io.Reader
	left int64
}

// Read reads on.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, &Error{ReasonResources, "the data set is larger than what is taken here"}
	}
	return n, err //nolint:wrapcheck // a reader passes errors on
}

// wanted reports whether an attribute is looked at.
func wanted(within, tag uint32) bool {
	if within != 0 {
		return within == tagUDISequence && tag == tagUDI
	}
	switch tag {
	case tagCharset, tagClass, tagUID, tagStudyDate, tagSeriesDate, tagAcquired, tagContentDate, tagAETitle, tagModality, tagManufacturer,
		tagStation, tagModel, tagSerial, tagDeviceUID, tagSoftware, tagStudy, tagSeries:
		return true
	}
	return false
}

// take keeps a value. One that is there twice could mean one thing here and another
// to whoever shows the image.
func (f *file) take(within, tag uint32, value []byte) error {
	key := uint64(within)<<32 | uint64(tag)
	if _, twice := f.values[key]; twice {
		return broken("the data set has an attribute twice")
	}
	f.values[key] = value
	return nil
}

// settle fills the instance with what was read.
func (f *file) settle() {
	if f.values == nil {
		return
	}
	charset := string(bytes.TrimRight(f.values[tagCharset], " \x00"))
	text := func(tag uint64) string { return textOf(f.values[tag], charset) }
	uid := func(tag uint64) string { return uidOf(f.values[tag]) }
	date := func(tag uint64) string {
		if d := text(tag); ValidDate(d) {
			return d
		}
		return ""
	}
	if v := uid(tagClass); v != "" {
		f.Class = v
	}
	if v := uid(tagUID); v != "" {
		f.UID = v
	}
	f.Study, f.Series = uid(tagStudy), uid(tagSeries)
	if v := text(tagModality); validCode(v) {
		f.Modality = v
	}
	f.Dates = Dates{Study: date(tagStudyDate), Series: date(tagSeriesDate), Acquisition: date(tagAcquired), Content: date(tagContentDate)}
	d := &f.Device
	d.Manufacturer, d.Model, d.Serial, d.Station = text(tagManufacturer), text(tagModel), text(tagSerial), text(tagStation)
	if d.AETitle == "" {
		d.AETitle = text(tagAETitle)
	}
	if v := uid(tagDeviceUID); ValidUID(v) {
		d.UID = v
	}
	d.UDI = text(tagUDISequence<<32 | tagUDI)
	for v := range strings.SplitSeq(text(tagSoftware), `\`) {
		if v = strings.TrimSpace(v); v != "" {
			d.Software = append(d.Software, v)
		}
	}
}

// judge refuses an instance that does not say which one it is, or says two things.
func (f *file) judge() error {
	if f.metaUID != "" && f.metaUID != f.UID || f.metaClass != "" && f.metaClass != f.Class {
		return &Error{ReasonIdentity, "the file meta information names another instance than the data set"}
	}
	return f.Complete()
}

// Complete is an *Error when the instance does not say which one it is.
func (i *Instance) Complete() error {
	for _, uid := range []string{i.Class, i.UID, i.Study, i.Series} {
		if !ValidUID(uid) {
			return &Error{ReasonIdentity, "SOP class, SOP instance, study and series must each be a UID"}
		}
	}
	return nil
}
