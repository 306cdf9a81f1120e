package mqtt

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"github.com/secant-platform/secant/gateway/telemetry"
)

// Subscription says what a client takes from a broker.
type Subscription struct {
	// Topic may have one level {device}, the name by which the source calls the
	// device, and levels +.
	Topic     string
	Device    string // where the topic has none
	MediaType string // of messages that do not tell theirs; empty: JSON
}

// deviceLevel stands for the name of a device.
const deviceLevel = "{device}"

// filter is what is subscribed to.
func (s *Subscription) filter() string { return strings.Replace(s.Topic, deviceLevel, "+", 1) }

// device finds the device that a topic is about; empty: it is not one of these.
func (s *Subscription) device(topic string) string {
	want, have := strings.Split(s.Topic, "/"), strings.Split(topic, "/")
	if len(want) != len(have) {
		return ""
	}
	device := s.Device
	for i, level := range want {
		switch {
		case level == deviceLevel:
			device = have[i]
		case level != "+" && level != have[i]:
			return ""
		}
	}
	return device
}

// ClientOptions say where a hospital's broker is and what to take there. Zero means
// the default where there is one.
type ClientOptions struct {
	Source  string      // under which devices have names
	Address string      // host:port
	TLS     *tls.Config // nil: none
	ID      string      // client identifier
	User    string
	// Password is asked for at each connection, so that it may be changed.
	Password func() ([]byte, error)
	Topics   []Subscription

	Packet   int           // bytes of a packet, that is of a message; default 256 KiB
	Receive  int           // messages under way at once; default 64
	Patience time.Duration // for what passes to pass, before it is said; default 20 s
	Connect  time.Duration // for a connection and each answer; default 10 s
	Retry    time.Duration // before a second try; twice as long before each further one, up to a minute; default 1 s

	Metrics *Metrics     // required
	Logger  *slog.Logger // default: slog.Default
}

func (o ClientOptions) validate() (ClientOptions, error) {
	orDefault(&o.Packet, 256<<10)
	orDefault(&o.Receive, 64)
	orDefault(&o.Patience, 20*time.Second)
	orDefault(&o.Connect, 10*time.Second)
	orDefault(&o.Retry, time.Second)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	switch {
	case o.Source == "" || o.Address == "" || o.ID == "" || len(o.Topics) == 0:
		return o, errors.New("a client of an MQTT broker needs a source, an address, an identifier and topics")
	case o.Packet < minPacket || o.Packet > maxPacket || o.Receive < 1 || o.Receive > 65535 || min(o.Patience, o.Connect, o.Retry) < 0:
		return o, errors.New("a bound of a client of an MQTT broker is not positive, or too large for the protocol")
	case o.Metrics == nil:
		return o, errors.New("a client of an MQTT broker needs its metrics")
	}
	for _, t := range o.Topics {
		if (strings.Count(t.Topic, deviceLevel) == 1) == (t.Device != "") {
			return o, errors.New("a topic of an MQTT broker needs {device}, or a device")
		}
	}
	return o, nil
}

// Client takes what devices publish to a hospital's own broker. It keeps a session
// there, so that nothing is lost while it is away, and acknowledges a message when
// it is durable here. What can never be taken is acknowledged as well, and counted:
// the broker would send it for ever.
type Client struct {
	taker
	opts   ClientOptions
	recent *memory
	slots  chan struct{} // messages under way
	quiet  telemetry.Seldom

	working    sync.WaitGroup
	subscribed bool // since the process began
}

// NewClient makes a client.
func NewClient(readings Readings, devices Devices, opts ClientOptions) (*Client, error) {
	opts, err := opts.validate()
	if err != nil {
		return nil, err
	}
	return &Client{
		taker: taker{readings: readings, devices: devices, patience: opts.Patience},
		opts:  opts, recent: newMemory(1, maxIdentifiers), slots: make(chan struct{}, opts.Receive),
	}, nil
}

const (
	session   = 30 * 24 * time.Hour // how long the broker keeps what comes while the client is away
	keepAlive = 30 * time.Second
	maxRetry  = time.Minute
	// maxIdentifiers is all that there are: brokers send again whatever they have, at once.
	maxIdentifiers = 65535
	ackPause       = 10 * time.Millisecond // between acknowledgements that are sent together
)

