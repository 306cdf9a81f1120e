package client

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// trusted are five members and their trust file.
func trusted(t *testing.T, policy string) ([]*endorser, *ledger.Trust) {
	t.Helper()
	var endorsers []*endorser
	epoch := ledger.TrustEpoch{From: time.Now().Add(-time.Hour), Policy: policy}
	for _, org := range []string{"hospital-north", "hospital-south", "hospital-east", "medtech", "authority"} {
		endorsers = append(endorsers, newEndorser(t, org))
		epoch.Organisations = append(epoch.Organisations, ledger.TrustOrganisation{ID: org, Roots: []string{"PEM"}})
	}
	return endorsers, &ledger.Trust{V: 1, Channel: "secant", Chaincode: "secant", Epochs: []ledger.TrustEpoch{epoch}}
}

// TestSignedReadAsksAMajorityWhereFewerMayWrite, passes over those that do not
// answer, and leaves the choice to the gateway elsewhere.
func TestSignedReadAsksAMajorityWhereFewerMayWrite(t *testing.T) {
	t.Parallel()
	north := newPeer(t, "hospital-north")
	endorsers, trust := trusted(t, ledger.PolicyOutOf(2))
	c := clientOf(t, member(t, north), WithTrust(func() *ledger.Trust { return trust }))
	down := map[string]bool{"hospital-south": true, "medtech": true}
	var asked []string
	north.script(func() {
		north.endorse = func(r *gateway.EndorseRequest) (*common.Envelope, error) {
			asked = r.GetEndorsingOrganizations()
			by := endorsers[:2] // as many as the policy wants
			if len(asked) > 0 {
				by = nil
			}
			for i, e := range endorsers {
				org := trust.Epochs[0].Organisations[i].ID
				if !slices.Contains(asked, org) {
					continue
				}
				if down[org] {
					return nil, rpcOf(t, org)
				}
				by = append(by, e)
			}
			return endorsed(t, r, nil, by...), nil
		}
	})
	read, err := c.SignedRead(t.Context(), ledger.AnchorGet, nil)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Sort(asked); len(read.Endorsements) != 3 || !slices.Equal(asked, []string{"authority", "hospital-east", "hospital-north"}) {
		t.Errorf("asked %v, signed by %d", asked, len(read.Endorsements))
	}
	trust.Epochs[0].Policy = ledger.PolicyMajority
	north.script(func() {
		north.endorse = func(r *gateway.EndorseRequest) (*common.Envelope, error) {
			asked = r.GetEndorsingOrganizations()
			return endorsed(t, r, nil, endorsers[:3]...), nil
		}
	})
	if _, err := c.SignedRead(t.Context(), ledger.AnchorGet, nil); err != nil || len(asked) > 0 {
		t.Errorf("asked %v: %v", asked, err)
	}
}

// rpcOf is what a gateway says when the peer of an organisation is away.
func rpcOf(t *testing.T, org string) error {
	t.Helper()
	s, err := status.New(codes.Unavailable, "failed to collect enough transaction endorsements").WithDetails(
		&gateway.ErrorDetail{Address: "peer", MspId: org, Message: "connection refused"})
	if err != nil {
		t.Fatal(err)
	}
	return s.Err()
}

// TestSignedReadIsHeldAgainstThePolicyOfItsTime changes the trust file under a
// client: what suffices follows it, whatever the client's configuration says.
func TestSignedReadIsHeldAgainstThePolicyOfItsTime(t *testing.T) {
	t.Parallel()
	north := newPeer(t, "hospital-north")
	endorsers, trust := trusted(t, ledger.PolicyMajority)
	c := clientOf(t, member(t, north), WithTrust(func() *ledger.Trust { return trust }))
	signed := func(by ...*endorser) error {
		north.script(func() { north.endorse = approve(t, by...) })
		_, err := c.signedRead(t.Context(), ledger.AnchorGet, nil) // once: what is refused would be tried again
		return err
	}
	next := func(policy string) {
		t.Helper()
		time.Sleep(2 * time.Millisecond) // epochs begin with a millisecond, no two with the same
		if _, err := trust.Next(time.Now(), func(e *ledger.TrustEpoch) { e.Policy = policy }); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(err error, words string) {
		t.Helper()
		if ledger.CodeOf(err) != ledger.CodeUnavailable || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %q", err, words)
		}
	}
	refused(signed(endorsers[:2]...), "2 organisations signed, and 3 are needed")
	next(ledger.PolicyOutOf(2)) // which is for transactions
	refused(signed(endorsers[:2]...), "2 organisations signed, and 3 are needed")
	if err := signed(endorsers[:3]...); err != nil {
		t.Error(err)
	}
	refused(signed(endorsers[0], endorsers[1], newEndorser(t, "a stranger")), "2 organisations signed, and 3 are needed")
	next(ledger.PolicyOutOf(4))
	refused(signed(endorsers[:3]...), "3 organisations signed, and 4 are needed")
	if err := signed(endorsers[:4]...); err != nil {
		t.Error(err)
	}
	trust.Epochs[len(trust.Epochs)-1].To = time.Now()
	refused(signed(endorsers...), "no epoch")
}
