package identity_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// meeting is a ledger on which transactions of the contract can meet in a block.
type meeting struct {
	*house
	issuer, twin      string // DIDs of north, of one key
	key               *statetest.DIDKey
	removal, approved string // proposals: without a vote, and carried by north, south and east
	accepting         string // carried: to accept the issuer
}

func newMeeting(t *testing.T) *meeting {
	t.Helper()
	m := &meeting{house: newHouse(t)}
	m.issuer, m.key = m.house.issuer("staff")
	m.twin, _ = m.house.issuer("twin")
	m.try("", authority, ledger.IdentityPublishSchema, ledger.PublishSchema{CredentialType: assessor, Version: "1", Digest: ledger.BodyDigest(nil)})
	m.removal = m.propose(north, ledger.ProposeRemoveOrganisation, member(authority))
	m.approved = m.propose(north, ledger.ProposeRemoveOrganisation, member(maker))
	m.accepting = m.propose(north, ledger.ProposeAcceptIssuer, ledger.ProposalSubject{Issuer: m.issuer, CredentialType: assessor, Schema: "1"})
	m.vote(m.approved, true, north, south, east)
	m.vote(m.accepting, true, north, south, east)
	return m
}

func (m *meeting) enacts(proposal string) statetest.Proposal {
	return m.of(south, ledger.IdentityEnact, ledger.Enact{Proposal: proposal, Voters: []string{north, south, east}})
}

func (m *meeting) votes(org, proposal string) statetest.Proposal {
	return m.of(org, ledger.IdentityVote, ledger.CastVote{Proposal: proposal, Approve: true})
}

func (m *meeting) rotates(did, to string) statetest.Proposal {
	return m.of(north, ledger.IdentityRotateKeys, rotation(did, 2, m.key, statetest.NewDIDKey("key-2", to)))
}

func (m *meeting) lists(issuer string) statetest.Proposal {
	return m.of(north, ledger.IdentityCommitStatusList, ledger.CommitStatusList{
		Issuer: issuer, List: "1", Version: 1, Digest: ledger.BodyDigest(nil), ValidUntil: m.Now().Add(time.Hour),
	})
}

func (m *meeting) changes(org string) statetest.Proposal {
	r := statetest.Registration(org)
	r.Revision = 2
	return m.of(org, ledger.IdentityRegister, r)
}

func (m *meeting) registers(org string) statetest.Proposal {
	return m.of(org, ledger.IdentityRegister, statetest.Registration(org))
}

func (m *meeting) proposes(org string) statetest.Proposal {
	return m.of(org, ledger.IdentityPropose, ledger.Propose{Kind: ledger.ProposeRemoveOrganisation, Subject: member(maker), Reason: "so"})
}

