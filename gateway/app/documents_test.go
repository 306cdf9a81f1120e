package app

import (
	"net/http"
	"strings"
	"testing"
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
