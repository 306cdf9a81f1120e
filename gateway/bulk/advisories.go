package bulk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/client"
)

// maxFile bounds a file that is handed in whole, in bytes. A node takes fewer,
// unless its configuration says otherwise.
const maxFile = 64 << 20

func advisoriesCommand() *cobra.Command {
	f := reach{role: auth.RoleRiskManager}
	c := &cobra.Command{
		Use:   "advisories FILE|FOLDER...",
		Short: "Hand in advisories on vulnerabilities, and see which units they concern",
		Long: "advisories reads CSAF 2.0 documents, OSV records and answers of NVD's CVE API, each file for itself\n" +
			"and of a folder all that end in .json. It prints what became of each, with the number of units that it\n" +
			"concerns, or may. Run again it changes nothing, unless an edition is newer; what persons decided stays.",
		Example: "  secant import advisories csaf_files/ --config DIR/nodes/hospital-north/node.json",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return f.advisories(c, args) },
	}
	f.flags(c)
	return c
}

func kevCommand() *cobra.Command {
	return listCommand("kev FILE", "Hand in CISA's catalogue of known exploited vulnerabilities (JSON)", (*client.Client).PutKEV)
}

func epssCommand() *cobra.Command {
	return listCommand("epss FILE", "Hand in a day's EPSS scores (CSV, as it comes or unpacked)", (*client.Client).PutEPSS)
}

func listCommand(use, short string, put func(*client.Client, context.Context, []byte) (*client.ListTaken, error)) *cobra.Command {
	f := reach{role: auth.RoleRiskManager}
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.open()
			if err != nil {
				return err
			}
			defer n.Close()
			text, err := readFile(args[0], maxFile)
			if err != nil {
				return err
			}
			got, err := put(n, c.Context(), text)
			if err != nil {
				return f.hint(err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d entries taken in\n", got.Count)
			return err
		},
	}
	f.flags(c)
	return c
}

func (f *reach) advisories(c *cobra.Command, args []string) error {
	files, err := filesOf(args, ".json")
	if err != nil {
		return err
	}
	n, err := f.open()
	if err != nil {
		return err
	}
	defer n.Close()
	begin, count, refused := time.Now(), map[string]int{}, 0
	out := c.OutOrStdout()
	for _, file := range files {
		text, err := readFile(file, maxFile)
		var got []client.Imported
		if err == nil {
			got, err = n.ImportAdvisory(c.Context(), text)
		}
		if reason, bad := fault(err); bad {
			refused++
			if _, err := fmt.Fprintf(out, "%s: %s\n", file, reason); err != nil {
				return fmt.Errorf("printing: %w", err)
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, f.hint(err))
		}
		for _, a := range got {
			count[a.Outcome]++
			if _, err := fmt.Fprintf(out, "%s %s, %d units: %s\n", a.Tracking, a.Outcome, a.Units, a.Title); err != nil {
				return fmt.Errorf("printing: %w", err)
			}
		}
	}
	if _, err := fmt.Fprintf(out, "%d added, %d updated, %d unchanged, %d files refused, in %.1f s\n",
		count["added"], count["updated"], count["unchanged"], refused, time.Since(begin).Seconds()); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	if refused > 0 {
		return fmt.Errorf("%d files were refused; the others are taken in", refused)
	}
	return nil
}

// filesOf lists files, and of folders what ends in one of the endings, in the order of
// names.
func filesOf(args []string, endings ...string) ([]string, error) {
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, fmt.Errorf("looking for the file: %w", err)
		}
		if !info.IsDir() {
			files = append(files, arg)
			continue
		}
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && slices.Contains(endings, strings.ToLower(filepath.Ext(path))) {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading the folder: %w", err)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("the folder holds no file that ends in %s", strings.Join(endings, " or "))
	}
	return files, nil
}

// fault tells whether an error is a file's own, which others do not suffer for, and
// why the node does not take it.
func fault(err error) (reason string, yes bool) {
	if e, ok := errors.AsType[*client.Error](err); ok {
		switch e.Status {
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
			reason = e.Detail
			if len(e.Faults) > 0 {
				reason += ": " + e.Reason()
			}
			return reason, true
		}
		return "", false
	}
	if e, ok := errors.AsType[*ledger.Problem](err); ok && e.Code == ledger.CodeTooLarge {
		return e.Detail, true
	}
	return "", false
}

// readFile reads a file of at most limit bytes (too_large).
func readFile(name string, limit int) ([]byte, error) {
	file, err := os.Open(name) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("opening the file: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	if len(text) > limit {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "has more than %d bytes", limit)
	}
	return text, nil
}
