package wallet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// Receive takes what an issuer offers by a pre-authorized code (OpenID4VCI 1.0): the
// offer as its person saw it, which a link alone could give as another the next time;
// each credential for a key of its own, so that verifiers cannot join them. The
// client is one for this offer; what it leaves out of tokens' and subjects' keys is
// filled in. What an issuer defers is kept as Pending, and is a busy Problem once the
// rest was received; an offer that needs approval a denied one.
func (w *Wallet) Receive(ctx context.Context, c *oid4vci.Client, offer *oid4vci.Offer, txCode string) ([]Credential, error) {
	return w.take(ctx, c, offer, func(remote *oid4vci.Remote) (*oid4vci.Session, error) {
		return c.Redeem(ctx, remote, offer, txCode)
	})
}

// ApproveFunc has the person approve a request in a browser, at its URL, and returns
// the whole address that the browser came back to.
type ApproveFunc func(ctx context.Context, p *oid4vci.Pending) (callback string, err error)

// ReceiveApproved is [Wallet.Receive] for what is offered by an authorization code.
// The client has the client_id and the redirect_uri that the issuer knows.
func (w *Wallet) ReceiveApproved(ctx context.Context, c *oid4vci.Client, offer *oid4vci.Offer, approve ApproveFunc) ([]Credential, error) {
	return w.take(ctx, c, offer, func(remote *oid4vci.Remote) (*oid4vci.Session, error) {
		p, err := c.Start(ctx, remote, offer, offer.Configurations...)
		if err != nil {
			return nil, err
		}
		callback, err := approve(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("having the person approve: %w", err)
		}
		return c.Finish(ctx, p, callback)
	})
}

// take takes what is offered, with the token that grant gets.
func (w *Wallet) take(ctx context.Context, c *oid4vci.Client, offer *oid4vci.Offer, grant func(*oid4vci.Remote) (*oid4vci.Session, error)) ([]Credential, error) {
	bound, err := w.prepare(c)
	if err != nil {
		return nil, err
	}
	remote, err := c.DiscoverOffered(ctx, offer)
	if err != nil {
		return nil, err
	}
	if bound != nil && len(remote.Server.DPoPAlgorithms) == 0 {
		// The server knows no tokens that are bound to a key, and gives a bearer's.
		c.Key, bound = nil, nil
	}
	session, err := grant(remote)
	if err != nil {
		return nil, err
	}
	var all []Credential
	var later error
	for _, id := range session.Configurations {
		one, err := w.receive(ctx, c, bound, session, id)
		all = append(all, one...)
		switch {
		case ledger.CodeOf(err) == ledger.CodeBusy:
			later = err
		case err != nil:
			return all, err
		}
	}
	return all, later
}

// prepare gives the client a key for its tokens, which it returns as it is kept, and a
// reader of holders' DIDs. A key that the client has already is the caller's to keep.
func (w *Wallet) prepare(c *oid4vci.Client) (bound *storedKey, err error) {
	if c.Now == nil {
		c.Now = w.now
	}
	if c.Key == nil {
		if bound, c.Key, err = newKey(ledger.CurveP256, w.now().UTC()); err != nil {
			return nil, err
		}
	}
	if c.KeyOf == nil {
		resolver := did.New(did.Config{})
		c.KeyOf = func(ctx context.Context, d string) (ledger.JWK, error) {
			keyID, err := keyIDOf(d)
			if err != nil {
				return ledger.JWK{}, err
			}
			return resolver.Key(ctx, d, keyID, did.Authentication, w.now())
		}
	}
	if c.Check == nil {
		c.Check = ownMDoc
	}
	return bound, nil
}

// ownMDoc checks what the client cannot: that an mdoc is of the type and for the key
// that were asked for.
func ownMDoc(_ context.Context, r oid4vci.Received) error {
	if r.Configuration.Format != oid4vci.FormatMdoc {
		return nil
	}
	var token string
	if err := json.Unmarshal(r.Credential, &token); err != nil {
		return ledger.Problemf(ledger.CodeInvalid, "the credential is no text, as those of its format are")
	}
	got, err := readMDoc(token)
	if err != nil {
		return err
	}
	if got.bound != r.Holder.Thumbprint() || got.types[0] != r.Configuration.DocType {
		return ledger.Problemf(ledger.CodeInvalid, "the credential is of another type than was asked for, or bound to another key")
	}
	return nil
}

// receive takes one credential.
func (w *Wallet) receive(ctx context.Context, c *oid4vci.Client, bound *storedKey, s *oid4vci.Session, id string) ([]Credential, error) {
	config := s.Remote.Issuer.Configurations[id]
	var holders []keys.Signer
	key := ""
	if len(config.BindingMethods) > 0 {
		// The key is kept before anything is issued to it.
		signer, err := w.NewKey(curveFor(config))
		if err != nil {
			return nil, err
		}
		holders, key = []keys.Signer{signer}, signer.JWK().Thumbprint()
	}
	receipt, err := c.Receive(ctx, s, id, holders...)
	if err == nil && receipt.Transaction != "" {
		if err = w.wait(c, bound, s, receipt, config, key); err == nil {
			return nil, notYet()
		}
	}
	var got []Credential
	if err == nil {
		got, err = w.keep(ctx, receipt, key)
	}
	if err != nil {
		forget := w.change(func(c *contents) error {
			c.dropKeys(key)
			return nil
		})
		return nil, errors.Join(err, forget)
	}
	// That the issuer cannot be told changes nothing about what was received.
	if err := c.Notify(ctx, s, receipt, oid4vci.EventAccepted); err != nil && ctx.Err() != nil {
		return got, err
	}
	return got, nil
}

// curveFor is the kind of key to which a credential can be bound: P-256, unless the
// issuer takes proofs of the other alone.
func curveFor(c oid4vci.Configuration) string {
	if p, ok := c.ProofTypes["jwt"]; ok && !slices.Contains(p.Algorithms, verify.AlgES256) && slices.Contains(p.Algorithms, verify.AlgEdDSA) {
		return ledger.CurveEd25519
	}
	return ledger.CurveP256
}

// keep adds what was received.
func (w *Wallet) keep(ctx context.Context, r *oid4vci.Receipt, key string) ([]Credential, error) {
	var got []Credential
	for _, one := range r.Credentials {
		token := string(one.Credential)
		if oid4vp.Format(one.Configuration.Format) != oid4vp.FormatLDP {
			if err := json.Unmarshal(one.Credential, &token); err != nil {
				return got, ledger.Problemf(ledger.CodeInvalid, "the credential is no text, as those of its format are")
			}
		}
		kept, err := w.keepOne(ctx, oid4vp.Format(one.Configuration.Format), token, key, nameOf(one.Configuration))
		if err != nil {
			return got, err
		}
		got = append(got, *kept)
	}
	return got, nil
}

// keepOne adds one credential.
func (w *Wallet) keepOne(ctx context.Context, format oid4vp.Format, token, key, name string) (*Credential, error) {
	if format == oid4vp.FormatLDP {
		if r, err := readLinked(token); err == nil && r.anonymous() {
			return w.AddAnonymous(ctx, token, name)
		}
	}
	return w.Add(format, token, key, name)
}

// nameOf is how the issuer shows the credential.
func nameOf(c oid4vci.Configuration) string {
	if c.Metadata == nil {
		return ""
	}
	i := slices.IndexFunc(c.Metadata.Display, func(d oid4vci.Display) bool { return d.Name != "" })
	if i < 0 {
		return ""
	}
	return c.Metadata.Display[i].Name
}
