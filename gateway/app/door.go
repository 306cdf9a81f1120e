package app

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
	"os"

	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/source"
)

// door is a listener for devices that was put together and is not listened on.
type door struct {
	protocol string
	address  string
	tls      *tls.Config // nil: none
	plain    bool        // without TLS also where others reach it
	serve    serveFunc
}

// serveFunc serves a listener until ctx ends.
type serveFunc func(ctx context.Context, l net.Listener) error

// openDoors puts the listeners of a protocol together, behind those that are there.
func openDoors(doors []door, protocol string, listeners []config.Listener, open func([]source.Source) (serveFunc, error)) ([]door, error) {
	for i, c := range listeners {
		d := door{protocol: protocol, address: c.Listen, plain: c.Plain}
		if c.Certificate != "" {
			own, err := tls.LoadX509KeyPair(c.Certificate, c.Key.Path())
			if err != nil {
				return nil, fmt.Errorf("reading the certificate of %s[%d]: %w", protocol, i, err)
			}
			d.tls = source.TLS(own)
		}
		sources, err := readSources(c.Sources)
		if err != nil {
			return nil, fmt.Errorf("reading the sources of %s[%d]: %w", protocol, i, err)
		}
		if d.serve, err = open(sources); err != nil {
			return nil, err
		}
		doors = append(doors, d)
	}
	return doors, nil
}

func readSources(configured []config.Source) ([]source.Source, error) {
	var sources []source.Source
	for _, c := range configured {
		s := source.Source{Name: c.Name, Networks: c.Networks}
		for _, path := range c.Certificates {
			text, err := os.ReadFile(path) //nolint:gosec // the operator names it
			if err != nil {
				return nil, fmt.Errorf("source %s: %w", c.Name, err)
			}
			block, _ := pem.Decode(text)
			if block == nil || block.Type != "CERTIFICATE" {
				return nil, fmt.Errorf("source %s: %s begins with no certificate", c.Name, path)
			}
			s.Certificates = append(s.Certificates, sha256.Sum256(block.Bytes))
		}
		sources = append(sources, s)
	}
	return sources, nil
}

// listenForDevices opens the addresses for devices, all of them or none.
func listenForDevices(ctx context.Context, doors []door, listen listenFunc) (listeners []net.Listener, err error) {
	for _, d := range doors {
		var l net.Listener
		if d.plain && d.tls == nil { // the operator's decision
			l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", d.address)
		} else {
			l, err = listen(ctx, d.address, d.tls)
		}
		if err != nil {
			for _, open := range listeners {
				_ = open.Close()
			}
			return nil, fmt.Errorf("listening for %s: %w", d.protocol, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}
