package prooftest

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Read is a key in a read set; Absent when nothing stood there.
type Read struct {
	Key    ledger.Key
	Absent bool
}

// Call is an evaluation that peers endorsed. Consortium.Call fills it with what
// honest peers would have signed.
type Call struct {
	Type            common.HeaderType
	Channel         string
	HeaderChaincode string    // in the channel header's extension
	Chaincode       string    // that the proposal calls
	Answering       string    // in the response
	Namespace       string    // of the read set
	Again           string    // a second namespace with the same reads; none when empty
	Time            time.Time // the zero time: none
	Args            [][]byte  // function, then its argument
	Transient       map[string][]byte
	Init            bool // called as a chaincode's initialisation
	Status          int32
	Payload         []byte
	Reads           []Read
	Writes          []ledger.Key
	WritesElsewhere []ledger.Key // in the namespace of Fabric's own life cycle
	Event           []byte
	Endorsers       []*Identity
}

// Call returns the call of an evaluation as honest peers of the first majority
// of members would have signed it.
func (c *Consortium) Call(tb testing.TB, name string, request, response any, reads ...Read) *Call {
	tb.Helper()
	call := &Call{
		Type: common.HeaderType_ENDORSER_TRANSACTION, Channel: c.Channel,
		HeaderChaincode: c.Chaincode, Chaincode: c.Chaincode, Answering: c.Chaincode, Namespace: c.Chaincode,
		Time: Now, Args: [][]byte{[]byte(name), encode(tb, request)},
		Status: 200, Payload: encode(tb, response), Reads: reads,
	}
	for _, o := range c.Members[:len(c.Members)/2+1] {
		call.Endorsers = append(call.Endorsers, o.Peer)
	}
	return call
}

// AnchorCall returns the call of anchor:Get that answers with view.
func (c *Consortium) AnchorCall(tb testing.TB, view *ledger.AnchorView) *Call {
	tb.Helper()
	return c.Call(tb, ledger.AnchorGet,
		&ledger.GetAnchor{Stream: view.Anchor.Stream, Sequence: view.Anchor.Sequence}, view,
		Read{Key: view.Anchor.Key()}, Read{Key: view.Stream.Key()},
		Read{Key: ledger.EquivocationKey(view.Stream.ID), Absent: !view.Equivocated},
		Read{Key: ledger.AnchorKey(view.Stream.ID, view.Anchor.Sequence+1), Absent: view.Next.IsZero()})
}

// UnitCall returns the call of device:GetUnit that answers with unit.
func (c *Consortium) UnitCall(tb testing.TB, unit *ledger.Unit) *Call {
	tb.Helper()
	return c.Call(tb, ledger.DeviceGetUnit, &ledger.GetUnit{ID: unit.ID}, unit, Read{Key: unit.Key()})
}

func encode(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Sign has the endorsers sign the call.
func (c *Call) Sign(tb testing.TB) *ledger.SignedRead {
	tb.Helper()
	var stamp *timestamppb.Timestamp
	if !c.Time.IsZero() {
		stamp = timestamppb.New(c.Time)
	}
	sr := &ledger.SignedRead{
		ChannelHeader: marshal(tb, &common.ChannelHeader{
			Type: int32(c.Type), Timestamp: stamp, ChannelId: c.Channel, TxId: "0",
			Extension: marshal(tb, &peer.ChaincodeHeaderExtension{ChaincodeId: &peer.ChaincodeID{Name: c.HeaderChaincode}}),
		}),
		SignatureHeader: marshal(tb, &common.SignatureHeader{Creator: []byte("a client"), Nonce: []byte("a nonce")}),
		Proposal: marshal(tb, &peer.ChaincodeProposalPayload{
			Input: marshal(tb, &peer.ChaincodeInvocationSpec{ChaincodeSpec: &peer.ChaincodeSpec{
				Type: peer.ChaincodeSpec_GOLANG, ChaincodeId: &peer.ChaincodeID{Name: c.Chaincode},
				Input: &peer.ChaincodeInput{Args: c.Args, IsInit: c.Init},
			}}),
			TransientMap: c.Transient,
		}),
	}
	h := sha256.New()
	h.Write(sr.ChannelHeader)
	h.Write(sr.SignatureHeader)
	h.Write(sr.Proposal)
	sr.Response = marshal(tb, &peer.ProposalResponsePayload{
		ProposalHash: h.Sum(nil),
		Extension: marshal(tb, &peer.ChaincodeAction{
			Results: c.results(tb), Events: c.Event, ChaincodeId: &peer.ChaincodeID{Name: c.Answering},
			Response: &peer.Response{Status: c.Status, Payload: c.Payload},
		}),
	})
	for _, id := range c.Endorsers {
		endorser := id.Serialized(tb)
		sr.Endorsements = append(sr.Endorsements, ledger.Endorsement{
			Endorser: endorser, Signature: id.Sign(tb, append(append([]byte{}, sr.Response...), endorser...)),
		})
	}
	return sr
}

// results encodes the read and write sets as a peer's simulator does, with the
// read of the chaincode's definition that Fabric adds.
func (c *Call) results(tb testing.TB) []byte {
	tb.Helper()
	own := &kvrwset.KVRWSet{}
	for _, r := range c.Reads {
		read := &kvrwset.KVRead{Key: stateKey(r.Key)}
		if !r.Absent {
			read.Version = &kvrwset.Version{BlockNum: 12, TxNum: 3}
		}
		own.Reads = append(own.Reads, read)
	}
	for _, k := range c.Writes {
		own.Writes = append(own.Writes, &kvrwset.KVWrite{Key: stateKey(k), Value: []byte("{}")})
	}
	definition := &kvrwset.KVRWSet{Reads: []*kvrwset.KVRead{
		{Key: "namespaces/fields/" + c.Chaincode + "/Sequence", Version: &kvrwset.Version{BlockNum: 6}},
	}}
	for _, k := range c.WritesElsewhere {
		definition.Writes = append(definition.Writes, &kvrwset.KVWrite{Key: stateKey(k), Value: []byte("{}")})
	}
	set := &rwset.TxReadWriteSet{DataModel: rwset.TxReadWriteSet_KV}
	for _, ns := range []struct {
		name string
		kv   proto.Message
	}{{"_lifecycle", definition}, {c.Namespace, own}, {c.Again, own}} {
		if ns.name == "" {
			continue
		}
		set.NsRwset = append(set.NsRwset, &rwset.NsReadWriteSet{Namespace: ns.name, Rwset: marshal(tb, ns.kv)})
	}
	return marshal(tb, set)
}

// stateKey is Fabric's composite key.
func stateKey(k ledger.Key) string {
	return "\x00" + strings.Join(append([]string{string(k.Type)}, k.Parts...), "\x00") + "\x00"
}
