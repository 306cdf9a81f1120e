// Package forward tells the system in which a hospital watches its network (a SIEM) what
// this node learns, by syslog: each thing at least once, in their order, and from where it
// was after a restart. It waits for no answer, because the protocol has none.
package forward

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// Place is how far was told.
type Place struct {
	Alert int64  `json:"alert"` // number of the last alert
	Event string `json:"event"` // id of the last event; empty: the newest when telling began
}

// Source is what there is to tell.
type Source interface {
	// After returns up to limit things behind a place;
	// next is the place behind all that was looked at, which may be further.
	After(ctx context.Context, from Place, limit int) (things []adapt.Record, next Place, err error)
	Forwarded(ctx context.Context, name string) (checkpoint []byte, err error)
	PutForwarded(ctx context.Context, name string, checkpoint []byte) error
}

// Options say who is told. What has no default is required.
type Options struct {
	Name    string
	Network string      // tcp or udp
	Address string      // host:port
	TLS     *tls.Config // nil: none
	// Encode writes a message of syslog, for TCP with its length in front (RFC 6587,
	// section 3.4.1), and otherwise without.
	Encode func(r adapt.Record, counted bool) []byte
	Logger *slog.Logger // default: slog.Default
}

// Forwarder tells one system. It is made by New.
type Forwarder struct {
	source Source
	opts   Options
}

// New makes a forwarder.
func New(source Source, opts Options) (*Forwarder, error) {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Name == "" || opts.Address == "" || opts.Encode == nil || opts.Network != "tcp" && opts.Network != "udp" {
		return nil, errors.New("whoever is told needs a name, an address by tcp or udp, and a form")
	}
	return &Forwarder{source, opts}, nil
}

const (
	part     = 200              // things that are told before it is noted
	every    = time.Second      // between two looks for more
	dialTime = 10 * time.Second // for a connection
	sendTime = 10 * time.Second // for a part to be taken
	maxPause = 5 * time.Minute  // of a system that cannot be reached
	listen   = 100 * time.Millisecond
)

// Run tells what there is until ctx ends.
func (f *Forwarder) Run(ctx context.Context) error {
	var conn net.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	for pause := every; ; {
		moved, err := f.step(ctx, &conn)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if conn != nil {
				_ = conn.Close()
				conn = nil
			}
			f.opts.Logger.WarnContext(ctx, "watching system could not be told; it is tried again", slog.String(telemetry.KeyPart, f.opts.Name), slog.Any(telemetry.KeyError, err))
			pause = min(2*pause, maxPause)
		case moved:
			pause = 0 // of what was looked at, little may be told
		default:
			pause = every
		}
		if pause > every {
			pause += rand.N(pause / 4) //nolint:gosec // not a secret
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = max(pause, every)
	}
}

// step tells a part, and notes it when it is told. It reports whether there was one.
func (f *Forwarder) step(ctx context.Context, conn *net.Conn) (moved bool, err error) {
	var at Place
	text, err := f.source.Forwarded(ctx, f.opts.Name)
	if err != nil {
		return false, err //nolint:wrapcheck // the store says what it did
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &at); err != nil {
			return false, fmt.Errorf("reading how far was told: %w", err)
		}
	}
	things, next, err := f.source.After(ctx, at, part)
	if err != nil {
		return false, err //nolint:wrapcheck // as above
	}
	if len(things) > 0 {
		if *conn == nil {
			if *conn, err = f.dial(ctx); err != nil {
				return false, err
			}
		}
		if err := f.tell(*conn, things); err != nil {
			return false, err
		}
	}
	if next == at && len(text) > 0 {
		return false, nil
	}
	if text, err = json.Marshal(next); err != nil {
		return false, fmt.Errorf("encoding how far was told: %w", err)
	}
	return true, f.source.PutForwarded(ctx, f.opts.Name, text) //nolint:wrapcheck // as above
}

func (f *Forwarder) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if f.opts.TLS != nil {
		return (&tls.Dialer{Config: f.opts.TLS}).DialContext(ctx, f.opts.Network, f.opts.Address) //nolint:wrapcheck // it says what it did
	}
	return (&net.Dialer{}).DialContext(ctx, f.opts.Network, f.opts.Address) //nolint:wrapcheck // as above
}

// tell sends things, and looks whether the other side is still there: what it had not
// taken when it went is told again.
func (f *Forwarder) tell(conn net.Conn, things []adapt.Record) error {
	if err := conn.SetDeadline(time.Now().Add(sendTime)); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	for i := range things {
		if _, err := conn.Write(f.opts.Encode(things[i], f.opts.Network == "tcp")); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
	}
	if f.opts.Network != "tcp" {
		return nil
	}
	if err := conn.SetReadDeadline(time.Now().Add(listen)); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	var answer [64]byte // which no receiver of syslog gives
	if _, err := conn.Read(answer[:]); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the other side ended the connection: %w", err)
	}
	return nil
}
