package channel

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	admin "github.com/hyperledger/fabric-admin-sdk/pkg/channel"
	"github.com/hyperledger/fabric-admin-sdk/pkg/identity"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

// largest message to or from a peer, in bytes: a chaincode package must fit.
const largest = 100 << 20

// Peer is a connection to one peer as its organisation's administrator.
type Peer struct {
	Organisation string
	Name         string
	Conn         *grpc.ClientConn
	Identity     identity.SigningIdentity

	channel string
}

// NewPeer prepares a connection; nothing is sent before the first call.
func NewPeer(n *topology.Network, o topology.Organisation, p topology.Peer) (*Peer, error) {
	dir := n.AdminDir(o.ID)
	cert, err := identity.ReadCertificate(filepath.Join(dir, material.CertFile))
	if err != nil {
		return nil, fmt.Errorf("loading the administrator of %s: %w", o.ID, err)
	}
	key, err := identity.ReadPrivateKey(filepath.Join(dir, material.KeyFile))
	if err != nil {
		return nil, fmt.Errorf("loading the administrator of %s: %w", o.ID, err)
	}
	id, err := identity.NewPrivateKeySigningIdentity(o.ID, cert, key)
	if err != nil {
		return nil, fmt.Errorf("loading the administrator of %s: %w", o.ID, err)
	}
	var roots *x509.CertPool
	if roots, err = pool(n.TLSRoot(o.ID)); err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(topology.Address(p.Port),
		grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, "")),
		// A peer that is starting is asked again soon, not after a minute.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 500 * time.Millisecond},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largest), grpc.MaxCallSendMsgSize(largest)),
	)
	if err != nil {
		return nil, fmt.Errorf("preparing the connection to %s: %w", p.Name, err)
	}
	return &Peer{Organisation: o.ID, Name: p.Name, Conn: conn, Identity: id, channel: n.Channel}, nil
}

// Close ends the connection.
func (p *Peer) Close() error {
	if err := p.Conn.Close(); err != nil {
		return fmt.Errorf("closing the connection to %s: %w", p.Name, err)
	}
	return nil
}

// Gateway returns a client of the peer's gateway service; closing it leaves the
// connection open.
func (p *Peer) Gateway() (*client.Gateway, error) {
	g, err := client.Connect(p.Identity,
		client.WithSign(p.Identity.Sign),
		// The identity hashes before it signs.
		client.WithHash(hash.NONE),
		client.WithClientConnection(p.Conn),
	)
	if err != nil {
		return nil, fmt.Errorf("opening the gateway of %s: %w", p.Name, err)
	}
	return g, nil
}

// Joined asks whether the peer has the channel. Any answer at all means that
// the peer is up.
func (p *Peer) Joined(ctx context.Context) (bool, error) {
	list, err := admin.ListChannelOnPeer(ctx, p.Conn, p.Identity)
	if err != nil {
		return false, fmt.Errorf("asking %s for its channels: %w", p.Name, err)
	}
	for _, c := range list {
		if c.GetChannelId() == p.channel {
			return true, nil
		}
	}
	return false, nil
}

// Join gives a peer that has not joined the channel's first block.
func (p *Peer) Join(ctx context.Context, genesis []byte) error {
	block := &common.Block{}
	if err := proto.Unmarshal(genesis, block); err != nil {
		return fmt.Errorf("reading the first block: %w", err)
	}
	if err := admin.JoinChannel(ctx, p.Conn, p.Identity, block); err != nil {
		return fmt.Errorf("joining %s to the channel: %w", p.Name, err)
	}
	return nil
}

// ReadGenesis reads the channel's first block.
func ReadGenesis(n *topology.Network) ([]byte, error) {
	b, err := os.ReadFile(n.GenesisFile())
	if err != nil {
		return nil, fmt.Errorf("reading the first block: %w", err)
	}
	return b, nil
}
