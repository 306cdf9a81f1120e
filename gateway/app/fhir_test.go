package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const fhirJSON = "application/fhir+json"

// observation is a heart rate that a device measured.
func observation(device string, rate int) []byte {
	return fmt.Appendf(nil, `{
  "resourceType": "Observation",
  "id": "mine", "meta": {"versionId": "7", "profile": ["http://hl7.org/fhir/StructureDefinition/heartrate"]},
  "status": "final",
  "code": {"coding": [{"system": "urn:iso:std:iso:11073:10101", "code": "147842"}]},
  "subject": {"reference": "Patient/p-1"},
  "device": %s,
  "effectiveDateTime": "2026-11-30T14:00:00.500+01:00",
  "valueQuantity": {"value": %d.50, "unit": "beats/min"}
}`, device, rate)
}

// replied is what an answer has besides its body.
type replied struct {
	StatusCode int
	Header     http.Header
}

// fhir sends a request to the FHIR interface in a role.
func (r *running) fhir(role, method, path string, body []byte, header map[string]string) (replied, map[string]any, []byte) {
	r.t.Helper()
	h := map[string]string{}
	if body != nil {
		h["Content-Type"] = fhirJSON
	}
	for k, v := range header {
		h[k] = v
	}
	res := r.answer(role, method, path, body, h)
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		r.t.Fatal(err)
	}
	var v map[string]any
	if b.Len() > 0 {
		if err := json.Unmarshal(b.Bytes(), &v); err != nil {
			r.t.Fatalf("%s %s: %v in %s", method, path, err, b.Bytes())
		}
		if res.Header.Get("Content-Type") != fhirJSON {
			r.t.Errorf("%s %s: %s", method, path, res.Header.Get("Content-Type"))
		}
	}
	return replied{res.StatusCode, res.Header}, v, b.Bytes()
}

// TestAnObservationIsProven: what a hospital's server sends as FHIR is durable, found
// again, served with the server's id and version, kept byte for byte, and proven.
func TestAnObservationIsProven(t *testing.T) {
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north"), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	north.name(d.id, "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680", "0022")

	sent := observation(`{"identifier": {"system": "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680", "value": "0022"}}`, 72)
	res, created, b := north.fhir("integrator", http.MethodPost, "/fhir/Observation", sent, nil)
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", res.StatusCode, b)
	}
	id, receipt := created["id"].(string), res.Header.Get("Secant-Receipt")
	meta := created["meta"].(map[string]any)
	if id == "mine" || meta["versionId"] != "1" || len(meta["profile"].([]any)) != 1 || res.Header.Get("ETag") != `W/"1"` ||
		res.Header.Get("Location") != north.url+"/fhir/Observation/"+id+"/_history/1" || !bytes.Contains(b, []byte(`72.50, "unit"`)) {
		t.Errorf("%v %s", res.Header, b)
	}
	if _, read, b := north.fhir("nurse", http.MethodGet, "/fhir/Observation/"+id, nil, nil); read["id"] != id {
		t.Errorf("read: %s", b)
	}
	if _, _, b := north.fhir("nurse", http.MethodGet, "/fhir/Observation/"+id+"/$received", nil, nil); !bytes.Equal(b, sent) {
		t.Errorf("received: %s", b)
	}
	for _, search := range []string{
		"code=147842", "code=urn:iso:std:iso:11073:10101|147842", "patient=p-1", "subject=Patient/p-1", "subject:Patient=p-1", "device=" + d.id, "device=Device/" + d.id,
		"date=2026-11-30", "date=ge2026-11-30T13:00:00Z&date=lt2026-11-30T13:00:01Z", "status=final,amended", "_id=" + id + ",x", "_lastUpdated=gt2020",
		"code=147842&patient=p-1&date=2026&_sort=-date&_total=accurate",
	} {
		if _, found, b := north.fhir("nurse", http.MethodGet, "/fhir/Observation?"+search, nil, nil); found["total"] != 1.0 {
			t.Errorf("%s: %s", search, b)
		}
	}
	for _, search := range []string{"code=147843", "code=x|147842", "patient=p-2", "date=2025", "date=lt2026-11-30T13:00:00Z", "status=amended", "_id=x", "patient=p-1&code=1"} {
		if _, found, b := north.fhir("nurse", http.MethodGet, "/fhir/Observation?"+search, nil, nil); found["total"] != 0.0 {
			t.Errorf("%s: %s", search, b)
		}
	}

	// Whoever follows the reference to the device finds it, as the ledger has it.
	res, v, b := north.fhir("nurse", http.MethodGet, "/fhir/Device/"+d.id, nil, nil)
	if res.StatusCode != http.StatusOK || v["status"] != "active" || v["lotNumber"] != "L1" {
		t.Errorf("the device: %d %s", res.StatusCode, b)
	}
	if res, _, b := north.fhir("nurse", http.MethodGet, "/fhir/Device/"+strings.Repeat("0", 64), nil, nil); res.StatusCode != http.StatusNotFound {
		t.Errorf("a device that is not: %d %s", res.StatusCode, b)
	}

	// An electrocardiogram of many samples is one resource, too.
	wave := bytes.Replace(observation(`{"reference":"Device/`+d.id+`"}`, 60), []byte(`"valueQuantity": {"value": 60.50, "unit": "beats/min"}`),
		[]byte(`"valueSampledData":{"origin":{"value":0},"period":2,"dimensions":12,"data":"`+strings.Repeat("2041 2043 2037 ", 40_000)+`0"}`), 1)
	if res, _, b := north.fhir("integrator", http.MethodPost, "/fhir/Observation", wave, nil); res.StatusCode != http.StatusCreated || len(b) < 600_000 {
		t.Errorf("a waveform: %d, %d bytes", res.StatusCode, len(b))
	}
	if res, _, _ := north.fhir("integrator", http.MethodPost, "/fhir/Observation", bytes.Repeat([]byte(" "), 2<<20), nil); res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("one that is too large: %d", res.StatusCode)
	}

	north.await("the resource to be anchored", func() bool {
		_, v, _ := north.fhir("nurse", http.MethodGet, "/fhir/Observation/"+id+"/$verify", nil, nil)
		return said(v, "anchored") == true
	})
	_, v, b = north.fhir("nurse", http.MethodGet, "/fhir/Observation/"+id+"/_verify", nil, nil)
	if said(v, "unchanged") != true || said(v, "vouched-by") != "node" || said(v, "device") != d.id || said(v, "since") == nil {
		t.Errorf("%s", b)
	}
	request := strings.TrimPrefix(receipt, "/v1/readings/")
	if verdict, err := c.verifier(t).VerifyJSON(north.bundleOf(request, 0)); err != nil || verdict.Unit != d.id {
		t.Errorf("%+v %v", verdict, err)
	}
}

// said returns the value of a parameter.
func said(v map[string]any, name string) any {
	list, _ := v["parameter"].([]any)
	for _, p := range list {
		p := p.(map[string]any)
		if p["name"] != name {
			continue
		}
		for k, value := range p {
			if k != "name" {
				return value
			}
		}
	}
	return nil
}
