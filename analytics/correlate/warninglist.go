package correlate

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/gaissmai/bart"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// MaxWarninglistBytes bounds one list; those with a million domains have some 30 MB.
const MaxWarninglistBytes = 64 << 20

const (
	maxEntries     = 2_000_000 // of a list
	maxEntryBytes  = 4_096
	maxExpressions = 1_000 // regular expressions of a list
	maxSubstrings  = 50_000
	maxLists       = 1_000
)

var warninglistLimits = strictjson.Limits{Bytes: MaxWarninglistBytes, Depth: 8, Values: maxEntries + 1_000}

// Warninglist is a list of values that are known to raise false alarms, in the format
// of MISP's warninglists.
type Warninglist struct {
	Name        string
	Description string
	Version     int
	Type        string   // "string", "substring", "hostname", "cidr", "regex"
	Attributes  []string // MISP's names of the values that it is about; empty: all
	Entries     []string
	// Left is how many entries mean nothing here: networks that are none, expressions
	// in a dialect that cannot be evaluated in linear time (RE2 can).
	Left int

	expressions []*regexp.Regexp
	networks    []netip.Prefix
}

// The types of lists.
const (
	listString    = "string"
	listSubstring = "substring"
	listHostname  = "hostname"
	listCIDR      = "cidr"
	listRegex     = "regex"
)

