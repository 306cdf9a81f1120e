package mqtt

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"golang.org/x/sync/semaphore"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/source"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// Broker is an MQTT broker that devices connect to. It speaks the protocol by
// mochi's server, but for what that server would do too early or without a bound:
// what a device publishes is answered here, when it is durable.
type Broker struct {
	taker
	opts     Options
	metrics  *Metrics
	states   States
	door     *source.Door
	server   *mochi.Server
	held     *semaphore.Weighted // bytes of messages under way
	recent   *memory
	retained retained
	quiet    telemetry.Seldom

	stating sync.Mutex // one change of a retained state at a time

	mu      sync.Mutex
	waiting map[string]func() // wills that wait, by client: each call ends a wait
	later   sync.WaitGroup    // these wills
}

// Bounds that a subscriber has. It is told what is, and loses news when it is slow.
const (
	maxPending       = 32  // messages on their way to one client
	maxSubscriptions = 32  // of one client
	maxClientID      = 256 // bytes
	sessionLife      = time.Hour
	perConnection    = 4 // sessions, and wills that wait, for each connection that may be open
)

// NewBroker makes a broker.
func NewBroker(readings Readings, devices Devices, states States, opts Options) (*Broker, error) {
	opts, err := opts.validate()
	if err != nil {
		return nil, err
	}
	b := &Broker{
		opts: opts, metrics: opts.Metrics, states: states,
		held: semaphore.NewWeighted(opts.Held), waiting: map[string]func(){},
		recent: newMemory(perConnection*opts.Connections, opts.Receive),
	}
	b.taker = taker{readings: readings, devices: devices, patience: opts.Patience}
	b.door, err = source.NewDoor(source.Options{
		Protocol: "mqtt", Sources: opts.Sources, Connections: opts.Connections, PerSource: opts.PerSource,
		Handshake: opts.Handshake, Metrics: opts.Metrics.door, Logger: opts.Logger,
	})
	return b, err
}

// open makes the server that speaks the protocol. It says nothing to any log: what
// it says there has messages in it.
func (b *Broker) open() error {
	c := mochi.NewDefaultServerCapabilities()
	c.MaximumPacketSize = uint32(b.opts.Packet) //nolint:gosec // bounded by Options
	c.ReceiveMaximum = uint16(b.opts.Receive)   //nolint:gosec // bounded by Options
	c.MaximumQos = 1
	c.MaximumClientWritesPending = maxPending
	c.MaximumInflight = maxPending
	c.MaximumMessageExpiryInterval = 0 // a state holds until there is another
	c.MaximumSessionExpiryInterval = uint32(sessionLife / time.Second)
	c.TopicAliasMaximum = 0 // the server asks for rights before it looks an alias up
	c.SharedSubAvailable = 0
	c.RetainAvailable = 0 // by the server: see retained
	b.server = mochi.New(&mochi.Options{
		Capabilities: c, Logger: slog.New(slog.DiscardHandler), SysTopicResendInterval: 1 << 32, // never
	})
	if err := b.server.AddHook(&hook{broker: b}, nil); err != nil {
		return fmt.Errorf("opening the MQTT broker: %w", err)
	}
	if err := b.server.Serve(); err != nil {
		return fmt.Errorf("opening the MQTT broker: %w", err)
	}
	return nil
}

// Serve serves the connections of a listener until ctx ends; then what has arrived
// is answered, wills that wait become events, and every client is told. It closes
// the listener, and returns nil after an orderly end.
func (b *Broker) Serve(ctx context.Context, l net.Listener) error {
	if err := b.open(); err != nil {
		_ = l.Close()
		return err
	}
	defer b.server.Close()
	var remembering sync.WaitGroup
	remembering.Go(func() { b.remember(ctx) })
	defer remembering.Wait()
	defer b.later.Wait()
	return b.door.Serve(ctx, l, b.connection)
}

// connection speaks with one client until one of them has enough.
func (b *Broker) connection(ctx context.Context, conn net.Conn, source string) {
	l := newLink(ctx, b, conn, source)
	defer l.end()
	stop := context.AfterFunc(ctx, l.drain)
	defer stop()
	// In the decoder.
	defer telemetry.Rescue(ctx, b.opts.Logger, "mqtt connection", func() { b.metrics.end("failure") }, slog.String(telemetry.KeySource, source))
	_ = conn.SetReadDeadline(time.Now().Add(b.opts.Handshake)) // for CONNECT; afterwards the keep alive counts
	_ = b.server.EstablishConnection(source, l)                // how it ended is told by what happened before
}

// disconnect ends a connection, with a reason where the protocol has room for one:
// in 3.1.1 a broker just goes.
func (b *Broker) disconnect(cl *mochi.Client, code packets.Code) {
	if cl.Properties.ProtocolVersion < 5 {
		cl.Stop(code)
		return
	}
	_ = b.server.DisconnectClient(cl, code) // it returns the code
}

// remember gives the broker the states that devices had when the node ended. Until
// it has, they come to subscribers like news.
func (b *Broker) remember(ctx context.Context) {
	self := b.server.NewClient(nil, nodeClient, nodeClient, true)
	for _, s := range b.opts.Sources {
		states, err := b.listStates(ctx, s.Name)
		if err != nil {
			if ctx.Err() == nil {
				b.opts.Logger.ErrorContext(ctx, "retained states not read", slog.String(telemetry.KeySource, s.Name), slog.Any(telemetry.KeyError, err))
			}
			continue
		}
		for _, state := range states {
			b.restore(ctx, self, &state)
		}
	}
}

// nodeClient is the node itself among the clients. No other has a name without a
// source.
const nodeClient = "node"

func (b *Broker) restore(ctx context.Context, self *mochi.Client, s *State) {
	defer telemetry.Rescue(ctx, b.opts.Logger, "mqtt retained state",
		func() { b.metrics.message(outcomeFailure) }, slog.String(telemetry.KeySource, s.Source))
	t := topic{s.Source, s.Device, kindState}
	if s.MediaType == "" || !goodName(s.Device) {
		return
	}
	b.stating.Lock()
	defer b.stating.Unlock()
	if b.retained.has(t.String()) { // newer
		return
	}
	b.publish(self, t, newsOf(s.Receipt, s.MediaType, s.Body, true))
}

// Forget takes a message that was erased from what is retained. Nobody who subscribes
// from now on gets it; who has subscribed has it already.
func (b *Broker) Forget(receipt proof.RequestID) {
	b.stating.Lock() // not between a state's being kept and its being retained
	defer b.stating.Unlock()
	b.retained.forget(receipt)
}

// listStates waits until the states can be read, as long as it takes.
func (b *Broker) listStates(ctx context.Context, name string) (states []State, err error) {
	for ctx.Err() == nil {
		err = source.Patiently(ctx, b.opts.Patience, func() (err error) {
			states, err = b.states.List(ctx, name)
			return err
		})
		if err == nil || !passes(err) {
			return states, err
		}
	}
	return nil, ctx.Err() //nolint:wrapcheck // nobody is told
}
