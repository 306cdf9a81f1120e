package sanitise

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

const (
	// dot and colon are also as they are written so that nobody clicks on them, in a
	// regular expression and in a URL.
	dot   = `(?:\.|\[\.\]|\(\.\)|\[dot\]|\\{1,2}\.|%2[Ee])`
	colon = `(?::|\[:\]|%3[Aa])`
	// escaped ends in a letter or digit that belongs to the character before: of a URL, or
	// of a text in a text.
	escaped = `|%[0-9A-Fa-f]{2}|\\[abfnrtv]`
)

var (
	ipv4 = regexp.MustCompile(`(^|[^0-9A-Za-z.]` + escaped + `)(\d{1,3}` + dot + `\d{1,3}` + dot + `\d{1,3}` + dot + `\d{1,3})(/\d{1,2})?(?i:\.in-addr\.arpa)?`)
	ipv6 = regexp.MustCompile(`(^|[^0-9A-Za-z:.]` + escaped + `)((?:[0-9A-Fa-f]{0,4}` + colon + `){2,7}(?:[0-9A-Fa-f]+(?:\.[0-9]+){0,3})?)(%[0-9A-Za-z_.-]+)?(/\d{1,3})?`)
	// nibbles are an IPv6 address as its names are looked up (RFC 3596, section 2.5).
	nibbles = regexp.MustCompile(`(?i)(^|[^0-9A-Za-z.]` + escaped + `)((?:[0-9a-f]\.){32}ip6\.arpa)`)

	plainDot = strings.NewReplacer("[.]", ".", "(.)", ".", "[dot]", ".", `\\.`, ".", `\.`, ".", "%2E", ".", "%2e", ".", "[:]", ":", "%3A", ":", "%3a", ":")
)

// finder finds in one bundle, in which the same thing is replaced by the same each time.
type finder struct {
	rules   *Rules
	fields  map[string]bool
	names   []namer
	instead map[string]string
	counts  map[string]int
}

// namer finds own names.
type namer struct {
	rule    string
	pattern *regexp.Regexp
	form    string // of what stands there instead
}

func (r *Rules) finder() *finder {
	f := &finder{rules: r, fields: map[string]bool{}, instead: map[string]string{}, counts: map[string]int{}}
	for _, name := range r.Fields {
		f.fields[name] = true
	}
	const before = `(?i)(^|[^0-9A-Za-z_.-]` + escaped + `)`
	for _, d := range r.Domains {
		own := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimPrefix(d, ".")), `\.`, dot)
		below := `((?:[0-9A-Za-z_-]+` + dot + `)*` + own + `)`
		f.names = append(f.names,
			namer{"person", regexp.MustCompile(before + `([0-9A-Za-z._%+-]+(?:@|\[@\]|\[at\]|%40)` + below + `)`), "person-%d@host.invalid"},
			namer{"own domain", regexp.MustCompile(before + below), "host-%d.invalid"})
	}
	for _, h := range r.Hosts {
		f.names = append(f.names, namer{"own host", regexp.MustCompile(before + `(` + regexp.QuoteMeta(h) + `)\b`), "host-%d.invalid"})
	}
	return f
}

// change returns what stands instead of a text, and the rule that changed it first; empty
// when none did.
func (f *finder) change(text, leaf string, person bool) (after, rule string) {
	if person && text != "" {
		form := "person-%d"
		if strings.Contains(text, "@") {
			form = "person-%d@host.invalid"
		}
		if after = f.replacement(text, form); after != text {
			rule = "person"
		}
		return after, rule
	}
	after = text
	step := func(name, next string) {
		if next != after && rule == "" {
			rule = name
		}
		after = next
	}
	if leaf != "version" && leaf != "cpe" && leaf != "swid" { // 10.0.0.1 may be a version
		step("internal address", f.addresses(after, nibbles, "2001:db8::%x"))
		step("internal address", f.addresses(after, ipv6, "2001:db8::%x"))
		step("internal address", f.addresses(after, ipv4, "192.0.2.%d"))
	}
	for i := range f.names {
		n := &f.names[i]
		step(n.rule, replace(after, n.pattern, func(found string) string {
			return f.replacement(strings.ToLower(plainDot.Replace(found)), n.form)
		}))
	}
	for i := range f.rules.Custom {
		c := &f.rules.Custom[i]
		step(c.Name, c.Pattern.ReplaceAllLiteralString(after, c.With))
	}
	return after, rule
}

// addresses replaces internal addresses. A network becomes one address: what stands for
// it must not cover what is somebody else's.
func (f *finder) addresses(text string, form *regexp.Regexp, instead string) string {
	return replace(text, form, func(found string) string {
		addr, ok := address(found)
		if !ok || !f.internal(addr) {
			return found
		}
		return f.replacement(addr.String(), instead)
	})
}

// address reads what one of the patterns found.
func address(found string) (netip.Addr, bool) {
	bare, _, _ := strings.Cut(plainDot.Replace(strings.ToLower(found)), "/")
	if digits, ok := strings.CutSuffix(bare, ".ip6.arpa"); ok {
		all := strings.Split(digits, ".")
		slices.Reverse(all)
		groups := make([]string, 0, 8)
		for four := range slices.Chunk(all, 4) {
			groups = append(groups, strings.Join(four, ""))
		}
		bare = strings.Join(groups, ":")
	}
	bare, reverse := strings.CutSuffix(bare, ".in-addr.arpa")
	if !strings.Contains(bare, ":") { // also 010.001.002.003
		parts := strings.Split(bare, ".")
		for i, p := range parts {
			parts[i] = strings.TrimLeft(p[:len(p)-1], "0") + p[len(p)-1:]
		}
		if reverse {
			slices.Reverse(parts)
		}
		bare = strings.Join(parts, ".")
	}
	a, err := netip.ParseAddr(bare)
	return a.Unmap().WithZone(""), err == nil
}

var shared = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

func (f *finder) internal(a netip.Addr) bool {
	if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || shared.Contains(a) {
		return true
	}
	for _, p := range f.rules.Networks {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// replacement is what stands instead of a thing, the same each time. There are 254 of
// each kind; the last one stands for all others.
func (f *finder) replacement(thing, form string) string {
	key := form + "\x00" + thing
	if s, ok := f.instead[key]; ok {
		return s
	}
	f.counts[form]++
	s := fmt.Sprintf(form, min(f.counts[form], 254))
	f.instead[key] = s
	return s
}

// replace replaces what a pattern finds behind its first group.
func replace(text string, pattern *regexp.Regexp, with func(string) string) string {
	var b strings.Builder
	last := 0
	for _, at := range pattern.FindAllStringSubmatchIndex(text, -1) {
		from := at[3]
		b.WriteString(text[last:from])
		b.WriteString(with(text[from:at[1]]))
		last = at[1]
	}
	b.WriteString(text[last:])
	return b.String()
}
