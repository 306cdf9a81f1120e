package govern

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/channel"
	"github.com/secant-platform/secant/network/launch"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// Standings of an organisation in an overview.
const (
	Member  = "member"
	Joining = "joining" // begun; `secant network add` finishes it
	Former  = "former"
)

// Overview is how a network is governed: what the channel says, beside what the
// network file and the trust file say.
type Overview struct {
	Network       string     `json:"network"`
	Channel       string     `json:"channel"`
	Configuration uint64     `json:"configuration"` // how often it was changed
	Block         uint64     `json:"block"`         // in which it stands
	Policy        string     `json:"policy"`        // of endorsement, as the trust file names it
	Needed        int        `json:"needed"`        // organisations that must endorse
	Epochs        int        `json:"epochs"`        // of the trust file
	Consenters    int        `json:"consenters"`
	Quorum        int        `json:"quorum"` // orderers that must sign a block
	Faults        int        `json:"faults"` // orderers that may fail or lie
	Chaincode     Chaincode  `json:"chaincode"`
	Organisations []Standing `json:"organisations"`
}

// Chaincode is what the channel has committed.
type Chaincode struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Sequence int64  `json:"sequence"`
}

// Standing is an organisation's.
type Standing struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Kind     string    `json:"kind"`
	Standing string    `json:"standing"`          // Member, Joining or Former
	Endorses bool      `json:"endorses"`          // it is among those of the channel whose peers do
	Orderer  int       `json:"orderer,omitempty"` // its number in the consensus; zero: none
	Peers    []string  `json:"peers,omitempty"`
	Expires  time.Time `json:"expires,omitzero"` // when the first of its certificates does
	First    string    `json:"first,omitempty"`  // whose that is
}

// Show looks at how a running network is governed.
func Show(ctx context.Context, dir string) (*Overview, error) {
	n, err := topology.Load(dir)
	if err != nil {
		return nil, &process.Failure{What: "looking for a network in " + dir, Err: err, Do: "start one with `secant up`, or say where it is with --dir"}
	}
	c, err := channel.Newest(ctx, n)
	if err != nil {
		return nil, &process.Failure{What: "asking the channel", Err: err, Do: "start the network with `secant up`"}
	}
	consenters, err := channel.Consenters(c.Config)
	if err != nil {
		return nil, err
	}
	trust, err := material.ReadTrust(n)
	if err != nil {
		return nil, err
	}
	epoch := trust.Epochs[len(trust.Epochs)-1]
	state, err := launch.Status(ctx, dir)
	if err != nil {
		return nil, err
	}
	o := &Overview{
		Network: n.Name, Channel: n.Channel, Configuration: c.Config.GetSequence(), Block: c.Number(),
		Policy: epoch.Policy, Needed: epoch.Needed(), Epochs: len(trust.Epochs),
		Consenters: len(consenters), Quorum: channel.Quorum(len(consenters)), Faults: channel.Faults(len(consenters)),
		Chaincode: Chaincode{state.Chaincode.Name, state.Chaincode.Version, state.Chaincode.Sequence},
	}
	numbers := map[string]int{}
	for _, m := range consenters {
		numbers[m.GetMspId()] = int(m.GetId())
	}
	note := func(list []topology.Organisation, standing string) error {
		for _, org := range list {
			if slices.ContainsFunc(o.Organisations, func(s Standing) bool { return s.ID == org.ID }) {
				continue // a member whose orderer joins or has left
			}
			s := Standing{ID: org.ID, Title: org.Title, Kind: org.Kind, Standing: standing, Orderer: numbers[org.ID]}
			_, s.Endorses = channel.Application(c.Config).GetGroups()[org.ID]
			for _, p := range org.Peers {
				s.Peers = append(s.Peers, p.Name)
			}
			if standing != Former {
				var err error
				if s.First, s.Expires, err = expiry(n, org); err != nil {
					return err
				}
			}
			o.Organisations = append(o.Organisations, s)
		}
		return nil
	}
	if err := note(n.Organisations, Member); err != nil {
		return nil, err
	}
	if err := note(n.Joining, Joining); err != nil {
		return nil, err
	}
	return o, note(n.Former, Former)
}

