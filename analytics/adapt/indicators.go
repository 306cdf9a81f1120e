package adapt

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"github.com/secant-platform/secant/analytics/cti"
)

// MaxIndicators bounds what is taken from one text; what comes after is counted.
const MaxIndicators = 10_000

// Indicators are what a text names that can be looked for, each once, in the order in
// which the kinds are searched.
type Indicators struct {
	Observables []Observable
	CVEs        []string // upper case, sorted
	Techniques  []string // ATT&CK ids, sorted
	More        int      // observables beyond the bound
}

// FindIndicators reads indicators from plain text, in a time that grows with the text:
// URLs, mailboxes, hashes of files (MD5, SHA-1, SHA-256, SHA-512, SSDEEP, TLSH),
// addresses and networks, domain names, CVEs and techniques, defanged or not. It would
// rather miss one than call a file's name a domain or a version an address: what could be
// either counts only if it was defanged. An address that is not public names another
// machine at each reader and is none.
func FindIndicators(text string) Indicators {
	f := finder{refanged: refang(text), seen: map[Observable]bool{}}
	f.rest = []byte(f.text)
	f.urls()
	f.fuzzy()
	f.hashes()
	f.names()
	f.ipv6()
	f.CVEs = distinct(cveForm.FindAllString(f.text, MaxIndicators), func(s string) string {
		return strings.ToUpper(strings.ReplaceAll(s, "_", "-"))
	})
	f.Techniques = distinct(techniqueForm.FindAllString(f.text, MaxIndicators), technique)
	return f.Indicators
}

// technique returns an id that ATT&CK gives: from 1001 on for enterprise and mobile, in
// the eight hundreds for industrial control; empty for others.
func technique(s string) string {
	if n := s[1:5]; n > "1000" && n < "2000" || n >= "0800" && n < "0900" {
		return s
	}
	return ""
}

func distinct(all []string, form func(string) string) []string {
	var out []string
	for _, s := range all {
		if s = form(s); s != "" {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

type finder struct {
	Indicators
	refanged
	rest []byte // the text, with zeros for what is known already
	seen map[Observable]bool
}

func (f *finder) found(o Observable, from, to int) {
	clear(f.rest[from:to])
	if f.seen[o] {
		return
	}
	if len(f.Observables) >= MaxIndicators {
		f.More++
		return
	}
	f.seen[o] = true
	f.Observables = append(f.Observables, o)
}

// runs calls do for each longest piece of what is left that holds only such characters.
func (f *finder) runs(of func(rune) bool, do func(from, to int)) {
	start := -1
	for i := 0; i < len(f.rest); {
		c, n := rune(f.rest[i]), 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRune(f.rest[i:])
		}
		switch in := of(c); {
		case in && start < 0:
			start = i
		case !in && start >= 0:
			do(start, i)
			start = -1
		}
		i += n
	}
	if start >= 0 {
		do(start, len(f.rest))
	}
}

// urlEnd are the characters that no URL in running text holds.
func urlEnd(r rune) bool {
	return r <= ' ' || r == 0x7f || unicode.IsSpace(r) || strings.ContainsRune("<>\"`{}|\\^“”«»„‘’", r)
}

func (f *finder) urls() {
	for at := 0; ; {
		i := strings.Index(f.text[at:], "://")
		if i < 0 {
			return
		}
		i += at
		from := i
		for from > at && from > i-6 && asciiLetter(f.text[from-1]) {
			from--
		}
		at = i + 3
		known := false
		for _, s := range []string{"https", "http", "ftp"} {
			if strings.HasSuffix(strings.ToLower(f.text[from:i]), s) {
				from, known = i-len(s), true
				break
			}
		}
		end := strings.IndexFunc(f.text[i+3:], urlEnd)
		if end < 0 {
			end = len(f.text)
		} else {
			end += i + 3
		}
		end = min(end, i+maxURL)
		to := trimURL(f.text, i+3, end)
		o, ok := URL(f.text[from:to])
		if known && ok && f.hostCounts(o.Value) {
			f.found(o, from, to)
		} else if to > i+3 {
			// What a URL that is none holds is not searched for names: they are its parts.
			clear(f.rest[from:to])
		}
		at = max(at, to)
	}
}

func asciiLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// trimURL leaves the signs out that end the sentence and not the URL.
func trimURL(s string, from, to int) int {
	for to > from {
		switch c := s[to-1]; c {
		case '.', ',', ';', ':', '!', '?', '\'', '*':
		case ')', ']':
			open := map[byte]string{')': "(", ']': "["}[c]
			if strings.Count(s[from:to], string(c)) <= strings.Count(s[from:to], open) {
				return to
			}
		default:
			return to
		}
		to--
	}
	return to
}

// hostCounts tells whether a URL leads to a public address or to a name that exists.
func (f *finder) hostCounts(value string) bool {
	_, rest, _ := strings.Cut(value, "://")
	host, _, _ := strings.Cut(rest, "/")
	host, _, _ = strings.Cut(host, "?")
	if a, err := netip.ParseAddrPort(host); err == nil {
		return cti.Public(a.Addr())
	}
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return cti.Public(a)
	}
	name, _, _ := strings.Cut(host, ":")
	return realDomain(name)
}

// realDomain tells whether a name lies below a suffix that someone registers names under
// (publicsuffix.org, the ICANN part).
func realDomain(name string) bool {
	suffix, icann := publicsuffix.PublicSuffix(name)
	switch {
	case icann:
		return suffix != name
	case !strings.Contains(suffix, "."):
		return false // the rule for what is on no list
	}
	return true
}

// fuzzy finds SSDEEP hashes: their first number is 3 times a power of two.
func (f *finder) fuzzy() {
	f.runs(func(r rune) bool {
		return r < utf8.RuneSelf && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= ':' || r == '+' || r == '/')
	}, func(from, to int) {
		o, ok := FileHash(f.text[from:to])
		if !ok || o.Property != "SSDEEP" {
			return
		}
		size, rest, _ := strings.Cut(o.Value, ":")
		n, err := strconv.ParseUint(size, 10, 64)
		first, second, _ := strings.Cut(rest, ":")
		if err == nil && n%3 == 0 && (n/3)&(n/3-1) == 0 && len(first) >= 6 && len(second) >= 3 {
			f.found(o, from, to)
		}
	})
}

