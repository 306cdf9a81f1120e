package state_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/identity/holder"
	"github.com/secant-platform/secant/identity/sdjwt"
)

func TestAPersonAgrees(t *testing.T) {
	t.Parallel()
	for _, keyID := range []string{issuerOf(south) + "#key-1", "#key-1", "key-1"} {
		c := newCourt(t)
		m := c.member(south)
		m.issued.KeyID = keyID
		signed := c.sign(m, c.order())
		s := c.try(signed)
		statetest.Want(t, "", s.Err())
		challenge, err := signed.Statement.Challenge()
		if err != nil {
			t.Fatal(err)
		}
		commitment := ledger.StatementCommitment(challenge, m.key.JWK().Thumbprint())
		want := state.Person{Issuer: issuerOf(south), Organisation: south, CredentialType: credential, Commitment: commitment}
		if len(c.got) != 1 || c.got[0] != want {
			t.Errorf("with the key id %s: %+v, want %+v", keyID, c.got, want)
		}
		if len(s.Writes) != 1 {
			t.Fatalf("it wrote %d records", len(s.Writes))
		}
		var mark ledger.StatementMark
		if err := json.Unmarshal(s.Writes[0].Value, &mark); err != nil {
			t.Fatal(err)
		}
		if wantMark := (ledger.StatementMark{
			V: 1, Commitment: commitment, Function: ledger.IdentityRegister, Issuer: issuerOf(south), Organisation: south,
			CredentialType: credential, Tx: s.Tx, Time: statetest.Start,
		}); mark != wantMark {
			t.Errorf("the mark is %+v, want %+v", mark, wantMark)
		}
		// What the person signed, and the person's key, are nowhere.
		for _, secret := range []string{signed.Presentation, signed.Statement.Nonce, m.key.JWK().X, m.key.JWK().Thumbprint(), challenge} {
			if strings.Contains(string(s.Writes[0].Value)+string(s.Payload)+string(s.Event.GetPayload()), secret) {
				t.Errorf("the ledger keeps %q", secret)
			}
		}
	}
}

