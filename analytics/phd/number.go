package phd

import (
	"encoding/json"
	"strconv"
	"strings"
)

// absent is why there is no value: a code of FHIR's data-absent-reason.
type absent string

const (
	notANumber       absent = "not-a-number"
	positiveInfinity absent = "positive-infinity"
	negativeInfinity absent = "negative-infinity"
	unsupported      absent = "unsupported" // the device could not express it
	inError          absent = "error"
	notPerformed     absent = "not-performed"
	temporarily      absent = "temp-unknown"
	unknown          absent = "unknown"
)

// number is a decimal number, exactly as the device has it: mantissa times ten to the
// power of exponent. Digits behind the point say how precise it is, and are kept.
type number struct {
	mantissa int64
	exponent int
	absent   absent // not empty: there is no number
}

// sfloat reads the 16-bit float of IEEE 11073-20601: an exponent of 4 bits and a
// mantissa of 12, both in two's complement. Five mantissas at exponent 0 are special.
func sfloat(b uint16) number {
	mantissa, exponent := int64(b&0x0fff), int(b>>12)
	if mantissa >= 0x0800 {
		mantissa -= 0x1000
	}
	if exponent >= 8 {
		exponent -= 16
	}
	if exponent == 0 {
		if a := special(mantissa, 0x07fe); a != "" {
			return number{absent: a}
		}
	}
	return number{mantissa: mantissa, exponent: exponent}
}

// float reads the 32-bit float of IEEE 11073-20601: an exponent of 8 bits and a
// mantissa of 24, both in two's complement.
func float(b uint32) number {
	mantissa, exponent := int64(b&0x00ff_ffff), int(int8(b>>24)) //nolint:gosec // the sign is meant
	if mantissa >= 0x0080_0000 {
		mantissa -= 0x0100_0000
	}
	if exponent == 0 {
		if a := special(mantissa, 0x007f_fffe); a != "" {
			return number{absent: a}
		}
	}
	return number{mantissa: mantissa, exponent: exponent}
}

// special says which of the special values a mantissa is, of which infinity is the
// greatest but one: +INFINITY, NaN, and in two's complement NRes, reserved, -INFINITY.
func special(mantissa, infinity int64) absent {
	switch mantissa {
	case infinity:
		return positiveInfinity
	case infinity + 1:
		return notANumber
	case -infinity - 2: // 0x800: not at this resolution
		return unsupported
	case -infinity - 1: // 0x801: reserved
		return inError
	case -infinity: // 0x802
		return negativeInfinity
	}
	return ""
}

// times is a number times a power of ten: another unit, nothing of it lost.
func (n number) times(power int) number {
	n.exponent += power
	return n
}

// longest is how many digits a number is written with on each side of its point; what
// has more is written with a power of ten.
const longest = 18

// json writes a number as FHIR's decimal.
func (n number) json() json.Number {
	digits := strconv.FormatInt(n.mantissa, 10)
	sign := ""
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = "-", rest
	}
	switch {
	case n.exponent == 0 || n.mantissa == 0 && n.exponent > 0:
	case len(digits)+n.exponent > longest || n.exponent < -longest:
		digits += "e" + strconv.Itoa(n.exponent)
	case n.exponent > 0:
		digits += strings.Repeat("0", n.exponent)
	default:
		if short := 1 - n.exponent - len(digits); short > 0 {
			digits = strings.Repeat("0", short) + digits
		}
		point := len(digits) + n.exponent
		digits = digits[:point] + "." + digits[point:]
	}
	return json.Number(sign + digits)
}
