package bulk

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/client"
)

func warninglistsCommand() *cobra.Command {
	return referenceCommand("warninglists FILE|FOLDER...", "Hand in lists of values that raise false alarms (MISP's warninglists)",
		func(ctx context.Context, n *client.Client, text []byte) (string, error) {
			got, err := n.PutWarninglist(ctx, text)
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("%s: %d entries taken in, %d left out", got.Name, got.Count, got.Left), nil
		})
}

func decayCommand() *cobra.Command {
	return referenceCommand("decaying-models FILE|FOLDER...", "Hand in models of how confidence in indicators fades (MISP's decaying models)",
		func(ctx context.Context, n *client.Client, text []byte) (string, error) {
			name, err := n.PutDecayingModel(ctx, text)
			return name + ": taken in", err
		})
}

// referenceCommand hands in each file for itself, and of a folder all that end in .json;
// put says what became of one.
func referenceCommand(use, short string, put func(context.Context, *client.Client, []byte) (string, error)) *cobra.Command {
	f := reach{role: auth.RoleAnalyst}
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return f.reference(c, args, put) },
	}
	f.flags(c)
	return c
}

func (f *reach) reference(c *cobra.Command, args []string, put func(context.Context, *client.Client, []byte) (string, error)) error {
	files, err := filesOf(args, ".json")
	if err != nil {
		return err
	}
	n, err := f.open()
	if err != nil {
		return err
	}
	defer n.Close()
	refused := 0
	for _, file := range files {
		text, err := readFile(file, maxFile)
		told := ""
		if err == nil {
			told, err = put(c.Context(), n, text)
		}
		if reason, bad := fault(err); bad {
			refused++
			told = file + ": " + reason
		} else if err != nil {
			return fmt.Errorf("%s: %w", file, f.hint(err))
		}
		if _, err := fmt.Fprintln(c.OutOrStdout(), told); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	if refused > 0 {
		return fmt.Errorf("%d files were refused; the others are taken in", refused)
	}
	return nil
}
