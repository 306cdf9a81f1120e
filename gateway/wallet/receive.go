package wallet

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/wallet"
)

// taking are the flags of receive.
type taking struct {
	txCode   string
	yes      bool
	client   string
	redirect string
	wait     time.Duration
}

// Where the browser comes back to, by default: any free port of this machine's (RFC
// 8252, section 7.3).
const (
	loopbackBack = "http://127.0.0.1:0/back"
	defaultID    = "secant-wallet"
)

func (a *app) receive() *cobra.Command {
	var o taking
	c := &cobra.Command{
		Use:   "receive LINK",
		Short: "Receive what an issuer offers (OpenID4VCI)",
		Long: "Receive what an issuer offers. LINK is what its QR code says: openid-credential-offer://... or haip-vci://...\n" +
			"Where the issuer wants the person to sign in or to approve, the address to open in a browser is printed; whoever\n" +
			"signs in there must be the one to whom it is offered. What it issues only later is waited for, and then left:\n" +
			"`secant wallet pending` lists it, `secant wallet collect` asks for it again.",
		Example: "  secant wallet receive 'openid-credential-offer://?credential_offer=...' --tx-code 493536",
		Args:    cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVar(&o.txCode, "tx-code", "", "the code that the issuer gave beside the offer")
	f.BoolVar(&o.yes, "yes", false, "agree without being asked")
	f.DurationVar(&o.wait, "wait", time.Minute, "for how long to wait for what the issuer issues later; 0: not at all")
	f.StringVar(&o.client, "client-id", defaultID, "by which name the issuer knows this wallet, where it wants approval")
	f.StringVar(&o.redirect, "redirect", loopbackBack,
		"where the browser comes back to, as the issuer knows it; one that is not of this machine is to be pasted")
	c.RunE = func(c *cobra.Command, args []string) error {
		roots, err := a.roots()
		if err != nil {
			return err
		}
		var got []wallet.Credential
		var later []string
		err = a.with(c, func(w *wallet.Wallet) error {
			got, later, err = a.take(c, w, roots, args[0], o)
			return err
		})
		if err != nil {
			return err
		}
		// The wallet is free while nothing happens.
		more, err := a.await(c, later, o.wait)
		if err != nil {
			return err
		}
		return a.credentials(c, append(got, more...))
	}
	return c
}

// issuerClient is one for an offer.
func issuerClient(roots *x509.CertPool) *oid4vci.Client {
	return &oid4vci.Client{HTTP: client(roots), Now: time.Now, MetadataKey: metadataKey(roots)}
}

// take takes an offer, and returns the ids of what comes later.
func (a *app) take(c *cobra.Command, w *wallet.Wallet, roots *x509.CertPool, link string, o taking) (got []wallet.Credential, later []string, err error) {
	issuer := issuerClient(roots)
	offer, err := issuer.Open(c.Context(), link)
	if err != nil {
		return nil, nil, err
	}
	ok, err := a.agree(c, o.yes, fmt.Sprintf("%s offers %s.", harmless(offer.Issuer), harmless(strings.Join(offer.Configurations, ", "))))
	if err != nil || !ok {
		return nil, nil, refusedBy(err)
	}
	before := map[string]bool{}
	for _, p := range w.Pending() {
		before[p.ID] = true
	}
	w.KnowIssuers(issuerKeys(roots))
	grant := offer.Grants.PreAuthorized
	switch {
	case grant == nil && offer.Grants.Code != nil:
		got, err = a.approved(c, w, issuer, offer, o)
	case grant != nil && grant.TxCode != nil && o.txCode == "":
		return nil, nil, errors.New("the offer needs a code, which the issuer gave on another way: repeat the command with --tx-code CODE")
	default:
		got, err = w.Receive(c.Context(), issuer, offer, o.txCode)
	}
	if ledger.CodeOf(err) == ledger.CodeBusy {
		err = nil
	}
	for _, p := range w.Pending() {
		if !before[p.ID] {
			later = append(later, p.ID)
		}
	}
	return got, later, advice(err)
}

// approved has the person approve in a browser.
func (a *app) approved(c *cobra.Command, w *wallet.Wallet, issuer *oid4vci.Client, offer *oid4vci.Offer, o taking) ([]wallet.Credential, error) {
	back, err := a.back(c.Context(), o.redirect)
	if err != nil {
		return nil, err
	}
	if back != nil {
		defer back.Close()
		o.redirect = back.address
	}
	issuer.ID, issuer.Redirect = o.client, o.redirect
	return w.ReceiveApproved(c.Context(), issuer, offer, func(ctx context.Context, p *oid4vci.Pending) (string, error) {
		if _, err := fmt.Fprintf(c.ErrOrStderr(), "Open this address in a browser, and sign in or approve there:\n\n  %s\n\n", harmless(p.URL)); err != nil {
			return "", err
		}
		if back == nil {
			return a.line(c, "Then paste the address that the browser came to: ")
		}
		return back.wait(ctx, p)
	})
}

// advice says what a person can do about what an issuer answers.
func advice(err error) error {
	refused, ok := errors.AsType[*oid4vci.Error](err)
	if !ok {
		return err
	}
	advised, there := map[string]string{
		oid4vci.CodeInvalidGrant:   "the code is wrong, or the offer was taken or is over: check --tx-code, or ask the issuer for a new offer",
		oid4vci.CodeInvalidClient:  "the issuer does not know this wallet: ask it for a client id, and repeat the command with --client-id and --redirect",
		oid4vci.CodeAccessDenied:   "the approval was not given, or the offer is to somebody else than who signed in",
		oid4vci.CodeUnavailable:    "nobody can sign in at the issuer now: repeat the command later, with the same offer",
		oid4vci.CodeRequestDenied:  "the issuer does not issue it any more: ask for a new offer",
		oid4vci.CodeInvalidRequest: "the issuer does not take the request: where it wants approval, --redirect must be an address that it knows",
	}[refused.Code]
	if !there {
		return err
	}
	return fmt.Errorf("%w; %s", err, advised)
}

// await asks for what is to come until it is there, or the time is over.
func (a *app) await(c *cobra.Command, ids []string, longest time.Duration) (got []wallet.Credential, err error) {
	end := time.Now().Add(longest)
	for len(ids) > 0 {
		var next time.Time
		if err := a.with(c, func(w *wallet.Wallet) error {
			next = soonest(w, ids)
			return nil
		}); err != nil {
			return got, err
		}
		out := c.ErrOrStderr()
		if next.After(end) {
			_, err := fmt.Fprintf(out, "The issuer issues later. `secant wallet collect --name %s` asks it again, from %s on.\n", a.name, next.Local().Format(time.TimeOnly))
			return got, err
		}
		pause := time.Until(next)
		if _, err := fmt.Fprintf(out, "The issuer issues later; asking again in %s.\n", max(pause, 0).Round(time.Second)); err != nil {
			return got, err
		}
		if err := wait(c.Context(), pause); err != nil {
			return got, err
		}
		more, left, err := a.collectAll(c, ids)
		got, ids = append(got, more...), left
		if err != nil {
			return got, err
		}
	}
	return got, nil
}

// soonest is when the first of them may be asked for.
func soonest(w *wallet.Wallet, ids []string) (next time.Time) {
	for _, p := range w.Pending() {
		for _, id := range ids {
			if p.ID == id && (next.IsZero() || p.Next.Before(next)) {
				next = p.Next
			}
		}
	}
	return next
}

// collectAll asks for each once, and returns which are left.
func (a *app) collectAll(c *cobra.Command, ids []string) (got []wallet.Credential, left []string, err error) {
	roots, err := a.roots()
	if err != nil {
		return nil, ids, err
	}
	err = a.with(c, func(w *wallet.Wallet) error {
		for _, id := range ids {
			more, err := w.Collect(c.Context(), issuerClient(roots), id)
			switch ledger.CodeOf(err) {
			case "":
				got = append(got, more...)
			case ledger.CodeBusy:
				left = append(left, id)
			default:
				return advice(err)
			}
		}
		return nil
	})
	return got, left, err
}

func (a *app) collect() *cobra.Command {
	var longest time.Duration
	c := &cobra.Command{
		Use:   "collect [ID...]",
		Short: "Ask issuers again for what they issue later",
		Long:  "Ask issuers again for what they issue later: for the named ones, or all that `secant wallet pending` lists.",
	}
	c.Flags().DurationVar(&longest, "wait", 0, "for how long to wait for what is still not there; 0: not at all")
	c.RunE = func(c *cobra.Command, ids []string) error {
		if len(ids) == 0 {
			if err := a.with(c, func(w *wallet.Wallet) error {
				for _, p := range w.Pending() {
					ids = append(ids, p.ID)
				}
				return nil
			}); err != nil {
				return err
			}
		}
		got, left, err := a.collectAll(c, ids)
		if err != nil {
			return err
		}
		more, err := a.await(c, left, longest)
		if err != nil {
			return err
		}
		return a.credentials(c, append(got, more...))
	}
	return c
}

func (a *app) pending() *cobra.Command {
	return &cobra.Command{
		Use: "pending", Short: "List what issuers issue later", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c, func(w *wallet.Wallet) error {
				list := w.Pending()
				return a.print(c, list, func(out io.Writer) error {
					rows := [][]string{{"ID", "CREDENTIAL", "ISSUER", "SINCE", "ASK FROM"}}
					for _, p := range list {
						rows = append(rows, []string{p.ID, p.Name, p.Issuer, p.Since.Format(time.RFC3339), p.Next.Format(time.RFC3339)})
					}
					return table(out, rows...)
				})
			})
		},
	}
}

