package ledger

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDIDsAreTakenApart(t *testing.T) {
	t.Parallel()
	for did, want := range map[string]DIDName{
		OrganisationDID("dev", "hospital-north"):          {Network: "dev", Kind: DIDOrganisation, Org: "hospital-north"},
		IssuerDID("dev-2", "Org1.MSP_x", "staff"):         {Network: "dev-2", Kind: DIDIssuer, Org: "Org1.MSP_x", Label: "staff"},
		DeviceDID("dev", hex32(1)):                        {Network: "dev", Kind: DIDDevice, Unit: hex32(1)},
		OrganisationDID("dev", upperHex):                  {Network: "dev", Kind: DIDOrganisation, Org: upperHex},
		OrganisationDID("dev", hex32(1)[:63]):             {Network: "dev", Kind: DIDOrganisation, Org: hex32(1)[:63]},
		IssuerDID("dev", "hospital-north", hex32(1)[:32]): {Network: "dev", Kind: DIDIssuer, Org: "hospital-north", Label: hex32(1)[:32]},
	} {
		got, ok := ParseDID(did)
		if !ok || got != want || got.String() != did {
			t.Errorf("%s reads as %+v (%v)", did, got, ok)
		}
	}
}

func FuzzParseDID(f *testing.F) {
	f.Add("did:secant:dev:hospital-north")
	f.Add("did:secant:dev:hospital-north:staff")
	f.Add("did:secant:dev:" + hex32(1))
	f.Add("did:secant:dev:a:b:c")
	f.Add("did:secant::")
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := ParseDID(s)
		if !ok {
			return
		}
		if d.String() != s {
			t.Errorf("%q reads as %+v, which is %q", s, d, d.String())
		}
		if (d.Kind == DIDDevice) != (d.Org == "") || (d.Kind == DIDIssuer) != (d.Label != "") || strings.ContainsAny(s, "#?/% \x00") {
			t.Errorf("%q reads as %+v", s, d)
		}
	})
}

// TestAControlSignatureIsOverEverything: each thing that a request says changes
// what is signed, except the signature and who voted.
func TestAControlSignatureIsOverEverything(t *testing.T) {
	t.Parallel()
	payload := func(r ControlRequest, channel string) string {
		b, err := r.ControlPayload(channel)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	base := &RotateKeys{DID: sampleIssuer, Keys: sampleKeys(), Revision: 2, Signature: "a"}
	want := payload(base, "c")
	var said Control
	if err := json.Unmarshal([]byte(want), &said); err != nil {
		t.Fatal(err)
	}
	if said.Request = ""; said != (Control{V: 1, Channel: "c", Chaincode: "secant", Function: "identity:RotateKeys", DID: sampleIssuer, Revision: 2}) {
		t.Errorf("it says %+v", said)
	}
	other := *base
	if other.Signature = "b"; payload(&other, "c") != want || base.Signature != "a" {
		t.Error("the signature is signed, or was lost")
	}
	seen := map[string]string{want: "base"}
	for name, r := range map[string]ControlRequest{
		"another DID":               &RotateKeys{DID: sampleIssuer + "x", Keys: sampleKeys(), Revision: 2},
		"another revision":          &RotateKeys{DID: sampleIssuer, Keys: sampleKeys(), Revision: 3},
		"other keys":                &RotateKeys{DID: sampleIssuer, Keys: DIDKeys{VerificationMethod: sampleKeys().VerificationMethod}, Revision: 2},
		"a creation":                &CreateDID{DID: sampleIssuer, Keys: sampleKeys()},
		"a creation with a service": &CreateDID{DID: sampleIssuer, Keys: sampleKeys(), Service: []Service{{ID: "a"}}},
		"services":                  &SetServices{DID: sampleIssuer, Revision: 2},
		"other names":               &SetServices{DID: sampleIssuer, Revision: 2, AlsoKnownAs: []string{"did:web:x"}},
		"the end":                   &DeactivateDID{DID: sampleIssuer, Revision: 2},
		"a recovery":                &RecoverDID{DID: sampleIssuer, Keys: sampleKeys(), Revision: 2, Proposal: hex32(1)},
		"another proposal":          &RecoverDID{DID: sampleIssuer, Keys: sampleKeys(), Revision: 2, Proposal: hex32(2)},
	} {
		p := payload(r, "c")
		if as, twice := seen[p]; twice {
			t.Errorf("%s is signed as %s", name, as)
		}
		seen[p] = name
	}
	if payload(base, "d") == want {
		t.Error("the channel is not signed")
	}
	recovery := &RecoverDID{DID: sampleIssuer, Keys: sampleKeys(), Revision: 2, Proposal: hex32(1), Voters: []string{"a"}}
	if seen[payload(recovery, "c")] != "a recovery" || len(recovery.Voters) != 1 {
		t.Error("who votes while the signature is made changes what is signed")
	}
}

func TestARelationshipNamesItsKeys(t *testing.T) {
	t.Parallel()
	keys := sampleKeys()
	if jwk, ok := keys.Method(keys.AssertionMethod, "key-2"); !ok || jwk != sampleP256 {
		t.Error("a key that the relationship names is not found")
	}
	for _, id := range []string{"key-1", "key", "key-20", "", "#key-2"} {
		if _, ok := keys.Method(keys.AssertionMethod, id); ok {
			t.Errorf("%q may make assertions", id)
		}
	}
	keys.VerificationMethod = nil
	if _, ok := keys.Method(keys.AssertionMethod, "key-2"); ok {
		t.Error("a key that is not there is found")
	}
}

func TestTwoDecideNothing(t *testing.T) {
	t.Parallel()
	for members, want := range map[int]int{0: 3, 1: 3, 2: 3, 3: 3, 4: 3, 5: 3, 6: 4} {
		r := Roster{Organisations: make([]string, members)}
		if got := r.Needed(); got != want {
			t.Errorf("of %d organisations %d are needed, want %d", members, got, want)
		}
	}
}
