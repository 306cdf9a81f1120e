package oid4vp_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/holder"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/peertest"
)

// order is what a person is asked to agree to in these tests.
func order(at time.Time) holder.Order {
	return holder.Order{
		Network: "test", Channel: "main", Function: "device:Release", Request: []byte(`{}`), Record: ledger.Key{Type: "unit", Parts: []string{"1"}},
		Expires: at.Add(10 * time.Minute),
	}
}

// signed asks for a signature on a statement, and returns what the ledger makes of
// the answer that answer arranges when who submits it has these desks.
func (w *world) signed(t *testing.T, client string, answer func(*oid4vp.Asked), desks ...string) error {
	t.Helper()
	o := order(w.now())
	s, err := holder.NewStatement(o)
	if err != nil {
		t.Fatal(err)
	}
	q, err := holder.Ask(s)
	if err != nil {
		t.Fatal(err)
	}
	query := nameQuery()
	query.Credentials[0].Claims = nil // a statement shows nothing that can be kept
	asked := w.ask(t, oid4vp.Question{Query: query, Nonce: q.Nonce, ClientID: client, Keep: true})
	answer(asked)
	result, err := w.Result(t.Context(), asked.Ticket, "")
	if err != nil || result.Outcome != oid4vp.Answered {
		t.Fatalf("the result is %+v (%v)", result, err)
	}
	if result.Shown["staff"][0].Claims["given_name"] != nil {
		t.Error("a statement shows a claim")
	}
	b, err := ledger.EncodeStatements(ledger.HolderStatement{Statement: *s, Presentation: result.Shown["staff"][0].Token})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := verify.ParseStatements(b)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := verify.NewKey(w.issuer.JWK())
	if err != nil {
		t.Fatal(err)
	}
	_, err = parsed[0].Verify(issuer, verify.Occasion{
		Network: o.Network, Channel: o.Channel, Function: o.Function, Request: ledger.BodyDigest(o.Request), Record: ledger.KeyDigest(o.Record), At: w.now(),
		Desks: desks,
	})
	return err
}

// TestAnAnswerSignsAStatement when the client is the ledger itself, which a wallet
// can know beforehand, or a desk of who submits it.
func TestAnAnswerSignsAStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.signed(t, registeredID, func(asked *oid4vp.Asked) { w.answered(t, asked) }); err != nil {
		t.Errorf("a client that is the audience: %v", err)
	}
	// As another client, the same person signs the same challenge for somebody else.
	if err := w.signed(t, "", func(asked *oid4vp.Asked) { w.answered(t, asked) }); err == nil {
		t.Error("an answer to a hospital's own question is a signature on a statement")
	}
	answer := func(asked *oid4vp.Asked) { w.answered(t, asked) }
	if err := w.signed(t, deskID, answer, "x509_san_dns:other.example", deskID); err != nil {
		t.Errorf("a client that is a desk: %v", err)
	}
	if err := w.signed(t, w.hashID(t), answer, deskID, w.hashID(t)); err == nil {
		t.Error("an answer to the digest of a certificate, as for a sign-in, is a signature on a statement")
	}
}

// deskID is by what name the verifier of these tests asks for statements.
const deskID = "x509_san_dns:localhost"

// TestCredoSignsAStatement for a desk. For anybody else it signs the same challenge:
// only the audience keeps that from being a signature on a statement.
func TestCredoSignsAStatement(t *testing.T) {
	t.Parallel()
	p := peertest.Install(t, "oid4vp", "peer")
	w := newWorldOver(t, "http")
	answer := func(asked *oid4vp.Asked) {
		got := peertest.Do[result](t, p, map[string]any{
			"job": "credo", "link": asked.Link, "credential": w.card, "holder": secretOf(t, w.holderKey),
			"trusted": []string{base64.StdEncoding.EncodeToString(w.root.Raw)},
		})[0]
		if !got.OK {
			t.Fatalf("Credo says %s %s", got.Error, got.Detail)
		}
	}
	if err := w.signed(t, deskID, answer, deskID); err != nil {
		t.Errorf("signed for a desk: %v", err)
	}
	if err := w.signed(t, w.hashID(t), answer, deskID); err == nil {
		t.Error("the ledger takes another audience than its own and a desk's")
	}
}
