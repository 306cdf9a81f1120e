package e2e

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestAnIssuerIsTrustedByVote takes an issuer from its first key to being struck
// off, on the live ledger.
func TestAnIssuerIsTrustedByVote(t *testing.T) {
	n := live(t)
	north, south, maker, authority := n.member(t, "hospital-north"), n.member(t, "hospital-south"), n.member(t, "medtech"), n.member(t, "authority")
	i := n.issuer(t, authority, ledger.CurveP256)
	kind := "Nurse-" + rand.Text()[:6]

	// Whoever does not hold the issuer's key, or is another organisation, changes nothing.
	stranger := newSigner(t, ledger.CurveEd25519)
	rotate := ledger.RotateKeys{DID: i.did, Keys: documentKeys("k2", stranger), Revision: 2}
	rotate.Signature = control(t, stranger, i.did+"#k2", &rotate)
	fails(t, ledger.CodeDenied, authority, ledger.RoleRegistrar, ledger.IdentityRotateKeys, rotate)
	rotate.Signature = ""
	rotate.Signature = control(t, i.key, i.keyID(), &rotate)
	fails(t, ledger.CodeDenied, north, ledger.RoleRegistrar, ledger.IdentityRotateKeys, rotate)
	do[ledger.DID](t, authority, ledger.RoleRegistrar, ledger.IdentityRotateKeys, rotate)
	fails(t, ledger.CodeConflict, authority, ledger.RoleRegistrar, ledger.IdentityRotateKeys, rotate)

	services := ledger.SetServices{DID: i.did, Revision: 3, Service: []ledger.Service{{ID: "status", Type: "StatusList", ServiceEndpoint: "https://authority.example/status"}}}
	services.Signature = control(t, stranger, i.did+"#k2", &services)
	do[ledger.DID](t, authority, ledger.RoleRegistrar, ledger.IdentitySetServices, services)
	first := get[ledger.DIDResolution](t, north, ledger.IdentityResolveDID, ledger.ResolveDID{DID: i.did, Revision: 1})
	if k, named := first.Version.Document.Keys.Method([]string{issuerKey}, issuerKey); !named || k.Thumbprint() != i.key.JWK().Thumbprint() || first.Current != 3 {
		t.Errorf("the first version is %+v of %d", first.Version.Document, first.Current)
	}

	// Trust: a schema, a proposal, a majority.
	do[ledger.Schema](t, authority, ledger.RoleRegistrar, ledger.IdentityPublishSchema,
		ledger.PublishSchema{CredentialType: kind, Version: "1", Digest: ledger.BodyDigest([]byte(kind))})
	subject := ledger.ProposalSubject{Issuer: i.did, CredentialType: kind, Schema: "1"}
	p := do[ledger.Proposal](t, authority, ledger.RoleRegistrar, ledger.IdentityPropose,
		ledger.Propose{Kind: ledger.ProposeAcceptIssuer, Subject: subject, Reason: "nurses of the country"})
	voters := vote(t, p.ID, authority, north)
	fails(t, ledger.CodeAlreadyExists, north, ledger.RoleRegistrar, ledger.IdentityVote, ledger.CastVote{Proposal: p.ID})
	fails(t, ledger.CodeDenied, authority, ledger.RoleRegistrar, ledger.IdentityEnact, ledger.Enact{Proposal: p.ID, Voters: voters})
	voters = append(voters, vote(t, p.ID, maker)...)
	do[ledger.Proposal](t, south, ledger.RoleRegistrar, ledger.IdentityEnact, ledger.Enact{Proposal: p.ID, Voters: voters})
	if row := get[ledger.TrustRow](t, south, ledger.IdentityGetTrust, ledger.GetTrust{Issuer: i.did, CredentialType: kind}); row.State != ledger.TrustAccepted {
		t.Errorf("the row is %+v", row)
	}
	fails(t, ledger.CodeAlreadyExists, south, ledger.RoleRegistrar, ledger.IdentityEnact, ledger.Enact{Proposal: p.ID, Voters: voters})

	// Status lists: each version follows the one before, and the current one is known.
	list := ledger.CommitStatusList{Issuer: i.did, List: "1", Version: 1, Digest: ledger.BodyDigest([]byte("v1")), ValidUntil: time.Now().UTC().Add(24 * time.Hour).Truncate(time.Millisecond)}
	do[ledger.StatusList](t, authority, ledger.RoleRegistrar, ledger.IdentityCommitStatusList, list)
	fails(t, ledger.CodeConflict, authority, ledger.RoleRegistrar, ledger.IdentityCommitStatusList, list)
	list.Version, list.Digest = 2, ledger.BodyDigest([]byte("v2"))
	fails(t, ledger.CodeDenied, north, ledger.RoleRegistrar, ledger.IdentityCommitStatusList, list)
	do[ledger.StatusList](t, authority, ledger.RoleRegistrar, ledger.IdentityCommitStatusList, list)
	type key struct {
		Issuer string `json:"issuer"`
		List   string `json:"list"`
	}
	if now := get[ledger.StatusList](t, north, ledger.IdentityGetStatusList, key{i.did, "1"}); now.Version != 2 {
		t.Errorf("the current status list is %+v", now)
	}

	// Struck off, and ended.
	n.decide(t, ledger.ProposeStrikeIssuer, ledger.ProposalSubject{Issuer: i.did, CredentialType: kind}, south, north, maker)
	if row := get[ledger.TrustRow](t, south, ledger.IdentityGetTrust, ledger.GetTrust{Issuer: i.did, CredentialType: kind}); row.State != ledger.TrustStruck {
		t.Errorf("the row is %+v", row)
	}
	end := ledger.DeactivateDID{DID: i.did, Revision: 4}
	end.Signature = control(t, stranger, i.did+"#k2", &end)
	do[ledger.DID](t, authority, ledger.RoleRegistrar, ledger.IdentityDeactivateDID, end)
	services.Revision, services.Signature = 5, ""
	services.Signature = control(t, stranger, i.did+"#k2", &services)
	fails(t, ledger.CodeGone, authority, ledger.RoleRegistrar, ledger.IdentitySetServices, services)
}
