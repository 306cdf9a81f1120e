package e2e

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/launch"
)

// TestLoadedNetworkIsGoverned has a network of its own, under load all the while:
// a sixth organisation joins, the chaincode is upgraded, certificates are
// replaced, the orderer that leads is killed. In the end every peer has the same
// blocks and came to the same state, and all that was acknowledged is there.
func TestLoadedNetworkIsGoverned(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a live network, which -short leaves out")
	}
	n, err := start()
	if n != nil {
		t.Cleanup(func() {
			if err := n.end(); err != nil {
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	source, mark := otherVersion(t)
	work := []*flow{n.flows(t, "hospital-north"), n.flows(t, "hospital-south")}
	step := func(what string, do func()) {
		t.Helper()
		start := time.Now()
		do()
		took := time.Since(start)
		for _, f := range work {
			f.goesOn(t)
		}
		t.Logf("%s: %.1fs, and work went on within %.1fs more", what, took.Seconds(), (time.Since(start) - took).Seconds())
	}
	step("the load", func() {})
	step("a sixth organisation", func() {
		n.secant(t, "network", "add", "hospital-west", "--title", "Hospital West")
	})
	step("another chaincode", func() {
		n.secant(t, "network", "upgrade", "--source", source)
	})
	step("other certificates", func() {
		n.secant(t, "network", "rotate", "hospital-south")
		n.secant(t, "network", "rotate", "hospital-east", "--peer")
	})
	n.abreast(t)
	leader := n.leader(t)
	step("the leader killed", func() {
		n.kill(t, n.find(t, "orderer", leader.Organisation))
		n.share(t, "authority") // commits: the others have agreed on another
	})
	step("the leader back", func() {
		if err := launch.Start(t.Context(), n.dir, leader.Name); err != nil {
			t.Fatal(err)
		}
	})
	step("the new member at work", func() {
		digest := n.share(t, "hospital-west")
		c := n.node(t, "hospital-north", "auditor")
		await(t, "the new member's report", func() bool {
			status, _, err := c.try(http.MethodGet, "/v1/threats/"+digest, "", nil)
			return err == nil && status == http.StatusOK
		})
	})
	b, err := n.contract(t, "hospital-west", "sharer").EvaluateTransaction("org.hyperledger.fabric:GetMetadata")
	if err != nil || !strings.Contains(string(b), mark) {
		t.Errorf("the chaincode that answers is not the new one: %v", err)
	}
	work[0].owes(t, n, "hospital-west")
	work[1].owes(t, n, "hospital-north")
	n.oneLedger(t)
	for _, f := range work {
		n.kill(t, n.find(t, "node", f.org))
		t.Logf("check of %s: %s", f.org, n.secant(t, "check", "--config", n.config(f.org)))
	}
	t.Logf("in all %.0fs, once the network was up", time.Since(began).Seconds())
}

// abreast waits until all orderers have the same blocks: four bear one that is
// down, and one that a starved machine has left behind is one. Such an orderer
// is started anew, as an operator would.
func (n *network) abreast(tb testing.TB) {
	tb.Helper()
	net := n.topology(tb)
	soon, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	err := channel.Abreast(soon, net)
	if err == nil {
		return
	}
	tb.Logf("before the leader is killed: %v", err)
	for _, o := range net.Organisations {
		if o.Orderer == nil || !strings.Contains(err.Error(), o.Orderer.Name) {
			continue
		}
		n.kill(tb, n.find(tb, "orderer", o.ID))
		if err := launch.Start(tb.Context(), n.dir, o.Orderer.Name); err != nil {
			tb.Fatal(err)
		}
	}
	late, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	if err := channel.Abreast(late, net); err != nil {
		tb.Fatal(err)
	}
}

// leader is the orderer that leads the others.
func (n *network) leader(tb testing.TB) process {
	tb.Helper()
	var found process
	await(tb, "an orderer to lead", func() bool {
		out, _ := exec.CommandContext(tb.Context(), n.bin, "status", "--json", "--dir", n.dir).Output()
		var state struct {
			Processes []struct {
				process

				Leader bool `json:"leader"`
			} `json:"processes"`
		}
		if err := json.Unmarshal(out, &state); err != nil {
			tb.Fatalf("status: %v\n%s", err, out)
		}
		for _, p := range state.Processes {
			if p.Leader {
				found = p.process
			}
		}
		return found.Name != ""
	})
	return found
}

// oneLedger waits until every peer has as many blocks as the others, and wants
// the same commit hash of all: it stands for every block, and for what each
// transaction in it did.
func (n *network) oneLedger(tb testing.TB) {
	tb.Helper()
	heights := map[string]uint64{}
	await(tb, "every peer to have the same height", func() bool {
		different := map[uint64]bool{}
		n.eachPeer(tb, func(p *channel.Peer) {
			var info common.BlockchainInfo
			decode(tb, ask(tb, p, "qscc", "GetChainInfo", "secant"), &info)
			heights[p.Name] = info.GetHeight()
			different[info.GetHeight()] = true
		})
		return len(different) == 1
	})
	hashes := map[string][]string{}
	var last uint64
	n.eachPeer(tb, func(p *channel.Peer) {
		if last == 0 {
			last = heights[p.Name] - 1
		}
		var block common.Block
		decode(tb, ask(tb, p, "qscc", "GetBlockByNumber", "secant", strconv.FormatUint(last, 10)), &block)
		metadata := block.GetMetadata().GetMetadata()
		if len(metadata) <= int(common.BlockMetadataIndex_COMMIT_HASH) {
			tb.Fatalf("%s keeps no commit hash", p.Name)
		}
		h := hex.EncodeToString(metadata[common.BlockMetadataIndex_COMMIT_HASH])
		hashes[h] = append(hashes[h], p.Name)
	})
	for h := range hashes {
		if len(hashes) != 1 || len(h) < 64 {
			tb.Fatalf("after block %d the peers' commit hashes are %v", last, hashes)
		}
	}
	tb.Logf("%d peers have %d blocks and one commit hash", len(heights), last+1)
}

// ask calls a function of a system chaincode at one peer and no other, as its
// organisation's administrator.
func ask(tb testing.TB, p *channel.Peer, chaincode, name string, args ...string) []byte {
	tb.Helper()
	gw, err := client.Connect(p.Identity, client.WithSign(p.Identity.Sign), client.WithHash(hash.NONE), client.WithClientConnection(p.Conn))
	if err != nil {
		tb.Fatal(err)
	}
	defer gw.Close()
	proposal, err := gw.GetNetwork("secant").GetContract(chaincode).NewProposal(name, client.WithArguments(args...))
	if err != nil {
		tb.Fatal(err)
	}
	b, err := proposal.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	signature, err := p.Identity.Sign(proposal.Digest())
	if err != nil {
		tb.Fatal(err)
	}
	if proposal, err = gw.NewSignedProposal(b, signature); err != nil {
		tb.Fatal(err)
	}
	if b, err = proposal.Bytes(); err != nil {
		tb.Fatal(err)
	}
	var proposed gateway.ProposedTransaction
	decode(tb, b, &proposed)
	res, err := peer.NewEndorserClient(p.Conn).ProcessProposal(tb.Context(), proposed.GetProposal())
	if err != nil || res.GetResponse().GetStatus() != 200 {
		tb.Fatalf("%s of %s at %s: %v, %s", name, chaincode, p.Name, err, res.GetResponse().GetMessage())
	}
	return res.GetResponse().GetPayload()
}