// expiry finds the certificate of an organisation that expires first, and whose
// it is, as a path below the organisation's folder.
func expiry(n *topology.Network, o topology.Organisation) (first string, at time.Time, err error) {
	own := map[string]string{"the administrator": filepath.Join(n.AdminDir(o.ID), material.CertFile)}
	for _, role := range ledger.Roles {
		own["the "+string(role)] = filepath.Join(n.ClientDir(o.ID, string(role)), material.CertFile)
	}
	own["the TLS of "+o.Node.Name] = filepath.Join(n.NodeIdentity(o.ID), material.CertFile)
	server := func(name, dir string) {
		own[name] = filepath.Join(dir, "msp", "signcerts", material.CertFile)
		own["the TLS of "+name] = filepath.Join(dir, "tls", material.CertFile)
	}
	if o.Orderer != nil {
		server(o.Orderer.Name, n.OrdererIdentity(o.ID))
	}
	for _, p := range o.Peers {
		server(p.Name, n.PeerIdentity(o.ID, p))
	}
	for whose, path := range own {
		b, err := os.ReadFile(path) //nolint:gosec // a path of our own layout
		if err != nil {
			if os.IsNotExist(err) {
				continue // not made yet
			}
			return "", at, fmt.Errorf("reading the certificate of %s: %w", whose, err)
		}
		c, err := material.ParseCertificate(b)
		if err != nil {
			return "", at, fmt.Errorf("reading the certificate of %s: %w", whose, err)
		}
		if until := c.NotAfter.UTC(); at.IsZero() || until.Before(at) || until.Equal(at) && whose < first {
			first, at = whose, until
		}
	}
	return first, at, nil
}

// Print writes the overview for people.
func (o *Overview) Print(w io.Writer) error {
	fmt.Fprintf(w, "consortium %q, channel %s: configuration %d, in block %d\n", o.Network, o.Channel, o.Configuration, o.Block)
	fmt.Fprintf(w, "chaincode %s, version %s, sequence %d\n", o.Chaincode.Name, o.Chaincode.Version, o.Chaincode.Sequence)
	endorsing := 0
	for _, s := range o.Organisations {
		if s.Endorses {
			endorsing++
		}
	}
	fmt.Fprintf(w, "endorsement: %s, %d of %d organisations; epoch %d of the trust file\n", o.Policy, o.Needed, endorsing, o.Epochs)
	fmt.Fprintf(w, "ordering: %d orderers, of which %d sign a block and %d may fail or lie\n\n", o.Consenters, o.Quorum, o.Faults)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ORGANISATION\tKIND\tSTANDING\tENDORSES\tORDERER\tPEERS\tCERTIFICATES GOOD UNTIL")
	for _, s := range o.Organisations {
		until := "-"
		if !s.Expires.IsZero() {
			until = s.Expires.Format(time.DateOnly) + " (" + s.First + ")"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", s.ID, s.Kind, s.Standing, yes(s.Endorses), orNone(s.Orderer), len(s.Peers), until)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("printing the overview: %w", err)
	}
	for _, s := range o.Organisations {
		if s.Standing == Joining {
			fmt.Fprintf(w, "\n%s has begun to join: `secant network add %s` finishes it\n", s.ID, s.ID)
		}
	}
	return nil
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func orNone(n int) string {
	if n == 0 {
		return "-"
	}
	return "no. " + strconv.Itoa(n)
}

func showCommand(dir *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show",
		Short: "Say who belongs to the consortium and by which rules it decides",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := Show(c.Context(), *dir)
			if err != nil {
				return err
			}
			if !asJSON {
				return o.Print(c.OutOrStdout())
			}
			e := json.NewEncoder(c.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(o)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
