package launch

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/secant-platform/secant/network/topology"
)

// Print writes the state for people, a line for each process.
func (s *State) Print(w io.Writer) error {
	health, reasons := "healthy", s.Reasons
	switch {
	case s.AllStopped():
		health, reasons = "down, its data is kept; `secant up` starts it", nil
	case !s.Healthy:
		health = "NOT healthy"
	}
	fmt.Fprintf(w, "consortium %q in %s is %s\n", s.Network, s.Dir, health)
	for _, r := range reasons {
		fmt.Fprintf(w, "  - %s\n", r)
	}
	if s.Chaincode.Sequence > 0 {
		fmt.Fprintf(w, "chaincode %s, sequence %d, %s\n", s.Chaincode.Name, s.Chaincode.Sequence, s.Chaincode.PackageID)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nNAME\tSTATE\tPID\tADDRESS\tHEIGHT\t")
	for _, p := range s.Processes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, p.State, number(p.PID), p.Address, number(p.Height), s.mark(p))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("printing the state: %w", err)
	}
	return nil
}

// mark says what is particular to a process: the orderer that leads, the node's
// address for those outside.
func (s *State) mark(p Process) string {
	if p.Leader {
		return "leader"
	}
	for _, o := range s.Organisations {
		if p.Kind == string(topology.KindNode) && p.Organisation == o.ID {
			return o.Public
		}
	}
	return ""
}

func number[N int | uint64](n N) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatUint(uint64(n), 10)
}

// Guide writes what somebody who has just started the network needs: who is
// there, at which address, and how to call it. Program is how the reader calls the
// secant command for this network.
func (s *State) Guide(w io.Writer, program string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nORGANISATION\tNODE\tFOR WALLETS AND VERIFIERS\tWHAT IT IS")
	for _, o := range s.Organisations {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", o.ID, o.URL, o.Public, o.Title)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("printing the guide: %w", err)
	}
	var b strings.Builder
	if len(s.Organisations) > 0 {
		o := s.Organisations[0]
		if file, ok := o.Tokens["auditor"]; ok {
			fmt.Fprintf(&b, "\nCall a node with a token of a role (%s):\n\n", strings.Join(TokenRoles, ", "))
			fmt.Fprintf(&b, "  curl -H \"Authorization: Bearer $(cat %s)\" %s/v1/threats\n", file, o.URL)
			fmt.Fprintf(&b, "\nThe https addresses are of certificates that chain to %s (curl --cacert, NODE_EXTRA_CA_CERTS)\n", s.Roots)
			fmt.Fprintf(&b, "Every organisation's tokens are in %s/nodes/ORGANISATION/tokens, its API is described at %s/openapi.json\n", s.Dir, o.URL)
		}
	}
	fmt.Fprintf(&b, "\nNext:\n"+
		"  %[1]s demo      readings proven, a threat shared, a risk scored\n"+
		"  %[1]s status    what runs and how it is\n"+
		"  %[1]s logs NAME the log of one process\n"+
		"  %[1]s down      stop, keep all data\n", program)
	s.people(&b, program)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("printing the guide: %w", err)
	}
	return nil
}

// people writes how to sign in as each of those who have a wallet.
func (s *State) people(b *strings.Builder, program string) {
	n := &topology.Network{Dir: s.Dir}
	first, releasers := "", []string(nil)
	for _, p := range topology.People() {
		i := slices.IndexFunc(s.Organisations, func(o Organisation) bool { return o.ID == p.Organisation && o.Public != "" })
		if i < 0 || !exists(n.WalletDir(p.Wallet)) {
			continue
		}
		if !p.SignsIn() {
			releasers = append(releasers, p.Wallet)
			continue
		}
		if first == "" {
			fmt.Fprintf(b, "\nSign in as a person, with a wallet in %s (its key lies beside it: for development only):\n\n", n.WalletsDir())
			first = p.Wallet
		}
		fmt.Fprintf(b, "  %s wallet sign-in %s --yes --name %-8s # %s\n", program, s.Organisations[i].Public, p.Wallet, p.What)
	}
	if first == "" {
		return
	}
	fmt.Fprintf(b, "\nand call the node as that person:\n\n"+
		"  %[1]s wallet call GET /v1/units --name %[2]s\n"+
		"  %[1]s wallet sign-out --name %[2]s\n", program, first)
	if len(releasers) > 0 {
		fmt.Fprintf(b, "\n%s sign what persons of two organisations must agree to (%s wallet sign --help)\n", strings.Join(releasers, " and "), program)
	}
}
