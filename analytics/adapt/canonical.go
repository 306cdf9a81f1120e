package adapt

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// The types of observables, as STIX 2.1 names its cyber-observable objects.
const (
	TypeIPv4        = "ipv4-addr"
	TypeIPv6        = "ipv6-addr"
	TypeDomain      = "domain-name"
	TypeURL         = "url"
	TypeEmail       = "email-addr"
	TypeFile        = "file"
	TypeCertificate = "x509-certificate"
	TypeMAC         = "mac-addr"

	propertyValue = "value"
)

// The roles of an observable in a connection.
const (
	RoleSource      = "source"
	RoleDestination = "destination"
)

// Bounds on one observable's value; no tool means longer ones.
const (
	maxURL   = 4_096
	maxEmail = 320 // RFC 5321, section 4.5.3.1: 64, "@", 255
	maxFuzzy = 128 // of an SSDEEP hash in STIX (STIX 2.1, section 10.7)
)

// Address reads an IP address, with or without brackets and zone. An IPv4 address
// mapped into IPv6 is the IPv4 address (RFC 4291, section 2.5.5.2).
func Address(s string) (Observable, bool) {
	s = strings.TrimSpace(s)
	if inner, ok := strings.CutPrefix(s, "["); ok {
		s = strings.TrimSuffix(inner, "]")
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return Observable{}, false
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return Observable{Type: TypeIPv4, Property: propertyValue, Value: a.String()}, true
	}
	return Observable{Type: TypeIPv6, Property: propertyValue, Value: a.String()}, true
}

// Domain reads a domain name of at least two labels. One in another script is
// written as in the DNS (RFC 5891). An IP address is none, whatever its spelling:
// the last label of a name is never a number (RFC 3696, section 2).
func Domain(s string) (Observable, bool) {
	s, ok := domainName(s)
	if !ok {
		return Observable{}, false
	}
	return Observable{Type: TypeDomain, Property: propertyValue, Value: s}, true
}

func domainName(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(s), "."))
	if len(s) > 1_000 {
		return "", false
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) {
		ascii, err := idna.Lookup.ToASCII(s)
		if err != nil {
			return "", false
		}
		s = ascii
	}
	if len(s) > 253 || strings.Count(s, ".") == 0 {
		return "", false
	}
	last := ""
	for l := range strings.SplitSeq(s, ".") {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.ContainsFunc(l, notLabel) {
			return "", false
		}
		last = l
	}
	numeric := !strings.ContainsFunc(last, func(r rune) bool { return r < '0' || r > '9' })
	return s, !numeric && len(last) > 1
}

// notLabel tells what stands in no label; underscores do in service names.
func notLabel(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
}

// defaultPorts are the ports that a URL need not say.
var defaultPorts = map[string]string{"http": "80", "https": "443", "ftp": "21", "ws": "80", "wss": "443"}

// URL reads an absolute URL with a host and writes it in one way (RFC 3986, section
// 6.2): scheme and host in lower case, no default port, "/" for no path. Who is
// signed in and the fragment are left out: they do not say what is fetched.
func URL(s string) (Observable, bool) {
	s = strings.TrimSpace(s)
	if len(s) > maxURL || strings.ContainsFunc(s, unicode.IsControl) {
		return Observable{}, false
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return Observable{}, false
	}
	u.Scheme = strings.ToLower(u.Scheme)
	port, known := defaultPorts[u.Scheme]
	if !known {
		return Observable{}, false
	}
	host, ok := urlHost(u.Hostname())
	if !ok {
		return Observable{}, false
	}
	if p := u.Port(); p != "" && p != port {
		host = net.JoinHostPort(strings.Trim(host, "[]"), p)
	}
	u.Host, u.User, u.Fragment, u.RawFragment = host, nil, "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	u.RawQuery = strings.ReplaceAll(u.RawQuery, " ", "%20")
	return Observable{Type: TypeURL, Property: propertyValue, Value: u.String()}, true
}

// urlHost writes a host as it stands in a URL; a name of one label is an internal
// machine's and counts.
func urlHost(s string) (string, bool) {
	if a, ok := Address(s); ok {
		if a.Type == TypeIPv6 {
			return "[" + a.Value + "]", true
		}
		return a.Value, true
	}
	if name, ok := domainName(s); ok {
		return name, true
	}
	s = strings.ToLower(s)
	return s, s != "" && len(s) <= 63 && !strings.ContainsFunc(s, notLabel)
}

// Email reads a mailbox, alone or in angle brackets after a name. It is written in
// lower case: no mail system in use tells two people apart by it.
func Email(s string) (Observable, bool) {
	s = strings.TrimSpace(s)
	if i := strings.LastIndexByte(s, '<'); i >= 0 && strings.HasSuffix(s, ">") {
		s = s[i+1 : len(s)-1]
	}
	s = strings.ToLower(s)
	i := strings.LastIndexByte(s, '@')
	if i < 1 || i > 64 || len(s) > maxEmail || strings.ContainsFunc(s[:i], notMailbox) {
		return Observable{}, false
	}
	host, ok := domainName(s[i+1:])
	if !ok {
		return Observable{}, false
	}
	return Observable{Type: TypeEmail, Property: propertyValue, Value: s[:i] + "@" + host}, true
}

