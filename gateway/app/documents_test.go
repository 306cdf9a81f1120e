package app

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/mds2"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const spdxBill = `{"SPDXID":"SPDXRef-DOCUMENT","spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","name":"monitor",
"documentNamespace":"https://example.com/monitor-2","creationInfo":{"created":"2026-11-30T08:00:00Z","creators":["Tool: x-1"]},
"packages":[{"SPDXID":"SPDXRef-a","name":"openssl","versionInfo":"3.0.1","downloadLocation":"NOASSERTION"},
{"SPDXID":"SPDXRef-b","name":"zlib","versionInfo":"1.3","downloadLocation":"NOASSERTION"}]}`

// TestABillOfSPDXIsPublished: accepted, named on the ledger by its format, served
// as it came, and refused in the forms that are not taken.
func TestABillOfSPDXIsPublished(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	maker := c.start(t, "medtech")
	model(maker)
	put := func(version, media, text string) (int, string) {
		status, b := maker.call("registrar", http.MethodPut, "/v1/models/DI-1/releases/"+version, []byte(text), map[string]string{"Content-Type": media})
		return status, string(b)
	}
	if status, b := put("2.0.0", "application/spdx+json", spdxBill); status != http.StatusCreated || !strings.Contains(b, `"sbomFormat":"SPDX"`) || !strings.Contains(b, `"components":2`) {
		t.Fatalf("%d %s", status, b)
	}
	res := maker.answer("auditor", http.MethodGet, "/v1/models/DI-1/releases/2.0.0/sbom", nil, nil)
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); got != "application/spdx+json" {
		t.Errorf("served as %s", got)
	}
	for name, c := range map[string]struct{ media, text, want string }{
		"XML":        {"application/vnd.cyclonedx+xml", `<bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>`, "convert it to JSON"},
		"not valid":  {"application/spdx+json", strings.Replace(spdxBill, "CC0-1.0", "MIT", 1), "dataLicense"},
		"wrong type": {"application/vnd.cyclonedx+json", spdxBill, "header.Content-Type"},
		"protobuf":   {"application/x.vnd.cyclonedx+protobuf", "\x0a\x03", "application/vnd.cyclonedx+json"},
	} {
		if status, b := put("3.0.0", c.media, c.text); status < 400 || status >= 500 || !strings.Contains(b, c.want) {
			t.Errorf("%s: %d %s", name, status, b)
		}
	}
}

const gtin = "09506000134352"

// labelled registers a model whose UDI-DI is a GTIN, and a unit of it for north.
func labelled(t *testing.T, maker, owner *running, serial string) string {
	t.Helper()
	maker.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/models", map[string]any{
		"di": gtin, "name": "Infusion pump IP-3", "modelNumber": "IP-3", "riskClass": "IIb",
	}, nil)
	status, b := maker.call("registrar", http.MethodPut, "/v1/models/"+gtin+"/releases/1.0.0", []byte(bill), map[string]string{"Content-Type": "application/json"})
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, b)
	}
	var unit struct{ ID string }
	maker.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/units", map[string]any{
		"serial": serial, "di": gtin, "lot": "L-1", "release": "1.0.0", "owner": owner.cfg.Organisation,
	}, &unit)
	owner.await("the owner to learn of the unit", func() bool {
		status, _ := owner.call("auditor", http.MethodGet, "/v1/units/"+unit.ID, nil, nil)
		return status == http.StatusOK
	})
	owner.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/units/"+unit.ID+"/service", map[string]any{
		"ward": "SECRET-WARD", "address": "10.20.0.7", "services": []any{},
	}, nil)
	return unit.ID
}

// TestALabelLeadsToThePage: at the maker's node at once, at the owner's when it was
// told the serial number, at no other, and without a word of the ward.
func TestALabelLeadsToThePage(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	maker, north, south := c.start(t, "medtech"), c.start(t, "hospital-north"), c.start(t, "hospital-south")
	const serial = "SN/42+1"
	id := labelled(t, maker, north, serial)
	path := "/01/" + gtin + "/10/L-1/21/SN%2F42%2B1"

	look := func(r *running, path, accept string) (int, string, http.Header) {
		res := r.answer("", http.MethodGet, path, nil, map[string]string{"Accept": accept})
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b), res.Header
	}
	maker.await("the maker's node to see it in service", func() bool {
		_, b, _ := look(maker, path, "text/html")
		return strings.Contains(b, "In service")
	})
	status, b, header := look(maker, path, "text/html")
	if dir := os.Getenv("SECANT_PAGE"); dir != "" {
		_ = os.WriteFile(filepath.Join(dir, "page.html"), []byte(b), 0o600)
	}
	for _, want := range []string{"Infusion pump IP-3", "SN/42&#43;1", "L-1", "Version 1.0.0", ledger.BodyDigest([]byte(bill)), "The medtech"} {
		if !strings.Contains(b, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	if status != http.StatusOK || strings.Contains(b, "SECRET-WARD") || strings.Contains(b, "10.20") || strings.Contains(b, "<script") || strings.Contains(b, north.cfg.Organisation) {
		t.Errorf("%d %s", status, b)
	}
	_, style, _ := strings.Cut(b, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	if got := header.Get("Content-Security-Policy"); !strings.Contains(got, base64.StdEncoding.EncodeToString(sum[:])) || !strings.Contains(got, "style-src 'sha256-") || strings.Contains(got, "unsafe") {
		t.Errorf("policy %s", got)
	}
	if status, _, _ := look(maker, "/01/"+gtin+"/21/SN%2F42%2B1?linkType=gs1:pip&17=271130", "*/*"); status != http.StatusOK {
		t.Errorf("without lot: %d", status)
	}
	if status, b, _ := look(maker, path, "application/linkset+json"); status != http.StatusOK || !strings.Contains(b, `"https://gs1.org/voc/defaultLink"`) {
		t.Errorf("link set: %d %s", status, b)
	}
	if status, b, _ := look(maker, "/01/"+gtin, "text/html"); status != http.StatusOK || strings.Contains(b, "Serial") {
		t.Errorf("model: %d %s", status, b)
	}

	for name, p := range map[string]string{
		"other lot": "/01/" + gtin + "/10/L-2/21/SN%2F42%2B1", "other serial": "/01/" + gtin + "/21/SN", "other link": path + "?linkType=gs1:recipeInfo",
	} {
		if status, _, _ := look(maker, p, "text/html"); status != http.StatusNotFound {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _, _ := look(maker, "/01/09506000134353/21/1", "text/html"); status != http.StatusUnprocessableEntity {
		t.Errorf("wrong check digit: %d", status)
	}
	for _, r := range []*running{north, south} {
		if status, _, _ := look(r, path, "text/html"); status != http.StatusNotFound {
			t.Errorf("%s knows the serial number: %d", r.cfg.Organisation, status)
		}
	}
	tell := map[string]string{"serial": serial}
	north.want(http.StatusOK, "registrar", http.MethodPut, "/v1/units/"+id+"/serial", tell, nil)
	south.want(http.StatusForbidden, "registrar", http.MethodPut, "/v1/units/"+id+"/serial", tell, nil)
	maker.want(http.StatusUnprocessableEntity, "registrar", http.MethodPut, "/v1/units/"+id+"/serial", map[string]string{"serial": "other"}, nil)
	if status, b, _ := look(north, path, "text/html"); status != http.StatusOK || strings.Contains(b, "SECRET-WARD") {
		t.Errorf("at the owner's node: %d %s", status, b)
	}

	status, picture := maker.call("auditor", http.MethodGet, "/v1/units/"+id+"/qr", nil, nil)
	if status != http.StatusOK || !strings.HasPrefix(string(picture), "<svg ") {
		t.Errorf("%d %s", status, picture)
	}
	if dir := os.Getenv("SECANT_PAGE"); dir != "" {
		_ = os.WriteFile(filepath.Join(dir, "qr.svg"), picture, 0o600)
	}

	maker.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/recalls", map[string]any{
		"di": gtin, "lot": "L-1", "class": "II", "noticeDigest": ledger.BodyDigest([]byte("The pump may stop.")),
	}, nil)
	north.await("the owner's page to say recalled", func() bool {
		_, b, _ := look(north, path, "text/html")
		return strings.Contains(b, "Recalled: do not use")
	})
	if dir := os.Getenv("SECANT_PAGE"); dir != "" {
		_, b, _ := look(north, path, "text/html")
		_ = os.WriteFile(filepath.Join(dir, "recalled.html"), []byte(b), 0o600)
	}
}

// TestCareServicesAndStatements: a care service names own units only and shows at
// the unit, and a model's statement is taken whole or not at all.
func TestCareServicesAndStatements(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	maker, north := c.start(t, "medtech"), c.start(t, "hospital-north")
	id := labelled(t, maker, north, "SN-7")
	service := map[string]any{"name": "Dialysis", "units": []string{id}, "services": []string{}, "withoutMinutes": 30}
	north.want(http.StatusOK, "registrar", http.MethodPut, "/v1/care-services/dialysis", service, nil)
	maker.want(http.StatusUnprocessableEntity, "registrar", http.MethodPut, "/v1/care-services/dialysis", service, nil)
	north.want(http.StatusForbidden, "auditor", http.MethodPut, "/v1/care-services/dialysis", service, nil)
	north.want(http.StatusUnprocessableEntity, "registrar", http.MethodPut, "/v1/care-services/icu",
		map[string]any{"name": "ICU", "units": []string{}, "services": []string{"nowhere"}, "withoutMinutes": 0}, nil)
	var unit struct {
		ReliedOnBy []struct {
			ID, Name string
			Without  int `json:"withoutMinutes"`
		}
	}
	north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/units/"+id, nil, &unit)
	if len(unit.ReliedOnBy) != 1 || unit.ReliedOnBy[0].ID != "dialysis" || unit.ReliedOnBy[0].Without != 30 {
		t.Errorf("%+v", unit)
	}
	var list struct{ Items []struct{ ID string } }
	north.want(http.StatusOK, "nurse", http.MethodGet, "/v1/care-services", nil, &list)
	if len(list.Items) != 1 {
		t.Errorf("%+v", list)
	}
	north.want(http.StatusNoContent, "registrar", http.MethodDelete, "/v1/care-services/dialysis", nil, nil)
	north.want(http.StatusNotFound, "registrar", http.MethodDelete, "/v1/care-services/dialysis", nil, nil)

	answers := map[string]any{}
	for _, q := range mds2.Questions() {
		answers[q] = map[string]string{"answer": "yes"}
	}
	statement := map[string]any{"edition": mds2.Edition, "date": "2026-11-30", "answers": answers}
	var got struct{ Digest string }
	maker.want(http.StatusOK, "registrar", http.MethodPut, "/v1/models/"+gtin+"/mds2", statement, &got)
	var again struct{ Digest string }
	maker.want(http.StatusOK, "auditor", http.MethodGet, "/v1/models/"+gtin+"/mds2", nil, &again)
	if got.Digest == "" || got != again {
		t.Errorf("%v %v", got, again)
	}
	delete(answers, "ALOF-1")
	maker.want(http.StatusUnprocessableEntity, "registrar", http.MethodPut, "/v1/models/"+gtin+"/mds2", statement, nil)

	// The guarded client reaches no address of this machine.
	if status, b := maker.call("registrar", http.MethodPut, "/v1/models/"+gtin+"/mud", []byte(`{"url":"https://127.0.0.1:1/a.json"}`),
		map[string]string{"Content-Type": "application/json"}); status < 400 || strings.Contains(string(b), "127.0.0.1") {
		t.Errorf("%d %s", status, b)
	}
	maker.want(http.StatusNotFound, "auditor", http.MethodGet, "/v1/models/"+gtin+"/mud", nil, nil)
}