// Run takes messages until ctx ends, connecting again when it has to; then what is
// under way is made durable and acknowledged. It returns nil.
func (c *Client) Run(ctx context.Context) error {
	defer c.working.Wait()
	retry := c.opts.Retry
	for {
		begun := time.Now()
		err := c.connection(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if c.quiet.May() > 0 {
			c.opts.Logger.WarnContext(ctx, "mqtt broker not connected", slog.String(telemetry.KeySource, c.opts.Source), slog.Any(telemetry.KeyError, err))
		}
		if time.Since(begun) > maxRetry {
			retry = c.opts.Retry
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Duration(rand.Int64N(int64(retry)) + 1)): //nolint:gosec // spreads load, and nothing else
		}
		retry = min(2*retry, maxRetry)
	}
}

// connection takes messages over one connection, until that or ctx ends.
func (c *Client) connection(ctx context.Context) error {
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	open, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	client := paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(&bounded{Conn: conn, max: c.opts.Packet}), PacketTimeout: c.opts.Connect,
		EnableManualAcknowledgment: true, SendAcksInterval: ackPause,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			defer telemetry.Rescue(open, c.opts.Logger, "mqtt broker", func() {
				c.opts.Metrics.message(outcomeFailure)
				lost(errFailed)
			}, slog.String(telemetry.KeySource, c.opts.Source))
			c.receive(open, r.Client, r.Packet)
			return true, nil
		}},
		OnClientError: lost,
		OnServerDisconnect: func(d *paho.Disconnect) {
			lost(fmt.Errorf("the broker ended the connection: reason %#x", d.ReasonCode))
		},
	})
	hello, err := c.hello()
	if err != nil {
		return err
	}
	welcome, err := client.Connect(ctx, hello)
	if err != nil {
		return fmt.Errorf("connecting to an MQTT broker: %w", err)
	}
	defer func() { _ = client.Disconnect(&paho.Disconnect{}) }() // the connection may be gone
	if !c.subscribed || !welcome.SessionPresent {                // what is asked for may be other than before
		if err := c.subscribe(open, client); err != nil {
			return err
		}
		c.subscribed = true
	}
	c.opts.Logger.InfoContext(ctx, "mqtt broker connected", slog.String(telemetry.KeySource, c.opts.Source))
	c.opts.Metrics.links.Inc()
	defer c.opts.Metrics.links.Dec()
	<-open.Done()
	if ctx.Err() == nil {
		return context.Cause(open) //nolint:wrapcheck // says what happened
	}
	c.working.Wait()
	<-time.After(3 * ackPause) // the last acknowledgements leave
	return nil
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Connect)
	defer cancel()
	var conn net.Conn
	var err error
	if c.opts.TLS != nil {
		conn, err = (&tls.Dialer{Config: c.opts.TLS}).DialContext(ctx, "tcp", c.opts.Address)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", c.opts.Address)
	}
	if err != nil {
		return nil, fmt.Errorf("connecting to an MQTT broker: %w", err)
	}
	return conn, nil
}

// hello is the CONNECT.
func (c *Client) hello() (*paho.Connect, error) {
	life, receive, size := uint32(session/time.Second), uint16(c.opts.Receive), uint32(c.opts.Packet) //nolint:gosec // bounded by ClientOptions
	hello := &paho.Connect{
		ClientID: c.opts.ID, KeepAlive: uint16(keepAlive / time.Second),
		Properties: &paho.ConnectProperties{
			SessionExpiryInterval: &life, ReceiveMaximum: &receive, MaximumPacketSize: &size, RequestProblemInfo: true,
		},
	}
	if c.opts.User != "" {
		hello.Username, hello.UsernameFlag = c.opts.User, true
	}
	if c.opts.Password != nil {
		password, err := c.opts.Password()
		if err != nil {
			return nil, err
		}
		hello.Password, hello.PasswordFlag = password, true
	}
	return hello, nil
}

