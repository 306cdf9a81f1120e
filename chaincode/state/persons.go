package state

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Need says which persons a transaction asks for, and what they must have
// agreed to.
type Need struct {
	Record         ledger.Key // the record that the transaction is about
	Revision       int        // of it, before this transaction; 0 when it does not exist yet
	CredentialType string     // "vct" that each person's credential has
	Count          int        // persons; from two on, of as many organisations
}

// Person is somebody who agreed to this transaction. Who it is stands nowhere.
type Person struct {
	Issuer         string // DID of the credential's issuer
	Organisation   string // MSP id of the organisation that controls the issuer
	CredentialType string // "vct"
	Commitment     string // to the statement: ledger.StatementCommitment
}

// Persons returns those who agreed to this transaction by the holder statements
// in its transient map (ledger.TransientStatements): exactly as many as it needs,
// each with another key, and with another organisation behind its issuer, since
// an organisation that runs an issuer can mint persons. It writes a create-only
// mark for each, so that no statement serves twice. Call it once in a
// transaction, after Permit.
//
// The Problems are: denied when there are no statements, or the members do not
// take an issuer's word, or a credential is revoked; already_exists when a
// statement has served; invalid when a statement or presentation is malformed, out
// of date, of another transaction, request, record or revision, or not signed as
// it must be.
//
// The transaction reads the roster and, of each issuer, the DID, the row of the
// trust registry and, for a credential with a status, that of its status list;
// and for a statement that was signed at a desk, the DID of the caller's own
// issuer, in which the desk stands. It conflicts with a change of those.
func (c *Context) Persons(need Need) ([]Person, error) {
	if !c.writes || !c.permitted || need.Count < 1 || need.CredentialType == "" {
		return nil, errors.New("asking for persons: only a transaction that may write does, for at least one of a kind")
	}
	statements, err := c.statements(need.Count)
	if err != nil {
		return nil, err
	}
	roster, found, err := Rosters.Find(c, ledger.RosterKey())
	if err != nil {
		return nil, err
	}
	if !found || roster.Network == "" {
		return nil, denied("the members have not named their network, which statements must name")
	}
	occasion := c.occasion(roster.Network, need)
	if occasion.Desks, err = c.desks(roster, statements); err != nil {
		return nil, err
	}
	var persons []Person
	var holders []string
	for _, s := range statements {
		if s.Presentation.ClaimedType != need.CredentialType {
			return nil, denied("this needs credentials of the type " + need.CredentialType)
		}
		person, holder, err := c.person(s, roster, occasion)
		if err != nil {
			return nil, err
		}
		if slices.Contains(holders, holder) {
			return nil, denied("one person cannot agree twice")
		}
		if slices.ContainsFunc(persons, func(p Person) bool { return p.Organisation == person.Organisation }) {
			return nil, denied("the persons' issuers must be of different organisations")
		}
		persons, holders = append(persons, *person), append(holders, holder)
	}
	return persons, c.spend(persons, occasion.Function)
}

// statements reads the transient map.
func (c *Context) statements(count int) ([]*verify.Statement, error) {
	transient, err := c.stub.GetTransient()
	if err != nil {
		return nil, fmt.Errorf("reading the transient map: %w", err)
	}
	b := transient[ledger.TransientStatements]
	if len(b) == 0 {
		return nil, denied(fmt.Sprintf("this needs the holder statements of %d", count))
	}
	statements, err := verify.ParseStatements(b)
	if err != nil {
		return nil, err
	}
	if len(statements) != count {
		return nil, ledger.Problemf(ledger.CodeInvalid, "this needs exactly as many holder statements as persons: %d", count)
	}
	return statements, nil
}

// occasion is what every statement of this transaction must say.
func (c *Context) occasion(network string, need Need) verify.Occasion {
	name, args := c.stub.GetFunctionAndParameters() // begin has seen to there being one request
	return verify.Occasion{
		Network: network, Channel: c.stub.GetChannelID(), Function: name,
		Request: ledger.BodyDigest([]byte(args[0])), Record: ledger.KeyDigest(need.Record), Revision: need.Revision,
		At: c.time,
	}
}

