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
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/edge"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/mllp"
	"github.com/secant-platform/secant/gateway/mqtt"
	"github.com/secant-platform/secant/gateway/server"
	"github.com/secant-platform/secant/gateway/source"
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
	judge, err := ingest.NewJudge(ingest.Options{Limits: ingest.Limits{Body: unpacked, Record: recorded}})
	if err != nil {
		return nil, err
	}
	o.Read = judge.Read
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
	doors, err := openEdgeDoors(cfg, box, logger)
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

// openEdgeDoors puts the listeners of an edge box together: those of a node, but that
// what they hear goes to the box.
func openEdgeDoors(cfg *config.Edge, box *edge.Box, logger *slog.Logger) ([]door, error) {
	reg := telemetry.NewRegistry()
	heard, err := mllp.NewMetrics(reg)
	if err != nil {
		return nil, err
	}
	published, err := mqtt.NewMetrics(reg)
	if err != nil {
		return nil, err
	}
	doors, err := openDoors(nil, "mllp", cfg.MLLP, hearMessages(spooled{box}, box, heard, logger))
	if err != nil {
		return nil, err
	}
	return openDoors(doors, "mqtt", cfg.MQTT, func(sources []source.Source) (serveFunc, error) {
		b, err := mqtt.NewBroker(boxed{box}, boxed{box}, boxed{box}, mqtt.Options{Sources: sources, Metrics: published, Logger: logger})
		if err != nil {
			return nil, err
		}
		return b.Serve, nil
	})
}

// spooled is an edge box as the HL7 listener sees it.
type spooled struct{ box *edge.Box }

// Submit makes a message durable at the box, which vouches for it.
func (s spooled) Submit(ctx context.Context, m mllp.Message) (id proof.RequestID, err error) {
	return id, s.box.Take(ctx, m.Unit, "", ingest.MediaHL7, "", m.Once, m.Text)
}

// boxed is an edge box as an MQTT broker sees it. A receipt is the node's to give, so
// there is none in what the box answers.
type boxed struct{ box *edge.Box }

// Submit makes a message durable at the box, which vouches for it.
func (b boxed) Submit(ctx context.Context, m mqtt.Message) (id proof.RequestID, err error) {
	return id, b.box.Take(ctx, m.Unit, string(m.Subject), m.MediaType, m.Encoding, m.Once, m.Body)
}

// Find finds the device that a source calls by a name. One that signs needs no box, and
// the box could not tell whose signature it is.
func (b boxed) Find(ctx context.Context, source, name string, signed bool) (unit proof.Hash, key ed25519.PublicKey, err error) {
	if signed {
		return unit, nil, ledger.Problemf(ledger.CodeDenied, "an edge box speaks for devices that cannot sign")
	}
	unit, err = b.box.Find(ctx, source, name)
	return unit, nil, err
}

// Put and List remember nothing: a state is retained as long as the box runs.
func (boxed) Put(context.Context, string, string, *proof.RequestID) error { return nil }

// List lists no states.
func (boxed) List(context.Context, string) ([]mqtt.State, error) { return nil, nil }
