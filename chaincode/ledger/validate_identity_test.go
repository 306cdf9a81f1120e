package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// identityRequests holds a valid one of each request of the contract that can be wrong.
var identityRequests = map[string]func() validator{
	"organisation": func() validator {
		return &RegisterOrganisation{
			Name: "North Hospital", Kind: KindHospital, Endpoint: "https://north.example:8443/api", TokenKey: hex32(1), Revision: 1, Network: "dev-2",
		}
	},
	"vote":      func() validator { return &CastVote{Proposal: hex32(20)} },
	"enactment": func() validator { return &Enact{Proposal: hex32(20), Voters: []string{"a", "b"}} },
	"schema": func() validator {
		return &PublishSchema{CredentialType: "DeviceAssessor", Version: "1", Digest: hex32(26)}
	},
	"status-list": func() validator {
		return &CommitStatusList{Issuer: sampleIssuer, List: "1", Version: 1, Digest: hex32(27), ValidUntil: at}
	},
	"did": func() validator {
		d := sampleDID()
		return &CreateDID{DID: d.ID, Keys: d.Keys, Service: d.Service, AlsoKnownAs: d.AlsoKnownAs, Signature: "a.b.c"}
	},
	"rotation": func() validator {
		return &RotateKeys{DID: sampleIssuer, Keys: sampleKeys(), Revision: 2, Signature: "a.b.c"}
	},
	"services":     func() validator { return &SetServices{DID: sampleIssuer, Revision: 2, Signature: "a.b.c"} },
	"deactivation": func() validator { return &DeactivateDID{DID: sampleIssuer, Revision: 2, Signature: "a.b.c"} },
	"recovery": func() validator {
		return &RecoverDID{DID: sampleIssuer, Keys: sampleKeys(), Revision: 2, Proposal: hex32(24), Voters: []string{"a"}, Signature: "a.b.c"}
	},
}

var (
	wrongDIDs = []any{
		"", "did:web:north.example", "did:secant:dev", "did:secant:dev:", "did:secant::north", "did:secant:Dev:north", "did:secant:1dev:north",
		"did:secant:dev:a:b:c", "did:secant:dev:a:", "did:secant:dev:a/b", "did:secant:dev:a#key-1", "did:secant:dev:a%20b",
		"did:secant:" + strings.Repeat("n", MaxNetworkName+1) + ":north", "did:secant:dev:" + strings.Repeat("x", 65),
		"did:secant:dev:" + hex32(1) + ":label", "did:secant:dev:a:" + strings.Repeat("x", MaxDIDLabel+1), "DID:secant:dev:north",
	}
	wrongDIDRevisions = []any{0, -1, MaxRevision + 1}
	wrongSignatures   = []any{"", strings.Repeat("x", MaxControlJWS+1)}
	deviceDID         = "did:secant:dev:" + hex32(1)
)

// identityFaults holds, for each of their fields, values that it does not take.
var identityFaults = map[string]map[string][]any{
	"organisation": {
		"name":     {"", " padded", "tab\tinside", "\xff", longText, "zero\u200bwidth"},
		"kind":     {"", "Hospital", "clinic"},
		"endpoint": {"", "north.example", "ftp://north.example", "https://", "https://u:p@north.example", "https://north.example?q", "https://north.example/#f", "https://" + longText, "http://[::1", "https://north.example/\x7f"},
		"tokenKey": {"", upperHex, hex32(1)[2:], hex32(1) + "00", strings.Repeat("zz", 32)},
		"revision": {0, -1},
		"network":  {"Dev", "1dev", "-dev", "de:v", strings.Repeat("n", MaxNetworkName+1)},
	},
	"vote":      {"proposal": {"", upperHex}},
	"enactment": {"proposal": {"", upperHex}, "voters": {[]string{}, slices.Repeat([]string{"a"}, MaxVoters+1)}},
	"schema":    {"credentialType": {"", "a b", strings.Repeat("x", 129)}, "version": {"", "1 0"}, "digest": {"", upperHex}},
	"status-list": {
		"issuer": append([]any{deviceDID}, wrongDIDs...), "list": {"", "a b", "a..b", strings.Repeat("x", 65)}, "version": wrongDIDRevisions, "digest": {""},
		"validUntil": {time.Time{}, at.Add(1), at.In(time.FixedZone("", 3600))},
	},
	"did":          {"did": wrongDIDs, "signature": wrongSignatures},
	"rotation":     {"did": {""}, "revision": wrongDIDRevisions, "signature": wrongSignatures},
	"services":     {"did": {""}, "revision": wrongDIDRevisions, "signature": wrongSignatures},
	"deactivation": {"did": wrongDIDs, "revision": wrongDIDRevisions, "signature": wrongSignatures},
	"recovery":     {"did": {""}, "revision": wrongDIDRevisions, "signature": wrongSignatures, "proposal": {"", upperHex}, "voters": {[]string{}}},
}

