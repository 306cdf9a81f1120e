package identity_test

import (
	"crypto/elliptic"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

func (h *house) resolve(did string, revision int) ledger.DIDResolution {
	h.t.Helper()
	var r ledger.DIDResolution
	statetest.Want(h.t, "", h.Evaluate(h.Client(south, ""), ledger.IdentityResolveDID, ledger.ResolveDID{DID: did, Revision: revision}, &r))
	return r
}

func rotation(did string, revision int, by *statetest.DIDKey, to ...*statetest.DIDKey) ledger.RotateKeys {
	r := ledger.RotateKeys{DID: did, Keys: statetest.DIDKeys(to...), Revision: revision}
	r.Signature = by.Control(did, &r)
	return r
}

func ending(did string, revision int, by *statetest.DIDKey) ledger.DeactivateDID {
	r := ledger.DeactivateDID{DID: did, Revision: revision}
	r.Signature = by.Control(did, &r)
	return r
}

func TestADIDLivesItsLife(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first, second := statetest.NewDIDKey("key-1", north), statetest.NewP256Key("key-2")
	did := ledger.OrganisationDID(statetest.Network, north)
	created := statetest.Creation(did, first)
	h.try("", north, ledger.IdentityCreateDID, created)
	h.try(ledger.CodeAlreadyExists, north, ledger.IdentityCreateDID, created)
	tx := h.Blocks(h.Height() - 1)[0].Txs[0]
	event := &ledger.Event{V: 1, Kind: ledger.EventDIDCreated, Key: []string{"did", did}, Tx: tx.ID, Subjects: []string{north}}
	if diff := cmp.Diff(event, tx.Event); diff != "" {
		t.Error(diff)
	}
	want := ledger.DIDResolution{Current: 1, Version: ledger.DIDVersion{
		V: 1, Proof: created.Signature, Tx: tx.ID, Document: ledger.DID{
			V: 1, ID: did, Kind: ledger.DIDOrganisation, Organisation: north, Keys: created.Keys,
			Created: statetest.Start, Updated: statetest.Start, Revision: 1,
		},
	}}
	if diff := cmp.Diff(want, h.resolve(did, 0)); diff != "" {
		t.Error(diff)
	}

	h.Advance(time.Minute)
	h.try("", north, ledger.IdentityRotateKeys, rotation(did, 2, first, second)) // Ed25519 to P-256
	services := ledger.SetServices{
		DID: did, Service: []ledger.Service{{ID: "node", Type: "Node", ServiceEndpoint: "https://north.example"}},
		AlsoKnownAs: []string{"did:web:north.example"}, Revision: 3,
	}
	services.Signature = second.Control(did, &services)
	h.try("", north, ledger.IdentitySetServices, services)
	current := h.resolve(did, 0)
	document := current.Version.Document
	if current.Current != 3 || !cmp.Equal(document.Service, services.Service) || !cmp.Equal(document.AlsoKnownAs, services.AlsoKnownAs) ||
		!cmp.Equal(document.Keys, statetest.DIDKeys(second)) || !document.Updated.Equal(statetest.Start.Add(time.Minute)) || !document.Created.Equal(statetest.Start) {
		t.Errorf("the document is %+v", current)
	}

	h.try("", north, ledger.IdentityDeactivateDID, ending(did, 4, second))
	ended := h.resolve(did, 0)
	document = ended.Version.Document
	if !ended.Ended || !document.Deactivated || len(document.Keys.VerificationMethod)+len(document.Service)+len(document.AlsoKnownAs) > 0 {
		t.Errorf("the document is %+v", ended)
	}
	if before := h.resolve(did, 2); !before.Ended || before.Current != 4 || before.Version.Document.Revision != 2 || before.Version.Document.Deactivated {
		t.Errorf("revision 2 is %+v", before)
	}
	// For good: nothing follows, by any key.
	h.try(ledger.CodeGone, north, ledger.IdentityRotateKeys, rotation(did, 5, second, first))
	h.try(ledger.CodeGone, north, ledger.IdentityDeactivateDID, ending(did, 5, second))
	h.try(ledger.CodeAlreadyExists, north, ledger.IdentityCreateDID, created)

	statetest.Want(t, ledger.CodeNotFound, h.Evaluate(h.Client(south, ""), ledger.IdentityResolveDID, ledger.ResolveDID{DID: did, Revision: 5}, nil))
	statetest.Want(t, ledger.CodeNotFound, h.Evaluate(h.Client(south, ""), ledger.IdentityResolveDID, ledger.ResolveDID{DID: did + "x"}, nil))
	var page ledger.DIDPage
	statetest.Want(t, "", h.Evaluate(h.Client(south, ""), ledger.IdentityListDIDs, ledger.PageRequest{}, &page))
	if len(page.Items) != 1 || page.Items[0].ID != did {
		t.Errorf("the page is %+v", page)
	}
}

func TestOnlyItsControllerCreatesADID(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := statetest.NewDIDKey("key-1", "k")
	for did, who := range map[string]string{
		ledger.OrganisationDID(statetest.Network, north):                         north,
		ledger.IssuerDID(statetest.Network, north, "staff"):                      north,
		ledger.DeviceDID(statetest.Network, statetest.SeededUnit(north)):         maker,
		ledger.IssuerDID(statetest.Network, authority, "assess"):                 authority,
		ledger.OrganisationDID(statetest.Network, "hospital-northern"):           "",
		ledger.OrganisationDID("elsewhere", north):                               "",
		ledger.DeviceDID(statetest.Network, ledger.BodyDigest([]byte("nobody"))): "",
	} {
		for _, org := range append(statetest.Organisations(), "hospital-northern") {
			s, err := h.Simulate(h.of(org, ledger.IdentityCreateDID, statetest.Creation(did, key)))
			if err != nil {
				t.Fatal(err)
			}
			if ok := s.Err() == nil; ok != (org == who) {
				t.Errorf("%s by %s: %v", did, org, s.Err())
			}
		}
	}
	h.try(ledger.CodeInvalid, north, ledger.IdentityCreateDID, statetest.Creation(ledger.OrganisationDID("elsewhere", north), key))
	h.try(ledger.CodeNotFound, maker, ledger.IdentityCreateDID, statetest.Creation(ledger.DeviceDID(statetest.Network, ledger.BodyDigest(nil)), key))
}

func TestANetworkWithoutANameHasNoDIDs(t *testing.T) {
	t.Parallel()
	h := &house{statetest.New(t), t}
	create := statetest.Creation(ledger.OrganisationDID(statetest.Network, north), statetest.NewDIDKey("key-1", "k"))
	h.try("", north, ledger.IdentityRegister, says(north, "", 1))
	h.try(ledger.CodeNotFound, north, ledger.IdentityCreateDID, create)
	for i, org := range []string{north, south, east} {
		r := says(org, statetest.Network, 1)
		if i == 0 {
			r.Revision = 2
		}
		h.try("", org, ledger.IdentityRegister, r)
		code := ledger.CodeNotFound
		if i == 2 {
			code = ""
		}
		h.try(code, north, ledger.IdentityCreateDID, create)
	}
}

// TestADevicesDIDFollowsTheDevice: its maker has it until the device is in
// service, and hands over by signing what the owner submits.
func TestADevicesDIDFollowsTheDevice(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	unit := statetest.SeededUnit(north)
	did := ledger.DeviceDID(statetest.Network, unit)
	old, next := statetest.NewDIDKey("key-1", "maker"), statetest.NewDIDKey("key-1", "owner")
	h.try(ledger.CodeDenied, north, ledger.IdentityCreateDID, statetest.Creation(did, old))
	h.try("", maker, ledger.IdentityCreateDID, statetest.Creation(did, old))
	tx := h.Blocks(h.Height() - 1)[0].Txs[0]
	if !slices.Contains(tx.Event.Subjects, unit) || !slices.Contains(tx.Event.Subjects, maker) {
		t.Errorf("the event concerns %v", tx.Event.Subjects)
	}
	h.serve(unit)
	h.try(ledger.CodeDenied, maker, ledger.IdentityRotateKeys, rotation(did, 2, old, next))
	h.try(ledger.CodeDenied, north, ledger.IdentityRotateKeys, rotation(did, 2, next, next)) // without the maker's word
	h.try("", north, ledger.IdentityRotateKeys, rotation(did, 2, old, next))
	if got := h.resolve(did, 0).Version.Document.Organisation; got != north {
		t.Errorf("it was written by %s", got)
	}
}

// TestADevicesDIDDoesNotReturnToItsMaker: a unit that goes from one hospital to
// another is registered again until the new owner puts it into service.
func TestADevicesDIDDoesNotReturnToItsMaker(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	unit := statetest.SeededUnit(north)
	did := ledger.DeviceDID(statetest.Network, unit)
	key, next := statetest.NewDIDKey("key-1", "maker"), statetest.NewDIDKey("key-1", "south")
	h.try("", maker, ledger.IdentityCreateDID, statetest.Creation(did, key))
	h.serve(unit)
	step := func(org, name string, req any) {
		t.Helper()
		statetest.Want(t, "", h.Submitted(t, statetest.Proposal{Client: h.Client(org, ledger.RoleCustodian), Name: name, Request: req}, nil))
	}
	step(north, ledger.DeviceOffer, ledger.OfferUnit{ID: unit, Revision: 2, To: south})
	step(south, ledger.DeviceAccept, ledger.AcceptUnit{ID: unit, Revision: 3})
	h.try(ledger.CodeDenied, maker, ledger.IdentityDeactivateDID, ending(did, 2, key))
	h.try(ledger.CodeDenied, maker, ledger.IdentityRotateKeys, rotation(did, 2, key, key))
	h.try(ledger.CodeDenied, north, ledger.IdentityRotateKeys, rotation(did, 2, key, key))
	h.try("", south, ledger.IdentityRotateKeys, rotation(did, 2, key, next))
}

// serve puts a unit of north into service.
func (h *house) serve(unit string) {
	h.t.Helper()
	p := statetest.Proposal{Client: h.Client(north, ledger.RoleCustodian), Name: ledger.DevicePutIntoService, Request: ledger.PutIntoService{ID: unit}}
	statetest.Want(h.t, "", h.Submitted(h.t, p, nil))
}

// TestControlSignaturesThatDoNotServe tries each way in which a signature can be
// of something else, or by someone else.
func TestControlSignaturesThatDoNotServe(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	did, key := h.issuer("staff")
	twin, _ := h.issuer("twin") // of the same key
	stranger := statetest.NewDIDKey("key-1", "stranger")
	next := statetest.NewDIDKey("key-2", north)
	// key-a may make assertions and nothing else.
	quiet := statetest.NewDIDKey("key-a", north)
	keys := statetest.DIDKeys(key)
	keys.VerificationMethod = append(keys.VerificationMethod, statetest.DIDKeys(quiet).VerificationMethod...)
	keys.AssertionMethod = append(keys.AssertionMethod, quiet.ID)
	earlier := ledger.RotateKeys{DID: did, Keys: keys, Revision: 2}
	earlier.Signature = key.Control(did, &earlier)
	h.try("", north, ledger.IdentityRotateKeys, earlier)

	base := ledger.RotateKeys{DID: did, Keys: statetest.DIDKeys(next), Revision: 3}
	payload, err := base.ControlPayload(statetest.Channel)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := base.ControlPayload("another-channel")
	if err != nil {
		t.Fatal(err)
	}
	good := key.Control(did, &base)
	parts := strings.Split(good, ".")
	with := func(change func(*ledger.RotateKeys)) string {
		r := base
		change(&r)
		return key.Control(did, &r)
	}
	header := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + parts[1] }
	for name, c := range map[string]struct {
		signature string
		code      ledger.Code
	}{
		"good":                      {good, ""},
		"empty":                     {"", ledger.CodeInvalid},
		"no JWS":                    {"x", ledger.CodeInvalid},
		"two parts":                 {parts[0] + "." + parts[1], ledger.CodeInvalid},
		"no signature":              {parts[0] + "." + parts[1] + ".", ledger.CodeDenied},
		"alg none":                  {header(`{"alg":"none","typ":"secant-control","kid":"`+did+`#key-1"}`) + ".", ledger.CodeInvalid},
		"the key's text as secret":  {header(`{"alg":"HS256","typ":"secant-control","kid":"`+did+`#key-1"}`) + "." + parts[2], ledger.CodeInvalid},
		"another algorithm":         {header(`{"alg":"ES256","typ":"secant-control","kid":"`+did+`#key-1"}`) + "." + parts[2], ledger.CodeDenied},
		"a header changed":          {header(`{"alg":"EdDSA","typ":"secant-control","kid":"`+did+`#key-2"}`) + "." + parts[2], ledger.CodeDenied},
		"a certificate with it":     {key.JWSWith(map[string]any{"typ": ledger.TypeControlSignature, "kid": did + "#key-1", "x5c": []string{"MIIB"}}, payload), ledger.CodeInvalid},
		"a mailbox with it":         {key.JWSWith(map[string]any{"typ": ledger.TypeControlSignature, "kid": did + "#key-1", "sub": "anna@north.example"}, payload), ledger.CodeInvalid},
		"another type":              {key.JWS("JWT", did+"#key-1", payload), ledger.CodeInvalid},
		"no type":                   {key.JWS("", did+"#key-1", payload), ledger.CodeInvalid},
		"a stranger's key":          {stranger.Control(did, &base), ledger.CodeDenied},
		"the key to come":           {next.Control(did, &base), ledger.CodeDenied},
		"a key for assertions":      {quiet.Control(did, &base), ledger.CodeDenied},
		"of another document":       {key.JWS(ledger.TypeControlSignature, twin+"#key-1", payload), ledger.CodeDenied},
		"a key without document":    {key.JWS(ledger.TypeControlSignature, "key-1", payload), ledger.CodeDenied},
		"a key by its beginning":    {key.JWS(ledger.TypeControlSignature, did+"#key", payload), ledger.CodeDenied},
		"another channel":           {key.JWS(ledger.TypeControlSignature, did+"#key-1", elsewhere), ledger.CodeDenied},
		"a payload reordered":       {key.JWS(ledger.TypeControlSignature, did+"#key-1", append([]byte(" "), payload...)), ledger.CodeDenied},
		"no payload":                {key.JWS(ledger.TypeControlSignature, did+"#key-1", nil), ledger.CodeDenied},
		"another DID":               {with(func(r *ledger.RotateKeys) { r.DID = twin }), ledger.CodeDenied},
		"another revision":          {with(func(r *ledger.RotateKeys) { r.Revision = 4 }), ledger.CodeDenied},
		"other keys":                {with(func(r *ledger.RotateKeys) { r.Keys = statetest.DIDKeys(stranger) }), ledger.CodeDenied},
		"of the version before":     {earlier.Signature, ledger.CodeDenied},
		"of another function":       {key.Control(did, &ledger.SetServices{DID: did, Revision: 3}), ledger.CodeDenied},
		"of the end":                {ending(did, 3, key).Signature, ledger.CodeDenied},
		"longer than is allowed":    {good + strings.Repeat("x", ledger.MaxControlJWS), ledger.CodeInvalid},
		"a signature one bit other": {parts[0] + "." + parts[1] + "." + flipped(parts[2]), ledger.CodeDenied},
	} {
		r := base
		r.Signature = c.signature
		s, err := h.Simulate(h.of(north, ledger.IdentityRotateKeys, r))
		if err != nil {
			t.Fatal(err)
		}
		if got := ledger.CodeOf(s.Err()); got != c.code || c.code != "" && len(s.Writes) > 0 {
			t.Errorf("%s: %q, want %q (%v)", name, got, c.code, s.Err())
		}
		if len(c.signature) > 3 && strings.Contains(s.Message, c.signature) {
			t.Errorf("%s: the answer repeats the signature", name)
		}
	}
	h.try(ledger.CodeDenied, south, ledger.IdentityRotateKeys, rotation(did, 3, key, next)) // the right key in the wrong hands
	h.try(ledger.CodeConflict, north, ledger.IdentityRotateKeys, rotation(did, 2, key, next))
	h.try(ledger.CodeConflict, north, ledger.IdentityRotateKeys, rotation(did, 4, key, next))
	h.try(ledger.CodeNotFound, north, ledger.IdentityRotateKeys, rotation(did+"x", 2, key, next))
	h.try(ledger.CodeConflict, north, ledger.IdentityRotateKeys, earlier) // replayed
	h.try("", north, ledger.IdentityRotateKeys, rotation(did, 3, key, next))
	h.try(ledger.CodeDenied, north, ledger.IdentityRotateKeys, rotation(did, 4, key, key)) // by a key that was rotated away
}

