package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// The helpers of this file make Fabric's messages as its own programs would.

func encode(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// call is an endorsed transaction in the making.
type call struct {
	channel   string
	chaincode string // what the header names, and so what ran
	spec      string // what the invocation names; chaincode when empty
	tx        string
	creator   string
	time      time.Time
	args      []string
	status    int32
	payload   string
	event     *peer.ChaincodeEvent
	writes    map[string][]*kvrwset.KVWrite // by namespace
	actions   int                           // 1 when zero
}

func shared() call {
	return call{
		channel: "secant", chaincode: "secant", tx: "a1", creator: "hospital-north",
		time: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), args: []string{ledger.ThreatShare, `{"digest":"00"}`},
		status: 200, payload: `{"digest":"00"}`,
		event:  event(ledger.EventThreatShared, "thr", "00"),
		writes: map[string][]*kvrwset.KVWrite{"secant": {{Key: "\x00thr\x0000\x00", Value: []byte(`{"v":1}`)}}},
	}
}

func event(kind ledger.EventKind, key ...string) *peer.ChaincodeEvent {
	b, err := json.Marshal(ledger.Event{V: 1, Kind: kind, Key: key, Tx: "a1", Subjects: []string{"hospital-north"}})
	if err != nil {
		panic(err)
	}
	return &peer.ChaincodeEvent{ChaincodeId: "secant", TxId: "a1", EventName: string(kind), Payload: b}
}

// parts are the bytes that endorsers hash and sign.
func (c call) parts(tb testing.TB) (channelHeader, signatureHeader, proposal, response []byte) {
	tb.Helper()
	channelHeader = encode(tb, &common.ChannelHeader{
		Type: int32(common.HeaderType_ENDORSER_TRANSACTION), ChannelId: c.channel, TxId: c.tx, Timestamp: timestamppb.New(c.time),
		Extension: encode(tb, &peer.ChaincodeHeaderExtension{ChaincodeId: &peer.ChaincodeID{Name: c.chaincode}}),
	})
	signatureHeader = encode(tb, &common.SignatureHeader{
		Creator: encode(tb, &msp.SerializedIdentity{Mspid: c.creator, IdBytes: []byte("certificate")}), Nonce: []byte("nonce"),
	})
	if c.spec == "" {
		c.spec = c.chaincode
	}
	input := &peer.ChaincodeInput{}
	for _, a := range c.args {
		input.Args = append(input.Args, []byte(a))
	}
	proposal = encode(tb, &peer.ChaincodeProposalPayload{Input: encode(tb, &peer.ChaincodeInvocationSpec{
		ChaincodeSpec: &peer.ChaincodeSpec{ChaincodeId: &peer.ChaincodeID{Name: c.spec}, Input: input},
	})})
	return channelHeader, signatureHeader, proposal, c.response(tb, channelHeader, signatureHeader, proposal)
}

func (c call) response(tb testing.TB, hashed ...[]byte) []byte {
	tb.Helper()
	set := &rwset.TxReadWriteSet{DataModel: rwset.TxReadWriteSet_KV}
	for _, ns := range []string{"_lifecycle", "other", "secant"} { // sorted, as peers do
		if w, ok := c.writes[ns]; ok {
			set.NsRwset = append(set.NsRwset, &rwset.NsReadWriteSet{Namespace: ns, Rwset: encode(tb, &kvrwset.KVRWSet{Writes: w})})
		}
	}
	action := &peer.ChaincodeAction{
		Results:     encode(tb, set),
		Response:    &peer.Response{Status: c.status, Payload: []byte(c.payload)},
		ChaincodeId: &peer.ChaincodeID{Name: c.chaincode, Version: "1"},
	}
	if c.event != nil {
		action.Events = encode(tb, c.event)
	}
	h := sha256.New()
	for _, b := range hashed {
		h.Write(b)
	}
	return encode(tb, &peer.ProposalResponsePayload{ProposalHash: h.Sum(nil), Extension: encode(tb, action)})
}

