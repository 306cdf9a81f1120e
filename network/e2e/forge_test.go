package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// details renders an error of the gateway with what the peers said, which its
// own text leaves out.
func details(err error) string {
	var b strings.Builder
	b.WriteString(err.Error())
	for _, d := range status.Convert(err).Details() {
		if e, ok := d.(*gateway.ErrorDetail); ok {
			fmt.Fprintf(&b, "; %s: %s", e.GetMspId(), e.GetMessage())
		}
	}
	return b.String()
}

// endorseAt asks for endorsement of a proposal whose client claims a time that
// lies offset from now.
func (n *network) endorseAt(tb testing.TB, org, role string, offset time.Duration, name string, req any) error {
	tb.Helper()
	arg, err := json.Marshal(req)
	if err != nil {
		tb.Fatal(err)
	}
	gw := n.rawGateway(tb, org, role)
	honest, err := gw.GetNetwork("secant").GetContract("secant").NewProposal(name, client.WithArguments(string(arg)))
	if err != nil {
		tb.Fatal(err)
	}
	b, err := honest.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	var proposed gateway.ProposedTransaction
	var proposal peer.Proposal
	var header common.Header
	var channel common.ChannelHeader
	decode(tb, b, &proposed)
	decode(tb, proposed.GetProposal().GetProposalBytes(), &proposal)
	decode(tb, proposal.GetHeader(), &header)
	decode(tb, header.GetChannelHeader(), &channel)
	channel.Timestamp = timestamppb.New(time.Now().Add(offset))
	header.ChannelHeader = encode(tb, &channel)
	proposal.Header = encode(tb, &header)
	proposed.Proposal.ProposalBytes = encode(tb, &proposal)
	forged, err := gw.NewProposal(encode(tb, &proposed))
	if err != nil {
		tb.Fatal(err)
	}
	_, err = forged.EndorseWithContext(tb.Context())
	return err
}

func decode(tb testing.TB, b []byte, m proto.Message) {
	tb.Helper()
	if err := proto.Unmarshal(b, m); err != nil {
		tb.Fatal(err)
	}
}

func encode(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// signedRead takes a prepared transaction apart into what a bundle carries.
func signedRead(tb testing.TB, endorsed *client.Transaction) ledger.SignedRead {
	tb.Helper()
	b, err := endorsed.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	var prepared gateway.PreparedTransaction
	var payload common.Payload
	var tx peer.Transaction
	var action peer.ChaincodeActionPayload
	decode(tb, b, &prepared)
	decode(tb, prepared.GetEnvelope().GetPayload(), &payload)
	decode(tb, payload.GetData(), &tx)
	decode(tb, tx.GetActions()[0].GetPayload(), &action)
	read := ledger.SignedRead{
		ChannelHeader:   payload.GetHeader().GetChannelHeader(),
		SignatureHeader: payload.GetHeader().GetSignatureHeader(),
		Proposal:        action.GetChaincodeProposalPayload(),
		Response:        action.GetAction().GetProposalResponsePayload(),
	}
	for _, e := range action.GetAction().GetEndorsements() {
		read.Endorsements = append(read.Endorsements, ledger.Endorsement{Endorser: e.GetEndorser(), Signature: e.GetSignature()})
	}
	return read
}

// newLogKey makes the key pair of a log in note form.
func newLogKey(tb testing.TB, name string) (signer, verifier string) {
	tb.Helper()
	signer, verifier, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		tb.Fatal(err)
	}
	return signer, verifier
}

// logKey reads the signing key of an organisation's log, as a thief of its disk would.
func (n *network) logKey(tb testing.TB, org string) note.Signer {
	tb.Helper()
	var found note.Signer
	files, err := filepath.Glob(filepath.Join(n.dir, "nodes", org, "data", "log", "*"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range files {
		if strings.Contains(filepath.Base(f), "key") {
			if s, err := note.NewSigner(strings.TrimSpace(string(read(tb, f)))); err == nil {
				found = s
			}
		}
	}
	if found == nil {
		tb.Fatalf("no signing key among %v", files)
	}
	return found
}

// signCheckpoint signs a checkpoint of any tree (C2SP tlog-checkpoint).
func signCheckpoint(tb testing.TB, signer note.Signer, size uint64, root []byte) string {
	tb.Helper()
	text := fmt.Sprintf("%s\n%d\n%s\n", signer.Name(), size, base64.StdEncoding.EncodeToString(root))
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		tb.Fatal(err)
	}
	return string(signed)
}

// lastAnchor finds the newest anchor of an organisation's stream by asking the ledger.
func (n *network) lastAnchor(tb testing.TB, c *client.Contract, org string) ledger.Anchor {
	tb.Helper()
	var log struct {
		Stream string `json:"stream"`
	}
	n.node(tb, org, "auditor").call("GET", "/v1/log", nil, &log)
	has := func(sequence uint64) (ledger.Anchor, bool) {
		var view ledger.AnchorView
		err := rawEvaluate(tb, c, ledger.AnchorGet, ledger.GetAnchor{Stream: log.Stream, Sequence: sequence}, &view)
		return view.Anchor, err == nil
	}
	last, ok := has(0)
	if !ok {
		tb.Fatalf("%s has no anchor", org)
	}
	for step := uint64(1); step > 0; { // gallop, then walk
		if a, ok := has(last.Sequence + step); ok {
			last, step = a, step*2
		} else {
			step /= 2
		}
	}
	return last
}
