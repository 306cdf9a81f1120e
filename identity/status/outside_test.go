package status_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/status"
)

func TestAnOutsideIssuersListServesForItsOwnTime(t *testing.T) {
	t.Parallel()
	signer, key := newSigner(t)
	l := newList(t, status.MinCapacity, 2)
	if err := l.Restore(3, status.Valid); err != nil {
		t.Fatal(err)
	}
	q := status.Question{Issuer: outside, URI: listURI, Index: 3, Key: key}
	w := newWorld()
	w.down = errors.New("nobody asks the ledger about others")
	old := []byte(sign(t, l, signer, edition))
	w.serve(listURI, old)
	c := w.cache(t, nil)
	wants(t, c, q, "")

	set(t, l, 3, status.Revoked)
	later := edition
	later.Issued = edition.Issued.Add(5 * time.Minute)
	later.Expires = later.Issued.Add(24 * time.Hour)
	revoked := []byte(sign(t, l, signer, later))
	w.serve(listURI, revoked)
	w.pass(edition.TTL - time.Second)
	wants(t, c, q, "") // within the time that the list grants itself
	w.pass(time.Second)
	wants(t, c, q, ledger.CodeDenied)

	w.pass(edition.TTL)
	w.serve(listURI, old) // somebody serves the list of before the revocation
	wants(t, c, q, ledger.CodeUnavailable)
	w.serve(listURI, nil)
	w.pass(time.Second)
	wants(t, c, q, ledger.CodeInvalid)
	w.pass(48 * time.Hour)
	w.serve(listURI, revoked)
	wants(t, c, q, ledger.CodeUnavailable) // expired
}

func TestAnOutsideIssuersListIsSignedByTheIssuer(t *testing.T) {
	t.Parallel()
	signer, key := newSigner(t)
	other, otherKey := newSigner(t)
	w := newWorld()
	w.serve(listURI, []byte(sign(t, marked(t, 2), signer, edition)))
	c := w.cache(t, nil)
	q := status.Question{Issuer: outside, URI: listURI, Index: status.MinCapacity - 1, Key: key}
	wants(t, c, q, "")
	q.Key = otherKey // what was verified under one key is not under another
	wants(t, c, q, ledger.CodeInvalid)
	w.serve(listURI, []byte(sign(t, marked(t, 2), other, edition)))
	q.Issuer = "did:web:other.example" // nor is a failure one's own
	wants(t, c, q, "")
	elsewhere := edition
	elsewhere.URI += "0"
	w.serve(listURI, []byte(sign(t, marked(t, 2), other, elsewhere)))
	q.Issuer = "did:web:third.example"
	wants(t, c, q, ledger.CodeInvalid)
	w.serve(listURI, make([]byte, verify.MaxStatusList+2))
	q.Issuer = "did:web:fourth.example"
	wants(t, c, q, ledger.CodeTooLarge)
}

func TestBitstringsAreKeptAsTokensAre(t *testing.T) {
	t.Parallel()
	w := newWorld()
	l := marked(t, 2)
	revocation := encode(t, credential(t, l, issuer, status.Revocation, edition))
	w.serve(listURI, revocation)
	w.commit(1, revocation)
	c := w.cache(t, nil)
	q := status.Question{Issuer: issuer, URI: listURI, Index: 3, Purpose: status.Revocation, Open: plain}
	wants(t, c, q, ledger.CodeDenied)
	q.Index = 4
	wants(t, c, q, "")
	q.Purpose = status.Suspension
	wants(t, c, q, ledger.CodeInvalid) // the list is for revocation

	theirs := status.Question{Issuer: outside, URI: listURI, Index: 4, Purpose: status.Suspension, Open: plain}
	w.serve(listURI, encode(t, credential(t, l, outside, status.Suspension, edition)))
	wants(t, c, theirs, ledger.CodeDenied)
	w.serve(listURI, encode(t, credential(t, l, issuer, status.Suspension, edition)))
	theirs.Issuer = "did:web:other.example"
	wants(t, c, theirs, ledger.CodeInvalid) // somebody else's list
	theirs.Issuer = "did:web:third.example"
	theirs.Open = func(context.Context, []byte) ([]byte, error) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the proof is not the issuer's")
	}
	wants(t, c, theirs, ledger.CodeInvalid)
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	signer, key := newSigner(t)
	w := newWorld()
	ask := func(c *status.Cache, i int) {
		e := edition
		e.URI = fmt.Sprintf("%s-%d", listURI, i)
		w.serve(e.URI, []byte(sign(t, marked(t, 1), signer, e)))
		wants(t, c, status.Question{Issuer: outside, URI: e.URI, Index: 3, Key: key}, ledger.CodeDenied)
	}
	for name, change := range map[string]func(*status.Options){
		"lists": func(o *status.Options) { o.MaxLists = 64 },
		"bytes": func(o *status.Options) { o.MaxBytes = 64 * status.MinCapacity / 8 },
	} {
		c := w.cache(t, change)
		w.fetched.Store(0)
		for i := range 65 {
			ask(c, i)
		}
		ask(c, 64) // still there
		if n := w.fetched.Load(); n != 65 {
			t.Errorf("by %s: %d lists are fetched", name, n)
		}
		ask(c, 0) // went first
		if n := w.fetched.Load(); n != 66 {
			t.Errorf("by %s: %d lists are fetched", name, n)
		}
	}
	// Addresses that do not answer take no more room than those that do.
	c := w.cache(t, func(o *status.Options) { o.MaxLists = 8 })
	ask(c, 0)
	for i := range 8 {
		q := status.Question{Issuer: outside, URI: fmt.Sprintf("https://nobody.example/%d", i), Key: key}
		wants(t, c, q, ledger.CodeUnavailable)
	}
	w.fetched.Store(0)
	ask(c, 0)
	if n := w.fetched.Load(); n != 1 {
		t.Errorf("a list is kept beyond the bound")
	}
}
