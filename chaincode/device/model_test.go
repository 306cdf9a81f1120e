package device_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// TestAModelIsAssignedByVote: who registered another's DI first loses it, and
// what that one published under it stands in nobody's way.
func TestAModelIsAssignedByVote(t *testing.T) {
	t.Parallel()
	const squatter, third = "othertech", "thirdtech"
	l, err := statetest.Open(statetest.Options{Organisations: append(statetest.Organisations(), squatter, third)})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Seed(); err != nil {
		t.Fatal(err)
	}
	as := func(org string, p statetest.Proposal) statetest.Proposal {
		p.Client = l.Client(org, ledger.RoleRegistrar)
		return p
	}
	statetest.Want(t, "", l.Submitted(t, as(squatter, model(l, "D1")), nil))
	statetest.Want(t, "", l.Submitted(t, as(squatter, release(l, "D1", "1")), nil))
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, model(l, "D1"), nil))
	bare := ledger.RegisterUnit{SerialMAC: ledger.BodyDigest([]byte("made")), DI: "D1", Lot: "L1"}
	statetest.Want(t, "", l.Submitted(t, as(squatter, statetest.Proposal{Name: ledger.DeviceRegisterUnit, Request: bare}), nil))
	made := ledger.UnitID(squatter, bare.SerialMAC)
	bare.SerialMAC = ledger.BodyDigest([]byte("more"))

	propose := func(kind, di, to string) (string, []string) {
		t.Helper()
		subject := ledger.ProposalSubject{DI: di, Organisation: to}
		if kind == ledger.ProposeRemoveOrganisation {
			subject = ledger.ProposalSubject{Organisation: to}
		}
		id, voters, err := l.Approve(ledger.Propose{Kind: kind, Subject: subject, Reason: "it is that one's"})
		if err != nil {
			t.Fatal(err)
		}
		return id, voters
	}
	assign := func(proposal string, voters []string) statetest.Proposal {
		return statetest.Proposal{
			Client: l.Client(south, ledger.RoleRegistrar), Name: ledger.DeviceAssignModel,
			Request: ledger.AssignModel{Proposal: proposal, Voters: voters},
		}
	}
	want := func(code ledger.Code, p statetest.Proposal) {
		t.Helper()
		statetest.Want(t, code, l.Submitted(t, p, nil))
	}
	id, voters := propose(ledger.ProposeAssignModel, "D1", maker)
	again, _ := propose(ledger.ProposeAssignModel, "D1", maker)
	kept, _ := propose(ledger.ProposeAssignModel, "D1", third)
	removal, _ := propose(ledger.ProposeRemoveOrganisation, "", squatter)
	want(ledger.CodeDenied, assign(id, voters[:len(voters)-1])) // no majority
	want(ledger.CodeNotFound, assign(id, append(voters[:len(voters)-1:len(voters)-1], squatter)))
	want(ledger.CodeNotFound, assign(ledger.BodyDigest(nil), voters))
	want(ledger.CodeInvalid, assign(removal, voters)) // something else was voted on
	want("", assign(id, voters))
	want(ledger.CodeAlreadyExists, assign(id, voters))
	want(ledger.CodeAlreadyExists, assign(again, voters))
	want(ledger.CodeGone, assign(kept, voters)) // the members took it from the squatter, not from its maker
	var m ledger.Model
	statetest.Want(t, "", l.Evaluate(l.Client(north, ""), ledger.DeviceGetModel, ledger.GetModel{DI: "D1"}, &m))
	if m.Manufacturer != maker || m.Assigned == nil || m.Assigned.From != squatter || m.Assigned.Proposal != id {
		t.Errorf("the model is %+v", m)
	}
	want(ledger.CodeDenied, as(squatter, release(l, "D1", "2")))
	want(ledger.CodeAlreadyExists, release(l, "D1", "1")) // the other's stays what it is
	want("", release(l, "D1", "2"))
	want(ledger.CodeAlreadyExists, release(l, "D1", "2"))
	// What the squatter has made stays its own to complete.
	complete := func(org, version string) statetest.Proposal {
		return as(org, statetest.Proposal{Name: ledger.DeviceCompleteUnit, Request: ledger.CompleteUnit{ID: made, Revision: 1, Release: version, Owner: north}})
	}
	want(ledger.CodeDenied, complete(maker, "2"))
	want(ledger.CodeNotFound, complete(squatter, "3"))
	want("", complete(squatter, "2"))
	want(ledger.CodeDenied, as(squatter, statetest.Proposal{Name: ledger.DeviceRegisterUnit, Request: bare})) // and it makes no more
	if err := l.Check(); err != nil {
		t.Error(err)
	}
}

