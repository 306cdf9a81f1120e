package config

import (
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Listener is a listener for messages of monitors, pumps and their gateways.
type Listener struct {
	// Listen is the host and port. Required.
	Listen string `json:"listen"`

	// Certificate and Key are PEM files; with them the listener speaks TLS (1.2 or
	// later), and every sender shows a certificate.
	Certificate string  `json:"certificate,omitempty"`
	Key         KeyFile `json:"key,omitempty"`

	// Plain allows a listener without TLS that is reachable from outside, for
	// devices that speak no other: everybody on the way can read and change what
	// they send. Keep them on a network of their own. Default: false.
	Plain bool `json:"plain,omitempty"`

	// Sources are those who may send. Required.
	Sources []Source `json:"sources"`
}

// Source is a monitor, or a gateway that speaks for several devices. At least one
// of Certificates and Networks is required, and what is there must fit.
type Source struct {
	// Name is the source, in the inventory of the devices that it speaks for.
	Name string `json:"name"`

	// Certificates are PEM files of the certificates that it may show, each the
	// first in its file: the old one and the new one while it is renewed.
	Certificates []string `json:"certificates,omitempty"`

	// Networks are those that it sends from, as in "10.20.3.0/24".
	Networks []netip.Prefix `json:"networks,omitempty"`

	// Missing are numbers with which it says that it has no reading, as many
	// monitors send -100 or -999: none of them is shown as a value.
	Missing []float64 `json:"missing,omitempty"`

	// TimeZone is that of its times without an offset, as in "Europe/Vienna".
	// Default: UTC.
	TimeZone string `json:"timeZone,omitempty"`
}

// listenerFaults lists what is wrong with the listeners for messages of a protocol.
func listenerFaults(protocol string, listeners []Listener) []string {
	var faults []string
	for i, m := range listeners {
		fail := func(format string, args ...any) {
			faults = append(faults, fmt.Sprintf("%s[%d]", protocol, i)+fmt.Sprintf(format, args...))
		}
		secure := m.Certificate != "" && m.Key != ""
		if !secure && (m.Certificate != "" || m.Key != "") {
			fail(" needs certificate and key, or neither")
		}
		if host, _, err := net.SplitHostPort(m.Listen); err != nil {
			fail(".listen must be host:port")
		} else if !secure && !m.Plain && !loopback(host) {
			fail(" is reachable from outside: that needs certificate and key, or plain")
		}
		if len(m.Sources) == 0 {
			fail(".sources must hold at least one")
		}
		for j, s := range m.Sources {
			switch {
			case s.Name == "":
				fail(".sources[%d] needs a name", j)
			case len(s.Certificates) == 0 && len(s.Networks) == 0:
				fail(".sources[%d] needs certificates or networks", j)
			case len(s.Certificates) > 0 && !secure:
				fail(".sources[%d].certificates are shown only where there is TLS", j)
			}
			if _, err := time.LoadLocation(s.TimeZone); err != nil {
				fail(".sources[%d].timeZone must be a name of the time zone database, as Europe/Vienna", j)
			}
		}
	}
	return faults
}

func (l *Listener) resolve(dir string) {
	abs(dir, &l.Certificate)
	abs(dir, (*string)(&l.Key))
	for i := range l.Sources {
		for k := range l.Sources[i].Certificates {
			abs(dir, &l.Sources[i].Certificates[k])
		}
	}
}
