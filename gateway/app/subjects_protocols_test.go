package app

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/rest"
)

// TestAPatientIsErasedWhateverTheReadingsCameBy: a monitor's HL7 message and a hospital's
// FHIR resources name one patient, in two ways of writing the same authority, and refer
// to her by address. She is erased by her identifier: none of it is read or found any
// more, and what is another patient's is.
func TestAPatientIsErasedWhateverTheReadingsCameBy(t *testing.T) {
	c := newConsortium(t)
	_, certificate, key := certify(t)
	_, source, _ := certify(t)
	cfg := c.withMonitors("hospital-north", certificate, key, source)
	north, maker := c.launch(t, "hospital-north", cfg, func(string) {}).ready(), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	north.name(d.id, "bench", "0022")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", north.cfg.MLLP[1].Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	message := func(patient string) (receipt string) {
		msa := tell(t, conn, strings.Replace(monitored, "OBX|1", "PID|||"+patient+"\rOBX|1", 1))
		receipt, ok := strings.CutPrefix(msa, "AA|42|")
		if !ok {
			t.Fatal(msa)
		}
		return receipt
	}
	resource := func(typ, body string) (id, receipt string) {
		res, v, b := north.fhir("integrator", http.MethodPost, "/fhir/"+typ, []byte(body), nil)
		if res.StatusCode != http.StatusCreated {
			t.Fatalf("%d %s", res.StatusCode, b)
		}
		return v["id"].(string), strings.TrimPrefix(res.Header.Get("Secant-Receipt"), "/v1/readings/")
	}
	observed := func(subject string) string {
		return fmt.Sprintf(`{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"urn:iso:std:iso:11073:10101","code":"147842"}]},"subject":%s,"device":{"reference":"Device/%s"}}`, subject, d.id)
	}
	var hers, others []string
	hers = append(hers, message("4711^^^NORTH&1.2.3&ISO^MR"))
	others = append(others, message("4712^^^NORTH&1.2.3&ISO^MR"), message("4711^^^SOUTH&1.2.4&ISO^MR"))
	patient, receipt := resource("Patient", `{"resourceType":"Patient","identifier":[{"system":"urn:oid:1.2.3","value":"4711"}]}`)
	hers = append(hers, receipt)
	_, receipt = resource("Observation", observed(`{"identifier":{"system":"urn:oid:1.2.3","value":"4711"}}`))
	hers = append(hers, receipt)
	_, receipt = resource("Observation", observed(`{"reference":"Patient/`+patient+`"}`))
	hers = append(hers, receipt)
	_, receipt = resource("Observation", observed(`{"reference":"Patient/another"}`))
	others = append(others, receipt)
	_, b := north.call("integrator", http.MethodPost, "/v1/readings", []byte(`{"n":1}`), map[string]string{
		"Content-Type": "application/json", auth.HeaderDevice: d.id, auth.HeaderSubject: "urn:oid:1.2.3|4711",
	})
	_, receipt, _ = strings.Cut(string(b), `"id":"`)
	hers = append(hers, receipt[:32])

	found := func() float64 {
		_, v, _ := north.fhir("nurse", http.MethodGet, "/fhir/Observation?patient="+patient, nil, nil)
		return v["total"].(float64)
	}
	if found() != 1 {
		t.Error("she is not found before")
	}
	erase := func(in map[string]any) (e rest.ErasedSubject) {
		north.want(http.StatusOK, "operator", http.MethodPost, "/v1/subjects/erase", in, &e)
		return e
	}
	if e := erase(map[string]any{"identifier": map[string]any{"system": "urn:oid:1.2.3", "value": "4711"}}); e != (rest.ErasedSubject{Requests: len(hers), Records: len(hers), Complete: true}) {
		t.Errorf("%+v", e)
	}
	for want, list := range map[int][]string{http.StatusGone: hers, http.StatusOK: others} {
		for i, id := range list {
			if status, _ := north.call("auditor", http.MethodGet, "/v1/readings/"+id+"/records/0", nil, nil); status != want {
				t.Errorf("%d: %d instead of %d", i, status, want)
			}
		}
	}
	if found() != 0 {
		t.Error("she is found")
	}
	if _, v, _ := north.fhir("nurse", http.MethodGet, "/fhir/Patient?identifier=urn:oid:1.2.3|4711", nil, nil); v["total"] != 0.0 {
		t.Errorf("%v", v)
	}
	if e := erase(map[string]any{"subject": "Patient/another"}); e.Requests != 1 {
		t.Errorf("%+v", e)
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	if report, err := checkNode(t.Context(), &north.cfg, c.network.Client("hospital-north")); err != nil || report.Erased != uint64(len(hers)+1) {
		t.Errorf("%+v %v", report, err)
	}
}