// empty are the hashes of a file without content, which every system has.
var empty = []string{
	"d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
}

func (f *finder) hashes() {
	f.runs(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }, func(from, to int) {
		if n := to - from; n != 32 && n != 40 && n != 64 && n != 70 && n != 72 && n != 128 {
			return
		}
		o, ok := FileHash(f.text[from:to])
		if ok && various(o.Value) && !slices.Contains(empty, o.Value) {
			f.found(o, from, to)
		}
	})
}

// various tells a hash from a row of zeros or a long number.
func various(s string) bool {
	var seen [256]bool
	n, letters := 0, 0
	for i := range len(s) {
		if !seen[s[i]] {
			seen[s[i]] = true
			n++
		}
		if s[i] >= 'a' {
			letters++
		}
	}
	return n >= 6 && letters > 0
}

// names finds mailboxes, domain names and IPv4 addresses.
func (f *finder) names() {
	f.runs(func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) || strings.ContainsRune("._-@+", r)
	}, func(from, to int) {
		for from < to && strings.IndexByte("._-@+", f.text[from]) >= 0 {
			from++
		}
		for from < to && strings.IndexByte("._-@+", f.text[to-1]) >= 0 {
			to--
		}
		s := f.text[from:to]
		if len(s) > maxEmail || strings.Count(s, ".") == 0 {
			return
		}
		if strings.Contains(s, "@") {
			if o, ok := Email(s); ok && realDomain(o.Value[strings.LastIndexByte(o.Value, '@')+1:]) {
				f.found(o, from, to)
			}
			return
		}
		if strings.Trim(s, "0123456789.-") == "" {
			for part := range strings.SplitSeq(s, "-") { // a range names its two ends
				f.ipv4(from, from+len(part))
				from += len(part) + 1
			}
			return
		}
		f.domain(from, to)
	})
}

func (f *finder) ipv4(from, to int) {
	a, err := netip.ParseAddr(f.text[from:to])
	if err != nil || !a.Is4() || !cti.Public(a) {
		return
	}
	if !f.within(from, to) && (f.versionBefore(from) || f.pathBefore(from)) {
		return
	}
	end := to
	if bits, n := number(f.text[to:], '/'); n > 0 {
		end += n
		if bits < 32 {
			p := netip.PrefixFrom(a, bits)
			if bits >= 8 && p.Masked().Addr() == a {
				f.found(Observable{Type: TypeIPv4, Property: propertyValue, Value: p.String()}, from, end)
				return
			}
			if bits >= 8 {
				end = to // a machine together with its network's size
			}
		}
	}
	f.found(Observable{Type: TypeIPv4, Property: propertyValue, Value: a.String()}, from, end)
}

// number reads a sign and a number of at most two digits at the beginning of s.
func number(s string, sign byte) (value, length int) {
	if len(s) < 2 || s[0] != sign {
		return 0, 0
	}
	n := 1
	for n < len(s) && n < 4 && s[n] >= '0' && s[n] <= '9' {
		value = 10*value + int(s[n]-'0')
		n++
	}
	if n == 1 || n == 4 {
		return 0, 0
	}
	return value, n
}

// versionWords stand before a number that is a version or the place in a document.
var versionWords = []string{
	"version", "versions", "ver", "v", "release", "releases", "build", "firmware", "revision", "rev", "update", "patch",
	"upgrade", "section", "clause", "chapter", "table", "figure", "appendix", "paragraph", "annex", "oid", "sp", "driver",
}

// joiningWords stand between the versions of a list.
var joiningWords = []string{"and", "to", "or", "through", "until", "before", "than", "from", "prior", "earlier", "later", "via", "up", "is", "in", "fixed", "below", "above"}

