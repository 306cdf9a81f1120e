package store

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestASessionTurnsOnceFromEachTurn(t *testing.T) {
	s := openStore(t, Options{})
	if err := s.CreateSession(t.Context(), "a", "p", []byte("doc"), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var turned atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			err := s.RefreshSession(t.Context(), "a", 0)
			switch {
			case err == nil:
				turned.Add(1)
			case ledger.CodeOf(err) != ledger.CodeConflict:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if turned.Load() != 1 {
		t.Errorf("turned %d times", turned.Load())
	}
	if doc, err := s.Session(t.Context(), "a"); err != nil || string(doc) != "doc" {
		t.Errorf("%q, %v", doc, err)
	}
	if err := s.RefreshSession(t.Context(), "a", 1); err != nil {
		t.Errorf("from the next turn: %v", err)
	}
}

func TestSessionsEnd(t *testing.T) {
	s := openStore(t, Options{})
	soon := time.Now().Add(time.Minute)
	for id, c := range map[string]struct {
		subject string
		expires time.Time
	}{"a": {"p", soon}, "b": {"p", soon}, "c": {"q", soon}, "over": {"p", time.Now().Add(-time.Second)}} {
		if err := s.CreateSession(t.Context(), id, c.subject, []byte("x"), c.expires); err != nil {
			t.Fatal(err)
		}
	}
	gone := func(id string) bool {
		_, err := s.Session(t.Context(), id)
		return ledger.CodeOf(err) == ledger.CodeNotFound
	}
	if !gone("over") || gone("a") {
		t.Error("a session does not end with its time")
	}
	if err := s.EndSession(t.Context(), "a"); err != nil || !gone("a") || gone("b") {
		t.Errorf("one session ends: %v", err)
	}
	if err := s.RefreshSession(t.Context(), "a", 0); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("one that has ended goes on: %v", err)
	}
	if n, err := s.EndSessions(t.Context(), "p"); err != nil || n != 1 || !gone("b") || gone("c") {
		t.Errorf("%d of a subject's sessions ended: %v", n, err)
	}
}

func TestASubjectHasSoManySessions(t *testing.T) {
	s := openStore(t, Options{})
	for i := range maxSessions + 3 {
		if err := s.CreateSession(t.Context(), strconv.Itoa(i), "p", []byte("x"), time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond) // sessions are told apart by when they began
	}
	if n, err := s.EndSessions(t.Context(), "p"); err != nil || n != maxSessions {
		t.Errorf("%d sessions were left, %v", n, err)
	}
}
