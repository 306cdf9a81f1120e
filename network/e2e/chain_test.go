package e2e

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"regexp"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// blocks reads the whole channel from one peer, from the first block to the
// newest, and checks that none is missing.
func (n *network) blocks(tb testing.TB, org string) []*common.Block {
	tb.Helper()
	network := n.rawGateway(tb, org, "sharer").GetNetwork("secant")
	b, err := network.GetContract("qscc").EvaluateTransaction("GetChainInfo", "secant")
	if err != nil {
		tb.Fatal(details(err))
	}
	var info common.BlockchainInfo
	decode(tb, b, &info)
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	events, err := network.BlockEvents(ctx, client.WithStartBlock(0))
	if err != nil {
		tb.Fatal(details(err))
	}
	var out []*common.Block
	for uint64(len(out)) < info.GetHeight() {
		block, ok := <-events
		if !ok {
			tb.Fatalf("the blocks end after %d of %d", len(out), info.GetHeight())
		}
		if block.GetHeader().GetNumber() != uint64(len(out)) {
			tb.Fatalf("block %d comes as number %d", block.GetHeader().GetNumber(), len(out))
		}
		out = append(out, block)
	}
	return out
}

// part is a piece of a block that has a meaning of its own.
type part struct {
	block uint64
	name  string // argument, written key, written value, event, ...
	b     []byte
}

// parts takes blocks apart: all that transactions consist of, down to each
// argument, write and event, and each block as it is.
func parts(tb testing.TB, blocks []*common.Block) []part {
	tb.Helper()
	var out []part
	for _, block := range blocks {
		add := func(name string, b []byte) { out = append(out, part{block.GetHeader().GetNumber(), name, b}) }
		add("the whole block", encode(tb, block))
		for _, raw := range block.GetData().GetData() {
			var envelope common.Envelope
			var payload common.Payload
			var header common.ChannelHeader
			var signer common.SignatureHeader
			decode(tb, raw, &envelope)
			decode(tb, envelope.GetPayload(), &payload)
			decode(tb, payload.GetHeader().GetChannelHeader(), &header)
			decode(tb, payload.GetHeader().GetSignatureHeader(), &signer)
			if header.GetType() == int32(common.HeaderType_CONFIG) {
				continue // rendered by configtxgen from the organisations' certificates
			}
			add("creator", signer.GetCreator())
			var tx peer.Transaction
			decode(tb, payload.GetData(), &tx)
			for _, action := range tx.GetActions() {
				addAction(tb, action, add)
			}
		}
	}
	return out
}

func addAction(tb testing.TB, action *peer.TransactionAction, add func(string, []byte)) {
	tb.Helper()
	var payload peer.ChaincodeActionPayload
	var proposal peer.ChaincodeProposalPayload
	var call peer.ChaincodeInvocationSpec
	var response peer.ProposalResponsePayload
	var result peer.ChaincodeAction
	var event peer.ChaincodeEvent
	var set rwset.TxReadWriteSet
	decode(tb, action.GetPayload(), &payload)
	decode(tb, payload.GetChaincodeProposalPayload(), &proposal)
	if len(proposal.GetTransientMap()) > 0 {
		add("a transient map, which must not stand here", encode(tb, &proposal))
	}
	decode(tb, proposal.GetInput(), &call)
	for _, argument := range call.GetChaincodeSpec().GetInput().GetArgs() {
		add("argument", argument)
	}
	decode(tb, payload.GetAction().GetProposalResponsePayload(), &response)
	decode(tb, response.GetExtension(), &result)
	add("response", result.GetResponse().GetPayload())
	decode(tb, result.GetEvents(), &event)
	add("event", event.GetPayload())
	decode(tb, result.GetResults(), &set)
	for _, space := range set.GetNsRwset() {
		var kv kvrwset.KVRWSet
		decode(tb, space.GetRwset(), &kv)
		for _, r := range kv.GetReads() {
			add("read key", []byte(r.GetKey()))
		}
		for _, w := range kv.GetWrites() {
			add("written key", []byte(w.GetKey()))
			add("written value", w.GetValue())
		}
	}
	for _, e := range payload.GetAction().GetEndorsements() {
		add("endorser", e.GetEndorser())
	}
}

// scan looks for marked values in every part and says what it found, each once,
// without repeating the value.
func scan(f *finder, all []part) []string {
	seen := map[string]bool{}
	var out []string
	for _, p := range all {
		f.everywhere(p.b, func(n needle) {
			line := fmt.Sprintf("%s, %s, in a transaction's %s", n.what, n.form, p.name)
			if !seen[line] {
				seen[line] = true
				out = append(out, fmt.Sprintf("%s (block %d)", line, p.block))
			}
		})
	}
	return out
}

// Names that certificates may bear: a role or the administrator of an
// organisation, or one of its machines.
var (
	machine   = regexp.MustCompile(`^(orderer|peer\d+)-(.+)$`)
	roleNames = func() map[string]bool {
		out := map[string]bool{"admin": true}
		for _, r := range ledger.Roles {
			out[string(r)] = true
		}
		return out
	}()
	attributeOID = asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}
)

// impersonal wants a creator or endorser to be an organisation's role or machine
// and its certificate to say nothing else of its subject.
func impersonal(identity []byte) error {
	var id msp.SerializedIdentity
	if err := proto.Unmarshal(identity, &id); err != nil {
		return fmt.Errorf("no identity: %w", err)
	}
	cert, err := x509.ParseCertificate(pemBytes(id.GetIdBytes()))
	if err != nil {
		return fmt.Errorf("no certificate: %w", err)
	}
	org, s := id.GetMspid(), cert.Subject
	name, of, _ := bytes.Cut([]byte(s.CommonName), []byte("@"))
	m := machine.FindStringSubmatch(s.CommonName)
	switch {
	case !(roleNames[string(name)] && string(of) == org) && !(m != nil && m[2] == org):
		return fmt.Errorf("the subject is called otherwise than a role or a machine of %s", org)
	case len(s.Names) != len(s.Organization)+len(s.OrganizationalUnit)+1 || len(s.Organization) != 1 || s.Organization[0] != org || len(s.OrganizationalUnit) > 1:
		return fmt.Errorf("the subject says more than organisation, unit and name: %d parts", len(s.Names))
	case len(cert.EmailAddresses)+len(cert.URIs)+len(cert.IPAddresses)+len(cert.DNSNames) > 0:
		return fmt.Errorf("a certificate of %s has other names", org)
	}
	for _, e := range cert.Extensions {
		if !e.Id.Equal(attributeOID) {
			continue
		}
		var a struct {
			Attrs map[string]string `json:"attrs"`
		}
		if err := json.Unmarshal(e.Value, &a); err != nil || len(a.Attrs) != 1 || !roleNames[a.Attrs[ledger.RoleAttribute]] {
			return fmt.Errorf("a certificate of %s has other attributes than a role", org)
		}
	}
	return nil
}

func pemBytes(b []byte) []byte {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil
	}
	return block.Bytes
}