// notMailbox tells what stands in no local part without quotes (RFC 5322, "atext",
// and the dot).
func notMailbox(r rune) bool {
	return r > unicode.MaxASCII || r <= ' ' || strings.ContainsRune(`()<>[]:;@\,"`, r)
}

// hashBySize are the digests of hash-algorithm-ov (STIX 2.1, section 10.7) by the
// number of hexadecimal digits. SHA-3 has the sizes of SHA-2 and is never guessed.
var hashBySize = map[int]string{32: "MD5", 40: "SHA-1", 64: "SHA-256", 128: "SHA-512"}

var (
	fuzzyForm = regexp.MustCompile(`^[1-9][0-9]{0,11}:[A-Za-z0-9+/]{1,64}:[A-Za-z0-9+/]{1,64}$`)
	hexDigits = regexp.MustCompile(`^[0-9a-f]+$`)
)

// FileHash reads the digest of a file; which one it is follows from its form. A
// TLSH is written with its version, "t1", which older programs leave out.
func FileHash(value string) (Observable, bool) {
	property, v, ok := digest(value)
	if !ok {
		return Observable{}, false
	}
	return Observable{Type: TypeFile, Property: property, Value: v}, true
}

func digest(value string) (property, v string, ok bool) {
	value = strings.TrimSpace(value)
	if len(value) <= maxFuzzy && fuzzyForm.MatchString(value) {
		return "SSDEEP", value, true
	}
	v = strings.ToLower(value)
	if t, versioned := strings.CutPrefix(v, "t1"); (versioned || len(v) == 70) && len(t) == 70 && hexDigits.MatchString(t) {
		return "TLSH", "t1" + t, true
	}
	property = hashBySize[len(v)]
	return property, v, property != "" && hexDigits.MatchString(v)
}

// Certificate reads the fingerprint of a certificate, with or without colons.
func Certificate(fingerprint string) (Observable, bool) {
	property, v, ok := digest(strings.ReplaceAll(fingerprint, ":", ""))
	if !ok || property == "TLSH" || property == "SSDEEP" {
		return Observable{}, false
	}
	return Observable{Type: TypeCertificate, Property: property, Value: v}, true
}

// MAC reads an EUI-48 address in any usual spelling and writes it as STIX asks: in
// lower case with colons (STIX 2.1, section 6.9).
func MAC(s string) (Observable, bool) {
	a, err := net.ParseMAC(strings.TrimSpace(s))
	if err != nil || len(a) != 6 {
		return Observable{}, false
	}
	return Observable{Type: TypeMAC, Property: propertyValue, Value: a.String()}, true
}

// Bounds on what one record holds; what is beyond them is left out.
const (
	maxObservables = 1_000
	maxNames       = 100 // CVEs, techniques
	maxTitle       = 200 // characters
	maxRule        = 200 // characters
)

// line makes one line that can be shown: white space is one space, what does not
// print is left out, and no more than limit characters are kept. A line stays as it
// is.
func line(s string, limit int) string {
	if len(s) > 8*limit {
		s = s[:8*limit]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n++; n == limit {
			return strings.TrimRight(s[:i], " ") + "…"
		}
	}
	return s
}

var (
	cveForm       = regexp.MustCompile(`(?i)\bCVE[-_]([0-9]{4})[-_]([0-9]{4,19})\b`)
	techniqueForm = regexp.MustCompile(`\bT[0-9]{4}(?:\.[0-9]{3})?\b`)
)

// cves finds the CVE ids in texts: upper case, sorted, each once.
func cves(texts ...string) []string {
	var all []string
	for _, s := range texts {
		if !strings.ContainsAny(s, "cC") { // most texts name none
			continue
		}
		for _, m := range cveForm.FindAllStringSubmatch(s, maxNames) {
			all = append(all, "CVE-"+m[1]+"-"+m[2])
		}
	}
	return sorted(all)
}

// techniques finds the ids of ATT&CK techniques in texts: sorted, each once.
func techniques(texts ...string) []string {
	var all []string
	for _, s := range texts {
		all = append(all, techniqueForm.FindAllString(s, maxNames)...)
	}
	return sorted(all)
}

func sorted(all []string) []string {
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), maxNames)]
}

// observe adds an observable once in each role; one whose role is not known is left
// out where the same value is there already.
func (r *Record) observe(o Observable, ok bool, role string) {
	if !ok || len(r.Observables) >= maxObservables {
		return
	}
	o.Role = role
	same := func(have Observable) bool {
		return have.Value == o.Value && have.Type == o.Type && have.Property == o.Property && (role == "" || have.Role == role)
	}
	if !slices.ContainsFunc(r.Observables, same) {
		r.Observables = append(r.Observables, o)
	}
}

// observeAny adds what a text names, whatever it is; a text that is nothing which
// can be looked for is passed over.
func (r *Record) observeAny(s, role string) {
	for _, read := range []func(string) (Observable, bool){Address, URL, MAC, FileHash, Email, Domain} {
		if o, ok := read(s); ok {
			r.observe(o, ok, role)
			return
		}
	}
}
