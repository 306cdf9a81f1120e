package govern

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/launch"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// anyOf begins a policy of a fixed number as the command takes it: "any-2".
const anyOf = "any-"

// number writes a number for people.
func number[N int | int64](n N) string { return strconv.FormatInt(int64(n), 10) }

// parsePolicy reads a policy as the command takes it.
func parsePolicy(s string, organisations int) (string, error) {
	policy := s
	if n, ok := strings.CutPrefix(s, anyOf); ok {
		count, err := strconv.Atoi(n)
		if err != nil {
			return "", badPolicy(s, organisations)
		}
		policy = ledger.PolicyOutOf(count)
	}
	if _, ok := ledger.PolicyNeeds(policy, organisations); !ok || strings.Contains(s, ":") {
		return "", badPolicy(s, organisations)
	}
	return policy, nil
}

func badPolicy(s string, organisations int) error {
	return &process.Failure{
		What: "reading the policy " + strconv.Quote(s), Err: errors.New("it is none that these organisations can meet"),
		Do: fmt.Sprintf("give %s, or %sN with N from 2 to %d", ledger.PolicyMajority, anyOf, organisations),
	}
}

// Policy puts the chaincode under another endorsement policy, "majority" or
// "any-N", and begins an epoch of the trust file with it. What was endorsed under
// the policy before stays good: it is judged by the epoch of its own time. The
// policy that holds is left alone, unless the organisations have changed that it
// names.
func Policy(ctx context.Context, dir, policy string, out io.Writer) (launch.Deployed, error) {
	s, err := launch.Open(dir, "network policy", out)
	if err != nil {
		return launch.Deployed{}, err
	}
	defer s.Close()
	n := s.Network()
	wanted, err := parsePolicy(policy, len(n.Organisations))
	if err != nil {
		return launch.Deployed{}, err
	}
	if err := s.Running(topology.KindOrderer, topology.KindPeer); err != nil {
		return launch.Deployed{}, err
	}
	d, err := s.Redefine(ctx, wanted)
	if err != nil {
		return d, err
	}
	// The channel first: an epoch that asked for less than peers sign would be
	// met, and one that asked for more begins when they sign as much.
	changed, err := material.ChangeTrust(n, time.Now(), func(e *ledger.TrustEpoch) { e.Policy = wanted })
	if err != nil {
		return d, err
	}
	tell(s, d)
	if changed {
		s.Say("the trust file has a new epoch: give it to all who verify proofs")
	}
	if needed, _ := ledger.PolicyNeeds(wanted, len(n.Organisations)); 2*needed <= len(n.Organisations) {
		s.Say("warning: any %d of %d organisations can now write what they like, against all the others", needed, len(n.Organisations))
	}
	return d, nil
}

func policyCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "policy POLICY",
		Short: "Say how many organisations must agree: majority or any-N",
		Long: "policy changes how many organisations must endorse a transaction. Every organisation approves it. Under\n" +
			"majority more than half must; under any-2 two suffice, which is faster and makes every pair of organisations\n" +
			"as powerful as all: see network/OPERATIONS.md.",
		Example: "  secant network policy any-2\n  secant network policy majority",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			_, err := Policy(c.Context(), *dir, args[0], c.OutOrStdout())
			return err
		},
	}
}
