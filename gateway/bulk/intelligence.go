package bulk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/client"
)

// linesPart is how much of a file of lines one request has, in bytes.
const linesPart = 4 << 20

// intelligence is what `secant import intelligence` takes.
type intelligence struct {
	reach

	source, format string
	sum            client.TakenIn
	files          int // refused as a whole
}

func intelligenceCommand() *cobra.Command {
	f := intelligence{reach: reach{role: auth.RoleAnalyst}}
	c := &cobra.Command{
		Use:   "intelligence FILE|FOLDER...",
		Short: "Hand in what security tools wrote, and reports",
		Long: "intelligence hands in alerts, findings of scanners and reports, each file for itself and of a folder all\n" +
			"but hidden ones, in the format that each looks like unless --format says it. It prints what became of\n" +
			"each file. Run again it changes nothing: what is known already is counted and not repeated.\n\n" +
			"Formats: " + formatNames() + ".",
		Example: "  secant import intelligence eve.json --source suricata --config DIR/nodes/hospital-north/node.json",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return f.run(c, args) },
	}
	f.flags(c)
	c.Flags().StringVar(&f.source, "source", "", "what the source is called: a to z, 0 to 9 and -")
	c.Flags().StringVar(&f.format, "format", "", "the format (default: what each file looks like)")
	_ = c.MarkFlagRequired("source")
	return c
}

func formatNames() string {
	var names []string
	for _, f := range adapt.Formats() {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

func (f *intelligence) run(c *cobra.Command, args []string) error {
	files, err := everyFile(args)
	if err != nil {
		return err
	}
	n, err := f.open()
	if err != nil {
		return err
	}
	defer n.Close()
	begin, out := time.Now(), c.OutOrStdout()
	told := newProgress(c.ErrOrStderr())
	said := begin
	for i, file := range files {
		got, err := f.file(c.Context(), n, file)
		f.sum.New, f.sum.Known, f.sum.Refused = f.sum.New+got.New, f.sum.Known+got.Known, f.sum.Refused+got.Refused
		line := fmt.Sprintf("%d new, %d known, %d refused", got.New, got.Known, got.Refused)
		if got.Format != "" {
			line = got.Format + ": " + line
		}
		if reason, bad := fault(err); bad {
			f.files++
			line = reason
		} else if err != nil {
			return fmt.Errorf("%s: %w", file, f.hint(err))
		}
		lines := append([]string{file + ": " + line}, got.Reasons...)
		if _, err := fmt.Fprintln(out, strings.Join(lines, "\n  ")); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
		if spent := time.Since(begin); spent > told.quiet && time.Since(said) > told.every {
			told.tell("files", len(files), i+1, spent)
			said = time.Now()
		}
	}
	if _, err := fmt.Fprintf(out, "%d new, %d known, %d refused, %d files refused, in %.1f s\n",
		f.sum.New, f.sum.Known, f.sum.Refused, f.files, time.Since(begin).Seconds()); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	if f.files > 0 {
		return fmt.Errorf("%d files were refused; the others are taken in", f.files)
	}
	return nil
}

// file hands in a file: part by part, where it is one of lines.
func (f *intelligence) file(ctx context.Context, n *client.Client, name string) (client.TakenIn, error) {
	var sum client.TakenIn
	file, err := os.Open(name) //nolint:gosec // the operator names it
	if err != nil {
		return sum, fmt.Errorf("opening the file: %w", err)
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 64<<10)
	head, err := r.Peek(4 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return sum, fmt.Errorf("reading the file: %w", err)
	}
	format, ok := adapt.Lookup(f.format)
	if f.format == "" {
		format, ok = adapt.Detect(head)
	}
	limit := maxFile
	// A list of them is one document, and so is UTF-16.
	byLine := ok && format.Lines && !adapt.Wide(head) && !bytes.HasPrefix(bytes.TrimSpace(head), []byte("["))
	if byLine {
		limit = linesPart
	}
	name = f.format
	if ok {
		name = format.Name
	}
	for {
		part, last, err := nextPart(r, limit, byLine)
		if err != nil || last && len(part) == 0 && sum.Format != "" {
			return sum, err
		}
		got, err := n.PushIntelligence(ctx, f.source, name, part)
		if err != nil {
			return sum, err
		}
		sum.Format, sum.New, sum.Known, sum.Refused = got.Format, sum.New+got.New, sum.Known+got.Known, sum.Refused+got.Refused
		sum.Reasons = append(sum.Reasons, got.Reasons[:min(len(got.Reasons), 20-len(sum.Reasons))]...)
		if last {
			return sum, nil
		}
	}
}

// nextPart reads up to limit bytes, and of a file of lines whole ones.
func nextPart(r *bufio.Reader, limit int, byLine bool) (part []byte, last bool, err error) {
	part, err = io.ReadAll(io.LimitReader(r, int64(limit)))
	if err != nil {
		return nil, false, fmt.Errorf("reading the file: %w", err)
	}
	if _, err := r.Peek(1); errors.Is(err, io.EOF) {
		return part, true, nil
	}
	if !byLine {
		return nil, false, ledger.Problemf(ledger.CodeTooLarge, "has more than %d bytes", limit)
	}
	for n := len(part); len(part) > 0 && part[len(part)-1] != '\n'; {
		rest, err := r.ReadSlice('\n')
		part = append(part, rest...)
		if errors.Is(err, io.EOF) {
			return part, true, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, false, fmt.Errorf("reading the file: %w", err)
		}
		if len(part) > n+maxFile-limit {
			return nil, false, ledger.Problemf(ledger.CodeTooLarge, "has a line of more than %d bytes", maxFile-limit)
		}
	}
	return part, false, nil
}

// everyFile lists files, and of folders all but hidden ones, in the order of names.
func everyFile(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		err := filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			if err == nil && (path == arg && !d.IsDir() || d.Type().IsRegular() && !strings.HasPrefix(d.Name(), ".")) {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("looking for the files: %w", err)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("there is no file")
	}
	return files, nil
}
