package e2e

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

// topology is the network as its file describes it now.
func (n *network) topology(tb testing.TB) *topology.Network {
	tb.Helper()
	t, err := topology.Load(n.dir)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// eachPeer calls f with a connection to each peer of the network.
func (n *network) eachPeer(tb testing.TB, f func(*channel.Peer)) {
	tb.Helper()
	t := n.topology(tb)
	for _, o := range t.Organisations {
		for _, p := range o.Peers {
			c, err := channel.NewPeer(t, o, p)
			if err != nil {
				tb.Fatal(err)
			}
			f(c)
			_ = c.Close()
		}
	}
}

// signer is a certificate with its key, kept in memory when the files change.
type signer struct {
	id   *identity.X509Identity
	sign identity.Sign
}

func (n *network) signer(tb testing.TB, org, role string) signer {
	tb.Helper()
	id, sign := n.identity(tb, org, role)
	return signer{id, sign}
}

func (s signer) serial(tb testing.TB) string {
	tb.Helper()
	cert, err := material.ParseCertificate(s.id.Credentials())
	if err != nil {
		tb.Fatal(err)
	}
	return cert.SerialNumber.Text(16)
}

// at sends a signed proposal straight to one peer's endorser, past every gateway,
// and returns what it says.
func (s signer) at(tb testing.TB, p *channel.Peer, name string, req any) (status int32, message string) {
	tb.Helper()
	arg, err := json.Marshal(req)
	if err != nil {
		tb.Fatal(err)
	}
	gw, err := client.Connect(s.id, client.WithSign(s.sign), client.WithClientConnection(p.Conn))
	if err != nil {
		tb.Fatal(err)
	}
	defer gw.Close()
	proposal, err := gw.GetNetwork("secant").GetContract("secant").NewProposal(name, client.WithBytesArguments(arg))
	if err != nil {
		tb.Fatal(err)
	}
	b, err := proposal.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	signature, err := s.sign(proposal.Digest())
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
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	res, err := peer.NewEndorserClient(p.Conn).ProcessProposal(ctx, proposed.GetProposal())
	if err != nil {
		return 500, err.Error()
	}
	return res.GetResponse().GetStatus(), res.GetResponse().GetMessage()
}

// reads reports whether a peer gives the holder a block.
func (s signer) reads(tb testing.TB, p *channel.Peer) bool {
	tb.Helper()
	gw, err := client.Connect(s.id, client.WithSign(s.sign), client.WithClientConnection(p.Conn))
	if err != nil {
		tb.Fatal(err)
	}
	defer gw.Close()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	blocks, err := gw.GetNetwork("secant").BlockEvents(ctx, client.WithStartBlock(0))
	if err != nil {
		return false
	}
	_, ok := <-blocks
	return ok
}

// TestRevokedCertificateIsRefusedByEveryPeer gives a node's role a new
// certificate while the node works, and then has the old one revoked: until then
// every peer takes it, from then on none does, for whatever it is used.
func TestRevokedCertificateIsRefusedByEveryPeer(t *testing.T) {
	n := live(t)
	const org, role = "hospital-east", "sharer"
	old := n.signer(t, org, role)
	work := n.flows(t, org)
	work.goesOn(t)
	before := work.auditor.bundle(n.newDevice(t, org).send(work.auditor, readings(1)).ID, 0)

	rotate := []string{"network", "rotate", org, "--role", role}
	for _, step := range []string{"trying the new certificate", "restarting node-" + org} {
		n.runKilled(t, step, rotate...)
	}
	t.Log(n.secant(t, rotate...))
	fresh := n.signer(t, org, role)
	if fresh.serial(t) == old.serial(t) {
		t.Fatal("the certificate is the old one")
	}
	work.goesOn(t)
	report := ledger.ShareThreat{Digest: ledger.BodyDigest(bundleOfSTIX()), Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: 100}
	read := ledger.PageRequest{Size: 1}
	n.eachPeer(t, func(p *channel.Peer) {
		for what, s := range map[string]signer{"old": old, "new": fresh} {
			if status, message := s.at(t, p, ledger.ThreatShare, report); status != 200 {
				t.Errorf("%s refuses the %s certificate: %d %s", p.Name, what, status, message)
			}
		}
	})

	kept := filepath.Join(n.dir, "orgs", org, "retired", role+"-"+old.serial(t)+".pem")
	revoke := []string{"network", "revoke", org, "--certificate", kept}
	n.runKilled(t, "putting the revocation list", revoke...)
	t.Log(n.secant(t, revoke...))
	n.eachPeer(t, func(p *channel.Peer) {
		for name, req := range map[string]any{ledger.ThreatShare: report, ledger.IdentityList: read} {
			if status, message := old.at(t, p, name, req); status == 200 {
				t.Errorf("%s answers %s under the revoked certificate: %s", p.Name, name, message)
			}
			if status, message := fresh.at(t, p, name, req); status != 200 {
				t.Errorf("%s refuses %s under the new certificate: %d %s", p.Name, name, status, message)
			}
		}
		if old.reads(t, p) {
			t.Errorf("%s gives blocks for the revoked certificate", p.Name)
		}
		if !fresh.reads(t, p) {
			t.Errorf("%s gives no blocks for the new certificate", p.Name)
		}
	})
	if revoked := n.lastEpoch(t, org).Revoked; !slices.Contains(revoked, old.serial(t)) {
		t.Errorf("the trust file has as revoked %v", revoked)
	}
	work.goesOn(t)
	work.owes(t, n, "authority")
	if out, err := n.verify(t, before); err != nil {
		t.Errorf("a proof made before: %v\n%s", err, out)
	}
	// The other organisation's authority has no say in it.
	if out, err := n.run(t.Context(), "network", "revoke", "authority", "--certificate", kept); err == nil || !strings.Contains(out, "did not issue") {
		t.Errorf("%v\n%s", err, out)
	}
}

// lastEpoch is an organisation's part of the trust file's newest epoch.
func (n *network) lastEpoch(tb testing.TB, org string) ledger.TrustOrganisation {
	tb.Helper()
	epochs := n.trust(tb).Epochs
	for _, o := range epochs[len(epochs)-1].Organisations {
		if o.ID == org {
			return o
		}
	}
	tb.Fatalf("the trust file's last epoch lacks %s", org)
	return ledger.TrustOrganisation{}
}

func (n *network) trust(tb testing.TB) *ledger.Trust {
	tb.Helper()
	trust, err := ledger.ParseTrust(read(tb, filepath.Join(n.dir, "trust.json")))
	if err != nil {
		tb.Fatal(err)
	}
	return trust
}

// TestEveryCertificateOfAnOrganisationIsReplaced gives the authority's node, peer,
// orderer and administrator new certificates while others work, and revokes the
// peer's old one.
func TestEveryCertificateOfAnOrganisationIsReplaced(t *testing.T) {
	n := live(t)
	const org = "authority"
	files := func() map[string]string {
		out := map[string]string{}
		for _, dir := range []string{"clients", "peers", "orderers", "admin"} {
			root := filepath.Join(n.dir, "orgs", org, dir)
			if err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
				if err == nil && !d.IsDir() && !strings.Contains(path, "cacerts") && strings.Contains(filepath.Base(path), "cert.pem") {
					out[path] = string(read(t, path))
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	was := files()
	work := n.flows(t, "hospital-north")
	work.goesOn(t)
	rotate := []string{"network", "rotate", org, "--all"}
	for _, step := range []string{"restarting peer0-" + org, "telling the channel", "restarting orderer-" + org} {
		n.runKilled(t, step, rotate...)
	}
	t.Log(n.secant(t, rotate...))
	is := files()
	for path, cert := range was {
		if is[path] == cert || is[path] == "" {
			t.Errorf("%s is the old one, or gone", path)
		}
	}
	if len(is) != len(was) {
		t.Errorf("%d certificates became %d", len(was), len(is))
	}
	work.goesOn(t)

	// Its peer endorses with the new one, and its orderer is one of those that agree.
	peerCert := filepath.Join(n.dir, "orgs", org, "peers", "peer0", "msp", "signcerts", "cert.pem")
	if by := n.endorser(t, org); by != is[peerCert] {
		t.Errorf("%s endorses with another certificate:\n%s", org, by)
	}
	n.kill(t, n.find(t, "orderer", "hospital-south"))
	n.share(t, "hospital-north")
	n.secant(t, "up")

	block, _ := pem.Decode([]byte(was[peerCert]))
	old, err := material.ParseCertificate(pem.EncodeToMemory(block))
	if err != nil {
		t.Fatal(err)
	}
	serial := old.SerialNumber.Text(16)
	n.secant(t, "network", "revoke", org, "--certificate", filepath.Join(n.dir, "orgs", org, "retired", "peer0-"+serial+".pem"))
	if revoked := n.lastEpoch(t, org).Revoked; !slices.Contains(revoked, serial) {
		t.Errorf("the trust file has as revoked %v", revoked)
	}
	for _, use := range []string{"admin/cert.pem", "orderers/orderer0/msp/signcerts/cert.pem"} {
		out, err := n.run(t.Context(), "network", "revoke", org, "--certificate", filepath.Join(n.dir, "orgs", org, use))
		if err == nil || !strings.Contains(out, "in use") {
			t.Errorf("%s was revoked while in use: %v\n%s", use, err, out)
		}
	}
	work.goesOn(t)
	work.owes(t, n, org)
}

// endorser has an organisation endorse a read and returns the certificate that
// it does so with.
func (n *network) endorser(tb testing.TB, org string) string {
	tb.Helper()
	proposal, err := n.contract(tb, org, "sharer").NewProposal(ledger.IdentityList,
		client.WithArguments(`{"size":1}`), client.WithEndorsingOrganizations(org))
	if err != nil {
		tb.Fatal(err)
	}
	tx, err := proposal.EndorseWithContext(tb.Context())
	if err != nil {
		tb.Fatal(details(err))
	}
	var id msp.SerializedIdentity
	decode(tb, signedRead(tb, tx).Endorsements[0].Endorser, &id)
	return string(id.GetIdBytes())
}

// endorsedBy commits a report that exactly the given organisations endorse, and
// returns how it was judged.
func (n *network) endorsedBy(tb testing.TB, orgs ...string) string {
	tb.Helper()
	proposal, _ := shareProposal(tb, n.contract(tb, "hospital-south", "sharer"), client.WithEndorsingOrganizations(orgs...))
	tx, err := proposal.EndorseWithContext(tb.Context())
	if err != nil {
		tb.Fatal(details(err))
	}
	commit, err := tx.SubmitWithContext(tb.Context())
	if err != nil {
		tb.Fatal(details(err))
	}
	status, err := commit.StatusWithContext(tb.Context())
	if err != nil {
		tb.Fatal(details(err))
	}
	return status.Code.String()
}

// TestPolicyIsChangedAndBack lets any two organisations write, and then a
// majority again, while a node works. Each proof is judged by its own time.
func TestPolicyIsChangedAndBack(t *testing.T) {
	n := live(t)
	const refused, valid = "ENDORSEMENT_POLICY_FAILURE", "VALID"
	epochs := len(n.trust(t).Epochs)
	work := n.flows(t, "hospital-north")
	work.goesOn(t)
	d := n.newDevice(t, "hospital-south")
	south := n.node(t, "hospital-south", "auditor")
	bundle := func() []byte { return south.bundle(d.send(south, readings(1)).ID, 0) }
	two, one := []string{"hospital-south", "authority"}, []string{"hospital-south"}

	proofs := map[string][]byte{"before": bundle()}
	if got := n.endorsedBy(t, two...); got != refused {
		t.Errorf("endorsed by two of five under a majority: %s", got)
	}
	t.Cleanup(func() { // also when the test fails half-way
		if out, err := n.run(context.Background(), "network", "policy", "majority"); err != nil {
			t.Errorf("going back to a majority: %v\n%s", err, out)
		}
	})
	for _, step := range []string{"approving", "committing"} {
		n.runKilled(t, step, "network", "policy", "any-2")
	}
	t.Log(n.secant(t, "network", "policy", "any-2"))
	for want, by := range map[string][]string{valid: two, refused: one} {
		if got := n.endorsedBy(t, by...); got != want {
			t.Errorf("endorsed by %v under any two: %s, want %s", by, got, want)
		}
	}
	work.goesOn(t)
	proofs["meanwhile"] = bundle()
	if out := n.secant(t, "network", "policy", "any-2"); !strings.Contains(out, "nothing had to be done") {
		t.Errorf("the policy that holds was set again:\n%s", out)
	}

	n.runKilled(t, "committing", "network", "policy", "majority")
	t.Log(n.secant(t, "network", "policy", "majority"))
	if got := n.endorsedBy(t, two...); got != refused {
		t.Errorf("endorsed by two of five, a majority being needed again: %s", got)
	}
	work.goesOn(t)
	proofs["after"] = bundle()

	trust := n.trust(t)
	if got := len(trust.Epochs); got != epochs+2 {
		t.Errorf("the trust file has %d epochs more, want 2", got-epochs)
	}
	for when, b := range proofs {
		if out, err := n.verify(t, b); err != nil {
			t.Errorf("a proof made %s: %v\n%s", when, err, out)
		}
	}
	// A read is a majority's also where two may write: a trust file that knows
	// majorities alone finds nothing missing.
	for i := range trust.Epochs {
		trust.Epochs[i].Policy = ledger.PolicyMajority
	}
	v, err := proof.NewVerifier(trust)
	if err != nil {
		t.Fatal(err)
	}
	if verdict, err := v.VerifyJSON(proofs["meanwhile"]); err != nil || len(verdict.Witnesses) != 3 {
		t.Errorf("a proof made while two could write is not a majority's: %+v, %v", verdict, err)
	}
	work.owes(t, n, "medtech")
	n.hold(t)
}

// otherVersion copies the source of the chaincode and gives it another version,
// in which mark stands.
func otherVersion(tb testing.TB) (source, mark string) {
	tb.Helper()
	source, mark = tb.TempDir(), "-end-to-end"
	for _, part := range []string{"go.mod", "go.sum", "chaincode", "network"} {
		copyTree(tb, filepath.Join(source, part), filepath.Join("..", "..", part))
	}
	file := filepath.Join(source, "chaincode", "chaincode.go")
	before, rest, ok := strings.Cut(string(read(tb, file)), `const Version = "`)
	version, rest, closed := strings.Cut(rest, `"`)
	if !ok || !closed {
		tb.Fatal("the chaincode's version is not where it was")
	}
	changed := before + `const Version = "` + version + mark + `"` + rest
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		tb.Fatal(err)
	}
	return source, mark
}

// TestUpgradeWhileNodesWork brings another version of the chaincode to a network
// whose nodes are in use, and the present one back. Nobody is refused, and all
// that was acknowledged is there.
func TestUpgradeWhileNodesWork(t *testing.T) {
	n := live(t)
	source, mark := otherVersion(t)
	answers := func() string {
		b, err := n.contract(t, "medtech", "sharer").EvaluateTransaction("org.hyperledger.fabric:GetMetadata")
		if err != nil {
			t.Fatal(details(err))
		}
		return string(b)
	}
	t.Cleanup(func() { // also when the test fails half-way
		if out, err := n.run(context.Background(), "network", "upgrade"); err != nil {
			t.Errorf("going back to this source's chaincode: %v\n%s", err, out)
		}
	})
	upgrade := []string{"network", "upgrade", "--source", source}
	n.runKilled(t, "installing", upgrade...) // the building before it needs no company
	work := []*flow{n.flows(t, "hospital-north"), n.flows(t, "hospital-south")}
	for _, f := range work {
		f.goesOn(t)
	}
	for _, step := range []string{"approving", "committing"} {
		n.runKilled(t, step, upgrade...)
	}
	out := n.secant(t, upgrade...)
	t.Log(out)
	if !strings.Contains(answers(), mark) {
		t.Error("the chaincode that answers is not the new one")
	}
	for _, f := range work {
		f.goesOn(t)
	}
	if out := n.secant(t, upgrade...); !strings.Contains(out, "nothing had to be done") {
		t.Errorf("the chaincode that is there was deployed again:\n%s", out)
	}
	back := n.secant(t, "network", "upgrade")
	t.Log(back)
	if !strings.Contains(back, "before: version ") || !strings.Contains(back, "sequence ") {
		t.Errorf("it does not say what it found:\n%s", back)
	}
	if strings.Contains(answers(), mark) {
		t.Error("the chaincode that answers is not this source's")
	}
	for i, f := range work {
		f.goesOn(t)
		f.owes(t, n, []string{"medtech", "hospital-north"}[i])
		if _, failed := f.reports(); len(failed) > 0 {
			t.Errorf("%s refused %d reports, the first with: %s", f.org, len(failed), failed[0])
		}
	}
	n.hold(t)
}
