package lifecycle

import (
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/channel"
)

var five = []string{"hospital-north", "hospital-south", "hospital-east", "medtech", "authority"}

func TestPoliciesAreReadBackByName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{ledger.PolicyMajority, ledger.PolicyOutOf(2), ledger.PolicyOutOf(5)} {
		p, err := endorsement(name, five)
		if err != nil {
			t.Fatal(err)
		}
		if got := policyName(p); got != name {
			t.Errorf("%s is read back as %q", name, got)
		}
	}
	for _, name := range []string{"", "any", ledger.PolicyOutOf(1), ledger.PolicyOutOf(6)} {
		if _, err := endorsement(name, five); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestForeignPolicyHasNoName reads policies that somebody else defined: none
// may pass for one of ours.
func TestForeignPolicyHasNoName(t *testing.T) {
	t.Parallel()
	twoOf := func() *peer.ApplicationPolicy {
		p, err := endorsement(ledger.PolicyOutOf(2), five)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	clients := twoOf() // of one organisation clients count, not peers
	clients.GetSignaturePolicy().Identities[1].Principal = []byte("\x0a\x07medtech\x10\x02")
	twice := twoOf()
	twice.GetSignaturePolicy().GetRule().GetNOutOf().Rules[1] = twice.GetSignaturePolicy().GetRule().GetNOutOf().GetRules()[0]
	one := twoOf()
	one.GetSignaturePolicy().GetRule().GetNOutOf().N = 1
	for name, p := range map[string]*peer.ApplicationPolicy{
		"nothing": {},
		"another reference": {Type: &peer.ApplicationPolicy_ChannelConfigPolicyReference{
			ChannelConfigPolicyReference: "/Channel/Application/Admins",
		}},
		"clients":           clients,
		"one counted twice": twice,
		"one suffices":      one,
	} {
		if got := policyName(p); got != "" {
			t.Errorf("%s passes for %s", name, got)
		}
	}
}

// TestNextDefinition lists what makes the next sequence, and what does not.
func TestNextDefinition(t *testing.T) {
	t.Parallel()
	deployer := func(organisations ...string) *Deployer {
		d := &Deployer{}
		for _, org := range organisations {
			d.Peers = append(d.Peers, &channel.Peer{Organisation: org}, &channel.Peer{Organisation: org})
		}
		return d
	}
	standing := func(policy string, organisations []string) Definition {
		p, err := endorsement(policy, organisations)
		if err != nil {
			t.Fatal(err)
		}
		return Definition{Version: "aa", Sequence: 4, Policy: policy, endorsement: p}
	}
	same, other := &Package{ID: "secant:aabb", Version: "aa"}, &Package{ID: "secant:ccdd", Version: "cc"}
	six := append([]string{"clinic"}, five...)
	for name, c := range map[string]struct {
		now     Definition
		members []string
		pkg     *Package
		policy  string

		sequence int64
		want     string // policy
	}{
		"first":                          {Definition{}, five, same, "", 1, ledger.PolicyMajority},
		"nothing changed":                {standing("majority", five), five, same, "", 4, ledger.PolicyMajority},
		"another program":                {standing("majority", five), five, other, "", 5, ledger.PolicyMajority},
		"another program, policy stays":  {standing("outof:2", five), five, other, "", 5, "outof:2"},
		"same program, policy stays":     {standing("outof:2", five), five, same, "", 4, "outof:2"},
		"another policy":                 {standing("majority", five), five, nil, "outof:2", 5, "outof:2"},
		"the policy that holds":          {standing("outof:2", five), five, nil, "outof:2", 4, "outof:2"},
		"back to a majority":             {standing("outof:2", five), five, nil, "majority", 5, ledger.PolicyMajority},
		"a majority follows a new one":   {standing("majority", five), six, same, "", 4, ledger.PolicyMajority},
		"a number has to be defined new": {standing("outof:2", five), six, same, "", 5, "outof:2"},
	} {
		d := deployer(c.members...)
		def, err := d.next(c.now, c.now.Sequence > 0, c.pkg, c.policy)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := endorsement(c.want, c.members)
		if err != nil {
			t.Fatal(err)
		}
		if def.Sequence != c.sequence || def.Policy != c.want || !proto.Equal(def.endorsement, want) {
			t.Errorf("%s: %+v", name, def)
		}
	}
	// A policy that nobody here made stays as it is.
	foreign := Definition{Version: "aa", Sequence: 4, endorsement: &peer.ApplicationPolicy{}}
	if def, err := deployer(five...).next(foreign, true, other, ""); err != nil || def.Sequence != 5 || !proto.Equal(def.endorsement, foreign.endorsement) {
		t.Errorf("%+v, %v", def, err)
	}
	// Members that are too few for the policy are told about before anything is done.
	if _, err := deployer(five[:2]...).next(standing("outof:3", five), true, other, ""); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Error(err)
	}
}
