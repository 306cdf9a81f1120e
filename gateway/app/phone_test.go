package app

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/phd"
)

const (
	phoned = `{"characteristic":"2a35","value":"12740047005600e2070b0b0b260f2100","received":"2018-11-11T11:38:20-05:00",` +
		`"clock":{"value":"e2070b0b0b260a","read":"2018-11-11T11:38:10-05:00"},"gateway":{"systemId":"ecde3d4e58532d31"},"subject":"Patient/p1"}`
	phonedSugar = `{"characteristic":"2a18","value":"0b0700e2070b0b0b260f0500fe07110100","received":"2018-11-11T11:38:20-05:00"}`
)

// TestAPersonalDevicesValueIsProven: what a phone reads by Bluetooth is kept byte for
// byte and proven, by the device's own signature or vouched for by the node, and said
// as FHIR resources; what is not what its service says is refused.
func TestAPersonalDevicesValueIsProven(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north"), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")

	header, body := d.sign(t, phoned, phonedSugar)
	header["Content-Type"] = "application/vnd.secant.gatt+x-ndjson"
	status, b := north.call("", http.MethodPost, "/v1/readings", body, header)
	var receipt struct {
		ID, MediaType, VouchedBy string
		Count                    int
	}
	if err := json.Unmarshal(b, &receipt); err != nil || status != http.StatusAccepted || receipt.Count != 2 || receipt.VouchedBy != "device" {
		t.Fatalf("%d %s %v", status, b, err)
	}
	if _, kept := north.call("auditor", http.MethodGet, "/v1/readings/"+receipt.ID+"/records/0", nil, nil); string(kept) != phoned {
		t.Errorf("kept: %s", kept)
	}
	if v, err := c.verifier(t).VerifyJSON(north.bundleOf(receipt.ID, 1)); err != nil || v.VouchedBy != "device" || v.Unit != d.id || v.MediaType != receipt.MediaType {
		t.Errorf("%+v %v", v, err)
	}

	said := func(index string) (entries []map[string]any) {
		var v struct {
			Unit      string
			Deviation *int64
			FHIR      struct {
				ResourceType string
				Entry        []struct{ Resource map[string]any }
			}
		}
		north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/readings/"+receipt.ID+"/records/"+index+"/observations", nil, &v)
		if v.FHIR.ResourceType != "Bundle" || v.Unit != d.id || v.Deviation == nil {
			t.Fatalf("%+v", v)
		}
		for _, e := range v.FHIR.Entry {
			entries = append(entries, e.Resource)
		}
		return entries
	}
	pressure := said("0")
	if len(pressure) != 5 || pressure[3]["effectiveDateTime"] != "2018-11-11T11:38:15-05:00" {
		t.Errorf("%+v", pressure)
	}
	if sugar := said("1"); len(sugar) != 3 || sugar[1]["valueQuantity"] != nil || sugar[1]["dataAbsentReason"] == nil {
		t.Errorf("a glucose that is none: %+v", sugar)
	}

	// With a token the node vouches.
	one := map[string]string{"Content-Type": "application/vnd.secant.gatt+json", "Secant-Device": d.id}
	if status, b := north.call("integrator", http.MethodPost, "/v1/readings", []byte(phoned), one); status != http.StatusAccepted || !strings.Contains(string(b), `"vouchedBy":"node"`) {
		t.Errorf("%d %s", status, b)
	}
	alone := struct{ ID string }{}
	_, b = north.call("integrator", http.MethodPost, "/v1/readings", []byte("\n"+strings.Replace(phoned, "{", "{\n", 1)), one)
	if err := json.Unmarshal(b, &alone); err != nil {
		t.Fatal(err)
	}
	north.want(http.StatusOK, "operator", http.MethodPost, "/v1/subjects/erase", map[string]any{"subject": "Patient/p1"}, nil)
	for id, want := range map[string]int{alone.ID: http.StatusGone, receipt.ID: http.StatusOK} { // whom all values name
		if status, b := north.call("auditor", http.MethodGet, "/v1/readings/"+id+"/records/0", nil, nil); status != want {
			t.Errorf("after she was erased: %d %s", status, b)
		}
	}
	cut := strings.Replace(phoned, "260f2100", "260f", 1)
	status, b = north.call("integrator", http.MethodPost, "/v1/readings", []byte(cut), one)
	if status != http.StatusUnprocessableEntity || !strings.Contains(string(b), "ends before") || strings.Contains(string(b), "7400") {
		t.Errorf("a value that was cut off: %d %s", status, b)
	}
	if _, err := phd.Read([]byte(cut)); err == nil {
		t.Error("read all the same")
	}
}