// back is where the browser comes back to, on this machine.
type back struct {
	address string
	path    string
	from    net.Listener
}

// back listens at an address of this machine's; nil: it is not this machine's.
func (a *app) back(ctx context.Context, redirect string) (*back, error) {
	u, err := url.Parse(redirect)
	if err != nil || !u.IsAbs() {
		return nil, errors.New("--redirect must be an address")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "http" || ip == nil || !ip.IsLoopback() || u.Port() == "" {
		return nil, nil //nolint:nilnil // the person pastes it
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", u.Host)
	if err != nil {
		return nil, fmt.Errorf("waiting for the browser, at the port of --redirect: %w", err)
	}
	u.Host = l.Addr().String()
	if u.Path == "" { // as browsers read it, and ask for it
		u.Path = "/"
	}
	return &back{u.String(), u.EscapedPath(), l}, nil
}

// Close lets the port go.
func (b *back) Close() error { return b.from.Close() }

// wait serves the one page to which the browser comes back, and returns its address.
// Whatever does not answer the request is not looked at: anybody on this machine can
// call here.
func (b *back) wait(ctx context.Context, p *oid4vci.Pending) (string, error) {
	came := make(chan string, 1)
	base := "http://" + b.from.Addr().String()
	server := &http.Server{
		ReadHeaderTimeout: answerTime, MaxHeaderBytes: 16 << 10,
		Handler: http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
			callback := base + in.URL.RequestURI()
			out.Header().Set("Content-Type", "text/plain; charset=utf-8")
			out.Header().Set("Referrer-Policy", "no-referrer")
			if in.Method != http.MethodGet || in.URL.EscapedPath() != b.path || !p.Answers(callback) {
				http.Error(out, "This is no answer to what the wallet asked.", http.StatusBadRequest)
				return
			}
			_, _ = io.WriteString(out, "The wallet has the answer. This page can be closed.\n") // the browser may have gone
			select {
			case came <- callback:
			default: // it has come already
			}
		}),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(b.from) }()
	limit, cancel := context.WithTimeout(ctx, approveTime)
	defer cancel()
	var callback string
	var err error
	select {
	case callback = <-came:
	case <-limit.Done():
		err = ledger.Problemf(ledger.CodeUnavailable, "nobody came back from the issuer within %s; start again", approveTime)
	case err = <-ended:
		return "", fmt.Errorf("waiting for the browser: %w", err)
	}
	ending, cancelEnd := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancelEnd()
	if server.Shutdown(ending) != nil {
		_ = server.Close() // a browser holds on; it has what it needs
	}
	if e := <-ended; err == nil && !errors.Is(e, http.ErrServerClosed) {
		err = fmt.Errorf("waiting for the browser: %w", e)
	}
	return callback, err
}

// approveTime is for how long a person may take to approve.
const approveTime = 5 * time.Minute
