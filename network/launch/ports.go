package launch

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"

	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// checkPorts finds out, before anything is started, whether each port that is
// about to be used is free. skip names processes that run already and hold
// theirs.
func checkPorts(n *topology.Network, skip map[string]bool) error {
	var taken []string
	for _, p := range n.Processes() {
		if skip[p.Name] {
			continue
		}
		for _, port := range p.Ports {
			if free(port.Number) {
				continue
			}
			by := ""
			if pid, name, ok := process.Owner(port.Number); ok {
				by = fmt.Sprintf(" by process %d (%s)", pid, name)
			}
			taken = append(taken, fmt.Sprintf("port %d (%s, %s) is taken%s", port.Number, p.Name, port.Use, by))
		}
	}
	if len(taken) == 0 {
		return nil
	}
	return &process.Failure{
		What: "checking the ports", Err: errors.New(strings.Join(taken, "\n  ")),
		Do: fmt.Sprintf("end what holds them, or give a new network other ports: secant --dir OTHER up --port %d", suggest(n.Base)),
	}
}

func free(port int) bool {
	l, err := net.Listen("tcp", topology.Address(port)) //nolint:noctx // returns at once
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

// suggest returns a first port with room after it, other than base.
func suggest(base int) int {
	for b := base + topology.Span; b+topology.Span < 32000; b += topology.Span {
		if roomAt(b) {
			return b
		}
	}
	return base + topology.Span
}

// FreePort returns the first of a span of ports that are free now, chosen at
// random so that networks started together seldom meet. It stays below the
// range that systems give to outgoing connections.
func FreePort() (int, error) {
	const lowest, highest = 10000, 32000
	for range 200 {
		b := lowest + topology.Span*rand.IntN((highest-lowest)/topology.Span) //nolint:gosec // no secret
		if roomAt(b) {
			return b, nil
		}
	}
	return 0, errors.New("found no free ports between 10000 and 32000")
}

func roomAt(base int) bool {
	n, err := topology.New("", base)
	return err == nil && checkPortsQuietly(n)
}

func checkPortsQuietly(n *topology.Network) bool {
	for _, p := range n.Processes() {
		for _, port := range p.Ports {
			if !free(port.Number) {
				return false
			}
		}
	}
	return true
}