// TestAReleaseIsSignedOnceItsMakerCan: under a key for assertions of the maker's
// DID, over this very release.
func TestAReleaseIsSignedOnceItsMakerCan(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	did, key := ledger.OrganisationDID(statetest.Network, maker), statetest.NewDIDKey("key-1", maker)
	publish := func(version string, sign func(r *ledger.PublishRelease)) statetest.Proposal {
		p := release(l, statetest.SeededDI, version)
		req, ok := p.Request.(ledger.PublishRelease)
		if !ok {
			t.Fatal("the request is of another type")
		}
		req.Fixes = []string{"CVE-2026-0001"}
		if sign != nil {
			sign(&req)
		}
		p.Request = req
		return p
	}
	with := func(key *statetest.DIDKey, typ, kid string) func(*ledger.PublishRelease) {
		return func(r *ledger.PublishRelease) { r.Signature = key.JWS(typ, kid, r.Statement()) }
	}
	good := with(key, ledger.ReleaseStatementType, did+"#key-1")
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, publish("2", good), nil)) // there is no key to check it under
	statetest.Want(t, "", l.Submitted(t, publish("2", nil), nil))
	statetest.Want(t, "", l.Submit(l.Client(maker, ledger.RoleRegistrar), ledger.IdentityCreateDID, statetest.Creation(did, key), nil))
	for name, sign := range map[string]func(*ledger.PublishRelease){
		"not signed":         nil,
		"of another type":    with(key, "JWT", did+"#key-1"),
		"another key's name": with(key, ledger.ReleaseStatementType, did+"#key-2"),
		"another's DID":      with(key, ledger.ReleaseStatementType, ledger.OrganisationDID(statetest.Network, north)+"#key-1"),
		"a certificate with it": func(r *ledger.PublishRelease) {
			header := map[string]any{"typ": ledger.ReleaseStatementType, "kid": did + "#key-1", "x5c": []string{"MIIB"}}
			r.Signature = key.JWSWith(header, r.Statement())
		},
		"without a DID":  with(key, ledger.ReleaseStatementType, "key-1"),
		"by another key": with(statetest.NewDIDKey("key-1", "forger"), ledger.ReleaseStatementType, did+"#key-1"),
		"of another release": func(r *ledger.PublishRelease) {
			other := *r
			other.Version = "4"
			r.Signature = key.JWS(ledger.ReleaseStatementType, did+"#key-1", other.Statement())
		},
		"of other fixes": func(r *ledger.PublishRelease) {
			good(r)
			r.Fixes = append(r.Fixes, "CVE-2026-0002")
		},
		"of other measurements": func(r *ledger.PublishRelease) {
			good(r)
			r.Measurements = []ledger.Measurement{{Name: "firmware.bin", Alg: ledger.HashSHA256, Digest: ledger.BodyDigest(nil)}}
		},
		"no token": func(r *ledger.PublishRelease) { r.Signature = "e30.e30.AA" },
	} {
		if err := l.Submitted(t, publish("3", sign), nil); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("a release that is %s: %v", name, err)
		}
	}
	var r ledger.Release
	statetest.Want(t, "", l.Submitted(t, publish("3", good), &r))
	if r.Publisher != maker || r.Signature == "" || cmp.Diff([]string{"CVE-2026-0001"}, r.Fixes) != "" {
		t.Errorf("the release is %+v", r)
	}
	// The signature stays checkable from the record alone.
	rotate := ledger.DeactivateDID{DID: did, Revision: 2}
	rotate.Signature = key.Control(did, &rotate)
	statetest.Want(t, "", l.Submit(l.Client(maker, ledger.RoleRegistrar), ledger.IdentityDeactivateDID, rotate, nil))
	statetest.Want(t, "", l.Submitted(t, publish("5", nil), nil)) // it has no key any more
}
