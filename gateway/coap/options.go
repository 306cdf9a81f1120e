package coap

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

// Message is readings of a device, for which it vouches or the node does.
type Message struct {
	Unit      proof.Hash
	Key       ed25519.PublicKey // of the device; nil: the node vouches
	Seed      proof.Seed        // zero without a key
	Signature proof.Signature   // zero without a key
	Sequence  proof.Sequence    // as the sender says; zero: it says nothing
	Subject   pseudonym.ID      // whom they are about; empty when that is not said
	Once      []byte            // names readings that nobody signed; empty: new ones
	MediaType string
	Body      []byte
}

// Readings makes readings durable, and returns the id of their receipt. Problems: busy
// and unavailable pass; the same may be handed in again.
type Readings interface {
	Submit(ctx context.Context, m Message) (proof.RequestID, error)
}

// Devices finds the device that a source calls by a name (not_found), if it may hand in
// readings here (denied), and the key under which it signs if it says that it does.
type Devices interface {
	Find(ctx context.Context, source, name string, signed bool) (proof.Hash, ed25519.PublicKey, error)
}

// Options say who sends, and bound what they can take. Zero means the default.
type Options struct {
	Sources []source.Source

	Body          int           // bytes of a request's readings; default 256 KiB
	Held          int64         // bytes of requests under way and in blocks, of all sources; default 16 MiB
	Receive       int           // requests of one source under way at once; default 64
	Rate          int           // requests of one source in a second, and at once; default 1000
	Peers         int           // addresses of plain senders that are remembered; default 4096
	Registrations int           // of LwM2M, of one source; default 1000
	Connections   int           // of DTLS, at once; default 256
	PerSource     int           // of them of one source; default 64
	Handshake     time.Duration // of DTLS; default 10 s
	Idle          time.Duration // until a DTLS connection that is silent is closed; default 1 h
	Separate      time.Duration // until a request that takes long is acknowledged empty; default 1 s
	Acknowledge   time.Duration // until an answer that is not acknowledged is sent again, at first; default 2 s
	Patience      time.Duration // for what passes to pass; default 20 s

	Metrics *Metrics     // required
	Logger  *slog.Logger // default: slog.Default
}

func orDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

func (o Options) validate() (Options, error) {
	orDefault(&o.Body, 256<<10)
	orDefault(&o.Held, 16<<20)
	orDefault(&o.Receive, 64)
	orDefault(&o.Rate, 1000)
	orDefault(&o.Peers, 4096)
	orDefault(&o.Registrations, 1000)
	orDefault(&o.Connections, 256)
	orDefault(&o.PerSource, 64)
	orDefault(&o.Handshake, 10*time.Second)
	orDefault(&o.Idle, time.Hour)
	orDefault(&o.Separate, time.Second)
	orDefault(&o.Acknowledge, 2*time.Second)
	orDefault(&o.Patience, 20*time.Second)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	switch {
	case o.Body < 1 || o.Held < int64(o.Body):
		return o, errors.New("the CoAP server has no room for a request")
	case min(o.Receive, o.Rate, o.Peers, o.Registrations, o.Connections, o.PerSource) < 1:
		return o, errors.New("a bound of the CoAP server is not positive")
	case min(o.Handshake, o.Idle, o.Separate, o.Acknowledge, o.Patience) < 0:
		return o, errors.New("a time of the CoAP server is negative")
	case o.Metrics == nil:
		return o, errors.New("the CoAP server needs its metrics")
	}
	return o, nil
}
