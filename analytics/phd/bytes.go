package phd

import (
	"encoding/binary"
	"time"
)

// reader reads a characteristic's value, least significant byte first. After the first
// read beyond the end all are zero, and short says so.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.short, r.b = true, nil
		return make([]byte, n)
	}
	head := r.b[:n]
	r.b = r.b[n:]
	return head
}

func (r *reader) u8() int { return int(r.take(1)[0]) }

func (r *reader) u16() int { return int(binary.LittleEndian.Uint16(r.take(2))) }

func (r *reader) u24() int {
	b := r.take(3)
	return int(b[0]) | int(b[1])<<8 | int(b[2])<<16
}

func (r *reader) sfloat() number { return sfloat(binary.LittleEndian.Uint16(r.take(2))) }

func (r *reader) float() number { return float(binary.LittleEndian.Uint32(r.take(4))) }

// stamp is a device's date and time, by its own clock and in no zone.
type stamp struct {
	at    time.Time // in UTC, which says nothing of the zone
	known bool      // false: the device says that it does not know
}

// stamp reads a Date Time (0x2A08). Year, month or day 0 mean that it is not known;
// what is no date at all is a fault.
func (r *reader) stamp() (s stamp, ok bool) {
	year, month, day := r.u16(), r.u8(), r.u8()
	hour, minute, second := r.u8(), r.u8(), r.u8()
	if r.short || month > 12 || day > 31 || hour > 23 || minute > 59 || second > 59 || year > 9999 || year > 0 && year < 1582 {
		return s, r.short
	}
	if year == 0 || month == 0 || day == 0 {
		return s, true
	}
	s.at = time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	s.known = s.at.Day() == day // February has no 30th
	return s, s.known
}
