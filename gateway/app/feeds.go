package app

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/vuln"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/identity/fetch"
)

// feeds takes in what feeds of advisories have that the node does not.
type feeds struct {
	from    config.Advisories
	get     func(ctx context.Context, address, accept string, limit int64) ([]byte, error)
	advisor *advisor
	logger  *slog.Logger
	wake    func() // tells that there is something new
}

// feedTime is for one document of a feed; large vendors' have megabytes.
const feedTime = time.Minute

func newFeeds(n *node, options fetch.Options) *feeds {
	options.Time = feedTime
	return &feeds{n.cfg.Advisories, fetch.New(options).Get, n.advisor, n.logger, n.worker.Hub().Wake}
}

// Run looks at the feeds now and then, until ctx ends.
func (f *feeds) Run(ctx context.Context) error {
	every := f.from.Every.Std()
	if every == 0 {
		every = config.DefaultAdvisoriesEvery
	}
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		for i, feed := range f.from.Feeds {
			taken, failed, err := f.look(ctx, feed)
			if ctx.Err() != nil {
				return nil
			}
			// The address is the operator's own, and stands in the configuration.
			at := []any{slog.Int("feed", i), slog.Int("taken", taken), slog.Int("failed", failed)}
			if err != nil {
				f.logger.WarnContext(ctx, "feed of advisories could not be read", append(at, slog.Any("error", err))...)
			} else {
				f.logger.InfoContext(ctx, "feed of advisories read", at...)
			}
			if taken > 0 {
				f.wake()
			}
		}
		t.Reset(every)
	}
}

// look reads a feed and takes in what is new in it. What cannot be fetched or read
// is left for the next time, and the rest goes on.
func (f *feeds) look(ctx context.Context, feed config.Feed) (taken, failed int, err error) {
	text, err := f.get(ctx, feed.URL, "application/json", vuln.MaxFeedBytes)
	if err != nil {
		return 0, 0, err
	}
	entries, err := vuln.ParseROLIE(text)
	if err != nil {
		return 0, 0, err
	}
	for _, e := range entries {
		known, err := f.advisor.store.AdvisoryKnown(ctx, e.ID, feed.Publishers, e.Updated)
		if err != nil {
			return taken, failed, err
		}
		if known {
			continue
		}
		if err := f.take(ctx, feed, e); err != nil {
			if ctx.Err() != nil {
				return taken, failed, ctx.Err()
			}
			failed++
			f.logger.DebugContext(ctx, "advisory of a feed was not taken", slog.Any("error", err))
			continue
		}
		taken++
	}
	return taken, failed, nil
}

func (f *feeds) take(ctx context.Context, feed config.Feed, e vuln.FeedEntry) (err error) {
	// A document of others must not end the node, whatever is in it.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			f.logger.ErrorContext(ctx, "panic recovered", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		}
	}()
	text, err := f.get(ctx, e.URL, "application/json", vuln.MaxAdvisoryBytes)
	if err != nil {
		return err
	}
	if e.Hash != "" {
		const line = 4 << 10 // bytes: a digest and a file's name
		stated, err := f.get(ctx, e.Hash, "*/*", line)
		if err != nil {
			return fmt.Errorf("fetching the digest: %w", err)
		}
		if !hashed(text, string(stated)) {
			return ledger.Problemf(ledger.CodeInvalid, "the document is not the one whose digest stands beside it")
		}
	}
	_, err = f.advisor.importOf(ctx, text, feed.Publishers)
	return err
}

// hashed compares a document with what stands in its .sha256 or .sha512 file.
func hashed(text []byte, stated string) bool {
	digest, _, _ := strings.Cut(strings.TrimSpace(stated), " ")
	want, err := hex.DecodeString(digest)
	if err != nil {
		return false
	}
	var got []byte
	switch len(want) {
	case sha256.Size:
		sum := sha256.Sum256(text)
		got = sum[:]
	case sha512.Size:
		sum := sha512.Sum512(text)
		got = sum[:]
	}
	return len(got) > 0 && subtle.ConstantTimeCompare(got, want) == 1
}
