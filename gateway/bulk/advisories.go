package bulk

import (
	"bytes"
	"context"
	"encoding/json"
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

	"github.com/secant-platform/secant/gateway/auth"
)

// maxFile bounds a file that is handed in whole, in bytes. A node takes fewer,
// unless its configuration says otherwise.
const maxFile = 64 << 20

func advisoriesCommand() *cobra.Command {
	f := flags{role: auth.RoleRiskManager}
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
	f.reach(c)
	return c
}

func kevCommand() *cobra.Command {
	return listCommand("kev FILE", "Hand in CISA's catalogue of known exploited vulnerabilities (JSON)", "/v1/exploitation/kev",
		func(string) string { return "application/json" })
}

func epssCommand() *cobra.Command {
	return listCommand("epss FILE", "Hand in a day's EPSS scores (CSV, as it comes or unpacked)", "/v1/exploitation/epss", func(name string) string {
		if strings.HasSuffix(name, ".gz") {
			return "application/gzip"
		}
		return "text/csv"
	})
}

func listCommand(use, short, path string, media func(name string) string) *cobra.Command {
	f := flags{role: auth.RoleRiskManager}
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.open()
			if err != nil {
				return err
			}
			defer n.http.CloseIdleConnections()
			var got struct{ Count int }
			if err := n.handIn(c.Context(), http.MethodPut, path, args[0], media(args[0]), &got); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d entries taken in\n", got.Count)
			return err
		},
	}
	f.reach(c)
	return c
}

// taken is what a node says to an advisory; see POST /v1/advisories.
type taken struct {
	Items []struct {
		Tracking, Title, Outcome string
		Units, Open              int
	}
}

func (f *flags) advisories(c *cobra.Command, args []string) error {
	files, err := filesOf(args, ".json")
	if err != nil {
		return err
	}
	n, err := f.open()
	if err != nil {
		return err
	}
	defer n.http.CloseIdleConnections()
	begin, count, refused := time.Now(), map[string]int{}, 0
	out := c.OutOrStdout()
	for _, file := range files {
		var got taken
		err := n.handIn(c.Context(), http.MethodPost, "/v1/advisories", file, "application/json", &got)
		if no, ok := errors.AsType[*refusedFileError](err); ok {
			refused++
			if _, err := fmt.Fprintf(out, "%s: %s\n", file, no.reason); err != nil {
				return fmt.Errorf("printing: %w", err)
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, a := range got.Items {
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

// refusedFileError says that the node does not take a file, and why.
type refusedFileError struct{ reason string }

// Error is the reason.
func (r *refusedFileError) Error() string { return r.reason }

// handIn sends a file whole, again while the node is away or busy, and reads the
// answer.
func (n *node) handIn(ctx context.Context, method, path, file, media string, into any) error {
	text, err := readFile(file)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, n.patient)
	defer cancel()
	for try := 0; ; try++ {
		err := n.send(ctx, method, path, media, text, into)
		gone, again := errors.AsType[*away](err)
		if !again {
			return err
		}
		if !sleep(ctx, max(gone.after, wait(try))) {
			return fmt.Errorf("the node does not answer: %w", err)
		}
	}
}

func readFile(name string) ([]byte, error) {
	file, err := os.Open(name) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("opening the file: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	if len(text) > maxFile {
		return nil, &refusedFileError{fmt.Sprintf("has more than %d bytes", maxFile)}
	}
	return text, nil
}

func (n *node) send(ctx context.Context, method, path, media string, text []byte, into any) error {
	token, err := n.token()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, n.url+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("Content-Type", media)
	if n.device != "" {
		req.Header.Set(auth.HeaderDevice, n.device)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := n.http.Do(req)
	if err != nil {
		return &away{0, fmt.Errorf("calling the node: %w", err)}
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return &away{0, fmt.Errorf("reading the node's answer: %w", err)}
	}
	switch res.StatusCode {
	case http.StatusOK, http.StatusAccepted:
		if err := json.Unmarshal(got, into); err != nil {
			return fmt.Errorf("reading the node's answer: %w", err)
		}
		return nil
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		var p refused
		_ = json.Unmarshal(got, &p) // another program may have answered
		if p.Detail == "" {
			p.Detail = http.StatusText(res.StatusCode)
		}
		reason := p.Detail
		if len(p.Errors) > 0 {
			reason += ": " + p.reason()
		}
		return &refusedFileError{reason}
	}
	return n.refusal(res, got, n.role)
}
