package holder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// MaxExplained bounds an explained statement, in bytes.
const MaxExplained = 16 << 10

// Explained is a statement with the request that it is about, so that whoever is
// asked to sign sees for themselves what it says.
type Explained struct {
	Statement ledger.Statement `json:"statement"`
	Request   string           `json:"request"` // its bytes, which are JSON
}

// ParseExplained reads one from outside, strictly: no name twice, and no other
// members. What it says is for Says to tell.
func ParseExplained(b []byte) (*Explained, error) {
	if len(b) > MaxExplained {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a statement with its request has at most %d bytes", MaxExplained)
	}
	malformed := ledger.Problemf(ledger.CodeInvalid, "this is no statement with its request")
	if _, err := verify.ParseObject(b, 2); err != nil {
		return nil, malformed
	}
	e := new(Explained)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(e) != nil {
		return nil, malformed
	}
	return e, nil
}

// Asked returns what whoever asks for a presentation with that nonce shows to have
// signed by it, as oid4vp.Request.Statement has it, and what that says. Invalid when
// the nonce is the challenge of something else.
func Asked(b []byte, nonce string) (*Explained, []string, error) {
	e, err := ParseExplained(b)
	if err != nil {
		return nil, nil, err
	}
	says, err := e.Says()
	if err != nil {
		return nil, nil, err
	}
	challenge, err := e.Statement.Challenge()
	if err != nil {
		return nil, nil, err
	}
	if challenge != nonce {
		return nil, nil, ledger.Problemf(ledger.CodeInvalid, "another statement would be signed than the one that is shown")
	}
	return e, says, nil
}

// Says returns what the statement says, in plain words, a line each. It takes
// nobody's word for it: the statement must be of that request, and of the record
// and revision that the request is about. Problems are those of StepOf, and
// invalid.
func (e *Explained) Says() ([]string, error) {
	s := &e.Statement
	if err := s.Validate(); err != nil {
		return nil, err
	}
	step, err := StepOf(s.Function, []byte(e.Request))
	if err != nil {
		return nil, err
	}
	if s.Request != ledger.BodyDigest([]byte(e.Request)) || s.Record != ledger.KeyDigest(step.Record) || s.Revision != step.Revision {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the statement is about something else than is said of it")
	}
	expires, err := s.ExpiresAt()
	if err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the statement's expiry cannot be read")
	}
	needs := "One person signs this"
	if step.Count > 1 {
		needs = fmt.Sprintf("It takes %d persons of as many organisations", step.Count)
	}
	return append(step.Says, fmt.Sprintf("%s, with a credential %s, for the ledger %s/%s, until %s.",
		needs, step.Credential, s.Network, s.Channel, strings.TrimSuffix(expires.Format("2006-01-02 15:04:05.000"), ".000")+" UTC")), nil
}
