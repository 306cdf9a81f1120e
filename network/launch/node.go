package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/network/disk"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// TokenRoles are the roles for each of which a token is kept beside a node.
var TokenRoles = []string{"registrar", "certifier", "integrator", "analyst", "risk-manager", "auditor", "operator"}

// tokenLife is how long a token is valid, and tokenRenew from which age on `up`
// makes a new one.
const (
	tokenLife  = 30 * 24 * time.Hour
	tokenRenew = tokenLife / 2
)

// nodes starts a node for each organisation, waits until each is ready, and
// makes the tokens with which to call it.
func (l *launcher) nodes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, nodeTime)
	defer cancel()
	if err := l.configureNodes(); err != nil {
		return err
	}
	done := l.progress.step(fmt.Sprintf("starting %d nodes", len(l.net.Organisations)))
	err := l.startAll(ctx, topology.KindNode, func(p topology.Process) (probe, error) {
		o, _ := l.net.Organisation(p.Organisation)
		return func(ctx context.Context) error { return ready(ctx, o.Node) }, nil
	})
	done(err)
	if err != nil {
		return err
	}
	return l.tokens(ctx)
}

// configureNodes writes what the nodes read: the members' TLS roots, and the
// configuration of each.
func (l *launcher) configureNodes() error {
	if err := material.WriteRoots(l.net); err != nil {
		return err
	}
	for _, o := range l.net.Organisations {
		if err := l.configureNode(o); err != nil {
			return fmt.Errorf("configuring %s: %w", o.Node.Name, err)
		}
	}
	return nil
}

// configureNode writes a node's configuration: its own peers first, since it
// reads blocks from them only.
func (l *launcher) configureNode(o topology.Organisation) error {
	c := config.Default()
	c.Development = true
	c.Network, c.Organisation, c.DisplayName, c.Kind = l.net.Name, o.ID, o.Title, o.Kind
	c.Listen, c.Endpoint = topology.Address(o.Node.Port), o.Node.URL()
	c.Data = filepath.Join(l.net.NodeDir(o.ID), "data")
	c.Trust = l.net.TrustFile()
	c.Ledger.Channel, c.Ledger.Chaincode = l.net.Channel, l.net.Chaincode
	c.Ledger.Peers = append(l.peersOf(o), c.Ledger.Peers...)
	for _, other := range l.net.Organisations {
		if other.ID != o.ID {
			c.Ledger.Peers = append(c.Ledger.Peers, l.peersOf(other)...)
		}
	}
	c.Exchange.Roots = l.net.RootsFile()
	for _, other := range l.net.Organisations {
		// The ledger has only the addresses for nodes, which are loopback's here.
		if host := other.Node.PublicHost(); host != "" && other.ID != o.ID {
			c.Exchange.Resolve = append(c.Exchange.Resolve, host)
		}
	}
	if host := o.Node.PublicHost(); host != "" {
		c.Public = config.Public{
			Listen: topology.Address(o.Node.Public), Host: host,
			Certificate: filepath.Join(l.net.NodeIdentity(o.ID), material.CertFile),
			Key:         config.KeyFile(filepath.Join(l.net.NodeIdentity(o.ID), material.KeyFile)),
		}
	}
	c.MLLP, c.MQTT, c.CoAP = bedside(o.Node.Monitors), bedside(o.Node.Devices), bedside(o.Node.Devices)
	c.Ledger.Identities = map[string]config.Identity{}
	for _, role := range ledger.Roles {
		dir := l.net.ClientDir(o.ID, string(role))
		c.Ledger.Identities[string(role)] = config.Identity{
			Certificate: filepath.Join(dir, material.CertFile),
			Key:         config.KeyFile(filepath.Join(dir, material.KeyFile)),
		}
	}
	b, err := c.Encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	return disk.WriteFile(l.net.NodeConfig(o.ID), b, 0o600)
}

// bedside is a listener for whatever on this machine sends; zero: there is none.
func bedside(port int) []config.Listener {
	if port == 0 {
		return nil
	}
	return []config.Listener{{
		Listen:  topology.Address(port),
		Sources: []config.Source{{Name: topology.Bedside, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Missing: []float64{-100, -999}}},
	}}
}

func (l *launcher) peersOf(o topology.Organisation) []config.Peer {
	var out []config.Peer
	for _, p := range o.Peers {
		out = append(out, config.Peer{
			Name: p.Name, Organisation: o.ID,
			Address: topology.Address(p.Port), TLSRoot: l.net.TLSRoot(o.ID),
		})
	}
	return out
}

var nodeClient = &http.Client{
	Timeout:   10 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true},
}

// ready asks a node whether it is ready, and returns what it lacks.
func ready(ctx context.Context, n topology.Node) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL()+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("asking a node: %w", err)
	}
	res, err := nodeClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking a node: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err != nil {
		return fmt.Errorf("reading a node's answer: %w", err)
	}
	if lacks := failing(b); lacks != "" {
		return errors.New(lacks)
	}
	return fmt.Errorf("it answers %d: %s", res.StatusCode, strings.Join(strings.Fields(string(b)), " "))
}

// failing lists the parts that an answer of /readyz calls broken, as "ledger:
// reason"; empty when it is no such answer.
func failing(answer []byte) string {
	var r struct {
		Parts []struct {
			Name   string `json:"name"`
			OK     bool   `json:"ok"`
			Reason string `json:"reason"`
		} `json:"parts"`
	}
	if json.Unmarshal(answer, &r) != nil {
		return ""
	}
	var out []string
	for _, p := range r.Parts {
		if !p.OK {
			out = append(out, p.Name+": "+p.Reason)
		}
	}
	return strings.Join(out, "; ")
}

// tokens makes the tokens that are missing, old, or signed by a key that the
// node no longer has.
func (l *launcher) tokens(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	var done func(error)
	for _, o := range l.net.Organisations {
		for _, role := range TokenRoles {
			file := l.net.TokenFile(o.ID, role)
			if l.fresh(o, file) {
				continue
			}
			if done == nil {
				done = l.progress.step("making tokens")
			}
			g.Go(func() error { return l.token(gctx, o, role, file) })
		}
	}
	err := g.Wait()
	if done != nil {
		done(err)
	}
	return err
}

func (l *launcher) fresh(o topology.Organisation, file string) bool {
	t, err := os.Stat(file)
	if err != nil || time.Since(t.ModTime()) > tokenRenew {
		return false
	}
	k, err := os.Stat(filepath.Join(l.net.NodeDir(o.ID), "data", "keys", "token.pem"))
	// Without a key file the keys are kept elsewhere: the token's age decides.
	return errors.Is(err, fs.ErrNotExist) || err == nil && !k.ModTime().After(t.ModTime())
}

func (l *launcher) token(ctx context.Context, o topology.Organisation, role, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("making the token folder: %w", err)
	}
	args := []string{
		"token", "--config", l.net.NodeConfig(o.ID), "--role", role,
		"--lifetime", tokenLife.String(), "--out", file,
	}
	out, err := exec.CommandContext(ctx, l.programs.Secant, args...).CombinedOutput() //nolint:gosec // a program that we built
	if err != nil {
		return &process.Failure{
			What: "making the token of " + o.ID + " for the role " + role, Command: append([]string{l.programs.Secant}, args...),
			Tail: process.LastLines(out, 8), Err: err,
		}
	}
	return nil
}
