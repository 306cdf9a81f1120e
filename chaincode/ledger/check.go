package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds on what a request may carry.
const (
	MaxName       = 200      // characters of a name or version
	MaxProof      = 64       // hashes in a consistency proof
	MaxCheckpoint = 4 << 10  // bytes of a signed checkpoint
	MaxRequest    = 64 << 10 // bytes of a whole encoded request; see MaxRequestOf
)

// MaxRequestOf returns how many bytes the whole encoded request of a transaction
// may have: MaxRequest, and more where one request lists many records.
func MaxRequestOf(name string) int {
	switch name {
	case DeviceRegisterUnits:
		return maxUnitsRequest
	case ThreatShare:
		return maxRelayRequest // a share for each member
	}
	return MaxRequest
}

// check collects the faults of a request, so that all are told at once.
type check struct{ faults []Fault }

func (c *check) fail(field, format string, args ...any) {
	c.faults = append(c.faults, Fault{Field: field, Detail: fmt.Sprintf(format, args...)})
}

// digest wants the lower-case hexadecimal form of 32 bytes, as of a SHA-256
// digest.
func (c *check) digest(field, s string) {
	const digits = 2 * sha256.Size
	if _, err := hex.DecodeString(s); err != nil || len(s) != digits || strings.ToLower(s) != s {
		c.fail(field, "must be %d lower-case hexadecimal digits", digits)
	}
}

// text wants 1 to MaxName printable characters of valid UTF-8 without leading or
// trailing space.
func (c *check) text(field, s string) {
	switch {
	case s == "":
		c.fail(field, "must not be empty")
	case !utf8.ValidString(s):
		c.fail(field, "must be valid UTF-8")
	case utf8.RuneCountInString(s) > MaxName:
		c.fail(field, "must have at most %d characters", MaxName)
	case strings.TrimSpace(s) != s:
		c.fail(field, "must not begin or end with space")
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		c.fail(field, "must hold printable characters only")
	}
}

// token wants 1 to limit characters of letters, digits and "-._:/": text that
// can stand in a key, a path or a header.
func (c *check) token(field, s string, limit int) {
	c.drawn(field, s, limit, "-._:/")
}

// gs1Marks are what GS1 character set 82 has besides letters and digits (GS1
// General Specifications, figure 7.11-1). A lot is of that set (AI 10).
const gs1Marks = `!"%&'()*+,-./:;<=>?_`

// lot wants 1 to 64 characters of GS1 character set 82.
func (c *check) lot(field, s string) { c.drawn(field, s, 64, gs1Marks) }

// version wants 1 to 64 characters of GS1 character set 82 and the tilde, which
// package versions have.
func (c *check) version(field, s string) { c.drawn(field, s, 64, gs1Marks+"~") }

// drawn wants 1 to limit characters of letters, digits and marks.
func (c *check) drawn(field, s string, limit int, marks string) {
	if s == "" || len(s) > limit || strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(marks, r))
	}) {
		c.fail(field, "must be 1 to %d characters of letters, digits and %s", limit, marks)
	}
}

// revision wants 1 to MaxRevision: what a change makes.
func (c *check) revision(field string, n int) {
	if n < 1 || n > MaxRevision {
		c.fail(field, "must be 1 to %d", MaxRevision)
	}
}

func (c *check) oneOf(field, s string, allowed ...string) {
	for _, a := range allowed {
		if s == a {
			return
		}
	}
	c.fail(field, "must be one of %s", strings.Join(allowed, ", "))
}

func (c *check) httpURL(field, s string) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil ||
		u.RawQuery != "" || u.Fragment != "" || len(s) > MaxName {
		c.fail(field, "must be an http or https address without user, query and fragment")
	}
}

// problem returns nil when nothing was wrong.
func (c *check) problem(what string) error {
	if len(c.faults) == 0 {
		return nil
	}
	return &Problem{Code: CodeInvalid, Detail: what + " is not valid", Faults: c.faults}
}
