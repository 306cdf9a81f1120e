// Package config renders the configuration of every process from the topology.
// The templates hold each setting that differs from Fabric's default, with the
// reason beside it; what an operator edits by hand is overwritten.
package config

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"path/filepath"
	"text/template"

	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

//go:embed template
var sources embed.FS

// Profile is the name of the channel's profile in configtx.yaml.
const Profile = "Secant"

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"q":    quote,
	"addr": func(port int) (string, error) { return quote(topology.Address(port)) },
}).ParseFS(sources, "template/*.yaml"))

// quote makes a YAML scalar of any string: JSON strings are YAML strings, so
// that a path with a quote or a colon in it stays one path.
func quote(s string) (string, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("quoting a value: %w", err)
	}
	return string(b), nil
}

func render(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		return nil, fmt.Errorf("rendering %s: %w", name, err)
	}
	return b.Bytes(), nil
}

// identity is where a server's certificates are.
type identity struct{ MSP, TLSCert, TLSKey, TLSRoot string }

func identityIn(dir string) identity {
	tls := filepath.Join(dir, "tls")
	return identity{
		MSP:     filepath.Join(dir, "msp"),
		TLSCert: filepath.Join(tls, material.CertFile),
		TLSKey:  filepath.Join(tls, material.KeyFile),
		TLSRoot: filepath.Join(tls, material.TLSRootFile),
	}
}

// Peer renders a peer's core.yaml.
func Peer(n *topology.Network, o topology.Organisation, p topology.Peer) ([]byte, error) {
	dir := n.PeerDir(p.Name)
	// A peer finds its own organisation through another peer of it, if there is one.
	bootstrap := p.Port
	for _, other := range o.Peers {
		if other.Name != p.Name {
			bootstrap = other.Port
			break
		}
	}
	return render("core.yaml", struct {
		identity

		Network                  *topology.Network
		Organisation             topology.Organisation
		Peer                     topology.Peer
		Data, Snapshots, Builder string
		Bootstrap                int
	}{
		identityIn(n.PeerIdentity(o.ID, p)), n, o, p,
		PeerData(dir), filepath.Join(dir, "snapshots"), n.BuilderDir(), bootstrap,
	})
}

// PeerData is where below its folder a peer keeps its ledger.
func PeerData(dir string) string { return filepath.Join(dir, "data") }

// OrdererData is where below its folder an orderer keeps its blocks.
func OrdererData(dir string) string { return filepath.Join(dir, "data") }

// OrdererWAL is where below its folder an orderer keeps what it is deciding.
func OrdererWAL(dir string) string { return filepath.Join(dir, "wal") }

// Orderer renders an organisation's orderer.yaml.
func Orderer(n *topology.Network, o topology.Organisation) ([]byte, error) {
	dir := n.OrdererDir(o.Orderer.Name)
	return render("orderer.yaml", struct {
		identity

		Host         string
		Organisation topology.Organisation
		Orderer      *topology.Orderer
		Data, WAL    string
	}{
		identityIn(n.OrdererIdentity(o.ID)), topology.Host, o, o.Orderer,
		OrdererData(dir), OrdererWAL(dir),
	})
}

// Channel renders configtx.yaml, from which the genesis block is made.
func Channel(n *topology.Network) ([]byte, error) {
	type member struct {
		topology.Organisation

		MSP, Identity, TLSCert string
	}
	data := struct {
		Profile, Host       string
		Members, Consenters []member
		Tuning              topology.Tuning
	}{Profile: Profile, Host: topology.Host}
	if n.Tuning != nil {
		data.Tuning = *n.Tuning
	}
	for _, o := range n.Organisations {
		m := member{Organisation: o, MSP: n.MSPDir(o.ID)}
		data.Members = append(data.Members, m)
		if o.Orderer == nil {
			continue
		}
		dir := n.OrdererIdentity(o.ID)
		m.Identity = filepath.Join(dir, "msp", "signcerts", material.CertFile)
		m.TLSCert = filepath.Join(dir, "tls", material.CertFile)
		data.Consenters = append(data.Consenters, m)
	}
	return render("configtx.yaml", data)
}
