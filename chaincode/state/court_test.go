package state_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/identity/holder"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/sdjwt"
)

const (
	network    = "dev"
	credential = "DeviceReleaser"
	north      = "hospital-north"
	south      = "hospital-south"
)

// court is a ledger on which each hospital runs an issuer that the members
// accept, and whose one transaction needs persons.
type court struct {
	t *testing.T
	*statetest.Ledger
	issuers map[string]keys.Signer // by organisation
	do      func(*state.Context) error
	need    state.Need
	got     []state.Person
	request []byte
}

func newSigner(t *testing.T) keys.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := keys.FromCrypto(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func issuerOf(org string) string { return ledger.IssuerDID(network, org, "staff") }

func newCourt(t *testing.T) *court {
	t.Helper()
	c := &court{
		t:       t,
		issuers: map[string]keys.Signer{north: newSigner(t), south: newSigner(t)},
		need:    state.Need{Record: ledger.UnitKey("u"), Revision: 3, CredentialType: credential, Count: 1},
	}
	c.Ledger = careless(t, func(ctx *state.Context) error { return c.do(ctx) })
	var err error
	if c.request, err = holder.Encode(ledger.PageRequest{}); err != nil {
		t.Fatal(err)
	}
	c.change(func(ctx *state.Context) error {
		roster := &ledger.Roster{V: 1, Network: network, Organisations: []string{north, south}, Revision: 1}
		if err := state.Rosters.Create(ctx, roster); err != nil {
			return err
		}
		for _, org := range roster.Organisations {
			if err := state.DIDs.Create(ctx, c.document(org)); err != nil {
				return err
			}
			if err := state.TrustRows.Create(ctx, accepted(org)); err != nil {
				return err
			}
		}
		return nil
	})
	c.do = func(ctx *state.Context) (err error) {
		if err := permit(ctx); err != nil {
			return err
		}
		if c.got, err = ctx.Persons(c.need); err != nil {
			return err
		}
		return emit(ctx)
	}
	return c
}

// document is the issuer's: key-1 asserts, key-10 only authenticates.
func (c *court) document(org string) *ledger.DID {
	method := func(id string, k ledger.JWK) ledger.VerificationMethod {
		return ledger.VerificationMethod{ID: id, Type: ledger.MethodJSONWebKey, PublicKeyJWK: k}
	}
	return &ledger.DID{
		V: 1, ID: issuerOf(org), Kind: ledger.DIDIssuer, Organisation: org, Revision: 1,
		Keys: ledger.DIDKeys{
			VerificationMethod: []ledger.VerificationMethod{method("key-1", c.issuers[org].JWK()), method("key-10", c.issuers[org].JWK())},
			AssertionMethod:    []string{"key-1"}, Authentication: []string{"key-10"},
		},
	}
}

func accepted(org string) *ledger.TrustRow {
	return &ledger.TrustRow{V: 1, Issuer: issuerOf(org), CredentialType: credential, State: ledger.TrustAccepted, Revision: 1}
}

// change writes rows, whoever may.
func (c *court) change(rows func(*state.Context) error) {
	c.t.Helper()
	before := c.do
	c.do = steps(permit, rows, emit)
	s := invoke(c.t, c.Ledger, ledger.IdentityRegister)
	statetest.Want(c.t, "", s.Err())
	if c.Commit(s)[0] != peer.TxValidationCode_VALID {
		c.t.Fatal("a change of rows was not valid")
	}
	c.do = before
}

// member is a person with a credential.
type member struct {
	key    keys.Signer
	issued sdjwt.Credential
	by     keys.Signer
}

func (c *court) member(org string) *member {
	c.t.Helper()
	m := &member{key: newSigner(c.t), by: c.issuers[org]}
	m.issued = sdjwt.Credential{
		Issuer: issuerOf(org), KeyID: issuerOf(org) + "#key-1", Type: credential, Holder: m.key.JWK(),
		Issued: c.Now().Add(-time.Hour), Expires: c.Now().Add(time.Hour),
	}
	return m
}

// order is what is agreed to: this transaction.
func (c *court) order() holder.Order {
	return holder.Order{
		Network: network, Channel: statetest.Channel, Function: ledger.IdentityRegister, Request: c.request,
		Record: c.need.Record, Revision: c.need.Revision, Expires: c.Now().Add(5 * time.Minute),
	}
}

func (c *court) sign(m *member, o holder.Order) ledger.HolderStatement {
	c.t.Helper()
	issued, err := sdjwt.Issue(m.by, m.issued)
	if err != nil {
		c.t.Fatal(err)
	}
	s, err := holder.NewStatement(o)
	if err != nil {
		c.t.Fatal(err)
	}
	signed, err := holder.Sign(s, issued, m.key, c.Now())
	if err != nil {
		c.t.Fatal(err)
	}
	return *signed
}

// try simulates the transaction with these statements.
func (c *court) try(statements ...ledger.HolderStatement) *statetest.Simulation {
	c.t.Helper()
	b, err := json.Marshal(statements)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.carry(map[string][]byte{ledger.TransientStatements: b})
}

func (c *court) carry(transient map[string][]byte) *statetest.Simulation {
	c.t.Helper()
	c.got = nil
	s, err := c.Simulate(statetest.Proposal{
		Client: c.Client(north, ledger.RoleCustodian), Name: ledger.IdentityRegister, Args: []string{string(c.request)}, Transient: transient,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}
