package pseudonym_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestPseudonymsThatSendersChoose(t *testing.T) {
	t.Parallel()
	for text, sound := range map[string]bool{
		"wristband-4711": true, "7": true, strings.Repeat("a", 199) + "1": true,
		"": false, "Ada": false, "Ada Lovelace 1815": false, "Zoë1": false, "a\n1": false, strings.Repeat("1", 201): false,
	} {
		id, err := pseudonym.Parse(text)
		if (err == nil) != sound || (sound && string(id) != text) {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && (ledger.CodeOf(err) != ledger.CodeInvalid || text != "" && strings.Contains(err.Error(), text)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestIdentifiersOfOnePersonAreOneName(t *testing.T) {
	t.Parallel()
	const oid = "1.2.3"
	fhir := pseudonym.OfIdentifier("urn:oid:"+oid, "4711")
	for name, other := range map[string]pseudonym.ID{
		"HL7":             pseudonym.OfIdentifier(pseudonym.System("NORTH", oid, "ISO"), " 4711 "),
		"in lower case":   pseudonym.OfIdentifier(pseudonym.System("", oid, "iso"), "4711"),
		"spaces about it": pseudonym.OfIdentifier(" urn:oid:"+oid, "4711"),
		"URN":             pseudonym.OfIdentifier("URN:OID:"+oid, "4711"),
	} {
		if other != fhir || !other.Sound() {
			t.Errorf("%s: %q is not %q", name, string(other), string(fhir))
		}
	}
	if a, b := pseudonym.OfIdentifier("urn:UUID:0E0D", "1"), pseudonym.OfIdentifier(pseudonym.System("", "0e0d", "GUID"), "1"); a != b {
		t.Errorf("%q is not %q", string(a), string(b))
	}
	all := map[pseudonym.ID]bool{fhir: true}
	for _, other := range []pseudonym.ID{
		pseudonym.OfIdentifier("", "4711"), pseudonym.OfIdentifier("urn:oid:1.2.3", "4712"), pseudonym.OfIdentifier("urn:oid:1.2.30", "4711"),
		pseudonym.OfIdentifier("a|b", "c"), pseudonym.OfIdentifier("a", "b|c"), pseudonym.OfIdentifier("a", "b%7Cc"),
		pseudonym.OfIdentifier("a", "Zoë 1"), pseudonym.OfIdentifier("a", strings.Repeat("x", 300)), pseudonym.OfIdentifier("a", strings.Repeat("x", 301)),
		pseudonym.OfAddress("Patient/1"), pseudonym.OfAddress("https://example.org/Patient/" + strings.Repeat("1", 300)),
		pseudonym.OfIdentifier(pseudonym.System("NORTH", "", ""), "4711"),
		pseudonym.OfIdentifier(pseudonym.System("", "0E0D", "UUID"), "4711"), pseudonym.OfIdentifier(pseudonym.System("", "north.example", "DNS"), "4711"),
	} {
		if all[other] || !other.Sound() {
			t.Errorf("%q", string(other))
		}
		all[other] = true
	}
	if id := pseudonym.OfIdentifier("a", " "); id != "" {
		t.Errorf("%q", string(id))
	}
}

func TestNamesStayOutOfTexts(t *testing.T) {
	t.Parallel()
	id := pseudonym.ID("wristband-4711")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).InfoContext(t.Context(), "x", slog.Any("subject", id))
	if text := fmt.Sprintf("%v %s %+v", id, id, struct{ S pseudonym.ID }{id}) + log.String(); strings.Contains(text, "4711") {
		t.Error(text)
	}
}
