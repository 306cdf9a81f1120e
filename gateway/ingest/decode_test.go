package ingest

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// FuzzLines holds the splitting of NDJSON against the standard library's: no
// byte is lost, every record that is committed to is one line and one object.
func FuzzLines(f *testing.F) {
	f.Add([]byte("{}\n{\"a\":1}\r\n"), 3)
	f.Add([]byte("\n\n"), 1)
	f.Add([]byte("{}\n{}\n{}"), 2)
	f.Fuzz(func(t *testing.T, body []byte, records int) {
		limits, err := Options{Limits: Limits{Records: 1 + max(records, 0)%50, Record: 100, Depth: 4}}.validate()
		if err != nil {
			t.Fatal(err)
		}
		r := newReader(limits.Limits)
		read := func(seed *proof.Seed) (int, proof.Hash, error) {
			r.begin(false)
			if err := r.take(formats[MediaNDJSON], seed, body); err != nil {
				return 0, proof.Hash{}, err
			}
			return r.end()
		}
		var seed proof.Seed
		rand.Read(seed[:])
		lines := bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
		if bytes.Equal(body, []byte("\n")) {
			lines = [][]byte{{}}
		}
		count, root, err := read(&seed)
		fits := len(lines) <= limits.Limits.Records
		for _, line := range lines {
			f, _ := newJSONScanner(4).check(line, true)
			fits = fits && f == sound && len(line) <= 100 && len(line) > 0 && line[len(line)-1] != '\r'
		}
		if fits != (err == nil) {
			t.Fatalf("%d lines: %v", len(lines), err)
		}
		if err != nil {
			if c := ledger.CodeOf(err); c != ledger.CodeInvalid && c != ledger.CodeTooLarge {
				t.Fatal(err)
			}
			return
		}
		if count != len(lines) || root != proof.Root(proof.LeafHashes(nil, &seed, lines)) {
			t.Fatalf("%d records instead of %d", count, len(lines))
		}
	})
}

// FuzzEnvelope feeds the envelope's decoder: it never panics, and what it takes
// is encoded the same way again.
func FuzzEnvelope(f *testing.F) {
	e := envelope{storage: storedRaw, framing: framedLines, unpacked: 3, statement: []byte("statement"), body: []byte("abc")}
	f.Add(append(e.appendHead(nil), e.body...))
	f.Add([]byte{1, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEnvelope(b)
		if err != nil || len(e.segments) > 0 { // of the second version: FuzzSegments
			return
		}
		if diff := cmp.Diff(b, append(e.appendHead(nil), e.body...)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// FuzzPacked feeds the decompressor: it never panics and keeps its bounds.
func FuzzPacked(f *testing.F) {
	f.Add(pack(f, []byte("{}\n{}\n")))
	f.Add(pack(f, bytes.Repeat([]byte("x"), 1<<20)))
	f.Add([]byte("\x28\xb5\x2f\xfd"))
	limits := Limits{Wire: 1 << 10, Body: 64 << 10, Records: 10, Record: 100, Depth: 4}
	w, err := newWorker(limits)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		plain, err := w.unpack(b)
		if err == nil && len(plain) > limits.Body {
			t.Fatalf("%d bytes", len(plain))
		}
		if err != nil {
			if c := ledger.CodeOf(err); c != ledger.CodeInvalid && c != ledger.CodeTooLarge {
				t.Fatal(err)
			}
		}
	})
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	for media, want := range map[string]string{
		"application/json":                       MediaJSON,
		"Application/JSON; charset=UTF-8":        MediaJSON,
		"application/fhir+json;fhirVersion=4.0":  MediaFHIR,
		"application/hl7-v2; charset=ISO-8859-1": MediaHL7,
		"application/x-ndjson":                   MediaJSON,
		"application/json; charset=latin1":       "",
		"application/xml; charset=utf-8":         MediaMDIB,
		"application/EDF":                        MediaEDF,
		"text/xml":                               "",
		"application/json;;":                     "",
		"":                                       "",
	} {
		f, err := parseMediaType(media)
		if f.record != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", media, f.record, err)
		}
	}
}

// What is packed reads back, whether or not packing makes it smaller.
func TestPackingIsReversible(t *testing.T) {
	t.Parallel()
	limits, err := Options{}.validate()
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWorker(limits.Limits)
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 4000)
	rand.Read(noise)
	for _, plain := range [][]byte{[]byte("x"), []byte(strings.Repeat("x", packFrom)), noise, ndjson(3000)} {
		packed, smaller := w.pack([]byte("before"), plain)
		packed = bytes.TrimPrefix(packed, []byte("before"))
		if !smaller {
			if !bytes.Equal(packed, plain) {
				t.Fatal("not kept as it is")
			}
			continue
		}
		if len(packed) >= len(plain) {
			t.Fatal("not smaller")
		}
		again, err := w.unpack(packed)
		if err != nil || !bytes.Equal(again, plain) {
			t.Fatalf("%d bytes: %v", len(plain), err)
		}
	}
}
