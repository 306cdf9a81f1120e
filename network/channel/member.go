package channel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

// Names in a channel's configuration.
const (
	mspKey         = "MSP"
	anchorPeersKey = "AnchorPeers"
	endpointsKey   = "Endpoints"
	adminsKey      = "Admins" // a group's own policy, under which its elements change
)

// Application is the group of the organisations whose peers endorse.
func Application(config *common.Config) *common.ConfigGroup {
	return config.GetChannelGroup().GetGroups()["Application"]
}

// Ordering is the group of the organisations that run orderers.
func Ordering(config *common.Config) *common.ConfigGroup {
	return config.GetChannelGroup().GetGroups()["Orderer"]
}

// PutMember adds an organisation to those that endorse, unless it is there.
func PutMember(config *common.Config, n *topology.Network, o topology.Organisation) error {
	if _, ok := Application(config).GetGroups()[o.ID]; ok {
		return nil
	}
	g, err := organisation(config, n, o.ID, map[string][]msp.MSPRole_MSPRoleType{
		"Readers":     {msp.MSPRole_ADMIN, msp.MSPRole_PEER, msp.MSPRole_CLIENT},
		"Writers":     {msp.MSPRole_ADMIN, msp.MSPRole_CLIENT},
		adminsKey:     {msp.MSPRole_ADMIN},
		"Endorsement": {msp.MSPRole_PEER},
	})
	if err != nil {
		return err
	}
	anchors := &peer.AnchorPeers{}
	for _, p := range o.Peers {
		anchors.AnchorPeers = append(anchors.AnchorPeers, &peer.AnchorPeer{Host: topology.Host, Port: int32(p.Port)}) //nolint:gosec // a port
	}
	if err := setValue(g, anchorPeersKey, anchors); err != nil {
		return err
	}
	Application(config).Groups[o.ID] = g
	return nil
}

// DropMember takes an organisation out of those that endorse.
func DropMember(config *common.Config, org string) { delete(Application(config).GetGroups(), org) }

// PutOrderer adds an organisation with its orderer to the ordering service,
// unless it is there: its certificates, its address, and its place in the
// consensus.
func PutOrderer(config *common.Config, n *topology.Network, o topology.Organisation) error {
	c, err := Consenter(n, o)
	if err != nil {
		return err
	}
	if _, ok := Ordering(config).GetGroups()[o.ID]; !ok {
		// Consenters' votes are checked against Writers: the orderer itself must
		// be among them, or no block is ever made.
		g, err := organisation(config, n, o.ID, map[string][]msp.MSPRole_MSPRoleType{
			"Readers": {msp.MSPRole_MEMBER},
			"Writers": {msp.MSPRole_ORDERER},
			adminsKey: {msp.MSPRole_ADMIN},
		})
		if err != nil {
			return err
		}
		at := &common.OrdererAddresses{Addresses: []string{topology.Address(o.Orderer.Port)}}
		if err := setValue(g, endpointsKey, at); err != nil {
			return err
		}
		Ordering(config).Groups[o.ID] = g
	}
	return PutConsenter(config, c)
}

// DropOrderer takes an organisation and its orderer out of the ordering service.
// It refuses when fewer than four orderers would remain.
func DropOrderer(config *common.Config, org string) error {
	if err := DropConsenter(config, org); err != nil {
		return err
	}
	delete(Ordering(config).GetGroups(), org)
	return nil
}

// EditMSP changes an organisation's membership definition wherever it stands:
// Fabric refuses two that differ. edit must change nothing in one that is as it
// should be.
func EditMSP(config *common.Config, org string, edit func(*msp.FabricMSPConfig) error) error {
	found := false
	for _, side := range []*common.ConfigGroup{Application(config), Ordering(config)} {
		g, ok := side.GetGroups()[org]
		if !ok {
			continue
		}
		found = true
		m, err := membership(g)
		if err != nil {
			return fmt.Errorf("reading the membership definition of %s: %w", org, err)
		}
		before := proto.Clone(m)
		if err := edit(m); err != nil {
			return err
		}
		if proto.Equal(before, m) {
			continue
		}
		if err := setMembership(g, m); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("%s is not on the channel", org)
	}
	return nil
}

// MSP reads the membership definition of an organisation that endorses.
func MSP(config *common.Config, org string) (*msp.FabricMSPConfig, error) {
	g, ok := Application(config).GetGroups()[org]
	if !ok {
		return nil, fmt.Errorf("%s does not endorse on the channel", org)
	}
	return membership(g)
}

func membership(g *common.ConfigGroup) (*msp.FabricMSPConfig, error) {
	outer, inner := &msp.MSPConfig{}, &msp.FabricMSPConfig{}
	if err := proto.Unmarshal(g.GetValues()[mspKey].GetValue(), outer); err != nil {
		return nil, fmt.Errorf("reading a membership definition: %w", err)
	}
	if err := proto.Unmarshal(outer.GetConfig(), inner); err != nil {
		return nil, fmt.Errorf("reading a membership definition: %w", err)
	}
	return inner, nil
}

func setMembership(g *common.ConfigGroup, m *msp.FabricMSPConfig) error {
	inner, err := encode(m)
	if err != nil {
		return err
	}
	return setValue(g, mspKey, &msp.MSPConfig{Type: 0, Config: inner}) // zero: Fabric's own kind
}

