// Package correlate says which objects of threat intelligence have something in
// common, and which of the own alerts an indicator is about. It is pure: objects and
// alerts in, judgements out; time is passed in, and the same in any order gives the
// same. What it reads is data and stays data.
package correlate

import (
	"encoding/binary"
	"encoding/hex"
	"hash/maphash"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/cti"
)

// Value is a value that an object names: of which type, which property of it, and how
// it compares.
type Value struct {
	Type     string `json:"type"`         // of the STIX cyber-observable object
	Property string `json:"property"`     // "value", the name of a hash, or "serial_number"
	Op       string `json:"op,omitempty"` // empty: equal; else OpWithin or OpHolds
	Text     string `json:"value"`        // canonical; of a network its prefix
}

// MaxCorrelated is how many objects may name a value for it to correlate them (MISP
// calls the limit so too): what more name, as a resolver or an empty file's digest, says
// nothing of what they have in common.
const MaxCorrelated = 20

// How a value compares, besides by being the same.
const (
	OpWithin = cti.OpWithin // the network holds what was seen
	OpHolds  = cti.OpHolds  // what was seen is a network that holds it
)

// Names of properties, as in hash-algorithm-ov (STIX 2.1, section 10.7) and of
// X.509 certificates (section 6.18).
const (
	propertyValue  = "value"
	propertySerial = "serial_number"
	PropertySSDEEP = "SSDEEP"
	PropertyTLSH   = "TLSH"
)

// maxNumber is the length of a certificate's serial number: 20 bytes (RFC 5280,
// section 4.1.2.2), in hexadecimal digits.
const maxNumber = 40

// Read makes the canonical form of a value, of a type and property that are known. A
// network is one of OpWithin; one of a single address is that address.
func Read(kind, property, text string) (Value, bool) {
	switch kind {
	case adapt.TypeIPv4, adapt.TypeIPv6:
		return readAddress(text)
	case adapt.TypeFile:
		return readHash(kind, property, text)
	case adapt.TypeCertificate:
		if property == propertySerial {
			return readSerial(text)
		}
		return readHash(kind, property, strings.ReplaceAll(text, ":", ""))
	}
	read, known := map[string]func(string) (adapt.Observable, bool){
		adapt.TypeDomain: adapt.Domain, adapt.TypeURL: adapt.URL, adapt.TypeEmail: adapt.Email, adapt.TypeMAC: adapt.MAC,
	}[kind]
	if !known {
		return Value{}, false
	}
	o, ok := read(text)
	return Value{Type: o.Type, Property: o.Property, Text: o.Value}, ok
}

func readAddress(text string) (Value, bool) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "/") {
		o, ok := adapt.Address(text)
		return Value{Type: o.Type, Property: propertyValue, Text: o.Value}, ok
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return Value{}, false
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < 96 {
			return Value{}, false
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	p = p.Masked()
	if p.IsSingleIP() {
		o, ok := adapt.Address(p.Addr().String())
		return Value{Type: o.Type, Property: propertyValue, Text: o.Value}, ok
	}
	kind := adapt.TypeIPv4
	if p.Addr().Is6() {
		kind = adapt.TypeIPv6
	}
	return Value{Type: kind, Property: propertyValue, Op: OpWithin, Text: p.String()}, true
}

// hashNames are the hashes that are compared, by their names without what separates.
var hashNames = map[string]string{
	"MD5": "MD5", "SHA1": "SHA-1", "SHA256": "SHA-256", "SHA512": "SHA-512", "SSDEEP": PropertySSDEEP, "TLSH": PropertyTLSH,
}

// readHash reads a hash whose name and form agree.
func readHash(kind, property, text string) (Value, bool) {
	name := hashNames[strings.ToUpper(strings.NewReplacer("-", "", "_", "").Replace(property))]
	o, ok := adapt.FileHash(text)
	fuzzy := name == PropertySSDEEP || name == PropertyTLSH
	if !ok || name == "" || o.Property != name || fuzzy && kind != adapt.TypeFile {
		return Value{}, false
	}
	return Value{Type: kind, Property: name, Text: o.Value}, true
}

// readSerial reads a certificate's serial number: hexadecimal digits in lower case,
// without colons and leading zeros.
func readSerial(text string) (Value, bool) {
	text = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(text), ":", ""))
	text = strings.TrimLeft(strings.TrimPrefix(text, "0x"), "0")
	if text == "" || len(text) > maxNumber {
		return Value{}, false
	}
	if _, err := hex.DecodeString(strings.Repeat("0", len(text)%2) + text); err != nil {
		return Value{}, false
	}
	return Value{Type: adapt.TypeCertificate, Property: propertySerial, Text: text}, true
}

// Seen is the value of what a tool saw.
func Seen(o adapt.Observable) Value {
	return Value{Type: o.Type, Property: o.Property, Text: o.Value}
}

// prefix is the network of an address's value, a single address with its full length.
func (v Value) prefix() (netip.Prefix, bool) {
	if v.Type != adapt.TypeIPv4 && v.Type != adapt.TypeIPv6 {
		return netip.Prefix{}, false
	}
	if a, err := netip.ParseAddr(v.Text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(v.Text)
	return p, err == nil
}

// host is what a URL or a mailbox leads to: an address or a domain.
func (v Value) host() (Value, bool) {
	var host string
	switch v.Type {
	case adapt.TypeURL:
		u, err := url.Parse(v.Text)
		if err != nil {
			return Value{}, false
		}
		host = u.Hostname()
	case adapt.TypeEmail:
		_, host, _ = strings.Cut(v.Text, "@")
	default:
		return Value{}, false
	}
	if a, ok := readAddress(host); ok {
		return a, true
	}
	return Read(adapt.TypeDomain, propertyValue, host)
}

// Host is what a URL leads to: an address or a domain. Other values have none.
func (v Value) Host() (Value, bool) {
	if v.Type != adapt.TypeURL {
		return Value{}, false
	}
	return v.host()
}

// Sizes of the networks whose addresses count as near each other: what one customer
// of a provider usually gets.
const (
	nearIPv4 = 24
	nearIPv6 = 48
)

// Near names the surroundings of a value, which others share that somebody set up
// together: the network of an address, the registrable domain of a name (by the public
// suffix list), and those of the host of a URL or mailbox. Empty: it has none.
func (v Value) Near() string {
	if h, ok := v.host(); ok {
		v = h
	}
	if p, ok := v.prefix(); ok {
		bits := nearIPv4
		if p.Addr().Is6() {
			bits = nearIPv6
		}
		if p.Bits() < bits || p.Addr().IsPrivate() || p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast() {
			return ""
		}
		return netip.PrefixFrom(p.Addr(), bits).Masked().String()
	}
	if v.Type != adapt.TypeDomain {
		return ""
	}
	d, err := publicsuffix.EffectiveTLDPlusOne(v.Text)
	if err != nil {
		return ""
	}
	return d
}

// seed keeps whoever chooses values from choosing ones that meet in a table.
var seed = maphash.MakeSeed()

// key is a number for a value, the same as long as the process runs. Two values may
// have the same one: what is found by it is compared.
func (v Value) key() uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, s := range [...]string{v.Type, v.Property, v.Text} {
		var n [4]byte
		binary.LittleEndian.PutUint32(n[:], uint32(len(s))) //nolint:gosec // values are bounded
		_, _ = h.Write(n[:])
		_, _ = h.WriteString(s)
	}
	return h.Sum64()
}