// versionBefore tells whether the words before a number make it a version. It looks back
// over the words that join a list, and not further than 96 bytes.
func (f *finder) versionBefore(at int) bool {
	before := strings.ToLower(f.text[max(0, at-96):at])
	if i := strings.LastIndexAny(before, "\n\r|;"); i >= 0 {
		before = before[i+1:]
	}
	fields := strings.FieldsFunc(before, func(r rune) bool {
		return r == ' ' || r == '\t' || r == ',' || r == '(' || r == ':' || r == '=' || r == '"'
	})
	for i := len(fields) - 1; i >= 0 && i >= len(fields)-8; i-- {
		w := strings.Trim(fields[i], ".)*'")
		switch {
		case slices.Contains(versionWords, w):
			return true
		case slices.Contains(joiningWords, w), w != "" && strings.Trim(w, "v0123456789.x<>=") == "":
			continue
		}
		return false
	}
	return false
}

// pathBefore tells whether what begins here is the part of a path or of a product with
// its version, as in "Chrome/91.0.44.1".
func (f *finder) pathBefore(at int) bool {
	if at == 0 {
		return false
	}
	switch f.text[at-1] {
	case '\\', '%', '$', '~':
		return true
	case '/':
		return at > 1 && (word(f.text[at-2]) || strings.IndexByte(".-~*", f.text[at-2]) >= 0 || f.text[at-2] == ' ')
	}
	return false
}

// fileEndings are top-level domains that in a report nearly always end a file's name.
var fileEndings = []string{"sh", "py", "md", "so", "zip", "mov", "ps", "cab", "bat", "app", "pub", "ink", "bin"}

// packageRoots begin the names of packages of programs, which are domains backwards.
var packageRoots = []string{"com", "org", "net", "io", "edu", "gov", "java", "javax", "android", "androidx", "kotlin", "sun", "jdk", "www2"}

// receivers are what in programs a dot and the name of a member follow.
var receivers = []string{"this", "self", "console", "logger", "log", "window", "document", "os", "sys", "socket", "request", "response", "args", "config", "process", "module", "event"}

// products have names that are domains and are never meant as such.
var products = []string{"asp.net", "ado.net", "vb.net", "ml.net", "paint.net", "command.com"}

func (f *finder) domain(from, to int) {
	s := f.text[from:to]
	o, ok := Domain(s)
	if !ok || !realDomain(o.Value) {
		return
	}
	if !f.within(from, to) && (f.noDomain(s, o.Value) || f.pathBefore(from) || f.callAfter(to) || f.fileBefore(from)) {
		return
	}
	f.found(o, from, to)
}

// noDomain tells whether a name that was not defanged is rather a file, a class or a
// package.
func (f *finder) noDomain(s, name string) bool {
	labels := strings.Split(name, ".")
	last := labels[len(labels)-1]
	spelled := s[strings.LastIndexByte(s, '.')+1:]
	// System.Net, sentence.It: names are written in one case.
	r, n := utf8.DecodeRuneInString(spelled)
	titled := unicode.IsUpper(r) && spelled[n:] != strings.ToUpper(spelled[n:])
	shouted := spelled == strings.ToUpper(spelled) && s != strings.ToUpper(s)
	return titled || shouted || slices.Contains(fileEndings, last) || slices.Contains(products, name) ||
		len(labels) > 2 && slices.Contains(packageRoots, labels[0]) || slices.Contains(receivers, labels[0]) || len(labels) == 2 && len(labels[0]) == 1 && len(last) == 2 && s != name
}

// callAfter tells whether a name is called: logger.info("...").
func (f *finder) callAfter(at int) bool {
	return at < len(f.text) && (f.text[at] == '(' || f.text[at] == '\\' || f.text[at] == '[' && at+1 < len(f.text) && f.text[at+1] != '.')
}

// fileBefore tells whether the words before make a name a file's.
func (f *finder) fileBefore(at int) bool {
	before := strings.ToLower(strings.TrimRight(f.text[max(0, at-24):at], " :'\"`*"))
	word := before[strings.LastIndexAny(before, " \n\t")+1:]
	return slices.Contains([]string{"file", "files", "script", "filename", "class", "package", "namespace", "executable", "binary", "library"}, word)
}

// ipv6 finds addresses of the Internet (2000::/3, RFC 4291, section 2.4).
func (f *finder) ipv6() {
	f.runs(func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F' || r == ':' || r == '.'
	}, func(from, to int) {
		to -= len(f.text[from:to]) - len(strings.TrimRight(f.text[from:to], ".:"))
		if from > 0 && word(f.text[from-1]) || to < len(f.text) && (word(f.text[to]) || f.text[to] == ':') || strings.Count(f.text[from:to], ":") < 2 {
			return
		}
		a, err := netip.ParseAddr(f.text[from:to])
		if err != nil || !a.Is6() || a.As16()[0]>>5 != 1 || !cti.Public(a) {
			return
		}
		f.found(Observable{Type: TypeIPv6, Property: propertyValue, Value: a.String()}, from, to)
	})
}
