package verify

import (
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// MaxJWS bounds a compact JWS, in bytes.
const MaxJWS = 16 << 10

// JWS is a compact JWS (RFC 7515, section 7.1) taken apart. Nothing of it is
// verified until Verify agrees.
type JWS struct {
	Algorithm string // AlgEdDSA or AlgES256
	Type      string // "typ"; empty when absent
	KeyID     string // "kid"; empty when absent
	Payload   []byte

	signed    string
	signature []byte
	spare     bool // its header says more than alg, typ and kid
}

// ParseJWS takes a compact JWS apart. Strictly: three parts of base64url that
// have no other text, a header without a name twice, one of two algorithms,
// nothing that the header says must be understood ("crit", RFC 7515, section
// 4.1.11). Where a header carries a key or a place to fetch one ("jwk", "jku",
// "x5c"), it is not looked at: keys come from elsewhere.
func ParseJWS(s string) (*JWS, error) { return parseJWS(s, MaxJWS) }

// ParseJWSWithin is [ParseJWS] for documents that are larger, within a bound in bytes.
func ParseJWSWithin(s string, limit int) (*JWS, error) { return parseJWS(s, limit) }

func parseJWS(s string, limit int) (*JWS, error) {
	if len(s) > limit {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a signed token has at most %d bytes", limit)
	}
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return nil, invalid("a signed token has three parts")
	}
	var decoded [3][]byte
	for i, p := range parts {
		var ok bool
		if decoded[i], ok = decodeSegment(p); !ok {
			return nil, invalid("a part of the signed token is not base64url without padding")
		}
	}
	j := &JWS{Payload: decoded[1], signed: parts[0] + "." + parts[1], signature: decoded[2]}
	if err := j.readHeader(decoded[0]); err != nil {
		return nil, err
	}
	return j, nil
}

func (j *JWS) readHeader(b []byte) error {
	header, err := parseObject(b)
	if err != nil {
		return invalid("the token's header is not a JSON object of one meaning")
	}
	for _, critical := range []string{"crit", "b64", "zip"} {
		if _, there := header[critical]; there {
			return invalid("the token's header asks for what is not understood")
		}
	}
	for name, to := range map[string]*string{"alg": &j.Algorithm, "typ": &j.Type, "kid": &j.KeyID} {
		if *to, err = header.text(name); err != nil {
			return invalid("the token's header has a member of another type")
		}
	}
	for name := range header {
		j.spare = j.spare || name != "alg" && name != "typ" && name != "kid"
	}
	if j.Algorithm != AlgEdDSA && j.Algorithm != AlgES256 {
		return invalid("the token's algorithm must be %s or %s", AlgEdDSA, AlgES256)
	}
	return nil
}

// Bare refuses a token whose header says more than alg, typ and kid. What a ledger
// keeps for ever must be bare: a certificate ("x5c") or any member that nobody
// looks at could name a person.
func (j *JWS) Bare() error {
	if j.spare {
		return invalid("the header of a signature that is kept says alg, typ and kid, and nothing else")
	}
	return nil
}

// Verify checks that the key signed the token under the key's own algorithm.
func (j *JWS) Verify(key *Key) error {
	if j.Algorithm != key.Algorithm() {
		return invalid("the token's algorithm is not its key's")
	}
	if !key.Verify([]byte(j.signed), j.signature) {
		return invalid("the token is not signed by the expected key")
	}
	return nil
}
