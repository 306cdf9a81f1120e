package wallet

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/vc"
)

// contexts are those of the catalogue: a credential with others is kept, and cannot
// be presented.
var contexts = sync.OnceValues(check.Contexts)

// claimsMember holds the claims of a W3C credential.
const claimsMember = "credentialSubject"

// KnowIssuers says where the keys of issuers of BBS+ credentials are found. Without
// it none is received: a part can be made only under the issuer's key. It is called
// before the wallet is used.
func (w *Wallet) KnowIssuers(keys vc.BBSKeys) { w.issuers = keys }

// linkedProof is what a credential with a linked-data proof says of that.
type linkedProof struct {
	kind, keyID string
}

// readLinked reads a credential in the format ldp_vc.
func readLinked(token string) (*reading, error) {
	claims, err := verify.ParseObject([]byte(token), maxDepth)
	if err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the credential is no JSON object of one meaning")
	}
	r := readW3C(claims, &reading{})
	if proof, ok := claims["proof"].(map[string]any); ok {
		r.proof = linkedProof{text(proof["type"]), text(proof["verificationMethod"])}
	}
	list, _ := claims["@context"].([]any)
	r.older = len(list) > 0 && text(list[0]) == vc.ContextV1
	return r, nil
}

// anonymous reports whether parts of the credential are shown, which name no holder.
func (r *reading) anonymous() bool { return r.proof.kind == string(catalogue.BBS) }

// AddAnonymous keeps a BBS+ credential, which it verifies under its issuer's key, and
// that key with it: nobody is asked for it when a part is shown.
func (w *Wallet) AddAnonymous(ctx context.Context, token, name string) (*Credential, error) {
	if len(token) > maxToken {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a credential has at most %d bytes", maxToken)
	}
	r, err := readLinked(token)
	if err != nil {
		return nil, err
	}
	known, err := contexts()
	if err != nil {
		return nil, err
	}
	if w.issuers == nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "nobody says here where the issuer's key is found")
	}
	key, err := w.issuers(ctx, r.issuer, r.proof.keyID, w.now())
	if err != nil {
		return nil, err
	}
	if _, err := under(known, key).VerifyBBS(ctx, []byte(token), w.now()); err != nil {
		return nil, err
	}
	return w.add(credential{Credential: Credential{Format: oid4vp.FormatLDP, Name: name}, Token: token, IssuerKey: key})
}

// under verifies under one issuer's key.
func under(known *vc.Contexts, key []byte) *vc.Verifier {
	return &vc.Verifier{
		Contexts: known, Skew: ledger.MaxStatementSkew,
		BBS: func(context.Context, string, string, time.Time) ([]byte, error) { return bytes.Clone(key), nil },
	}
}

// presentable reports whether the wallet can present a credential: with a proof of
// the data model 1.1 signs a key of Ed25519 alone.
func (w *Wallet) presentable(one *credential, r *reading) bool {
	if one.Format != oid4vp.FormatLDP {
		return true
	}
	if r.anonymous() {
		return len(one.IssuerKey) > 0
	}
	key, err := w.Key(one.Key)
	return err == nil && (!r.older || key.JWK().Kty == ledger.KeyTypeOKP)
}

// asAsked leaves to each query the credentials of its kind: who asks for no proof of
// a holder is shown a part that names none, and never a credential that does.
func (w *Wallet) asAsked(q *oid4vp.Query, found oid4vp.Matches, anonymous map[string]bool) oid4vp.Matches {
	for i := range q.Credentials {
		c := &q.Credentials[i]
		if c.Format == oid4vp.FormatLDP && !c.Bound() {
			found[c.ID] = slices.DeleteFunc(found[c.ID], func(one oid4vp.Candidate) bool { return !anonymous[one.Held] })
		}
	}
	return found
}

// Shows lists what a verifier sees of a credential that is presented: of a format
// that hides nothing, every claim, whatever was asked for.
func (w *Wallet) Shows(c oid4vp.Candidate) ([]oid4vp.Path, error) {
	one, err := w.find(c.Held)
	if err != nil {
		return nil, err
	}
	r, err := one.read()
	if err != nil {
		return nil, err
	}
	if one.Format != oid4vp.FormatJWT && one.Format != oid4vp.FormatLDP || r.anonymous() {
		return c.Show, nil
	}
	subject, _ := r.claims[claimsMember].(map[string]any)
	var paths []oid4vp.Path
	for _, name := range slices.Sorted(maps.Keys(subject)) {
		paths = append(paths, oid4vp.Path{claimsMember, name})
	}
	return paths, nil
}

// presentLinked makes the presentation of a credential in the format ldp_vc: a
// presentation that its holder signed, or a part that nobody did.
func (w *Wallet) presentLinked(ctx context.Context, one *credential, c oid4vp.Candidate, p oid4vp.Proof) (string, error) {
	r, err := one.read()
	if err != nil {
		return "", err
	}
	known, err := contexts()
	if err != nil {
		return "", err
	}
	if r.anonymous() {
		var claims []string
		for _, path := range c.Show {
			if name := text(path[len(path)-1]); len(path) == 2 && text(path[0]) == claimsMember && !slices.Contains(claims, name) {
				claims = append(claims, name)
			}
		}
		part, err := under(known, one.IssuerKey).Disclose(ctx, []byte(one.Token), claims, vc.AnonymousNonce(p.Nonce, p.Audience), w.now())
		return string(part), err
	}
	key, err := w.Key(one.Key)
	if err != nil {
		return "", err
	}
	keyID, err := keyIDOf(r.subject)
	if err != nil {
		return "", err
	}
	shown, err := vc.Present(known, key, vc.Showing{
		Holder: r.subject, KeyID: keyID, Made: w.now(), Question: vc.Question{Nonce: p.Nonce, Audience: p.Audience},
	}, []byte(one.Token))
	return string(shown), err
}
