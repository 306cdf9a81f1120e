package chaincode_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

const credentialType = "DeviceAssessor"

// members is what the scene holds of the contract "identity".
type members struct {
	issuer  string // DID of an issuer of north, accepted for credentialType
	key     *statetest.DIDKey
	pending string // a proposal on which nobody has voted
	carried string // a proposal that a majority has approved and nobody enacted
	voters  []string
	lost    string // a proposal, approved, to give the issuer another key
	found   *statetest.DIDKey
}

func newMembers(t *testing.T, l *statetest.Ledger) members {
	t.Helper()
	m := members{key: statetest.NewDIDKey("key-1", north)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	m.issuer, err = l.CreateIssuer(north, "staff", m.key)
	must(err)
	must(l.Accept(m.issuer, credentialType))
	strike := ledger.Propose{
		Kind: ledger.ProposeStrikeIssuer, Reason: "a sample",
		Subject: ledger.ProposalSubject{Issuer: m.issuer, CredentialType: credentialType},
	}
	var pending ledger.Proposal
	must(l.Submit(l.Client(south, ledger.RoleRegistrar), ledger.IdentityPropose, strike, &pending))
	m.pending = pending.ID
	m.carried, m.voters, err = l.Approve(strike)
	must(err)
	m.found = statetest.NewDIDKey("key-9", north)
	m.lost, _, err = l.Approve(ledger.Propose{
		Kind: ledger.ProposeRecoverDID, Reason: "a sample", Subject: ledger.ProposalSubject{DID: m.issuer, Key: m.found.JWK.Thumbprint()},
	})
	must(err)
	list := ledger.CommitStatusList{
		Issuer: m.issuer, List: "1", Version: 1, Digest: ledger.BodyDigest(nil), ValidUntil: l.Now().Add(time.Hour),
	}
	must(l.Submit(l.Client(north, ledger.RoleRegistrar), ledger.IdentityCommitStatusList, list, nil))
	return m
}

// identityRights is who may call the contract "identity".
var identityRights = map[string]right{
	ledger.IdentityRegister: {ledger.RoleRegistrar, []string{north}, func(*scene) any {
		r := statetest.Registration(north)
		r.Revision = 2
		return r
	}},
	ledger.IdentityPropose: {ledger.RoleRegistrar, nil, func(*scene) any {
		return ledger.Propose{Kind: ledger.ProposeRemoveOrganisation, Reason: "a sample", Subject: ledger.ProposalSubject{Organisation: maker}}
	}},
	ledger.IdentityVote:  {ledger.RoleRegistrar, nil, func(s *scene) any { return ledger.CastVote{Proposal: s.pending, Approve: true} }},
	ledger.IdentityEnact: {ledger.RoleRegistrar, nil, func(s *scene) any { return ledger.Enact{Proposal: s.carried, Voters: s.voters} }},
	ledger.IdentityPublishSchema: {ledger.RoleRegistrar, nil, func(*scene) any {
		return ledger.PublishSchema{CredentialType: credentialType, Version: "2", Digest: ledger.BodyDigest(nil)}
	}},
	ledger.IdentityCommitStatusList: {ledger.RoleRegistrar, []string{north}, func(s *scene) any {
		return ledger.CommitStatusList{
			Issuer: s.issuer, List: "1", Version: 2, Digest: ledger.BodyDigest(nil), ValidUntil: s.Now().Add(time.Hour),
		}
	}},
	ledger.IdentityCreateDID: {ledger.RoleRegistrar, []string{north}, func(s *scene) any {
		return statetest.Creation(ledger.OrganisationDID(statetest.Network, north), s.key)
	}},
	ledger.IdentityRotateKeys: {ledger.RoleRegistrar, []string{north}, func(s *scene) any {
		r := ledger.RotateKeys{DID: s.issuer, Keys: statetest.DIDKeys(statetest.NewDIDKey("key-2", north)), Revision: 2}
		r.Signature = s.key.Control(s.issuer, &r)
		return r
	}},
	ledger.IdentitySetServices: {ledger.RoleRegistrar, []string{north}, func(s *scene) any {
		r := ledger.SetServices{DID: s.issuer, Revision: 2}
		r.Signature = s.key.Control(s.issuer, &r)
		return r
	}},
	ledger.IdentityDeactivateDID: {ledger.RoleRegistrar, []string{north}, func(s *scene) any {
		r := ledger.DeactivateDID{DID: s.issuer, Revision: 2}
		r.Signature = s.key.Control(s.issuer, &r)
		return r
	}},
	ledger.IdentityRecoverDID: {ledger.RoleRegistrar, []string{north}, func(s *scene) any {
		r := ledger.RecoverDID{DID: s.issuer, Keys: statetest.DIDKeys(s.found), Revision: 2, Proposal: s.lost, Voters: s.voters}
		r.Signature = s.found.Control(s.issuer, &r)
		return r
	}},
	ledger.IdentityGet:           {"", nil, func(*scene) any { return ledger.GetOrganisation{ID: north} }},
	ledger.IdentityList:          {"", nil, func(*scene) any { return ledger.PageRequest{} }},
	ledger.IdentityGetRoster:     {"", nil, func(*scene) any { return ledger.GetRoster{} }},
	ledger.IdentityGetProposal:   {"", nil, func(s *scene) any { return ledger.GetProposal{ID: s.carried} }},
	ledger.IdentityListProposals: {"", nil, func(*scene) any { return ledger.PageRequest{} }},
	ledger.IdentityGetTrust: {"", nil, func(s *scene) any {
		return ledger.GetTrust{Issuer: s.issuer, CredentialType: credentialType}
	}},
	ledger.IdentityListTrust:       {"", nil, func(s *scene) any { return ledger.ListTrust{Issuer: s.issuer} }},
	ledger.IdentityGetSchema:       {"", nil, func(*scene) any { return ledger.GetSchema{CredentialType: credentialType, Version: "1.0.0"} }},
	ledger.IdentityListSchemas:     {"", nil, func(*scene) any { return ledger.ListSchemas{} }},
	ledger.IdentityGetStatusList:   {"", nil, func(s *scene) any { return ledger.GetStatusList{Issuer: s.issuer, List: "1"} }},
	ledger.IdentityListStatusLists: {"", nil, func(*scene) any { return ledger.ListStatusLists{} }},
	ledger.IdentityResolveDID:      {"", nil, func(s *scene) any { return ledger.ResolveDID{DID: s.issuer} }},
	ledger.IdentityListDIDs:        {"", nil, func(*scene) any { return ledger.PageRequest{} }},
}

// did is one of few, mostly of the organisation.
func (p *play) did(org string) string {
	owner := org
	if rapid.IntRange(0, 9).Draw(p.t, "foreign") == 0 {
		owner = p.org()
	}
	return p.pick("did",
		ledger.OrganisationDID(statetest.Network, owner), ledger.IssuerDID(statetest.Network, owner, "a"), ledger.IssuerDID(statetest.Network, owner, "b"),
		ledger.DeviceDID(statetest.Network, statetest.SeededUnit(north)), ledger.OrganisationDID("elsewhere", owner))
}

// didKeyOf returns the key that a document should have at a revision, so that a
// play can sign for it.
func didKeyOf(did string, revision int) *statetest.DIDKey {
	return statetest.NewDIDKey("key-1", did+string(rune('a'+revision)))
}

// known is mostly a DID that is there.
func (p *play) known(org string) string {
	did := p.did(org)
	if rapid.IntRange(0, 4).Draw(p.t, "unknown") > 0 && p.head(did) == nil {
		// Whatever comes of it: not every such DID can be.
		_ = p.l.Submit(p.l.Client(org, ledger.RoleRegistrar), ledger.IdentityCreateDID, statetest.Creation(did, didKeyOf(did, 0)), nil)
	}
	return did
}

// head returns a DID's current document; nil when there is none.
func (p *play) head(did string) *ledger.DID {
	var r ledger.DIDResolution
	if p.l.Evaluate(p.l.Client(north, ""), ledger.IdentityResolveDID, ledger.ResolveDID{DID: did}, &r) != nil {
		return nil
	}
	return &r.Version.Document
}

// signer returns the DID's next revision and, mostly, the key that may sign for it.
func (p *play) signer(did string) (revision int, key *statetest.DIDKey) {
	current := p.head(did)
	if current == nil || rapid.IntRange(0, 9).Draw(p.t, "astray") == 0 {
		return rapid.IntRange(1, 3).Draw(p.t, "revision"), didKeyOf(did, 0)
	}
	for i := range current.Revision + 1 {
		key = didKeyOf(did, i)
		if len(current.Keys.VerificationMethod) > 0 && current.Keys.VerificationMethod[0].PublicKeyJWK == key.JWK {
			break
		}
	}
	return current.Revision + 1, key
}

func (p *play) subject(kind string) ledger.ProposalSubject {
	owner := p.org()
	issuer := p.pick("issuer", ledger.OrganisationDID(statetest.Network, owner), ledger.IssuerDID(statetest.Network, owner, "a"))
	switch kind {
	case ledger.ProposeAcceptIssuer:
		return ledger.ProposalSubject{Issuer: issuer, CredentialType: credentialType, Schema: p.pick("schema", "1", "2")}
	case ledger.ProposeStrikeIssuer:
		return ledger.ProposalSubject{Issuer: issuer, CredentialType: credentialType}
	case ledger.ProposeRecoverDID:
		return ledger.ProposalSubject{DID: issuer, Key: didKeyOf(issuer, rapid.IntRange(0, 3).Draw(p.t, "key")).JWK.Thumbprint()}
	case ledger.ProposeAssignModel:
		return ledger.ProposalSubject{DI: p.di(), Organisation: maker}
	case ledger.ProposeAcceptCatalogue:
		return ledger.ProposalSubject{Catalogue: ledger.CatalogueID(sceneControls, p.pick("version", "1", "2"))}
	case ledger.ProposeSucceedStream:
		return ledger.ProposalSubject{Stream: ledger.StreamID(p.logs[owner].Verifier), Successor: p.id("successor")}
	}
	return ledger.ProposalSubject{Organisation: p.pick("member", "hospital-east", "authority", south)}
}

func (p *play) propose() ledger.Propose {
	kind := p.pick("kind", ledger.ProposalKinds...)
	return ledger.Propose{Kind: kind, Subject: p.subject(kind), Reason: "a play"}
}

// proposed returns the id of one of the proposals; of none when there are none.
func (p *play) proposed() string {
	var page ledger.ProposalPage
	if err := p.l.Evaluate(p.l.Client(north, ""), ledger.IdentityListProposals, ledger.PageRequest{}, &page); err != nil {
		p.t.Fatal(err)
	}
	ids := []string{p.id("proposal")}
	for _, proposal := range page.Items {
		ids = append(ids, proposal.ID)
	}
	slices.Reverse(ids)
	return p.pick("proposal", ids...)
}

// identityPlays draws its requests.
var identityPlays = map[string]func(p *play, org string) any{
	ledger.IdentityRegister: func(p *play, org string) any {
		r := statetest.Registration(org)
		r.Revision = rapid.IntRange(2, 3).Draw(p.t, "revision")
		r.Network = p.pick("network", statetest.Network, "", "elsewhere")
		return r
	},
	ledger.IdentityPropose: func(p *play, _ string) any { return p.propose() },
	ledger.IdentityVote: func(p *play, _ string) any {
		return ledger.CastVote{Proposal: p.proposed(), Approve: rapid.Bool().Draw(p.t, "approve")}
	},
	ledger.IdentityEnact: func(p *play, _ string) any {
		if rapid.Bool().Draw(p.t, "approved") {
			if id, voters, err := p.l.Approve(p.propose()); err == nil {
				return ledger.Enact{Proposal: id, Voters: voters}
			}
		}
		return ledger.Enact{Proposal: p.proposed(), Voters: statetest.Organisations()[:rapid.IntRange(1, 5).Draw(p.t, "voters")]}
	},
	ledger.IdentityPublishSchema: func(p *play, _ string) any {
		return ledger.PublishSchema{CredentialType: credentialType, Version: p.pick("schema", "1", "2"), Digest: p.id("schema")}
	},
	ledger.IdentityCommitStatusList: func(p *play, org string) any {
		return ledger.CommitStatusList{
			Issuer: ledger.IssuerDID(statetest.Network, org, p.pick("label", "a", "b")), List: "1", Version: rapid.IntRange(1, 3).Draw(p.t, "version"),
			Digest: p.id("list"), ValidUntil: p.l.Now().Add(time.Duration(rapid.IntRange(0, 32*24).Draw(p.t, "hours")) * time.Hour),
		}
	},
	ledger.IdentityCreateDID: func(p *play, org string) any {
		did := p.did(org)
		return statetest.Creation(did, didKeyOf(did, 0))
	},
	ledger.IdentityRotateKeys: func(p *play, org string) any {
		did := p.known(org)
		revision, key := p.signer(did)
		r := ledger.RotateKeys{DID: did, Keys: statetest.DIDKeys(didKeyOf(did, revision)), Revision: revision}
		r.Signature = key.Control(did, &r)
		return r
	},
	ledger.IdentitySetServices: func(p *play, org string) any {
		did := p.known(org)
		revision, key := p.signer(did)
		r := ledger.SetServices{DID: did, Revision: revision, Service: []ledger.Service{
			{ID: p.pick("service", "node", "key-1"), Type: "Node", ServiceEndpoint: "https://" + org + ".example"},
		}}
		r.Signature = key.Control(did, &r)
		return r
	},
	ledger.IdentityDeactivateDID: func(p *play, org string) any {
		did := p.known(org)
		revision, key := p.signer(did)
		r := ledger.DeactivateDID{DID: did, Revision: revision}
		r.Signature = key.Control(did, &r)
		return r
	},
	ledger.IdentityRecoverDID: func(p *play, org string) any {
		did := p.known(org)
		revision, _ := p.signer(did)
		key := didKeyOf(did, revision)
		r := ledger.RecoverDID{DID: did, Keys: statetest.DIDKeys(key), Revision: revision, Proposal: p.proposed(), Voters: []string{north, south}}
		if rapid.IntRange(0, 3).Draw(p.t, "unapproved") > 0 {
			ask := ledger.Propose{Kind: ledger.ProposeRecoverDID, Reason: "a play", Subject: ledger.ProposalSubject{DID: did, Key: key.JWK.Thumbprint()}}
			if id, voters, err := p.l.Approve(ask); err == nil {
				r.Proposal, r.Voters = id, voters
			}
		}
		r.Signature = key.Control(did, &r)
		return r
	},
	ledger.IdentityGet: func(p *play, _ string) any {
		return ledger.GetOrganisation{ID: p.org()}
	},
	ledger.IdentityList:          func(p *play, _ string) any { return p.page() },
	ledger.IdentityGetRoster:     func(*play, string) any { return ledger.GetRoster{} },
	ledger.IdentityGetProposal:   func(p *play, _ string) any { return ledger.GetProposal{ID: p.proposed()} },
	ledger.IdentityListProposals: func(p *play, _ string) any { return p.page() },
	ledger.IdentityGetTrust: func(p *play, org string) any {
		return ledger.GetTrust{Issuer: p.did(org), CredentialType: credentialType}
	},
	ledger.IdentityListTrust:       func(p *play, org string) any { return ledger.ListTrust{Issuer: p.did(org), Page: p.page()} },
	ledger.IdentityGetSchema:       func(*play, string) any { return ledger.GetSchema{CredentialType: credentialType, Version: "1.0.0"} },
	ledger.IdentityListSchemas:     func(p *play, _ string) any { return ledger.ListSchemas{Page: p.page()} },
	ledger.IdentityGetStatusList:   func(p *play, org string) any { return ledger.GetStatusList{Issuer: p.did(org), List: "1"} },
	ledger.IdentityListStatusLists: func(p *play, _ string) any { return ledger.ListStatusLists{Page: p.page()} },
	ledger.IdentityResolveDID: func(p *play, org string) any {
		return ledger.ResolveDID{DID: p.did(org), Revision: rapid.IntRange(0, 2).Draw(p.t, "revision")}
	},
	ledger.IdentityListDIDs: func(p *play, _ string) any { return p.page() },
}

func (p *play) page() ledger.PageRequest {
	return ledger.PageRequest{Size: rapid.IntRange(0, 3).Draw(p.t, "size")}
}
