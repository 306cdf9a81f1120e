package clienttest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// errEnough ends following.
var errEnough = errors.New("enough")

// Suite holds a connection to what every connection must do. The organisation
// is the one that the connection acts for; the channel may hold anything.
func Suite(t *testing.T, c Ledger, org string) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(suite)
	}{
		{"a transaction is submitted, read and followed", suite.submit},
		{"problems keep their code", suite.problems},
		{"a transaction is valid once at most", suite.once},
		{"of two that conflict one is rejected", suite.conflict},
		{"what is prepared can be restored", suite.restore},
		{"a signed read is never submitted", suite.signedRead},
		{"following ends with its context", suite.followEnds},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(suite{t, c, org}) })
	}
}

// suite is one test on one connection.
type suite struct {
	*testing.T
	c   Ledger
	org string
}

// Report is a request that no other equals.
func Report() ledger.ShareThreat {
	var digest [32]byte
	if _, err := rand.Read(digest[:]); err != nil {
		panic(err)
	}
	return ledger.ShareThreat{
		Digest: hex.EncodeToString(digest[:]), Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: 1,
	}
}

func (s suite) submit() {
	t, c, org := s.T, s.c, s.org
	before, err := c.Height(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req := Report()
	record, commit, err := client.Submit[ledger.Threat](t.Context(), c, ledger.RoleSharer, ledger.ThreatShare, req)
	if err != nil {
		t.Fatal(err)
	}
	if record.Digest != req.Digest || record.Sharer != org || commit.Block < before {
		t.Errorf("committed %+v in %+v", record, commit)
	}
	var again ledger.Threat
	if err := c.Evaluate(t.Context(), ledger.ThreatGet, ledger.GetThreat{Digest: req.Digest, Sharer: s.org}, &again); err != nil || again != *record {
		t.Errorf("read back %+v, %v", again, err)
	}
	o, err := c.Outcome(t.Context(), commit.Tx)
	if err != nil || o != (client.Outcome{Known: true, Valid: true, Code: "VALID", Block: commit.Block}) {
		t.Errorf("outcome %+v, %v", o, err)
	}
	next := uint64(0)
	err = c.Follow(t.Context(), 0, func(_ context.Context, b *ledger.Block) error {
		if b.Number != next {
			t.Errorf("delivered block %d instead of %d", b.Number, next)
		}
		next++
		i := slices.IndexFunc(b.Txs, func(tx ledger.Tx) bool { return tx.ID == commit.Tx })
		if i < 0 {
			return nil
		}
		tx := b.Txs[i]
		if b.Number != commit.Block || !tx.Valid || tx.Name != ledger.ThreatShare || tx.Creator != org || !tx.Time.Equal(record.Shared) ||
			tx.Event == nil || tx.Event.Kind != ledger.EventThreatShared || tx.Event.Tx != commit.Tx {
			t.Errorf("delivered %+v", tx)
		}
		want := ledger.ThreatKey(req.Digest, org)
		if len(tx.Writes) != 1 || tx.Writes[0].Key.Type != want.Type || !slices.Equal(tx.Writes[0].Key.Parts, want.Parts) ||
			string(tx.Writes[0].Value) != string(commit.Payload) {
			t.Errorf("wrote %+v", tx.Writes)
		}
		return errEnough
	})
	if !errors.Is(err, errEnough) {
		t.Errorf("following ended with %v", err)
	}
}

func (s suite) problems() {
	t, c := s.T, s.c
	req := Report()
	if _, _, err := client.Submit[ledger.Threat](t.Context(), c, ledger.RoleSharer, ledger.ThreatShare, req); err != nil {
		t.Fatal(err)
	}
	wrong := Report()
	wrong.Marking = "purple"
	for _, tt := range []struct {
		what string
		role ledger.Role
		name string
		req  any
		want ledger.Code
	}{
		{"shared twice", ledger.RoleSharer, ledger.ThreatShare, req, ledger.CodeAlreadyExists},
		{"shared in another role", ledger.RoleScorer, ledger.ThreatShare, Report(), ledger.CodeDenied},
		{"a marking that is none", ledger.RoleSharer, ledger.ThreatShare, wrong, ledger.CodeInvalid},
		{"a field too many", ledger.RoleSharer, ledger.ThreatShare, map[string]int{"odd": 1}, ledger.CodeInvalid},
		{"a name misspelt", ledger.RoleSharer, "threat:share", Report(), ledger.CodeNotFound},
		{"no request", ledger.RoleSharer, ledger.ThreatShare, nil, ledger.CodeInvalid},
		{"a unit that is not there", ledger.RoleCustodian, ledger.DevicePutIntoService, ledger.PutIntoService{ID: req.Digest}, ledger.CodeNotFound},
	} {
		if _, _, err := client.Submit[struct{}](t.Context(), c, tt.role, tt.name, tt.req); ledger.CodeOf(err) != tt.want {
			t.Errorf("%s: %v", tt.what, err)
		}
	}
	p, _ := errors.AsType[*ledger.Problem](c.Evaluate(t.Context(), ledger.ThreatGet, ledger.GetThreat{Digest: Report().Digest, Sharer: s.org}, nil))
	if p == nil || p.Code != ledger.CodeNotFound {
		t.Errorf("read what is not there: %v", p)
	}
	_, err := c.Prepare(t.Context(), ledger.RoleSharer, ledger.ThreatShare, wrong)
	if p, _ := errors.AsType[*ledger.Problem](err); p == nil || len(p.Faults) != 1 || p.Faults[0].Field != "marking" {
		t.Errorf("the faults of a request are lost: %v", err)
	}
}

func (s suite) once() {
	t, c := s.T, s.c
	p, err := c.Prepare(t.Context(), ledger.RoleSharer, ledger.ThreatShare, Report())
	if err != nil {
		t.Fatal(err)
	}
	if o, err := c.Outcome(t.Context(), p.TxID); err != nil || o != (client.Outcome{}) {
		t.Errorf("before it was sent: %+v, %v", o, err)
	}
	first, err := p.Submit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.Submit(t.Context())
	if err != nil || again.Block != first.Block || again.Tx != first.Tx {
		t.Errorf("sent again: %+v, %v", again, err)
	}
}

func (s suite) conflict() {
	t, c := s.T, s.c
	req := Report()
	winner, err := c.Prepare(t.Context(), ledger.RoleSharer, ledger.ThreatShare, req)
	if err != nil {
		t.Fatal(err)
	}
	loser, err := c.Prepare(t.Context(), ledger.RoleSharer, ledger.ThreatShare, req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := winner.Submit(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = loser.Submit(t.Context())
	r, _ := errors.AsType[*client.Rejected](err)
	if r == nil || r.Tx != loser.TxID || r.Code != "MVCC_READ_CONFLICT" || ledger.CodeOf(err) != ledger.CodeConflict {
		t.Fatalf("the second: %v", err)
	}
	o, err := c.Outcome(t.Context(), loser.TxID)
	if err != nil || o != (client.Outcome{Known: true, Code: r.Code, Block: r.Block}) {
		t.Errorf("outcome %+v, %v", o, err)
	}
	err = c.Follow(t.Context(), r.Block, func(_ context.Context, b *ledger.Block) error {
		i := slices.IndexFunc(b.Txs, func(tx ledger.Tx) bool { return tx.ID == loser.TxID })
		if i < 0 || b.Txs[i].Valid || b.Txs[i].Event != nil || b.Txs[i].Writes != nil || !b.Txs[i].Time.IsZero() {
			t.Errorf("delivered %+v", b)
		}
		return errEnough
	})
	if !errors.Is(err, errEnough) {
		t.Errorf("following ended with %v", err)
	}
}

func (s suite) restore() {
	t, c := s.T, s.c
	const secret = "what nobody keeps"
	p, err := c.Prepare(t.Context(), ledger.RoleSharer, ledger.ThreatShare, Report(), client.Transient{"note": []byte(secret)})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(p.Bytes, []byte(secret)) {
		t.Error("what is transient stands in the prepared bytes")
	}
	restored, err := c.Restore(ledger.RoleSharer, p.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sent := false
	restored.Sent = func() { sent = true }
	commit, err := restored.Submit(t.Context())
	if err != nil || !sent || commit.Tx != p.TxID || string(commit.Payload) != string(p.Payload) {
		t.Errorf("committed %+v, %v, sent %v", commit, err, sent)
	}
	if _, err := c.Restore(ledger.RoleSharer, []byte("torn")); err == nil {
		t.Error("restored nonsense")
	}
}

func (s suite) signedRead() {
	t, c := s.T, s.c
	req := Report()
	if _, _, err := client.Submit[ledger.Threat](t.Context(), c, ledger.RoleSharer, ledger.ThreatShare, req); err != nil {
		t.Fatal(err)
	}
	before, err := c.Height(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	read, err := c.SignedRead(t.Context(), ledger.ThreatGet, ledger.GetThreat{Digest: req.Digest, Sharer: s.org})
	if err != nil || len(read.Endorsements) < 3 {
		t.Fatalf("read %+v, %v", read, err)
	}
	var record ledger.Threat
	source, err := c.Consult(t.Context(), ledger.ThreatGet, ledger.GetThreat{Digest: req.Digest, Sharer: s.org}, &record)
	if err != nil || record.Digest != req.Digest || !source.Own || !slices.Equal(source.Organisations, []string{s.org}) {
		t.Errorf("consulted %+v of %+v, %v", record, source, err)
	}
	if _, err := c.SignedRead(t.Context(), ledger.ThreatGet, ledger.GetThreat{Digest: Report().Digest, Sharer: s.org}); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("read what is not there: %v", err)
	}
	if after, err := c.Height(t.Context()); err != nil || after != before {
		t.Errorf("a read made the chain grow from %d to %d, %v", before, after, err)
	}
}

func (s suite) followEnds() {
	t, c := s.T, s.c
	height, err := c.Height(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = c.Follow(ctx, height, func(context.Context, *ledger.Block) error { return nil })
	if err != nil {
		t.Errorf("cancelled while waiting: %v", err)
	}
	err = c.Follow(t.Context(), 0, func(context.Context, *ledger.Block) error { return errEnough })
	if !errors.Is(err, errEnough) {
		t.Errorf("ended by its caller: %v", err)
	}
}
