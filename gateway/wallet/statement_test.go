package wallet_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/holder"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// explained makes a statement about the release of a device.
func explained(t *testing.T) (*holder.Explained, string) {
	t.Helper()
	id := strings.Repeat("ab", 32)
	request, err := holder.Encode(ledger.ReleaseUnit{ID: id, Revision: 3})
	if err != nil {
		t.Fatal(err)
	}
	s, err := holder.NewStatement(holder.Order{
		Network: "test", Channel: "main", Function: ledger.DeviceRelease, Request: request, Record: ledger.UnitKey(id), Revision: 3,
		Expires: time.Now().Add(5 * time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	challenge, err := s.Challenge()
	if err != nil {
		t.Fatal(err)
	}
	return &holder.Explained{Statement: *s, Request: string(request)}, challenge
}

// releaserQuery asks for the credential by which statements are signed.
func releaserQuery() *oid4vp.Query {
	return &oid4vp.Query{Credentials: []oid4vp.CredentialQuery{{
		ID: "q", Format: oid4vp.FormatSDJWT, Meta: oid4vp.Meta{Types: []string{ledger.CredentialReleaser}},
	}}}
}

// TestAStatementIsSignedByLink: what it says is shown, and what is shown is signed.
func TestAStatementIsSignedByLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(t, "", "create")
	w.must(t, "", "receive", "--yes", w.offer(t, "releaser", false).Link)
	e, challenge := explained(t)
	about, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"sign", "present"} {
		asked := w.ask(t, oid4vp.Question{Query: releaserQuery(), Nonce: challenge, Statement: about, Keep: true, Post: true})
		if _, err := w.command(t, "no\n", command, asked.Link); err == nil {
			t.Errorf("%s: it signs without agreement", command)
		}
		out := w.must(t, "yes\n", command, asked.Link)
		if !strings.Contains(out, "You sign this. Release the device "+strings.Repeat("ab", 32)) || !strings.Contains(out, "Ward North") {
			t.Errorf("%s says %s", command, out)
		}
		result, err := w.verifier.Result(t.Context(), asked.Ticket, "")
		if err != nil || result.Outcome != oid4vp.Answered || len(result.Shown["q"]) != 1 {
			t.Errorf("%s: the verifier sees %+v (%v)", command, result, err)
		}
	}
	if out := w.must(t, "", "log", "--json"); strings.Count(out, ledger.DeviceRelease) != 2 {
		t.Errorf("the log says %s", out)
	}

	// From a file with its request, by the one credential that is fit for it.
	path := filepath.Join(t.TempDir(), "statement.json")
	if err := os.WriteFile(path, about, 0o600); err != nil {
		t.Fatal(err)
	}
	out := w.must(t, "yes\n", "sign", path)
	if !strings.Contains(out, "Release the device") || !strings.Contains(out, `"presentation":"ey`) {
		t.Errorf("signing a file says %s", out)
	}
}

// TestNobodyIsLedToSign something that they are not shown.
func TestNobodyIsLedToSign(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, args := range [][]string{{"create"}, {"receive", "--yes", w.offer(t, "releaser", false).Link}} {
		if _, err := w.command(t, "", args...); err != nil {
			t.Fatal(err)
		}
	}
	e, challenge := explained(t)
	other, _ := explained(t)
	encoded := func(e *holder.Explained, change func(string) string) json.RawMessage {
		t.Helper()
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return json.RawMessage(change(string(b)))
	}
	same := func(s string) string { return s }
	ask := func(client string, about json.RawMessage) string {
		return w.ask(t, oid4vp.Question{Query: releaserQuery(), Nonce: challenge, Statement: about, ClientID: client}).Link
	}
	for name, link := range map[string]string{
		"no statement":                   ask("", nil),
		"another statement":              ask("", encoded(other, same)),
		"another request":                ask("", encoded(e, func(s string) string { return strings.Replace(s, "abab", "cdab", 1) })),
		"a member more":                  ask("", encoded(e, func(s string) string { return strings.Replace(s, `{"statement"`, `{"more":1,"statement"`, 1) })),
		"a name twice":                   ask("", encoded(e, func(s string) string { return strings.Replace(s, `{"statement"`, `{"request":"x","statement"`, 1) })),
		"no object":                      ask("", json.RawMessage(`[]`)),
		"a client that asks for no such": ask(oid4vp.PrefixDID+":"+w.did, encoded(e, same)),
	} {
		for _, command := range []string{"sign", "present"} {
			if out, err := w.command(t, "", command, "--yes", link); err == nil {
				t.Errorf("%s is signed by %s: %s", name, command, out)
			}
		}
	}
	if out, err := w.command(t, "", "log"); err != nil || strings.Contains(out, "taken") {
		t.Errorf("the log says %s (%v)", out, err)
	}
}
