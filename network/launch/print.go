package launch

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
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
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, p.State, number(p.PID), p.Address, number(p.Height), mark(p))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("printing the state: %w", err)
	}
	return nil
}

func mark(p Process) string {
	if p.Leader {
		return "leader"
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
// there, at which address, and how to call it.
func (s *State) Guide(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nORGANISATION\tNODE\tWHAT IT IS")
	for _, o := range s.Organisations {
		fmt.Fprintf(t, "%s\t%s\t%s\n", o.ID, o.URL, o.Title)
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
			fmt.Fprintf(&b, "\nEvery organisation's tokens are in %s/nodes/ORGANISATION/tokens, its API is described at %s/openapi.json\n", s.Dir, o.URL)
		}
	}
	b.WriteString("\nNext:\n" +
		"  secant demo      readings proven, a threat shared, a risk scored\n" +
		"  secant status    what runs and how it is\n" +
		"  secant logs NAME the log of one process\n" +
		"  secant down      stop, keep all data\n" +
		"(in a clone without an installed program: go run . demo, and so on)\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("printing the guide: %w", err)
	}
	return nil
}
