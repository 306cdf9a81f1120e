package app

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/rest"
)

const (
	typeEDF  = "application/edf"
	typeWFDB = "application/vnd.secant.wfdb+zip"
	typeMDIB = "application/xml"
)

// sample is one of the files that the README hands in. Other programs wrote the two
// with signals: pyEDFlib 0.1.42 and wfdb-python 4.3.1.
func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "network", "demo", "samples", name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// hands hands a file in for a device and returns the answer.
func (r *running) hands(unit, media string, file []byte) (int, []byte) {
	r.t.Helper()
	return r.call("integrator", http.MethodPost, "/v1/readings", file, map[string]string{"Content-Type": media, auth.HeaderDevice: unit})
}

// TestAFileIsProven: a recording, a record of several files and a snapshot of a device are
// kept byte for byte, say what is in them and are proven like every other reading; by the
// device itself when it signs.
func TestAFileIsProven(t *testing.T) {
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north").ready(), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	files := map[string][]byte{typeEDF: sample(t, "sleep.edf"), typeWFDB: sample(t, "ecg.wfdb.zip"), typeMDIB: sample(t, "ventilator.mdib.xml")}
	said := map[string]rest.Message{}
	var last string
	for media, file := range files {
		status, b := north.hands(d.id, media, file)
		var receipt struct {
			ID, VouchedBy, MediaType string
			Count                    int
		}
		if err := json.Unmarshal(b, &receipt); status != http.StatusAccepted || err != nil || receipt.Count != 1 || receipt.MediaType != media {
			t.Fatalf("%s: %d %s", media, status, b)
		}
		if status, b := north.call("auditor", http.MethodGet, "/v1/readings/"+receipt.ID+"/records/0", nil, nil); status != http.StatusOK || !bytes.Equal(b, file) {
			t.Errorf("%s: what is kept is another file: %d", media, status)
		}
		var v rest.Message
		north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/readings/"+receipt.ID+"/records/0/observations", nil, &v)
		said[media], last = v, receipt.ID
		if _, b := north.call("auditor", http.MethodGet, "/v1/readings/"+receipt.ID+"/records/0/observations", nil, nil); media == typeEDF &&
			!bytes.Contains(b, []byte(`"label":"SaO2","unit":"%"`)) { // as README.md looks for it
			t.Errorf("%s", b)
		}
	}

	edf := said[typeEDF].Recording
	if edf == nil || edf.Form != "EDF+C" || edf.Start != "2026-11-30T23:00:00" || edf.Duration != 10 || edf.Equipment != "SR-5" ||
		edf.Annotations[0].Count != 2 || len(edf.Signals) != 3 || edf.Signals[2].Label != "SaO2" || edf.Signals[2].Unit != "%" || edf.Signals[0].Rate != 100 {
		t.Errorf("what the recording says: %+v", edf)
	}
	ecg := said[typeWFDB].Recording
	if ecg == nil || ecg.Form != "WFDB" || ecg.Start != "2026-11-30T14:00:00" || ecg.Duration != 10 || len(ecg.Signals) != 2 ||
		ecg.Signals[1].Label != "II" || *ecg.Signals[1].Max != 1.2 || ecg.Annotations[0].Codes["N"] != 11 || ecg.Annotations[0].Codes["V"] != 1 {
		t.Errorf("what the record says: %+v", ecg)
	}
	vent := said[typeMDIB]
	if s := vent.Snapshot; s == nil || s.Version != 1402 || len(s.Components) != 3 || len(s.Arrays) != 1 || *s.Arrays[0].Max != 18 || s.Arrays[0].Type.Code != "151792" {
		t.Errorf("what the snapshot says: %+v", s)
	}
	if o := vent.Observations; len(o) != 2 || o[0].Code.Code != "151562" || o[0].Value.Number != "14" || o[0].Channel != "vent/vent.vmd/vent.airway/vent.rate" || o[1].Absent == "" {
		t.Errorf("what the snapshot observes: %+v", o)
	}
	if a := vent.Alerts; len(a) != 1 || a[0].Event.Code != "196648" || a[0].Priority != "PH" || a[0].Source.Code != "vent.rate" {
		t.Errorf("what the snapshot alerts of: %+v", a)
	}
	verdict, err := c.verifier(t).VerifyJSON(north.bundleOf(last, 0))
	if err != nil || verdict.Unit != d.id {
		t.Errorf("the proof: %+v %v", verdict, err)
	}

	// The device signs for itself, and needs no token.
	header, _ := d.sign(t, string(files[typeEDF]))
	header["Content-Type"] = typeEDF
	status, b := north.call("", http.MethodPost, "/v1/readings", files[typeEDF], header)
	if status != http.StatusAccepted || !strings.Contains(string(b), `"vouchedBy":"device"`) {
		t.Errorf("signed by the device: %d %s", status, b)
	}
	another := bytes.Clone(files[typeEDF])
	another[0] ^= 1 // nobody reads a file before the signature fits
	if status, b := north.call("", http.MethodPost, "/v1/readings", another, header); status != http.StatusForbidden {
		t.Errorf("another file under the same signature: %d %s", status, b)
	}
}

