package mdoc

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds on what is read.
const (
	MaxBytes    = 256 << 10 // of an IssuerSigned or a DeviceResponse
	MaxElements = 256       // of a credential, in all name spaces together
)

// The tags that an mdoc uses (ISO/IEC 18013-5, section 7.1; RFC 8943).
const (
	tagDateTime = 0
	tagEmbedded = 24
	tagDate     = 1004
)

var (
	encoder = encMode()
	decoder = decMode()
)

func encMode() cbor.EncMode {
	o := cbor.CoreDetEncOptions()
	o.Time, o.TimeTag = cbor.TimeRFC3339, cbor.EncTagRequired // a tdate, without fractions
	m, err := o.EncMode()
	if err != nil {
		panic(err)
	}
	return m
}

func decMode() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive, UTF8: cbor.UTF8RejectInvalid,
		MaxNestedLevels: 16, MaxArrayElements: 4 * MaxElements, MaxMapPairs: 4 * MaxElements,
		TimeTag: cbor.DecTagRequired, BignumTag: cbor.BignumTagForbidden,
		NaN: cbor.NaNDecodeForbidden, Inf: cbor.InfDecodeForbidden,
		IntDec: cbor.IntDecConvertSignedOrFail, DefaultMapType: reflect.TypeFor[map[string]any](),
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}

func encode(v any) ([]byte, error) {
	b, err := encoder.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding CBOR: %w", err)
	}
	return b, nil
}

// decode reads one value and nothing behind it. The decoder's own words are not
// passed on, as they may repeat what was sent.
func decode(b []byte, v any, what string) error {
	if err := decoder.Unmarshal(b, v); err != nil {
		return invalid("%s cannot be read", what)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return ledger.Problemf(ledger.CodeInvalid, format, args...)
}

// embedded is CBOR in a byte string of tag 24. Digests and signatures are over the
// bytes as they came, which another encoder might write otherwise.
type embedded struct {
	whole []byte // with the tag
	inner []byte
}

func embed(v any) (embedded, error) {
	inner, err := encode(v)
	if err != nil {
		return embedded{}, err
	}
	whole, err := encode(cbor.Tag{Number: tagEmbedded, Content: inner})
	return embedded{whole, inner}, err
}

// MarshalCBOR returns the bytes as they came.
func (e embedded) MarshalCBOR() ([]byte, error) { return e.whole, nil }

// UnmarshalCBOR keeps the bytes.
func (e *embedded) UnmarshalCBOR(b []byte) error {
	var tag cbor.RawTag
	if err := decoder.Unmarshal(b, &tag); err != nil {
		return fmt.Errorf("reading embedded CBOR: %w", err)
	}
	const byteString = 2
	if tag.Number != tagEmbedded || len(tag.Content) == 0 || tag.Content[0]>>5 != byteString {
		return errors.New("reading embedded CBOR: it is no byte string of tag 24")
	}
	e.whole = bytes.Clone(b)
	if err := decoder.Unmarshal(tag.Content, &e.inner); err != nil {
		return fmt.Errorf("reading embedded CBOR: %w", err)
	}
	return nil
}

// Date is an element's value that is a day, as in "1985-11-30" (RFC 8943, section
// 2.2: full-date).
type Date string

const dateLayout = "2006-01-02"

// MarshalCBOR refuses what is no day.
func (d Date) MarshalCBOR() ([]byte, error) {
	if _, err := time.Parse(dateLayout, string(d)); err != nil {
		return nil, errors.New("encoding a date: it is no day")
	}
	return encode(cbor.Tag{Number: tagDate, Content: string(d)})
}

// tdate is a time in whole seconds of UTC (ISO/IEC 18013-5, section 7.2.1).
type tdate struct{ time.Time }

const tdateLayout = "2006-01-02T15:04:05Z"

// MarshalCBOR writes the one form that there is.
func (t tdate) MarshalCBOR() ([]byte, error) {
	return encode(cbor.Tag{Number: tagDateTime, Content: t.UTC().Format(tdateLayout)})
}

// UnmarshalCBOR refuses fractions and offsets, which two readers might round
// differently.
func (t *tdate) UnmarshalCBOR(b []byte) error {
	var tag cbor.RawTag
	if err := decoder.Unmarshal(b, &tag); err != nil {
		return fmt.Errorf("reading a time: %w", err)
	}
	var s string
	if err := decoder.Unmarshal(tag.Content, &s); err != nil {
		return fmt.Errorf("reading a time: %w", err)
	}
	at, err := time.Parse(tdateLayout, s)
	if err != nil || tag.Number != tagDateTime || at.Format(tdateLayout) != s { // Parse takes fractions that the layout does not have
		return errors.New("reading a time: it is not in whole seconds of UTC")
	}
	t.Time = at
	return nil
}

// plain turns an element's decoded value into what a caller may look at: nil,
// bool, int64, float64, string, []byte, Date, time.Time, and []any and
// map[string]any of these.
func plain(v any) (any, error) {
	switch v := v.(type) {
	case cbor.Tag:
		s, ok := v.Content.(string)
		if _, err := time.Parse(dateLayout, s); !ok || err != nil || v.Number != tagDate {
			return nil, invalid("an element's value has a tag that is not known")
		}
		return Date(s), nil
	case []any:
		list := slices.Clone(v)
		for i := range list {
			var err error
			if list[i], err = plain(list[i]); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		o := make(map[string]any, len(v))
		for name, member := range v {
			var err error
			if o[name], err = plain(member); err != nil {
				return nil, err
			}
		}
		return o, nil
	case cbor.SimpleValue:
		return nil, invalid("an element's value has a simple value that is not known")
	}
	return v, nil
}