// subscribe asks for what is to be taken. Retained messages come when a subscription
// is new.
func (c *Client) subscribe(ctx context.Context, client *paho.Client) error {
	s := &paho.Subscribe{}
	for _, t := range c.opts.Topics {
		s.Subscriptions = append(s.Subscriptions, paho.SubscribeOptions{Topic: t.filter(), QoS: 1, RetainHandling: 1})
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.Connect)
	defer cancel()
	for {
		ack, err := client.Subscribe(ctx, s)
		if err == nil {
			return nil
		}
		if ack == nil || !slices.Contains(ack.Reasons, codeInUse) {
			return fmt.Errorf("subscribing at an MQTT broker: %w", err)
		}
		// Some brokers number what they send and what they get together: once what is
		// under way is acknowledged, the number is free.
		select {
		case <-ctx.Done():
			return fmt.Errorf("subscribing at an MQTT broker: %w", err)
		case <-time.After(c.opts.Retry):
		}
	}
}

// codeInUse is the reason code for a packet identifier that is in use.
const codeInUse byte = 0x91

// errFailed says that the node failed at what came over a connection.
var errFailed = errors.New("the node failed at a message of the broker")

// receive takes a message, when there is room for one more.
func (c *Client) receive(ctx context.Context, client *paho.Client, m *paho.Publish) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return // it comes again
	}
	p := published{topic: c.topicOf(m.Topic), body: m.Payload}
	if m.Properties != nil {
		p.contentType = m.Properties.ContentType
		for _, u := range m.Properties.User {
			p.user = append(p.user, property{u.Key, u.Value})
		}
	}
	if p.contentType == "" {
		p.contentType = c.mediaTypeOf(m.Topic)
	}
	name := newName()
	if m.QoS > 0 {
		digest := sha256.Sum256(slices.Concat([]byte(m.Topic+"\x00"), m.Payload))
		name = c.recent.name("", m.PacketID, m.Duplicate(), digest)
	}
	name = slices.Concat([]byte(c.opts.Source+"\x00broker\x00"), name)
	c.working.Go(func() {
		defer func() { <-c.slots }()
		// Sent again it would fail again, and take the place of what can be taken.
		defer telemetry.Rescue(ctx, c.opts.Logger, "mqtt broker's message", func() {
			c.opts.Metrics.message(outcomeFailure)
			_ = client.Ack(m)
		}, slog.String(telemetry.KeySource, c.opts.Source))
		if c.patiently(ctx, &p, name) {
			c.recent.answered("", m.PacketID)
			_ = client.Ack(m) // of a connection that is gone it comes again
		}
	})
}

// patiently takes a message, as long as it takes, and reports whether the broker may
// forget it.
func (c *Client) patiently(ctx context.Context, p *published, name []byte) bool {
	below := context.WithoutCancel(ctx)
	for {
		v := verdict{refusal: &refusal{codeTopicName, outcomeTopic, "no device is meant"}}
		if p.topic.device != "" {
			v = c.take(below, p, func() []byte { return name })
		}
		switch {
		case v.err != nil:
			c.opts.Metrics.message(outcomeUnanswered)
		case v.refusal == nil:
			c.opts.Metrics.message(outcomeAccepted)
			return true
		case v.refusal.outcome == outcomeQuota:
			c.opts.Metrics.message(outcomeQuota)
		default:
			c.opts.Metrics.message(v.refusal.outcome)
			if c.quiet.May() > 0 {
				c.opts.Logger.WarnContext(ctx, "mqtt message of a broker refused, and acknowledged: it could never be taken",
					slog.String(telemetry.KeySource, c.opts.Source), slog.String(telemetry.KeyWarning, v.refusal.detail))
			}
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(c.opts.Retry):
		}
	}
}

func (c *Client) topicOf(name string) topic {
	for i := range c.opts.Topics {
		if device := c.opts.Topics[i].device(name); device != "" {
			return topic{c.opts.Source, device, kindReadings}
		}
	}
	return topic{}
}

func (c *Client) mediaTypeOf(name string) string {
	for i := range c.opts.Topics {
		if c.opts.Topics[i].device(name) != "" {
			return c.opts.Topics[i].MediaType
		}
	}
	return ""
}
