package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// TransientStatements is the name under which a proposal's transient map carries
// the holder statements of its transaction: a JSON array of HolderStatement, in
// at most MaxTransient bytes. The client passes it beside the request, in the
// form of EncodeStatements, to each endorser; it is never stored or ordered.
const TransientStatements = "statements"

// TransientStatusLists is the name under which the same map carries what those
// need whose credentials have a status: a JSON array of signed Token Status Lists
// as their issuers publish them. Each must be the one to which its issuer is
// committed on the ledger (StatusList), under the last part of its address.
const TransientStatusLists = "statusLists"

// Bounds on holder statements.
const (
	MaxStatements   = 4
	MaxPresentation = 16 << 10 // bytes of one presentation
	MaxTransient    = 72 << 10 // bytes of all statements, encoded

	// MaxStatementLife is how far a statement's expiry may be ahead of the
	// transaction's time, MaxKeyBindingAge how far its signature may be behind, and
	// MaxStatementSkew how far the clocks of wallets and issuers may be ahead.
	MaxStatementLife = 15 * time.Minute
	MaxKeyBindingAge = 10 * time.Minute
	MaxStatementSkew = 2 * time.Minute
)

// Statement is what a person agrees to: one transaction, with one request, on one
// revision of one record. A person signs its Challenge with the key to which a
// credential is bound; whoever knows the request can make the statement again and
// sees that it says this and nothing else.
type Statement struct {
	V         int    `json:"v"`         // StatementVersion
	Network   string `json:"network"`   // as in the members' DIDs, did:secant:<network>:...
	Channel   string `json:"channel"`   // Fabric channel
	Chaincode string `json:"chaincode"` // ChaincodeName
	Function  string `json:"function"`  // transaction, spelled as in Names
	Request   string `json:"request"`   // BodyDigest of the request's bytes exactly as they are submitted
	Record    string `json:"record"`    // KeyDigest of the record that the transaction is about
	Revision  int    `json:"revision"`  // of that record, which the person saw; 0 for one that is not there yet
	Nonce     string `json:"nonce"`     // 32 random bytes, base64url without padding: hides what the commitment commits to
	Expires   string `json:"expires"`   // UTC in StatementTime, at most MaxStatementLife ahead
}

// StatementVersion is the version of the form that is signed.
const StatementVersion = 1

// StatementTime is the one form of a time in a statement: RFC 3339, UTC, whole
// milliseconds.
const StatementTime = "2006-01-02T15:04:05.000Z"

// Validate returns a Problem that lists every fault. A statement without one has
// exactly one canonical form.
func (s *Statement) Validate() error {
	var c check
	if s.V != StatementVersion {
		c.fail("v", "must be %d", StatementVersion)
	}
	c.token("network", s.Network, 64)
	c.token("channel", s.Channel, 250)
	c.token("chaincode", s.Chaincode, 64)
	c.token("function", s.Function, 64)
	c.digest("request", s.Request)
	c.digest("record", s.Record)
	if s.Revision < 0 {
		c.fail("revision", "must not be negative")
	}
	if _, ok := coordinate(s.Nonce); !ok {
		c.fail("nonce", "must be 32 bytes in base64url without padding")
	}
	if _, err := s.ExpiresAt(); err != nil {
		c.fail("expires", "must be a time in UTC and whole milliseconds, as in %s", StatementTime)
	}
	return c.problem("the statement")
}

// ExpiresAt returns the time from which on the statement is worth nothing.
func (s *Statement) ExpiresAt() (time.Time, error) {
	t, err := time.Parse(StatementTime, s.Expires)
	if err == nil && t.Format(StatementTime) != s.Expires {
		err = fmt.Errorf("reading a statement's expiry: it is not in the form %s", StatementTime)
	}
	return t, err
}

// Canonical returns the bytes that are signed: JSON with the fields in the order
// of the type and no space. No field that Validate passes holds a character that
// JSON would escape, so that any JSON encoder gives these bytes.
func (s *Statement) Canonical() ([]byte, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encoding a statement: %w", err)
	}
	return b, nil
}

// Challenge returns what a wallet is asked to sign as the nonce of its
// presentation: SHA-256("secant/statement/v1" || 0x00 || canonical bytes),
// base64url without padding.
func (s *Statement) Challenge() (string, error) {
	b, err := s.Canonical()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append([]byte("secant/statement/v1\x00"), b...))
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// StatementAudience is the audience that a person's signature names.
func StatementAudience(network, channel string) string { return "secant:" + network + ":" + channel }

// StatementCommitment is what the ledger keeps of a statement: it depends on the
// statement's random nonce, by way of the challenge, so that it tells nobody who
// signed, and whoever keeps the statement can show that it is this one.
func StatementCommitment(challenge, holderThumbprint string) string {
	return Digest("holder-statement", []byte(challenge+holderThumbprint))
}

// KeyDigest names a record's key in a statement.
func KeyDigest(k Key) string {
	return Digest("record-key", []byte(string(k.Type)+"\x00"+strings.Join(k.Parts, "\x00")))
}

// HolderStatement is a statement with a person's signature on it: a presentation
// of an SD-JWT VC with key binding (RFC 9901), whose nonce is the statement's
// Challenge and whose audience is StatementAudience.
type HolderStatement struct {
	Statement    Statement `json:"statement"`
	Presentation string    `json:"presentation"`
}

// EncodeStatements returns the bytes that a proposal carries under
// TransientStatements.
func EncodeStatements(statements ...HolderStatement) ([]byte, error) {
	if len(statements) == 0 || len(statements) > MaxStatements {
		return nil, Problemf(CodeInvalid, "a transaction carries 1 to %d holder statements", MaxStatements)
	}
	b, err := json.Marshal(statements)
	if err != nil {
		return nil, fmt.Errorf("encoding holder statements: %w", err)
	}
	if len(b) > MaxTransient {
		return nil, Problemf(CodeTooLarge, "holder statements have at most %d bytes together", MaxTransient)
	}
	return b, nil
}

// StatementMark stands for a statement that has served.
type StatementMark struct {
	V              int       `json:"v"`
	Commitment     string    `json:"commitment"`     // StatementCommitment
	Function       string    `json:"function"`       // transaction that it served
	Issuer         string    `json:"issuer"`         // DID of the credential's issuer
	Organisation   string    `json:"organisation"`   // MSP id of the organisation that controls the issuer
	CredentialType string    `json:"credentialType"` // "vct" of the credential
	Tx             string    `json:"tx"`
	Time           time.Time `json:"time"` // vouched for by the endorsers
}

// Key returns the record's key.
func (m *StatementMark) Key() Key { return StatementMarkKey(m.Commitment) }

// StatementMarkKey returns the key of a statement's mark.
func StatementMarkKey(commitment string) Key { return Key{TypeStatementMark, []string{commitment}} }
