package app

import (
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/identity/catalogue"
)

// clinics are two hospitals with public addresses, and a third member, without
// which there are no DIDs. North's issuer is accepted for practitioners.
type clinics struct {
	*consortium

	north, south *running
	issuer       string // north's, on the ledger
	root         string // file of the root of the servers' certificates
}

// Each of the functions changes the north's configuration.
func openClinics(t *testing.T, north ...func(*config.Config)) *clinics {
	t.Helper()
	c := &clinics{consortium: newConsortium(t)}
	root, cert, key := certify(t)
	c.root = root
	cfg := c.public("hospital-north", root, cert, key)
	for _, change := range north {
		change(&cfg)
	}
	c.north = c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	c.south = c.launch(t, "hospital-south", c.public("hospital-south", root, cert, key), func(string) {}).ready()
	c.start(t, "medtech")
	c.issuer = ledger.IssuerDID(statetest.Network, "hospital-north", issuerLabel)
	south := ledger.IssuerDID(statetest.Network, "hospital-south", issuerLabel)
	for _, r := range []*running{c.north, c.south} {
		r.await("both issuers to be settled", func() bool {
			for _, id := range []string{c.issuer, south} {
				if d, err := r.node.store.DID(t.Context(), id); err != nil || len(rootsOf(&d.Record)) != 1 {
					return false
				}
				if _, err := r.node.store.StatusList(t.Context(), id, "1"); err != nil {
					return false
				}
			}
			return true
		})
	}
	for _, id := range []string{c.issuer, south} {
		c.accept(t, id)
		c.south.await("the south to know of the acceptance", func() bool {
			_, err := c.south.node.store.Trust(t.Context(), id, "Practitioner")
			return err == nil
		})
	}
	return c
}

// accept has the members accept an issuer.
func (c *clinics) accept(t *testing.T, issuer string) {
	t.Helper()
	kind, _ := catalogue.Find("Practitioner")
	submit := func(org, name string, req, out any) {
		t.Helper()
		err := c.network.Ledger.Submit(c.network.Ledger.Client(org, ledger.RoleRegistrar), name, req, out)
		for ledger.CodeOf(err) == ledger.CodeConflict {
			err = c.network.Ledger.Submit(c.network.Ledger.Client(org, ledger.RoleRegistrar), name, req, out)
		}
		if err != nil && ledger.CodeOf(err) != ledger.CodeAlreadyExists {
			t.Fatalf("%s: %v", name, err)
		}
	}
	voters := []string{"hospital-north", "hospital-south", "medtech"}
	submit(voters[0], ledger.IdentityPublishSchema, kind.Publication(), nil)
	var made ledger.Proposal
	submit(voters[0], ledger.IdentityPropose, ledger.Propose{
		Kind: ledger.ProposeAcceptIssuer, Reason: "it issues",
		Subject: ledger.ProposalSubject{Issuer: issuer, CredentialType: kind.Name, Schema: kind.Version},
	}, &made)
	for _, org := range voters {
		submit(org, ledger.IdentityVote, ledger.CastVote{Proposal: made.ID, Approve: true}, nil)
	}
	submit(voters[0], ledger.IdentityEnact, ledger.Enact{Proposal: made.ID, Voters: voters}, nil)
}
