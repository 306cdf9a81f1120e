package ingest

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/vault"
)

// Entries is what Check needs of the integrity log.
type Entries interface {
	Size(ctx context.Context) (uint64, error)
	// Entries returns the log's entries from one index up to another.
	Entries(ctx context.Context, from, to uint64) ([][32]byte, error)
}

// Report is what Check found in order.
type Report struct {
	Requests   uint64 // in the vault, each once
	Logged     uint64 // of them in the log, each at its own place
	Records    uint64 // leaves derived again, leading to the root that was signed or stated
	Signatures uint64 // device signatures verified
	Unchecked  uint64 // device-signed requests whose key is not known
	Erased     uint64 // requests of which only the commitment is left
	Shredded   uint64 // records of others that were erased with their subjects
}

// Check reads every request of a vault and derives again all that was promised
// about it: its records lead to its root, its statement to its commitment, and
// the log holds that commitment at the request's place, and nothing besides. It
// goes well beside a pipeline that takes more: what comes meanwhile is left to the
// next check. keys gives a device's public key, or nil when it is not known; it may
// itself be nil. pace, unless it is nil, is called after each request, and may wait.
//
// Requests that are durable but not logged are no fault: they are on their way, or
// nobody was answered for them and the next start adds them.
func Check(
	ctx context.Context, v *vault.Vault, l Entries, keys func(unit proof.Hash) ed25519.PublicKey, pace func(context.Context) error,
) (Report, error) {
	var report Report
	size, err := l.Size(ctx)
	if err != nil {
		return report, fmt.Errorf("checking requests: %w", err)
	}
	if size > v.Size() {
		return report, fmt.Errorf("checking requests: the log has %d entries, the vault %d requests", size, v.Size())
	}
	decoder, err := newDecoder(maxUnpacked)
	if err != nil {
		return report, err
	}
	defer decoder.Close()
	log := logReader{log: l, size: size}
	err = v.Check(ctx, func(r *vault.Record) error {
		report.Requests++
		if pace != nil {
			if err := pace(ctx); err != nil {
				return err
			}
		}
		if r.Ordinal < size {
			entry, err := log.entry(ctx, r.Ordinal)
			if err != nil {
				return err
			}
			if entry != r.Entry {
				return fmt.Errorf("request %s is not what the log holds at index %d", r.ID, r.Ordinal)
			}
			report.Logged++
		}
		if r.Erased {
			report.Erased++
			return nil
		}
		o, err := unpack(v, r, decoder)
		if err != nil {
			return fmt.Errorf("request %s, number %d: %w", r.ID, r.Ordinal, err)
		}
		report.Records += uint64(len(o.records) - o.erased) //nolint:gosec // there are no more erased than records
		report.Shredded += uint64(o.erased)                 //nolint:gosec // as above
		return report.checkSigned(v, o, keys)
	})
	if err != nil {
		return report, fmt.Errorf("checking requests: %w", err)
	}
	return report, nil
}

// checkSigned checks what holds for signed requests only: the id that keeps the
// same readings from being taken twice, and the signature.
func (report *Report) checkSigned(v *vault.Vault, o *opened, keys func(proof.Hash) ed25519.PublicKey) error {
	s := &o.statement
	signer, signed := s.Signer()
	if !signed {
		return nil
	}
	want := o.id
	switch segments := o.envelope.segments; {
	case len(segments) > 1:
		want = partedID(v, s)
	case len(segments) == 0 || segments[0].open: // else its seed is gone
		want = signedID(v, s, o.seed(0))
	}
	if want != o.id {
		return fmt.Errorf("request %s does not have the id that its readings give", o.id)
	}
	var key ed25519.PublicKey
	if keys != nil {
		key = keys(signer)
	}
	if key == nil {
		report.Unchecked++
		return nil
	}
	if !s.VerifySignature(key) {
		return fmt.Errorf("request %s: the signature is not the device's", o.id)
	}
	report.Signatures++
	return nil
}

// logReader reads the log's entries in order, some at a time.
type logReader struct {
	log     Entries
	size    uint64
	from    uint64
	entries [][32]byte
}

const logStep = 4096

func (r *logReader) entry(ctx context.Context, index uint64) ([32]byte, error) {
	if index < r.from || index >= r.from+uint64(len(r.entries)) {
		to := min(index+logStep, r.size)
		entries, err := r.log.Entries(ctx, index, to)
		if err != nil {
			return [32]byte{}, fmt.Errorf("reading the log: %w", err)
		}
		if uint64(len(entries)) != to-index {
			return [32]byte{}, fmt.Errorf("reading the log: %d entries instead of %d", len(entries), to-index)
		}
		r.from, r.entries = index, entries
	}
	return r.entries[index-r.from], nil
}