// envelope is the transaction as it is sent to the orderers.
func (c call) envelope(tb testing.TB, endorsers ...*endorser) *common.Envelope {
	tb.Helper()
	channelHeader, signatureHeader, proposal, response := c.parts(tb)
	endorsed := &peer.ChaincodeEndorsedAction{ProposalResponsePayload: response}
	for _, e := range endorsers {
		endorsed.Endorsements = append(endorsed.Endorsements, e.endorse(tb, response))
	}
	action := &peer.TransactionAction{
		Header:  signatureHeader,
		Payload: encode(tb, &peer.ChaincodeActionPayload{ChaincodeProposalPayload: proposal, Action: endorsed}),
	}
	tx := &peer.Transaction{}
	for range max(c.actions, 1) {
		tx.Actions = append(tx.Actions, action)
	}
	return &common.Envelope{Payload: encode(tb, &common.Payload{
		Header: &common.Header{ChannelHeader: channelHeader, SignatureHeader: signatureHeader},
		Data:   encode(tb, tx),
	})}
}

// configuration is the envelope of a change to the channel's configuration.
func configuration(tb testing.TB) []byte {
	tb.Helper()
	return encode(tb, &common.Envelope{Payload: encode(tb, &common.Payload{
		Header: &common.Header{
			ChannelHeader: encode(tb, &common.ChannelHeader{
				Type: int32(common.HeaderType_CONFIG), ChannelId: "secant",
				Timestamp: timestamppb.New(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)),
			}),
			SignatureHeader: encode(tb, &common.SignatureHeader{
				Creator: encode(tb, &msp.SerializedIdentity{Mspid: "authority"}),
			}),
		},
		Data: []byte("a configuration"),
	})})
}

// verdict is a transaction in a block with the peers' verdict on it.
type verdict struct {
	envelope []byte
	code     peer.TxValidationCode
}

func valid(b []byte) verdict { return verdict{b, peer.TxValidationCode_VALID} }

// newBlock makes the block that follows the one with that hash.
func newBlock(tb testing.TB, number uint64, previous []byte, txs ...verdict) *common.Block {
	tb.Helper()
	var flags []byte
	data := &common.BlockData{}
	for _, v := range txs {
		data.Data = append(data.Data, v.envelope)
		flags = append(flags, byte(v.code))
	}
	return &common.Block{
		Header:   &common.BlockHeader{Number: number, PreviousHash: previous, DataHash: dataHash(data.GetData())},
		Data:     data,
		Metadata: &common.BlockMetadata{Metadata: [][]byte{{}, {}, flags, {}, {}}},
	}
}

// chain makes so many blocks, each with one transaction.
func chain(tb testing.TB, length int) []*common.Block {
	tb.Helper()
	var out []*common.Block
	var previous []byte
	for n := range length {
		b := newBlock(tb, uint64(n), previous, valid(encode(tb, shared().envelope(tb))))
		var err error
		if previous, err = headerHash(b.GetHeader()); err != nil {
			tb.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// endorser is a peer's signing identity.
type endorser struct {
	identity []byte
	key      *ecdsa.PrivateKey
}

func newEndorser(tb testing.TB, org string) *endorser {
	tb.Helper()
	cert, key := certificate(tb, org)
	return &endorser{identity: encode(tb, &msp.SerializedIdentity{Mspid: org, IdBytes: cert}), key: key}
}

func (e *endorser) endorse(tb testing.TB, response []byte) *peer.Endorsement {
	tb.Helper()
	sum := sha256.Sum256(append(append([]byte{}, response...), e.identity...))
	signature, err := ecdsa.SignASN1(rand.Reader, e.key, sum[:])
	if err != nil {
		tb.Fatal(err)
	}
	return &peer.Endorsement{Endorser: e.identity, Signature: signature}
}

// certificate makes a self-signed certificate that also serves TLS on loopback.
func certificate(tb testing.TB, org string) ([]byte, *ecdsa.PrivateKey) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "peer0." + org},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:        true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key
}

func keyPEM(tb testing.TB, key *ecdsa.PrivateKey) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
