package state_test

import (
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/identity/holder"
	"github.com/secant-platform/secant/identity/sdjwt"
)

// deskDID is the document in which an organisation says where its desk is.
func deskDID(org string) string { return ledger.IssuerDID(network, org, ledger.LabelCredentials) }

// open gives an organisation a document with these services, in place of any other.
func (c *court) open(did string, change func(*ledger.DID), services ...ledger.Service) {
	c.t.Helper()
	id, _ := ledger.ParseDID(did)
	c.change(func(ctx *state.Context) error {
		_, found, err := state.DIDs.Find(ctx, ledger.DIDKey(did))
		if err != nil {
			return err
		}
		d := &ledger.DID{V: 1, ID: did, Kind: id.Kind, Organisation: id.Org, Service: services, Revision: 1}
		if change != nil {
			change(d)
		}
		if found {
			return state.DIDs.Update(ctx, d)
		}
		return state.DIDs.Create(ctx, d)
	})
}

func deskAt(address string) ledger.Service {
	return ledger.Service{ID: "statements", Type: ledger.ServiceStatementDesk, ServiceEndpoint: address}
}

// signFor is sign for another audience than the ledger's own.
func (c *court) signFor(m *member, audience string) ledger.HolderStatement {
	c.t.Helper()
	signed := c.sign(m, c.order())
	challenge, err := signed.Statement.Challenge()
	if err != nil {
		c.t.Fatal(err)
	}
	issued, err := sdjwt.Issue(m.by, m.issued)
	if err != nil {
		c.t.Fatal(err)
	}
	signed.Presentation, err = sdjwt.Present(issued, m.key, nil, sdjwt.Binding{Audience: audience, Nonce: challenge, At: c.Now()})
	if err != nil {
		c.t.Fatal(err)
	}
	return signed
}

const deskClient = "x509_san_dns:desk.north.example"

// TestAStatementIsSignedAtADesk of the organisation that submits it.
func TestAStatementIsSignedAtADesk(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	c.need.Count = 2
	c.open(deskDID(north), nil, ledger.Service{ID: "host", Type: "LinkedDomains", ServiceEndpoint: "https://other.example"}, deskAt("https://desk.north.example:7051/oid4vp"))
	mine, theirs := c.member(north), c.member(south)
	statetest.Want(t, "", c.try(c.signFor(mine, deskClient), c.signFor(theirs, deskClient)).Err())
	// Beside one that was signed for the ledger, in either order.
	ours := func(m *member) ledger.HolderStatement { return c.sign(m, c.order()) }
	statetest.Want(t, "", c.try(ours(mine), c.signFor(theirs, deskClient)).Err())
	statetest.Want(t, "", c.try(c.signFor(mine, deskClient), ours(theirs)).Err())
	// It serves once, whatever it was signed for.
	c.need.Count = 1
	signed := c.signFor(mine, deskClient)
	first := c.try(signed)
	statetest.Want(t, "", first.Err())
	c.Commit(first)
	again := c.signFor(mine, "x")
	challenge, err := signed.Statement.Challenge()
	if err != nil {
		t.Fatal(err)
	}
	issued, err := sdjwt.Issue(mine.by, mine.issued)
	if err != nil {
		t.Fatal(err)
	}
	again.Statement = signed.Statement
	again.Presentation, err = sdjwt.Present(issued, mine.key, nil, sdjwt.Binding{Audience: ledger.StatementAudience(network, statetest.Channel), Nonce: challenge, At: c.Now()})
	if err != nil {
		t.Fatal(err)
	}
	statetest.Want(t, ledger.CodeAlreadyExists, c.try(again).Err())
}

