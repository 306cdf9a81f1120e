package app

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/dicom/dicomtest"
)

// scan is an image of the scanner with the serial number CT-77.
func scan(instance, patient string) []byte {
	return dicomtest.Image{
		Study: "1.2.826.0.1", Series: "1.2.826.0.1.1", Instance: "1.2.826.0.1.1." + instance, Serial: "CT-77", Manufacturer: "Medtech", Model: "Scan",
		Date: "20261130", Modality: "CT", PatientName: patient, PatientID: "4711", Pixels: make([]byte, 128<<10),
	}.File()
}

// related puts files into a multipart body.
func related(tb testing.TB, files ...[]byte) ([]byte, map[string]string) {
	tb.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range files {
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/dicom"}})
		if err != nil {
			tb.Fatal(err)
		}
		_, _ = part.Write(f)
	}
	_ = w.Close()
	return b.Bytes(), map[string]string{"Content-Type": `multipart/related; type="application/dicom"; boundary=` + w.Boundary()}
}

// set is a data set in DICOM JSON.
type set map[string]struct {
	VR    string
	Value []json.RawMessage
}

func (s set) text(tag string) string {
	if len(s[tag].Value) == 0 {
		return ""
	}
	return strings.Trim(string(s[tag].Value[0]), `"`)
}

func (s set) items(tb testing.TB, tag string) []set {
	tb.Helper()
	items := make([]set, len(s[tag].Value))
	for i, v := range s[tag].Value {
		if err := json.Unmarshal(v, &items[i]); err != nil {
			tb.Fatal(err)
		}
	}
	return items
}

func (r *running) storeImages(status int, path string, files ...[]byte) set {
	r.t.Helper()
	body, header := related(r.t, files...)
	got, b := r.call("integrator", http.MethodPost, path, body, header)
	if got != status {
		r.t.Fatalf("storing: %d, want %d: %s", got, status, b)
	}
	var s set
	if err := json.Unmarshal(b, &s); err != nil {
		r.t.Fatalf("%v: %s", err, b)
	}
	return s
}

func digestOf(file []byte) string {
	d := sha256.Sum256(file)
	return hex.EncodeToString(d[:])
}

