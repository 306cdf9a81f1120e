package client

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// BlockError is the fatal error of [Client.Follow]: a block that is malformed,
// out of order, or does not continue the chain that was followed. Nothing that
// such a peer says may enter a read model.
type BlockError struct {
	Number uint64 // the block that was expected
	Reason error
}

// Error says which block and why.
func (e *BlockError) Error() string {
	return fmt.Sprintf("block %d cannot be trusted: %v", e.Number, e.Reason)
}

// Unwrap gives the reason.
func (e *BlockError) Unwrap() error { return e.Reason }

// reader turns Fabric's blocks into the ledger's.
type reader struct {
	channel   string
	chaincode string
}

// block reads one block. Whatever stands in transactions that the peers found
// invalid was put there by any member, unchecked: of those, what cannot be read
// is left empty. What the peers found valid must be readable.
func (r reader) block(b *common.Block) (*ledger.Block, error) {
	header, data := b.GetHeader(), b.GetData().GetData()
	if header == nil || len(data) == 0 {
		return nil, errors.New("it has no header or no transactions")
	}
	if !bytes.Equal(header.GetDataHash(), dataHash(data)) {
		return nil, errors.New("its transactions are not those that its header names")
	}
	flags, err := validity(b.GetMetadata(), len(data))
	if err != nil {
		return nil, err
	}
	hash, err := headerHash(header)
	if err != nil {
		return nil, err
	}
	out := &ledger.Block{Number: header.GetNumber(), Hash: hash, Previous: header.GetPreviousHash(), Txs: make([]ledger.Tx, len(data))}
	for i, envelope := range data {
		tx, err := r.tx(envelope)
		valid := peer.TxValidationCode(flags[i]) == peer.TxValidationCode_VALID
		if valid && err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i, err)
		}
		if !valid {
			tx.Event, tx.Writes = nil, nil
		}
		if len(tx.Writes) == 0 {
			// Only contracts compare the claimed time with the endorsers' clocks,
			// and all that they do is write: a call of the framework's own
			// functions, or of another chaincode, may claim any time.
			tx.Time = time.Time{}
		}
		tx.Valid = valid
		out.Txs[i] = tx
	}
	return out, nil
}

// validity returns the peers' verdict on each transaction, which stands in the
// block's metadata.
func validity(m *common.BlockMetadata, txs int) ([]byte, error) {
	const index = common.BlockMetadataIndex_TRANSACTIONS_FILTER
	if len(m.GetMetadata()) <= int(index) || len(m.GetMetadata()[index]) != txs {
		return nil, errors.New("it has no validity flag for each transaction")
	}
	return m.GetMetadata()[index], nil
}

// dataHash is how a header names its block's transactions.
func dataHash(data [][]byte) []byte {
	h := sha256.New()
	for _, d := range data {
		h.Write(d)
	}
	return h.Sum(nil)
}

// headerHash is how a header names the block before it: SHA-256 of the DER form
// of number, previous hash and data hash.
func headerHash(h *common.BlockHeader) ([]byte, error) {
	der, err := asn1.Marshal(struct {
		Number             *big.Int
		Previous, DataHash []byte
	}{new(big.Int).SetUint64(h.GetNumber()), h.GetPreviousHash(), h.GetDataHash()})
	if err != nil {
		return nil, fmt.Errorf("encoding a block header: %w", err)
	}
	sum := sha256.Sum256(der)
	return sum[:], nil
}

// tx reads one envelope as far as it can.
func (r reader) tx(b []byte) (ledger.Tx, error) {
	var (
		tx       ledger.Tx
		envelope common.Envelope
		payload  common.Payload
		channel  common.ChannelHeader
		sender   common.SignatureHeader
		creator  msp.SerializedIdentity
	)
	if err := proto.Unmarshal(b, &envelope); err != nil {
		return tx, fmt.Errorf("reading the envelope: %w", err)
	}
	if err := proto.Unmarshal(envelope.GetPayload(), &payload); err != nil {
		return tx, fmt.Errorf("reading the payload: %w", err)
	}
	if err := proto.Unmarshal(payload.GetHeader().GetChannelHeader(), &channel); err != nil {
		return tx, fmt.Errorf("reading the channel header: %w", err)
	}
	if channel.GetChannelId() != r.channel {
		return tx, errors.New("it is of another channel")
	}
	tx.ID = channel.GetTxId()
	if ts := channel.GetTimestamp(); ts.IsValid() {
		tx.Time = ts.AsTime().Truncate(time.Millisecond) // as contracts see it
	}
	if err := proto.Unmarshal(payload.GetHeader().GetSignatureHeader(), &sender); err != nil {
		return tx, fmt.Errorf("reading the signature header: %w", err)
	}
	if err := proto.Unmarshal(sender.GetCreator(), &creator); err != nil {
		return tx, fmt.Errorf("reading the creator: %w", err)
	}
	tx.Creator = creator.GetMspid()
	if common.HeaderType(channel.GetType()) != common.HeaderType_ENDORSER_TRANSACTION {
		return tx, nil // the configuration of the channel
	}
	return tx, r.action(&channel, payload.GetData(), &tx)
}

