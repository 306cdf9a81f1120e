package verify

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Statement is a holder statement taken apart: nothing of it is verified.
type Statement struct {
	Presentation *Presentation

	statement ledger.Statement
	challenge string
}

// Occasion is the transaction that a statement is to serve.
type Occasion struct {
	Network  string
	Channel  string
	Function string
	Request  string // ledger.BodyDigest of the request's bytes
	Record   string // ledger.KeyDigest
	Revision int
	Desks    []string  // client identifiers under which the submitting organisation asks for statements: ledger.DID.StatementClients
	At       time.Time // of the transaction
}

// Agreement is a verified statement.
type Agreement struct {
	Credential *Credential
	Commitment string // ledger.StatementCommitment: the same for every signature on this statement by this key
}

// ParseStatements reads what a proposal carries under
// ledger.TransientStatements, strictly: each member once, by its exact name, and
// no other.
func ParseStatements(b []byte) ([]*Statement, error) {
	if len(b) > ledger.MaxTransient {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "holder statements have at most %d bytes together", ledger.MaxTransient)
	}
	malformed := invalid("the holder statements are not a list of statements with their presentations")
	v, err := parseJSON(b)
	if err != nil {
		return nil, malformed
	}
	list, ok := v.([]any)
	if !ok || len(list) == 0 || len(list) > ledger.MaxStatements {
		return nil, invalid("a transaction carries 1 to %d holder statements", ledger.MaxStatements)
	}
	var statements []*Statement
	for _, v := range list {
		o, ok := v.(object)
		if !ok || !o.exactly("statement", "presentation") {
			return nil, malformed
		}
		inner, isObject := o["statement"].(object)
		presentation, isText := o["presentation"].(string)
		if !isObject || !isText {
			return nil, malformed
		}
		s, err := parseStatement(inner, presentation)
		if err != nil {
			return nil, err
		}
		statements = append(statements, s)
	}
	return statements, nil
}

func parseStatement(o object, presentation string) (*Statement, error) {
	if !o.exactly("v", "network", "channel", "chaincode", "function", "request", "record", "revision", "nonce", "expires") {
		return nil, invalid("a statement has other members than it must have")
	}
	// By now names are exact and there once, so that the decoder has no choice.
	b, err := json.Marshal(o)
	if err != nil {
		return nil, invalid("a statement cannot be read")
	}
	s := new(Statement)
	if err := json.Unmarshal(b, &s.statement); err != nil {
		return nil, invalid("a statement has a member of another type")
	}
	if s.challenge, err = s.statement.Challenge(); err != nil {
		return nil, err
	}
	if s.Presentation, err = ParsePresentation(presentation); err != nil {
		return nil, err
	}
	return s, nil
}

// exactly reports whether the object has these members and no other.
func (o object) exactly(names ...string) bool {
	for _, name := range names {
		if v, there := o[name]; !there || v == nil {
			return false
		}
	}
	return len(o) == len(names)
}

// Verify checks that the statement is for this occasion, and that the holder of
// a credential under this key of the issuer signed it: for the ledger
// (ledger.StatementAudience), or for one of the desks of who submits it.
func (s *Statement) Verify(issuer *Key, o Occasion) (*Agreement, error) {
	if err := s.fits(o); err != nil {
		return nil, err
	}
	audience := ledger.StatementAudience(o.Network, o.Channel)
	if claimed := s.Presentation.ClaimedAudience(); slices.Contains(o.Desks, claimed) && ledger.IsStatementClient(claimed) {
		audience = claimed
	}
	credential, err := s.Presentation.Verify(issuer, Binding{
		Audience: audience, Nonce: s.challenge,
		At: o.At, MaxAge: ledger.MaxKeyBindingAge, MaxSkew: ledger.MaxStatementSkew,
	})
	if err != nil {
		return nil, err
	}
	return &Agreement{Credential: credential, Commitment: ledger.StatementCommitment(s.challenge, credential.Holder.Thumbprint())}, nil
}

// fits names what does not fit, and not what stands there.
func (s *Statement) fits(o Occasion) error {
	var other []string
	for _, f := range []struct {
		name string
		same bool
	}{
		{"network", s.statement.Network == o.Network},
		{"channel", s.statement.Channel == o.Channel},
		{"chaincode", s.statement.Chaincode == ledger.ChaincodeName},
		{"function", s.statement.Function == o.Function},
		{"request", s.statement.Request == o.Request},
		{"record", s.statement.Record == o.Record},
		{"revision", s.statement.Revision == o.Revision},
	} {
		if !f.same {
			other = append(other, f.name)
		}
	}
	if len(other) > 0 {
		return invalid("the statement is for another %s", strings.Join(other, ", "))
	}
	expires, err := s.statement.ExpiresAt()
	switch {
	case err != nil:
		return invalid("the statement's expiry cannot be read")
	case !o.At.Before(expires):
		return invalid("the statement has expired")
	case expires.After(o.At.Add(ledger.MaxStatementLife)):
		return invalid("the statement lasts longer than %s", ledger.MaxStatementLife)
	}
	return nil
}
