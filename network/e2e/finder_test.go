package e2e

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode"
)

// needle is one form of a marked value.
type needle struct {
	what, form string
	b          []byte
	word       bool // short: it counts only where it stands alone
}

// finder looks for thousands of needles at once.
type finder struct {
	first [1 << 16]bool // the first two bytes of each
	by    map[[shortest]byte][]needle
	count int
}

// shortest needle, in bytes: anything shorter stands everywhere by chance.
const shortest = 4

// newFinder prepares the search for every form of the values: as they are, in
// either case, in hexadecimal and base64, and the plain digests of them.
func newFinder(values map[string]string) *finder {
	f := &finder{by: map[[shortest]byte][]needle{}}
	for value, what := range values {
		for _, form := range forms(value) {
			form.what = what
			f.add(form)
		}
	}
	return f
}

func (f *finder) add(n needle) {
	if len(n.b) < shortest {
		return
	}
	f.first[int(n.b[0])<<8|int(n.b[1])] = true
	key := [shortest]byte(n.b)
	for _, other := range f.by[key] {
		if bytes.Equal(other.b, n.b) {
			return
		}
	}
	f.by[key] = append(f.by[key], n)
	f.count++
}

// find calls report for each needle in b.
func (f *finder) find(b []byte, report func(needle)) {
	for i := 0; i+shortest <= len(b); i++ {
		if !f.first[int(b[i])<<8|int(b[i+1])] {
			continue
		}
		for _, n := range f.by[[shortest]byte(b[i:])] {
			if !bytes.HasPrefix(b[i:], n.b) {
				continue
			}
			if n.word && (i > 0 && letter(b[i-1]) || i+len(n.b) < len(b) && letter(b[i+len(n.b)])) {
				continue
			}
			report(n)
		}
	}
}

func letter(c byte) bool {
	return c >= utf8Start || unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c))
}

const utf8Start = 0x80

// everywhere looks in b and in whatever the JSON in it carries in hexadecimal or
// base64, to a few levels.
func (f *finder) everywhere(b []byte, report func(needle)) { f.unwrap(b, 3, report) }

func (f *finder) unwrap(b []byte, levels int, report func(needle)) {
	f.find(b, report)
	if levels == 0 || !json.Valid(b) {
		return
	}
	eachString(b, func(_, s string) {
		f.find([]byte(s), report) // without the escapes of JSON
		for _, decode := range []func(string) ([]byte, error){
			hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
			base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
			func(s string) ([]byte, error) { return []byte(s), nil },
		} {
			if inner, err := decode(s); err == nil && len(inner) >= shortest {
				f.unwrap(inner, levels-1, report)
			}
		}
	})
}

// forms returns every form in which a value may be looked for.
func forms(value string) []needle {
	short := len(value) < 8
	out := []needle{{form: "as it is", b: []byte(value), word: short}}
	text := map[string]bool{value: true}
	for _, v := range []string{strings.ToLower(value), strings.ToUpper(value)} {
		if !text[v] {
			text[v] = true
			out = append(out, needle{form: "in another case", b: []byte(v), word: short})
		}
	}
	if !short {
		out = append(out, encoded("as it is", []byte(value))...)
	}
	for v := range text {
		for _, ending := range []string{"", "\n"} {
			for name, sum := range digests([]byte(v + ending)) {
				// A part of a digest is as good as the whole.
				out = append(out, needle{form: name, b: sum[:16]})
				out = append(out, encoded(name, sum[:15])...)
			}
		}
	}
	return out
}

// digests are the plain ones: whoever guesses the value can compute them.
func digests(b []byte) map[string][]byte {
	s256, s512, s384, s1, m5 := sha256.Sum256(b), sha512.Sum512(b), sha512.Sum384(b), sha1.Sum(b), md5.Sum(b)
	return map[string][]byte{"its SHA-256": s256[:], "its SHA-512": s512[:], "its SHA-384": s384[:], "its SHA-1": s1[:], "its MD5": m5[:]}
}

// encoded returns hexadecimal in both cases, and base64 in both alphabets as it
// looks wherever in a longer text the bytes begin.
func encoded(form string, b []byte) []needle {
	h := hex.EncodeToString(b)
	out := []needle{{form: form + ", in hexadecimal", b: []byte(h)}, {form: form + ", in hexadecimal", b: []byte(strings.ToUpper(h))}}
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := e.EncodeToString(append(make([]byte, before), b...))
			// Characters that the neighbours have a part in are left out.
			from, to := (before*8+5)/6, (before+len(b))*8/6
			out = append(out, needle{form: form + ", in base64", b: []byte(text[from:to])})
		}
	}
	return out
}
