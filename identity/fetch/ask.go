package fetch

import (
	"context"
	"io"
	"maps"
	"net/http"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Answer is what a server answered, whatever its status.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // of status 200 and 206 only
}

// Ask fetches as Get does, with a header of the caller's, and leaves the status to the
// caller to judge. Problems: invalid, denied, too_large, busy and unavailable, as of Get.
func (c *Client) Ask(ctx context.Context, address string, header http.Header, limit int64) (Answer, error) {
	if _, ok := parse(address); !ok {
		return Answer{}, ledger.Problemf(ledger.CodeInvalid, "the address is not an https address without user and fragment")
	}
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	default:
		return Answer{}, ledger.Problemf(ledger.CodeBusy, "too many documents are fetched at once")
	}
	ctx, cancel := context.WithTimeout(ctx, c.time)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return Answer{}, ledger.Problemf(ledger.CodeInvalid, "the address is not an https address without user and fragment")
	}
	maps.Copy(req.Header, header.Clone())
	req.Header.Set("User-Agent", "secant")
	res, err := c.http.Do(req)
	if err != nil {
		return Answer{}, problem(err)
	}
	defer res.Body.Close()
	a := Answer{Status: res.StatusCode, Header: res.Header}
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusPartialContent {
		_, _ = io.CopyN(io.Discard, res.Body, maxUnread) // what it says does not matter
		return a, nil
	}
	if res.ContentLength > limit {
		return a, tooLarge(limit)
	}
	a.Body, err = io.ReadAll(io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil:
		return a, problem(err)
	case int64(len(a.Body)) > limit:
		return a, tooLarge(limit)
	}
	return a, nil
}