// TestAnImageIsProven: of images that are stored at the node the digests are proven
// like every reading, the pixels and the patient are nowhere, other bytes by the same
// UID are found out, and the same again is the same also after a new start.
func TestAnImageIsProven(t *testing.T) {
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north"), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	first, second := scan("1", "Doe^Jane"), scan("2", "Doe^Jane")

	unknown := north.storeImages(http.StatusConflict, "/dicomweb/studies", first)
	if f := unknown.items(t, "00081198"); len(f) != 1 || f[0].text("00081197") != strconv.Itoa(0xC404) || f[0].text("00081155") != "1.2.826.0.1.1.1" {
		t.Errorf("of a device that nobody named: %v", unknown)
	}
	north.name(d.id, "dicom", "CT-77")
	taken := north.storeImages(http.StatusAccepted, "/dicomweb/studies/1.2.826.0.1", first, second, first[:5000])
	items := taken.items(t, "00081199")
	if len(items) != 2 || len(taken.items(t, "00081198")) != 1 || items[0].text("00081196") != strconv.Itoa(0xB006) || items[0].text("00711002") != digestOf(first) {
		t.Fatalf("%v", taken)
	}
	receipt := items[0].text("00711001")
	again := north.storeImages(http.StatusAccepted, "/dicomweb/studies", first)
	if got := again.items(t, "00081199")[0].text("00711001"); got != receipt {
		t.Errorf("the same file again has the receipt %s, and had %s", got, receipt)
	}
	if v, err := c.verifier(t).VerifyJSON(north.bundleOf(receipt, 0)); err != nil || v.VouchedBy != "node" || v.Unit != d.id {
		t.Errorf("%+v %v", v, err)
	}
	status, bundle := north.call("auditor", http.MethodGet, items[0].text("00711003"), nil, nil)
	if v, err := c.verifier(t).VerifyJSON(bundle); status != http.StatusOK || err != nil || !strings.Contains(string(bundle), digestOf(first)) {
		t.Errorf("%d %+v %v", status, v, err)
	}
	if strings.Contains(string(bundle), "Doe") || strings.Contains(string(bundle), "4711") {
		t.Error("the proof says whose image it is")
	}

	other := scan("1", "Roe^Richard")
	conflict := north.storeImages(http.StatusAccepted, "/dicomweb/studies", other)
	if got := conflict.items(t, "00081199")[0].text("00711006"); got != digestOf(first) {
		t.Errorf("other bytes by the same UID: %v", conflict)
	}
	if status, b := north.call("auditor", http.MethodGet, "/dicomweb/studies/1.2.826.0.1/series/1.2.826.0.1.1/instances/1.2.826.0.1.1.1/proof", nil, nil); status != http.StatusConflict {
		t.Errorf("the proof of one of two: %d %s", status, b)
	}
	events, err := north.node.store.Events(t.Context(), "", 1000)
	if err != nil || !strings.Contains(fmt.Sprint(events), "image.conflict") {
		t.Errorf("no event tells of other bytes by the same UID: %v", err)
	}

	var found []set
	north.want(http.StatusOK, "auditor", http.MethodGet, "/dicomweb/instances?DeviceSerialNumber=CT-77&StudyDate=20261101-20261130", nil, &found)
	if len(found) != 3 {
		t.Errorf("%d instances of three", len(found))
	}
	if text := fmt.Sprint(found); strings.Contains(text, "Doe") || strings.Contains(text, "00100010") || found[0].text("00080056") != "UNAVAILABLE" {
		t.Errorf("%s", text)
	}
	if status, b := north.call("auditor", http.MethodGet, "/dicomweb/studies?PatientID=4711", nil, nil); status != http.StatusBadRequest || strings.Contains(string(b), "4711") {
		t.Errorf("searching for a person: %d %s", status, b)
	}
	var known struct {
		Instances []struct {
			Receipt string
			Anchor  *struct{ Sequence uint64 }
			Others  []string
		}
	}
	north.want(http.StatusOK, "auditor", http.MethodGet, "/dicomweb/digests/"+digestOf(first), nil, &known)
	if len(known.Instances) != 1 || known.Instances[0].Receipt != receipt || known.Instances[0].Anchor == nil || len(known.Instances[0].Others) != 1 {
		t.Errorf("%+v", known)
	}
	north.want(http.StatusNotFound, "auditor", http.MethodGet, "/dicomweb/digests/"+digestOf(first[1:]), nil, nil)

	said := fmt.Sprintf(`[{"00080016":{"vr":"UI","Value":["%s"]},"00080018":{"vr":"UI","Value":["1.2.3"]},"0020000D":{"vr":"UI","Value":["1.2"]},
		"0020000E":{"vr":"UI","Value":["1.2.1"]},"00181000":{"vr":"LO","Value":["CT-77"]},"00100020":{"vr":"LO","Value":["4711"]},
		"00711002":{"vr":"LO","Value":["%s"]},"00711008":{"vr":"DS","Value":[77]}}]`, dicomtest.CT, digestOf(second))
	if status, b := north.call("integrator", http.MethodPost, "/dicomweb/studies", []byte(said), map[string]string{"Content-Type": "application/dicom+json"}); status != http.StatusAccepted || !strings.Contains(string(b), "SENDER") {
		t.Errorf("metadata alone: %d %s", status, b)
	}
	if text := north.log.String(); strings.Contains(text, "Doe^") || strings.Contains(text, "1.2.826.0.1") || strings.Contains(text, "CT-77") {
		t.Error("the log repeats what was sent")
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	north = c.start(t, "hospital-north")
	again = north.storeImages(http.StatusAccepted, "/dicomweb/studies", first)
	if got := again.items(t, "00081199")[0].text("00711001"); got != receipt {
		t.Errorf("after a new start the same file has the receipt %s, and had %s", got, receipt)
	}
}
