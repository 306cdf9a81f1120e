package launch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// checkPorts finds out, before anything is started, whether each port that is
// about to be used is free. skip names processes that run already and hold
// theirs.
func checkPorts(ctx context.Context, n *topology.Network, skip map[string]bool) error {
	var taken []string
	var holders []process.Owner
	for _, p := range n.Processes() {
		if skip[p.Name] {
			continue
		}
		for _, port := range p.Ports {
			if freeSoon(ctx, port.Number) {
				continue
			}
			text := fmt.Sprintf("port %d (%s, %s) is taken", port.Number, p.Name, port.Use)
			if o, ok := process.FindOwner(port.Number); ok {
				text += fmt.Sprintf(" by process %d (%s)", o.PID, o.Name)
				holders = append(holders, o)
			}
			taken = append(taken, text)
		}
	}
	if len(taken) == 0 {
		return nil
	}
	if more := len(taken) - showPorts; more > 0 {
		taken = append(taken[:showPorts], fmt.Sprintf("and %d more", more))
	}
	return &process.Failure{
		What: "checking the ports", Err: errors.New(strings.Join(taken, "\n  ")),
		Do: fmt.Sprintf("%s; or give a new network other ports: secant --dir OTHER up --port %d", endThem(n, holders), suggest(n.Base)),
	}
}

// strangerWithin finds a port of the network's range that is in use, but by none
// of its processes: a sign that the ranges of two networks overlap.
func strangerWithin(n *topology.Network) (int, bool) {
	ours := map[int]bool{}
	for _, p := range n.Processes() {
		for _, port := range p.Ports {
			ours[port.Number] = true
		}
	}
	for port := n.Base; port < n.Base+topology.Span; port++ {
		if !ours[port] && !free(port) {
			return port, true
		}
	}
	return 0, false
}

// endThem says how to get rid of those that hold our ports.
func endThem(n *topology.Network, holders []process.Owner) string {
	var lost []string
	for _, o := range holders {
		switch other := networkOf(o.Dir); other {
		case "":
		case n.Dir:
			// Ours, but started by a launcher that died before it could record it.
			if pid := strconv.Itoa(o.PID); !slices.Contains(lost, pid) {
				lost = append(lost, pid)
			}
		default:
			return fmt.Sprintf("another network holds them: secant --dir %s down", other)
		}
	}
	if len(lost) > 0 {
		return "they belong to processes of this network whose records are lost: kill " + strings.Join(lost, " ")
	}
	return "end what holds them"
}

// showPorts is how many taken ports a message lists.
const showPorts = 4

// networkOf returns the state directory in which a process of ours works, empty
// for any other process.
func networkOf(dir string) string {
	for range 4 {
		if dir == "" || dir == filepath.Dir(dir) {
			return ""
		}
		if _, err := os.Stat(filepath.Join(dir, topology.FileName)); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// freeSoon gives a port whose holder nobody knows a moment: the system closes the
// sockets of a process that was just killed a little after its end.
func freeSoon(ctx context.Context, port int) bool {
	const pause = 100 * time.Millisecond
	for range 20 {
		if free(port) {
			return true
		}
		if _, known := process.FindOwner(port); known {
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
	return false
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
	if err != nil {
		return false
	}
	for _, p := range n.Processes() {
		for _, port := range p.Ports {
			if !free(port.Number) {
				return false
			}
		}
	}
	return true
}
