package wallet

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/wallet"
)

// The environment's ways to open a wallet without being asked.
const (
	envKeyFile    = "SECANT_WALLET_KEY"
	envPassphrase = "SECANT_WALLET_PASSPHRASE" //nolint:gosec // it is the name of a variable
)

// What `secant up` leaves in --dir of a development network: the key of the wallets
// that it made, and the roots of its servers.
const (
	keyName   = "wallet.key"
	rootsName = "roots.pem"
)

// openTime is for how long a wallet is waited for that another process has open.
const openTime = 10 * time.Second

// httpTime bounds one call to an issuer or a verifier.
const httpTime = 20 * time.Second

// app is what the subcommands have in common.
type app struct {
	home    *string // the network's directory, below which wallets lie
	name    string
	keyFile string
	json    bool
	ca      []string
	in      *bufio.Reader
}

// Command is `secant wallet`. Wallets lie below home, each in a directory of its
// name.
func Command(home *string) *cobra.Command {
	a := &app{home: home}
	c := &cobra.Command{
		Use:   "wallet",
		Short: "Keys and credentials of a person: receive, show, present, sign in, sign",
		Long: "A wallet for those who have no other. It lies in wallets/NAME in --dir, encrypted under a passphrase or a key file.\n" +
			"The passphrase is taken from " + envPassphrase + " or asked for; a key file is named by --key-file or " + envKeyFile + ",\n" +
			"else wallets/" + keyName + " in --dir opens the wallets that `secant up` made.",
	}
	f := c.PersistentFlags()
	f.StringVar(&a.name, "name", "me", "which of the wallets in --dir")
	f.StringVar(&a.keyFile, "key-file", os.Getenv(envKeyFile), "file with the wallet's key, instead of a passphrase ("+envKeyFile+")")
	f.BoolVar(&a.json, "json", false, "print JSON")
	f.StringSliceVar(&a.ca, "ca", nil, "PEM file of authorities that vouch for servers, and for verifiers by certificate; default: "+rootsName+" in --dir, where it is")
	c.PersistentPreRunE = func(sub *cobra.Command, args []string) error {
		if a.name != filepath.Base(a.name) || !filepath.IsLocal(a.name) || a.name == "." {
			return errors.New("a wallet's name is one word")
		}
		if !c.PersistentFlags().Changed("ca") {
			if path := filepath.Join(*home, rootsName); exists(path) {
				a.ca = []string{path}
			}
		}
		// This stands before the program's own check, which still counts.
		if root := sub.Root(); root != c && root.PersistentPreRunE != nil {
			return root.PersistentPreRunE(sub, args)
		}
		return nil
	}
	c.AddCommand(a.create(), a.receive(), a.collect(), a.pending(), a.list(), a.show(), a.present(),
		a.signIn(), a.call(), a.signOut(), a.sign(), a.log(), a.remove())
	return c
}

func (a *app) path() string {
	return filepath.Join(*a.home, "wallets", a.name)
}

// reader is the one reader of what a person types.
func (a *app) reader(c *cobra.Command) *bufio.Reader {
	if a.in == nil {
		a.in = bufio.NewReader(io.LimitReader(c.InOrStdin(), maxBody+64<<10))
	}
	return a.in
}

func (a *app) line(c *cobra.Command, prompt string) (string, error) {
	if _, err := fmt.Fprint(c.ErrOrStderr(), prompt); err != nil {
		return "", err
	}
	s, err := a.reader(c).ReadString('\n')
	if err != nil && (s == "" || !errors.Is(err, io.EOF)) {
		return "", errors.New("nothing was typed")
	}
	return strings.TrimRight(s, "\r\n"), nil
}

