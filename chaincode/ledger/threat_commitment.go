package ledger

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// MaxRecipients bounds to how many organisations one sealed report goes.
const MaxRecipients = 256

// saltSize is the size of a commitment's salt, in bytes.
const saltSize = 32

// threatOpening is what a sealed report's commitment is over. Its fields stand
// in the order of their names and hold no character that JSON encoders write in
// two ways, so that its encoding is canonical (RFC 8785).
type threatOpening struct {
	Body       string   `json:"body"`
	Marking    string   `json:"marking"`
	Recipients []string `json:"recipients"`
	Salt       string   `json:"salt"`
	Sender     string   `json:"sender"`
}

// ThreatCommitment returns under which digest a sealed report stands on the
// ledger: Digest("threat-commitment", o), in which o is the canonical JSON (RFC
// 8785) of an object with the members body (SHA-256 of the body's bytes, hex),
// marking, recipients (MSP ids, sorted, each once), salt (hex) and sender (MSP
// id). Whoever holds all of them can check it; without the salt, of 32 random
// bytes drawn anew for each report, nobody can guess any of them.
//
// It returns a Problem with code invalid for what no report can have: a salt of
// another size, a marking that does not seal, no recipients or too many, the
// sender among them. Recipients may come in any order.
func ThreatCommitment(salt []byte, bodyDigest, marking, sender string, recipients []string) (string, error) {
	var c check
	if len(salt) != saltSize {
		c.fail("salt", "must have %d bytes", saltSize)
	}
	c.digest("bodyDigest", bodyDigest)
	if !Sealed(marking) {
		c.fail("marking", "must be %s, %s or %s", TLPAmber, TLPAmberStrict, TLPRed)
	}
	c.token("sender", sender, 64)
	named := slices.Clone(recipients)
	slices.Sort(named)
	named = slices.Compact(named)
	if len(named) == 0 || len(named) > MaxRecipients {
		c.fail("recipients", "must be 1 to %d organisations", MaxRecipients)
	}
	for i, r := range named {
		at := fmt.Sprintf("recipients[%d]", i)
		c.token(at, r, 64)
		if r == sender {
			c.fail(at, "must not be the sender")
		}
	}
	if err := c.problem("the sealed report"); err != nil {
		return "", err
	}
	opening, err := json.Marshal(&threatOpening{
		Body: bodyDigest, Marking: marking, Recipients: named, Salt: hex.EncodeToString(salt), Sender: sender,
	})
	if err != nil {
		return "", fmt.Errorf("encoding the sealed report: %w", err)
	}
	return Digest("threat-commitment", opening), nil
}
