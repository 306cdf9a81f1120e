package channel

import (
	"context"
	"errors"
	"fmt"
	"time"

	admin "github.com/hyperledger/fabric-admin-sdk/pkg/channel"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/network/topology"
)

// Configuration is the channel's configuration as one of its blocks states it.
type Configuration struct {
	Config *common.Config
	Block  *common.Block
	Time   time.Time // when the orderer made the block's transaction
}

// ErrNoPeer means that no peer of the network could be asked.
var ErrNoPeer = errors.New("no peer of the network answers")

// Number is the height at which the configuration stands.
func (c *Configuration) Number() uint64 { return c.Block.GetHeader().GetNumber() }

// Bytes is the configuration block as an orderer joins with it.
func (c *Configuration) Bytes() ([]byte, error) {
	b, err := proto.Marshal(c.Block)
	if err != nil {
		return nil, fmt.Errorf("encoding a configuration block: %w", err)
	}
	return b, nil
}

// Newest returns the channel's newest configuration that any peer of the network
// knows. Peers that do not answer are passed over; when none does, the error is
// ErrNoPeer.
func Newest(ctx context.Context, n *topology.Network) (*Configuration, error) {
	var best *Configuration
	var last error
	for _, o := range n.Organisations {
		for _, p := range o.Peers {
			c, err := configurationOf(ctx, n, o, p)
			if err != nil {
				last = err
				continue
			}
			if best == nil || c.Config.GetSequence() > best.Config.GetSequence() {
				best = c
			}
		}
	}
	if best == nil {
		return nil, errors.Join(ErrNoPeer, last)
	}
	return best, nil
}

// configurationOf asks one peer. A peer whose port is closed is not waited for.
func configurationOf(ctx context.Context, n *topology.Network, o topology.Organisation, p topology.Peer) (*Configuration, error) {
	if !listening(ctx, p.Operations) {
		return nil, fmt.Errorf("%s does not run", p.Name)
	}
	peer, err := NewPeer(n, o, p)
	if err != nil {
		return nil, err
	}
	defer peer.Close()
	return peer.Configuration(ctx)
}

// Configuration asks the peer for the channel's newest configuration that it has
// committed.
func (p *Peer) Configuration(ctx context.Context) (*Configuration, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	block, err := admin.GetConfigBlock(ctx, p.Conn, p.Identity, p.channel)
	if err == nil && len(block.GetData().GetData()) == 0 {
		err = errors.New("it has none")
	}
	if err != nil {
		return nil, fmt.Errorf("asking %s for the channel's configuration: %w", p.Name, err)
	}
	c, err := ReadConfiguration(block)
	if err != nil {
		return nil, fmt.Errorf("reading the channel's configuration of %s: %w", p.Name, err)
	}
	return c, nil
}

// ReadConfiguration opens a configuration block.
func ReadConfiguration(block *common.Block) (*Configuration, error) {
	if len(block.GetData().GetData()) != 1 {
		return nil, errors.New("a configuration block holds one transaction")
	}
	var (
		envelope common.Envelope
		payload  common.Payload
		header   common.ChannelHeader
		config   common.ConfigEnvelope
	)
	if err := proto.Unmarshal(block.GetData().GetData()[0], &envelope); err != nil {
		return nil, fmt.Errorf("reading an envelope: %w", err)
	}
	if err := proto.Unmarshal(envelope.GetPayload(), &payload); err != nil {
		return nil, fmt.Errorf("reading a payload: %w", err)
	}
	if err := proto.Unmarshal(payload.GetHeader().GetChannelHeader(), &header); err != nil {
		return nil, fmt.Errorf("reading a channel header: %w", err)
	}
	if common.HeaderType(header.GetType()) != common.HeaderType_CONFIG {
		return nil, errors.New("it is no configuration block")
	}
	if err := proto.Unmarshal(payload.GetData(), &config); err != nil {
		return nil, fmt.Errorf("reading a configuration: %w", err)
	}
	if config.GetConfig().GetChannelGroup() == nil {
		return nil, errors.New("the configuration is empty")
	}
	return &Configuration{Config: config.GetConfig(), Block: block, Time: header.GetTimestamp().AsTime()}, nil
}
