package ledger_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestADesksAddressSaysWhoAsks(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://desk.example":           "x509_san_dns:desk.example",
		"https://desk.example:7051/vp":   "x509_san_dns:desk.example",
		"https://localhost:7051":         "x509_san_dns:localhost",
		"http://desk.example":            "",
		"https://Desk.example":           "",
		"https://desk.example.":          "",
		"https://[::1]:7051":             "",
		"https:desk.example":             "",
		"https://10.0.0.1:7051":          "",
		"x509_san_dns:desk.example":      "",
		"":                               "",
		"https://desk.example:port":      "",
		"https://user@desk.example:7051": "x509_san_dns:desk.example", // a document holds none such
	} {
		got := ledger.StatementClient(address)
		if got != want || (got != "") != ledger.IsStatementClient(got) {
			t.Errorf("%q asks as %q, want %q", address, got, want)
		}
	}
	for _, other := range []string{"x509_hash:abc", "x509_san_dns:", "x509_san_dns:a:1", "secant:dev:secant", "decentralized_identifier:did:web:a", ""} {
		if ledger.IsStatementClient(other) {
			t.Errorf("%q is taken for a desk", other)
		}
	}
}

func TestADocumentNamesItsDesks(t *testing.T) {
	t.Parallel()
	desk := func(id, address string) ledger.Service {
		return ledger.Service{ID: id, Type: ledger.ServiceStatementDesk, ServiceEndpoint: address}
	}
	d := &ledger.DID{
		ID: ledger.IssuerDID("dev", "hospital-north", ledger.LabelCredentials),
		Service: []ledger.Service{
			desk("a", "https://a.example/vp"), {ID: "b", Type: "LinkedDomains", ServiceEndpoint: "https://b.example"}, desk("c", "http://c.example"), desk("d", "https://d.example"),
		},
	}
	if diff := cmp.Diff([]string{"x509_san_dns:a.example", "x509_san_dns:d.example"}, d.StatementClients()); diff != "" {
		t.Error(diff)
	}
	for _, id := range []string{
		ledger.IssuerDID("dev", "hospital-north", "other"), ledger.OrganisationDID("dev", "hospital-north"), "did:web:a.example",
	} {
		other := *d
		if other.ID = id; other.StatementClients() != nil {
			t.Errorf("%s has a desk", id)
		}
	}
	d.Deactivated = true
	if d.StatementClients() != nil {
		t.Error("a deactivated document has a desk")
	}
}
