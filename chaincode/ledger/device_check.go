package ledger

import (
	"fmt"
	"regexp"
	"time"
)

var (
	cvePattern     = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,12}$`)
	srnPattern     = regexp.MustCompile(`^[A-Z]{2}-[A-Z]{2}-[0-9]{9}$`) // EUDAMED: country, role of the actor, number
	compactPattern = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)
)

// step wants what every step of a unit states.
func (c *check) step(id string, revision int) {
	c.digest("id", id)
	c.revision("revision", revision)
}

func (c *check) optionalDigest(field, s string) {
	if s != "" {
		c.digest(field, s)
	}
}

// unitKeys wants the keys of a unit, where it has them; at stands before the
// names of the fields.
func (c *check) unitKeys(at, publicKey, iDevID string) {
	if publicKey != "" {
		c.publicKey(at+"publicKey", publicKey)
	}
	c.optionalDigest(at+"iDevId", iDevID)
}

// recalled wants what a recall names.
func (c *check) recalled(di, kind, value string) {
	c.token("di", di, 64)
	c.oneOf("kind", kind, RecallLot, RecallRelease)
	switch kind {
	case RecallLot:
		c.lot("value", value)
	case RecallRelease:
		c.version("value", value)
	}
}

// date wants a day that exists, as 2031-12-31 (RFC 3339, full-date).
func (c *check) date(field, s string) {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		c.fail(field, "must be a day, as 2031-12-31")
	}
}

func (c *check) srn(field, s string) {
	if !srnPattern.MatchString(s) {
		c.fail(field, "must be a single registration number, as XX-MF-000000000")
	}
}

// fixes wants CVE ids, each once.
func (c *check) fixes(field string, ids []string) {
	if len(ids) > MaxFixes {
		c.fail(field, "must be at most %d", MaxFixes)
		return
	}
	seen := map[string]struct{}{}
	for i, id := range ids {
		at := fmt.Sprintf("%s[%d]", field, i)
		if !cvePattern.MatchString(id) {
			c.fail(at, "must be a CVE id")
		} else if _, twice := seen[id]; twice {
			c.fail(at, "must not stand there twice")
		}
		seen[id] = struct{}{}
	}
}

// compact wants the look of a compact JWS (RFC 7515, section 7.1).
func (c *check) compact(field, s string, limit int) {
	if len(s) > limit || !compactPattern.MatchString(s) {
		c.fail(field, "must be a compact JWS of at most %d bytes", limit)
	}
}
