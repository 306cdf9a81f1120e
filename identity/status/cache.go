package status

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Options say where a cache reads, and what it keeps.
type Options struct {
	// Commitment returns the status list record that the ledger has of an issuer
	// now, with CodeNotFound when it has none. It is asked at least once for each
	// question, so it must be cheap: from the node's own read model.
	Commitment func(ctx context.Context, issuer, list string) (*ledger.StatusList, error)
	// Fetch returns what is served at an address, in at most so many bytes. It is
	// the caller's to guard against addresses that nobody should call.
	Fetch func(ctx context.Context, uri string, limit int64) ([]byte, error)
	// Now returns the time.
	Now func() time.Time

	MaxBytes     int           // of all unpacked lists together, at least verify.MaxStatusBytes; default 64 MiB
	MaxLists     int           // default 1,024
	FetchTimeout time.Duration // of one fetch; default 10 s
	RetryAfter   time.Duration // how long a fetch that failed is not tried again; default 1 s
	MaxTTL       time.Duration // at most how long an outside issuer's list serves, whatever it says; default 12 h
}

func (o *Options) validate() error {
	if o.Commitment == nil || o.Fetch == nil || o.Now == nil {
		return errors.New("making a status cache: it needs a ledger, a way to fetch and a clock")
	}
	o.MaxBytes = orElse(o.MaxBytes, 64<<20)
	o.MaxLists = orElse(o.MaxLists, 1024)
	o.FetchTimeout = orElse(o.FetchTimeout, 10*time.Second)
	o.RetryAfter = orElse(o.RetryAfter, time.Second)
	o.MaxTTL = orElse(o.MaxTTL, 12*time.Hour)
	if o.MaxBytes < verify.MaxStatusBytes || o.MaxLists < 1 || o.FetchTimeout < 0 || o.RetryAfter < 0 || o.MaxTTL < 0 {
		return errors.New("making a status cache: a bound is too small")
	}
	return nil
}

func orElse[T int | time.Duration](v, standard T) T {
	if v == 0 {
		return standard
	}
	return v
}

// Question is about one credential's place in one list. The caller has verified
// the credential, and knows that Issuer issued it.
type Question struct {
	Issuer string // as the ledger spells it, where it is on the ledger: the did:secant and not an alias
	URI    string
	Index  int

	// Key is the issuer's, for a Token Status List; it may be nil where the issuer
	// is on the ledger, as the list's digest vouches for it.
	Key *verify.Key

	// Purpose makes it a question about a Bitstring Status List, and Open then
	// returns the BitstringStatusListCredential in what was fetched, when it is
	// signed by the issuer that it names.
	Purpose Purpose
	Open    func(ctx context.Context, fetched []byte) (credential []byte, err error)
}

// Cache keeps fetched status lists. It may be used by several goroutines.
//
// A list of an issuer on the ledger serves while it has the digest to which the
// issuer is committed at the moment of the question, and not a moment longer. Any
// other issuer's serves for the time that it grants itself.
type Cache struct {
	options Options
	flights singleflight.Group

	mu       sync.Mutex
	kept     shelf
	versions map[commitment]*ledger.StatusList // the newest seen of each, so that a ledger that falls behind is noticed; bounded by what stands there
}

type commitment struct{ issuer, list string }

// NewCache makes an empty cache.
func NewCache(o Options) (*Cache, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Cache{
		options: o, kept: newShelf(o.MaxLists, o.MaxBytes),
		versions: map[commitment]*ledger.StatusList{},
	}, nil
}

// Valid returns nil when the list says that the credential is valid, and otherwise
// a Problem: CodeDenied for one that it says is not, those of Status for a list
// that says nothing.
func (c *Cache) Valid(ctx context.Context, q Question) error {
	s, err := c.Status(ctx, q)
	if err != nil {
		return err
	}
	switch s {
	case Valid:
		return nil
	case Revoked:
		return ledger.Problemf(ledger.CodeDenied, "the credential is revoked")
	case Suspended:
		return ledger.Problemf(ledger.CodeDenied, "the credential is suspended")
	}
	return ledger.Problemf(ledger.CodeDenied, "the credential is not valid")
}

// Status returns what the credential's list says of it. Problems: CodeUnavailable
// while the current list cannot be had, CodeInvalid for a question or a list that
// cannot be right.
func (c *Cache) Status(ctx context.Context, q Question) (Status, error) {
	if q.URI == "" || len(q.URI) > maxURI || q.Issuer == "" || q.Index < 0 {
		return 0, invalid("the credential's status names no place in a list")
	}
	onLedger := strings.HasPrefix(q.Issuer, ledgerMethod)
	_, known := q.Purpose.status()
	if q.Purpose != "" && (!known || q.Open == nil) || q.Purpose == "" && q.Key == nil && !onLedger {
		return 0, invalid("the credential's status cannot be asked without what verifies the list")
	}
	// A list answers only under a commitment that was read after it was fetched.
	for range maxTurns {
		terms, err := c.terms(ctx, q, onLedger)
		if err != nil {
			return 0, err
		}
		if list := c.keptUnder(terms); list != nil {
			return list.at(q.Index)
		}
		if err := c.renew(ctx, q, terms); err != nil {
			return 0, err
		}
	}
	return 0, unavailable("the status list changes faster than it can be fetched")
}

