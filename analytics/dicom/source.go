package dicom

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// source is the bytes of a data set, with the place that was reached in them.
type source struct {
	r   *bufio.Reader
	pos int64
	buf [12]byte
}

func newSource(r io.Reader) *source { return &source{r: bufio.NewReaderSize(r, 64<<10)} }

// errCut is the answer to a file that ends inside an element.
var errCut = broken("the file ends before the lengths in it say")

// cut makes an end of the bytes into an end too early; what broke otherwise is passed on.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}

// ended reports whether there is nothing more.
func (s *source) ended() (bool, error) {
	if _, err := s.r.Peek(1); errors.Is(err, io.EOF) {
		return true, nil
	} else if err != nil {
		return false, cut(err)
	}
	return false, nil
}

// peek shows the next bytes, which are fewer at the end.
func (s *source) peek(n int) []byte {
	b, _ := s.r.Peek(n)
	return b
}

// next reads up to 12 bytes, good until it is called again.
func (s *source) next(n int) ([]byte, error) {
	b := s.buf[:n]
	if _, err := io.ReadFull(s.r, b); err != nil {
		return nil, cut(err)
	}
	s.pos += int64(n)
	return b, nil
}

// value reads a value, whose length the caller has bounded.
func (s *source) value(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.r, b); err != nil {
		return nil, cut(err)
	}
	s.pos += int64(n)
	return b, nil
}

// skip passes over a value without keeping it.
func (s *source) skip(n int64) error {
	for n > 0 {
		d, err := s.r.Discard(int(min(n, 1<<30)))
		s.pos += int64(d)
		n -= int64(d)
		if err != nil {
			return cut(err)
		}
	}
	return nil
}

// tag reads a tag as one number, group first (little endian).
func tagOf(b []byte) uint32 {
	return uint32(binary.LittleEndian.Uint16(b))<<16 | uint32(binary.LittleEndian.Uint16(b[2:]))
}
