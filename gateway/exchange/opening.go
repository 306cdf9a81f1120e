package exchange

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// opening is what a commitment is over, beside the body: whoever is named learns who else
// is, since they are whom it may talk to about the report.
type opening struct {
	V          int      `json:"v"`
	Marking    string   `json:"marking"`
	Recipients []string `json:"recipients"` // MSP ids, sorted, each once
	Salt       string   `json:"salt"`       // 32 bytes, hexadecimal digits
	Sender     string   `json:"sender"`     // MSP id
	Size       int      `json:"size"`       // of the body, in bytes
}

// maxOpening bounds an opening: the names of ledger.MaxRecipients organisations.
const maxOpening = 32 << 10

var openingLimits = strictjson.Limits{Bytes: maxOpening, Depth: 3, Values: ledger.MaxRecipients + 64}

// frame puts an opening before a body, behind its length in four bytes. What stands
// behind the body, if anything, stays with who kept it.
func frame(o *opening, body, behind []byte) ([]byte, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encoding what a report is committed to: %w", err)
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(text)+len(body)+len(behind)), uint32(len(text))) //nolint:gosec // bounded
	b = append(b, text...)
	b = append(b, body...)
	return append(b, behind...), nil
}

// unframe reads what frame made.
func unframe(b []byte) (o *opening, body, behind []byte, err error) {
	bad := ledger.Problemf(ledger.CodeInvalid, "what was sealed is not a report with what it is committed to")
	if len(b) < 4 {
		return nil, nil, nil, bad
	}
	size := binary.BigEndian.Uint32(b)
	if size > maxOpening || int(size) > len(b)-4 {
		return nil, nil, nil, bad
	}
	text := b[4 : 4+size]
	if err := strictjson.Check("what the report is committed to", text, openingLimits); err != nil {
		return nil, nil, nil, err
	}
	o = &opening{}
	rest := b[4+size:]
	if err := json.Unmarshal(text, o); err != nil || o.V != 1 || o.Size < 1 || o.Size > ledger.MaxThreatBody || o.Size > len(rest) {
		return nil, nil, nil, bad
	}
	return o, rest[:o.Size], rest[o.Size:], nil
}

// commitment computes under which digest the report stands on the ledger.
func (o *opening) commitment(body []byte) (string, error) {
	salt, err := hex.DecodeString(o.Salt)
	if err != nil {
		return "", ledger.Problemf(ledger.CodeInvalid, "the report comes without its salt")
	}
	return ledger.ThreatCommitment(salt, ledger.BodyDigest(body), o.Marking, o.Sender, o.Recipients)
}

// holders are all who hold the report but one: its sharer and those it named.
func (o *opening) holders(but string) []string {
	return slices.DeleteFunc(append([]string{o.Sender}, o.Recipients...), func(m string) bool { return m == but })
}
