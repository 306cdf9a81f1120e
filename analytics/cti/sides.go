package cti

import (
	"net/netip"
	"slices"
	"strings"
)

// judgement is what an alert says about the two sides, as far as it says it.
type judgement struct {
	hostile  netip.Addr // public address that attacked; invalid: none that may be named
	calls    bool       // the hostile side is the server: the connection goes out to it
	attacked Service    // what was attacked on our side; port 0: none
	remote   int        // port of the hostile server, when calls
}

// judge finds the hostile side. Suricata's "src" is the sender of the packet
// that raised the alert, which for a rule on answers is the victim. So, in this
// order: what the rule itself declares (keyword "target"); the public address,
// when the other is not; the rule's metadata; the sender.
func (a *Alert) judge(own []netip.Prefix) judgement {
	outside := func(addr netip.Addr) bool {
		return public(addr) && !slices.ContainsFunc(own, func(p netip.Prefix) bool { return p.Contains(addr) })
	}
	server := a.server()
	var j judgement
	enemy := a.enemy(server, outside)
	if a.harmless() {
		return j
	}
	if enemy.IsValid() && outside(enemy) {
		j.hostile = enemy
	}
	if !server.addr.IsValid() || server.port == 0 {
		return j
	}
	// The server side is what was attacked when it is ours, or when it is not
	// the attacker: a port of an outside server is no service of anyone here.
	other := a.source.addr
	if server.addr == other {
		other = a.destination.addr
	}
	foreign := outside(server.addr) && !outside(other)
	switch {
	case server.addr == enemy:
		j.calls, j.remote = true, server.port
	case !foreign && slices.Contains([]string{"tcp", "udp", "sctp"}, a.Protocol):
		j.attacked = Service{a.Protocol, server.port}
	}
	return j
}

// enemy returns the attacking side's address; invalid when nothing tells.
func (a *Alert) enemy(server endpoint, outside func(netip.Addr) bool) netip.Addr {
	src, dst := a.source.addr, a.destination.addr
	for _, side := range []netip.Addr{src, dst} {
		if a.attacker.IsValid() && side == a.attacker {
			return side
		}
	}
	switch {
	case outside(src) && !outside(dst):
		return src
	case outside(dst) && !outside(src):
		return dst
	case !outside(src): // both inside: naming one would be a guess
		return netip.Addr{}
	case server.addr.IsValid() && a.atServer != a.atClient:
		client := src
		if server.addr == src {
			client = dst
		}
		if a.atServer {
			return client
		}
		return server.addr
	}
	return src
}

// server finds which side was connected to: what the event says, else the lower
// port, because clients take theirs from the high end (RFC 6335, section 6).
func (a *Alert) server() endpoint {
	switch {
	case a.client.IsValid() && a.client == a.source.addr:
		return a.destination
	case a.client.IsValid() && a.client == a.destination.addr:
		return a.source
	case a.source.port == 0 && a.destination.port == 0:
		return endpoint{}
	case a.source.port != 0 && a.source.port < a.destination.port:
		return a.source
	}
	return a.destination
}

// harmlessClasses are the classifications of Suricata's default
// classification.config that call nobody hostile.
var harmlessClasses = []string{
	"not suspicious traffic", "potential corporate privacy violation", "unknown traffic",
	"generic protocol command decode", "generic icmp event",
}

// harmless tells whether the classification says that nobody attacked, so that
// no address is to be called hostile and no service attacked.
func (a *Alert) harmless() bool {
	return slices.Contains(harmlessClasses, strings.ToLower(a.Category))
}
