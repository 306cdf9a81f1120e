package bulk

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/config"
)

// flags are what the commands below `secant import` take.
type flags struct {
	role                    auth.Role // that the node asks for
	config, node, token, ca string
	format                  string
	parallel                int
	json                    bool
}

// patience is how long one chunk is tried while the node is away or busy.
const patience = 5 * time.Minute

// Command is `secant import`.
func Command() *cobra.Command {
	c := &cobra.Command{
		Use:   "import",
		Short: "Hand many records from a file to a node",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(unitsCommand(), schemaCommand(), filesCommand(), advisoriesCommand(), kevCommand(), epssCommand())
	return c
}

func unitsCommand() *cobra.Command {
	f := flags{role: auth.RoleRegistrar}
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
	f.reach(c)
	c.Flags().StringVar(&f.format, "format", "", "csv or ndjson (default: as the file's name says)")
	c.Flags().IntVar(&f.parallel, "parallel", 4, "requests at a time, 1 to 16")
	c.Flags().BoolVar(&f.json, "json", false, "print what became of the units as JSON")
	return c
}

// reach adds the flags that say which node is called, and with what token.
func (f *flags) reach(c *cobra.Command) {
	c.Flags().StringVar(&f.config, "config", "", "the node's configuration, which tells its address and makes a token")
	c.Flags().StringVar(&f.node, "node", "", "instead of --config: the node's base address")
	c.Flags().StringVar(&f.token, "token", "", "with --node: a file with a token of the role "+string(f.role))
	c.Flags().StringVar(&f.ca, "ca", "", "with --node: a PEM file of the CAs that the node's TLS certificate chains to (default: the system's)")
	c.MarkFlagsOneRequired("config", "node")
	c.MarkFlagsMutuallyExclusive("config", "node")
	c.MarkFlagsRequiredTogether("node", "token")
}

func (f *flags) run(c *cobra.Command, name string) error {
	if f.parallel < 1 || f.parallel > 16 {
		return errors.New("--parallel must be 1 to 16")
	}
	n, err := f.open()
	if err != nil {
		return err
	}
	defer n.http.CloseIdleConnections()
	rows, refused, err := f.read(c.InOrStdin(), name)
	if err != nil {
		return err
	}
	if len(rows)+len(refused) == 0 {
		return errors.New("the file lists no devices")
	}
	errOut := c.ErrOrStderr()
	p := &progress{out: errOut, quiet: 2 * time.Second, every: 10 * time.Second}
	if terminal(errOut) {
		p.live, p.every = true, time.Second
	}
	j := job{node: n, chunk: ledger.MaxUnits, parallel: f.parallel, progress: p}
	s, err := j.run(c.Context(), rows, refused)
	if tellErr := f.tell(c.OutOrStdout(), s); tellErr != nil {
		return tellErr
	}
	switch {
	case err != nil:
		return fmt.Errorf("%d devices were not come to; run the same again to go on: %w", s.Undone, err)
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

// open finds the node and how to call it.
func (f *flags) open() (*node, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck,forcetypeassert // the standard library's own
	n := &node{http: &http.Client{
		Transport: transport, Timeout: 2 * time.Minute,
		// A node redirects nobody, and the token is for it alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, patient: patience, role: f.role}
	roots := f.ca
	if f.config != "" {
		cfg, err := config.Load(f.config)
		if err != nil {
			return nil, err
		}
		n.url = cfg.Endpoint
		if cfg.TLS != nil {
			roots = cfg.TLS.Certificate // the node's own is trusted for itself
		}
		key, err := auth.OpenKey(cfg.Keys.Token.Path())
		if err != nil {
			return nil, err
		}
		n.token = func() (string, error) {
			return auth.Mint(key, auth.Claims{
				Issuer: cfg.Organisation, Audience: cfg.Organisation, Subject: "import", Role: f.role,
			}, time.Now(), 10*time.Minute)
		}
	} else {
		text, err := os.ReadFile(f.token)
		if err != nil {
			return nil, fmt.Errorf("reading the token: %w", err)
		}
		token := strings.TrimSpace(string(text))
		n.url = f.node
		n.token = func() (string, error) { return token, nil }
	}
	u, err := url.Parse(n.url)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the node's address must be as in https://node.example:8443")
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, errors.New("the token would go over the network in the clear: the node's address must begin with https://")
	}
	n.url = strings.TrimSuffix(n.url, "/")
	if roots != "" {
		text, err := os.ReadFile(roots) //nolint:gosec // the operator names it
		if err != nil {
			return nil, fmt.Errorf("reading the node's CAs: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("reading the node's CAs: %s holds no certificate", roots)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return n, nil
}

// loopback reports whether what is sent to a host stays on this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// terminal reports whether what is written is read by a person as it comes.
func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
