package eat

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/fxamacker/cbor/v2"
)

var (
	encoder = encMode()
	decoder = decMode()
)

func encMode() cbor.EncMode {
	m, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return m
}

// decMode reads into plain values, so that what a map holds twice is found however
// deep it lies, also in claims that are not looked at.
func decMode() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, UTF8: cbor.UTF8RejectInvalid,
		MaxNestedLevels: 12, MaxArrayElements: 256, MaxMapPairs: 128,
		TimeTag: cbor.DecTagIgnored, BignumTag: cbor.BignumTagForbidden,
		NaN: cbor.NaNDecodeForbidden, Inf: cbor.InfDecodeForbidden,
		IntDec: cbor.IntDecConvertSignedOrFail, DefaultMapType: reflect.TypeFor[map[any]any](),
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}

// decode reads one value and nothing behind it. The decoder's own words are not
// passed on, as they may repeat what was sent.
func decode(b []byte, v any, what string) error {
	if err := decoder.Unmarshal(b, v); err != nil {
		return invalid("%s is not the CBOR that is asked for: definite lengths, no name twice, at most 12 levels", what)
	}
	return nil
}

func encode(v any) ([]byte, error) {
	b, err := encoder.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding CBOR: %w", err)
	}
	return b, nil
}

// members is a map with the labels that COSE, CWT and CoSWID use.
type members map[any]any

// text returns a member's text; what is there and no printable text, or longer than
// maxText, is refused: people are shown it.
func (m members) text(label int64, what string) (string, error) {
	v, there := m[label]
	if !there {
		return "", nil
	}
	s, ok := v.(string)
	if !ok || s == "" || len(s) > maxText || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", invalid("%s must be printable text of at most %d bytes", what, maxText)
	}
	return s, nil
}

// bytes returns a member's bytes; nil when it is not there.
func (m members) bytes(label int64, what string) ([]byte, error) {
	v, there := m[label]
	if !there {
		return nil, nil
	}
	b, ok := v.([]byte)
	if !ok || len(b) == 0 {
		return nil, invalid("%s must be bytes", what)
	}
	return b, nil
}
