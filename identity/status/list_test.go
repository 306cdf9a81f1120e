package status_test

import (
	"sync"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/status"
)

func newList(tb testing.TB, capacity, bits int) *status.List {
	tb.Helper()
	l, err := status.New(capacity, bits)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func set(tb testing.TB, l *status.List, index int, s status.Status) {
	tb.Helper()
	if err := l.Set(index, s); err != nil {
		tb.Fatal(err)
	}
}

func TestOtherListsAreNotMade(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]int{
		{0, 1},
		{status.MinCapacity - 64, 1},
		{status.MinCapacity + 1, 1},
		{status.MaxCapacity + 64, 1},
		{-64, 1},
		{status.MinCapacity, 0},
		{status.MinCapacity, 3},
		{status.MinCapacity, 16},
	} {
		if _, err := status.New(c[0], c[1]); err == nil {
			t.Errorf("%d credentials with %d bits make a list", c[0], c[1])
		}
	}
}

func TestEachPlaceIsGivenOnce(t *testing.T) {
	t.Parallel()
	l := newList(t, status.MinCapacity, 2)
	given := make([]bool, l.Capacity())
	rising := 0
	previous := -1
	for range l.Capacity() {
		i, err := l.Allocate()
		if err != nil {
			t.Fatal(err)
		}
		if given[i] {
			t.Fatalf("place %d is given twice", i)
		}
		given[i] = true
		if i > previous {
			rising++
		}
		previous = i
	}
	// In random order every second place is behind its predecessor, with a deviation
	// of some 0.1 %.
	if share := float64(rising) / float64(l.Capacity()); share < 0.49 || share > 0.51 {
		t.Errorf("%.1f %% of the places are behind their predecessor", 100*share)
	}
	if _, err := l.Allocate(); ledger.CodeOf(err) != ledger.CodeTooLarge || l.Free() != 0 {
		t.Errorf("a full list: %v, %d free", err, l.Free())
	}
}

func TestTheLastFreePlaceIsFound(t *testing.T) {
	t.Parallel()
	for _, last := range []int{0, 63, 64, status.MinCapacity - 1} {
		l := newList(t, status.MinCapacity, 1)
		for i := range l.Capacity() {
			if i != last {
				if err := l.Restore(i, status.Valid); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got, err := l.Allocate(); err != nil || got != last {
			t.Errorf("the last free place is %d, %v, want %d", got, err, last)
		}
	}
}

func TestRevocationIsForGoodAndSuspensionIsNot(t *testing.T) {
	t.Parallel()
	for _, bits := range []int{2, 4, 8} {
		l := newList(t, status.MinCapacity, bits)
		i, err := l.Allocate()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []status.Status{status.Valid, status.Suspended, status.Suspended, status.Valid, status.Suspended, status.Revoked, status.Revoked} {
			set(t, l, i, s)
			if got, err := l.Get(i); err != nil || got != s {
				t.Errorf("of %d bits: %d, %v, want %d", bits, got, err, s)
			}
		}
		for _, s := range []status.Status{status.Valid, status.Suspended} {
			if err := l.Set(i, s); ledger.CodeOf(err) != ledger.CodeGone {
				t.Errorf("revoked becomes %d: %v", s, err)
			}
		}
	}
}

func TestStatusesHaveBounds(t *testing.T) {
	t.Parallel()
	l := newList(t, status.MinCapacity, 1)
	for _, i := range []int{0, l.Capacity() - 1} {
		if err := l.Restore(i, status.Valid); err != nil {
			t.Fatal(err)
		}
		set(t, l, i, status.Revoked)
		if err := l.Restore(i, status.Valid); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%d is restored twice: %v", i, err)
		}
	}
	for _, i := range []int{-1, 1, l.Capacity() - 2, l.Capacity(), 1 << 40, -1 << 40} {
		if _, err := l.Get(i); ledger.CodeOf(err) != ledger.CodeNotFound {
			t.Errorf("place %d, which no credential has: %v", i, err)
		}
		if err := l.Set(i, status.Revoked); ledger.CodeOf(err) != ledger.CodeNotFound {
			t.Errorf("place %d, which no credential has: %v", i, err)
		}
	}
	for _, i := range []int{-1, l.Capacity()} {
		if err := l.Restore(i, status.Valid); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("place %d is restored: %v", i, err)
		}
	}
	if err := l.Set(0, status.Suspended); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("suspended with one bit: %v", err)
	}
	if err := l.Restore(5, status.Suspended); ledger.CodeOf(err) != ledger.CodeInvalid || l.Free() != l.Capacity()-2 {
		t.Errorf("suspended with one bit: %v", err)
	}
	if err := newList(t, status.MinCapacity, 8).Restore(5, 3); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("another status: %v", err)
	}
}

func TestManyMayUseOneList(t *testing.T) {
	t.Parallel()
	l := newList(t, status.MinCapacity, 2)
	signer, _ := newSigner(t)
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for range 200 {
				i, err := l.Allocate()
				if err != nil {
					t.Error(err)
					return
				}
				if err := l.Set(i, status.Suspended); err != nil {
					t.Error(err)
				}
				if s, err := l.Get(i); err != nil || s != status.Suspended {
					t.Errorf("place %d: %d, %v", i, s, err)
				}
			}
			if _, err := l.Sign(signer, header, edition); err != nil {
				t.Error(err)
			}
			if _, err := l.Credential(issuer, status.Suspension, edition); err != nil {
				t.Error(err)
			}
		})
	}
	users.Wait()
	if taken := l.Capacity() - l.Free(); taken != 800 {
		t.Errorf("%d places are taken", taken)
	}
}