// wantFault fails unless the request has this one fault.
func wantFault(t *testing.T, r validator, field string) {
	t.Helper()
	p, ok := errors.AsType[*Problem](r.Validate())
	if !ok || p.Code != CodeInvalid || len(p.Faults) != 1 || p.Faults[0].Field != field {
		t.Errorf("want one fault, of %s: %v", field, p)
	}
}

func TestVotersAreNamedOnce(t *testing.T) {
	t.Parallel()
	wantFault(t, &Enact{Proposal: hex32(1), Voters: []string{"a", "b", "a"}}, "voters[2]")
	wantFault(t, &Enact{Proposal: hex32(1), Voters: []string{"a", "b c"}}, "voters[1]")
}

// subjects holds a valid subject of each kind of proposal.
func subjects() map[string]ProposalSubject {
	return map[string]ProposalSubject{
		ProposeAcceptIssuer:        {Issuer: sampleIssuer, CredentialType: "DeviceAssessor", Schema: "1"},
		ProposeStrikeIssuer:        {Issuer: sampleIssuer, CredentialType: "DeviceAssessor"},
		ProposeRemoveOrganisation:  {Organisation: "medtech"},
		ProposeReadmitOrganisation: {Organisation: "medtech"},
		ProposeRecoverDID:          {DID: deviceDID, Key: sampleP256.Thumbprint()},
		ProposeAssignModel:         {DI: "04012345678901", Organisation: "medtech"},
		ProposeSucceedStream:       {Stream: hex32(2), Successor: hex32(3), LastSequence: 1},
		ProposeAcceptCatalogue:     {Catalogue: "secant-controls/1"},
	}
}

