package client

import (
	"context"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// five is a consortium of five organisations of which only one peer is asked.
func five(t *testing.T) (*Client, *fakePeer, []*endorser) {
	t.Helper()
	north := newPeer(t, "hospital-north")
	peers := []*fakePeer{north}
	endorsers := []*endorser{newEndorser(t, "hospital-north")}
	for _, org := range []string{"hospital-south", "hospital-east", "medtech", "authority"} {
		peers = append(peers, nobody(t, org))
		endorsers = append(endorsers, newEndorser(t, org))
	}
	return clientOf(t, member(t, peers...)), north, endorsers
}

func TestSignedReadHoldsTheBytesThatPeersSigned(t *testing.T) {
	t.Parallel()
	c, north, endorsers := five(t)
	north.script(func() { north.endorse = approve(t, endorsers[:3]...) })
	read, err := c.SignedRead(t.Context(), ledger.AnchorGet, ledger.GetAnchor{Stream: "07", Sequence: 3})
	if err != nil {
		t.Fatal(err)
	}
	organisations, err := checkRead(read)
	if err != nil || len(organisations) != 3 {
		t.Errorf("signed by %v, %v", organisations, err)
	}
	name, err := function(read.Proposal)
	if err != nil || name != ledger.AnchorGet {
		t.Errorf("asked %q, %v", name, err)
	}
	if !strings.Contains(string(read.Proposal), `{"stream":"07","sequence":3}`) {
		t.Error("the request is not the one that was asked")
	}
	for _, call := range north.taken() {
		if call != "endorse" {
			t.Errorf("a read led to %s", call)
		}
	}
}

func TestSignedReadTriesAgainUntilPeersAgree(t *testing.T) {
	t.Parallel()
	c, north, endorsers := five(t)
	tries := 0
	north.script(func() {
		north.endorse = func(r *gateway.EndorseRequest) (*common.Envelope, error) {
			switch tries++; tries {
			case 1:
				return nil, rpc(codes.Aborted, sayOther, "ProposalResponsePayloads do not match")
			case 2:
				return nil, rpc(codes.Aborted, sayOther, "chaincode response 500, [not_found] the anchor does not exist")
			case 3: // a majority is down
				return endorsed(t, r, nil, endorsers[0], endorsers[0], endorsers[1]), nil
			default:
				return endorsed(t, r, nil, endorsers...), nil
			}
		}
	})
	read, err := c.SignedRead(t.Context(), ledger.AnchorGet, nil)
	if err != nil || len(read.Endorsements) != 5 || tries != 4 {
		t.Errorf("%v after %d tries", err, tries)
	}
}

func TestSignedReadGivesUpWithAProblem(t *testing.T) {
	t.Parallel()
	c, north, endorsers := five(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tries := 0
	north.script(func() {
		north.endorse = func(r *gateway.EndorseRequest) (*common.Envelope, error) {
			if tries++; tries == 2 {
				cancel() // what cuts a try short must not hide what the one before said
			}
			return endorsed(t, r, nil, endorsers[:2]...), nil
		}
	})
	if _, err := c.SignedRead(ctx, ledger.AnchorGet, nil); ledger.CodeOf(err) != ledger.CodeUnavailable || !strings.Contains(err.Error(), "3 are needed") {
		t.Error(err)
	}
	north.script(func() {
		north.endorse = func(*gateway.EndorseRequest) (*common.Envelope, error) {
			return nil, rpc(codes.Aborted, sayFirst, "chaincode response 500, [not_found] the anchor does not exist")
		}
	})
	if _, err := c.SignedRead(t.Context(), ledger.AnchorGet, nil); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Error(err)
	}
}

func TestSignedReadRefusesWhatWouldNotProve(t *testing.T) {
	t.Parallel()
	c, north, endorsers := five(t)
	for name, tt := range map[string]struct {
		bend func(*peer.ChaincodeEndorsedAction)
		want string
	}{
		"another response under the signatures": {func(a *peer.ChaincodeEndorsedAction) {
			other := shared()
			other.payload = `{"digest":"ff"}`
			a.ProposalResponsePayload = other.response(t, []byte("another proposal"))
		}, "another proposal"},
		"a signature that does not fit":   {func(a *peer.ChaincodeEndorsedAction) { a.Endorsements[1].Signature[8] ^= 1 }, "hospital-south does not fit"},
		"an endorser's name swapped":      {func(a *peer.ChaincodeEndorsedAction) { a.Endorsements[1].Endorser = endorsers[4].identity }, "authority does not fit"},
		"an endorser without certificate": {func(a *peer.ChaincodeEndorsedAction) { a.Endorsements[0].Endorser = nil }, "no certificate"},
		"no result":                       {func(a *peer.ChaincodeEndorsedAction) { a.ProposalResponsePayload = nil }, "another proposal"},
	} {
		t.Run(name, func(t *testing.T) {
			north.script(func() {
				north.endorse = func(r *gateway.EndorseRequest) (*common.Envelope, error) {
					return endorsed(t, r, tt.bend, endorsers[:3]...), nil
				}
			})
			if _, err := c.SignedRead(t.Context(), ledger.AnchorGet, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSignedReadOfAnErrorProvesNothing(t *testing.T) {
	t.Parallel()
	c := shared()
	c.status = 500
	channelHeader, signatureHeader, proposal, response := c.parts(t)
	read := &ledger.SignedRead{ChannelHeader: channelHeader, SignatureHeader: signatureHeader, Proposal: proposal, Response: response}
	if _, err := checkRead(read); err == nil || !strings.Contains(err.Error(), "status 500") {
		t.Error(err)
	}
}
