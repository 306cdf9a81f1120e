package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Edge is the configuration of an edge box: `secant node --edge`.
type Edge struct {
	// Node is the URL of the organisation's node. Required; https unless it is on
	// this machine.
	Node string `json:"node"`

	// Roots is a PEM file with the roots of the node's certificate. Default: the
	// system's.
	Roots string `json:"roots,omitempty"`

	// Unit is the box's own id on the ledger, 64 hexadecimal digits. Empty: the box
	// only shows the public key to register it with.
	Unit string `json:"unit,omitempty"`

	// Key is a PEM file with the box's Ed25519 key, made on first use. Default:
	// edge.pem.
	Key KeyFile `json:"key"`

	// Data is the folder for what waits. Default: edge.
	Data string `json:"data"`

	// Limit bounds what waits, in bytes. Default 1 GiB.
	Limit int64 `json:"limit"`

	// MLLP are the listeners for HL7 v2 messages, MQTT those for devices that publish by
	// MQTT, as of a node. One is required.
	MLLP []Listener `json:"mllp"`
	MQTT []Listener `json:"mqtt"`

	// Devices are those that the box speaks for. Each has in its inventory at the
	// node a name whose source is the box's unit.
	Devices []EdgeDevice `json:"devices"`
}

// EdgeDevice is a device for which an edge box speaks.
type EdgeDevice struct {
	Source string `json:"source"` // of the listener, which calls it
	Name   string `json:"name"`   // so, in MSH-3 or OBX-18, or in its topics
	Unit   string `json:"unit"`   // its id on the ledger
}

// ReadEdge reads an edge box's configuration, makes paths absolute and checks the
// whole.
func ReadEdge(path string) (*Edge, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	c := &Edge{Key: "edge.pem", Data: "edge", Limit: 1 << 30}
	if err := decode(b, c); err != nil {
		return nil, fmt.Errorf("reading the configuration %s: %w", path, err)
	}
	if faults := c.faults(); len(faults) > 0 {
		return nil, fmt.Errorf("reading the configuration %s: %s", path, strings.Join(faults, "; "))
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("resolving the configuration's folder: %w", err)
	}
	abs(dir, &c.Roots)
	abs(dir, &c.Data)
	abs(dir, (*string)(&c.Key))
	for i := range c.MLLP {
		c.MLLP[i].resolve(dir)
	}
	for i := range c.MQTT {
		c.MQTT[i].resolve(dir)
	}
	return c, nil
}

func (c *Edge) faults() []string {
	faults := append(listenerFaults("mllp", c.MLLP), publisherFaults(c.MQTT)...)
	if err := c.reach(); err != nil {
		faults = append(faults, err.Error())
	}
	if len(c.MLLP)+len(c.MQTT) == 0 {
		faults = append(faults, "mllp or mqtt must hold at least one listener")
	}
	if c.Limit < 1 {
		faults = append(faults, "limit must be positive")
	}
	for i, d := range c.Devices {
		if d.Source == "" || d.Name == "" || d.Unit == "" {
			faults = append(faults, fmt.Sprintf("devices[%d] needs source, name and unit", i))
		}
	}
	return faults
}

func (c *Edge) reach() error {
	u, err := url.Parse(c.Node)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("node must be the URL of a node")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return errors.New("node must be https: it is reached over a network")
	}
	return nil
}
