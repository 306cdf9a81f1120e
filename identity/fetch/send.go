package fetch

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Sent is what a server said of what was sent to it.
type Sent struct {
	Status int           // of HTTP
	After  time.Duration // for which it asks not to be tried again; 0: it does not say
}

// maxAfter bounds what a server can ask for.
const maxAfter = time.Hour

// maxUnread is how much of an answer is read, so that its connection serves again.
const maxUnread = 4 << 10

// Check says whether something may be sent to an address, as far as the address
// itself tells: a name may lead elsewhere by the time. Problems: invalid, denied.
func (c *Client) Check(address string) error {
	u, ok := parse(address)
	if !ok {
		return ledger.Problemf(ledger.CodeInvalid, "the address is not an https address without user and fragment")
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return nil //nolint:nilerr // a name, which is judged by where it leads
	}
	if permit(netip.AddrPortFrom(addr, 0).String(), c.reachable) != nil {
		return ledger.Problemf(ledger.CodeDenied, "%s", errAddress)
	}
	return nil
}

// Send sends a body to an https address, as Get fetches. Whatever status the server
// answers with is no error, but a redirect, which is not followed. Of the answer
// nothing is kept. Problems: invalid, denied, busy and unavailable, as of Get.
func (c *Client) Send(ctx context.Context, method, address string, header http.Header, body []byte) (Sent, error) {
	if _, ok := parse(address); !ok {
		return Sent{}, ledger.Problemf(ledger.CodeInvalid, "the address is not an https address without user and fragment")
	}
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	default:
		return Sent{}, ledger.Problemf(ledger.CodeBusy, "too much is sent at once")
	}
	ctx, cancel := context.WithTimeout(ctx, c.time)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return Sent{}, ledger.Problemf(ledger.CodeInvalid, "the address is not an https address without user and fragment")
	}
	maps.Copy(req.Header, header.Clone())
	req.Header.Set("User-Agent", "secant")
	res, err := c.http.Do(req)
	if err != nil {
		return Sent{}, problem(err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxUnread) // what it says does not matter
	sent := Sent{Status: res.StatusCode}
	if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && n > 0 {
		sent.After = min(time.Duration(min(n, int(maxAfter/time.Second)))*time.Second, maxAfter)
	}
	return sent, nil
}

// Close ends the connections that wait to be used again.
func (c *Client) Close() { c.http.CloseIdleConnections() }
