package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds on a signed read, in bytes and counts.
const (
	maxReadPart     = 64 << 10
	maxEndorser     = 8 << 10
	maxEndorsements = 64
)

// read is a signed read whose parts fit together and that a majority endorsed.
type read struct {
	signed    ledger.SignedRead // a copy of what was judged
	time      time.Time         // claimed by the client, vouched for by the endorsers
	request   []byte            // the function's one argument
	payload   []byte            // the function's answer
	present   map[string]bool   // keys read in the chaincode's namespace -> whether a record stood there
	witnesses []string          // organisations, sorted
	of        int               // organisations of the epoch
}

// signedRead judges a signed read of one function. The order is that in which a
// reader would want to know: what was asked, what was answered, who signed.
func (v *Verifier) signedRead(name string, sr *ledger.SignedRead) (*read, error) {
	if err := boundRead(sr); err != nil {
		return nil, mismatch(StepSignedRead, err, "the read of %s is not well formed", name)
	}
	r := &read{signed: cloneRead(sr)}
	sr = &r.signed
	for _, step := range []func() error{
		func() error { return v.readHeader(r, sr.ChannelHeader) },
		func() error { return v.readProposal(r, name, sr.Proposal) },
		func() error { return v.readResponse(r, sr) },
	} {
		if err := step(); err != nil {
			return nil, mismatch(StepSignedRead, err, "it is not a read of %s", name)
		}
	}
	if err := v.endorsed(r, sr); err != nil {
		return nil, err
	}
	return r, nil
}

func boundRead(sr *ledger.SignedRead) error {
	for _, part := range [][]byte{sr.ChannelHeader, sr.SignatureHeader, sr.Proposal, sr.Response} {
		if len(part) == 0 || len(part) > maxReadPart {
			return errors.New("a part is missing or too large")
		}
	}
	if len(sr.Endorsements) == 0 || len(sr.Endorsements) > maxEndorsements {
		return fmt.Errorf("it must have 1 to %d endorsements", maxEndorsements)
	}
	for _, e := range sr.Endorsements {
		if len(e.Endorser) == 0 || len(e.Endorser) > maxEndorser || len(e.Signature) > 256 {
			return errors.New("an endorsement is too large")
		}
	}
	return nil
}

// decode reads a protocol buffer, with a bound on its nesting.
func decode(b []byte, m proto.Message) error {
	if err := (proto.UnmarshalOptions{RecursionLimit: 20}).Unmarshal(b, m); err != nil {
		return errors.New("a part is not the protocol buffer that it should be")
	}
	return nil
}

// readHeader wants an endorser transaction on the consortium's channel and
// chaincode, and takes the time.
func (v *Verifier) readHeader(r *read, b []byte) error {
	var h common.ChannelHeader
	var ext peer.ChaincodeHeaderExtension
	if err := errors.Join(decode(b, &h), decode(h.GetExtension(), &ext)); err != nil {
		return err
	}
	switch {
	case h.GetType() != int32(common.HeaderType_ENDORSER_TRANSACTION):
		return errors.New("the proposal is not for an endorser transaction")
	case h.GetChannelId() != v.channel:
		return errors.New("the proposal is for another channel")
	case ext.GetChaincodeId().GetName() != v.chaincode:
		return errors.New("the proposal's header names another chaincode")
	case !h.GetTimestamp().IsValid():
		return errors.New("the proposal has no usable time")
	}
	r.time = h.GetTimestamp().AsTime().Truncate(time.Millisecond)
	return nil
}

// readProposal wants exactly this function, called with exactly one argument.
func (v *Verifier) readProposal(r *read, name string, b []byte) error {
	var payload peer.ChaincodeProposalPayload
	var invocation peer.ChaincodeInvocationSpec
	if err := errors.Join(decode(b, &payload), decode(payload.GetInput(), &invocation)); err != nil {
		return err
	}
	spec := invocation.GetChaincodeSpec()
	args := spec.GetInput().GetArgs()
	switch {
	case len(payload.GetTransientMap()) != 0:
		return errors.New("the proposal carries a transient map, which peers do not sign")
	case spec.GetChaincodeId().GetName() != v.chaincode:
		return errors.New("the proposal calls another chaincode")
	case spec.GetInput().GetIsInit() || len(spec.GetInput().GetDecorations()) != 0:
		return errors.New("the proposal is not a plain call")
	case len(args) != 2 || string(args[0]) != name:
		return errors.New("the proposal calls another function, or not with one argument")
	}
	r.request = args[1]
	return nil
}

