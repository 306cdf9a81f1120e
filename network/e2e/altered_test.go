package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/lifecycle"
	"github.com/secant-platform/secant/network/topology"
)

// TestAlteredChaincodeGetsNothingCommitted has hospital-east's peer really run
// another program than the others: one that shares reports in hospital-north's
// name. Fabric lets an organisation approve any package under the definition, so
// nothing stops it from running its own; what it endorses goes nowhere.
func TestAlteredChaincodeGetsNothingCommitted(t *testing.T) {
	n := live(t)
	const liar, victim = "hospital-east", "hospital-north"
	n.runAltered(t, liar)
	t.Cleanup(func() {
		if out, err := n.run(context.Background(), "up"); err != nil { // also when the test failed half-way
			t.Errorf("putting the chaincode right: %v\n%s", err, out)
		}
	})
	gw := n.rawGateway(t, liar, "sharer")
	contract := gw.GetNetwork("secant").GetContract("secant")

	// Its own peer endorses the lie, which shows that the altered program runs.
	proposal, digest := shareProposal(t, contract, client.WithEndorsingOrganizations(liar))
	lie, err := proposal.EndorseWithContext(t.Context())
	if err != nil {
		t.Fatal(details(err))
	}
	var told ledger.Threat
	if err := json.Unmarshal(lie.Result(), &told); err != nil || told.Sharer != victim {
		t.Fatalf("the altered chaincode answers %s, %v: it tells no lie", lie.Result(), err)
	}

	t.Run("endorsed by itself alone", func(t *testing.T) {
		n.notCommitted(t, lie, digest)
	})
	t.Run("together with honest peers", func(t *testing.T) {
		p, digest := shareProposal(t, contract, client.WithEndorsingOrganizations(liar, victim, "hospital-south", "authority"))
		if _, err := p.EndorseWithContext(t.Context()); err == nil || !strings.Contains(details(err), "do not match") {
			t.Errorf("peers that disagree were taken for one: %v", err)
		}
		n.absent(t, digest, victim, liar)
	})
	t.Run("with honest signatures put under the lie", func(t *testing.T) {
		p, digest := shareProposal(t, contract, client.WithEndorsingOrganizations(liar))
		alone, err := p.EndorseWithContext(t.Context())
		if err != nil {
			t.Fatal(details(err))
		}
		b, err := p.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		forged := n.joined(t, gw, alone, n.honestly(t, gw, b, victim, "hospital-south", "authority"))
		n.notCommitted(t, forged, digest)
	})
	t.Run("honest work goes on", func(t *testing.T) {
		for _, org := range []string{victim, "hospital-south"} {
			digest := n.share(t, org)
			for _, at := range []string{victim, "authority", liar} {
				c := n.node(t, at, "auditor")
				await(t, "the report at "+at, func() bool {
					status, b, err := c.try(http.MethodGet, "/v1/threats/"+digest, "", nil)
					return err == nil && status == http.StatusOK && bytes.Contains(b, []byte(org))
				})
			}
		}
		n.sameHeight(t)
	})

	// The definition has not changed: the launcher sees another package approved
	// than its own and puts things right.
	n.secant(t, "up")
	await(t, liar+" to run the consortium's program again", func() bool {
		p, _ := shareProposal(t, contract, client.WithEndorsingOrganizations(liar, victim, "hospital-south"))
		_, err := p.EndorseWithContext(t.Context())
		return err == nil
	})
}

// runAltered builds the chaincode with one rule changed and has an organisation's
// peer run it under the definition that stands on the channel.
func (n *network) runAltered(tb testing.TB, org string) {
	tb.Helper()
	pkg, err := lifecycle.Pack("secant", buildAltered(tb, filepath.Join("..", "..", "chaincode", "threat", "rules.go"),
		"Sharer: org, Shared: now", `Sharer: "hospital-north", Shared: now`))
	if err != nil {
		tb.Fatal(err)
	}
	net, err := topology.Load(n.dir)
	if err != nil {
		tb.Fatal(err)
	}
	o, ok := net.Organisation(org)
	if !ok {
		tb.Fatalf("no organisation %s", org)
	}
	p, err := channel.NewPeer(net, *o, o.Peers[0])
	if err != nil {
		tb.Fatal(err)
	}
	defer p.Close()
	var now lifecycle.Definition
	readJSON(tb, net.ChaincodeFile(), &now)
	if now.PackageID == pkg.ID {
		tb.Fatal("the altered program is the consortium's own")
	}
	if _, err := chaincode.NewPeer(p.Conn, p.Identity).Install(tb.Context(), pkg.Reader()); err != nil &&
		!strings.Contains(details(err), "already successfully installed") {
		tb.Fatalf("installing: %s", details(err))
	}
	err = chaincode.NewGateway(p.Conn, p.Identity).Approve(tb.Context(), &chaincode.Definition{
		ChannelName: net.Channel, Name: net.Chaincode, PackageID: pkg.ID, Version: now.Version, Sequence: now.Sequence,
		ApplicationPolicy: &peer.ApplicationPolicy{Type: &peer.ApplicationPolicy_ChannelConfigPolicyReference{
			ChannelConfigPolicyReference: "/Channel/Application/Endorsement",
		}},
	})
	if err != nil {
		tb.Fatalf("approving: %s", details(err))
	}
}

