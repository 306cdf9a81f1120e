package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/client/clienttest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// answer runs the program and decodes what stands on its standard output.
func (n *network) answer(tb testing.TB, out any, args ...string) {
	tb.Helper()
	c := exec.CommandContext(tb.Context(), n.bin, append([]string{"--dir", n.dir}, args...)...)
	var said bytes.Buffer
	c.Stderr = &said
	b, err := c.Output()
	if err != nil {
		tb.Fatalf("secant %s: %v\n%s", strings.Join(args, " "), err, said.Bytes())
	}
	if err := json.Unmarshal(b, out); err != nil {
		tb.Fatalf("secant %s: %v\n%s", strings.Join(args, " "), err, b)
	}
}

// ask calls a transaction as an operator does.
func (n *network) ask(tb testing.TB, out any, args ...string) {
	tb.Helper()
	n.answer(tb, out, append([]string{"ledger"}, args...)...)
}

// TestSecantLedger does as an operator what has no command of its own: it
// proposes, votes and reads, as nodes of several organisations.
func TestSecantLedger(t *testing.T) {
	n := live(t)
	if out := n.secant(t, "ledger"); !strings.Contains(out, ledger.IdentityVote+" ") || !strings.Contains(out, ledger.ThreatGet+" ") {
		t.Errorf("the list lacks transactions:\n%s", out)
	}
	var page ledger.OrganisationPage
	n.ask(t, &page, ledger.IdentityList, "{}", "--as", "hospital-east")
	if len(page.Items) < 5 {
		t.Errorf("it lists %d organisations", len(page.Items))
	}
	var proposal ledger.Proposal
	n.ask(t, &proposal, ledger.IdentityPropose, `{"kind":"remove_organisation","subject":{"organisation":"authority"},"reason":"only to see it voted on"}`,
		"--as", "hospital-north:registrar")
	var vote ledger.Vote
	n.ask(t, &vote, ledger.IdentityVote, `{"proposal":"`+proposal.ID+`","approve":false}`, "--as", "hospital-south:registrar")
	if vote.Organisation != "hospital-south" || vote.Approve {
		t.Errorf("it voted %+v", vote)
	}
	var seen ledger.ProposalView
	n.ask(t, &seen, ledger.IdentityGetProposal, `{"id":"`+proposal.ID+`"}`, "--as", "medtech")
	if seen.Proposal.ID != proposal.ID || len(seen.Votes) != 1 || seen.Votes[0] != vote || seen.Enacted {
		t.Errorf("it reads %+v", seen)
	}
	digest := clienttest.Report().Digest
	share := `{"digest":"` + digest + `","marking":"green","mediaType":"` + ledger.MediaTypeSTIX + `","size":1}`
	transient := filepath.Join(t.TempDir(), "transient.json")
	if err := os.WriteFile(transient, []byte(`{"statements":[{"never":"stored-by-anyone"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var shared ledger.Threat
	n.ask(t, &shared, ledger.ThreatShare, share, "--as", "hospital-east:sharer", "--transient", transient)
	if shared.Digest != digest || shared.Sharer != "hospital-east" {
		t.Errorf("it shared %+v", shared)
	}
	for want, args := range map[string][]string{
		"the report exists":           {ledger.ThreatShare, share, "--as", "hospital-east:sharer"},
		"this needs the role sharer":  {ledger.ThreatShare, share, "--as", "hospital-east:scorer"},
		"its organisations are":       {ledger.ThreatShare, share, "--as", "nowhere:sharer"},
		"is {digest, marking":         {ledger.ThreatShare, `{"digest":1}`, "--as", "hospital-east:sharer"},
		"Is it threat:Share?":         {"threat:share", share, "--as", "hospital-east:sharer"},
		"the report does not exist":   {ledger.ThreatGet, `{"digest":"` + strings.Repeat("5f", 32) + `","sharer":"medtech"}`, "--as", "medtech"},
		"--as hospital-east:ROLE; th": {ledger.ThreatShare, share, "--as", "hospital-east"},
	} {
		if out, err := n.run(t.Context(), append([]string{"ledger"}, args...)...); err == nil || !strings.Contains(out, want) {
			t.Errorf("%q is not in what it says: %v\n%s", want, err, out)
		}
	}
}
