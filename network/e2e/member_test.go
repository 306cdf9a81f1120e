package e2e

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/identity/holder"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/sdjwt"
	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/topology"
)

// member is an organisation's own access to the ledger, beside its node.
type member struct {
	*client.Client
	org string
	n   *network
}

// abreast waits until every peer has the blocks up to one. What one organisation
// wrote, the peers of the next may otherwise not know yet, and refuse for it.
func (m *member) abreast(tb testing.TB, block uint64) {
	tb.Helper()
	top, err := topology.Load(m.n.dir)
	if err != nil {
		tb.Fatal(err)
	}
	for _, o := range top.Organisations {
		for _, p := range o.Peers {
			await(tb, fmt.Sprintf("%s to have block %d", p.Name, block), func() bool {
				height, err := channel.Metric(tb.Context(), p.Operations, top.Channel, channel.MetricPeerHeight)
				return err == nil && height > block
			})
		}
	}
}

// member connects with the certificates of an organisation's node.
func (n *network) member(tb testing.TB, org string) *member {
	tb.Helper()
	cfg, err := config.Load(n.config(org))
	if err != nil {
		tb.Fatal(err)
	}
	c := client.Config{Organisation: org, Channel: cfg.Ledger.Channel, Chaincode: cfg.Ledger.Chaincode, Identities: map[ledger.Role]client.Identity{}}
	for _, p := range cfg.Ledger.Peers {
		c.Peers = append(c.Peers, client.Peer{Name: p.Name, Organisation: p.Organisation, Address: p.Address, TLSRoot: read(tb, p.TLSRoot)})
	}
	for role, id := range cfg.Ledger.Identities {
		c.Identities[ledger.Role(role)] = client.Identity{Certificate: read(tb, id.Certificate), Key: read(tb, id.Key.Path())}
	}
	l, err := client.Connect(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return &member{l, org, n}
}

// do submits and waits for every peer, and fails the test when it fails.
func do[T any](tb testing.TB, m *member, role ledger.Role, name string, req any, opts ...client.SubmitOption) *T {
	tb.Helper()
	out, commit, err := client.Submit[T](tb.Context(), m.Client, role, name, req, opts...)
	if err != nil {
		tb.Fatalf("%s by %s as %s: %v", name, m.org, role, details(err))
	}
	m.abreast(tb, commit.Block)
	return out
}

// fails submits what must be refused with a code.
func fails(tb testing.TB, code ledger.Code, m *member, role ledger.Role, name string, req any, opts ...client.SubmitOption) {
	tb.Helper()
	_, commit, err := client.Submit[struct{}](tb.Context(), m.Client, role, name, req, append(opts, client.Within(20*time.Second))...)
	if err == nil {
		tb.Fatalf("%s by %s as %s stands in block %d; want %s", name, m.org, role, commit.Block, code)
	}
	if got := ledger.CodeOf(err); got != code {
		tb.Fatalf("%s by %s as %s: %s (%v), want %s", name, m.org, role, got, err, code)
	}
}

// get evaluates, and fails the test when it fails.
func get[T any](tb testing.TB, m *member, name string, req any) *T {
	tb.Helper()
	out := new(T)
	if err := m.Evaluate(tb.Context(), name, req, out); err != nil {
		tb.Fatalf("%s by %s: %v", name, m.org, details(err))
	}
	return out
}

// networkName is the development network's, in every DID.
const networkName = "dev"

// issuer is an organisation's issuer of credentials.
type issuer struct {
	did string
	key keys.Signer
}

const issuerKey = "k1"

func (i *issuer) keyID() string { return i.did + "#" + issuerKey }

func newSigner(tb testing.TB, curve string) keys.Signer {
	tb.Helper()
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	p256, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err, err2); err != nil {
		tb.Fatal(err)
	}
	signer, err := keys.FromCrypto(edwards)
	if curve == ledger.CurveP256 {
		signer, err = keys.FromCrypto(p256)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return signer
}

// documentKeys are the keys of a document that has one key for everything.
func documentKeys(id string, key keys.Signer) ledger.DIDKeys {
	return ledger.DIDKeys{
		VerificationMethod:   []ledger.VerificationMethod{{ID: id, Type: ledger.MethodJSONWebKey, PublicKeyJWK: key.JWK()}},
		AssertionMethod:      []string{id},
		CapabilityInvocation: []string{id},
	}
}

// control signs a change of a DID's document.
func control(tb testing.TB, key keys.Signer, keyID string, req ledger.ControlRequest) string {
	tb.Helper()
	payload, err := req.ControlPayload("secant")
	if err != nil {
		tb.Fatal(err)
	}
	signature, err := keys.Compact(key, keys.Header{Type: ledger.TypeControlSignature, KeyID: keyID}, payload)
	if err != nil {
		tb.Fatal(err)
	}
	return signature
}

// issuer gives an organisation an issuer of its own, with a document on the ledger.
func (n *network) issuer(tb testing.TB, m *member, curve string) *issuer {
	tb.Helper()
	i := &issuer{ledger.IssuerDID(networkName, m.org, "e2e-"+rand.Text()[:8]), newSigner(tb, curve)}
	req := ledger.CreateDID{DID: i.did, Keys: documentKeys(issuerKey, i.key)}
	req.Signature = control(tb, i.key, i.keyID(), &req)
	do[ledger.DID](tb, m, ledger.RoleRegistrar, ledger.IdentityCreateDID, req)
	return i
}

// decide has members propose, vote and enact.
func (n *network) decide(tb testing.TB, kind string, subject ledger.ProposalSubject, members ...*member) {
	tb.Helper()
	p := do[ledger.Proposal](tb, members[0], ledger.RoleRegistrar, ledger.IdentityPropose, ledger.Propose{Kind: kind, Subject: subject, Reason: "end to end"})
	do[ledger.Proposal](tb, members[0], ledger.RoleRegistrar, ledger.IdentityEnact, ledger.Enact{Proposal: p.ID, Voters: vote(tb, p.ID, members...)})
}

// vote has members approve a proposal.
func vote(tb testing.TB, proposal string, members ...*member) (voters []string) {
	tb.Helper()
	for _, m := range members {
		do[ledger.Vote](tb, m, ledger.RoleRegistrar, ledger.IdentityVote, ledger.CastVote{Proposal: proposal, Approve: true})
		voters = append(voters, m.org)
	}
	return voters
}

// person holds a credential; the key is in a wallet of theirs.
type person struct {
	credential string
	key        keys.Signer
}

// hire has an issuer give a new person a credential.
func (i *issuer) hire(tb testing.TB, credentialType string) *person {
	tb.Helper()
	p := &person{key: newSigner(tb, ledger.CurveP256)}
	name, email := "Lindqvist-"+rand.Text(), rand.Text()+"@staff.example"
	jwk := p.key.JWK()
	mark("a person's name", name)
	mark("a person's e-mail address", email)
	mark("a person's key", jwk.X, jwk.Y, base64Text(tb, jwk.X), base64Text(tb, jwk.Y), jwk.Thumbprint())
	var err error
	p.credential, err = sdjwt.Issue(i.key, sdjwt.Credential{
		Issuer: i.did, KeyID: i.keyID(), Type: credentialType, Holder: p.key.JWK(),
		Issued: time.Now().Add(-time.Minute), Expires: time.Now().Add(24 * time.Hour),
		Hidden: map[string]any{"family_name": name, "email": email},
	})
	if err != nil {
		tb.Fatal(err)
	}
	mark("a person's credential", p.credential)
	return p
}

// base64Text decodes what stands in a JSON Web Key.
func base64Text(tb testing.TB, s string) string {
	tb.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// agree has persons sign for one transaction on one revision of one record.
func agree(tb testing.TB, function string, req any, record ledger.Key, revision int, persons ...*person) client.SubmitOption {
	tb.Helper()
	encoded, err := holder.Encode(req)
	if err != nil {
		tb.Fatal(err)
	}
	var list []ledger.HolderStatement
	for _, p := range persons {
		s, err := holder.NewStatement(holder.Order{
			Network: networkName, Channel: "secant", Function: function, Request: encoded,
			Record: record, Revision: revision, Expires: time.Now().Add(10 * time.Minute),
		})
		if err != nil {
			tb.Fatal(err)
		}
		signed, err := holder.Sign(s, p.credential, p.key, time.Now())
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, *signed)
	}
	b, err := ledger.EncodeStatements(list...)
	if err != nil {
		tb.Fatal(err)
	}
	return client.With(client.Transient{ledger.TransientStatements: b})
}
