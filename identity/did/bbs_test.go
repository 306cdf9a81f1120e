package did_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
)

// TestAKeyForBBSStandsInADocument: on the ledger as a service, in every document that
// is made of the record as a key for assertions, which is read back from outside.
func TestAKeyForBBSStandsInADocument(t *testing.T) {
	t.Parallel()
	key := bytes.Repeat([]byte{7}, 96)
	service, ok := did.BBSService("https://north.example", "issuer-bbs-1", key)
	if !ok {
		t.Fatal("it does not fit")
	}
	if _, ok := did.BBSService("https://"+strings.Repeat("n", 60)+".example", "issuer-bbs-1", key); ok {
		t.Error("an address is longer than the ledger takes")
	}
	if _, ok := did.BBSService("https://north.example", "issuer-bbs-1", key[1:]); ok {
		t.Error("a key of another size fits")
	}
	broken := service
	broken.ID, broken.ServiceEndpoint = "broken", broken.ServiceEndpoint+"A"
	other := service
	other.ID, other.Type = "other", "LinkedDomains"
	record := &ledger.DID{
		ID: "did:secant:test:hospital-north:credentials", Kind: ledger.DIDIssuer,
		Service: []ledger.Service{service, broken, other},
	}
	web, err := did.WebDocument(record, "north.example")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(web)
	if err != nil {
		t.Fatal(err)
	}
	read, err := did.ParseDocument(b)
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]*did.Document{"did:secant": did.FromLedger(record), "did:web": web, "read": read} {
		kid := d.ID + "#issuer-bbs-1"
		if got, err := d.BBSKey(kid); err != nil || !bytes.Equal(got, key) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
		if !slices.Contains(d.AssertionMethod, kid) || len(d.Service) != 2 {
			t.Errorf("%s: %+v", name, d)
		}
		if _, err := d.Key(did.AssertionMethod, kid); err == nil {
			t.Errorf("%s: it serves for other signatures", name)
		}
		for _, wrong := range []string{"issuer-bbs-1", "did:web:elsewhere.example#issuer-bbs-1", d.ID + "#broken", d.ID + "#other", d.ID + "#issuer-bbs", ""} {
			if got, err := d.BBSKey(wrong); err == nil {
				t.Errorf("%s: %q names %x", name, wrong, got)
			}
		}
	}
}
