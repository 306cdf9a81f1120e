package mllp

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/source"
)

// Message is one message of a device.
type Message struct {
	Unit proof.Hash
	Once []byte // names the message: the same one sent again has the same
	Text []byte // as it came, good until Submit returns
}

// Readings makes a message durable, and returns the id of its receipt, or zero where
// another gives the receipt later. Problems:
// busy and unavailable pass; the same message (Message.Once) may be handed in again.
type Readings interface {
	Submit(ctx context.Context, m Message) (proof.RequestID, error)
}

// Devices finds the device that a source calls by a name (not_found), if it may
// hand in readings here (denied).
type Devices interface {
	Find(ctx context.Context, source, name string) (proof.Hash, error)
}

// Options say who sends, and bound what they can take. Zero means the default.
type Options struct {
	Sources []source.Source

	Record      int           // bytes of a message; default 64 KiB
	Connections int           // of senders that are known, at once; default 256
	PerSource   int           // of them of one source; default 64
	Handshakes  int           // of senders that are not known yet, at once; default 64
	PerAddress  int           // of them from one address, or /64 of IPv6; default 16
	Handshake   time.Duration // for TLS; default 10 s
	Frame       time.Duration // for a message that has begun to arrive, and for its answer to be taken; default 30 s
	Idle        time.Duration // between messages; default 1 h
	Patience    time.Duration // for what passes to pass; default 20 s

	Metrics *Metrics     // required
	Logger  *slog.Logger // default: slog.Default
}

func (o Options) validate() (Options, error) {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	wait := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Record, 64<<10)
	set(&o.Connections, 256)
	set(&o.PerSource, 64)
	set(&o.Handshakes, 64)
	set(&o.PerAddress, 16)
	wait(&o.Handshake, 10*time.Second)
	wait(&o.Frame, 30*time.Second)
	wait(&o.Idle, time.Hour)
	wait(&o.Patience, 20*time.Second)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if min(o.Record, o.Connections, o.PerSource, o.Handshakes, o.PerAddress) < 1 || min(o.Handshake, o.Frame, o.Idle, o.Patience) < 0 {
		return o, errors.New("a bound of the HL7 listener is negative")
	}
	if o.Metrics == nil {
		return o, errors.New("the HL7 listener needs its metrics")
	}
	return o, nil
}
