package dicom_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/dicom"
)

const (
	implicit = "1.2.840.10008.1.2"
	explicit = "1.2.840.10008.1.2.1"
	deflated = "1.2.840.10008.1.2.1.99"
	jpeg     = "1.2.840.10008.1.2.4.50"
)

// an is an element: with a length of its own, or one that is claimed.
type an struct {
	tag    uint32
	vr     string
	value  []byte
	claims uint32 // 0: the value's
}

const endless = 0xFFFFFFFF

// put writes an element, or with vr "" one in implicit VR, or an item.
func (e an) put(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(e.tag>>16))
	b = binary.LittleEndian.AppendUint16(b, uint16(e.tag))
	length := uint32(len(e.value))
	if e.claims != 0 {
		length = e.claims
	}
	switch e.vr {
	case "":
		b = binary.LittleEndian.AppendUint32(b, length)
	case "OB", "OW", "SQ", "UN", "UT":
		b = append(append(b, e.vr...), 0, 0)
		b = binary.LittleEndian.AppendUint32(b, length)
	default:
		b = append(b, e.vr...)
		b = binary.LittleEndian.AppendUint16(b, uint16(length))
	}
	return append(b, e.value...)
}

func all(elements ...an) []byte {
	var b []byte
	for _, e := range elements {
		b = e.put(b)
	}
	return b
}

func text(tag uint32, vr, value string) an {
	if len(value)%2 == 1 {
		if value += " "; vr == "UI" {
			value = value[:len(value)-1] + "\x00"
		}
	}
	return an{tag: tag, vr: vr, value: []byte(value)}
}

// plain is what an image needs, and whose it is.
func plain() []an {
	return []an{
		text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2"), text(0x00080018, "UI", "1.2.3.4"), text(0x00080020, "DA", "20261130"),
		text(0x00080060, "CS", "CT"), text(0x00080070, "LO", "Acme"), text(0x00081010, "SH", "CT-1"), text(0x00081090, "LO", "Scan"),
		text(0x00100010, "PN", "Doe^Jane"), text(0x00100020, "LO", "4711"), text(0x00181000, "LO", "SN-1"),
		text(0x0020000D, "UI", "1.2.3"), text(0x0020000E, "UI", "1.2.3.1"),
		{tag: 0x7FE00010, vr: "OW", value: make([]byte, 64)},
	}
}

func metaOf(syntax string) []byte {
	meta := all(text(0x00020002, "UI", "1.2.840.10008.5.1.4.1.1.2"), text(0x00020003, "UI", "1.2.3.4"),
		text(0x00020010, "UI", syntax), text(0x00020016, "AE", "MODALITY"))
	b := append(make([]byte, 128), "DICM"...)
	b = an{tag: 0x00020000, vr: "UL", value: binary.LittleEndian.AppendUint32(nil, uint32(len(meta)))}.put(b)
	return append(b, meta...)
}

// file writes a DICOM file.
func file(syntax string, elements ...an) []byte {
	if syntax == implicit {
		for i := range elements {
			elements[i].vr = ""
		}
	}
	b := all(elements...)
	if syntax == deflated {
		var packed bytes.Buffer
		w, _ := flate.NewWriter(&packed, flate.BestSpeed)
		_, _ = w.Write(b)
		_ = w.Close()
		b = packed.Bytes()
	}
	return append(metaOf(syntax), b...)
}

func with(more ...an) []an { return append(plain(), more...) }

// before puts an element before the pixels.
func before(e ...an) []an {
	p := plain()
	return append(append(p[:len(p)-1:len(p)-1], e...), p[len(p)-1])
}

func TestTheSameIsReadInEverySyntax(t *testing.T) {
	t.Parallel()
	for _, syntax := range []string{implicit, explicit, deflated} {
		got, err := dicom.Read(bytes.NewReader(file(syntax, plain()...)), dicom.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", syntax, err)
		}
		want := &dicom.Instance{
			SHA256: got.SHA256, Size: got.Size, Measured: dicom.ByNode, TransferSyntax: syntax,
			Class: "1.2.840.10008.5.1.4.1.1.2", Study: "1.2.3", Series: "1.2.3.1", UID: "1.2.3.4", Modality: "CT",
			Device: dicom.Device{Manufacturer: "Acme", Model: "Scan", Serial: "SN-1", Station: "CT-1", AETitle: "MODALITY"},
			Dates:  dicom.Dates{Study: "20261130"},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", syntax, d)
		}
	}
}

