package channel

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

const (
	consentersKey      = "Orderers"
	blockValidationKey = "BlockValidation"
)

// Consenters lists the orderers that take part in the consensus.
func Consenters(config *common.Config) ([]*common.Consenter, error) {
	all := &common.Orderers{}
	v, ok := Ordering(config).GetValues()[consentersKey]
	if !ok {
		return nil, errors.New("the channel's configuration names no consenters")
	}
	if err := proto.Unmarshal(v.GetValue(), all); err != nil {
		return nil, fmt.Errorf("reading the consenters: %w", err)
	}
	return all.GetConsenterMapping(), nil
}

// SetConsenters states who takes part in the consensus and, with it, whose
// signatures make a block valid: a quorum of these, each by its certificate.
// Orderers refuse a configuration in which the two do not fit each other.
func SetConsenters(config *common.Config, all []*common.Consenter) error {
	now, err := Consenters(config)
	if err != nil {
		return err
	}
	same := slices.EqualFunc(now, all, func(a, b *common.Consenter) bool { return proto.Equal(a, b) })
	if !same {
		if err := setValue(Ordering(config), consentersKey, &common.Orderers{ConsenterMapping: all}); err != nil {
			return err
		}
	}
	var rules []*common.SignaturePolicy
	var identities []*msp.MSPPrincipal
	for i, c := range all {
		rules = append(rules, signedBy(i))
		id, err := proto.Marshal(&msp.SerializedIdentity{Mspid: c.GetMspId(), IdBytes: c.GetIdentity()})
		if err != nil {
			return fmt.Errorf("encoding a consenter's identity: %w", err)
		}
		identities = append(identities, &msp.MSPPrincipal{PrincipalClassification: msp.MSPPrincipal_IDENTITY, Principal: id})
	}
	return setSignaturePolicy(Ordering(config), blockValidationKey, &common.SignaturePolicyEnvelope{
		Rule: outOf(Quorum(len(all)), rules), Identities: identities,
	})
}

// Quorum is how many of n orderers must sign a block: enough that two quorums
// share an honest one while the most that n can bear are dishonest.
func Quorum(n int) int { return (n + Faults(n) + 2) / 2 }

// Faults is how many of n orderers may fail or lie.
func Faults(n int) int { return (n - 1) / 3 }

// Consenter describes an organisation's orderer with its present certificates.
func Consenter(n *topology.Network, o topology.Organisation) (*common.Consenter, error) {
	if o.Orderer == nil {
		return nil, fmt.Errorf("%s runs no orderer", o.ID)
	}
	return ConsenterAt(n.OrdererIdentity(o.ID), o)
}

// ConsenterAt describes an organisation's orderer with the certificates of a
// folder like that of its present ones.
func ConsenterAt(dir string, o topology.Organisation) (*common.Consenter, error) {
	id, err := os.ReadFile(filepath.Join(dir, "msp", "signcerts", material.CertFile)) //nolint:gosec // a path of our own layout
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of %s: %w", o.Orderer.Name, err)
	}
	tls, err := os.ReadFile(filepath.Join(dir, "tls", material.CertFile)) //nolint:gosec // a path of our own layout
	if err != nil {
		return nil, fmt.Errorf("reading the TLS certificate of %s: %w", o.Orderer.Name, err)
	}
	return &common.Consenter{
		Id: uint32(o.Orderer.Consenter), Host: topology.Host, Port: uint32(o.Orderer.Port), //nolint:gosec // small numbers
		MspId: o.ID, Identity: id, ClientTlsCert: tls, ServerTlsCert: tls,
	}, nil
}

// PutConsenter adds an organisation's orderer to the consensus, or brings its
// certificates up to date there. The organisation must be in the ordering group
// already, or be put there in the same change.
func PutConsenter(config *common.Config, c *common.Consenter) error {
	all, err := Consenters(config)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(have *common.Consenter) bool { return have.GetMspId() == c.GetMspId() })
	switch {
	case i < 0:
		all = append(all, c)
	case all[i].GetId() == c.GetId() && bytes.Equal(all[i].GetIdentity(), c.GetIdentity()) &&
		bytes.Equal(all[i].GetServerTlsCert(), c.GetServerTlsCert()) && all[i].GetPort() == c.GetPort():
	default:
		all[i] = c
	}
	return SetConsenters(config, all)
}

// DropConsenter takes an organisation's orderer out of the consensus. It refuses
// to leave fewer than four: three bear no fault at all.
func DropConsenter(config *common.Config, org string) error {
	all, err := Consenters(config)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(all), func(c *common.Consenter) bool { return c.GetMspId() == org })
	if len(left) < len(all) && Faults(len(left)) < 1 {
		return fmt.Errorf("of %d orderers, %d would remain, and fewer than four bear no fault", len(all), len(left))
	}
	return SetConsenters(config, left)
}
