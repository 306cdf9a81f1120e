package oid4vp_test

import (
	"crypto/x509"
	"encoding/json"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/sdjwt"
)

// exchangeQuery asks for a W3C credential, as a presentation definition can.
func exchangeQuery() *oid4vp.Query {
	return &oid4vp.Query{Credentials: []oid4vp.CredentialQuery{{
		ID: "staff", Format: oid4vp.FormatJWT, Meta: oid4vp.Meta{W3C: [][]string{{"VerifiableCredential", "StaffRole"}}},
		Claims: []oid4vp.Claim{{Path: oid4vp.Path{"credentialSubject", "role"}}},
	}}}
}

// newReserved makes a world whose verifier asks wallets by DNS for signatures on
// statements and by presentation definitions, and by the certificate's digest for all
// else.
func newReserved(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	chain := []*x509.Certificate{w.leaf}
	dns, err := oid4vp.NewDNSClient(w.signer, "localhost", chain)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := oid4vp.NewHashClient(w.signer, chain)
	if err != nil {
		t.Fatal(err)
	}
	contexts, err := check.Contexts()
	if err != nil {
		t.Fatal(err)
	}
	if w.Verifier, err = oid4vp.NewVerifier(oid4vp.Options{
		Base: w.Base(), Clients: []*oid4vp.Client{hash, dns.Reserved()}, Flows: w.flows, Judge: w.judge, Now: w.now, Contexts: contexts,
	}); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestAReservedClientAsksForNothingElse(t *testing.T) {
	t.Parallel()
	w := newReserved(t)
	statement := json.RawMessage(`{"says":"Release"}`)
	for name, q := range map[string]oid4vp.Question{
		"a credential":                  {Query: nameQuery()},
		"one with a nonce of its own":   {Query: nameQuery(), Nonce: "challenge"},
		"a statement without challenge": {Query: nameQuery(), Statement: statement},
		"an SD-JWT VC by a definition":  {Query: nameQuery(), Exchange: true},
	} {
		q.ClientID = deskID
		if _, err := w.Ask(t.Context(), q); err == nil {
			t.Errorf("it asks for %s", name)
		}
	}
	for name, q := range map[string]oid4vp.Question{
		"a statement":     {Query: nameQuery(), Nonce: "challenge", Statement: statement, ClientID: deskID},
		"by a definition": {Query: exchangeQuery(), Exchange: true, ClientID: deskID},
		"as another":      {Query: nameQuery()},
	} {
		if _, err := w.Ask(t.Context(), q); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := oid4vp.Options{
		Base: w.Base(), Clients: []*oid4vp.Client{oid4vp.Unsigned().Reserved()}, Flows: w.flows, Judge: w.judge, Now: w.now,
		Standing: map[string]oid4vp.Question{"q": {Query: nameQuery()}}, Secret: make([]byte, 32),
	}
	if _, err := oid4vp.NewVerifier(o); err == nil {
		t.Error("it asks for a credential by a standing question")
	}
}

// TestAnSDJWTAnswersNoDefinition: what a wallet signs for the client is a signature on
// a statement, of which only the desk may learn.
func TestAnSDJWTAnswersNoDefinition(t *testing.T) {
	t.Parallel()
	w := newReserved(t)
	asked := w.ask(t, oid4vp.Question{Query: exchangeQuery(), Exchange: true, ClientID: deskID, Plain: true})
	handle := handleOf(t, asked)
	request := claimsOf(t, w, asked)
	nonce, _ := request["nonce"].(string)
	state, _ := request["state"].(string)
	definition, _ := request["presentation_definition"].(map[string]any)
	id, _ := definition["id"].(string)
	shown, err := sdjwt.Present(w.card, w.holder, []string{"given_name"}, sdjwt.Binding{Audience: deskID, Nonce: nonce, At: w.now()})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"dc+sd-jwt", "vc+sd-jwt", "jwt_vc_json"} {
		answer := &oid4vp.Response{
			Token: shown, State: state,
			Submission: `{"id":"s","definition_id":"` + id + `","descriptor_map":[{"id":"credential","format":"` + format + `","path":"$"}]}`,
		}
		if _, err := w.Verifier.Answer(t.Context(), handle, answer); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("as %s: %v", format, err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.wants) != 0 {
		t.Error("it reaches the judge")
	}
}
