package oid4vci

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Flows keeps what outlasts a request, until it is over. A kind is a short word of
// a closed set, a key 64 hexadecimal digits: the SHA-256 of a secret, never the
// secret itself, so that a store that leaks gives no usable code and no token.
type Flows interface {
	// CreateFlow keeps doc until expires. It answers ledger.CodeAlreadyExists when
	// the key has a document that is not over.
	CreateFlow(ctx context.Context, kind, key string, doc []byte, expires time.Time) error
	// Flow returns the document; ledger.CodeNotFound when it is absent or over.
	Flow(ctx context.Context, kind, key string) ([]byte, error)
	// UpdateFlow replaces before by after and leaves the end as it is. It answers
	// ledger.CodeConflict when the document is no longer before, and
	// ledger.CodeNotFound when it is absent or over.
	UpdateFlow(ctx context.Context, kind, key string, before, after []byte) error
	// TakeFlow returns the document and removes it at once: of several callers at
	// the same time one gets it, and the others ledger.CodeNotFound.
	TakeFlow(ctx context.Context, kind, key string) ([]byte, error)
}

// The kinds of what is kept.
const (
	kindOffer        = "vci.offer"        // by pre-authorized code
	kindReference    = "vci.reference"    // an offer's text, by the secret of its address
	kindState        = "vci.state"        // an offer for the authorization code, by issuer_state
	kindRequest      = "vci.request"      // pushed authorization request, by request_uri
	kindCode         = "vci.code"         // by authorization code
	kindSpent        = "vci.spent"        // the grant that a used code gave, by the code
	kindGrant        = "vci.grant"        // what was granted, by its id
	kindToken        = "vci.token"        // a grant's id, by access token
	kindRefresh      = "vci.refresh"      // a grant's id, by refresh token
	kindNonce        = "vci.nonce"        // a c_nonce that was used
	kindProof        = "vci.proof"        // a DPoP proof or an attestation's that was used
	kindDeferred     = "vci.deferred"     // an order, by transaction_id
	kindNotification = "vci.notification" // what was issued, by notification_id
)

// newSecret draws 256 bits, in base64url.
func newSecret() (string, error) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("drawing a secret: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// keyOf is the key under which a secret's document lies.
func keyOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// errNoFlow says that a secret opens nothing: it never did, or is over.
var errNoFlow = errors.New("there is no such flow")

// put keeps v under a secret that is drawn for it.
func (i *Issuer) put(ctx context.Context, kind string, v any, life time.Duration) (secret string, err error) {
	if secret, err = newSecret(); err != nil {
		return "", err
	}
	doc, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encoding a flow: %w", err)
	}
	if err := i.opts.Flows.CreateFlow(ctx, kind, keyOf(secret), doc, i.now().Add(life)); err != nil {
		return "", fmt.Errorf("keeping a flow: %w", err)
	}
	return secret, nil
}

// get reads into v what lies under a secret, and returns it as it lies there.
func (i *Issuer) get(ctx context.Context, kind, secret string, v any) ([]byte, error) {
	doc, err := i.opts.Flows.Flow(ctx, kind, keyOf(secret))
	return decodeFlow(doc, err, v)
}

// take reads into v what lies under a secret, and removes it.
func (i *Issuer) take(ctx context.Context, kind, secret string, v any) error {
	doc, err := i.opts.Flows.TakeFlow(ctx, kind, keyOf(secret))
	_, err = decodeFlow(doc, err, v)
	return err
}

func decodeFlow(doc []byte, err error, v any) ([]byte, error) {
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil, errNoFlow
	}
	if err != nil {
		return nil, fmt.Errorf("reading a flow: %w", err)
	}
	if err := json.Unmarshal(doc, v); err != nil {
		return nil, fmt.Errorf("decoding a flow: %w", err)
	}
	return doc, nil
}

// maxTurns bounds how often a change is tried again that others came before.
const maxTurns = 8

// change lets edit change what lies under a secret, while nobody else does. An
// error of edit's ends it and leaves everything as it is.
func change[T any](ctx context.Context, i *Issuer, kind, secret string, edit func(*T) error) (*T, error) {
	for range maxTurns {
		var v T
		before, err := i.get(ctx, kind, secret, &v)
		if err != nil {
			return nil, err
		}
		if err := edit(&v); err != nil {
			return nil, err
		}
		after, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("encoding a flow: %w", err)
		}
		err = i.opts.Flows.UpdateFlow(ctx, kind, keyOf(secret), before, after)
		switch ledger.CodeOf(err) {
		case "":
			return &v, nil
		case ledger.CodeNotFound:
			return nil, errNoFlow
		case ledger.CodeConflict:
		default:
			return nil, fmt.Errorf("changing a flow: %w", err)
		}
	}
	return nil, ledger.Problemf(ledger.CodeBusy, "too many requests change the same flow")
}

// once marks a name as used until a time, and reports whether it was the first to.
func (i *Issuer) once(ctx context.Context, kind, name string, until time.Time) (bool, error) {
	err := i.opts.Flows.CreateFlow(ctx, kind, keyOf(name), []byte("{}"), until)
	if ledger.CodeOf(err) == ledger.CodeAlreadyExists {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("marking as used: %w", err)
	}
	return true, nil
}
