package lifecycle

import (
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// channelPolicy is the channel's own endorsement policy, a majority of its
// organisations: it follows by itself when one joins or leaves.
const channelPolicy = "/Channel/Application/Endorsement"

// endorsement renders a policy of the trust file (ledger.PolicyMajority,
// ledger.PolicyOutOf) as the chaincode's definition has it. One of a fixed number
// names the organisations, so that it must be defined anew when they change.
func endorsement(policy string, organisations []string) (*peer.ApplicationPolicy, error) {
	needed, ok := ledger.PolicyNeeds(policy, len(organisations))
	if !ok {
		return nil, ledger.Problemf(ledger.CodeInvalid, "%d organisations cannot meet the policy %q", len(organisations), policy)
	}
	if policy == ledger.PolicyMajority {
		return &peer.ApplicationPolicy{
			Type: &peer.ApplicationPolicy_ChannelConfigPolicyReference{ChannelConfigPolicyReference: channelPolicy},
		}, nil
	}
	envelope := &common.SignaturePolicyEnvelope{}
	var rules []*common.SignaturePolicy
	for i, org := range slices.Sorted(slices.Values(organisations)) {
		principal, err := proto.Marshal(&msp.MSPRole{MspIdentifier: org, Role: msp.MSPRole_PEER})
		if err != nil {
			return nil, fmt.Errorf("encoding the policy's part of %s: %w", org, err)
		}
		envelope.Identities = append(envelope.Identities, &msp.MSPPrincipal{
			PrincipalClassification: msp.MSPPrincipal_ROLE, Principal: principal,
		})
		rules = append(rules, &common.SignaturePolicy{
			Type: &common.SignaturePolicy_SignedBy{SignedBy: int32(i)},
		})
	}
	envelope.Rule = &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{
		NOutOf: &common.SignaturePolicy_NOutOf{N: int32(needed), Rules: rules}, //nolint:gosec // a small number
	}}
	return &peer.ApplicationPolicy{Type: &peer.ApplicationPolicy_SignaturePolicy{SignaturePolicy: envelope}}, nil
}

// policyName returns the name of the policy that a definition carries; empty when
// it is none that endorsement makes of any organisations.
func policyName(p *peer.ApplicationPolicy) string {
	if p.GetChannelConfigPolicyReference() == channelPolicy {
		return ledger.PolicyMajority
	}
	envelope := p.GetSignaturePolicy()
	var organisations []string
	for _, id := range envelope.GetIdentities() {
		var role msp.MSPRole
		if proto.Unmarshal(id.GetPrincipal(), &role) != nil {
			return ""
		}
		organisations = append(organisations, role.GetMspIdentifier())
	}
	name := ledger.PolicyOutOf(int(envelope.GetRule().GetNOutOf().GetN()))
	same, err := endorsement(name, organisations)
	if err != nil || !proto.Equal(same, p) {
		return ""
	}
	return name
}

// parsePolicy reads the policy of a definition as the channel keeps it.
func parsePolicy(parameter []byte) (*peer.ApplicationPolicy, error) {
	p := &peer.ApplicationPolicy{}
	if err := proto.Unmarshal(parameter, p); err != nil {
		return nil, fmt.Errorf("reading the policy of a chaincode: %w", err)
	}
	return p, nil
}
