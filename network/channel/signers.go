package channel

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// signersOf picks from the organisations whose administrators can sign a
// smallest set that satisfies the policy of each element that an update changes.
// It is never empty, since somebody has to submit.
func signersOf(config *common.Config, update *common.ConfigUpdate, able []string) ([]string, error) {
	needed := modPolicies(config.GetChannelGroup(), update.GetWriteSet(), "/Channel")
	enough := func(signers []string) (missing string, ok bool) {
		for _, path := range needed {
			if !satisfied(config.GetChannelGroup(), path, signers) {
				return path, false
			}
		}
		return "", true
	}
	if missing, ok := enough(able); !ok {
		return nil, fmt.Errorf("all the administrators together do not satisfy the policy %s", missing)
	}
	if len(able) == 0 {
		return nil, errors.New("there is no administrator who could sign")
	}
	signers := slices.Clone(able)
	for i := len(signers) - 1; i >= 0 && len(signers) > 1; i-- {
		fewer := slices.Delete(slices.Clone(signers), i, i+1)
		if _, ok := enough(fewer); ok {
			signers = fewer
		}
	}
	return signers, nil
}

// modPolicies lists the policies, by absolute path, under which the elements
// stand that a write set changes: those whose version differs from the one in
// the configuration. A new element needs nobody's consent but that of the group
// to which it is added, whose version changes with its members.
func modPolicies(old, written *common.ConfigGroup, path string) []string {
	found := map[string]bool{}
	note := func(policy string) {
		if !strings.HasPrefix(policy, "/") {
			policy = path + "/" + policy
		}
		found[policy] = true
	}
	if written.GetVersion() != old.GetVersion() {
		note(old.GetModPolicy())
	}
	for name, w := range written.GetValues() {
		if o, ok := old.GetValues()[name]; ok && o.GetVersion() != w.GetVersion() {
			note(o.GetModPolicy())
		}
	}
	for name, w := range written.GetPolicies() {
		if o, ok := old.GetPolicies()[name]; ok && o.GetVersion() != w.GetVersion() {
			note(o.GetModPolicy())
		}
	}
	for name, w := range written.GetGroups() {
		if o, ok := old.GetGroups()[name]; ok {
			for _, p := range modPolicies(o, w, path+"/"+name) {
				found[p] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// satisfied reports whether the administrators of the given organisations meet a
// policy of the channel.
func satisfied(root *common.ConfigGroup, path string, signers []string) bool {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) < 2 || parts[0] != "Channel" {
		return false
	}
	group := root
	for _, name := range parts[1 : len(parts)-1] {
		group = group.GetGroups()[name]
	}
	return meets(group, parts[len(parts)-1], signers)
}

// meets evaluates a group's policy as Fabric does.
func meets(group *common.ConfigGroup, name string, signers []string) bool {
	p := group.GetPolicies()[name].GetPolicy()
	switch common.Policy_PolicyType(p.GetType()) {
	case common.Policy_IMPLICIT_META:
		meta := &common.ImplicitMetaPolicy{}
		if proto.Unmarshal(p.GetValue(), meta) != nil {
			return false
		}
		yes := 0
		for _, sub := range group.GetGroups() {
			if meets(sub, meta.GetSubPolicy(), signers) {
				yes++
			}
		}
		switch all := len(group.GetGroups()); meta.GetRule() {
		case common.ImplicitMetaPolicy_ALL:
			return yes == all
		case common.ImplicitMetaPolicy_MAJORITY:
			return yes > all/2
		default:
			return yes > 0
		}
	case common.Policy_SIGNATURE:
		s := &common.SignaturePolicyEnvelope{}
		return proto.Unmarshal(p.GetValue(), s) == nil && signed(s.GetRule(), s.GetIdentities(), signers)
	default:
		return false
	}
}

// signed evaluates a rule over the administrators of organisations.
func signed(rule *common.SignaturePolicy, identities []*msp.MSPPrincipal, signers []string) bool {
	if n := rule.GetNOutOf(); n != nil {
		yes := int32(0)
		for _, r := range n.GetRules() {
			if signed(r, identities, signers) {
				yes++
			}
		}
		return yes >= n.GetN()
	}
	if _, ok := rule.GetType().(*common.SignaturePolicy_SignedBy); !ok {
		return false
	}
	i := int(rule.GetSignedBy())
	if i < 0 || i >= len(identities) || identities[i].GetPrincipalClassification() != msp.MSPPrincipal_ROLE {
		return false
	}
	role := &msp.MSPRole{}
	if proto.Unmarshal(identities[i].GetPrincipal(), role) != nil {
		return false
	}
	fits := role.GetRole() == msp.MSPRole_ADMIN || role.GetRole() == msp.MSPRole_MEMBER
	return fits && slices.Contains(signers, role.GetMspIdentifier())
}