// desks are the client identifiers under which the caller's organisation asks
// for statements. They are looked up when a statement was signed for what may be
// one: a transaction of which all are signed for the ledger reads nothing more.
func (c *Context) desks(roster *ledger.Roster, statements []*verify.Statement) ([]string, error) {
	if !slices.ContainsFunc(statements, func(s *verify.Statement) bool {
		return ledger.IsStatementClient(s.Presentation.ClaimedAudience())
	}) {
		return nil, nil
	}
	did := ledger.IssuerDID(roster.Network, c.caller.Org, ledger.LabelCredentials)
	document, found, err := DIDs.Find(c, ledger.DIDKey(did))
	if err != nil {
		return nil, err
	}
	if !found || !roster.Has(c.caller.Org) {
		return nil, denied("a statement was signed for a desk, and the organisation that submits it has none")
	}
	return document.StatementClients(), nil
}

// person verifies one statement under the issuer's key that stands on the ledger.
func (c *Context) person(s *verify.Statement, roster *ledger.Roster, o verify.Occasion) (person *Person, holder string, err error) {
	did := s.Presentation.ClaimedIssuer
	id, ok := ledger.ParseDID(did)
	if !ok || id.Kind == ledger.DIDDevice || id.Network != roster.Network {
		return nil, "", denied("a credential's issuer has no DID of this ledger")
	}
	if !roster.Has(id.Org) {
		return nil, "", denied("the organisation of a credential's issuer is not on the roster")
	}
	key, err := c.issuerKey(did, s.Presentation.KeyID)
	if err != nil {
		return nil, "", err
	}
	row, found, err := TrustRows.Find(c, ledger.TrustKey(did, s.Presentation.ClaimedType))
	if err != nil {
		return nil, "", err
	}
	if !found || row.State != ledger.TrustAccepted {
		return nil, "", denied("the members do not take credentials of this type from this issuer")
	}
	agreed, err := s.Verify(key, o)
	if err != nil {
		return nil, "", err
	}
	if err := c.unrevoked(agreed.Credential); err != nil {
		return nil, "", err
	}
	return &Person{
		Issuer: did, Organisation: id.Org, CredentialType: agreed.Credential.Type, Commitment: agreed.Commitment,
	}, agreed.Credential.Holder.Thumbprint(), nil
}

// unrevoked wants a credential that has a status to be valid by the list to which
// its issuer is committed, and which the transient map carries.
func (c *Context) unrevoked(credential *verify.Credential) error {
	ref, has, err := credential.Status()
	if err != nil || !has {
		return err
	}
	row, found, err := StatusLists.Find(c, ledger.StatusListKey(credential.Issuer, ref.List()))
	if err != nil {
		return err
	}
	if !found || !c.time.Before(row.ValidUntil) {
		return denied("the issuer has no current status list on the ledger, which its credential names")
	}
	transient, err := c.stub.GetTransient()
	if err != nil {
		return fmt.Errorf("reading the transient map: %w", err)
	}
	b := transient[ledger.TransientStatusLists]
	if len(b) == 0 {
		return denied("a credential has a status, and no status list is there")
	}
	lists, err := verify.ParseStatusLists(b)
	if err != nil {
		return err
	}
	for _, list := range lists {
		if ledger.BodyDigest([]byte(list)) == row.Digest {
			return ref.Valid(list)
		}
	}
	return denied("the issuer's current status list is not there")
}

// issuerKey returns the issuer's key with that id, which must be one by which it
// makes assertions now.
func (c *Context) issuerKey(did, keyID string) (*verify.Key, error) {
	document, found, err := DIDs.Find(c, ledger.DIDKey(did))
	if err != nil {
		return nil, err
	}
	if !found || document.Deactivated {
		return nil, denied("a credential's issuer has no live DID on this ledger")
	}
	jwk, found := document.Keys.Method(document.Keys.AssertionMethod, fragmentOf(did, keyID))
	if !found {
		return nil, denied("a credential is signed by no current key of its issuer")
	}
	return verify.NewKey(jwk)
}

// fragmentOf returns the name of a key inside its document: of "<did>#key-1",
// "#key-1" and "key-1" it is key-1. What is left of any other text names no key.
func fragmentOf(did, keyID string) string {
	if absolute, ok := strings.CutPrefix(keyID, did+"#"); ok {
		return absolute
	}
	return strings.TrimPrefix(keyID, "#")
}

// spend marks the statements as served.
func (c *Context) spend(persons []Person, function string) error {
	for _, p := range persons {
		err := StatementMarks.Create(c, &ledger.StatementMark{
			V: 1, Commitment: p.Commitment, Function: function, Issuer: p.Issuer, Organisation: p.Organisation,
			CredentialType: p.CredentialType, Tx: c.TxID(), Time: c.time,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