// TestNothingElseIsAStatement: what a person showed to sign in, or to anybody else,
// is no agreement, though its nonce was a statement's challenge.
func TestNothingElseIsAStatement(t *testing.T) {
	t.Parallel()
	desk := deskAt("https://desk.north.example:7051/oid4vp")
	for name, r := range map[string]struct {
		code     ledger.Code
		audience string
		setting  func(*court)
	}{
		"a sign-in, by the certificate's digest": {ledger.CodeInvalid, "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk", nil},
		"an unsigned question":                   {ledger.CodeInvalid, "redirect_uri:https://desk.north.example/answers", nil},
		"a question by a DID":                    {ledger.CodeInvalid, "decentralized_identifier:" + deskDID(north), nil},
		"another verifier's question":            {ledger.CodeInvalid, "x509_san_dns:verifier.example", nil},
		"the desk's host alone":                  {ledger.CodeInvalid, "desk.north.example", nil},
		"the desk's host in other letters":       {ledger.CodeInvalid, "x509_san_dns:Desk.north.example", nil},
		"the desk's host with a port":            {ledger.CodeInvalid, deskClient + ":7051", nil},
		"the desk's address":                     {ledger.CodeInvalid, "https://desk.north.example:7051/oid4vp", nil},
		"a host below the desk's":                {ledger.CodeInvalid, "x509_san_dns:evil.desk.north.example", nil},
		"another ledger":                         {ledger.CodeInvalid, "secant:" + network + ":other", nil},
		"nobody":                                 {ledger.CodeInvalid, "x509_san_dns:", nil},
		"a service of another type": {ledger.CodeInvalid, deskClient, func(c *court) {
			c.open(deskDID(north), nil, ledger.Service{ID: "statements", Type: "LinkedDomains", ServiceEndpoint: desk.ServiceEndpoint})
		}},
		"a desk without TLS":         {ledger.CodeInvalid, deskClient, func(c *court) { c.open(deskDID(north), nil, deskAt("http://desk.north.example")) }},
		"a desk that was taken back": {ledger.CodeInvalid, deskClient, func(c *court) { c.open(deskDID(north), nil) }},
		"a desk that moved":          {ledger.CodeInvalid, deskClient, func(c *court) { c.open(deskDID(north), nil, deskAt("https://new.north.example")) }},
		"a deactivated document": {ledger.CodeInvalid, deskClient, func(c *court) {
			c.open(deskDID(north), func(d *ledger.DID) { d.Deactivated = true }, desk)
		}},
		"another issuer's document": {ledger.CodeInvalid, deskClient, func(c *court) {
			c.open(deskDID(north), nil)
			c.change(func(ctx *state.Context) error {
				d, err := state.DIDs.Get(ctx, ledger.DIDKey(issuerOf(north)))
				if err != nil {
					return err
				}
				d.Service = []ledger.Service{desk}
				return state.DIDs.Update(ctx, d)
			})
		}},
		"the desk of another organisation": {ledger.CodeInvalid, deskClient, func(c *court) {
			c.open(deskDID(north), nil)
			c.open(deskDID(south), nil, desk)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCourt(t)
			c.open(deskDID(north), nil, desk)
			if r.setting != nil {
				r.setting(c)
			}
			s := c.try(c.signFor(c.member(north), r.audience))
			statetest.Want(t, r.code, s.Err())
			if len(s.Writes) > 0 {
				t.Error("it was refused and wrote")
			}
		})
	}
	// Without any document, and by a caller who is no member.
	c := newCourt(t)
	statetest.Want(t, ledger.CodeDenied, c.try(c.signFor(c.member(north), deskClient)).Err())
	c.open(deskDID(north), nil, desk)
	m := c.member(south)
	statetest.Want(t, "", c.try(c.signFor(m, deskClient)).Err())
	c.change(func(ctx *state.Context) error {
		roster, err := state.Rosters.Get(ctx, ledger.RosterKey())
		if err != nil {
			return err
		}
		roster.Organisations = []string{south}
		return state.Rosters.Update(ctx, roster)
	})
	statetest.Want(t, ledger.CodeDenied, c.try(c.signFor(m, deskClient)).Err())
}

// TestADeskIsReadWhenItIsNeeded: a transaction of which all statements are for the
// ledger itself does not conflict with a change of the desk.
func TestADeskIsReadWhenItIsNeeded(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	c.open(deskDID(north), nil, deskAt("https://desk.north.example"))
	reads := func(signed ledger.HolderStatement, want int) {
		t.Helper()
		s := c.try(signed)
		statetest.Want(t, "", s.Err())
		found := 0
		for _, r := range s.Reads {
			if key, _ := ledger.ParseKey(r.Key); key.Type == ledger.TypeDID {
				found++
			}
		}
		if found != want {
			t.Errorf("it reads %d documents, want %d", found, want)
		}
	}
	reads(c.sign(c.member(north), c.order()), 1)
	reads(c.signFor(c.member(north), deskClient), 2)
}

// TestTheQuestionNamesTheLedgerUnlessADeskAsks: holder.Ask is for our own wallet.
func TestTheQuestionNamesTheLedgerUnlessADeskAsks(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	s, err := holder.NewStatement(c.order())
	if err != nil {
		t.Fatal(err)
	}
	q, err := holder.Ask(s)
	if err != nil {
		t.Fatal(err)
	}
	if q.Audience != "secant:dev:"+statetest.Channel || ledger.IsStatementClient(q.Audience) {
		t.Errorf("the ledger's own audience is %s", q.Audience)
	}
}