func flipped(segment string) string {
	b, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		panic(err)
	}
	b[40] ^= 1
	return base64.RawURLEncoding.EncodeToString(b)
}

// TestASecondSignatureOfOneMessageServesNoTwice: to each ECDSA signature (r, s)
// there is another, (r, n-s). It verifies too, and gains nobody a second change.
func TestASecondSignatureOfOneMessageServesNoTwice(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := statetest.NewP256Key("key-1")
	did := ledger.IssuerDID(statetest.Network, north, "staff")
	create := statetest.Creation(did, key)
	mirrored := create
	parts := strings.Split(create.Signature, ".")
	b, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	s := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(b[32:]))
	s.FillBytes(b[32:])
	mirrored.Signature = parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(b)
	h.try("", north, ledger.IdentityCreateDID, mirrored)
	h.try(ledger.CodeAlreadyExists, north, ledger.IdentityCreateDID, create)
	for name, signature := range map[string][]byte{"zero": make([]byte, 64), "short": b[:63], "DER": append([]byte{0x30, 0x44}, b...)} {
		other := ledger.IssuerDID(statetest.Network, north, "other")
		r := statetest.Creation(other, key)
		parts := strings.Split(r.Signature, ".")
		r.Signature = parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(signature)
		if got := ledger.CodeOf(h.Submitted(t, h.of(north, ledger.IdentityCreateDID, r), nil)); got != ledger.CodeDenied {
			t.Errorf("a signature that is %s: %q", name, got)
		}
	}
}

