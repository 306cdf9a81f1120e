package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Public is a listener for those outside the consortium. All of it is required
// when any of it is there.
type Public struct {
	// Listen is the host and port that is listened on, on whichever interface.
	Listen string `json:"listen"`

	Certificate string  `json:"certificate"` // PEM file, the server's first
	Key         KeyFile `json:"key"`         // PEM file

	// Host is the listener as callers name it: a host name in lower case, with
	// ":" and a port unless that is 443. No IP address: DIDs of the web have none.
	Host string `json:"host"`
}

// publicFaults lists what is wrong with the names under which hosts are known
// outside, and with the listener for those there.
func (c *Config) publicFaults() []string {
	const want = " must be a host name in lower case, with a port if need be, and no IP address"
	var faults []string
	if p := c.Public; p != (Public{}) {
		if _, _, err := net.SplitHostPort(p.Listen); err != nil {
			faults = append(faults, "public.listen must be host:port")
		} else if p.Listen == c.Listen {
			faults = append(faults, "public.listen is listen: leave public out and set tls")
		}
		if p.Certificate == "" || p.Key == "" {
			faults = append(faults, "public needs certificate and key")
		}
		if !webHost(p.Host) {
			faults = append(faults, "public.host"+want)
		}
	}
	for i, host := range c.Exchange.Resolve {
		if !webHost(host) {
			faults = append(faults, fmt.Sprintf("exchange.resolve[%d]%s", i, want))
		}
	}
	if s := c.Exchange.SightingsEvery(); s != 0 && s < time.Second {
		faults = append(faults, "exchange.sightings: must be at least a second, or 0s for never")
	}
	return append(faults, c.Exchange.Sanitise.faults()...)
}

// PublicHost is the node as those outside the consortium name it, as in
// "north.example.org" or "localhost:7051"; empty when they have no way to it. Only
// what is reached by HTTPS counts, and what has a name.
func (c *Config) PublicHost() string {
	if c.Public != (Public{}) {
		return c.Public.Host
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || !webHost(u.Host) {
		return ""
	}
	return u.Host
}

// PublicURL is the base address of the node for those outside the consortium,
// "https://HOST"; empty when they have no way to it.
func (c *Config) PublicURL() string {
	if host := c.PublicHost(); host != "" {
		return "https://" + host
	}
	return ""
}

// webName is a host name (RFC 1123, section 2.1) in lower case.
var webName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// webHost reports whether a text is a host name with or without a port, as it can
// stand in a did:web.
func webHost(s string) bool {
	name, port, hasPort := strings.Cut(s, ":")
	if hasPort {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return false
		}
	}
	// A last label that is a number makes an IPv4 address, in one spelling or another.
	_, err := strconv.ParseUint(name[strings.LastIndexByte(name, '.')+1:], 0, 64)
	return len(name) <= 253 && webName.MatchString(name) && err != nil
}
