package eat

import (
	"encoding/hex"
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// formatCoSWID is the CoAP content format of application/swid+cbor (RFC 9393,
// section 6.7), in which measurements come (RFC 9711, section 4.2.16).
const formatCoSWID = int64(258)

// Labels of CoSWID (RFC 9393, section 2).
const (
	swidTagID      = int64(0)
	swidName       = int64(1)
	swidEntity     = int64(2)
	swidEvidence   = int64(3)
	swidHash       = int64(7)
	swidTagVersion = int64(12)
	swidVersion    = int64(13)
	swidFile       = int64(17)
	swidFileName   = int64(24)
	swidEntityName = int64(31)
	swidRole       = int64(33)
	swidTagCreator = int64(1)
)

// hashes are the algorithms of CoSWID's hash entries (IANA, "Named Information Hash
// Algorithm").
var hashes = map[int64]struct {
	name string
	size int
}{1: {ledger.HashSHA256, 32}, 7: {ledger.HashSHA384, 48}, 8: {ledger.HashSHA512, 64}}

// readMeasurements reads the claim: pairs of a format and bytes.
func readMeasurements(v any) ([]ledger.Measurement, error) {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, invalid("measurements must be a list of pairs")
	}
	var all []ledger.Measurement
	for _, one := range list {
		pair, ok := one.([]any)
		if !ok || len(pair) != 2 || pair[0] != formatCoSWID {
			return nil, invalid("measurements must be pairs of the format 258 and a CoSWID")
		}
		body, ok := pair[1].([]byte)
		if !ok {
			return nil, invalid("measurements must be pairs of the format 258 and a CoSWID")
		}
		found, err := readCoSWID(body)
		if err != nil {
			return nil, err
		}
		if all = append(all, found...); len(all) > MaxMeasurements {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "a token has at most %d measurements", MaxMeasurements)
		}
	}
	seen := map[[2]string]bool{}
	for _, m := range all {
		if key := [2]string{m.Name, m.Alg}; seen[key] {
			return nil, invalid("a part of the software is measured twice")
		} else {
			seen[key] = true
		}
	}
	return all, nil
}

// readCoSWID reads the files of a tag's evidence.
func readCoSWID(b []byte) ([]ledger.Measurement, error) {
	var tag members
	if err := decode(b, &tag, "a CoSWID"); err != nil {
		return nil, err
	}
	evidence, ok := tag[swidEvidence].(map[any]any)
	if !ok {
		return nil, invalid("a CoSWID must have evidence: what was measured, and not what ought to be")
	}
	files, ok := evidence[swidFile].([]any)
	if !ok { // one stands without a list around it
		files = []any{evidence[swidFile]}
	}
	if len(files) > MaxMeasurements {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a token has at most %d measurements", MaxMeasurements)
	}
	found := make([]ledger.Measurement, 0, len(files))
	for _, f := range files {
		m, ok := f.(map[any]any)
		if !ok {
			return nil, invalid("a CoSWID's evidence must be of files")
		}
		name, err := members(m).text(swidFileName, "a file's name")
		if err != nil {
			return nil, err
		}
		alg, digest, err := readHash(m[swidHash])
		if err != nil {
			return nil, err
		}
		if name == "" {
			return nil, invalid("a file in a CoSWID must have a name")
		}
		found = append(found, ledger.Measurement{Name: name, Alg: alg, Digest: digest})
	}
	return found, nil
}

func readHash(v any) (alg, digest string, err error) {
	entry, ok := v.([]any)
	if !ok || len(entry) != 2 {
		return "", "", invalid("a file in a CoSWID must have a hash")
	}
	id, _ := entry[0].(int64)
	sum, _ := entry[1].([]byte)
	known, ok := hashes[id]
	if !ok || len(sum) != known.size {
		return "", "", invalid("a hash must be of SHA-256, SHA-384 or SHA-512, and whole")
	}
	return known.name, hex.EncodeToString(sum), nil
}

// encodeCoSWID makes a tag with evidence of what was measured.
func encodeCoSWID(c *Claims) ([]byte, error) {
	files := make([]any, 0, len(c.Measured))
	for _, m := range c.Measured {
		sum, err := hex.DecodeString(m.Digest)
		var id int64
		for n, h := range hashes {
			if h.name == m.Alg && h.size == len(sum) {
				id = n
			}
		}
		if err != nil || id == 0 || m.Name == "" {
			return nil, invalid("a measurement must have a name, and a digest of its algorithm's length")
		}
		files = append(files, members{swidFileName: m.Name, swidHash: []any{id, sum}})
	}
	name := c.Software
	if name == "" {
		name = "software"
	}
	tag := members{
		swidTagID: slices.Concat([]byte{}, c.Unit[:16]), swidTagVersion: 0, swidName: name,
		swidEntity:   members{swidEntityName: "the device", swidRole: swidTagCreator},
		swidEvidence: members{swidFile: files},
	}
	if c.Version != "" {
		tag[swidVersion] = c.Version
	}
	return encode(tag)
}
