package worker

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	connectTimeout = 5 * time.Second
	answerTimeout  = 15 * time.Second // to the first byte of the answer

	// slowest is what a node must deliver once it answers, in bytes a second: one
	// that drips must not hold a place for long.
	slowest = 256 << 10

	maxStated = ledger.MaxThreatBody // bytes; more than the ledger lets anyone state
)

// fetcher is the one client that reaches other members' nodes. What it may
// reach is decided on the address that is really connected to, so that a name
// which resolves to something else gains nothing. Without TLS it reaches the
// loopback only: a token must not cross a network in the clear.
type fetcher struct{ secure, plain *http.Client }

func newFetcher(o *Options) *fetcher {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS != nil {
		config = o.TLS
	}
	return &fetcher{
		secure: newClient(config, func(address string) error { return permitted(address, o.Reachable) }),
		plain: newClient(config, func(address string) error {
			if ap, err := netip.ParseAddrPort(address); err != nil || !ap.Addr().Unmap().IsLoopback() {
				return errors.New("without TLS only the loopback is reached")
			}
			return permitted(address, o.Reachable)
		}),
	}
}

func newClient(config *tls.Config, permit func(address string) error) *http.Client {
	dialer := &net.Dialer{
		Timeout: connectTimeout,
		Control: func(_, address string, _ syscall.RawConn) error { return permit(address) },
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        config.Clone(), // a transport completes its own
			TLSHandshakeTimeout:    connectTimeout,
			ResponseHeaderTimeout:  answerTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true, // the digest is over the bytes as they come, and their number is bounded
			DisableKeepAlives:      true, // documents come rarely
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirects are refused") },
	}
}

// permitted refuses addresses that are not public, but for those that the
// configuration names.
func permitted(address string, reachable []netip.Prefix) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("reading the address to connect to: %w", err)
	}
	addr := ap.Addr().Unmap().WithZone("")
	for _, p := range reachable {
		if p.Contains(addr) {
			return nil
		}
	}
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || special(addr) {
		return fmt.Errorf("the address %s is not public, and not among the networks that this node may reach", addr)
	}
	return nil
}

// reserved lists networks that count as global unicast and lead nowhere public
// (RFC 6890 and its updates).
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

func special(addr netip.Addr) bool {
	for _, p := range reserved {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// timeFor is how long a document of a size may take in all.
func timeFor(size int64) time.Duration {
	return answerTimeout + time.Duration(size)*time.Second/slowest
}

// get asks for one document of at most limit bytes.
func (f *fetcher) get(ctx context.Context, endpoint, path, token string, limit int64) (body []byte, mediaType string, err error) {
	a, err := f.call(ctx, endpoint, http.MethodGet, path, token, nil, limit)
	switch {
	case err != nil:
		return nil, "", err
	case a.status == http.StatusNotFound:
		return nil, "", errNotHeld
	case a.status != http.StatusOK:
		return nil, "", fmt.Errorf("the node answered with status %d", a.status)
	}
	return a.body, a.mediaType, nil
}

// answered is what a node answered.
type answered struct {
	status    int
	mediaType string
	body      []byte
}

// maxWhy is how much is read of an answer that refuses, in bytes.
const maxWhy = 4 << 10

// call sends a request to a node, and reads at most limit bytes of its answer. A JSON
// body goes with it unless it is nil.
func (f *fetcher) call(ctx context.Context, endpoint, method, path, token string, body []byte, limit int64) (*answered, error) {
	base, err := url.Parse(endpoint)
	if err != nil || base.Host == "" || base.User != nil || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, errors.New("the organisation's endpoint is not an http or https address")
	}
	ctx, cancel := context.WithTimeout(ctx, timeFor(limit))
	defer cancel()
	target := base.Scheme + "://" + base.Host + strings.TrimSuffix(base.EscapedPath(), "/") + path
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+token)
	client := f.secure
	if base.Scheme == "http" {
		client = f.plain
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	a := &answered{status: res.StatusCode, mediaType: res.Header.Get("Content-Type")}
	if a.status/100 != 2 { // why not, which is no document: its size does not matter
		a.body, _ = io.ReadAll(io.LimitReader(res.Body, maxWhy))
		return a, nil
	}
	if res.ContentLength > limit {
		return nil, fmt.Errorf("the document is larger than %d bytes", limit)
	}
	a.body, err = io.ReadAll(io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the document: %w", err)
	case int64(len(a.body)) > limit:
		return nil, fmt.Errorf("the document is larger than %d bytes", limit)
	}
	return a, nil
}

// Call sends a request to a member's node, in this organisation's name, where the
// ledger says that it is, and returns the status and at most limit bytes of the answer.
func (w *Worker) Call(ctx context.Context, member, method, path string, body []byte, limit int64) (status int, answer []byte, err error) {
	row, err := w.store.Organisation(ctx, member)
	if err != nil {
		return 0, nil, fmt.Errorf("looking up where %s can be reached: %w", member, err)
	}
	token, err := w.options.Token(ctx, member)
	if err != nil {
		return 0, nil, fmt.Errorf("minting a token: %w", err)
	}
	a, err := w.http.call(ctx, row.Record.Endpoint, method, path, token, body, limit)
	if err != nil {
		return 0, nil, err
	}
	return a.status, a.body, nil
}

// errNotHeld means that a node answered, and does not have the document: others
// of its documents may be asked for at once.
var errNotHeld = errors.New("the node does not hold it")