// TestWhatHasNoLengthIsReadToItsEnd: sequences and fragments that end at a delimiter,
// also unknown ones whose items are in implicit VR.
func TestWhatHasNoLengthIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	inner := all(text(0x00080018, "UI", "9.9.9"))
	hidden := all(an{tag: 0x00080018, value: []byte("9.9.9\x00")})
	udi := all(text(0x00181009, "UT", "(01)04056869000107"))
	items := func(b []byte) []byte {
		return all(an{tag: 0xFFFEE000, claims: endless, value: b}, an{tag: 0xFFFEE00D}, an{tag: 0xFFFEE000, value: b}, an{tag: 0xFFFEE0DD})
	}
	elements := before(
		an{tag: 0x00400275, vr: "SQ", claims: endless, value: items(inner)},
		an{tag: 0x00410010, vr: "UN", claims: endless, value: items(hidden)},
		an{tag: 0x00420010, vr: "SQ", value: all(an{tag: 0xFFFEE000, claims: endless, value: inner}, an{tag: 0xFFFEE00D}, an{tag: 0xFFFEE000, value: inner})},
	)
	elements[len(elements)-1] = an{tag: 0x7FE00010, vr: "OB", claims: endless, value: all(
		an{tag: 0xFFFEE000}, an{tag: 0xFFFEE000, value: make([]byte, 100)}, an{tag: 0xFFFEE0DD})}
	elements[9] = an{tag: 0x0018100A, vr: "SQ", value: all(an{tag: 0xFFFEE000, value: udi}, an{tag: 0xFFFEE000, value: udi})}
	got, err := dicom.Read(bytes.NewReader(file(jpeg, elements...)), dicom.Limits{})
	if err != nil || got.UID != "1.2.3.4" || got.Device.UDI != "(01)04056869000107" || got.Device.Serial != "" {
		t.Errorf("%+v %v", got, err)
	}
}