// TestAProposalHasTheFieldsOfItsKind takes each field away where it belongs, and
// adds it where it does not.
func TestAProposalHasTheFieldsOfItsKind(t *testing.T) {
	t.Parallel()
	full := ProposalSubject{
		Issuer: sampleIssuer, CredentialType: "DeviceAssessor", Schema: "1", Organisation: "medtech",
		DID: deviceDID, Key: sampleP256.Thumbprint(), DI: "D1", Stream: hex32(2), Successor: hex32(3), LastSequence: 1, Catalogue: "c/1",
	}
	fields := map[string]func(to, from *ProposalSubject){
		"issuer":         func(to, from *ProposalSubject) { to.Issuer = from.Issuer },
		"credentialType": func(to, from *ProposalSubject) { to.CredentialType = from.CredentialType },
		"schema":         func(to, from *ProposalSubject) { to.Schema = from.Schema },
		"organisation":   func(to, from *ProposalSubject) { to.Organisation = from.Organisation },
		"did":            func(to, from *ProposalSubject) { to.DID = from.DID },
		"key":            func(to, from *ProposalSubject) { to.Key = from.Key },
		"di":             func(to, from *ProposalSubject) { to.DI = from.DI },
		"stream":         func(to, from *ProposalSubject) { to.Stream = from.Stream },
		"successor":      func(to, from *ProposalSubject) { to.Successor = from.Successor },
		"catalogue":      func(to, from *ProposalSubject) { to.Catalogue = from.Catalogue },
	}
	if len(subjects()) != len(ProposalKinds) {
		t.Fatal("a kind of proposal is not tried")
	}
	for kind, valid := range subjects() {
		if err := (&Propose{Kind: kind, Subject: valid, Reason: "so"}).Validate(); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		for name, move := range fields {
			r := &Propose{Kind: kind, Subject: valid, Reason: "so"}
			before := r.Subject
			if move(&r.Subject, &ProposalSubject{}); r.Subject == before {
				move(&r.Subject, &full)
			}
			wantFault(t, r, "subject."+name)
		}
		if kind != ProposeSucceedStream {
			r := &Propose{Kind: kind, Subject: valid, Reason: "so"}
			r.Subject.LastSequence = 1
			wantFault(t, r, "subject.lastSequence")
		}
	}
	stream := subjects()[ProposeSucceedStream]
	stream.LastSequence = MaxSequence + 1
	wantFault(t, &Propose{Kind: ProposeSucceedStream, Subject: stream, Reason: "so"}, "subject.lastSequence")
	stream = subjects()[ProposeSucceedStream]
	stream.Successor = stream.Stream
	wantFault(t, &Propose{Kind: ProposeSucceedStream, Subject: stream, Reason: "so"}, "subject.successor")
	device := subjects()[ProposeAcceptIssuer]
	device.Issuer = deviceDID
	wantFault(t, &Propose{Kind: ProposeAcceptIssuer, Subject: device, Reason: "so"}, "subject.issuer")
	wantFault(t, &Propose{Kind: "else", Reason: "so"}, "kind")
	wantFault(t, &Propose{Kind: ProposeRemoveOrganisation, Subject: ProposalSubject{Organisation: "a"}}, "reason")
}

// TestKeysOfADocumentAreChecked breaks one thing of a valid document at a time.
func TestKeysOfADocumentAreChecked(t *testing.T) {
	t.Parallel()
	offCurve := sampleP256
	offCurve.Y = sampleP256.X
	weak := sampleEd25519
	weak.X = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" // order 1
	for name, c := range map[string]struct {
		field  string
		change func(*DIDKeys)
	}{
		"no keys":       {"keys.verificationMethod", func(k *DIDKeys) { k.VerificationMethod = nil }},
		"too many keys": {"keys.verificationMethod", func(k *DIDKeys) { k.VerificationMethod = slices.Repeat(k.VerificationMethod, MaxDIDMethods) }},
		"an id twice": {"keys.verificationMethod[2].id", func(k *DIDKeys) {
			k.VerificationMethod = append(k.VerificationMethod, VerificationMethod{"key-1", MethodJSONWebKey, other(t)})
		}},
		"a key twice": {"keys.verificationMethod[2].publicKeyJwk", func(k *DIDKeys) {
			k.VerificationMethod = append(k.VerificationMethod, VerificationMethod{"key-3", MethodJSONWebKey, sampleP256})
		}},
		"an id of another kind": {"keys.verificationMethod[2].id", func(k *DIDKeys) {
			k.VerificationMethod = append(k.VerificationMethod, VerificationMethod{"#key-3", MethodJSONWebKey, other(t)})
		}},
		"another type":          {"keys.verificationMethod[0].type", func(k *DIDKeys) { k.VerificationMethod[0].Type = "Ed25519VerificationKey2020" }},
		"a point off the curve": {"keys.verificationMethod[1].publicKeyJwk", func(k *DIDKeys) { k.VerificationMethod[1].PublicKeyJWK = offCurve }},
		"a key of small order":  {"keys.verificationMethod[0].publicKeyJwk", func(k *DIDKeys) { k.VerificationMethod[0].PublicKeyJWK = weak }},
		"padding":               {"keys.verificationMethod[0].publicKeyJwk", func(k *DIDKeys) { k.VerificationMethod[0].PublicKeyJWK.X += "=" }},
		"a y too many":          {"keys.verificationMethod[0].publicKeyJwk", func(k *DIDKeys) { k.VerificationMethod[0].PublicKeyJWK.Y = sampleP256.Y }},
		"a key named twice":     {"keys.authentication[1]", func(k *DIDKeys) { k.Authentication = []string{"key-1", "key-1"} }},
		"a key that is missing": {"keys.assertionMethod[0]", func(k *DIDKeys) { k.AssertionMethod = []string{"key-9"} }},
		"a list too long":       {"keys.assertionMethod", func(k *DIDKeys) { k.AssertionMethod = slices.Repeat([]string{"key-1"}, MaxDIDMethods+1) }},
		"nobody may change it":  {"keys.capabilityInvocation", func(k *DIDKeys) { k.CapabilityInvocation = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys := sampleKeys()
			c.change(&keys)
			wantFault(t, &CreateDID{DID: sampleIssuer, Keys: keys, Signature: "a.b.c"}, c.field)
			wantFault(t, &RotateKeys{DID: sampleIssuer, Keys: keys, Revision: 2, Signature: "a.b.c"}, c.field)
		})
	}
}

