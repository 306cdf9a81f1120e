package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"sync"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// fakePeer serves a peer's gateway and delivery over TLS; what it answers is in
// its functions, those that are nil answer well.
type fakePeer struct {
	gateway.UnimplementedGatewayServer
	peer.UnimplementedDeliverServer

	org     string
	address string
	root    []byte

	mu       sync.Mutex
	calls    []string // methods, in order
	endorse  func(*gateway.EndorseRequest) (*common.Envelope, error)
	evaluate func(*gateway.EvaluateRequest) ([]byte, error)
	submit   func() error
	status   func(context.Context) (*gateway.CommitStatusResponse, error)
	blocks   []*common.Block
}

func newPeer(t *testing.T, org string) *fakePeer {
	t.Helper()
	root, key := certificate(t, org)
	pair, err := tls.X509KeyPair(root, keyPEM(t, key))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &fakePeer{org: org, address: listener.Addr().String(), root: root}
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&pair)))
	gateway.RegisterGatewayServer(server, p)
	peer.RegisterDeliverServer(server, p)
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() { server.Stop(); served.Wait() })
	return p
}

// script changes what the peer answers while it runs.
func (p *fakePeer) script(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// called notes a call and returns what to answer it with.
func called[F any](p *fakePeer, method string, answer *F) F {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, method)
	return *answer
}

// taken returns the calls since the last time.
func (p *fakePeer) taken() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	calls := p.calls
	p.calls = nil
	return calls
}

func (p *fakePeer) Endorse(_ context.Context, r *gateway.EndorseRequest) (*gateway.EndorseResponse, error) {
	answer := called(p, "endorse", &p.endorse)
	if answer == nil {
		return nil, status.Error(codes.Unimplemented, "no endorsement scripted")
	}
	envelope, err := answer(r)
	return &gateway.EndorseResponse{PreparedTransaction: envelope}, err
}

func (p *fakePeer) Evaluate(_ context.Context, r *gateway.EvaluateRequest) (*gateway.EvaluateResponse, error) {
	answer := called(p, "evaluate", &p.evaluate)
	if answer == nil {
		return nil, status.Error(codes.Unimplemented, "no evaluation scripted")
	}
	payload, err := answer(r)
	return &gateway.EvaluateResponse{Result: &peer.Response{Status: 200, Payload: payload}}, err
}

func (p *fakePeer) Submit(context.Context, *gateway.SubmitRequest) (*gateway.SubmitResponse, error) {
	if answer := called(p, "submit", &p.submit); answer != nil {
		return &gateway.SubmitResponse{}, answer()
	}
	return &gateway.SubmitResponse{}, nil
}

func (p *fakePeer) CommitStatus(ctx context.Context, _ *gateway.SignedCommitStatusRequest) (*gateway.CommitStatusResponse, error) {
	if answer := called(p, "status", &p.status); answer != nil {
		return answer(ctx)
	}
	return &gateway.CommitStatusResponse{BlockNumber: 9}, nil
}

// Deliver sends the blocks that there are and waits for the client to leave.
func (p *fakePeer) Deliver(stream grpc.BidiStreamingServer[common.Envelope, peer.DeliverResponse]) error {
	blocks := called(p, "deliver", &p.blocks)
	envelope, err := stream.Recv()
	if err != nil {
		return err
	}
	var payload common.Payload
	var seek orderer.SeekInfo
	if err := proto.Unmarshal(envelope.GetPayload(), &payload); err != nil {
		return err
	}
	if err := proto.Unmarshal(payload.GetData(), &seek); err != nil {
		return err
	}
	if len(envelope.GetSignature()) == 0 {
		return stream.Send(&peer.DeliverResponse{Type: &peer.DeliverResponse_Status{Status: common.Status_FORBIDDEN}})
	}
	for _, b := range blocks {
		if b.GetHeader().GetNumber() < seek.GetStart().GetSpecified().GetNumber() {
			continue
		}
		if err := stream.Send(&peer.DeliverResponse{Type: &peer.DeliverResponse_Block{Block: b}}); err != nil {
			return err
		}
	}
	<-stream.Context().Done()
	return nil
}

// approve endorses whatever is proposed, as the peers of these organisations.
func approve(t *testing.T, endorsers ...*endorser) func(*gateway.EndorseRequest) (*common.Envelope, error) {
	t.Helper()
	return func(r *gateway.EndorseRequest) (*common.Envelope, error) {
		return endorsed(t, r, nil, endorsers...), nil
	}
}

// endorsed makes the prepared transaction of a proposal, as a gateway does; bend
// changes it before it is encoded.
func endorsed(t *testing.T, r *gateway.EndorseRequest, bend func(*peer.ChaincodeEndorsedAction), endorsers ...*endorser) *common.Envelope {
	t.Helper()
	var (
		proposal peer.Proposal
		header   common.Header
	)
	if err := proto.Unmarshal(r.GetProposedTransaction().GetProposalBytes(), &proposal); err != nil {
		t.Error(err)
	}
	if err := proto.Unmarshal(proposal.GetHeader(), &header); err != nil {
		t.Error(err)
	}
	// What is transient is no part of what endorsers hash and orderers get.
	var seen peer.ChaincodeProposalPayload
	if err := proto.Unmarshal(proposal.GetPayload(), &seen); err != nil {
		t.Error(err)
	}
	payload := encode(t, &peer.ChaincodeProposalPayload{Input: seen.GetInput()})
	c := shared()
	response := c.response(t, header.GetChannelHeader(), header.GetSignatureHeader(), payload)
	action := &peer.ChaincodeEndorsedAction{ProposalResponsePayload: response}
	for _, e := range endorsers {
		action.Endorsements = append(action.Endorsements, e.endorse(t, response))
	}
	if bend != nil {
		bend(action)
	}
	return &common.Envelope{Payload: encode(t, &common.Payload{Header: &header, Data: encode(t, &peer.Transaction{
		Actions: []*peer.TransactionAction{{Header: header.GetSignatureHeader(), Payload: encode(t, &peer.ChaincodeActionPayload{
			ChaincodeProposalPayload: payload, Action: action,
		})}},
	})})}
}

// member is the configuration of a client of hospital-north with these peers.
func member(t *testing.T, peers ...*fakePeer) Config {
	t.Helper()
	cert, key := certificate(t, "hospital-north")
	cfg := Config{
		Organisation: "hospital-north", Channel: "secant",
		Identities: map[ledger.Role]Identity{ledger.RoleSharer: {Certificate: cert, Key: keyPEM(t, key)}},
	}
	for _, p := range peers {
		cfg.Peers = append(cfg.Peers, Peer{Name: p.address, Organisation: p.org, Address: p.address, TLSRoot: p.root})
	}
	return cfg
}

func clientOf(t *testing.T, cfg Config, opts ...Option) *Client {
	t.Helper()
	c, err := Connect(t.Context(), cfg, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// nobody is a peer that does not run: its port is closed.
func nobody(t *testing.T, org string) *fakePeer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	root, _ := certificate(t, org)
	return &fakePeer{org: org, address: listener.Addr().String(), root: root}
}

func jsonOf(v any) func(*gateway.EvaluateRequest) ([]byte, error) {
	return func(*gateway.EvaluateRequest) ([]byte, error) { return json.Marshal(v) }
}
