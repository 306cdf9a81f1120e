package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Client calls one node. It is safe for use by several goroutines.
type Client struct {
	address string // without a slash at its end
	http    *http.Client
	token   TokenSource // nil: none
	service *service    // nil: none
	agent   string
	timeout time.Duration
	patient time.Duration
}

// Defaults of the options.
const (
	DefaultTimeout  = 2 * time.Minute
	DefaultPatience = time.Minute
	defaultAgent    = "secant-client"
)

// Option changes how a Client calls.
type Option func(*options)

type options struct {
	client  Client
	roots   *x509.CertPool
	sources int // of tokens
	err     error
}

// WithRoots has the node's TLS certificate chain to these CAs, and not to the
// system's.
func WithRoots(roots *x509.CertPool) Option { return func(o *options) { o.roots = roots } }

// WithRootsFile is WithRoots with the CAs of a PEM file.
func WithRootsFile(name string) Option {
	return func(o *options) {
		text, err := os.ReadFile(name) //nolint:gosec // whoever makes the client names it
		if err != nil {
			o.err = fmt.Errorf("reading the node's CAs: %w", err)
			return
		}
		o.roots = x509.NewCertPool()
		if !o.roots.AppendCertsFromPEM(text) {
			o.err = fmt.Errorf("reading the node's CAs: %s holds no certificate", name)
		}
	}
}

// WithTimeout bounds one attempt of a call, the answer's body included. Default:
// DefaultTimeout. Streams of events end only with their context.
func WithTimeout(d time.Duration) Option { return func(o *options) { o.client.timeout = d } }

// WithPatience bounds how long a call goes on while the node is busy or away, over
// all attempts; 0: each call is one attempt. Default: DefaultPatience.
func WithPatience(d time.Duration) Option { return func(o *options) { o.client.patient = d } }

// WithUserAgent names the program in the node's log.
func WithUserAgent(name string) Option { return func(o *options) { o.client.agent = name } }

// WithHTTPClient has calls made by another HTTP client, for those whose TLS is not
// to be had by WithRoots. It must not follow redirects with tokens.
func WithHTTPClient(c *http.Client) Option { return func(o *options) { o.client.http = c } }

// New makes a client of the node at an address, as in https://node.example:8443.
// It calls nothing yet. A token goes over TLS, or does not leave this machine.
func New(address string, opts ...Option) (*Client, error) {
	o := options{client: Client{timeout: DefaultTimeout, patient: DefaultPatience, agent: defaultAgent}}
	for _, opt := range opts {
		opt(&o)
	}
	if o.err != nil {
		return nil, o.err
	}
	c := &o.client
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, errors.New("the node's address must be as in https://node.example:8443")
	}
	switch {
	case o.sources > 1:
		return nil, errors.New("a client has one source of tokens")
	case o.sources == 1 && u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, errors.New("the token would go over the network in the clear: the node's address must begin with https://")
	case c.timeout <= 0 || c.patient < 0:
		return nil, errors.New("a timeout is more than nothing, and patience not less")
	case c.http != nil && o.roots != nil:
		return nil, errors.New("an HTTP client of the caller's has its own roots")
	}
	c.address = strings.TrimSuffix(address, "/")
	if c.http == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck,forcetypeassert // the standard library's own
		transport.MaxIdleConnsPerHost = idleConnections
		if o.roots != nil {
			transport.TLSClientConfig = &tls.Config{RootCAs: o.roots, MinVersion: tls.VersionTLS12}
		}
		c.http = &http.Client{
			Transport: transport,
			// A node redirects nobody, and the token is for it alone.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return c, nil
}

// idleConnections is how many connections are kept for the next calls.
const idleConnections = 16

// Address is the node's, as it was given.
func (c *Client) Address() string { return c.address }

// Close closes connections that are kept for the next call.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// loopback reports whether what is sent to a host stays on this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Ready returns when the node is fit to take calls, or an error when patience ends.
func (c *Client) Ready(ctx context.Context) error {
	return c.call(ctx, request{method: http.MethodGet, path: "/readyz", open: true}, nil)
}

// Now is the time by the node's clock, to the second: what is received later has a
// later time.
func (c *Client) Now(ctx context.Context) (time.Time, error) {
	a, err := c.do(ctx, request{method: http.MethodGet, path: "/livez", open: true})
	if err != nil {
		return time.Time{}, err
	}
	t, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the node's clock: %w", err)
	}
	return t.UTC(), nil
}