func TestAFragmentNamesOneThing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	did, key := h.issuer("staff")
	r := ledger.SetServices{DID: did, Revision: 2, Service: []ledger.Service{{ID: "key-1", Type: "Node", ServiceEndpoint: "https://north.example"}}}
	r.Signature = key.Control(did, &r)
	h.try(ledger.CodeInvalid, north, ledger.IdentitySetServices, r)
	r.Service[0].ID, r.Signature = "key-2", ""
	r.Signature = key.Control(did, &r)
	h.try("", north, ledger.IdentitySetServices, r)
	h.try(ledger.CodeInvalid, north, ledger.IdentityRotateKeys, rotation(did, 3, key, statetest.NewDIDKey("key-2", north)))
	create := ledger.CreateDID{DID: ledger.OrganisationDID(statetest.Network, north), Keys: statetest.DIDKeys(key), Service: r.Service}
	create.Service[0].ID = "key-1"
	create.Signature = key.Control(create.DID, &create)
	h.try(ledger.CodeInvalid, north, ledger.IdentityCreateDID, create)
}

func TestLostKeysAreReplacedByAMajority(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	did, lost := h.issuer("staff")
	other, _ := h.issuer("other")
	next, stranger := statetest.NewDIDKey("key-2", north), statetest.NewDIDKey("key-3", north)
	agree := func(did string, key *statetest.DIDKey) string {
		id := h.propose(north, ledger.ProposeRecoverDID, ledger.ProposalSubject{DID: did, Key: key.JWK.Thumbprint()})
		h.vote(id, true, north, south, east)
		return id
	}
	id := agree(did, next)
	recovery := func(id string, by *statetest.DIDKey, change func(*ledger.RecoverDID)) ledger.RecoverDID {
		r := ledger.RecoverDID{DID: did, Keys: statetest.DIDKeys(next), Revision: 2, Proposal: id, Voters: []string{south, north, east}}
		change(&r)
		r.Signature = by.Control(r.DID, &r)
		return r
	}
	same := func(*ledger.RecoverDID) {}
	h.try(ledger.CodeDenied, south, ledger.IdentityRecoverDID, recovery(id, next, same))
	h.try(ledger.CodeDenied, north, ledger.IdentityRecoverDID, recovery(id, lost, same))
	h.try(ledger.CodeDenied, north, ledger.IdentityRecoverDID, recovery(id, stranger, func(r *ledger.RecoverDID) { r.Keys = statetest.DIDKeys(stranger) }))
	h.try(ledger.CodeDenied, north, ledger.IdentityRecoverDID, recovery(id, stranger, func(r *ledger.RecoverDID) { r.Keys = statetest.DIDKeys(stranger, next) }))
	h.try(ledger.CodeDenied, north, ledger.IdentityRecoverDID, recovery(id, next, func(r *ledger.RecoverDID) { // which could not change it again
		r.Keys = statetest.DIDKeys(stranger, next)
		r.Keys.CapabilityInvocation = []string{stranger.ID}
	}))
	h.try(ledger.CodeDenied, north, ledger.IdentityRecoverDID, recovery(id, next, func(r *ledger.RecoverDID) { r.Voters = []string{north, south} }))
	h.try(ledger.CodeConflict, north, ledger.IdentityRecoverDID, recovery(id, next, func(r *ledger.RecoverDID) { r.Revision = 3 }))
	h.try(ledger.CodeInvalid, north, ledger.IdentityRecoverDID, recovery(agree(other, next), next, same)) // of another DID
	another := h.propose(north, ledger.ProposeRemoveOrganisation, member(maker))
	h.vote(another, true, north, south, east)
	h.try(ledger.CodeInvalid, north, ledger.IdentityRecoverDID, recovery(another, next, same)) // of another kind
	h.try("", north, ledger.IdentityRecoverDID, recovery(id, next, same))
	h.try(ledger.CodeAlreadyExists, north, ledger.IdentityRecoverDID, recovery(id, next, func(r *ledger.RecoverDID) { r.Revision = 3 }))
	h.try(ledger.CodeDenied, north, ledger.IdentityDeactivateDID, ending(did, 3, lost))
	h.try("", north, ledger.IdentityDeactivateDID, ending(did, 3, next))
}
