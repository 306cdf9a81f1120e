// Package flowtest has what tests of the protocols need of a store for flows: one
// that lies in memory, and the checks that every store must pass.
package flowtest

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Store is what is checked; oid4vci.Flows says what its methods mean.
type Store interface {
	CreateFlow(ctx context.Context, kind, key string, doc []byte, expires time.Time) error
	Flow(ctx context.Context, kind, key string) ([]byte, error)
	UpdateFlow(ctx context.Context, kind, key string, before, after []byte) error
	TakeFlow(ctx context.Context, kind, key string) ([]byte, error)
}

// Memory is a store in memory.
type Memory struct {
	now func() time.Time
	mu  sync.Mutex
	m   map[[2]string]flow // under mu
}

type flow struct {
	doc     []byte
	expires time.Time
}

// NewMemory makes an empty store whose flows end by the clock that is passed in.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, m: map[[2]string]flow{}}
}

// Contents returns all that is kept of a kind, also what is over, for tests that
// look for secrets.
func (s *Memory) Contents(kind string) (keys []string, docs [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, f := range s.m {
		if kind == "" || k[0] == kind {
			keys, docs = append(keys, k[1]), append(docs, slices.Clone(f.doc))
		}
	}
	return keys, docs
}

// find is called under mu.
func (s *Memory) find(kind, key string) (flow, error) {
	f, ok := s.m[[2]string{kind, key}]
	if !ok || !s.now().Before(f.expires) {
		return flow{}, ledger.Problemf(ledger.CodeNotFound, "there is no such flow")
	}
	return f, nil
}

// CreateFlow keeps a document.
func (s *Memory) CreateFlow(_ context.Context, kind, key string, doc []byte, expires time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(kind, key); err == nil {
		return ledger.Problemf(ledger.CodeAlreadyExists, "there is such a flow")
	}
	s.m[[2]string{kind, key}] = flow{slices.Clone(doc), expires}
	return nil
}

// Flow returns a document.
func (s *Memory) Flow(_ context.Context, kind, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(kind, key)
	return slices.Clone(f.doc), err
}

// UpdateFlow replaces a document.
func (s *Memory) UpdateFlow(_ context.Context, kind, key string, before, after []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(kind, key)
	if err != nil {
		return err
	}
	if !bytes.Equal(f.doc, before) {
		return ledger.Problemf(ledger.CodeConflict, "the flow changed")
	}
	s.m[[2]string{kind, key}] = flow{slices.Clone(after), f.expires}
	return nil
}

// TakeFlow returns and removes a document.
func (s *Memory) TakeFlow(_ context.Context, kind, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(kind, key)
	delete(s.m, [2]string{kind, key})
	return f.doc, err
}

// Check has a store, whose clock move moves on, pass what every store must.
func Check(t *testing.T, s Store, now func() time.Time, move func(time.Duration)) {
	t.Helper()
	ctx := t.Context()
	want := func(what string, err error, code ledger.Code) {
		t.Helper()
		if ledger.CodeOf(err) != code {
			t.Errorf("%s: %v, not %q", what, err, code)
		}
	}
	doc := func(what, text string) {
		t.Helper()
		if b, err := s.Flow(ctx, "a", "k"); err != nil || string(b) != text {
			t.Errorf("%s: %q, %v", what, b, err)
		}
	}
	_, err := s.Flow(ctx, "a", "k")
	want("what was never there", err, ledger.CodeNotFound)
	want("creating", s.CreateFlow(ctx, "a", "k", []byte("1"), now().Add(time.Hour)), "")
	want("creating again", s.CreateFlow(ctx, "a", "k", []byte("2"), now().Add(time.Hour)), ledger.CodeAlreadyExists)
	want("another kind", s.CreateFlow(ctx, "b", "k", []byte("3"), now().Add(time.Minute)), "")
	doc("reading", "1")
	want("changing from another", s.UpdateFlow(ctx, "a", "k", []byte("2"), []byte("4")), ledger.CodeConflict)
	want("changing", s.UpdateFlow(ctx, "a", "k", []byte("1"), []byte("4")), "")
	doc("reading what was changed", "4")
	want("changing what is not there", s.UpdateFlow(ctx, "a", "z", []byte("1"), []byte("4")), ledger.CodeNotFound)
	takers(t, s)

	move(2 * time.Minute)
	_, err = s.Flow(ctx, "b", "k")
	want("reading what is over", err, ledger.CodeNotFound)
	_, err = s.TakeFlow(ctx, "b", "k")
	want("taking what is over", err, ledger.CodeNotFound)
	want("creating what was over", s.CreateFlow(ctx, "b", "k", []byte("5"), now().Add(time.Minute)), "")
	move(2 * time.Minute)
	want("changing what is over", s.UpdateFlow(ctx, "b", "k", []byte("5"), []byte("6")), ledger.CodeNotFound)
	want("creating over what is over", s.CreateFlow(ctx, "b", "k", []byte("7"), now().Add(time.Minute)), "")
}

// takers has several take the same flow at once.
func takers(t *testing.T, s Store) {
	t.Helper()
	var wg sync.WaitGroup
	got := make([][]byte, 8)
	for n := range got {
		wg.Go(func() {
			b, err := s.TakeFlow(t.Context(), "a", "k")
			if err == nil {
				got[n] = b
			} else if ledger.CodeOf(err) != ledger.CodeNotFound {
				t.Errorf("taking: %v", err)
			}
		})
	}
	wg.Wait()
	if all := bytes.Join(got, nil); string(all) != "4" {
		t.Errorf("what was there once is taken as %q", all)
	}
}
