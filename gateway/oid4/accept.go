package oid4

import (
	"mime"
	"strconv"
	"strings"
)

// maxAccept bounds how many types a caller may list.
const maxAccept = 16

// prefers reports whether a caller asks for a media type by its name, and not less
// than for another (RFC 9110, section 12.5.1). Whoever takes anything gets the other.
func prefers(accept []string, one, other string) bool {
	weight := func(typ string) (q float64) {
		ranges := strings.Split(strings.Join(accept, ","), ",")
		if len(ranges) > maxAccept {
			return 0
		}
		for _, r := range ranges {
			got, params, err := mime.ParseMediaType(strings.TrimSpace(r))
			if err != nil || got != typ {
				continue
			}
			said, there := params["q"]
			if !there {
				return 1
			}
			if v, err := strconv.ParseFloat(said, 64); err == nil && v <= 1 {
				q = max(q, v)
			}
		}
		return q
	}
	w := weight(one)
	return w > 0 && w >= weight(other)
}