// organisation makes the group of an organisation. Where the channel has its
// membership definition already, it is taken from there, since both must be
// equal; else from the organisation's files.
func organisation(config *common.Config, n *topology.Network, org string, policies map[string][]msp.MSPRole_MSPRoleType) (*common.ConfigGroup, error) {
	g := &common.ConfigGroup{
		ModPolicy: adminsKey,
		Values:    map[string]*common.ConfigValue{},
		Policies:  map[string]*common.ConfigPolicy{},
		Groups:    map[string]*common.ConfigGroup{},
	}
	var m *msp.FabricMSPConfig
	var err error
	for _, side := range []*common.ConfigGroup{Application(config), Ordering(config)} {
		if have, ok := side.GetGroups()[org]; ok && m == nil {
			if m, err = membership(have); err != nil {
				return nil, err
			}
		}
	}
	if m == nil {
		if m, err = definition(n, org); err != nil {
			return nil, err
		}
	}
	if err := setMembership(g, m); err != nil {
		return nil, err
	}
	for name, roles := range policies {
		if err := setSignaturePolicy(g, name, anyRole(org, roles)); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// definition reads an organisation's membership definition from its files.
func definition(n *topology.Network, org string) (*msp.FabricMSPConfig, error) {
	dir := n.MSPDir(org)
	ca, err := os.ReadFile(filepath.Join(dir, "cacerts", "ca.pem")) //nolint:gosec // a path of our own layout
	if err != nil {
		return nil, fmt.Errorf("reading the authority of %s: %w", org, err)
	}
	tls, err := os.ReadFile(filepath.Join(dir, "tlscacerts", "tlsca.pem")) //nolint:gosec // a path of our own layout
	if err != nil {
		return nil, fmt.Errorf("reading the TLS authority of %s: %w", org, err)
	}
	crl, err := material.RevocationList(n, org)
	if err != nil {
		return nil, fmt.Errorf("reading the revocation list of %s: %w", org, err)
	}
	var revoked [][]byte
	if crl != nil { // of one that was a member before
		revoked = [][]byte{crl}
	}
	unit := func(name string) *msp.FabricOUIdentifier {
		return &msp.FabricOUIdentifier{Certificate: ca, OrganizationalUnitIdentifier: name}
	}
	return &msp.FabricMSPConfig{
		Name: org, RootCerts: [][]byte{ca}, TlsRootCerts: [][]byte{tls}, RevocationList: revoked,
		CryptoConfig: &msp.FabricCryptoConfig{SignatureHashFamily: "SHA2", IdentityIdentifierHashFunction: "SHA256"},
		FabricNodeOus: &msp.FabricNodeOUs{
			Enable:             true,
			ClientOuIdentifier: unit("client"), PeerOuIdentifier: unit("peer"),
			AdminOuIdentifier: unit("admin"), OrdererOuIdentifier: unit("orderer"),
		},
	}, nil
}

// anyRole is the policy "one of these roles of the organisation".
func anyRole(org string, roles []msp.MSPRole_MSPRoleType) *common.SignaturePolicyEnvelope {
	var rules []*common.SignaturePolicy
	var principals []*msp.MSPPrincipal
	for i, r := range roles {
		rules = append(rules, signedBy(i))
		b, err := proto.Marshal(&msp.MSPRole{MspIdentifier: org, Role: r})
		if err != nil {
			panic(err) // two plain fields always encode
		}
		principals = append(principals, &msp.MSPPrincipal{PrincipalClassification: msp.MSPPrincipal_ROLE, Principal: b})
	}
	return &common.SignaturePolicyEnvelope{Rule: outOf(1, rules), Identities: principals}
}

func signedBy(i int) *common.SignaturePolicy {
	return &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: int32(i)}} //nolint:gosec // an index of a short list
}

func outOf(n int, rules []*common.SignaturePolicy) *common.SignaturePolicy {
	return &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{
		NOutOf: &common.SignaturePolicy_NOutOf{N: int32(n), Rules: rules}, //nolint:gosec // a small number
	}}
}

// setValue writes a value of a group, unless it is there already. A new one
// changes with the consent of the group's administrators.
func setValue(g *common.ConfigGroup, name string, m proto.Message) error {
	b, err := encode(m)
	if err != nil {
		return err
	}
	v, ok := g.GetValues()[name]
	if !ok {
		g.Values[name] = &common.ConfigValue{ModPolicy: adminsKey, Value: b}
		return nil
	}
	have := m.ProtoReflect().New().Interface()
	if proto.Unmarshal(v.GetValue(), have) == nil && proto.Equal(have, m) {
		return nil
	}
	v.Value = b
	return nil
}

// setSignaturePolicy writes a policy of a group, unless it is there already.
func setSignaturePolicy(g *common.ConfigGroup, name string, s *common.SignaturePolicyEnvelope) error {
	return SetPolicy(g, name, common.Policy_SIGNATURE, s)
}

// SetPolicy writes a policy of a group, unless it is there already: s is what
// the type asks for.
func SetPolicy(g *common.ConfigGroup, name string, kind common.Policy_PolicyType, s proto.Message) error {
	if g == nil {
		return errors.New("the channel's configuration lacks a group")
	}
	b, err := encode(s)
	if err != nil {
		return err
	}
	want := &common.Policy{Type: int32(kind), Value: b}
	p, ok := g.GetPolicies()[name]
	if !ok {
		g.Policies[name] = &common.ConfigPolicy{ModPolicy: adminsKey, Policy: want}
		return nil
	}
	if !proto.Equal(p.GetPolicy(), want) {
		p.Policy = want
	}
	return nil
}

// encode gives the same bytes for the same message.
func encode(m proto.Message) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding a part of the channel's configuration: %w", err)
	}
	return b, nil
}
