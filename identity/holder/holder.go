// Package holder makes holder statements: what a person signs so that the ledger
// knows that a person agreed to one transaction. It is the wallet's half of
// chaincode/verify; the key stays with whoever calls it.
package holder

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/sdjwt"
)

// Order is the transaction that somebody is asked to agree to.
type Order struct {
	Network  string // as in the members' DIDs
	Channel  string
	Function string // as in ledger.Names
	Request  []byte // the request's bytes exactly as the client submits them: see Encode
	Record   ledger.Key
	Revision int // of the record, as it stands; 0 when it does not exist yet
	Expires  time.Time
}

// Encode returns a request's bytes as chaincode/client submits them.
func Encode(request any) ([]byte, error) {
	b, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encoding a request: %w", err)
	}
	return b, nil
}

// NewStatement makes the statement that each person signs who agrees to the
// order. Several persons may sign one, or each their own.
func NewStatement(o Order) (*ledger.Statement, error) {
	nonce := make([]byte, 32)
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("drawing a nonce: %w", err)
	}
	s := &ledger.Statement{
		V: ledger.StatementVersion, Network: o.Network, Channel: o.Channel, Chaincode: ledger.ChaincodeName,
		Function: o.Function, Request: ledger.BodyDigest(o.Request), Record: ledger.KeyDigest(o.Record), Revision: o.Revision,
		Nonce: base64.RawURLEncoding.EncodeToString(nonce), Expires: o.Expires.UTC().Format(ledger.StatementTime),
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return s, nil
}

// Question is what a wallet has to be asked, by OpenID4VP or otherwise, so that
// its answer is a signature on the statement.
type Question struct {
	Nonce    string
	Audience string
}

// Ask returns the question that a statement puts to a wallet.
func Ask(s *ledger.Statement) (Question, error) {
	challenge, err := s.Challenge()
	if err != nil {
		return Question{}, err
	}
	return Question{Nonce: challenge, Audience: ledger.StatementAudience(s.Network, s.Channel)}, nil
}

// Sign answers the question with a credential, as sdjwt.Issue returned it, and
// the key to which it is bound. It shows none of the hidden claims.
func Sign(s *ledger.Statement, credential string, key keys.Signer, at time.Time) (*ledger.HolderStatement, error) {
	q, err := Ask(s)
	if err != nil {
		return nil, err
	}
	presentation, err := sdjwt.Present(credential, key, nil, sdjwt.Binding{Audience: q.Audience, Nonce: q.Nonce, At: at})
	if err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	return &ledger.HolderStatement{Statement: *s, Presentation: presentation}, nil
}
