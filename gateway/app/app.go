package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/analytics/log"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/server"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// Run runs the node that cfg configures until ctx ends. It returns nil after an
// orderly end, and an error as soon as the node cannot go on: a part that must
// be trusted and no longer can be, or that cannot be opened.
func Run(ctx context.Context, cfg config.Config) error {
	logger := telemetry.NewLogger(os.Stderr, cfg.Log.Level)
	log.RouteMessages(logger)
	step, err := crashes(&cfg, os.Getenv(CrashVariable))
	if err != nil {
		return err
	}
	logger.InfoContext(ctx, "node starting", slog.String(telemetry.KeyVersion, version()), slog.Any(telemetry.KeyConfig, cfg))
	for _, w := range cfg.Warnings() {
		logger.WarnContext(ctx, "configuration is doubtful", slog.String(telemetry.KeyWarning, w))
	}
	trust, err := openTrust(cfg.Trust)
	if err != nil {
		return err
	}
	l, err := connect(ctx, &cfg, trust, logger)
	if err != nil {
		return err
	}
	return run(ctx, cfg, l, trust, logger, step, server.Listen)
}

// run is Run on a ledger, which it closes.
func run(
	ctx context.Context, cfg config.Config, l Ledger, trust *trustFile, logger *slog.Logger, step func(string),
	listen listenFunc,
) error {
	n, err := open(ctx, cfg, l, trust, logger, step)
	return n.live(ctx, err, listen)
}

type listenFunc func(ctx context.Context, address string, secure *tls.Config) (net.Listener, error)

// live runs a node unless opening it failed, and closes what was opened.
func (n *node) live(ctx context.Context, opened error, listen listenFunc) (err error) {
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.cfg.Pace.Shutdown.Std()/2)
		defer cancel()
		err = errors.Join(err, n.close(end))
		if err == nil {
			n.logger.InfoContext(ctx, "node ended")
		}
	}()
	if opened != nil {
		return opened
	}
	listener, err := listen(ctx, n.cfg.Listen, n.tls)
	if err != nil {
		return err
	}
	listeners := []net.Listener{listener}
	if n.public != nil {
		if listener, err = listen(ctx, n.cfg.Public.Listen, n.public); err != nil {
			return errors.Join(err, listeners[0].Close())
		}
		listeners = append(listeners, listener)
	}
	doors, err := listenForDevices(ctx, n.doors, listen)
	if err != nil {
		for _, l := range listeners {
			err = errors.Join(err, l.Close())
		}
		return err
	}
	datagrams, err := listenForDatagrams(ctx, n.windows)
	if err != nil {
		for _, l := range append(listeners, doors...) {
			err = errors.Join(err, l.Close())
		}
		return err
	}
	packets, err := listenForPackets(ctx, n.packets)
	if err != nil {
		for _, l := range append(listeners, doors...) {
			err = errors.Join(err, l.Close())
		}
		return err
	}
	return n.run(ctx, listeners, doors, append(datagrams, packets...))
}

// run starts the node's parts and ends them in the opposite order: first no more
// requests, then no more readings, then the loops. The first part that fails
// ends all.
func (n *node) run(ctx context.Context, listeners, doors []net.Listener, datagrams []serving) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	// Each layer outlives those that use it.
	below := context.WithoutCancel(ctx)
	working, endWork := context.WithCancel(below)
	taking, endTaking := context.WithCancel(below)
	defer endWork()
	defer endTaking()

	var faults faults
	part := func(wg *sync.WaitGroup, name string, run func() error) {
		wg.Go(func() {
			if err := faults.guard(name, run); err != nil {
				stop(err)
			}
		})
	}
	var loops, pipeline, start, messages sync.WaitGroup
	part(&loops, "watching the trust file", func() error { return n.trust.Run(working, n.logger) })
	part(&loops, "the worker", func() error { return n.worker.Run(working) })
	part(&loops, "indexing intelligence", func() error { return indexIntelligence(working, n.store.IndexIntelligence, n.logger) })
	part(&loops, "exchanging sealed reports", func() error { return n.exchange.Run(working) })
	part(&loops, "telling sharers of sightings", func() error { return n.witness.Run(working) })
	part(&loops, "delivering to webhooks", func() error { return n.webhooks.Run(working) })
	part(&pipeline, "taking readings", func() error { return n.takeReadings(ctx, taking) })
	part(&start, "registering the organisation", func() error { return n.settle(ctx) })
	part(&loops, "collecting intelligence", func() error { return n.collector.Run(working) })
	for _, f := range n.forwarders {
		part(&loops, "telling a watching system", func() error { return f.Run(working) })
	}
	if len(n.cfg.Advisories.Feeds) > 0 {
		part(&loops, "reading feeds of advisories", func() error { return newFeeds(n, n.outside).Run(working) })
	}
	if n.identity != nil {
		part(&loops, "keeping the issuer", func() error { return n.identity.tend(working, n) })
	}

	for i, l := range doors {
		part(&messages, "taking messages by "+n.doors[i].protocol, func() error { return n.doors[i].serve(ctx, l) })
	}
	for _, serve := range datagrams {
		part(&messages, "taking datagrams", func() error { return serve(ctx) })
	}
	for _, b := range n.brokers {
		part(&messages, "taking messages of a broker", func() error { return b.Run(ctx) })
	}

	err := server.Run(ctx, listeners, n.engine, n.serverOptions(), n.logger, n.api.End)
	if err != nil {
		faults.add(err)
		stop(err)
	}
	start.Wait()
	messages.Wait()
	endTaking()
	pipeline.Wait()
	endWork()
	loops.Wait()
	return faults.join()
}

// takeReadings opens the pipeline once the log is known to continue its last
// anchor, and works it until taking ends.
func (n *node) takeReadings(ctx, taking context.Context) error {
	select {
	case <-n.worker.Verified():
	case <-ctx.Done():
		return nil
	}
	p, err := n.openPipeline(ctx)
	if err != nil && ctx.Err() == nil {
		return err
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // told to end while the log was brought up to the vault
	}
	if err := keysThere(ctx, p, n.store, n.vault); err != nil {
		return err
	}
	n.readings.pipeline.Store(p)
	n.logger.InfoContext(ctx, "readings taken")
	// What lists and re-verifies the readings ends with what takes them.
	all, ended := errgroup.WithContext(taking)
	all.Go(func() error { return p.Run(ended) })
	all.Go(func() error {
		return patiently(ended, n.logger, func() error { return listReadings(ended, p, n.readings, n.senders) })
	})
	all.Go(func() error {
		return patiently(ended, n.logger, func() error { return sweepSubjects(ended, p, n.readings) })
	})
	all.Go(func() error { return n.monitor.run(ended) })
	all.Go(func() error { return n.vault.Tend(ended) })
	if keep := n.cfg.Retention.Std(); keep > 0 {
		all.Go(func() error { return retain(ended, n.readings, keep, n.logger) })
	}
	return all.Wait() //nolint:wrapcheck // each says what it did
}

// settle brings the organisation's row on the ledger up to date.
func (n *node) settle(ctx context.Context) error {
	if err := n.member.settle(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	n.health.member.Store(true)
	n.logger.InfoContext(ctx, "organisation registered", slog.String(telemetry.KeyOrganisation, n.cfg.Organisation))
	return nil
}

// faults collects what ended the node.
type faults struct {
	mu   sync.Mutex
	errs []error
}

// guard runs a part and keeps its error; a panic is one.
func (f *faults) guard(name string, run func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
			f.add(err)
		}
	}()
	return run()
}

func (f *faults) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errs = append(f.errs, err)
}

func (f *faults) join() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.errs...)
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
