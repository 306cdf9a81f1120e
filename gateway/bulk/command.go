package bulk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// flags are what `secant import units` takes.
type flags struct {
	reach

	format   string
	parallel int
	json     bool
}

// Command is `secant import`.
func Command() *cobra.Command {
	c := &cobra.Command{
		Use:   "import",
		Short: "Hand many records from a file to a node",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(unitsCommand(), schemaCommand(), filesCommand(), advisoriesCommand(), kevCommand(), epssCommand(), intelligenceCommand(), warninglistsCommand(), decayCommand(), vocabularyCommand(), techniquesCommand())
	return c
}

func unitsCommand() *cobra.Command {
	f := flags{reach: reach{role: auth.RoleRegistrar}}
	c := &cobra.Command{
		Use:   "units FILE",
		Short: "Register the devices that a file lists, at their manufacturer's node",
		Long: "units reads CSV, whose header names the columns di, lot, release, owner, serial and if need be\n" +
			"publicKey and iDevId, or NDJSON with these properties; - is standard input. It sends the devices\n" +
			"in chunks and prints the line and the reason of each that is refused; then it exits with 1.\n" +
			"It can be interrupted and run again: what is registered already is counted and not repeated.",
		Example: "  secant import units devices.csv --config DIR/nodes/medtech/node.json\n" +
			"  secant import units devices.csv --node https://node.example --token token.txt",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args[0]) },
	}
	f.flags(c)
	c.Flags().StringVar(&f.format, "format", "", "csv or ndjson (default: as the file's name says)")
	c.Flags().IntVar(&f.parallel, "parallel", 4, "requests at a time, 1 to 16")
	c.Flags().BoolVar(&f.json, "json", false, "print what became of the units as JSON")
	return c
}

func (f *flags) run(c *cobra.Command, name string) error {
	if f.parallel < 1 || f.parallel > 16 {
		return errors.New("--parallel must be 1 to 16")
	}
	n, err := f.open()
	if err != nil {
		return err
	}
	defer n.Close()
	rows, refused, err := f.read(c.InOrStdin(), name)
	if err != nil {
		return err
	}
	if len(rows)+len(refused) == 0 {
		return errors.New("the file lists no devices")
	}
	errOut := c.ErrOrStderr()
	p := newProgress(errOut)
	j := job{node: n, chunk: ledger.MaxUnits, parallel: f.parallel, progress: p}
	s, err := j.run(c.Context(), rows, refused)
	if tellErr := f.tell(c.OutOrStdout(), s); tellErr != nil {
		return tellErr
	}
	switch {
	case err != nil:
		return fmt.Errorf("%d devices were not come to; run the same again to go on: %w", s.Undone, f.hint(err))
	case len(s.Refused) > 0:
		return fmt.Errorf("%d devices were refused; the others are registered", len(s.Refused))
	}
	return nil
}

// tell prints what became of the units.
func (f *flags) tell(out io.Writer, s *Summary) error {
	if f.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	for _, r := range s.Refused {
		if _, err := fmt.Fprintf(out, "line %d: %s\n", r.Line, r.Reason); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	rate := float64(s.Registered+s.Existing) / max(s.Seconds, 0.001)
	_, err := fmt.Fprintf(out, "%d devices: %d registered, %d existed, %d refused, in %.1f s (%.0f/s)\n",
		s.Units, s.Registered, s.Existing, len(s.Refused), s.Seconds, rate)
	if err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

func (f *flags) read(in io.Reader, name string) ([]row, []Refusal, error) {
	format := f.format
	if format == "" {
		var err error
		if format, err = formatOf(name); err != nil {
			return nil, nil, err
		}
	}
	if format != FormatCSV && format != FormatNDJSON {
		return nil, nil, errors.New("--format must be csv or ndjson")
	}
	if name != "-" {
		file, err := os.Open(name) //nolint:gosec // the operator names it
		if err != nil {
			return nil, nil, fmt.Errorf("opening the file: %w", err)
		}
		defer file.Close()
		in = file
	}
	return readRows(in, format)
}