// TestDecisionsConflict is the part of the table of conflicts that is about the
// roster, votes, DIDs and registries.
func TestDecisionsConflict(t *testing.T) {
	t.Parallel()
	both, first := []bool{true, true}, []bool{true, false}
	for name, c := range map[string]struct {
		a, b  func(*meeting) statetest.Proposal
		valid []bool
	}{
		"two newcomers": {
			func(m *meeting) statetest.Proposal { return m.registers("new-one") },
			func(m *meeting) statetest.Proposal { return m.registers("new-two") }, first,
		},
		"a newcomer, then a member's change": {
			func(m *meeting) statetest.Proposal { return m.registers("new-one") },
			func(m *meeting) statetest.Proposal { return m.changes(north) }, first,
		},
		"a member's change, then a newcomer": {
			func(m *meeting) statetest.Proposal { return m.changes(north) },
			func(m *meeting) statetest.Proposal { return m.registers("new-one") }, both,
		},
		"two proposals": {
			func(m *meeting) statetest.Proposal { return m.proposes(north) },
			func(m *meeting) statetest.Proposal { return m.proposes(north) }, both,
		},
		"two votes on one proposal": {
			func(m *meeting) statetest.Proposal { return m.votes(north, m.removal) },
			func(m *meeting) statetest.Proposal { return m.votes(south, m.removal) }, both,
		},
		"one vote twice": {
			func(m *meeting) statetest.Proposal { return m.votes(north, m.removal) },
			func(m *meeting) statetest.Proposal { return m.votes(north, m.removal) }, first,
		},
		"a vote, then an enactment without it": {
			func(m *meeting) statetest.Proposal { return m.votes(maker, m.approved) },
			func(m *meeting) statetest.Proposal { return m.enacts(m.approved) }, both,
		},
		"an enactment, then a vote on it": {
			func(m *meeting) statetest.Proposal { return m.enacts(m.accepting) },
			func(m *meeting) statetest.Proposal { return m.votes(maker, m.accepting) }, first,
		},
		"one enactment twice": {
			func(m *meeting) statetest.Proposal { return m.enacts(m.accepting) },
			func(m *meeting) statetest.Proposal { return m.enacts(m.accepting) }, first,
		},
		"a removal, then a vote on anything": {
			func(m *meeting) statetest.Proposal { return m.enacts(m.approved) },
			func(m *meeting) statetest.Proposal { return m.votes(north, m.removal) }, first,
		},
		"a vote, then a removal": {
			func(m *meeting) statetest.Proposal { return m.votes(maker, m.removal) },
			func(m *meeting) statetest.Proposal { return m.enacts(m.approved) }, both,
		},
		"a removal, then another enactment": {
			func(m *meeting) statetest.Proposal { return m.enacts(m.approved) },
			func(m *meeting) statetest.Proposal { return m.enacts(m.accepting) }, first,
		},
		"two changes of one DID": {
			func(m *meeting) statetest.Proposal { return m.rotates(m.issuer, "a") },
			func(m *meeting) statetest.Proposal { return m.rotates(m.issuer, "b") }, first,
		},
		"changes of two DIDs": {
			func(m *meeting) statetest.Proposal { return m.rotates(m.issuer, "a") },
			func(m *meeting) statetest.Proposal { return m.rotates(m.twin, "b") }, both,
		},
		"a change of an issuer, then its acceptance": {
			func(m *meeting) statetest.Proposal { return m.rotates(m.issuer, "a") },
			func(m *meeting) statetest.Proposal { return m.enacts(m.accepting) }, first,
		},
		"an acceptance, then a change of the issuer": {
			func(m *meeting) statetest.Proposal { return m.enacts(m.accepting) },
			func(m *meeting) statetest.Proposal { return m.rotates(m.issuer, "a") }, both,
		},
		"a removal, then a change of a DID": {
			func(m *meeting) statetest.Proposal { return m.enacts(m.approved) },
			func(m *meeting) statetest.Proposal { return m.rotates(m.issuer, "a") }, both,
		},
		"one version of a status list twice": {
			func(m *meeting) statetest.Proposal { return m.lists(m.issuer) },
			func(m *meeting) statetest.Proposal { return m.lists(m.issuer) }, first,
		},
		"status lists of two issuers": {
			func(m *meeting) statetest.Proposal { return m.lists(m.issuer) },
			func(m *meeting) statetest.Proposal { return m.lists(m.twin) }, both,
		},
		"a change of an issuer, then its status list": {
			func(m *meeting) statetest.Proposal { return m.rotates(m.issuer, "a") },
			func(m *meeting) statetest.Proposal { return m.lists(m.issuer) }, first,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMeeting(t)
			if diff := cmp.Diff(c.valid, m.Race(t, c.a(m), c.b(m))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzControlSignature puts anything where a signature belongs: it is refused,
// and never a fault of ours.
func FuzzControlSignature(f *testing.F) {
	l, err := statetest.Open(statetest.Options{})
	if err != nil {
		f.Fatal(err)
	}
	if err := l.Seed(); err != nil {
		f.Fatal(err)
	}
	did := ledger.IssuerDID(statetest.Network, north, "staff")
	key := statetest.NewDIDKey("key-1", north)
	request := statetest.Creation(did, key)
	payload, err := request.ControlPayload(statetest.Channel)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(request.Signature)
	f.Add(key.JWS("", "", payload))
	f.Add(key.JWS(ledger.TypeControlSignature, did+"#", nil))
	f.Add("e30.e30.")
	f.Add("..")
	good := request.Signature
	f.Fuzz(func(t *testing.T, signature string) {
		r := request
		r.Signature = signature
		s, err := l.Simulate(statetest.Proposal{Client: l.Client(north, ledger.RoleRegistrar), Name: ledger.IdentityCreateDID, Request: r})
		if err != nil {
			t.Fatal(err)
		}
		switch code := ledger.CodeOf(s.Err()); {
		case code == "" && signature != good:
			t.Errorf("%q is a signature", signature)
		case code != "" && code != ledger.CodeInvalid && code != ledger.CodeDenied:
			t.Errorf("%q: %v", signature, s.Err())
		}
	})
}
