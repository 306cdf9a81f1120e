package oid4vp_test

import (
	"crypto/x509"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// newStanding makes a world whose verifier has standing questions.
func newStanding(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	dns, err := oid4vp.NewDNSClient(w.signer, "localhost", []*x509.Certificate{w.leaf})
	if err != nil {
		t.Fatal(err)
	}
	if w.Verifier, err = oid4vp.NewVerifier(oid4vp.Options{
		Base: w.Base(), Clients: []*oid4vp.Client{dns, oid4vp.Unsigned()}, Flows: w.flows, Judge: w.judge, Now: w.now, Name: "Ward North",
		Secret: []byte(strings.Repeat("s", 32)),
		Standing: map[string]oid4vp.Question{
			"here":     {Query: nameQuery(), Post: true, Return: "https://app.example/back?from=wallet"},
			"there":    {Query: nameQuery()},
			"plain":    {Query: nameQuery(), Plain: true},
			"unsigned": {Query: nameQuery(), ClientID: oid4vp.PrefixRedirect},
		},
	}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) kept() int {
	_, docs := w.flows.Contents(oid4vp.FlowKind)
	return len(docs)
}

func (w *world) askStanding(t *testing.T, name string) *oid4vp.Asked {
	t.Helper()
	asked, err := w.AskStanding(name)
	if err != nil {
		t.Fatal(err)
	}
	return asked
}

// TestNothingIsKeptOfAStandingQuestionUntilItIsAnswered: whoever asks, fetches, declines
// and answers wrongly takes no room from anybody.
func TestNothingIsKeptOfAStandingQuestionUntilItIsAnswered(t *testing.T) {
	t.Parallel()
	w := newStanding(t)
	for i, name := range []string{"here", "there", "plain", "unsigned"} {
		asked := w.askStanding(t, name)
		request := w.read(t, asked.Link)
		if request.Encrypted == (name == "plain") {
			t.Errorf("%s: encrypted %v", name, request.Encrypted)
		}
		if again := w.read(t, asked.Link); again.Nonce != request.Nonce {
			t.Errorf("%s: the request is another the second time", name)
		}
		other := w.read(t, w.askStanding(t, name).Link)
		if other.Nonce == request.Nonce {
			t.Errorf("%s: two requests have secrets in common", name)
		}
		if _, err := w.Verifier.Answer(t.Context(), handleOf(t, asked), &oid4vp.Response{Token: "{}", State: "x"}); err == nil {
			t.Errorf("%s: an answer that is none is taken", name)
		}
		if r, err := w.Result(t.Context(), asked.Ticket, ""); err != nil || r.Outcome != oid4vp.Waiting || r.Attempts != 1 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if n := w.kept() - i; n != 0 { // one of each that was answered
			t.Fatalf("%s: %d documents are kept before an answer", name, n)
		}
		back, err := w.Responder.Answer(t.Context(), request, w.choose(t, request), w.present)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		u, err := url.Parse(back)
		if err != nil {
			t.Fatal(err)
		}
		code := u.Query().Get("response_code")
		if name == "here" {
			if _, err := w.Result(t.Context(), asked.Ticket, ""); ledger.CodeOf(err) != ledger.CodeDenied {
				t.Errorf("the result is given without its code: %v", err)
			}
		}
		r, err := w.Result(t.Context(), asked.Ticket, code)
		if err != nil || r.Outcome != oid4vp.Answered || len(r.Shown["staff"]) != 1 || r.SameDevice != (name == "here") {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
		// The same answer once more, now that its result was given.
		w.mu.Lock()
		body := w.posted[len(w.posted)-1]
		w.mu.Unlock()
		parsed, err := oid4vp.ParseResponse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Verifier.Answer(t.Context(), handleOf(t, asked), parsed); ledger.CodeOf(err) != ledger.CodeGone {
			t.Errorf("%s: the same answer serves twice: %v", name, err)
		}
		if _, err := w.Result(t.Context(), asked.Ticket, code); ledger.CodeOf(err) != ledger.CodeNotFound {
			t.Errorf("%s: the result is given twice: %v", name, err)
		}
	}
}

func TestAStandingQuestionIsDeclinedAndGivenUp(t *testing.T) {
	t.Parallel()
	w := newStanding(t)
	declined, spoiled := w.askStanding(t, "there"), w.askStanding(t, "there")
	if _, err := w.Responder.Decline(t.Context(), w.read(t, declined.Link)); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := w.Verifier.Answer(t.Context(), handleOf(t, spoiled), &oid4vp.Response{Token: "{}"}); err == nil {
			t.Fatal("an answer that is none is taken")
		}
	}
	for ticket, want := range map[string]oid4vp.Outcome{declined.Ticket: oid4vp.Declined, spoiled.Ticket: oid4vp.Refused} {
		if r, err := w.Result(t.Context(), ticket, ""); err != nil || r.Outcome != want {
			t.Errorf("%s: %+v, %v", want, r, err)
		}
	}
	if _, err := w.RequestObject(t.Context(), handleOf(t, spoiled), ""); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("a request that was given up is fetched: %v", err)
	}
	// However many others are spoiled, one that is open is answered.
	open := w.askStanding(t, "there")
	request := w.read(t, open.Link)
	for range 5000 {
		_, _ = w.Verifier.Answer(t.Context(), handleOf(t, w.askStanding(t, "plain")), &oid4vp.Response{Token: "{}"})
	}
	if n := w.kept(); n != 0 {
		t.Errorf("%d documents are kept of requests that nobody answered", n)
	}
	if _, err := w.Responder.Answer(t.Context(), request, w.choose(t, request), w.present); err != nil {
		t.Error(err)
	}
}

func TestOtherStandingHandlesAreRefused(t *testing.T) {
	t.Parallel()
	w, stranger := newStanding(t), newStanding(t)
	asked := w.askStanding(t, "there")
	handle, ticket, _ := strings.Cut(asked.Ticket, ".")
	other := w.askStanding(t, "there")
	_, theirs, _ := strings.Cut(other.Ticket, ".")
	flip := func(s string, i int) string {
		b := []byte(s)
		if b[i] == 'A' {
			b[i] = 'B'
		} else {
			b[i] = 'A'
		}
		return string(b)
	}
	for name, forged := range map[string]string{
		"another question": flip(handle, 0) + "." + ticket, "a later end": flip(handle, 8) + "." + ticket, "another mark": flip(handle, 50) + "." + ticket,
		"another's secret": handle + "." + theirs, "no secret": handle, "a guessed secret": handle + "." + flip(ticket, 3), "more text": handle + "A." + ticket,
	} {
		if _, err := w.Result(t.Context(), forged, ""); ledger.CodeOf(err) != ledger.CodeNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := stranger.Result(t.Context(), asked.Ticket, ""); err != nil {
		t.Errorf("under the same secret it is another's: %v", err)
	}
	w.advance(6 * time.Minute)
	if _, err := w.Result(t.Context(), asked.Ticket, ""); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("after its time: %v", err)
	}
	if _, err := w.RequestObject(t.Context(), handle, ""); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("after its time: %v", err)
	}
	if _, err := w.AskStanding("elsewhere"); err == nil {
		t.Error("a question that is not standing is asked")
	}
	o := oid4vp.Options{Base: w.Base(), Clients: []*oid4vp.Client{oid4vp.Unsigned()}, Flows: w.flows, Judge: w.judge, Now: w.now, Standing: map[string]oid4vp.Question{"q": {Query: nameQuery()}}}
	if _, err := oid4vp.NewVerifier(o); err == nil {
		t.Error("a verifier without a secret derives requests from it")
	}
	o.Secret = make([]byte, 32)
	for name, q := range map[string]oid4vp.Question{
		"the same nonce each time": {Query: nameQuery(), Nonce: "n"},
		"a statement":              {Query: nameQuery(), Statement: json.RawMessage(`{}`)},
		"a life of its own":        {Query: nameQuery(), Life: time.Minute},
	} {
		o.Standing = map[string]oid4vp.Question{"q": q}
		if _, err := oid4vp.NewVerifier(o); err == nil {
			t.Errorf("a standing question has %s", name)
		}
	}
}
