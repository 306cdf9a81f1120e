package mud

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
)

// matches is what an entry looks for (RFC 8519, section 4.1; RFC 8520, section 8).
type matches struct {
	MUD *struct {
		Manufacturer     *string         `json:"manufacturer"`
		SameManufacturer json.RawMessage `json:"same-manufacturer"`
		Model            *string         `json:"model"`
		LocalNetworks    json.RawMessage `json:"local-networks"`
		Controller       *string         `json:"controller"`
		MyController     json.RawMessage `json:"my-controller"`
	} `json:"ietf-mud:mud"`
	IPv4 *network   `json:"ipv4"`
	IPv6 *network   `json:"ipv6"`
	TCP  *transport `json:"tcp"`
	UDP  *transport `json:"udp"`
	ICMP *struct {
		Type *int `json:"type"`
		Code *int `json:"code"`
	} `json:"icmp"`
	Ethernet *struct {
		Destination string `json:"destination-mac-address"`
		Source      string `json:"source-mac-address"`
		Type        string `json:"ethertype"`
	} `json:"eth"`
}

type network struct {
	Protocol   *int   `json:"protocol"`
	DSCP       *int   `json:"dscp"`
	DestName   string `json:"ietf-acldns:dst-dnsname"`
	SourceName string `json:"ietf-acldns:src-dnsname"`
	Dest4      string `json:"destination-ipv4-network"`
	Source4    string `json:"source-ipv4-network"`
	Dest6      string `json:"destination-ipv6-network"`
	Source6    string `json:"source-ipv6-network"`
}

type transport struct {
	Initiated string `json:"ietf-mud:direction-initiated"`
	Dest      *port  `json:"destination-port"`
	Source    *port  `json:"source-port"`
}

type port struct {
	Operator string `json:"operator"`
	Port     int    `json:"port"`
	Lower    int    `json:"lower-port"`
	Upper    int    `json:"upper-port"`
}

// operators are those of ports, in words.
var operators = map[string]string{"": "port", "eq": "port", "lte": "ports up to", "gte": "ports from", "neq": "any port but"}

func (m *matches) valid() error {
	for _, n := range []*network{m.IPv4, m.IPv6} {
		if n == nil {
			continue
		}
		for _, prefix := range []string{n.Dest4, n.Source4, n.Dest6, n.Source6} {
			if _, err := netip.ParsePrefix(prefix); prefix != "" && err != nil {
				return invalid("a network must be an address with the length of its prefix")
			}
		}
		for _, name := range []string{n.DestName, n.SourceName} {
			if len(name) > 253 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == '<' }) {
				return invalid("a name of a host must be one")
			}
		}
		if n.Protocol != nil && (*n.Protocol < 0 || *n.Protocol > 255) || n.DSCP != nil && (*n.DSCP < 0 || *n.DSCP > 63) {
			return invalid("a protocol must be 0 to 255, and a class of traffic 0 to 63")
		}
	}
	for _, t := range []*transport{m.TCP, m.UDP} {
		if t == nil {
			continue
		}
		if t.Initiated != "" && t.Initiated != "from-device" && t.Initiated != "to-device" {
			return invalid("direction-initiated must be from-device or to-device")
		}
		for _, p := range []*port{t.Dest, t.Source} {
			if p == nil {
				continue
			}
			_, known := operators[p.Operator]
			single := p.Port > 0 && p.Port <= 65535 && p.Lower == 0 && p.Upper == 0
			span := p.Port == 0 && p.Operator == "" && p.Lower > 0 && p.Lower <= p.Upper && p.Upper <= 65535
			if !known || !single && !span {
				return invalid("a port must be one of 1 to 65535 with an operator, or have a lower and an upper end")
			}
		}
	}
	return nil
}

// peer says with whom the device talks.
func (m *matches) peer(from bool) string {
	if a := m.MUD; a != nil {
		switch {
		case a.Controller != nil:
			return "its controller of the class " + *a.Controller
		case a.MyController != nil:
			return "its own controller"
		case a.LocalNetworks != nil:
			return "any device of the local networks"
		case a.SameManufacturer != nil:
			return "devices of the same maker"
		case a.Manufacturer != nil:
			return "devices of the maker " + *a.Manufacturer
		case a.Model != nil:
			return "devices of the model " + *a.Model
		}
	}
	for _, n := range []*network{m.IPv4, m.IPv6} {
		if n == nil {
			continue
		}
		ends := []string{n.DestName, n.Dest4, n.Dest6}
		if !from {
			ends = []string{n.SourceName, n.Source4, n.Source6}
		}
		for _, end := range ends {
			if end != "" {
				return end
			}
		}
	}
	return "anybody"
}

// traffic says how it talks, beginning with a space, or nothing.
func (m *matches) traffic() string {
	for _, t := range []struct {
		name string
		t    *transport
	}{{"TCP", m.TCP}, {"UDP", m.UDP}} {
		if t.t == nil {
			continue
		}
		text := " over " + t.name
		if t.t.Dest != nil {
			text += ", to " + t.t.Dest.words()
		}
		if t.t.Source != nil {
			text += ", from " + t.t.Source.words()
		}
		switch t.t.Initiated {
		case "from-device":
			text += ", in connections that the device begins"
		case "to-device":
			text += ", in connections that the other begins"
		}
		return text
	}
	if m.ICMP != nil {
		return " by ICMP"
	}
	for _, n := range []*network{m.IPv4, m.IPv6} {
		if n != nil && n.Protocol != nil {
			return fmt.Sprintf(" by IP protocol %d", *n.Protocol)
		}
	}
	return ""
}

func (p *port) words() string {
	if p.Lower > 0 {
		return fmt.Sprintf("ports %d to %d", p.Lower, p.Upper)
	}
	return fmt.Sprintf("%s %d", operators[p.Operator], p.Port)
}
