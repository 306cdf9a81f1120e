package ledger

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// The hash algorithms of measurements, by their names in the IANA registry "Named
// Information Hash Algorithms".
const (
	HashSHA256 = "sha-256"
	HashSHA384 = "sha-384"
	HashSHA512 = "sha-512"
)

// MaxMeasurements is how many a release states.
const MaxMeasurements = 32

// Measurement is the digest of a part of a release's software, as a unit that runs
// the release measures it when it starts: an image, a partition, a file.
type Measurement struct {
	Name   string `json:"name"`   // of the part, as the unit reports it: 1 to 64 characters of letters, digits and "-._:/"
	Alg    string `json:"alg"`    // HashSHA256, HashSHA384 or HashSHA512
	Digest string `json:"digest"` // lower-case hex
}

// hashSizes are the algorithms' digests in bytes.
var hashSizes = map[string]int{HashSHA256: 32, HashSHA384: 48, HashSHA512: 64}

// CheckMeasurements returns a Problem that lists every fault of what a release is to
// state.
func CheckMeasurements(list []Measurement) error {
	var c check
	c.measurements("measurements", list)
	return c.problem("what the release measures")
}

// measurements wants at most MaxMeasurements, of which none has another's name and
// algorithm: of two values for one thing nobody could say which is meant.
func (c *check) measurements(field string, list []Measurement) {
	if len(list) > MaxMeasurements {
		c.fail(field, "must be at most %d", MaxMeasurements)
		return
	}
	seen := map[[2]string]bool{}
	for i, m := range list {
		of := fmt.Sprintf("%s[%d].", field, i)
		c.token(of+"name", m.Name, 64)
		c.oneOf(of+"alg", m.Alg, HashSHA256, HashSHA384, HashSHA512)
		if size, known := hashSizes[m.Alg]; known {
			if b, err := hex.DecodeString(m.Digest); err != nil || len(b) != size || strings.ToLower(m.Digest) != m.Digest {
				c.fail(of+"digest", "must be %d lower-case hexadecimal digits", 2*size)
			}
		}
		if key := [2]string{m.Name, m.Alg}; seen[key] {
			c.fail(of+"name", "must not be there twice with one algorithm")
		} else {
			seen[key] = true
		}
	}
}
