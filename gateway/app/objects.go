package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/telemetry"
	"github.com/secant-platform/secant/gateway/vault"
	"github.com/secant-platform/secant/gateway/vault/object"
)

// openVault opens the vault, and the place to which its full segments go.
func openVault(ctx context.Context, cfg *config.Config, logger *slog.Logger, readOnly bool) (*vault.Vault, error) {
	opts := vault.Options{
		Key: cfg.Keys.Vault.Path(), ReadOnly: readOnly, Logger: logger,
		SegmentSize: cfg.Vault.Segment, Keep: cfg.Vault.Keep,
	}
	if cfg.Vault.Objects != "" {
		var err error
		if opts.Objects, err = object.Open(cfg.Vault.Objects, object.Options{Credentials: cfg.Vault.Credentials.Path()}); err != nil {
			return nil, fmt.Errorf("opening vault.objects: %w", err)
		}
	}
	return vault.Open(ctx, filepath.Join(cfg.Data, vaultFolder), opts)
}

// patiently runs what needs readings, again until ctx ends: while the place for objects
// where they are does not answer, and while they are damaged, which is an incident that
// ends nothing else.
func patiently(ctx context.Context, logger *slog.Logger, run func() error) error {
	told := ""
	for {
		err := run()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // told to end
		}
		_, damage := errors.AsType[*vault.DamageError](err)
		if !damage && ledger.CodeOf(err) != ledger.CodeUnavailable {
			return err
		}
		if said := err.Error(); damage && said != told {
			told = said
			logger.ErrorContext(ctx, "what is damaged keeps readings from being listed or forgotten", slog.String(telemetry.KeyError, said))
		}
		if sleep(ctx, unreachablePause) != nil {
			return nil //nolint:nilerr // told to end
		}
	}
}

// unreachablePause is between two times that patiently runs something.
const unreachablePause = 5 * time.Second

// objectsReason says what keeps segments from being moved. Whoever reads it needs no
// token, so it names no address; the log does.
func objectsReason(o vault.Objects) string {
	if o.Problem == "" {
		return ""
	}
	return fmt.Sprintf("the place for objects is not in order since %s: %d segments wait in the data folder, where %d MiB are full; the log says why",
		o.Since.UTC().Format(time.RFC3339), o.Waiting, o.Local>>20)
}

// measureObjects shows where the vault's full segments are.
func measureObjects(reg prometheus.Registerer, v *vault.Vault) {
	for _, g := range []struct {
		name, help string
		value      func(vault.Objects) float64
	}{
		{"local_bytes", "Bytes of the vault's full segments in the data folder.", func(o vault.Objects) float64 { return float64(o.Local) }},
		{"waiting_segments", "Full segments that are not stored in an object yet.", func(o vault.Objects) float64 { return float64(o.Waiting) }},
		{"moved_segments", "Segments whose bytes are in an object only.", func(o vault.Objects) float64 { return float64(o.Moved) }},
		{"erased_segments", "Segments of which only commitments are left.", func(o vault.Objects) float64 { return float64(o.Erased) }},
		{"objects_in_trouble", "1 while the place for objects is not in order.", func(o vault.Objects) float64 {
			if o.Problem != "" {
				return 1
			}
			return 0
		}},
	} {
		reg.MustRegister(prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Name: "secant_vault_" + g.name, Help: g.help},
			func() float64 { return g.value(v.Objects()) },
		))
	}
}
