package ingest

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestFilesAreTaken: signed or not, packed or not; one that nobody signed, once however
// it comes.
func TestFilesAreTaken(t *testing.T) {
	t.Parallel()
	n := openNode(t, t.TempDir(), Options{})
	d := newDevice(t)
	for name, media := range map[string]string{"sleep.edf": MediaEDF, "ecg.wfdb.zip": MediaWFDB, "ventilator.mdib.xml": MediaMDIB} {
		file, err := os.ReadFile(filepath.Join("..", "..", "network", "demo", "samples", name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Submit(t.Context(), d.request(media, file, file)); err != nil {
			t.Errorf("%s, signed: %v", name, err)
		}
		var ids []string
		for _, encoding := range []string{"", EncodingZstd} {
			body := file
			if encoding != "" {
				body = pack(t, file)
			}
			r, err := n.Submit(t.Context(), Request{Organisation: north, Unit: d.unit, MediaType: media, Encoding: encoding, Body: bytes.NewReader(body)})
			if err != nil {
				t.Fatalf("%s, %q: %v", name, encoding, err)
			}
			ids = append(ids, r.ID.String())
			if got, gotMedia, err := n.Record(t.Context(), r.ID, 0); err != nil || gotMedia != media || !bytes.Equal(got, file) {
				t.Errorf("%s, %q: what is kept is another file: %s %v", name, encoding, gotMedia, err)
			}
		}
		if ids[0] != ids[1] {
			t.Errorf("%s was taken twice", name)
		}
	}
}

// TestFilesAreBounded: as they come, and as what they unpack to.
func TestFilesAreBounded(t *testing.T) {
	t.Parallel()
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for name, text := range map[string]string{"r.hea": "r 1 100\nr.dat 16 10/mV 16 0 0 0 0 II\n", "r.dat": strings.Repeat("\x00", 70<<10)} {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		limits Limits
		code   ledger.Code
	}{
		"enough":                    {Limits{Wire: 32 << 10, Body: 80 << 10}, ""},
		"a file of fewer bytes":     {Limits{Wire: 32 << 10, Body: 80 << 10, File: 100}, ledger.CodeTooLarge},
		"what it holds is bounded":  {Limits{Wire: 32 << 10, Body: 60 << 10}, ledger.CodeTooLarge},
		"other records are smaller": {Limits{Wire: 32 << 10, Body: 80 << 10, Record: 1}, ""},
	} {
		r := newReader(c.limits)
		r.limits.Records = 1
		if r.limits.File == 0 {
			r.limits.File = c.limits.Body
		}
		if r.limits.Record == 0 {
			r.limits.Record = 64
		}
		r.begin(false)
		err := r.take(formats[MediaWFDB], new(proof.Seed), archive.Bytes())
		if err == nil {
			_, _, err = r.end()
		}
		if err == nil {
			err = r.whole(formats[MediaWFDB], archive.Bytes())
		}
		if (err != nil) != (c.code != "") || err != nil && ledger.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}
