package rest

import (
	"errors"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

func TestOneCallerLeavesStreamsToOthers(t *testing.T) {
	l := newListeners(8)
	greedy, other := &auth.Caller{Subject: "greedy"}, &auth.Caller{Subject: "other"}
	var leave []func()
	enter := func(c *auth.Caller) bool {
		f, err := l.enter(c)
		if err != nil {
			if !errors.Is(err, &ledger.Problem{Code: ledger.CodeBusy}) {
				t.Fatalf("got %v, want busy", err)
			}
			return false
		}
		leave = append(leave, f)
		return true
	}
	held := 0
	for enter(greedy) {
		held++
	}
	if held != 2 {
		t.Fatalf("one caller holds %d of 8 streams, want a quarter", held)
	}
	if !enter(other) {
		t.Fatal("another caller was shut out")
	}
	for _, f := range leave {
		f()
	}
	if len(l.each) != 0 || l.all != 0 {
		t.Errorf("%d streams of %d callers are still counted", l.all, len(l.each))
	}
	if !enter(greedy) {
		t.Error("a place that was given back is not free")
	}
}
