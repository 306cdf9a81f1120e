// Package fetch gets small documents that others publish: DID documents, status
// lists, keys. The address often comes from whoever is to be judged by what
// stands there, so that a fetch must neither reach into the network of the one
// that fetches, nor cost it more than a stated size and time, nor follow
// anywhere else. Answers are not interpreted, and errors do not repeat them.
package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Options say what a client may do. The zero value reaches public addresses,
// under the system's roots.
type Options struct {
	Roots     *x509.CertPool // who vouches for servers; nil: the system's
	Reachable []netip.Prefix // networks that are not public and may be reached nevertheless
	Time      time.Duration  // for a whole fetch; 0: DefaultTime
	AtOnce    int            // fetches at once, beyond which more are refused as busy; 0: DefaultAtOnce
	Idle      time.Duration  // for which a connection waits to be used again; 0: it ends with its fetch
}

// The defaults of Options.
const (
	DefaultTime   = 5 * time.Second
	DefaultAtOnce = 16
)

// maxHeader bounds an answer's header, in bytes.
const maxHeader = 16 << 10

// Client fetches by HTTPS. It decides about the address that it really connects
// to, so that a name which resolves to something else gains nothing.
type Client struct {
	http      *http.Client
	time      time.Duration
	places    chan struct{}
	reachable []netip.Prefix
}

// New returns a client.
func New(o Options) *Client {
	if o.Time <= 0 {
		o.Time = DefaultTime
	}
	if o.AtOnce <= 0 {
		o.AtOnce = DefaultAtOnce
	}
	dialer := &net.Dialer{
		Control: func(_, address string, _ syscall.RawConn) error { return permit(address, o.Reachable) },
	}
	return &Client{
		time: o.Time, places: make(chan struct{}, o.AtOnce), reachable: o.Reachable,
		http: &http.Client{
			// No proxy: it would connect in our stead, to whatever it may reach.
			Transport: &http.Transport{
				DialContext:            dialer.DialContext,
				TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
				MaxResponseHeaderBytes: maxHeader,
				DisableCompression:     true,        // the size is of the bytes as they come
				DisableKeepAlives:      o.Idle <= 0, // documents come rarely, and nothing must outlive a fetch
				IdleConnTimeout:        o.Idle,
				MaxIdleConnsPerHost:    1,
				ForceAttemptHTTP2:      true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirect },
		},
	}
}

var errRedirect = errors.New("the server redirects")

// errAddress means that a connection was refused before it was made.
var errAddress = errors.New("the server's address is not public, and not among those that may be reached")

// Get fetches an https address without user and fragment. Of at most limit bytes
// it returns the body. Problems: invalid (no such address), denied (the address
// may not be reached), not_found (the server answers 404 or 410), too_large, busy
// (too many fetches at once), unavailable (no answer in time, or another one).
func (c *Client) Get(ctx context.Context, address, accept string, limit int64) ([]byte, error) {
	if _, ok := parse(address); !ok {
		return nil, ledger.Problemf(ledger.CodeInvalid, "what is to be fetched is not an https address")
	}
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	default:
		return nil, ledger.Problemf(ledger.CodeBusy, "too many documents are fetched at once")
	}
	ctx, cancel := context.WithTimeout(ctx, c.time)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "what is to be fetched is not an https address")
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "secant")
	res, err := c.http.Do(req)
	if err != nil {
		return nil, problem(err)
	}
	defer res.Body.Close()
	return body(res, limit)
}

func parse(address string) (*url.URL, bool) {
	u, err := url.Parse(address)
	return u, err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Fragment == "" && u.Opaque == ""
}

func body(res *http.Response, limit int64) ([]byte, error) {
	switch {
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return nil, ledger.Problemf(ledger.CodeNotFound, "the server does not have the document")
	case res.StatusCode != http.StatusOK:
		return nil, ledger.Problemf(ledger.CodeUnavailable, "the server answers with status %d", res.StatusCode)
	case res.ContentLength > limit:
		return nil, tooLarge(limit)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil:
		return nil, problem(err)
	case int64(len(b)) > limit:
		return nil, tooLarge(limit)
	}
	return b, nil
}

func tooLarge(limit int64) error {
	return ledger.Problemf(ledger.CodeTooLarge, "the document has more than %d bytes", limit)
}

// problem says what happened without the address and without the server's words.
func problem(err error) error {
	switch {
	case errors.Is(err, errAddress):
		return ledger.Problemf(ledger.CodeDenied, "%s", errAddress)
	case errors.Is(err, errRedirect):
		return ledger.Problemf(ledger.CodeUnavailable, "%s, which is not followed", errRedirect)
	case errors.Is(err, context.Canceled):
		return ledger.Problemf(ledger.CodeUnavailable, "the fetch was called off")
	case errors.Is(err, context.DeadlineExceeded):
		return ledger.Problemf(ledger.CodeUnavailable, "the server does not answer in time")
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return ledger.Problemf(ledger.CodeUnavailable, "the server's certificate is not trusted")
	}
	return ledger.Problemf(ledger.CodeUnavailable, "the server does not answer as HTTPS does")
}

// permit refuses addresses that are not public, but for those that are reachable
// by configuration.
func permit(address string, reachable []netip.Prefix) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: it is none", errAddress)
	}
	if addr := ap.Addr().Unmap().WithZone(""); !within(addr, reachable) && !Public(addr) {
		return errAddress
	}
	return nil
}

func within(addr netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// reserved lists networks that count as global unicast and lead nowhere public,
// or through a translator to anywhere (RFC 6890 and its updates).
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("3fff::/20"), netip.MustParsePrefix("5f00::/16"),
	netip.MustParsePrefix("fec0::/10"),
}

// Public reports whether an address is one of the public internet.
func Public(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && !within(addr, reserved)
}
