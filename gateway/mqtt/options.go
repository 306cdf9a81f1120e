package mqtt

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/gateway/source"
)

// Message is one message of a device: readings, its state or an event.
type Message struct {
	Unit      proof.Hash
	Key       ed25519.PublicKey // the device's; nil when only the node vouches
	Seed      proof.Seed        // zero without a key
	Signature proof.Signature   // zero without a key
	Sequence  proof.Sequence    // what the sender says of its count and clock; signed with a key
	Once      []byte            // names a message without a key: the same one sent again has the same
	Subject   pseudonym.ID      // whom all of it is about; empty when that is not said
	MediaType string
	Encoding  string // as in HTTP's Content-Encoding
	Body      []byte // as it came, good until Submit returns
}

// Readings makes a message durable, and returns the id of its receipt. Problems:
// busy and unavailable pass; the same message may be handed in again.
type Readings interface {
	Submit(ctx context.Context, m Message) (proof.RequestID, error)
}

// Devices finds the device that a source calls by a name (not_found), if it may
// hand in readings here (denied), and the key under which it signs if it says that
// it does.
type Devices interface {
	Find(ctx context.Context, source, name string, signed bool) (proof.Hash, ed25519.PublicKey, error)
}

// State is what a device's retained state is: a message that was taken.
type State struct {
	Source, Device string
	Receipt        proof.RequestID
	MediaType      string // empty: it cannot be read now, as when it was erased
	Body           []byte
}

// States remembers the retained states of devices, durably.
type States interface {
	// Put makes a message a device's state; nil: it has none.
	Put(ctx context.Context, source, device string, receipt *proof.RequestID) error
	// List lists the states of a source's devices. Problems: unavailable passes.
	List(ctx context.Context, source string) ([]State, error)
}

// Options say who sends, and bound what they can take. Zero means the default.
type Options struct {
	Sources []source.Source

	Packet      int           // bytes of a packet, that is of a message; default 256 KiB
	Held        int64         // bytes of messages under way, of all clients; default 64 MiB
	Receive     int           // messages of one client under way at once; default 256
	Connections int           // at once; default 256
	PerSource   int           // of them of one source; default 64
	Handshake   time.Duration // for TLS, and for CONNECT; default 10 s
	Write       time.Duration // for a packet to be taken; default 30 s
	Idle        time.Duration // between packets, for clients that want to be asked less often; default 1 h
	Patience    time.Duration // for what passes to pass; default 20 s

	Metrics *Metrics     // required
	Logger  *slog.Logger // default: slog.Default
}

func orDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

func (o Options) validate() (Options, error) {
	orDefault(&o.Packet, 256<<10)
	orDefault(&o.Held, 64<<20)
	orDefault(&o.Receive, 256)
	orDefault(&o.Connections, 256)
	orDefault(&o.PerSource, 64)
	orDefault(&o.Handshake, 10*time.Second)
	orDefault(&o.Write, 30*time.Second)
	orDefault(&o.Idle, time.Hour)
	orDefault(&o.Patience, 20*time.Second)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	switch {
	case o.Packet < minPacket || o.Packet > maxPacket || o.Held < int64(o.Packet):
		return o, errors.New("the MQTT broker has no room for a packet, or for a larger one than the protocol has")
	case o.Receive < 1 || o.Receive > 65535 || o.Connections < 1 || o.PerSource < 1:
		return o, errors.New("a bound of the MQTT broker is not positive, or too large for the protocol")
	case min(o.Handshake, o.Write, o.Patience) < 0 || o.Idle < 2*time.Second || o.Idle > maxIdle:
		return o, errors.New("a time of the MQTT broker is negative, or longer than the protocol has")
	case o.Metrics == nil:
		return o, errors.New("the MQTT broker needs its metrics")
	}
	return o, nil
}

const (
	minPacket = 1 << 10
	maxPacket = 256 << 20 // 2.1.4: four bytes of seven bits
	maxIdle   = 65535 * time.Second
)