// TestAFileThatIsNotWholeIsRefused: nothing is kept of it, and the answer says what is
// wrong and repeats nothing that was in it.
func TestAFileThatIsNotWholeIsRefused(t *testing.T) {
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north").ready(), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	edf, xml := sample(t, "sleep.edf"), sample(t, "ventilator.mdib.xml")
	secret := bytes.Replace(edf, []byte("EEG C3-A2       "), []byte("Marked Secret\x01  "), 1)
	for name, f := range map[string]struct {
		media  string
		file   []byte
		status int
	}{
		"a recording that is cut off":     {typeEDF, edf[:len(edf)-1], http.StatusUnprocessableEntity},
		"a recording with a strange name": {typeEDF, secret, http.StatusUnprocessableEntity},
		"an archive as a recording":       {typeEDF, sample(t, "ecg.wfdb.zip"), http.StatusUnprocessableEntity},
		"an archive that is cut off":      {typeWFDB, sample(t, "ecg.wfdb.zip")[:600], http.StatusUnprocessableEntity},
		"a snapshot with an entity":       {typeMDIB, bytes.Replace(xml, []byte("<msg:Get"), []byte(`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><msg:Get`), 1), http.StatusUnprocessableEntity},
		"another document":                {typeMDIB, []byte("<ClinicalDocument>Marked Secret</ClinicalDocument>"), http.StatusUnprocessableEntity},
		"nothing":                         {typeEDF, nil, http.StatusUnprocessableEntity},
		"more than is taken":              {typeEDF, make([]byte, 9<<20), http.StatusRequestEntityTooLarge},
	} {
		status, b := north.hands(d.id, f.media, f.file)
		if status != f.status || bytes.Contains(b, []byte("Secret")) || !bytes.Contains(b, []byte(`"code"`)) {
			t.Errorf("%s: %d %s", name, status, b)
		}
	}
	if size := north.node.vault.Size(); size != 0 {
		t.Errorf("%d requests were kept", size)
	}
	if status, _ := north.hands(strings.Repeat("0", 64), typeEDF, edf); status != http.StatusNotFound {
		t.Errorf("of a device that there is not: %d", status)
	}
}

