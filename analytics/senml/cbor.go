package senml

import (
	"encoding/base64"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// decoding is strict: no name twice, nothing of unknown length in excess, no depth that
// a pack has not.
var decoding = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: 8, MaxArrayElements: 16 * MaxRecords, MaxMapPairs: 64,
		UTF8: cbor.UTF8RejectInvalid, BignumTag: cbor.BignumTagForbidden, TimeTag: cbor.DecTagIgnored, IntDec: cbor.IntDecConvertNone,
	}.DecMode()
	if err != nil {
		panic("senml: the options of the CBOR decoder are wrong: " + err.Error())
	}
	return m
}()

// labelsCBOR are the labels of CBOR and what they are (RFC 8428, section 6).
var labelsCBOR = map[any]string{
	int64(-2): "bn", int64(-3): "bt", int64(-4): "bu", int64(-5): "bv", int64(-6): "bs", int64(-1): "bver",
	uint64(0): "n", uint64(1): "u", uint64(2): "v", uint64(3): "vs", uint64(4): "vb", uint64(5): "s", uint64(6): "t", uint64(7): "ut", uint64(8): "vd", "vlo": "vlo",
}

// ReadCBOR reads a pack in CBOR (application/senml+cbor), which was received at now. It
// fails with a Problem, invalid or too_large, that repeats nothing.
func ReadCBOR(b []byte, now time.Time) ([]Record, error) {
	if len(b) > maxBytes {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the pack has more than %d bytes", maxBytes)
	}
	var raw []map[any]any
	if decoding.Unmarshal(b, &raw) != nil {
		return nil, invalid(-1, "must be a CBOR array of records, none of which has a label twice")
	}
	for _, m := range raw {
		for k, v := range m {
			if data, ok := v.([]byte); ok {
				m[k] = base64.RawURLEncoding.EncodeToString(data)
				if k != any(uint64(8)) {
					return nil, invalid(-1, "has bytes that are no vd")
				}
			}
		}
	}
	return resolve(raw, now, labelsCBOR)
}

// Check judges whether b is one CBOR item (application/cbor) within bounds, without
// looking at what it says. It fails with a Problem.
func Check(b []byte) error {
	if len(b) > maxBytes {
		return ledger.Problemf(ledger.CodeTooLarge, "the item has more than %d bytes", maxBytes)
	}
	if decoding.Wellformed(b) != nil {
		p := ledger.Problemf(ledger.CodeInvalid, "the reading is no CBOR")
		p.Faults = []ledger.Fault{{Field: "body", Detail: "must be one CBOR item, nested at most 8 deep"}}
		return p
	}
	return nil
}