// buildAltered builds the chaincode with one fragment of one file replaced; the
// source itself is not touched.
func buildAltered(tb testing.TB, file, old, replacement string) string {
	tb.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		tb.Fatal(err)
	}
	source := string(read(tb, path))
	if strings.Count(source, old) != 1 {
		tb.Fatalf("%s holds %q %d times: alter another rule", file, old, strings.Count(source, old))
	}
	dir := tb.TempDir()
	altered, overlay, out := filepath.Join(dir, "altered.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "secantcc")
	if err := os.WriteFile(altered, []byte(strings.Replace(source, old, replacement, 1)), 0o600); err != nil {
		tb.Fatal(err)
	}
	b, err := json.Marshal(map[string]any{"Replace": map[string]string{path: altered}})
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(overlay, b, 0o600); err != nil {
		tb.Fatal(err)
	}
	c := exec.CommandContext(tb.Context(), "go", "build", "-overlay", overlay, "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=",
		"-o", out, "../../chaincode/cmd/secantcc")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := c.CombinedOutput(); err != nil {
		tb.Fatalf("building the altered chaincode: %v\n%s", err, b)
	}
	return out
}

// shareProposal makes a proposal to share a report that nobody has shared.
func shareProposal(tb testing.TB, c *client.Contract, options ...client.ProposalOption) (*client.Proposal, string) {
	tb.Helper()
	digest := ledger.BodyDigest(bundleOfSTIX())
	arg, err := json.Marshal(ledger.ShareThreat{Digest: digest, Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: 100})
	if err != nil {
		tb.Fatal(err)
	}
	p, err := c.NewProposal(ledger.ThreatShare, append(options, client.WithArguments(string(arg)))...)
	if err != nil {
		tb.Fatal(err)
	}
	return p, digest
}

// notCommitted submits a transaction and wants every peer to find its endorsement
// wanting: it stands in a block, marked invalid, and changes nothing.
func (n *network) notCommitted(tb testing.TB, tx *client.Transaction, digest string) {
	tb.Helper()
	commit, err := tx.SubmitWithContext(tb.Context())
	if err != nil {
		tb.Fatal(details(err))
	}
	status, err := commit.StatusWithContext(tb.Context())
	if err != nil {
		tb.Fatal(details(err))
	}
	if status.Code != peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE {
		tb.Errorf("the lie is %s", status.Code)
	}
	n.absent(tb, digest, "hospital-north", "hospital-east")
}

// absent wants no peer, the liar's least of all, to have a report by any of the
// sharers.
func (n *network) absent(tb testing.TB, digest string, sharers ...string) {
	tb.Helper()
	for _, org := range []string{"hospital-north", "hospital-south", "hospital-east", "medtech", "authority"} {
		c := n.contract(tb, org, "sharer")
		for _, sharer := range sharers {
			var got ledger.Threat
			refused(tb, rawEvaluate(tb, c, ledger.ThreatGet, ledger.GetThreat{Digest: digest, Sharer: sharer}, &got), ledger.CodeNotFound)
		}
	}
}

// honestly has the same proposal endorsed by other organisations.
func (n *network) honestly(tb testing.TB, gw *client.Gateway, proposal []byte, orgs ...string) *client.Transaction {
	tb.Helper()
	var proposed gateway.ProposedTransaction
	decode(tb, proposal, &proposed)
	proposed.EndorsingOrganizations = orgs
	p, err := gw.NewProposal(encode(tb, &proposed))
	if err != nil {
		tb.Fatal(err)
	}
	tx, err := p.EndorseWithContext(tb.Context())
	if err != nil {
		tb.Fatal(details(err))
	}
	return tx
}

// joined puts the endorsements of one transaction under the result of another.
func (n *network) joined(tb testing.TB, gw *client.Gateway, result, signatures *client.Transaction) *client.Transaction {
	tb.Helper()
	var parts [2]struct {
		prepared gateway.PreparedTransaction
		payload  common.Payload
		tx       peer.Transaction
		action   peer.ChaincodeActionPayload
	}
	for i, tx := range []*client.Transaction{result, signatures} {
		b, err := tx.Bytes()
		if err != nil {
			tb.Fatal(err)
		}
		p := &parts[i]
		decode(tb, b, &p.prepared)
		decode(tb, p.prepared.GetEnvelope().GetPayload(), &p.payload)
		decode(tb, p.payload.GetData(), &p.tx)
		decode(tb, p.tx.GetActions()[0].GetPayload(), &p.action)
	}
	lie, honest := &parts[0], &parts[1]
	lie.action.Action.Endorsements = append(lie.action.GetAction().GetEndorsements(), honest.action.GetAction().GetEndorsements()...)
	lie.tx.Actions[0].Payload = encode(tb, &lie.action)
	lie.payload.Data = encode(tb, &lie.tx)
	lie.prepared.Envelope = &common.Envelope{Payload: encode(tb, &lie.payload)} // signed anew when it is submitted
	tx, err := gw.NewTransaction(encode(tb, &lie.prepared))
	if err != nil {
		tb.Fatal(err)
	}
	return tx
}

// sameHeight waits until every peer has the same blocks.
func (n *network) sameHeight(tb testing.TB) {
	tb.Helper()
	await(tb, "every peer to have the same blocks", func() bool {
		out, _ := exec.CommandContext(tb.Context(), n.bin, "status", "--json", "--dir", n.dir).Output()
		var state struct {
			Processes []struct {
				Kind   string `json:"kind"`
				Height uint64 `json:"height"`
			} `json:"processes"`
		}
		if json.Unmarshal(out, &state) != nil {
			return false
		}
		heights := map[uint64]bool{}
		for _, p := range state.Processes {
			if p.Kind == "peer" {
				heights[p.Height] = true
			}
		}
		return len(heights) == 1 && !heights[0]
	})
}
