package collect

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	maxManifest = 64 << 20 // bytes
	maxEvents   = 100_000  // that a manifest may name: less than what the store remembers as taken
	mispPart    = 1_000    // events that are fetched in one look
)

// manifestPlace is how many events a feed had.
type manifestPlace struct {
	Events int `json:"events"`
}

// MISP reads a feed as MISP publishes it: a list of events, manifest.json, and each event
// beside it. An event that was changed is read again. A feed that has lost all its events
// is not believed; one that has lost some takes nothing away here.
func MISP(site Site) Way {
	base := strings.TrimSuffix(strings.TrimSuffix(site.URL, "manifest.json"), "/")
	return func(ctx context.Context, in *Intake) error {
		var before manifestPlace
		if err := in.checkpoint(ctx, &before); err != nil {
			return err
		}
		a, err := site.ask(ctx, base+"/manifest.json", nil, maxManifest)
		if err != nil {
			return err
		}
		var manifest []adapt.MISPEntry
		// An empty list of PHP is one in JSON, too.
		if text := strings.TrimSpace(string(a.Body[:min(len(a.Body), 16)])); text != "[]" {
			if manifest, err = adapt.ParseMISPManifest(a.Body); err != nil {
				return err //nolint:wrapcheck // a problem that says what is wrong
			}
		}
		switch {
		case len(manifest) > maxEvents:
			return ledger.Problemf(ledger.CodeTooLarge, "the feed names more than %d events", maxEvents)
		case len(manifest) == 0 && before.Events > 0:
			return ledger.Problemf(ledger.CodeInvalid, "the feed had %d events and now has none: nothing was taken back; look at it, and ask who publishes it", before.Events)
		}
		failed, taken := 0, 0
		var last error
		for i := range manifest {
			if taken == mispPart || failed == mispPart {
				break
			}
			fetched, err := in.event(ctx, &site, base, &manifest[i])
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				failed, last = failed+1, err
			} else if fetched {
				taken++
			}
		}
		if err := in.flush(ctx, manifestPlace{len(manifest)}, nil); err != nil {
			return err
		}
		if last != nil {
			return ledger.Problemf(ledger.CodeUnavailable, "%d events of the feed could not be read, and are tried again: %s", failed, reason(last))
		}
		return nil
	}
}

// event takes an event that was not taken in this version.
func (in *Intake) event(ctx context.Context, site *Site, base string, e *adapt.MISPEntry) (fetched bool, err error) {
	digest := sha256.Sum256(fmt.Appendf(nil, "misp event %s %d", e.UUID, e.Time.Unix()))
	taken, err := in.collector.store.SourceTaken(ctx, in.source, digest)
	if err != nil || taken {
		return false, err
	}
	a, err := site.ask(ctx, base+"/"+e.UUID+".json", nil, maxFetched)
	if err != nil {
		return true, err
	}
	if err := in.document(ctx, a.Body); err != nil {
		if ours(err) {
			return true, err
		}
		in.refuse(err) // it will be no better until it is another one
	}
	return true, in.flush(ctx, nil, &digest)
}
