package app

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/edge"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/mllp"
	"github.com/secant-platform/secant/gateway/server"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// EdgeKey returns the public key with which the edge box that cfg configures is
// registered, in hexadecimal. It makes the key when there is none yet.
func EdgeKey(cfg *config.Edge) (string, error) {
	key, err := auth.OpenKey(cfg.Key.Path())
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(key.Public().(ed25519.PublicKey)), nil //nolint:errcheck,forcetypeassert // what the standard library promises
}

// RunEdge runs the edge box that cfg configures until ctx ends. It returns nil after
// an orderly end.
func RunEdge(ctx context.Context, cfg *config.Edge) error {
	logger := telemetry.NewLogger(os.Stderr, slog.LevelInfo)
	box, err := openEdge(cfg, logger)
	if err != nil {
		return err
	}
	return runEdge(ctx, cfg, box, logger, server.Listen)
}

// openEdge puts an edge box together.
func openEdge(cfg *config.Edge, logger *slog.Logger) (*edge.Box, error) {
	o := edge.Options{Node: cfg.Node, Spool: cfg.Data, Limit: cfg.Limit, Logger: logger, Devices: map[edge.Name]proof.Hash{}}
	if err := o.Unit.UnmarshalText([]byte(cfg.Unit)); err != nil {
		return nil, errors.New("the edge box has no unit id yet: register a unit with the public key that --key shows, put it into service, and enter its id")
	}
	var err error
	if o.Key, err = auth.OpenKey(cfg.Key.Path()); err != nil {
		return nil, err
	}
	for i, d := range cfg.Devices {
		var unit proof.Hash
		if err := unit.UnmarshalText([]byte(d.Unit)); err != nil {
			return nil, fmt.Errorf("devices[%d].unit must be 64 lower-case hexadecimal digits", i)
		}
		o.Devices[edge.Name{Source: d.Source, Name: d.Name}] = unit
	}
	if o.HTTP, err = edgeClient(cfg.Roots); err != nil {
		return nil, err
	}
	return edge.New(o)
}

func edgeClient(roots string) (*http.Client, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS13}
	if roots != "" {
		text, err := os.ReadFile(roots) //nolint:gosec // the operator names it
		if err != nil {
			return nil, fmt.Errorf("reading the roots of the node: %w", err)
		}
		if secure.RootCAs = x509.NewCertPool(); !secure.RootCAs.AppendCertsFromPEM(text) {
			return nil, errors.New("reading the roots of the node: the file holds no certificate")
		}
	}
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: secure, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 8},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

func runEdge(ctx context.Context, cfg *config.Edge, box *edge.Box, logger *slog.Logger, listen listenFunc) error {
	metrics, err := mllp.NewMetrics(telemetry.NewRegistry())
	if err != nil {
		return err
	}
	doors, err := openDoors(nil, "mllp", cfg.MLLP, hearMessages(spooled{box}, box, metrics, logger))
	if err != nil {
		return err
	}
	listeners, err := listenForDevices(ctx, doors, listen)
	if err != nil {
		return err
	}
	parts, ctx := errgroup.WithContext(ctx)
	for i, l := range listeners {
		parts.Go(func() error { return doors[i].serve(ctx, l) })
	}
	parts.Go(func() error { return box.Run(ctx) })
	return parts.Wait() //nolint:wrapcheck // each says what it did
}

// spooled is an edge box as the HL7 listener sees it.
type spooled struct{ box *edge.Box }

// Submit makes a message durable at the box, which vouches for it.
func (s spooled) Submit(_ context.Context, m mllp.Message) (id proof.RequestID, err error) {
	return id, s.box.Take(m.Unit, ingest.MediaHL7, m.Once, m.Text)
}