// hidden is line, without what is typed being shown on a terminal.
func (a *app) hidden(c *cobra.Command, prompt string) (string, error) {
	f, isFile := c.InOrStdin().(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return a.line(c, prompt)
	}
	if _, err := fmt.Fprint(c.ErrOrStderr(), prompt); err != nil {
		return "", err
	}
	b, err := term.ReadPassword(int(f.Fd()))
	_, _ = fmt.Fprintln(c.ErrOrStderr()) // the end of the line was not shown either
	if err != nil {
		return "", fmt.Errorf("reading a passphrase: %w", err)
	}
	return string(b), nil
}

func (a *app) secret(c *cobra.Command) (wallet.Secret, error) {
	if a.keyFile != "" {
		return wallet.KeyFile(a.keyFile)
	}
	if path := filepath.Join(*a.home, "wallets", keyName); exists(path) {
		if ours, err := wallet.ByKeyFile(a.path()); err == nil && ours {
			return wallet.KeyFile(path)
		}
	}
	p := os.Getenv(envPassphrase)
	if p == "" {
		var err error
		if p, err = a.hidden(c, "Passphrase: "); err != nil {
			return wallet.Secret{}, err
		}
	}
	return wallet.Passphrase(p)
}

// with opens the wallet, and closes it after use.
func (a *app) with(c *cobra.Command, use func(*wallet.Wallet) error) error {
	secret, err := a.secret(c)
	if err != nil {
		return err
	}
	w, err := wallet.Open(a.path(), secret, time.Now)
	for begin := time.Now(); errors.Is(err, &ledger.Problem{Code: ledger.CodeBusy}) && time.Since(begin) < openTime; {
		if err := wait(c.Context(), openTime/100); err != nil {
			return err
		}
		w, err = wallet.Open(a.path(), secret, time.Now)
	}
	if errors.Is(err, &ledger.Problem{Code: ledger.CodeNotFound}) {
		return fmt.Errorf("there is no wallet in %s; `secant wallet create` makes one", a.path())
	}
	if err != nil {
		return err
	}
	return errors.Join(use(w), w.Close())
}

// print prints JSON when that was asked for, and else a person's text.
func (a *app) print(c *cobra.Command, v any, text func(io.Writer) error) error {
	if a.json {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(v); err != nil {
			return err
		}
		_, err := io.WriteString(c.OutOrStdout(), escaped(b.String()))
		return err
	}
	return text(c.OutOrStdout())
}

// agree asks a person, unless yes was said beforehand.
func (a *app) agree(c *cobra.Command, yes bool, question string) (bool, error) {
	if yes {
		return true, nil
	}
	s, err := a.line(c, question+" Type yes to agree: ")
	return s == "yes", err
}

// roots are the authorities that were named; nil: none were.
func (a *app) roots() (*x509.CertPool, error) {
	if len(a.ca) == 0 {
		return nil, nil //nolint:nilnil // no authorities, and no error
	}
	pool := x509.NewCertPool()
	for _, path := range a.ca {
		b, err := os.ReadFile(path) //nolint:gosec // whoever gives the command names it
		if err != nil {
			return nil, fmt.Errorf("reading authorities: %w", err)
		}
		if !pool.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("reading authorities: there is no certificate in %s", path)
		}
	}
	return pool, nil
}

func client(roots *x509.CertPool) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck,forcetypeassert // the standard library's
	transport.TLSClientConfig = tlsOf(roots)
	transport.ResponseHeaderTimeout = answerTime
	return &http.Client{
		Timeout: httpTime, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func table(out io.Writer, rows ...[]string) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = harmless(cell)
		}
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// harmless leaves out of foreign text what would steer a terminal, or have text
// stand where it does not.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.Is(unicode.Zs, r):
			return ' '
		}
		return -1
	}, s)
}

// escaped writes what harmless leaves out as JSON's escapes. What needs one stands in
// texts alone, so that the JSON means the same.
func escaped(s string) string {
	var out strings.Builder
	for _, r := range s {
		if r == '\n' || unicode.IsPrint(r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}

// resolver resolves the DIDs that are keys, and did:web.
func resolver(roots *x509.CertPool) *did.Resolver { return did.New(did.Config{Web: fetcher(roots)}) }
