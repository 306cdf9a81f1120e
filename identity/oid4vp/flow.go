package oid4vp

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Flows keeps what has to be known from one request to the next. A document is
// found by its kind and key, and is gone when its time is over.
type Flows interface {
	// CreateFlow keeps a new document; already_exists when there is one.
	CreateFlow(ctx context.Context, kind, key string, doc []byte, expires time.Time) error
	// Flow returns a document; not_found when there is none or its time is over.
	Flow(ctx context.Context, kind, key string) ([]byte, error)
	// UpdateFlow replaces a document; conflict when it is not before any more.
	UpdateFlow(ctx context.Context, kind, key string, before, after []byte) error
	// TakeFlow returns a document and removes it, for one caller only.
	TakeFlow(ctx context.Context, kind, key string) ([]byte, error)
}

// FlowKind is the kind of a Verifier's documents, unless its options say another.
const FlowKind = "vp.request"

// phase is how far a request has come.
type phase string

const (
	phaseOpen     phase = "open"
	phaseAnswered phase = "answered"
	phaseDeclined phase = "declined"
	phaseRefused  phase = "refused" // too many answers that were none
	phaseTaken    phase = "taken"   // its result was given: of a standing question
)

// maxRefused is how many wrong answers end a request. Whoever sees a request can
// send wrong ones, and so end that one; it costs a fresh one and locks nobody out.
const maxRefused = 5

// flow is a request as it is kept. The key to it is the digest of its handle, so
// that what is stored opens nothing: a handle stands in the request only.
type flow struct {
	Phase     phase           `json:"phase"`
	Standing  bool            `json:"standing,omitempty"` // see AskStanding
	Refused   int             `json:"refused,omitempty"`
	Ticket    string          `json:"ticket"`         // digest of the asker's secret
	Code      string          `json:"code,omitempty"` // digest of the response code
	ClientID  string          `json:"clientId"`
	Nonce     string          `json:"nonce"`
	State     string          `json:"state"`
	Query     *Query          `json:"query"`
	Return    string          `json:"return,omitempty"`
	Keep      bool            `json:"keep,omitempty"`
	Only      bool            `json:"only,omitempty"`
	Exchange  bool            `json:"exchange,omitempty"`
	Statement json.RawMessage `json:"statement,omitempty"`
	Key       []byte          `json:"key,omitempty"` // private, P-256, for this one answer; nil: not encrypted
	Expires   time.Time       `json:"expires"`
	Shown     Shown           `json:"shown,omitempty"`
}

// secret returns 32 random bytes as text.
func secret() (string, error) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("drawing a secret: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// digestOf returns what is stored of a secret.
func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// same compares secrets in constant time.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// open returns the flow of a handle, and its bytes as they are kept; nil: it is a
// standing question's, of which nothing is kept yet.
func (v *Verifier) open(ctx context.Context, handle string) (*flow, []byte, error) {
	if len(handle) > maxText {
		return nil, nil, notFound()
	}
	f := new(flow)
	b, err := v.o.Flows.Flow(ctx, v.o.Kind, digestOf(handle))
	switch {
	case ledger.CodeOf(err) == ledger.CodeNotFound:
		if f, err = v.derived(handle); err != nil {
			return nil, nil, err
		}
	case err != nil:
		return nil, nil, err
	default:
		if err := json.Unmarshal(b, f); err != nil {
			return nil, nil, fmt.Errorf("decoding a request's state: %w", err)
		}
	}
	if !v.o.Now().Before(f.Expires) {
		return nil, nil, notFound()
	}
	return f, b, nil
}

// update fails with conflict, or already_exists, when the flow is another meanwhile.
func (v *Verifier) update(ctx context.Context, handle string, before []byte, f *flow) error {
	if before == nil {
		return v.settle(ctx, handle, f)
	}
	after, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encoding a request's state: %w", err)
	}
	return v.o.Flows.UpdateFlow(ctx, v.o.Kind, digestOf(handle), before, after)
}
