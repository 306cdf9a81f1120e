// Package govern changes a consortium while it runs: who belongs to it, which
// certificates count, which chaincode its peers run and how many of them must
// agree. Each change is a sequence of steps that ask first what is there, so
// that one that stopped half-way, for whatever reason, is finished by giving the
// same command again. It decides nothing: it carries out, with the signatures of
// as many administrators as the channel's policies ask for, what the members
// have agreed.
package govern

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Command is `secant network`. dir is where the network lives.
func Command(dir *string) *cobra.Command {
	c := &cobra.Command{
		Use:   "network",
		Short: "Govern the running consortium: members, certificates, chaincode, policy",
		Long: "network changes a consortium that runs, by channel and chaincode transactions with the signatures that\n" +
			"its policies ask for. Each command can be given again when it stopped half-way: it goes on where it was.",
		Args: cobra.NoArgs, // a command that does not exist is a mistake, not a wish for help
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		showCommand(dir), addCommand(dir), removeCommand(dir),
		rotateCommand(dir), revokeCommand(dir), upgradeCommand(dir), policyCommand(dir),
	)
	return c
}

func addCommand(dir *string) *cobra.Command {
	var o Options
	kinds := []string{ledger.KindHospital, ledger.KindManufacturer, ledger.KindAuthority}
	c := &cobra.Command{
		Use:   "add ORGANISATION",
		Short: "Add an organisation with its peer and its node, or an orderer to one",
		Long: "add gives an organisation certificates, ports and a place on the channel, starts its peer and its node,\n" +
			"and tells the others. With --orderer it runs an orderer too; a member that has none gets one so.",
		Example: "  secant network add hospital-west --title \"Hospital West\"\n" +
			"  secant network add hospital-west --orderer",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.ID, o.Out = args[0], c.OutOrStdout()
			return AddOrganisation(c.Context(), *dir, o)
		},
	}
	c.Flags().StringVar(&o.Title, "title", "", "its name for people (default: its id)")
	c.Flags().StringVar(&o.Kind, "kind", ledger.KindHospital, "what it is: "+strings.Join(kinds, ", "))
	c.Flags().BoolVar(&o.Orderer, "orderer", false, "it takes part in ordering")
	return c
}

func removeCommand(dir *string) *cobra.Command {
	var o RemoveOptions
	c := &cobra.Command{
		Use:   "remove ORGANISATION",
		Short: "End an organisation's membership, or only its part in ordering",
		Long: "remove takes an organisation's orderer out of the consensus, the organisation off the channel, stops its\n" +
			"processes and tells the others. Its data is kept. It refuses to leave fewer than four orderers.",
		Example: "  secant network remove hospital-west\n" +
			"  secant network remove hospital-west --orderer",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Out = c.OutOrStdout()
			return RemoveOrganisation(c.Context(), *dir, args[0], o)
		},
	}
	c.Flags().BoolVar(&o.OrdererOnly, "orderer", false, "only its orderer leaves; it stays a member")
	return c
}
