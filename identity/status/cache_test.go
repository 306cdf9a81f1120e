package status_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/status"
)

func TestRevokedAtOneNodeIsRevokedAtAllAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld()
	signer, _ := newSigner(t)
	l := newList(t, status.MinCapacity, 2)
	if err := l.Restore(3, status.Valid); err != nil {
		t.Fatal(err)
	}
	first := []byte(sign(t, l, signer, edition))
	w.serve(listURI, first)
	w.commit(1, first)
	c := w.cache(t, nil)
	for range 3 {
		wants(t, c, atThree, "")
	}
	if n := w.fetched.Load(); n != 1 {
		t.Errorf("the list is fetched %d times", n)
	}

	set(t, l, 3, status.Suspended)
	second := []byte(sign(t, l, signer, edition))
	w.commit(2, second)
	wants(t, c, atThree, ledger.CodeUnavailable) // the old list is still served: refused, not honoured
	wants(t, c, atThree, ledger.CodeUnavailable)
	if n := w.fetched.Load(); n != 2 {
		t.Errorf("a list that could not be had is fetched %d times at once", n-1)
	}
	w.serve(listURI, second)
	w.pass(time.Second)
	wants(t, c, atThree, ledger.CodeDenied)

	set(t, l, 3, status.Valid)
	third := []byte(sign(t, l, signer, edition))
	w.serve(listURI, third)
	w.commit(3, third)
	wants(t, c, atThree, "") // not suspended any more

	// A read model that is built anew says again what it said first.
	w.serve(listURI, first)
	w.commit(1, first)
	wants(t, c, atThree, ledger.CodeUnavailable)
	w.commit(3, second)
	wants(t, c, atThree, ledger.CodeUnavailable)
	w.serve(listURI, third)
	w.commit(3, third)
	wants(t, c, atThree, "")
}

func TestACommitmentOrderedDuringTheFetchCounts(t *testing.T) {
	t.Parallel()
	w := newWorld()
	signer, _ := newSigner(t)
	l := newList(t, status.MinCapacity, 2)
	if err := l.Restore(3, status.Valid); err != nil {
		t.Fatal(err)
	}
	first := []byte(sign(t, l, signer, edition))
	set(t, l, 3, status.Revoked)
	second := []byte(sign(t, l, signer, edition))
	w.serve(listURI, first)
	w.commit(1, first)
	var once sync.Once
	w.sent = func(context.Context) error {
		once.Do(func() {
			w.serve(listURI, second)
			w.commit(2, second)
		})
		return nil
	}
	wants(t, w.cache(t, nil), atThree, ledger.CodeDenied)
	if n := w.fetched.Load(); n != 2 {
		t.Errorf("%d lists are fetched", n)
	}
}

func TestNothingAnswersWithoutTheLedger(t *testing.T) {
	t.Parallel()
	signer, key := newSigner(t)
	list := []byte(sign(t, marked(t, 2), signer, edition))
	asked := status.Question{Issuer: issuer, URI: listURI, Index: status.MinCapacity - 1, Key: key}
	for name, spoil := range map[string]func(*world){
		"not committed": func(w *world) { clear(w.records) },
		"unreachable":   func(w *world) { w.down = errors.New("no route") },
		"busy":          func(w *world) { w.down = ledger.Problemf(ledger.CodeBusy, "later") },
		"ended":         func(w *world) { w.pass(23 * time.Hour); w.commit(1, list); w.pass(48 * time.Hour) },
		"of another":    func(w *world) { w.records[[2]string{issuer, "staff-1"}].Digest = "00" },
		"not served":    func(w *world) { clear(w.web) },
		"expired":       func(w *world) { w.pass(24 * time.Hour) },
		"of the future": func(w *world) { w.pass(-3 * time.Minute) },
	} {
		w := newWorld()
		w.serve(listURI, list)
		w.commit(1, list)
		c := w.cache(t, nil)
		spoil(w)
		t.Log(name)
		wants(t, c, asked, ledger.CodeUnavailable)
		if name == "unreachable" || name == "ended" { // not even from what was kept
			w = newWorld()
			w.serve(listURI, list)
			w.commit(1, list)
			c = w.cache(t, nil)
			wants(t, c, asked, "")
			spoil(w)
			wants(t, c, asked, ledger.CodeUnavailable)
		}
	}
	w := newWorld()
	w.serve(listURI, list)
	w.commit(1, list)
	w.records[[2]string{issuer, "staff-1"}].List = "staff-2"
	wants(t, w.cache(t, nil), asked, ledger.CodeInternal)
}

func TestQuestionsHaveBounds(t *testing.T) {
	t.Parallel()
	w := newWorld()
	signer, key := newSigner(t)
	list := []byte(sign(t, marked(t, 2), signer, edition))
	w.serve(listURI, list)
	w.commit(1, list)
	c := w.cache(t, nil)
	long := "https://" + string(make([]byte, 2048))
	for name, q := range map[string]status.Question{
		"no issuer":         {URI: listURI, Key: key},
		"no list":           {Issuer: issuer, Key: key},
		"a long address":    {Issuer: issuer, URI: long, Key: key},
		"before the list":   {Issuer: issuer, URI: listURI, Index: -1},
		"behind the list":   {Issuer: issuer, URI: listURI, Index: status.MinCapacity},
		"far behind":        {Issuer: issuer, URI: listURI, Index: 1 << 40},
		"another purpose":   {Issuer: issuer, URI: listURI, Purpose: "message", Open: plain},
		"a bitstring's":     {Issuer: issuer, URI: listURI, Purpose: status.Revocation, Open: plain},
		"a bitstring alone": {Issuer: issuer, URI: listURI, Purpose: status.Revocation},
		"nobody's key":      {Issuer: outside, URI: listURI},
	} {
		t.Log(name)
		wants(t, c, q, ledger.CodeInvalid)
	}
	wants(t, c, status.Question{Issuer: issuer, URI: listURI, Index: 4}, ledger.CodeDenied)
	for name, change := range map[string]func(*status.Options){
		"no ledger": func(o *status.Options) { o.Commitment = nil },
		"no web":    func(o *status.Options) { o.Fetch = nil },
		"no clock":  func(o *status.Options) { o.Now = nil },
		"too small": func(o *status.Options) { o.MaxBytes = verify.MaxStatusBytes - 1 },
		"no lists":  func(o *status.Options) { o.MaxLists = -1 },
	} {
		o := status.Options{Commitment: w.commitment, Fetch: w.fetch, Now: w.clock}
		change(&o)
		if _, err := status.NewCache(o); err == nil {
			t.Errorf("%s: is a cache", name)
		}
	}
}
