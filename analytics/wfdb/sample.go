package wfdb

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// coding is how a format stores samples (signal(5)).
type coding struct {
	unit    int   // bytes that are decoded together
	samples int   // in a unit
	missing int32 // the value that says that there is none
	none    bool  // the format has no such value
}

var formats = map[int]coding{
	8:   {unit: 1, samples: 1, none: true},
	16:  {unit: 2, samples: 1, missing: -1 << 15},
	24:  {unit: 3, samples: 1, missing: -1 << 23},
	32:  {unit: 4, samples: 1, missing: -1 << 31},
	61:  {unit: 2, samples: 1, missing: -1 << 15},
	80:  {unit: 1, samples: 1, missing: -1 << 7},
	160: {unit: 2, samples: 1, missing: -1 << 15},
	212: {unit: 3, samples: 2, missing: -1 << 11},
	310: {unit: 4, samples: 3, missing: -1 << 9},
	311: {unit: 4, samples: 3, missing: -1 << 9},
}

// decoder reads the samples of a file, of which it holds a buffer.
type decoder struct {
	coding
	r      *bufio.Reader
	format int
	out    [3]int32
	left   int // samples in out that were not taken
	have   int // samples in out
}

func newDecoder(r io.Reader, format int) *decoder {
	return &decoder{coding: formats[format], r: bufio.NewReaderSize(r, 64<<10), format: format}
}

// next returns the next sample, or io.EOF. Of the format 8 it is a difference.
func (d *decoder) next() (int32, error) {
	if d.left == 0 {
		if err := d.fill(); err != nil {
			return 0, err
		}
	}
	v := d.out[d.have-d.left]
	d.left--
	return v, nil
}

// fill decodes the next unit. The last one of a file may be cut short behind a sample
// that is whole.
func (d *decoder) fill() error {
	b, err := d.r.Peek(d.unit)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading samples: %w", err)
	}
	n := d.samples
	if len(b) < d.unit {
		if n = d.whole(len(b)); n == 0 {
			return io.EOF
		}
	}
	d.decode(b)
	_, _ = d.r.Discard(len(b)) // they are there
	d.have, d.left = n, n
	return nil
}

// whole is how many samples so many bytes at the end of a file hold, which are fewer
// than a unit.
func (d *decoder) whole(n int) int {
	switch {
	case d.format == 212 && n == 2, d.format == 310 && n >= 2, d.format == 311 && n == 2:
		return 1
	case d.format == 311 && n == 3:
		return 2
	}
	return 0
}

func (d *decoder) decode(b []byte) {
	var u [4]byte
	copy(u[:], b)
	le := binary.LittleEndian
	switch d.format {
	case 8:
		d.out[0] = int32(int8(u[0])) //nolint:gosec // two's complement
	case 16:
		d.out[0] = int32(int16(le.Uint16(u[:]))) //nolint:gosec // two's complement
	case 24:
		d.out[0] = int32(le.Uint32(u[:])<<8) >> 8 //nolint:gosec // two's complement
	case 32:
		d.out[0] = int32(le.Uint32(u[:])) //nolint:gosec // two's complement
	case 61:
		d.out[0] = int32(int16(binary.BigEndian.Uint16(u[:]))) //nolint:gosec // two's complement
	case 80:
		d.out[0] = int32(u[0]) - 1<<7
	case 160:
		d.out[0] = int32(le.Uint16(u[:])) - 1<<15
	case 212:
		d.out[0] = signed(uint32(u[0])|uint32(u[1]&0x0f)<<8, 12)
		d.out[1] = signed(uint32(u[2])|uint32(u[1]&0xf0)<<4, 12)
	case 310:
		low, high := uint32(le.Uint16(u[:2])), uint32(le.Uint16(u[2:]))
		d.out[0] = signed(low>>1, 10)
		d.out[1] = signed(high>>1, 10)
		d.out[2] = signed(low>>11|high>>11<<5, 10)
	case 311:
		v := le.Uint32(u[:])
		d.out[0], d.out[1], d.out[2] = signed(v, 10), signed(v>>10, 10), signed(v>>20, 10)
	}
}

// signed reads the lowest bits of v as a two's complement number.
func signed(v uint32, bits int) int32 {
	return int32(v<<(32-bits)) >> (32 - bits) //nolint:gosec // two's complement
}

// rest reports whether there is more than the end of a unit.
func (d *decoder) rest() (bool, error) {
	b, err := d.r.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("reading samples: %w", err)
	}
	return len(b) > 0, nil
}
