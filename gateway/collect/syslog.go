package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/source"
	"github.com/secant-platform/secant/gateway/telemetry"
)

const (
	queued        = 4_096 // messages that wait to be kept
	gatheredBytes = 1 << 20
	gathering     = 250 * time.Millisecond // for which messages wait for others, to be kept together
	idle          = 30 * time.Minute       // for which a sender may be silent
	lasting       = 5 * time.Second        // for what waits to be kept, at the end
)

// Syslog takes what senders of syslog send (RFC 5424 and its forerunners): over TCP, with
// TLS or without (RFC 5425, RFC 6587), where those who send faster than it can be kept
// wait; and over UDP (RFC 5426), where what is too much is counted as refused. The
// protocol has no word by which a sender would learn what was kept.
type Syslog struct {
	name      string
	format    adapt.Format
	door      *source.Door
	queue     chan []byte
	lost      chan error // capacity 1: why messages could not be taken
	logger    *slog.Logger
	collector *Collector // set by New
}

// NewSyslog makes a listener's other end; door knows its senders.
func NewSyslog(name string, format adapt.Format, door *source.Door, logger *slog.Logger) *Syslog {
	return &Syslog{name: name, format: format, door: door, queue: make(chan []byte, queued), lost: make(chan error, 1), logger: logger}
}

// Serve takes messages from the connections of a listener until ctx ends.
func (s *Syslog) Serve(ctx context.Context, l net.Listener) error {
	return s.door.Serve(ctx, l, func(ctx context.Context, conn net.Conn, _ string) {
		stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
		defer stop()
		messages := newFrames(conn)
		for ctx.Err() == nil {
			if err := conn.SetReadDeadline(time.Now().Add(idle)); err != nil || ctx.Err() != nil {
				return
			}
			message, err := messages.next()
			if ledger.CodeOf(err) == ledger.CodeInvalid || ledger.CodeOf(err) == ledger.CodeTooLarge {
				s.lose(err)
			}
			if err != nil {
				return // of the network there is nothing to say: senders come again
			}
			select {
			case s.queue <- message:
			case <-ctx.Done():
				return
			}
		}
	})
}

// ServePackets takes messages that come as datagrams until ctx ends; it closes conn then.
func (s *Syslog) ServePackets(ctx context.Context, conn net.PacketConn) error {
	s.logger.InfoContext(ctx, "listening for syslog by UDP", slog.String(telemetry.KeyAddress, conn.LocalAddr().String()))
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	datagram := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFrom(datagram)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err //nolint:wrapcheck // it says what ended
		case err != nil || n == 0 || s.door.Known(from) == "":
			continue // one that cannot be answered
		}
		select {
		case s.queue <- append([]byte(nil), datagram[:n]...):
		default:
			s.lose(ledger.Problemf(ledger.CodeBusy, "more datagrams came than could be kept: let the sender use TCP, where it waits"))
		}
	}
}

func (s *Syslog) lose(why error) {
	select {
	case s.lost <- why:
	default: // one is said, as long as it is not kept
	}
}

// keep keeps what waits, until ctx ends and nothing waits any more.
func (s *Syslog) keep(ctx context.Context) {
	in := s.collector.intake(s.name, s.format)
	tick := time.NewTicker(gathering)
	defer tick.Stop()
	var gathered []byte
	for {
		select {
		case message := <-s.queue:
			if gathered = s.frame(gathered, message); len(gathered) >= gatheredBytes {
				s.put(ctx, in, gathered)
				gathered = gathered[:0]
			}
		case why := <-s.lost:
			in.refuse(why)
		case <-tick.C:
			s.put(ctx, in, gathered)
			gathered = gathered[:0]
			s.write(ctx, in)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lasting)
			defer cancel()
			for len(s.queue) > 0 {
				gathered = s.frame(gathered, <-s.queue)
			}
			s.put(last, in, gathered)
			s.write(last, in)
			return
		}
	}
}

// frame adds a message to others, as its format reads them one behind the other: those
// of syslog with their length in front, and others as lines.
func (s *Syslog) frame(others, message []byte) []byte {
	if s.format.Name == formatSyslog && bytes.HasPrefix(message, []byte("<")) {
		return append(append(fmt.Appendf(others, "%d ", len(message)), message...), '\n')
	}
	start := len(others)
	others = append(others, message...)
	for i := start; i < len(others); i++ {
		if others[i] == '\n' {
			others[i] = ' '
		}
	}
	return append(others, '\n')
}

// formatSyslog is the format whose messages may have several lines.
const formatSyslog = "syslog"

// put reads messages. When what they say could not be kept midway, they are read once
// more after that: those that were kept are known by then.
func (s *Syslog) put(ctx context.Context, in *Intake, messages []byte) {
	for {
		err := in.document(ctx, messages)
		if err == nil {
			return
		}
		if !ours(err) {
			in.refuse(err)
			return
		}
		s.write(ctx, in)
		if ctx.Err() != nil {
			return
		}
	}
}

// write keeps what was gathered, however often it takes: meanwhile senders wait.
func (s *Syslog) write(ctx context.Context, in *Intake) {
	some := len(in.batch.Alerts)+in.batch.Refused > 0
	for pause := gathering; some; pause = min(2*pause, time.Minute) {
		err := in.flush(ctx, nil, nil)
		if err == nil {
			err = in.collector.store.SourceRead(ctx, s.name)
		}
		if err == nil || ctx.Err() != nil {
			break
		}
		in.collector.failed(ctx, s.name, err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	in.reasons = in.reasons[:0]
}
