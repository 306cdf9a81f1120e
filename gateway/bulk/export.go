package bulk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/client"
)

// exporter is one export on its way.
type exporter struct {
	reach

	node  *client.Client
	count atomic.Int64 // of lines or files, those of former runs left out
	out   io.Writer    // for people
}

// ExportCommand is `secant export`.
func ExportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "export",
		Short: "Write what a node holds into files",
		Long: "export writes NDJSON, or with FILE - prints it, and beside each FILE its manifest, FILE.manifest.json:\n" +
			"what was asked for, how far it is, and the SHA-256 of all that was written. An export that was\n" +
			"interrupted goes on by being repeated. Repeated when it was finished, units and advisories are\n" +
			"written anew, in place of the file; readings, proofs and events go on where the file ends. A file\n" +
			"that is no export of the same, or that was changed, is refused and left as it is.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(exportUnitsCommand(), exportReadingsCommand(), exportProofsCommand(), exportEventsCommand(), exportAdvisoriesCommand())
	return c
}

// exportCommand makes one of its commands; run fills the target.
func exportCommand(use, short, long, example string, run func(e *exporter, ctx context.Context, c *cobra.Command, target string) error) *cobra.Command {
	e := &exporter{reach: reach{role: auth.RoleAuditor}}
	c := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if e.node, err = e.open(); err != nil {
				return err
			}
			defer e.node.Close()
			e.out = c.OutOrStdout()
			if args[0] == standard {
				e.out = c.ErrOrStderr()
			}
			begin, stop := time.Now(), make(chan struct{})
			var telling sync.WaitGroup
			telling.Go(func() {
				newProgress(c.ErrOrStderr()).run(stop, c.Name(), 0, begin, func() int { return int(e.count.Load()) })
			})
			err = run(e, c.Context(), c, args[0])
			close(stop)
			telling.Wait()
			if errors.Is(err, client.ErrBehind) {
				return fmt.Errorf("the node does not keep the events any more that follow on the file's last: begin another file: %w", err)
			}
			if err != nil {
				return e.hint(err)
			}
			_, err = fmt.Fprintf(e.out, "%d %s in %.1f s\n", e.count.Load(), c.Name(), time.Since(begin).Seconds())
			if err != nil {
				return fmt.Errorf("printing: %w", err)
			}
			return nil
		},
	}
	e.flags(c)
	return c
}

// standard is the name of the standard output.
const standard = "-"

// sinceFlag adds the flag by which older things are left out.
func sinceFlag(c *cobra.Command, into *string, of string) {
	c.Flags().StringVar(into, "since", "", "only "+of+" then or later, as 2026-11-30 or 2026-11-30T12:00:00Z, or for so long, as 24h")
}

// sinceTime reads it.
func sinceTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d).UTC(), nil
	}
	return time.Time{}, errors.New("--since must be a day, a time with its zone or a length of time, as 24h")
}
