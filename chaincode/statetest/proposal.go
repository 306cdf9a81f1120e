package statetest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Proposal is what a client asks peers to simulate.
type Proposal struct {
	Client    *Identity
	Creator   []byte // when there is no Client: the creator's bytes as they are, or nil
	Name      string
	Request   any               // encoded as JSON
	Args      []string          // the arguments as they are, instead of Request
	Transient map[string][]byte // what peers see and nobody stores
	Time      time.Time         // claimed; the ledger's clock when zero
	Height    uint64            // simulate on the state after so many blocks, as a peer that lags does; 0: all
}

// proposal is a Proposal in Fabric's bytes.
type proposal struct {
	tx              string
	org             string
	name            string
	args            [][]byte
	creator         []byte
	time            *timestamppb.Timestamp
	channelHeader   []byte
	signatureHeader []byte
	payload         []byte
	transient       map[string][]byte // no part of what is signed or ordered
}

func (l *Ledger) propose(p Proposal) (*proposal, error) {
	out := &proposal{name: p.Name, creator: p.Creator, args: [][]byte{[]byte(p.Name)}, transient: p.Transient}
	if p.Client != nil {
		out.creator, out.org = p.Client.creator, p.Client.Org
	}
	if p.Time.IsZero() {
		p.Time = l.Now()
	}
	out.time = timestamppb.New(p.Time)
	if p.Args == nil {
		b, err := json.Marshal(p.Request)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		p.Args = []string{string(b)}
	}
	for _, a := range p.Args {
		out.args = append(out.args, []byte(a))
	}
	return out, out.encode(l.nextNonce())
}

func (l *Ledger) nextNonce() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nonce++
	return binary.BigEndian.AppendUint64(make([]byte, 16), l.nonce)
}

func (p *proposal) encode(nonce []byte) error {
	sum := sha256.Sum256(append(append([]byte{}, nonce...), p.creator...))
	p.tx = hex.EncodeToString(sum[:])
	cc := &peer.ChaincodeID{Name: ledger.ChaincodeName}
	extension, err := proto.Marshal(&peer.ChaincodeHeaderExtension{ChaincodeId: cc})
	if err != nil {
		return fmt.Errorf("encoding the header: %w", err)
	}
	p.channelHeader, err = proto.Marshal(&common.ChannelHeader{
		Type: int32(common.HeaderType_ENDORSER_TRANSACTION), Timestamp: p.time,
		ChannelId: Channel, TxId: p.tx, Extension: extension,
	})
	if err != nil {
		return fmt.Errorf("encoding the header: %w", err)
	}
	p.signatureHeader, err = proto.Marshal(&common.SignatureHeader{Creator: p.creator, Nonce: nonce})
	if err != nil {
		return fmt.Errorf("encoding the header: %w", err)
	}
	input, err := proto.Marshal(&peer.ChaincodeInvocationSpec{ChaincodeSpec: &peer.ChaincodeSpec{
		ChaincodeId: cc, Input: &peer.ChaincodeInput{Args: p.args},
	}})
	if err != nil {
		return fmt.Errorf("encoding the proposal: %w", err)
	}
	p.payload, err = proto.Marshal(&peer.ChaincodeProposalPayload{Input: input})
	if err != nil {
		return fmt.Errorf("encoding the proposal: %w", err)
	}
	return nil
}

// hash returns what endorsers sign as the proposal's hash.
func (p *proposal) hash() []byte {
	h := sha256.New()
	h.Write(p.channelHeader)
	h.Write(p.signatureHeader)
	h.Write(p.payload)
	return h.Sum(nil)
}