// action reads what an endorsed transaction called, wrote and emitted. Peers
// allow one action only.
func (r reader) action(channel *common.ChannelHeader, data []byte, tx *ledger.Tx) error {
	var (
		extension   peer.ChaincodeHeaderExtension
		transaction peer.Transaction
		action      peer.ChaincodeActionPayload
		response    peer.ProposalResponsePayload
		result      peer.ChaincodeAction
	)
	if err := proto.Unmarshal(channel.GetExtension(), &extension); err != nil {
		return fmt.Errorf("reading the header's extension: %w", err)
	}
	if err := proto.Unmarshal(data, &transaction); err != nil {
		return fmt.Errorf("reading the transaction: %w", err)
	}
	if len(transaction.GetActions()) != 1 {
		return errors.New("it has not exactly one action")
	}
	if err := proto.Unmarshal(transaction.GetActions()[0].GetPayload(), &action); err != nil {
		return fmt.Errorf("reading the action: %w", err)
	}
	if err := proto.Unmarshal(action.GetAction().GetProposalResponsePayload(), &response); err != nil {
		return fmt.Errorf("reading the response: %w", err)
	}
	if err := proto.Unmarshal(response.GetExtension(), &result); err != nil {
		return fmt.Errorf("reading the result: %w", err)
	}
	// What ran is what the header's extension names: peers never look at the
	// name inside the invocation, which only its client vouches for.
	if extension.GetChaincodeId().GetName() == r.chaincode {
		name, err := function(action.GetChaincodeProposalPayload())
		if err != nil {
			return err
		}
		tx.Name = name
		if tx.Event, err = r.event(result.GetEvents()); err != nil {
			return err
		}
	}
	var err error
	tx.Writes, err = r.writes(result.GetResults())
	return err
}

// function is the name of the called transaction, the first argument.
func function(b []byte) (string, error) {
	var (
		proposal   peer.ChaincodeProposalPayload
		invocation peer.ChaincodeInvocationSpec
	)
	if err := proto.Unmarshal(b, &proposal); err != nil {
		return "", fmt.Errorf("reading the proposal: %w", err)
	}
	if err := proto.Unmarshal(proposal.GetInput(), &invocation); err != nil {
		return "", fmt.Errorf("reading the invocation: %w", err)
	}
	args := invocation.GetChaincodeSpec().GetInput().GetArgs()
	if len(args) == 0 {
		return "", nil
	}
	return string(args[0]), nil
}

func (r reader) event(b []byte) (*ledger.Event, error) {
	if len(b) == 0 {
		return nil, nil //nolint:nilnil // a transaction without event is no error
	}
	var wrapped peer.ChaincodeEvent
	if err := proto.Unmarshal(b, &wrapped); err != nil {
		return nil, fmt.Errorf("reading the event: %w", err)
	}
	if wrapped.GetChaincodeId() != r.chaincode || wrapped.GetEventName() == "" {
		return nil, nil //nolint:nilnil // not an event of ours
	}
	var e ledger.Event
	if err := json.Unmarshal(wrapped.GetPayload(), &e); err != nil {
		return nil, fmt.Errorf("decoding the event: %w", err)
	}
	if string(e.Kind) != wrapped.GetEventName() {
		return nil, errors.New("its event does not bear the name that it was emitted under")
	}
	return &e, nil
}

// writes reads what a transaction wrote to the chaincode's records, whichever
// chaincode was called: another may have called ours.
func (r reader) writes(b []byte) ([]ledger.Write, error) {
	var set rwset.TxReadWriteSet
	if err := proto.Unmarshal(b, &set); err != nil {
		return nil, fmt.Errorf("reading the write set: %w", err)
	}
	var out []ledger.Write
	for _, ns := range set.GetNsRwset() {
		if ns.GetNamespace() != r.chaincode {
			continue
		}
		var kv kvrwset.KVRWSet
		if err := proto.Unmarshal(ns.GetRwset(), &kv); err != nil {
			return nil, fmt.Errorf("reading the write set: %w", err)
		}
		for _, w := range kv.GetWrites() {
			if key, ok := splitKey(w.GetKey()); ok {
				out = append(out, ledger.Write{Key: key, Value: w.GetValue(), Delete: w.GetIsDelete()})
			}
		}
	}
	return out, nil
}

// splitKey takes a composite key apart: U+0000, the object type, then each part,
// all ended by U+0000. Other keys are not records.
func splitKey(s string) (ledger.Key, bool) {
	body, ok := strings.CutPrefix(s, "\x00")
	if !ok {
		return ledger.Key{}, false
	}
	body, ok = strings.CutSuffix(body, "\x00")
	if !ok {
		return ledger.Key{}, false
	}
	parts := strings.Split(body, "\x00")
	return ledger.Key{Type: ledger.ObjectType(parts[0]), Parts: parts[1:]}, parts[0] != ""
}
