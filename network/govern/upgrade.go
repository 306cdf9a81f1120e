package govern

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/network/launch"
	"github.com/secant-platform/secant/network/lifecycle"
	"github.com/secant-platform/secant/network/topology"
)

// UpgradeOptions say where a chaincode comes from.
type UpgradeOptions struct {
	// Source is the root of this module's source. Default: found from the working
	// directory upwards.
	Source string
	// Cache is the folder of built programs. Default: SECANT_CACHE, else below
	// the user's cache folder.
	Cache string
	// Out is told of the progress. Default: nobody is.
	Out io.Writer
}

// Upgrade builds the chaincode and brings it to every peer and to the channel,
// approved by every organisation, while the nodes go on working. A chaincode that
// is there already is left alone.
func Upgrade(ctx context.Context, dir string, o UpgradeOptions) (launch.Deployed, error) {
	s, err := launch.Open(dir, "network upgrade", o.Out)
	if err != nil {
		return launch.Deployed{}, err
	}
	defer s.Close()
	if err := s.Running(topology.KindOrderer, topology.KindPeer); err != nil {
		return launch.Deployed{}, err
	}
	d, err := s.Upgrade(ctx, launch.Options{Source: o.Source, Cache: o.Cache})
	if err == nil {
		tell(s, d)
	}
	return d, err
}

// tell says what a deployment found and what it left.
func tell(s *launch.Session, d launch.Deployed) {
	s.Say("before: %s", describe(d.Before))
	if d.After.Sequence == d.Before.Sequence {
		s.Say("now:    the same, nothing had to be done")
		return
	}
	s.Say("now:    %s", describe(d.After))
}

func describe(d lifecycle.Definition) string {
	policy := d.Policy
	if policy == "" {
		policy = "one that this program does not know"
	}
	return "version " + d.Version + ", sequence " + number(d.Sequence) + ", policy " + policy
}

func upgradeCommand(dir *string) *cobra.Command {
	var o UpgradeOptions
	c := &cobra.Command{
		Use:   "upgrade",
		Short: "Bring the chaincode of this source to every peer and to the channel",
		Long: "upgrade builds the chaincode from source, installs it on every peer, has every organisation approve it\n" +
			"and commits it, while the nodes go on working. `secant up` does the same when it finds another source.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Out = c.OutOrStdout()
			_, err := Upgrade(c.Context(), *dir, o)
			return err
		},
	}
	c.Flags().StringVar(&o.Source, "source", "", "the folder of the source (default: found from here upwards)")
	return c
}