// other returns a key that the sample document does not have.
func other(t *testing.T) JWK {
	t.Helper()
	k, err := JWKOf(parseEd25519("0300000000000000000000000000000000000000000000000000000000000000"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestServicesAndAliasesAreChecked(t *testing.T) {
	t.Parallel()
	service := func(change func(*Service)) *SetServices {
		s := Service{ID: "node", Type: "Node", ServiceEndpoint: "https://north.example"}
		r := &SetServices{DID: sampleIssuer, Service: []Service{s, s}, Revision: 2, Signature: "a.b.c"}
		r.Service[1].ID = "other"
		change(&r.Service[1])
		return r
	}
	wantFault(t, service(func(s *Service) { s.ID = "node" }), "service[1].id")
	wantFault(t, service(func(s *Service) { s.ID = "a b" }), "service[1].id")
	wantFault(t, service(func(s *Service) { s.Type = "" }), "service[1].type")
	wantFault(t, service(func(s *Service) { s.ServiceEndpoint = "mailto:a@north.example" }), "service[1].serviceEndpoint")
	wantFault(t, service(func(s *Service) { s.ServiceEndpoint = "https://north.example/a@north.example" }), "service[1].serviceEndpoint")
	many := service(func(*Service) {})
	many.Service = slices.Repeat(many.Service, MaxDIDServices)
	wantFault(t, many, "service")

	alias := func(names ...string) *SetServices {
		return &SetServices{DID: sampleIssuer, AlsoKnownAs: names, Revision: 2, Signature: "a.b.c"}
	}
	if err := alias("did:web:north.example", "https://north.example", sampleIssuer).Validate(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{
		"", "north", "did:", "mailto:a@north.example", "http://north.example", "https://u@north.example", "https://north.example?q",
		"https://north.example#f", "did:web:a?b=c", "did:web:" + longText, "https://", "::",
		"https://north.example/staff/anna.mueller", "https://anna@north.example", "https://North.example", "https://north.example.", "https://-a.example",
		"did:web:north.example:staff:anna", "did:web:a%40north.example", "did:web:", "did:mailto:anna@north.example",
		"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", "did:jwk:eyJrdHkiOiJPS1AifQ", "did:secant:dev", "did:secant:dev:a@b",
	} {
		wantFault(t, alias("did:web:x", name), "alsoKnownAs[1]")
	}
	wantFault(t, alias("did:web:x", "did:web:x"), "alsoKnownAs[1]")
	wantFault(t, alias(slices.Repeat([]string{"did:web:x"}, MaxDIDAliases+1)...), "alsoKnownAs")
}