func TestAStatementServesOnce(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	m := c.member(north)
	signed := c.sign(m, c.order())
	first, race := c.try(signed), c.try(signed)
	statetest.Want(t, "", race.Err())
	codes := c.Commit(first, race)
	if codes[0] != peer.TxValidationCode_VALID || codes[1] != peer.TxValidationCode_MVCC_READ_CONFLICT {
		t.Errorf("two with one statement in one block: %v", codes)
	}
	statetest.Want(t, ledger.CodeAlreadyExists, c.try(signed).Err())
	// Nor does another signature of that person on the same statement.
	issued, err := sdjwt.Issue(m.by, m.issued)
	if err != nil {
		t.Fatal(err)
	}
	again, err := holder.Sign(&signed.Statement, issued, m.key, c.Now().Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	statetest.Want(t, ledger.CodeAlreadyExists, c.try(*again).Err())
	// Another statement does.
	statetest.Want(t, "", c.try(c.sign(m, c.order())).Err())
}

func TestTwoPersonsAreOfTwoOrganisations(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	c.need.Count = 2
	a, b, colleague := c.member(north), c.member(south), c.member(north)
	twin := c.member(south)
	twin.key, twin.issued.Holder = a.key, a.key.JWK() // two credentials, one person
	sign := func(m *member) ledger.HolderStatement { return c.sign(m, c.order()) }
	statetest.Want(t, "", c.try(sign(a), sign(b)).Err())
	if len(c.got) != 2 || c.got[0].Organisation == c.got[1].Organisation {
		t.Errorf("the persons are %+v", c.got)
	}
	for name, r := range map[string]struct {
		code ledger.Code
		list []ledger.HolderStatement
	}{
		"one only":             {ledger.CodeInvalid, []ledger.HolderStatement{sign(a)}},
		"three":                {ledger.CodeInvalid, []ledger.HolderStatement{sign(a), sign(b), sign(colleague)}},
		"one organisation":     {ledger.CodeDenied, []ledger.HolderStatement{sign(a), sign(colleague)}},
		"one person twice":     {ledger.CodeDenied, []ledger.HolderStatement{sign(a), sign(a)}},
		"one person, two jobs": {ledger.CodeDenied, []ledger.HolderStatement{sign(a), sign(twin)}},
	} {
		s := c.try(r.list...)
		if got := ledger.CodeOf(s.Err()); got != r.code || len(s.Writes) > 0 {
			t.Errorf("%s: %v, want %s", name, s.Err(), r.code)
		}
	}
	same := sign(a)
	statetest.Want(t, ledger.CodeDenied, c.try(same, same).Err())
}

// TestTheLedgerDecidesWhoIsBelieved attacks what stands on the ledger; what a
// statement itself must be is attacked in package verify.
func TestTheLedgerDecidesWhoIsBelieved(t *testing.T) {
	t.Parallel()
	rewrite := func(change func(d *ledger.DID, r *ledger.TrustRow, o *ledger.Roster)) func(*court, *member) {
		return func(c *court, _ *member) {
			c.t.Helper()
			c.change(func(ctx *state.Context) error {
				d, err := state.DIDs.Get(ctx, ledger.DIDKey(issuerOf(north)))
				if err != nil {
					return err
				}
				r, err := state.TrustRows.Get(ctx, ledger.TrustKey(issuerOf(north), credential))
				if err != nil {
					return err
				}
				o, err := state.Rosters.Get(ctx, ledger.RosterKey())
				if err != nil {
					return err
				}
				change(d, r, o)
				if err := state.DIDs.Update(ctx, d); err != nil {
					return err
				}
				if err := state.TrustRows.Update(ctx, r); err != nil {
					return err
				}
				return state.Rosters.Update(ctx, o)
			})
		}
	}
	for name, c := range map[string]struct {
		code   ledger.Code
		detail string
		attack func(*court, *member)
	}{
		"nothing":                {"", "", func(*court, *member) {}},
		"struck off":             {ledger.CodeDenied, "do not take credentials", rewrite(func(_ *ledger.DID, r *ledger.TrustRow, _ *ledger.Roster) { r.State = ledger.TrustStruck })},
		"deactivated":            {ledger.CodeDenied, "no live DID", rewrite(func(d *ledger.DID, _ *ledger.TrustRow, _ *ledger.Roster) { d.Deactivated = true })},
		"a rotated key":          {ledger.CodeInvalid, "not signed by the expected key", func(c *court, _ *member) { rotate(c, rewrite) }},
		"a retired key":          {ledger.CodeDenied, "no current key", rewrite(func(d *ledger.DID, _ *ledger.TrustRow, _ *ledger.Roster) { d.Keys.AssertionMethod = nil })},
		"a removed member":       {ledger.CodeDenied, "not on the roster", rewrite(func(_ *ledger.DID, _ *ledger.TrustRow, o *ledger.Roster) { o.Organisations = []string{south} })},
		"no network":             {ledger.CodeDenied, "not named their network", rewrite(func(_ *ledger.DID, _ *ledger.TrustRow, o *ledger.Roster) { o.Network = "" })},
		"another network":        {ledger.CodeDenied, "no DID of this ledger", rewrite(func(_ *ledger.DID, _ *ledger.TrustRow, o *ledger.Roster) { o.Network = "prod" })},
		"a key for another use":  {ledger.CodeDenied, "no current key", func(_ *court, m *member) { m.issued.KeyID = issuerOf(north) + "#key-10" }},
		"part of a key's name":   {ledger.CodeDenied, "no current key", func(_ *court, m *member) { m.issued.KeyID = "key" }},
		"more than a key's name": {ledger.CodeDenied, "no current key", func(_ *court, m *member) { m.issued.KeyID = "##key-1" }},
		"a key of another DID":   {ledger.CodeDenied, "no current key", func(_ *court, m *member) { m.issued.KeyID = issuerOf(south) + "#key-1" }},
		"no key's name":          {ledger.CodeDenied, "no current key", func(_ *court, m *member) { m.issued.KeyID = "" }},
		"a type that is not accepted": {ledger.CodeDenied, "do not take credentials", func(c *court, m *member) {
			m.issued.Type, c.need.CredentialType = "Nurse", "Nurse"
		}},
		"a type that is not asked for": {ledger.CodeDenied, "of the type " + credential, func(_ *court, m *member) { m.issued.Type = "Nurse" }},
		"an issuer without a DID":      {ledger.CodeDenied, "no live DID", func(_ *court, m *member) { m.issued.Issuer = ledger.IssuerDID(network, north, "other") }},
		"an issuer elsewhere":          {ledger.CodeDenied, "no DID of this ledger", func(_ *court, m *member) { m.issued.Issuer = "did:web:north.example" }},
		"a device as issuer": {ledger.CodeDenied, "no DID of this ledger", func(_ *court, m *member) {
			m.issued.Issuer = ledger.DeviceDID(network, ledger.BodyDigest(nil))
		}},
		"another issuer's name": {ledger.CodeInvalid, "not signed by the expected key", func(c *court, m *member) { m.by = c.issuers[south] }},
		"a key of one's own":    {ledger.CodeInvalid, "not signed by the expected key", func(c *court, m *member) { m.by = newSigner(c.t) }},
		"an expired credential": {ledger.CodeInvalid, "expired", func(c *court, m *member) {
			m.issued.Issued, m.issued.Expires = c.Now().Add(-2*time.Hour), c.Now()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			court := newCourt(t)
			m := court.member(north)
			c.attack(court, m)
			s := court.try(court.sign(m, court.order()))
			if err := s.Err(); ledger.CodeOf(err) != c.code || err != nil && !strings.Contains(err.Error(), c.detail) {
				t.Errorf("%v, want %q with %q", err, c.code, c.detail)
			}
			if c.code != "" && len(s.Writes) > 0 {
				t.Error("it was refused and wrote")
			}
		})
	}
}

func rotate(c *court, rewrite func(func(*ledger.DID, *ledger.TrustRow, *ledger.Roster)) func(*court, *member)) {
	c.t.Helper()
	fresh := newSigner(c.t)
	rewrite(func(d *ledger.DID, _ *ledger.TrustRow, _ *ledger.Roster) {
		d.Keys.VerificationMethod[0].PublicKeyJWK = fresh.JWK()
	})(c, nil)
}

// TestAnAgreementIsToThisTransaction: each field of the order, as the ledger
// itself knows it.
func TestAnAgreementIsToThisTransaction(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*holder.Order){
		"network":  func(o *holder.Order) { o.Network = "prod" },
		"channel":  func(o *holder.Order) { o.Channel = "other" },
		"function": func(o *holder.Order) { o.Function = ledger.IdentityGet },
		"request":  func(o *holder.Order) { o.Request = append(o.Request, ' ') },
		"record":   func(o *holder.Order) { o.Record = ledger.UnitKey("v") },
		"type":     func(o *holder.Order) { o.Record = ledger.ModelKey("u") },
		"revision": func(o *holder.Order) { o.Revision = 2 },
		"expired":  func(o *holder.Order) { o.Expires = statetest.Start },
		"too long": func(o *holder.Order) { o.Expires = statetest.Start.Add(time.Hour) },
	} {
		c := newCourt(t)
		o := c.order()
		change(&o)
		statetest.Want(t, ledger.CodeInvalid, c.try(c.sign(c.member(north), o)).Err())
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestStatementsTravelInTheTransientMap(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	good, err := ledger.EncodeStatements(c.sign(c.member(north), c.order()))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]struct {
		code      ledger.Code
		transient map[string][]byte
	}{
		"there":              {"", map[string][]byte{ledger.TransientStatements: good, "other": {1}}},
		"no map":             {ledger.CodeDenied, nil},
		"empty":              {ledger.CodeDenied, map[string][]byte{ledger.TransientStatements: {}}},
		"under another name": {ledger.CodeDenied, map[string][]byte{"Statements": good}},
		"noise":              {ledger.CodeInvalid, map[string][]byte{ledger.TransientStatements: {0xff}}},
		"too large":          {ledger.CodeTooLarge, map[string][]byte{ledger.TransientStatements: make([]byte, ledger.MaxTransient+1)}},
	} {
		if got := ledger.CodeOf(c.carry(r.transient).Err()); got != r.code {
			t.Errorf("%s: %q, want %q", name, got, r.code)
		}
	}
}

// TestPersonsAreForTransactionsThatWrite: a contract that asks otherwise is wrong.
func TestPersonsAreForTransactionsThatWrite(t *testing.T) {
	t.Parallel()
	ask := func(need state.Need) func(*state.Context) error {
		return func(ctx *state.Context) error {
			_, err := ctx.Persons(need)
			return err
		}
	}
	one := state.Need{CredentialType: "t", Count: 1}
	for name, r := range map[string]struct {
		tx string
		do func(*state.Context) error
	}{
		"before a permission": {ledger.IdentityRegister, ask(one)},
		"in an evaluation":    {ledger.IdentityGet, steps(permit, ask(one))},
		"nobody":              {ledger.IdentityRegister, steps(permit, ask(state.Need{CredentialType: "t"}))},
		"of no type":          {ledger.IdentityRegister, steps(permit, ask(state.Need{Count: 1}))},
	} {
		if s := invoke(t, careless(t, r.do), r.tx); ledger.CodeOf(s.Err()) != ledger.CodeInternal {
			t.Errorf("%s: %v", name, s.Err())
		}
	}
}

// TestAPersonReadsFewKeys: what a transaction with two persons reads is what it
// can conflict with.
func TestAPersonReadsFewKeys(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	c.need.Count = 2
	s := c.try(c.sign(c.member(north), c.order()), c.sign(c.member(south), c.order()))
	statetest.Want(t, "", s.Err())
	seen := map[ledger.ObjectType]int{}
	for _, r := range s.Reads {
		key, _ := ledger.ParseKey(r.Key)
		seen[key.Type]++
	}
	if len(seen) != 4 || seen[ledger.TypeRoster] != 1 || seen[ledger.TypeDID] != 2 || seen[ledger.TypeTrust] != 2 || seen[ledger.TypeStatementMark] != 2 {
		t.Errorf("it reads %v", seen)
	}
}