// ParseWarninglist reads a list.
func ParseWarninglist(b []byte) (*Warninglist, error) {
	if err := strictjson.Check("the warninglist", b, warninglistLimits); err != nil {
		return nil, err
	}
	var raw struct {
		Name        string   `json:"name"`
		Description string   `json:"description"`
		Version     int      `json:"version"`
		Type        string   `json:"type"`
		Attributes  []string `json:"matching_attributes"`
		Entries     []string `json:"list"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the warninglist is not in MISP's format: name, version, type and a list of texts are needed")
	}
	w := &Warninglist{
		Name: line(raw.Name, maxTitle), Description: line(raw.Description, 1_000), Version: raw.Version,
		Type: raw.Type, Attributes: raw.Attributes,
	}
	if w.Type == "" {
		w.Type = listString
	}
	switch {
	case w.Name == "":
		return nil, ledger.Problemf(ledger.CodeInvalid, "the warninglist has no name")
	case len(raw.Entries) == 0:
		return nil, ledger.Problemf(ledger.CodeInvalid, "the warninglist is empty")
	case !slices.Contains([]string{listString, listSubstring, listHostname, listCIDR, listRegex}, w.Type):
		return nil, ledger.Problemf(ledger.CodeInvalid, "the warninglist's type must be string, substring, hostname, cidr or regex")
	}
	for _, e := range raw.Entries {
		w.take(e)
	}
	return w, nil
}

func (w *Warninglist) take(e string) {
	e = strings.TrimSpace(e)
	ok := e != "" && len(e) <= maxEntryBytes
	switch {
	case !ok:
	case w.Type == listCIDR:
		var p netip.Prefix
		if p, ok = network(e); ok {
			w.networks = append(w.networks, p)
		}
	case w.Type == listRegex:
		var x *regexp.Regexp
		if x, ok = expression(e); ok && len(w.expressions) < maxExpressions {
			w.expressions = append(w.expressions, x)
		} else {
			ok = false
		}
	case w.Type == listSubstring:
		ok = len(w.Entries) < maxSubstrings
		e = strings.ToLower(e)
	case w.Type == listHostname:
		e = strings.Trim(strings.ToLower(e), ".")
		ok = e != ""
	default:
		e = strings.ToLower(e)
	}
	if !ok {
		w.Left++
		return
	}
	w.Entries = append(w.Entries, e)
}

func network(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), err == nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err == nil && !p.Addr().Is4In6()
}

// expression reads a regular expression between delimiters, as PHP writes them.
func expression(s string) (*regexp.Regexp, bool) {
	if len(s) > 1_000 {
		return nil, false
	}
	if last := strings.LastIndexByte(s, '/'); s[0] == '/' && last > 0 {
		flags := ""
		for _, f := range s[last+1:] {
			switch f {
			case 'i', 's', 'm', 'U':
				flags += string(f)
			case 'g', 'u', 'D':
			default:
				return nil, false
			}
		}
		if s = s[1:last]; flags != "" {
			s = "(?" + flags + ")" + s
		}
	}
	x, err := regexp.Compile(s)
	return x, err == nil
}

// attributes are MISP's names of values, by what they are here.
var attributes = map[string][]string{
	adapt.TypeIPv4:   {"ip-src", "ip-dst", "ip-src|port", "ip-dst|port", "domain|ip"},
	adapt.TypeIPv6:   {"ip-src", "ip-dst", "ip-src|port", "ip-dst|port", "domain|ip"},
	adapt.TypeDomain: {"domain", "hostname", "domain|ip", "hostname|port"},
	adapt.TypeURL:    {"url", "uri", "link"},
	adapt.TypeEmail:  {"email", "email-src", "email-dst", "target-email", "whois-registrant-email", "dns-soa-email"},
	adapt.TypeMAC:    {"mac-address"},
}

// concerns tells whether a list is about a value. A list of hosts is about URLs too.
func (w *Warninglist) concerns(v Value) bool {
	if len(w.Attributes) == 0 {
		return true
	}
	names := attributes[v.Type]
	switch v.Type {
	case adapt.TypeFile:
		names = []string{strings.ToLower(strings.ReplaceAll(v.Property, "-", ""))}
	case adapt.TypeCertificate:
		names = []string{"x509-fingerprint-" + strings.ToLower(strings.ReplaceAll(v.Property, "-", ""))}
	}
	for _, a := range w.Attributes {
		if slices.Contains(names, a) || v.Type == adapt.TypeFile && slices.Contains(names, strings.TrimPrefix(a, "filename|")) {
			return true
		}
	}
	return false
}

// Warning says why a value is no sign of an attack.
type Warning struct {
	List        string `json:"list" doc:"Name of the warninglist."`
	Description string `json:"description,omitempty"`
	Entry       string `json:"entry" doc:"What of it the value met."`
}

// Warnings is all lists, made ready. It does not change, and any number of goroutines
// may ask it.
type Warnings struct {
	lists    []*Warninglist // without texts that are in sets
	exact    map[uint64]uint16
	hosts    map[uint64]uint16
	networks bart.Table[uint16]
	searched []uint16 // lists that are gone through
}

// NewWarnings makes lists ready: of several with one entry the first says so.
func NewWarnings(lists []*Warninglist) *Warnings {
	lists = lists[:min(len(lists), maxLists)]
	w := &Warnings{exact: map[uint64]uint16{}, hosts: map[uint64]uint16{}}
	for i, l := range lists {
		n := uint16(i)
		kept := *l
		switch l.Type {
		case listString, listHostname:
			to := w.exact
			if l.Type == listHostname {
				to = w.hosts
			}
			for _, e := range l.Entries {
				put(to, textKey(e), n)
				if p, ok := network(e); ok && l.Type == listString {
					w.network(p, n)
				}
			}
			kept.Entries = nil
		case listCIDR:
			for _, p := range l.networks {
				w.network(p, n)
			}
			kept.Entries, kept.networks = nil, nil
		default:
			w.searched = append(w.searched, n)
		}
		w.lists = append(w.lists, &kept)
	}
	return w
}

func put(to map[uint64]uint16, k uint64, n uint16) {
	if _, there := to[k]; !there {
		to[k] = n
	}
}

func (w *Warnings) network(p netip.Prefix, n uint16) {
	if _, there := w.networks.Get(p); !there {
		w.networks.Insert(p, n)
	}
}

func textKey(s string) uint64 { return Value{Text: s}.key() }

// Len is how many lists there are.
func (w *Warnings) Len() int { return len(w.lists) }

// Find returns a list that has a value, if one does.
func (w *Warnings) Find(v Value) (Warning, bool) {
	text := strings.ToLower(v.Text)
	if n, ok := w.exact[textKey(text)]; ok && w.lists[n].concerns(v) {
		return w.warning(n, text), true
	}
	host := v
	if h, ok := v.host(); ok {
		host = h
	}
	if p, ok := host.prefix(); ok {
		for q, n := range w.networks.Supernets(p) {
			if w.lists[n].concerns(v) {
				return w.warning(n, q.String()), true
			}
		}
	}
	if host.Type == adapt.TypeDomain {
		for name := host.Text; name != ""; {
			if n, ok := w.hosts[textKey(name)]; ok && (w.lists[n].concerns(v) || w.lists[n].concerns(host)) {
				return w.warning(n, name), true
			}
			_, name, _ = strings.Cut(name, ".")
		}
	}
	return w.search(v, text)
}

func (w *Warnings) search(v Value, text string) (Warning, bool) {
	for _, n := range w.searched {
		l := w.lists[n]
		if !l.concerns(v) {
			continue
		}
		if l.Type == listSubstring {
			for _, e := range l.Entries {
				if strings.Contains(text, e) {
					return w.warning(n, e), true
				}
			}
			continue
		}
		for _, x := range l.expressions {
			if x.MatchString(v.Text) {
				return w.warning(n, x.String()), true
			}
		}
	}
	return Warning{}, false
}

func (w *Warnings) warning(n uint16, entry string) Warning {
	l := w.lists[n]
	return Warning{List: l.Name, Description: l.Description, Entry: entry}
}
