package check

import (
	"context"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/status"
	"github.com/secant-platform/secant/identity/vc"
)

// Lists is a Status by published status lists, which a cache keeps.
type Lists struct {
	Cache    *status.Cache
	Contexts *vc.Contexts
	Keys     Keys // of those who sign Bitstring Status Lists
	// Names returns every name of an issuer beside its own that its Bitstring Status
	// Lists may have as theirs, as its did:web; nil: there are none.
	Names func(ctx context.Context, issuer string) []string
}

// Valid asks the cache. A Token Status List is signed with the key of the
// credential, or vouched for by its issuer's commitment on the ledger: where the
// key is not known, which is the zero key, only by that.
func (l *Lists) Valid(ctx context.Context, q StatusQuestion) error {
	question := status.Question{Issuer: q.Issuer, URI: q.Ref.URI, Index: q.Ref.Index}
	switch q.Ref.Kind {
	case StatusToken:
		if q.Key == (ledger.JWK{}) {
			break
		}
		key, err := verify.NewKey(q.Key)
		if err != nil {
			return err
		}
		question.Key = key
	case StatusBitstring:
		question.Purpose = status.Purpose(q.Ref.Purpose)
		question.Open = func(ctx context.Context, fetched []byte) ([]byte, error) {
			return fetched, l.open(ctx, q, fetched)
		}
	default:
		return ledger.Problemf(ledger.CodeInvalid, "the credential has a status of an unknown kind")
	}
	return l.Cache.Valid(ctx, question)
}

// open wants a list's credential to be signed by the issuer of the credentials in
// it.
func (l *Lists) open(ctx context.Context, q StatusQuestion, fetched []byte) error {
	v := vc.Verifier{Contexts: l.Contexts, Skew: ledger.MaxStatementSkew, Issuers: func(ctx context.Context, party, keyID string, at time.Time) (ledger.JWK, error) {
		return l.Keys.Key(ctx, party, keyID, Assertion, at)
	}}
	verified, err := v.Verify(ctx, fetched, q.At)
	if err != nil {
		return err
	}
	names := []string{q.Issuer}
	if l.Names != nil {
		names = append(names, l.Names(ctx, q.Issuer)...)
	}
	for _, name := range names {
		if verified.Issuer == name {
			return nil
		}
	}
	return ledger.Problemf(ledger.CodeDenied, "the status list is of another issuer than the credential")
}
