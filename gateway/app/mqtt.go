package app

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/mqtt"
	"github.com/secant-platform/secant/gateway/source"
	"github.com/secant-platform/secant/gateway/store"
)

// openMQTT puts the brokers that devices connect to together, and the clients of
// the hospital's own.
func (n *node) openMQTT() error {
	if len(n.cfg.MQTT)+len(n.cfg.Brokers) == 0 {
		return nil
	}
	metrics, err := mqtt.NewMetrics(n.reg)
	if err != nil {
		return err
	}
	for i := range n.cfg.Brokers {
		c, err := n.openBroker(&n.cfg.Brokers[i], metrics)
		if err != nil {
			return fmt.Errorf("opening brokers[%d]: %w", i, err)
		}
		n.brokers = append(n.brokers, c)
	}
	n.doors, err = openDoors(n.doors, "mqtt", n.cfg.MQTT, func(sources []source.Source) (serveFunc, error) {
		b, err := mqtt.NewBroker(publications{n.readings}, signers{named{n.store, n.devices}}, states{n.store, n.readings}, mqtt.Options{
			Sources: sources, Metrics: metrics, Logger: n.logger,
		})
		if err != nil {
			return nil, err
		}
		n.readings.forget = append(n.readings.forget, b.Forget)
		return b.Serve, nil
	})
	return err
}

// openBroker puts the client of a hospital's broker together.
func (n *node) openBroker(c *config.Broker, metrics *mqtt.Metrics) (*mqtt.Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("the URL is none") // which the configuration's check has found
	}
	opts := mqtt.ClientOptions{
		Source: c.Source, Address: u.Host, ID: c.Client, User: c.User, Metrics: metrics, Logger: n.logger,
	}
	if opts.ID == "" {
		opts.ID = "secant-" + n.cfg.Organisation
	}
	if c.Password != "" {
		opts.Password = func() ([]byte, error) {
			b, err := os.ReadFile(c.Password.Path())
			if err != nil {
				return nil, fmt.Errorf("reading a broker's password: %w", err)
			}
			return bytes.TrimRight(b, "\r\n"), nil
		}
	}
	for _, t := range c.Topics {
		opts.Topics = append(opts.Topics, mqtt.Subscription{Topic: t.Topic, Device: t.Device, MediaType: t.MediaType})
	}
	if u.Scheme == "mqtts" {
		if opts.TLS, err = brokerTLS(c); err != nil {
			return nil, err
		}
	}
	return mqtt.NewClient(publications{n.readings}, signers{named{n.store, n.devices}}, opts)
}

func brokerTLS(c *config.Broker) (*tls.Config, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.Roots != "" {
		text, err := os.ReadFile(c.Roots)
		if err != nil {
			return nil, fmt.Errorf("reading a broker's roots: %w", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(text) {
			return nil, errors.New("reading a broker's roots: the file holds no certificate")
		}
	}
	if c.Certificate != "" {
		own, err := tls.LoadX509KeyPair(c.Certificate, c.Key.Path())
		if err != nil {
			return nil, fmt.Errorf("reading the certificate for a broker: %w", err)
		}
		secure.Certificates = []tls.Certificate{own}
	}
	return secure, nil
}

// publications is the pipeline as MQTT sees it.
type publications struct{ readings *readings }

// Submit makes a message durable, for which its device vouches or the node does.
func (r publications) Submit(ctx context.Context, m mqtt.Message) (id proof.RequestID, err error) {
	p, err := r.readings.open()
	if err != nil {
		return id, err
	}
	receipt, err := p.Submit(ctx, ingest.Request{
		Organisation: r.readings.organisation, Unit: m.Unit, Key: m.Key, Seed: m.Seed, Signature: m.Signature, Sequence: m.Sequence, Once: m.Once,
		Subject: m.Subject, MediaType: m.MediaType, Encoding: m.Encoding, Body: bytes.NewReader(m.Body),
	})
	if err != nil {
		return id, err
	}
	r.readings.saw(m.Unit.String(), m.Key != nil, receipt.Received)
	return receipt.ID, nil
}

// signers finds devices by what their sources call them, with their keys.
type signers struct{ named }

// Find finds a device that may hand in readings here.
func (d signers) Find(ctx context.Context, source, name string, signed bool) (unit proof.Hash, key ed25519.PublicKey, err error) {
	if unit, err = d.unit(ctx, source, name); err != nil {
		return unit, nil, err
	}
	key, err = d.devices.Admit(ctx, unit, signed)
	return unit, key, err
}

// states are the retained states of devices: which they are stands in the store,
// and what they say in the vault.
type states struct {
	store    *store.Store
	readings *readings
}

// Put makes a message a device's state.
func (s states) Put(ctx context.Context, source, device string, receipt *proof.RequestID) error {
	d := store.DeviceState{Source: source, Device: device}
	if receipt != nil {
		d.Receipt = receipt.String()
	}
	return s.store.PutDeviceState(ctx, d)
}

// List lists the states of a source's devices.
func (s states) List(ctx context.Context, source string) ([]mqtt.State, error) {
	p, err := s.readings.open()
	if err != nil {
		return nil, err
	}
	kept, err := s.store.DeviceStates(ctx, source)
	if err != nil {
		return nil, err
	}
	list := make([]mqtt.State, 0, len(kept))
	for _, k := range kept {
		state := mqtt.State{Source: k.Source, Device: k.Device}
		if err := state.Receipt.UnmarshalText([]byte(k.Receipt)); err != nil {
			return nil, fmt.Errorf("reading a receipt's id: %w", err)
		}
		state.Body, state.MediaType, err = p.Record(ctx, state.Receipt, 0)
		switch code := ledger.CodeOf(err); code {
		case "":
			list = append(list, state)
		case ledger.CodeGone, ledger.CodeNotFound: // erased
		default:
			return nil, err
		}
	}
	return list, nil
}
