package export

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/cti"
)

// The numbers of our rules lie where no published rule set has any; which one a rule has
// derives from what it looks for, so that it keeps it from export to export.
const (
	firstSID = 1_000_000_000
	countSID = 1_000_000_000

	// maxContent is the longest text that one keyword compares (Suricata's limit).
	maxContent = 255
)

// writeSuricata writes rules that Suricata 6 and later load. A rule matches the value and
// nothing around it: names whole, not their subdomains. The addresses of TLS pages are
// left out, because only their host could be seen.
func writeSuricata(s Set, about About) (Output, error) {
	w := suricata{used: map[uint32]bool{}, said: map[string]bool{}}
	for _, i := range s.Indicators {
		said := false
		for _, c := range i.Any {
			said = w.alternative(i, c) || said
		}
		if !said {
			w.left++
		}
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "# %d rules from %d indicators; %d indicators cannot be said as rules.\n", w.rules, len(s.Indicators), w.left)
	if !about.Time.IsZero() {
		fmt.Fprintf(&head, "# Written %s.\n", about.Time.UTC().Format("2006-01-02T15:04:05Z"))
	}
	return Output{Body: append(head.Bytes(), w.out.Bytes()...), Left: w.left}, nil
}

type suricata struct {
	out   bytes.Buffer
	used  map[uint32]bool
	said  map[string]bool // what two indicators look for is one rule
	rules int
	left  int
}

// rule writes one. Header and options are made of constants, numbers, addresses in their
// canonical form and escaped contents: no text of an indicator stands in them as it is.
func (w *suricata) rule(i Indicator, what, header string, options ...string) {
	options = append([]string{fmt.Sprintf(`msg:"SECANT indicator, %s"`, what)}, options...)
	text := header + " (" + strings.Join(options, "; ") + "; "
	if w.said[text] {
		return
	}
	w.said[text] = true
	sum := sha256.Sum256([]byte(text))
	sid := firstSID + binary.BigEndian.Uint32(sum[:])%countSID
	for w.used[sid] {
		sid = firstSID + (sid-firstSID+1)%countSID
	}
	w.used[sid] = true
	w.rules++
	fmt.Fprintf(&w.out, "%sthreshold:type limit, track by_src, seconds 3600, count 1; metadata:stix_indicator %s; sid:%d; rev:1;)\n", text, uuid(i.ID), sid)
}

func (w *suricata) alternative(i Indicator, c Combined) bool {
	if len(c.Tests) == 2 {
		return w.endpoint(i, c.Tests)
	}
	if len(c.Tests) != 1 {
		return false
	}
	switch o := c.Single; o.Type {
	case adapt.TypeIPv4, adapt.TypeIPv6:
		address, ok := addresses(o)
		if ok {
			w.rule(i, "address", "alert ip $HOME_NET any <> "+bracket(address)+" any")
		}
		return ok
	case adapt.TypeDomain:
		return w.domain(i, o.Value)
	case adapt.TypeURL:
		return w.url(i, o.Value)
	case adapt.TypeCertificate:
		if o.Property != "SHA-1" {
			return false // Suricata compares the fingerprint in SHA-1
		}
		w.rule(i, "certificate", "alert tls $HOME_NET any -> any any", "tls.cert_fingerprint", whole(colons(o.Value)))
		return true
	}
	if c.Tests[0].Path == "network-traffic:extensions.http-request-ext.request_header.User-Agent" {
		if content := whole(c.Tests[0].Value); content != "" {
			w.rule(i, "user agent", "alert http $HOME_NET any -> any any", "http.user_agent", content)
			return true
		}
	}
	return false
}

func (w *suricata) domain(i Indicator, name string) bool {
	content := whole(name)
	if content == "" {
		return false
	}
	w.rule(i, "domain name asked for", "alert dns $HOME_NET any -> any any", "dns.query", content+"; nocase")
	w.rule(i, "domain name in TLS", "alert tls $HOME_NET any -> any any", "tls.sni", content+"; nocase")
	w.rule(i, "domain name in HTTP", "alert http $HOME_NET any -> any any", "http.host", content)
	return true
}

func (w *suricata) url(i Indicator, value string) bool {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" || strings.Contains(u.Hostname(), ":") {
		return false
	}
	port := "any"
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return false
		}
		port = strconv.FormatUint(n, 10)
	}
	host, path := whole(strings.ToLower(u.Hostname())), whole(u.RequestURI())
	if host == "" || path == "" {
		return false
	}
	w.rule(i, "URL", "alert http $HOME_NET any -> any "+port, "http.host", host, "http.uri.raw", path)
	return true
}

// endpoint writes a rule for an address together with a port.
func (w *suricata) endpoint(i Indicator, tests []cti.Test) bool {
	by := map[string]string{}
	for _, t := range tests {
		by[t.Path] = t.Value
	}
	a, err := netip.ParseAddr(by["network-traffic:dst_ref.value"])
	port, portErr := strconv.ParseUint(by["network-traffic:dst_port"], 10, 16)
	if err != nil || portErr != nil || port == 0 || !cti.Public(a) || a.Zone() != "" {
		return false
	}
	w.rule(i, "address and port", fmt.Sprintf("alert tcp $HOME_NET any -> %s %d", bracket(a.String()), port))
	return true
}

// bracket keeps the colons of an address from being read as a port.
func bracket(address string) string { return "[" + address + "]" }

// colons writes a fingerprint as Suricata has it.
func colons(hex string) string {
	var parts []string
	for i := 0; i+2 <= len(hex); i += 2 {
		parts = append(parts, hex[i:i+2])
	}
	return strings.Join(parts, ":")
}

// whole is the comparison of a buffer with a text, all of it; empty for a text that
// cannot be compared.
func whole(s string) string {
	if s == "" || len(s) > maxContent {
		return ""
	}
	return `content:"` + content(s) + `"; startswith; endswith`
}

// content writes a text so that it can be nothing else: letters, digits and a few signs
// as they are, every other byte in hexadecimal (Suricata user guide, "content").
func content(s string) string {
	var b strings.Builder
	open := false
	for i := range len(s) {
		c := s[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("./-_", c) >= 0
		switch {
		case plain && open:
			b.WriteByte('|')
		case !plain && !open:
			b.WriteByte('|')
		case !plain:
			b.WriteByte(' ')
		}
		open = !plain
		if plain {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%02X", c)
		}
	}
	if open {
		b.WriteByte('|')
	}
	return b.String()
}
