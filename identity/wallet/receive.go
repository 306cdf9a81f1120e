package wallet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// Receive takes what an issuer offers by a pre-authorized code (OpenID4VCI 1.0),
// each credential for a key of its own, so that verifiers cannot join them. The
// client is one for this offer; what it leaves out of tokens' and subjects' keys is
// filled in. An issuer that defers is a busy Problem: it is to be asked again later
// with a new offer.
func (w *Wallet) Receive(ctx context.Context, c *oid4vci.Client, link, txCode string) ([]Credential, error) {
	if err := w.prepare(c); err != nil {
		return nil, err
	}
	offer, err := c.Open(ctx, link)
	if err != nil {
		return nil, err
	}
	remote, err := c.Discover(ctx, offer.Issuer)
	if err != nil {
		return nil, err
	}
	session, err := c.Redeem(ctx, remote, offer, txCode)
	if err != nil {
		return nil, err
	}
	var all []Credential
	for _, id := range session.Configurations {
		one, err := w.receive(ctx, c, session, id)
		if err != nil {
			return all, err
		}
		all = append(all, one...)
	}
	return all, nil
}

// prepare gives the client a key for its tokens, and a reader of holders' DIDs.
func (w *Wallet) prepare(c *oid4vci.Client) error {
	if c.Now == nil {
		c.Now = w.now
	}
	if c.Key == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return fmt.Errorf("making a key: %w", err)
		}
		if c.Key, err = keys.FromCrypto(key); err != nil {
			return err
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
	return nil
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
func (w *Wallet) receive(ctx context.Context, c *oid4vci.Client, s *oid4vci.Session, id string) ([]Credential, error) {
	config := s.Remote.Issuer.Configurations[id]
	var holders []keys.Signer
	key := ""
	if len(config.BindingMethods) > 0 {
		// The key is kept before anything is issued to it.
		signer, err := w.NewKey(ledger.CurveP256)
		if err != nil {
			return nil, err
		}
		holders, key = []keys.Signer{signer}, signer.JWK().Thumbprint()
	}
	receipt, err := c.Receive(ctx, s, id, holders...)
	if err == nil && receipt.Transaction != "" {
		err = ledger.Problemf(ledger.CodeBusy, "the issuer has not issued yet; ask it for a new offer later")
	}
	var got []Credential
	if err == nil {
		got, err = w.keep(receipt, key)
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

// keep adds what was received.
func (w *Wallet) keep(r *oid4vci.Receipt, key string) ([]Credential, error) {
	var got []Credential
	for _, one := range r.Credentials {
		token := string(one.Credential)
		if oid4vp.Format(one.Configuration.Format) != oid4vp.FormatLDP {
			if err := json.Unmarshal(one.Credential, &token); err != nil {
				return got, ledger.Problemf(ledger.CodeInvalid, "the credential is no text, as those of its format are")
			}
		}
		kept, err := w.Add(oid4vp.Format(one.Configuration.Format), token, key, nameOf(one.Configuration))
		if err != nil {
			return got, err
		}
		got = append(got, *kept)
	}
	return got, nil
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