// readResponse wants an answer to this very proposal, of status 200, that read
// and did not write.
func (v *Verifier) readResponse(r *read, sr *ledger.SignedRead) error {
	var response peer.ProposalResponsePayload
	var action peer.ChaincodeAction
	if err := errors.Join(decode(sr.Response, &response), decode(response.GetExtension(), &action)); err != nil {
		return err
	}
	h := sha256.New()
	h.Write(sr.ChannelHeader)
	h.Write(sr.SignatureHeader)
	h.Write(sr.Proposal)
	switch {
	case !bytes.Equal(h.Sum(nil), response.GetProposalHash()):
		return errors.New("what the peers signed answers another proposal")
	case action.GetChaincodeId().GetName() != v.chaincode:
		return errors.New("another chaincode answered")
	case action.GetResponse().GetStatus() != 200:
		return errors.New("the answer is not a success")
	case len(action.GetEvents()) != 0:
		return errors.New("the call emitted an event, so it was no read")
	}
	r.payload = action.GetResponse().GetPayload()
	return v.readSet(r, action.GetResults())
}

// readSet takes the keys that were read in the chaincode's namespace. Fabric
// adds reads of its own namespaces; a write anywhere means that this was no read.
func (v *Verifier) readSet(r *read, b []byte) error {
	var set rwset.TxReadWriteSet
	if err := decode(b, &set); err != nil {
		return err
	}
	for _, ns := range set.GetNsRwset() {
		var kv kvrwset.KVRWSet
		if err := decode(ns.GetRwset(), &kv); err != nil {
			return err
		}
		if len(kv.GetWrites()) != 0 || len(kv.GetMetadataWrites()) != 0 || len(ns.GetCollectionHashedRwset()) != 0 {
			return errors.New("the call wrote, so it was no read")
		}
		if ns.GetNamespace() != v.chaincode {
			continue
		}
		if r.present != nil {
			return errors.New("the read set has the chaincode's namespace twice")
		}
		r.present = make(map[string]bool, len(kv.GetReads()))
		for _, k := range kv.GetReads() {
			if _, twice := r.present[k.GetKey()]; twice {
				return errors.New("the read set has a key twice")
			}
			r.present[k.GetKey()] = k.GetVersion() != nil
		}
	}
	if r.present == nil {
		return errors.New("the read set is not of the chaincode's namespace")
	}
	return nil
}

// found wants the key to have been read, and a record to have stood there.
func (r *read) found(key ledger.Key) error {
	present, wasRead := r.present[stateKey(key)]
	if !wasRead {
		return fmt.Errorf("the key of type %s is not in the read set", key.Type)
	}
	if !present {
		return fmt.Errorf("the key of type %s was read without a version, so nothing stood there", key.Type)
	}
	return nil
}

// bearsOut reports whether the key was read, and a record stood there or not as
// the answer says.
func (r *read) bearsOut(key ledger.Key, stands bool) bool {
	present, wasRead := r.present[stateKey(key)]
	return wasRead && present == stands
}

// asked wants the call's argument to be exactly this request, as the
// consortium's client encodes it.
func (r *read) asked(request any) error {
	want, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if !bytes.Equal(r.request, want) {
		return errors.New("the call asked for something else than it answers")
	}
	return nil
}

// stateKey builds the key under which Fabric's state holds a record: a
// composite key, whose parts are each ended by a zero byte.
func stateKey(k ledger.Key) string {
	b := append([]byte{0}, k.Type...)
	b = append(b, 0)
	for _, part := range k.Parts {
		b = append(append(b, part...), 0)
	}
	return string(b)
}

func cloneRead(sr *ledger.SignedRead) ledger.SignedRead {
	c := ledger.SignedRead{
		ChannelHeader: bytes.Clone(sr.ChannelHeader), SignatureHeader: bytes.Clone(sr.SignatureHeader),
		Proposal: bytes.Clone(sr.Proposal), Response: bytes.Clone(sr.Response),
	}
	for _, e := range sr.Endorsements {
		c.Endorsements = append(c.Endorsements, ledger.Endorsement{Endorser: bytes.Clone(e.Endorser), Signature: bytes.Clone(e.Signature)})
	}
	return c
}

// is reports whether sr is, byte for byte, the read that was judged. That costs
// a fraction of a digest over it.
func (r *read) is(sr *ledger.SignedRead) bool {
	have := &r.signed
	return bytes.Equal(have.ChannelHeader, sr.ChannelHeader) && bytes.Equal(have.SignatureHeader, sr.SignatureHeader) &&
		bytes.Equal(have.Proposal, sr.Proposal) && bytes.Equal(have.Response, sr.Response) &&
		slices.EqualFunc(have.Endorsements, sr.Endorsements, func(a, b ledger.Endorsement) bool {
			return bytes.Equal(a.Endorser, b.Endorser) && bytes.Equal(a.Signature, b.Signature)
		})
}

// readDigest identifies a signed read and the function that it is to be of, for
// the verifier's cache.
func readDigest(name string, sr *ledger.SignedRead) Hash {
	h := sha256.New()
	put := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	for _, part := range [][]byte{[]byte(name), sr.ChannelHeader, sr.SignatureHeader, sr.Proposal, sr.Response} {
		put(part)
	}
	for _, e := range sr.Endorsements {
		put(e.Endorser)
		put(e.Signature)
	}
	var sum Hash
	h.Sum(sum[:0])
	return sum
}
