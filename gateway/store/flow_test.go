package store

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store/storetest"
	"github.com/secant-platform/secant/identity/oid4vci/flowtest"
)

func TestAFlowIsTakenOnce(t *testing.T) {
	s := openStore(t, Options{})
	ends := time.Now().Add(time.Minute)
	if err := s.CreateFlow(t.Context(), "code", "k", []byte("a"), ends); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateFlow(t.Context(), "code", "k", []byte("b"), ends); ledger.CodeOf(err) != ledger.CodeAlreadyExists {
		t.Errorf("made twice: %v", err)
	}
	if doc, err := s.Flow(t.Context(), "code", "k"); err != nil || string(doc) != "a" {
		t.Errorf("reads %q, %v", doc, err)
	}
	var taken atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if doc, err := s.TakeFlow(t.Context(), "code", "k"); err == nil && string(doc) == "a" {
				taken.Add(1)
			} else if ledger.CodeOf(err) != ledger.CodeNotFound {
				t.Errorf("took %q, %v", doc, err)
			}
		})
	}
	wg.Wait()
	if taken.Load() != 1 {
		t.Errorf("taken %d times", taken.Load())
	}
	if _, err := s.Flow(t.Context(), "code", "k"); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("reads on: %v", err)
	}
}

func TestAFlowIsOverWhenItExpires(t *testing.T) {
	s := openStore(t, Options{})
	past := time.Now().Add(-time.Second)
	for i := range 2 * swept {
		if err := s.CreateFlow(t.Context(), "nonce", strconv.Itoa(i), []byte("a"), past); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.UpdateFlow(t.Context(), "nonce", "31", []byte("a"), []byte("b")); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("changed: %v", err)
	}
	if _, err := s.TakeFlow(t.Context(), "nonce", "31"); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("taken: %v", err)
	}
	// Its key is free again, and what is over is cleared away.
	if err := s.CreateFlow(t.Context(), "nonce", "31", []byte("c"), time.Now().Add(time.Minute)); err != nil {
		t.Error(err)
	}
	var left int
	if err := s.reading.QueryRow("SELECT count(*) FROM flow").Scan(&left); err != nil || left > swept {
		t.Errorf("%d flows are kept, %v", left, err)
	}
}

func TestAFlowChangesFromWhatWasRead(t *testing.T) {
	s := openStore(t, Options{})
	if err := s.CreateFlow(t.Context(), "offer", "k", []byte("0"), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var changed atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			err := s.UpdateFlow(t.Context(), "offer", "k", []byte("0"), []byte("1"))
			switch {
			case err == nil:
				changed.Add(1)
			case ledger.CodeOf(err) != ledger.CodeConflict:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if changed.Load() != 1 {
		t.Errorf("changed %d times from one state", changed.Load())
	}
}

// TestOneKindOfFlowKeepsOutNoOther: sign-ins are anybody's to begin, and must not
// take the room of what staff offer.
func TestOneKindOfFlowKeepsOutNoOther(t *testing.T) {
	s, now := openStore(t, Options{}), time.Now()
	s.rooms.most, s.now = 3, func() time.Time { return now }
	create := func(kind, key string, life time.Duration) ledger.Code {
		return ledger.CodeOf(s.CreateFlow(t.Context(), kind, key, []byte("a"), now.Add(life)))
	}
	for i := range 3 {
		if code := create("question", strconv.Itoa(i), time.Minute); code != "" {
			t.Fatal(code)
		}
	}
	if code := create("question", "3", time.Minute); code != ledger.CodeBusy {
		t.Errorf("one too many: %q", code)
	}
	if code := create("offer", "3", time.Minute); code != "" {
		t.Errorf("of another kind: %q", code)
	}
	if _, err := s.TakeFlow(t.Context(), "question", "0"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(recount)
	if code := create("question", "4", time.Minute); code != "" {
		t.Errorf("after one was taken: %q", code)
	}
	if code := create("question", "5", time.Minute); code != ledger.CodeBusy {
		t.Errorf("one too many again: %q", code)
	}
	now = now.Add(time.Hour)
	if code := create("question", "6", time.Minute); code != "" {
		t.Errorf("after all were over: %q", code)
	}
}

// TestWhatIsOverIsForgotten: nobody begins anything, and still the claims of an offer
// that was not taken leave the file.
func TestWhatIsOverIsForgotten(t *testing.T) {
	place := storetest.Place(t)
	s, err := Open(t.Context(), place, Options{Organisation: "north"})
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte(strings.Repeat("Nora Night, born 1980. ", 8))
	now := time.Now()
	s.now = func() time.Time { return now }
	for i := range sweep + 10 {
		if err := s.CreateFlow(t.Context(), "offer", strconv.Itoa(i), secret, now.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CreateFlow(t.Context(), "offer", "later", []byte("b"), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Minute)
	if err := s.ClearFlows(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := s.reading.QueryRow("SELECT count(*) FROM flow").Scan(&left); err != nil || left != 1 {
		t.Errorf("%d flows are kept, %v", left, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if storetest.PostgreSQL() {
		return // its files are not looked at
	}
	b, err := os.ReadFile(filepath.Join(place, fileName))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte("Nora Night")) {
		t.Error("what was deleted stands in the file")
	}
}

// TestFlowsAreWhatTheProtocolsRelyOn runs the checks that every store of flows must
// pass.
func TestFlowsAreWhatTheProtocolsRelyOn(t *testing.T) {
	s, ahead := openStore(t, Options{}), time.Duration(0)
	s.now = func() time.Time { return time.Now().Add(ahead) }
	flowtest.Check(t, s, s.now, func(d time.Duration) { ahead += d })
}