// TestBrokenFilesAreRefused: one file for each way in which lengths can lie, and in
// which a file could be taken for two.
func TestBrokenFilesAreRefused(t *testing.T) {
	t.Parallel()
	deep := text(0x00080018, "UI", "1.2.3.4").put(nil)
	for range 40 {
		deep = an{tag: 0x00400275, vr: "SQ", claims: endless, value: all(an{tag: 0xFFFEE000, claims: endless, value: deep}, an{tag: 0xFFFEE00D}, an{tag: 0xFFFEE0DD})}.put(nil)
	}
	item := func(b []byte) []byte { return an{tag: 0xFFFEE000, value: b}.put(nil) }
	other := plain()
	other[1] = text(0x00080018, "UI", "1.2.3.5")
	nameless := plain()
	nameless[11] = text(0x0020000E, "UI", "")
	odd := plain()
	odd[10] = text(0x0020000D, "UI", "1..2")
	good := file(explicit, plain()...)
	longMeta := bytes.Clone(good)
	longMeta[140]++
	for name, c := range map[string]struct {
		file []byte
		want dicom.Reason
	}{
		"nothing":                             {nil, dicom.ReasonBroken},
		"no DICM":                             {make([]byte, 4096), dicom.ReasonBroken},
		"no data set":                         {metaOf(explicit), dicom.ReasonIdentity},
		"meta longer than it says":            {longMeta, dicom.ReasonBroken},
		"meta without end":                    {append(append(make([]byte, 128), "DICM"...), an{tag: 0x00020001, vr: "OB", claims: endless}.put(nil)...), dicom.ReasonBroken},
		"meta of a gigabyte":                  {append(append(make([]byte, 128), "DICM"...), an{tag: 0x00020001, vr: "OB", claims: 1 << 30}.put(nil)...), dicom.ReasonBroken},
		"pixels longer than the file":         {file(explicit, append(plain()[:12], an{tag: 0x7FE00010, vr: "OW", claims: 0xFFFFFFF0})...), dicom.ReasonBroken},
		"pixels shorter than they are":        {file(explicit, append(plain()[:12], an{tag: 0x7FE00010, vr: "OW", value: make([]byte, 64), claims: 60})...), dicom.ReasonBroken},
		"a UID of four gigabytes":             {file(implicit, append(plain()[:1], an{tag: 0x00080018, claims: 0xFFFFFFFE, value: []byte("1.2")})...), dicom.ReasonBroken},
		"a string without length":             {file(explicit, before(an{tag: 0x00400001, vr: "UT", claims: endless})...), dicom.ReasonBroken},
		"an element over its item's end":      {file(explicit, before(an{tag: 0x00400275, vr: "SQ", value: item(an{tag: 0x00400001, vr: "UT", value: make([]byte, 8), claims: 200}.put(nil))})...), dicom.ReasonBroken},
		"an item over its sequence's end":     {file(explicit, before(an{tag: 0x00400275, vr: "SQ", value: an{tag: 0xFFFEE000, value: make([]byte, 8), claims: 100}.put(nil)})...), dicom.ReasonBroken},
		"an endless item in a short sequence": {file(explicit, before(an{tag: 0x00400275, vr: "SQ", value: an{tag: 0xFFFEE000, claims: endless}.put(nil)})...), dicom.ReasonBroken},
		"no item in a sequence":               {file(explicit, before(an{tag: 0x00400275, vr: "SQ", value: text(0x00080018, "UI", "1.2").put(nil)})...), dicom.ReasonBroken},
		"an item outside a sequence":          {file(explicit, before(an{tag: 0xFFFEE000})...), dicom.ReasonBroken},
		"a delimiter outside an item":         {file(explicit, before(an{tag: 0xFFFEE00D})...), dicom.ReasonBroken},
		"a fragment without length":           {file(jpeg, append(plain()[:12], an{tag: 0x7FE00010, vr: "OB", claims: endless, value: an{tag: 0xFFFEE000, claims: endless}.put(nil)})...), dicom.ReasonBroken},
		"fragments without end":               {file(jpeg, append(plain()[:12], an{tag: 0x7FE00010, vr: "OB", claims: endless, value: an{tag: 0xFFFEE000}.put(nil)})...), dicom.ReasonBroken},
		"sequences in sequences":              {append(file(explicit, plain()[:12]...), deep...), dicom.ReasonBroken},
		"no value representation":             {file(explicit, with(an{tag: 0x7FE10010, vr: "!!"})...), dicom.ReasonBroken},
		"something behind":                    {append(bytes.Clone(good), 1, 2, 3), dicom.ReasonBroken},
		"two instances in one":                {file(explicit, before(text(0x00080018, "UI", "1.2.3.4"))...), dicom.ReasonBroken},
		"another in the meta":                 {file(explicit, other...), dicom.ReasonIdentity},
		"no series":                           {file(explicit, nameless...), dicom.ReasonIdentity},
		"a study that is no UID":              {file(explicit, odd...), dicom.ReasonIdentity},
		"big endian":                          {file("1.2.840.10008.1.2.2", plain()...), dicom.ReasonSyntax},
		"a private syntax":                    {file("1.2.840.113619.5.2", plain()...), dicom.ReasonSyntax},
		"not deflated":                        {append(metaOf(deflated), all(plain()...)...), dicom.ReasonBroken},
		"something behind what is deflated":   {append(file(deflated, plain()...), 1, 2, 3), dicom.ReasonBroken},
		"deflated beyond all bounds":          {file(deflated, with(an{tag: 0x7FE10010, vr: "OB", value: make([]byte, 2<<20)})...), dicom.ReasonResources},
		"more than is taken":                  {file(explicit, with(an{tag: 0x7FE10010, vr: "OB", value: make([]byte, 5<<20)})...), dicom.ReasonResources},
	} {
		_, err := dicom.Read(bytes.NewReader(c.file), dicom.Limits{Size: 4 << 20, Inflated: 1 << 20})
		if refusal, ok := errors.AsType[*dicom.Error](err); !ok || refusal.Reason != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := dicom.Read(bytes.NewReader(good), dicom.Limits{}); err != nil {
		t.Errorf("the file itself: %v", err)
	}
}

func TestWhoseReaderBreaksIsToldSo(t *testing.T) {
	t.Parallel()
	good := file(explicit, plain()...)
	broke := errors.New("the line broke")
	for n := range good {
		_, err := dicom.Read(io.MultiReader(bytes.NewReader(good[:n]), failing{broke}), dicom.Limits{})
		if !errors.Is(err, broke) && n >= 132 {
			if refusal, ok := errors.AsType[*dicom.Error](err); !ok || refusal.Reason != dicom.ReasonBroken {
				t.Errorf("after %d bytes: %v", n, err)
			}
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestLargeFilesTakeNoMemory reads 256 MiB of pixels.
func TestLargeFilesTakeNoMemory(t *testing.T) {
	const pixels = 256 << 20
	head := file(explicit, append(plain()[:12], an{tag: 0x7FE00010, vr: "OW", claims: pixels})...)
	var start, end runtime.MemStats
	runtime.ReadMemStats(&start)
	got, err := dicom.Read(io.MultiReader(bytes.NewReader(head), io.LimitReader(zeros{}, pixels)), dicom.Limits{})
	runtime.ReadMemStats(&end)
	if err != nil || got.Size != int64(len(head))+pixels {
		t.Fatalf("%+v %v", got, err)
	}
	if took := end.TotalAlloc - start.TotalAlloc; took > 16<<20 {
		t.Errorf("reading took %d bytes of memory", took)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// BenchmarkRead reads an image of 512 KiB.
func BenchmarkRead(b *testing.B) {
	image := file(explicit, append(plain()[:12], an{tag: 0x7FE00010, vr: "OW", value: make([]byte, 512<<10)})...)
	b.SetBytes(int64(len(image)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dicom.Read(bytes.NewReader(image), dicom.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
