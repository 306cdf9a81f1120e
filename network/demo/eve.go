package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// alert is one Suricata EVE alert as it was found.
type alert struct {
	path     string
	event    json.RawMessage
	attacked service  // on the inner side; port 0: the event does not plainly tell
	inside   []string // addresses that must not be told
}

// takeAlerts takes the alerts of an EVE file: an array, or one event a line.
func (f *found) takeAlerts(path string, b []byte) error {
	b = bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	cut := len(b) >= maxFile // only its beginning was read
	d := json.NewDecoder(bytes.NewReader(b))
	if b[0] == '[' {
		if _, err := d.Token(); err != nil {
			return errors.New("it is not EVE JSON that can be read")
		}
	}
	taken := 0
	for d.More() && len(f.alerts) < maxAlerts {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			if cut && taken > 0 {
				return nil
			}
			return errors.New("it is not EVE JSON that can be read to its end")
		}
		if a, ok := readAlert(path, raw); ok {
			f.alerts = append(f.alerts, a)
			taken++
		}
	}
	return nil
}

// readAlert takes what the demo has to know of an alert. Which of the two sides
// was attacked it only believes where nobody could see it otherwise: a public
// address calls a lower port of an inner one, and no field speaks against it.
func readAlert(path string, raw json.RawMessage) (alert, bool) {
	var e struct {
		Type      string `json:"event_type"`
		From      string `json:"src_ip"`
		FromPort  int    `json:"src_port"`
		To        string `json:"dest_ip"`
		ToPort    int    `json:"dest_port"`
		Protocol  string `json:"proto"`
		Direction string `json:"direction"`
		Flow      struct {
			From string `json:"src_ip"`
		} `json:"flow"`
		Alert struct {
			Signature string          `json:"signature"`
			Category  string          `json:"category"`
			Source    json.RawMessage `json:"source"`
		} `json:"alert"`
	}
	if json.Unmarshal(raw, &e) != nil || e.Type != "alert" || e.Alert.Signature == "" {
		return alert{}, false
	}
	a := alert{path: path, event: raw}
	from, err1 := netip.ParseAddr(e.From)
	to, err2 := netip.ParseAddr(e.To)
	plain := err1 == nil && err2 == nil && !inner(from) && inner(to) && e.ToPort > 0 && e.ToPort < e.FromPort &&
		e.Alert.Source == nil && (e.Direction == "" || e.Direction == "to_server") && (e.Flow.From == "" || e.Flow.From == e.From) &&
		slices.Contains([]string{"tcp", "udp"}, strings.ToLower(e.Protocol)) && !slices.Contains(harmless, strings.ToLower(e.Alert.Category))
	if plain {
		a.attacked = service{strings.ToLower(e.Protocol), e.ToPort}
	}
	for _, addr := range []netip.Addr{from, to} {
		if addr.IsValid() && inner(addr) {
			a.inside = append(a.inside, addr.String())
		}
	}
	return a, true
}

// harmless are classes of rules that call nobody an attacker.
var harmless = []string{
	"not suspicious traffic", "potential corporate privacy violation", "unknown traffic",
	"generic protocol command decode", "generic icmp event",
}

// inner tells whether an address belongs to a network behind a border.
func inner(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() ||
		netip.MustParsePrefix("100.64.0.0/10").Contains(a) || a.Is4() && a.As4()[0] >= 240
}

// fitting lists the alerts about a service that a unit offers.
func fitting(alerts []alert, offered []service) []alert {
	var fit []alert
	for _, a := range alerts {
		if a.attacked.Port != 0 && slices.Contains(offered, a.attacked) {
			fit = append(fit, a)
		}
	}
	return fit
}

// ownAlert is the sample with the time of this run, so that it is a new alert.
func ownAlert(now time.Time) alert {
	event := bytes.Replace(bytes.TrimSpace(sampleAlert), []byte("2026-01-12T03:41:07.120000+0000"),
		[]byte(now.UTC().Format("2006-01-02T15:04:05.000000+0000")), 1)
	a, _ := readAlert("the project's own sample", event)
	return a
}
