package govern

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/launch"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// RevokeOptions say which certificate shall count no more.
type RevokeOptions struct {
	// Organisation is whose authority issued it.
	Organisation string
	// Role is the role of its node whose present certificate it is. Empty, and
	// without Certificate: none is added to those that are revoked already.
	Role ledger.Role
	// Certificate is a file with it, PEM, in place of a role.
	Certificate string
	// Out is told of the progress. Default: nobody is.
	Out io.Writer
}

// Revoke ends a certificate of an organisation: its authority signs a revocation
// list, the channel's configuration carries the list, and an epoch of the trust
// file begins in which endorsements under it do not count. From then on every
// peer refuses what is signed with it. What was endorsed before stays good.
func Revoke(ctx context.Context, dir string, o RevokeOptions) error {
	s, err := launch.Open(dir, "network revoke "+o.Organisation, o.Out)
	if err != nil {
		return err
	}
	defer s.Close()
	n := s.Network()
	org, err := member(n, o.Organisation)
	if err != nil {
		return err
	}
	if err := s.Running(topology.KindOrderer, topology.KindPeer); err != nil {
		return err
	}
	crl, err := newList(n, *org, o)
	if err != nil || crl == nil {
		return err
	}
	// Verifiers first: stopped here, proofs count a signature less than they might,
	// never one more.
	serials, err := material.Revoked(n, org.ID)
	if err != nil {
		return err
	}
	changed, err := material.ChangeTrust(n, time.Now(), func(e *ledger.TrustEpoch) {
		i := slices.IndexFunc(e.Organisations, func(t ledger.TrustOrganisation) bool { return t.ID == org.ID })
		if i >= 0 {
			e.Organisations[i].Revoked = serials
		}
	})
	if err != nil {
		return err
	}
	_, err = s.Change(ctx, "putting the revocation list of "+org.ID+" on the channel", func(c *common.Config) error {
		return channel.EditMSP(c, org.ID, func(m *msp.FabricMSPConfig) error {
			m.RevocationList = [][]byte{crl} // the organisation has one authority, and so one list
			return nil
		})
	})
	if err != nil {
		return err
	}
	if changed {
		s.Say("the trust file has a new epoch: give it to all who verify proofs")
	}
	s.Say("%s has revoked %s certificates; every peer refuses them", org.ID, number(len(serials)))
	if o.Role != "" {
		s.Say("its node cannot act in the role %s until it has a new one: secant network rotate %s --role %s", o.Role, org.ID, o.Role)
	}
	return nil
}

// newList has the organisation's authority revoke what was asked for. Without
// anything new it is the list that there is, nil when there is none.
func newList(n *topology.Network, o topology.Organisation, opts RevokeOptions) ([]byte, error) {
	b, err := chosen(n, o, opts)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return material.RevocationList(n, o.ID)
	}
	cert, err := material.ParseCertificate(b)
	if err != nil {
		return nil, &process.Failure{What: "reading the certificate", Err: err, Do: "give a file that holds one certificate in PEM"}
	}
	if err := spared(n, o, cert); err != nil {
		return nil, err
	}
	crl, err := material.Revoke(n, o.ID, cert, time.Now())
	if errors.Is(err, material.ErrNotIssued) {
		return nil, &process.Failure{
			What: "revoking the certificate", Err: err,
			Do: "name the organisation whose it is; those it used before are in " + material.RetiredDir(n, o.ID),
		}
	}
	return crl, err
}

// chosen reads the certificate that was asked for; nil when none was.
func chosen(n *topology.Network, o topology.Organisation, opts RevokeOptions) ([]byte, error) {
	switch {
	case opts.Certificate != "":
		b, err := os.ReadFile(opts.Certificate)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate: %w", err)
		}
		return b, nil
	case opts.Role != "":
		r, err := material.RoleOf(n, o.ID, opts.Role)
		if err != nil {
			return nil, &process.Failure{What: "choosing a role", Err: err, Do: "take one of: " + roleNames()}
		}
		return r.Certificate()
	}
	return nil, nil
}

// spared refuses what the organisation could not undo: without its administrator
// it could sign no change of the channel any more, and an orderer whose
// certificate is in use would be lost to the consensus.
func spared(n *topology.Network, o topology.Organisation, cert *x509.Certificate) error {
	use := map[string]*material.Renewable{"its administrator's": material.AdministratorOf(n, o.ID)}
	if r := material.OrdererOf(n, o); r != nil {
		use["its orderer's"] = r
	}
	for whose, r := range use {
		b, err := r.Certificate()
		if err != nil {
			return err
		}
		if in, err := material.ParseCertificate(b); err != nil || in.SerialNumber.Cmp(cert.SerialNumber) == 0 {
			return &process.Failure{
				What: "revoking the certificate", Err: errors.Join(fmt.Errorf("it is %s, and in use", whose), err),
				Do: "rotate it first; then revoke the old one by its file",
			}
		}
	}
	return nil
}

func revokeCommand(dir *string) *cobra.Command {
	var o RevokeOptions
	c := &cobra.Command{
		Use:   "revoke ORGANISATION [ROLE]",
		Short: "Have every peer refuse a certificate of an organisation's node, or any other of its own",
		Long: "revoke puts a certificate on the revocation list of its organisation, and the list on the channel: every\n" +
			"peer refuses what is signed with it from then on, and endorsements under it do not count in proofs. Give a\n" +
			"ROLE for the node's present certificate, or a file. With neither, a revocation that stopped is finished.",
		Example: "  secant network revoke hospital-south sharer\n  secant network rotate hospital-south --role sharer\n" +
			"  secant network revoke hospital-south --certificate stolen.pem",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			o.Organisation, o.Out = args[0], c.OutOrStdout()
			if len(args) == 2 {
				o.Role = ledger.Role(args[1])
			}
			if o.Role != "" && o.Certificate != "" {
				return errors.New("give a role or a file, not both")
			}
			return Revoke(c.Context(), *dir, o)
		},
	}
	c.Flags().StringVar(&o.Certificate, "certificate", "", "a file with the certificate, PEM")
	return c
}
