package wallet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/oid4vci"
)

// Pending is a credential that an issuer agreed to and has not issued yet (OpenID4VCI
// 1.0, section 9).
type Pending struct {
	ID     string    `json:"id"`
	Issuer string    `json:"issuer"`
	Name   string    `json:"name,omitempty"` // as its issuer shows it
	Since  time.Time `json:"since"`
	Next   time.Time `json:"next"` // when the issuer may be asked again
}

// pending is one with what collecting it takes.
type pending struct {
	Pending

	Key     string           `json:"key,omitempty"` // to which the credential will be bound
	Bound   *storedKey       `json:"bound,omitempty"`
	Client  string           `json:"client,omitempty"` // client_id
	Waiting *oid4vci.Waiting `json:"waiting"`
}

// Pending lists what is still to come, in the order in which it was asked for.
func (w *Wallet) Pending() []Pending {
	list := []Pending{}
	w.view(func(c *contents) {
		for _, one := range c.Pending {
			list = append(list, one.Pending)
		}
	})
	return list
}

// wait keeps what an issuer deferred.
func (w *Wallet) wait(c *oid4vci.Client, bound *storedKey, s *oid4vci.Session, r *oid4vci.Receipt, config oid4vci.Configuration, key string) error {
	waiting, ok := c.Wait(s, r)
	if !ok {
		return errors.New("keeping what is to come: nothing is")
	}
	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		return fmt.Errorf("naming a credential: %w", err)
	}
	now := w.now().UTC().Truncate(time.Second)
	return w.change(func(inside *contents) error {
		if len(inside.Pending) >= maxPending {
			return ledger.Problemf(ledger.CodeTooLarge, "a wallet waits for at most %d credentials", maxPending)
		}
		inside.Pending = append(inside.Pending, pending{
			Pending: Pending{ID: hex.EncodeToString(id), Issuer: s.Remote.Issuer.Issuer, Name: nameOf(config), Since: now, Next: now.Add(r.After)},
			Key:     key, Bound: bound, Client: c.ID, Waiting: waiting,
		})
		return nil
	})
}

// Collect asks an issuer again for what it deferred. A busy Problem: it is still not
// ready, and Pending says when to ask again. What an issuer refuses for good is
// forgotten, with its key. The client is one for this call.
func (w *Wallet) Collect(ctx context.Context, c *oid4vci.Client, id string) ([]Credential, error) {
	p, err := w.pendingOf(id)
	if err != nil {
		return nil, err
	}
	c.ID = p.Client
	if p.Bound != nil {
		if c.Key, err = p.Bound.signer(); err != nil {
			return nil, err
		}
	}
	own := c.Key // of a caller who keeps the tokens' key; without one they are a bearer's
	if _, err := w.prepare(c); err != nil {
		return nil, err
	}
	c.Key = own
	s, r := c.Resume(p.Waiting)
	if s.Stale(w.now()) {
		if s, err = c.Refresh(ctx, s); err != nil {
			return nil, w.over(id, err)
		}
		// Kept before it is used: an issuer may replace the refresh token.
		if err := w.again(c, id, s, r); err != nil {
			return nil, err
		}
	}
	receipt, err := c.Collect(ctx, s, r)
	if err != nil {
		return nil, w.over(id, err)
	}
	if receipt.Transaction != "" {
		if err := w.again(c, id, s, receipt); err != nil {
			return nil, err
		}
		return nil, notYet()
	}
	got, err := w.keep(ctx, receipt, p.Key)
	if err != nil {
		return got, err
	}
	if err := w.change(func(inside *contents) error { inside.dropPending(id); return nil }); err != nil {
		return got, err
	}
	if err := c.Notify(ctx, s, receipt, oid4vci.EventAccepted); err != nil && ctx.Err() != nil {
		return got, err
	}
	return got, nil
}

func notYet() error {
	return ledger.Problemf(ledger.CodeBusy, "the issuer has not issued yet; the wallet can ask it again later")
}

// over forgets what an issuer refuses for good, so that nobody asks for ever.
func (w *Wallet) over(id string, err error) error {
	refused, ok := errors.AsType[*oid4vci.Error](err)
	if !ok || !slices.Contains([]string{oid4vci.CodeInvalidTransaction, oid4vci.CodeRequestDenied, oid4vci.CodeInvalidGrant}, refused.Code) {
		return err
	}
	return errors.Join(err, w.change(func(inside *contents) error {
		key := inside.dropPending(id)
		inside.dropKeys(key)
		return nil
	}))
}

// again keeps what changed while a credential is still to come.
func (w *Wallet) again(c *oid4vci.Client, id string, s *oid4vci.Session, r *oid4vci.Receipt) error {
	waiting, _ := c.Wait(s, r)
	return w.change(func(inside *contents) error {
		i := inside.pendingAt(id)
		if i < 0 {
			return noPending()
		}
		inside.Pending[i].Waiting, inside.Pending[i].Next = waiting, w.now().UTC().Truncate(time.Second).Add(r.After)
		return nil
	})
}

func (w *Wallet) pendingOf(id string) (p pending, err error) {
	err = noPending()
	w.view(func(c *contents) {
		if i := c.pendingAt(id); i >= 0 {
			p, err = c.Pending[i], nil
		}
	})
	return p, err
}

func noPending() error {
	return ledger.Problemf(ledger.CodeNotFound, "the wallet waits for no such credential")
}

func (c *contents) pendingAt(id string) int {
	return slices.IndexFunc(c.Pending, func(one pending) bool { return one.ID == id })
}

// dropPending forgets that something is to come, and returns the key that was made
// for it.
func (c *contents) dropPending(id string) (key string) {
	i := c.pendingAt(id)
	if i < 0 {
		return ""
	}
	key = c.Pending[i].Key
	c.Pending = slices.Delete(c.Pending, i, i+1)
	return key
}
