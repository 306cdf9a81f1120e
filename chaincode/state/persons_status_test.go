package state_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/sdjwt"
)

const listURI = "https://north.example/status/staff-1"

// publish signs a status list of one byte, and commits its issuer to it.
func (c *court) publish(statuses byte, until time.Time) string {
	c.t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write([]byte{statuses}); err != nil {
		c.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		c.t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{
		"sub": listURI, "status_list": map[string]any{"bits": 1, "lst": base64.RawURLEncoding.EncodeToString(b.Bytes())},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	list, err := keys.Compact(c.issuers[north], keys.Header{Type: "statuslist+jwt", KeyID: "key-1"}, payload)
	if err != nil {
		c.t.Fatal(err)
	}
	c.change(func(ctx *state.Context) error {
		row, found, err := state.StatusLists.Find(ctx, ledger.StatusListKey(issuerOf(north), "staff-1"))
		if err != nil {
			return err
		}
		next := &ledger.StatusList{V: 1, Issuer: issuerOf(north), List: "staff-1", Version: 1, Digest: ledger.BodyDigest([]byte(list)), ValidUntil: until}
		if !found {
			return state.StatusLists.Create(ctx, next)
		}
		next.Version = row.Version + 1
		return state.StatusLists.Update(ctx, next)
	})
	return list
}

// TestARevokedPersonIsNobody: the ledger knows the current list, and the
// transaction carries it.
func TestARevokedPersonIsNobody(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	m := c.member(north)
	m.issued.Status = &sdjwt.Status{URI: listURI, Index: 2}
	attempt := func(what string, want ledger.Code, lists ...string) {
		t.Helper()
		statements, err := ledger.EncodeStatements(c.sign(m, c.order()))
		if err != nil {
			t.Fatal(err)
		}
		transient := map[string][]byte{ledger.TransientStatements: statements}
		if len(lists) > 0 {
			if transient[ledger.TransientStatusLists], err = json.Marshal(lists); err != nil {
				t.Fatal(err)
			}
		}
		s := c.carry(transient)
		if got := ledger.CodeOf(s.Err()); got != want || want != "" && len(s.Writes) > 0 {
			t.Errorf("%s: %q, want %q (%v)", what, got, want, s.Err())
		}
	}
	later := statetest.Start.Add(time.Hour)
	attempt("no list on the ledger", ledger.CodeDenied, "x")
	first := c.publish(0, later)
	attempt("in force", "", first)
	attempt("in force, among others", "", "x", first)
	attempt("no list", ledger.CodeDenied)
	attempt("another list", ledger.CodeDenied, "x")
	second := c.publish(1<<2, later)
	attempt("the list before", ledger.CodeDenied, first)
	attempt("revoked", ledger.CodeDenied, second)
	attempt("revoked, with the list before", ledger.CodeDenied, first, second)
	third := c.publish(1<<3, later)
	attempt("another is revoked", "", third)
	attempt("a list out of date", ledger.CodeDenied, c.publish(0, statetest.Start))
	m.issued.Status.URI = "https://north.example/status/other"
	attempt("a list that the issuer does not have", ledger.CodeDenied, third)
	m.issued.Status = nil
	attempt("a credential without a status", "")
}
