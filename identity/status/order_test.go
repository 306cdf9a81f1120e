package status_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/status"
)

func TestManyQuestionsFetchOnce(t *testing.T) {
	t.Parallel()
	w := newWorld()
	signer, _ := newSigner(t)
	list := []byte(sign(t, marked(t, 2), signer, edition))
	w.serve(listURI, list)
	w.commit(1, list)
	arrived := make(chan struct{})
	w.sent = func(ctx context.Context) error {
		select {
		case <-arrived:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c := w.cache(t, nil)
	impatient, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Valid(impatient, atThree) }()
	for w.fetched.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	var others sync.WaitGroup
	for range 50 {
		others.Go(func() { wants(t, c, atThree, ledger.CodeDenied) })
	}
	cancel() // whoever gives up first does not end it for the others
	if err := <-done; ledger.CodeOf(err) != ledger.CodeUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("one that gave up: %v", err)
	}
	close(arrived)
	others.Wait()
	if n := w.fetched.Load(); n != 1 {
		t.Errorf("51 questions fetch %d times", n)
	}
}

func TestAServerThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.commit(1, nil)
	w.sent = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	c := w.cache(t, func(o *status.Options) { o.FetchTimeout = 10 * time.Millisecond })
	wants(t, c, atThree, ledger.CodeUnavailable)
}

// TestWhateverHappensTheLedgerDecides: in any order of publishing, committing,
// falling behind and asking, an answer is what the newest committed list says.
func TestWhateverHappensTheLedgerDecides(t *testing.T) {
	t.Parallel()
	signer, _ := newSigner(t)
	type published struct {
		list []byte
		is   status.Status
	}
	var all []published // a list for each step of one credential's life
	l := newList(t, status.MinCapacity, 2)
	if err := l.Restore(3, status.Valid); err != nil {
		t.Fatal(err)
	}
	for i, s := range []status.Status{status.Valid, status.Suspended, status.Valid, status.Valid, status.Suspended, status.Revoked} {
		set(t, l, 3, s)
		e := edition
		e.Issued = e.Issued.Add(time.Duration(i) * time.Second)
		all = append(all, published{[]byte(sign(t, l, signer, e)), s})
	}
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld()
		c := w.cache(t, nil)
		committed, shown, served, seen := -1, -1, -1, -1
		show := func(n int) { // what the read model says
			shown = n
			w.commit(n+1, all[n].list)
		}
		r.Repeat(map[string]func(*rapid.T){
			"serve": func(r *rapid.T) {
				served = rapid.IntRange(0, len(all)-1).Draw(r, "list")
				w.serve(listURI, all[served].list)
			},
			"commit": func(*rapid.T) {
				if committed < len(all)-1 {
					committed++
				}
				show(committed)
			},
			"fall behind": func(r *rapid.T) {
				if committed >= 0 {
					show(rapid.IntRange(0, committed).Draw(r, "list"))
				}
			},
			"wait": func(*rapid.T) { w.pass(time.Second) },
			"ask": func(r *rapid.T) {
				before := w.fetched.Load()
				err := c.Valid(t.Context(), atThree)
				behind := shown < seen
				if shown > seen {
					seen = shown
				}
				switch code := ledger.CodeOf(err); code {
				case "", ledger.CodeDenied:
					if shown < 0 || behind || (code == "") != (all[shown].is == status.Valid) {
						r.Fatalf("%v, and list %d is shown after %d", err, shown, seen)
					}
				case ledger.CodeUnavailable:
					if shown >= 0 && !behind && served == shown && w.fetched.Load() > before {
						r.Fatalf("list %d is served and refused: %v", served, err)
					}
				default:
					r.Fatal(err)
				}
			},
		})
	})
}

// TestNobodyIsAnsweredFromBefore: a question that is asked after the revocation
// was committed is never answered by the list of before.
func TestNobodyIsAnsweredFromBefore(t *testing.T) {
	t.Parallel()
	signer, _ := newSigner(t)
	l := newList(t, status.MinCapacity, 2)
	if err := l.Restore(3, status.Valid); err != nil {
		t.Fatal(err)
	}
	first := []byte(sign(t, l, signer, edition))
	set(t, l, 3, status.Revoked)
	second := []byte(sign(t, l, signer, edition))
	for range 20 {
		w := newWorld()
		w.serve(listURI, first)
		w.commit(1, first)
		c := w.cache(t, nil)
		var revoked atomic.Bool
		var askers sync.WaitGroup
		for range 4 {
			askers.Go(func() {
				for range 50 {
					late := revoked.Load()
					if err := c.Valid(t.Context(), atThree); err == nil && late {
						t.Error("a revoked credential is valid")
					}
				}
			})
		}
		w.serve(listURI, second)
		w.commit(2, second)
		revoked.Store(true)
		askers.Wait()
		w.pass(time.Second)
		wants(t, c, atThree, ledger.CodeDenied)
	}
}
