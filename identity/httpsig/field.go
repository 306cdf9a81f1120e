package httpsig

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// input describes a signature (section 4.1).
type input struct {
	components []string
	params     string // as it came, which is what was signed
	keyID      string
	alg        string
	created    time.Time
	expires    time.Time
}

// maxComponents bounds what one signature covers.
const maxComponents = 16

// The form of the one dictionary member that is taken (RFC 9651, sections 3.1 to
// 3.3): a label, an inner list of strings without parameters, and parameters that
// are strings without escapes or integers.
var (
	member    = regexp.MustCompile(`^([a-z*][a-z0-9_.*-]{0,31})=(\(((?:"[!-~ ]+" ?)*)\)((?:;[a-z]+=(?:"[^"\\]*"|-?[0-9]{1,15}))*))$`)
	quoted    = regexp.MustCompile(`"([a-z@][a-z0-9-]*)"`)
	parameter = regexp.MustCompile(`;([a-z]+)=(?:"([ -~]*?)"|([0-9]{1,15}))`)
	sequence  = regexp.MustCompile(`^([a-z*][a-z0-9_.*-]{0,31})=:([A-Za-z0-9+/=]*):$`)
)

// parseInput reads a Signature-Input field of one signature.
func parseInput(text string) (label string, in *input, ok bool) {
	m := member.FindStringSubmatch(text)
	if m == nil {
		return "", nil, false
	}
	in = &input{params: m[2]}
	for _, c := range quoted.FindAllStringSubmatch(m[3], -1) {
		if slices.Contains(in.components, c[1]) {
			return "", nil, false
		}
		in.components = append(in.components, c[1])
	}
	// What the patterns do not take word for word was skipped: nothing may be.
	if len(in.components) > maxComponents || m[3] != list(in.components) {
		return "", nil, false
	}
	seen, taken := map[string]bool{}, 0
	for _, p := range parameter.FindAllStringSubmatch(m[4], -1) {
		if taken += len(p[0]); seen[p[1]] || !in.set(p[1], p[2], p[3]) {
			return "", nil, false
		}
		seen[p[1]] = true
	}
	return m[1], in, taken == len(m[4])
}

// list writes an inner list's content as it must have been.
func list(components []string) string {
	if len(components) == 0 {
		return ""
	}
	return `"` + strings.Join(components, `" "`) + `"`
}

// set takes a parameter over (section 2.3).
func (in *input) set(name, text, number string) bool {
	switch name {
	case "created", "expires":
		seconds, err := strconv.ParseInt(number, 10, 64)
		if err != nil || seconds <= 0 {
			return false
		}
		at := time.Unix(seconds, 0)
		if name == "created" {
			in.created = at
		} else {
			in.expires = at
		}
	case "keyid":
		in.keyID = text
	case "alg":
		in.alg = text
	case "nonce", "tag": // signed like all the rest, and not asked for
	default:
		return false
	}
	return number == "" || name == "created" || name == "expires"
}

// parseBytes reads a dictionary of one byte sequence.
func parseBytes(text string) (label string, b []byte, ok bool) {
	m := sequence.FindStringSubmatch(text)
	if m == nil {
		return "", nil, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(m[2])
	return m[1], b, err == nil
}
