package statetest

import (
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// SignedRead simulates a proposal and has the peers of the named organisations
// endorse the answer (of all members when none is named). Nothing is submitted.
func (l *Ledger) SignedRead(p Proposal, orgs ...string) (*ledger.SignedRead, error) {
	s, err := l.Simulate(p)
	if err != nil {
		return nil, err
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	return l.Endorse(s, orgs...)
}

// Endorse has the peers of the named organisations sign a simulation (of all
// members when none is named).
func (l *Ledger) Endorse(s *Simulation, orgs ...string) (*ledger.SignedRead, error) {
	response, err := s.Response()
	if err != nil {
		return nil, err
	}
	out := &ledger.SignedRead{
		ChannelHeader: s.proposal.channelHeader, SignatureHeader: s.proposal.signatureHeader,
		Proposal: s.proposal.payload, Response: response,
	}
	if len(orgs) == 0 {
		orgs = l.members
	}
	for _, org := range orgs {
		p := l.Peer(org)
		signature, err := p.sign(append(append([]byte{}, response...), p.creator...))
		if err != nil {
			return nil, err
		}
		out.Endorsements = append(out.Endorsements, ledger.Endorsement{Endorser: p.creator, Signature: signature})
	}
	return out, nil
}

// Response returns the bytes that endorsers sign (peer.ProposalResponsePayload).
func (s *Simulation) Response() ([]byte, error) {
	own := &kvrwset.KVRWSet{}
	for _, r := range s.Reads {
		own.Reads = append(own.Reads, kvRead(r.Key, r.Version))
	}
	for _, r := range s.ranges {
		raw := &kvrwset.QueryReads{}
		for _, f := range r.found {
			raw.KvReads = append(raw.KvReads, kvRead(f.key, &f.version))
		}
		own.RangeQueriesInfo = append(own.RangeQueriesInfo, &kvrwset.RangeQueryInfo{
			StartKey: r.start, EndKey: r.end, ItrExhausted: true,
			ReadsInfo: &kvrwset.RangeQueryInfo_RawReads{RawReads: raw},
		})
	}
	for _, w := range s.Writes {
		own.Writes = append(own.Writes, &kvrwset.KVWrite{Key: w.Key, IsDelete: w.Delete, Value: w.Value})
	}
	// Peers read the chaincode's definition in the same simulation.
	lifecycle := &kvrwset.KVRWSet{Reads: []*kvrwset.KVRead{{
		Key: "namespaces/fields/" + ChaincodeName + "/Sequence", Version: &kvrwset.Version{},
	}}}
	results := &rwset.TxReadWriteSet{DataModel: rwset.TxReadWriteSet_KV}
	for _, ns := range []struct {
		name string
		set  *kvrwset.KVRWSet
	}{{"_lifecycle", lifecycle}, {ChaincodeName, own}} {
		b, err := proto.Marshal(ns.set)
		if err != nil {
			return nil, fmt.Errorf("encoding the read set: %w", err)
		}
		results.NsRwset = append(results.NsRwset, &rwset.NsReadWriteSet{Namespace: ns.name, Rwset: b})
	}
	action := &peer.ChaincodeAction{
		Response:    &peer.Response{Status: s.Status, Message: s.Message, Payload: s.Payload},
		ChaincodeId: &peer.ChaincodeID{Name: ChaincodeName, Version: "1"},
	}
	var err error
	if action.Results, err = proto.Marshal(results); err != nil {
		return nil, fmt.Errorf("encoding the read set: %w", err)
	}
	if s.Event != nil {
		if action.Events, err = proto.Marshal(s.Event); err != nil {
			return nil, fmt.Errorf("encoding the event: %w", err)
		}
	}
	extension, err := proto.Marshal(action)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	b, err := proto.Marshal(&peer.ProposalResponsePayload{ProposalHash: s.proposal.hash(), Extension: extension})
	if err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	return b, nil
}

func kvRead(key string, v *Version) *kvrwset.KVRead {
	kv := &kvrwset.KVRead{Key: key}
	if v != nil {
		kv.Version = &kvrwset.Version{BlockNum: v.Block, TxNum: v.Tx}
	}
	return kv
}

// Trust returns the trust file of this consortium: one epoch, still running,
// from the day before the clock's start.
func (l *Ledger) Trust() *ledger.Trust {
	epoch := ledger.TrustEpoch{From: l.validFrom(), Policy: ledger.PolicyMajority}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, org := range l.members {
		epoch.Organisations = append(epoch.Organisations, ledger.TrustOrganisation{
			ID: org, Roots: []string{string(l.authority(org).pem)},
		})
	}
	return &ledger.Trust{
		V: 1, Network: Network, Channel: Channel, Chaincode: ChaincodeName, Epochs: []ledger.TrustEpoch{epoch},
	}
}