const (
	ledgerMethod = "did:secant:" // begins the DIDs of issuers on the ledger
	maxURI       = 2 << 10
	maxTurns     = 4
)

// terms say which list answers a question now.
type terms struct {
	place  place
	digest string // of the list's bytes; empty for an issuer that is not on the ledger
	at     time.Time
}

// terms reads the commitment of an issuer on the ledger. An issuer there that is
// committed to no such list has none: it never falls back on the list's own time.
func (c *Cache) terms(ctx context.Context, q Question, onLedger bool) (terms, error) {
	t := terms{place: place{issuer: q.Issuer, uri: q.URI, purpose: q.Purpose}, at: c.options.Now()}
	if !onLedger {
		if q.Key != nil {
			t.place.key = q.Key.Thumbprint()
		}
		return t, nil
	}
	name := commitment{q.Issuer, (&verify.StatusRef{URI: q.URI}).List()}
	record, err := c.options.Commitment(ctx, name.issuer, name.list)
	switch {
	case ledger.CodeOf(err) == ledger.CodeNotFound:
		return t, unavailable("the credential's issuer is not committed to its status list")
	case err != nil:
		return t, fmt.Errorf("%w: %w", unavailable("the ledger does not say which status list is current"), err)
	case record.Issuer != name.issuer || record.List != name.list || record.Digest == "":
		return t, errors.New("reading a commitment to a status list: the answer is about another")
	case !t.at.Before(record.ValidUntil):
		return t, unavailable("the issuer's commitment to its status list has ended")
	}
	t.digest = record.Digest
	return t, c.advance(name, record)
}

// advance refuses a commitment older than one that was seen: a read model that is
// being built anew would bring revoked credentials back to life.
func (c *Cache) advance(name commitment, record *ledger.StatusList) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.versions[name]
	if seen != nil && (record.Version < seen.Version || record.Version == seen.Version && record.Digest != seen.Digest) {
		return unavailable("the ledger that is read is behind what it said before")
	}
	c.versions[name] = record
	return nil
}

func (c *Cache) keptUnder(t terms) *kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.kept.find(t.place)
	if list == nil || list.digest != t.digest || !t.at.Before(list.until) {
		return nil
	}
	return list
}

// renew fetches the list that the terms want, once for all who ask for it at the
// same time. Whoever gives up does not end it for the others.
func (c *Cache) renew(ctx context.Context, q Question, t terms) error {
	if c.failed(t) {
		return unavailable("the status list could not be had a moment ago")
	}
	flight := c.flights.DoChan(t.place.String()+"\x00"+t.digest, func() (any, error) {
		if c.keptUnder(t) != nil { // another flight landed since this question looked
			return nil, nil //nolint:nilnil // the list is kept, and nobody asks for more
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.options.FetchTimeout)
		defer cancel()
		list, err := c.fetch(ctx, q, t)
		c.mu.Lock()
		defer c.mu.Unlock()
		if err == nil {
			err = c.kept.replace(t.place, list)
		}
		if err != nil {
			c.kept.fail(t.place, failure{t.digest, c.options.Now().Add(c.options.RetryAfter)})
		}
		return nil, err
	})
	select {
	case r := <-flight:
		return r.Err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", unavailable("the status list was not fetched in time"), ctx.Err())
	}
}

func (c *Cache) failed(t terms) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.kept.failure(t.place)
	return f != nil && f.digest == t.digest && t.at.Before(f.until)
}

// fetch fetches and opens the list.
func (c *Cache) fetch(ctx context.Context, q Question, t terms) (*kept, error) {
	b, err := c.options.Fetch(ctx, q.URI, verify.MaxStatusList)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", unavailable("the status list cannot be fetched"), err)
	}
	if len(b) > verify.MaxStatusList {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a status list has at most %d bytes", verify.MaxStatusList)
	}
	if sum := sha256.Sum256(b); t.digest != "" && hex.EncodeToString(sum[:]) != t.digest {
		return nil, unavailable("the status list at its address is not the one to which the ledger commits its issuer")
	}
	list, err := open(ctx, q, b, t.digest != "")
	if err != nil {
		return nil, err
	}
	list.digest = t.digest
	return list, c.limit(list, t)
}

// limit says until when the list serves.
func (c *Cache) limit(list *kept, t terms) error {
	now := c.options.Now()
	if list.issued.After(now.Add(ledger.MaxStatementSkew)) {
		return unavailable("the status list is from the future")
	}
	list.until = list.expires
	if list.expires.IsZero() {
		list.until = time.Unix(1<<40, 0) // the ledger's own end is looked at with each question
	}
	if !now.Before(list.until) {
		return unavailable("the status list has expired")
	}
	if t.digest == "" { // counted from before the fetch, which may have been slow
		ttl := min(orElse(list.ttl, defaultTTL), c.options.MaxTTL)
		if end := t.at.Add(ttl); end.Before(list.until) {
			list.until = end
		}
	}
	return nil
}

func unavailable(detail string) error {
	return ledger.Problemf(ledger.CodeUnavailable, "%s", detail)
}