// TestAFolderOfFilesIsImported: by the name that a source has for the device, each file
// once however often it is run, and a file that is broken keeps out no other.
func TestAFolderOfFilesIsImported(t *testing.T) {
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north").ready(), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	north.name(d.id, "holter", "REC-7")
	folder := t.TempDir()
	for name, file := range map[string][]byte{
		"a.edf": sample(t, "sleep.edf"), "b.zip": sample(t, "ecg.wfdb.zip"), "c.XML": sample(t, "ventilator.mdib.xml"), "d.edf": []byte("0"), "notes.txt": nil,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, err := north.importedAs("integrator", "files", folder, "--source", "holter", "--name", "REC-7")
	if err == nil || strings.Count(first, "\n") != 4 || !strings.Contains(first, "d.edf: the readings cannot be taken as they are: body the file ends within its header") {
		t.Errorf("%v\n%s", err, first)
	}
	if again, err := north.importedAs("integrator", "files", folder, "--device", d.id); err == nil || again != first {
		t.Errorf("again: %v\n%s", err, again)
	}
	if size := north.node.vault.Size(); size != 3 {
		t.Errorf("%d requests were kept", size)
	}
	if out, err := north.importedAs("integrator", "files", filepath.Join(folder, "a.edf"), "--source", "holter", "--name", "REC-8"); err == nil {
		t.Errorf("a name of no device: %s", out)
	}
	for query, want := range map[string]int{
		"?source=holter": http.StatusUnprocessableEntity, "?name=REC-7": http.StatusUnprocessableEntity, "?source=other&name=REC-7": http.StatusNotFound,
	} {
		if status, b := north.call("integrator", http.MethodPost, "/v1/readings"+query, sample(t, "sleep.edf"), map[string]string{"Content-Type": typeEDF}); status != want {
			t.Errorf("%s: %d %s", query, status, b)
		}
	}
	// Who signs, names itself.
	header, _ := d.sign(t, "x")
	if status, b := north.call("", http.MethodPost, "/v1/readings?source=holter&name=REC-7", []byte("x\n"), header); status != http.StatusUnprocessableEntity {
		t.Errorf("a name beside a signature: %d %s", status, b)
	}
}

// longRecording is the header of an EDF file of a lead, and what makes a file of it.
func longRecording(seconds int) io.Reader {
	var h bytes.Buffer
	for i, s := range []string{"0", "X X X X", "Marked Secret", "30.11.26", "14.00.00", "512", "", strconv.Itoa(seconds), "1", "1"} {
		fmt.Fprintf(&h, "%-*s", []int{8, 80, 80, 8, 8, 8, 44, 8, 8, 4}[i], s)
	}
	for i, s := range []string{"ECG", "", "mV", "-10", "10", "-32768", "32767", "", "1000", ""} {
		fmt.Fprintf(&h, "%-*s", []int{16, 80, 8, 8, 8, 8, 8, 80, 8, 32}[i], s)
	}
	return io.MultiReader(&h, io.LimitReader(zeros{}, int64(seconds)*2000))
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// TestALongRecordingIsProvenByItsDigest: it is read as it comes, in little memory, and
// what is kept says what it is. It counts what is allocated, and so runs alone.
func TestALongRecordingIsProvenByItsDigest(t *testing.T) {
	seconds := 50_000 // 100 MB
	if testing.Short() {
		seconds /= 10
	}
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north").ready(), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	digest := sha256.New()
	size, err := io.Copy(digest, longRecording(seconds))
	if err != nil {
		t.Fatal(err)
	}
	post := func(body io.Reader) (int, []byte) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, north.url+"/v1/recordings", body)
		if err != nil {
			t.Fatal(err)
		}
		token, err := Token(north.cfg, "integrator", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", typeEDF)
		req.Header.Set(auth.HeaderDevice, d.id)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, b
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	status, first := post(longRecording(seconds))
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
		t.Errorf("%d bytes were allocated for a recording of %d", used, size)
	}
	var receipt struct{ ID string }
	if err := json.Unmarshal(first, &receipt); status != http.StatusAccepted || err != nil {
		t.Fatalf("%d %s", status, first)
	}
	if status, again := post(longRecording(seconds)); status != http.StatusAccepted || !bytes.Equal(again, first) {
		t.Errorf("again: %d %s", status, again)
	}
	var kept rest.Manifest
	status, b := north.call("auditor", http.MethodGet, "/v1/readings/"+receipt.ID+"/records/0", nil, nil)
	if err := json.Unmarshal(b, &kept); status != http.StatusOK || err != nil || kept.Size != size || kept.SHA256 != hex.EncodeToString(digest.Sum(nil)) ||
		kept.Recording.Duration != float64(seconds) || kept.Recording.Signals[0].Samples != int64(seconds)*1000 || bytes.Contains(b, []byte("Secret")) {
		t.Errorf("what is kept: %d %s", status, b)
	}
	if verdict, err := c.verifier(t).VerifyJSON(north.bundleOf(receipt.ID, 0)); err != nil || verdict.Unit != d.id {
		t.Errorf("the proof: %+v %v", verdict, err)
	}
	if status, b := post(io.MultiReader(longRecording(1), strings.NewReader("more"))); status != http.StatusUnprocessableEntity || !bytes.Contains(b, []byte("goes on behind")) {
		t.Errorf("a recording with something behind it: %d %s", status, b)
	}
	if size := north.node.vault.Size(); size != 1 {
		t.Errorf("%d requests were kept", size)
	}
}
