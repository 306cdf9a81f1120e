package adapt

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxSpool bounds what is held back, compressed.
const maxSpool = 64 << 20

// scanSpool holds findings back whose file says only later what they are about, as
// Grype names the image and Qualys the titles after all findings. What scanners
// write compresses to a tenth, so that a file of the greatest size fits.
type scanSpool struct {
	name string
	out  bytes.Buffer
	w    *s2.Writer
	n    int
}

// add holds a value back.
func (s *scanSpool) add(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("holding a finding back: %w", err)
	}
	if s.w == nil {
		s.w = s2.NewWriter(&s.out, s2.WriterConcurrency(1), s2.WriterBetterCompression())
	}
	if s.out.Len() > maxSpool {
		return ledger.Problemf(ledger.CodeTooLarge, "%s has too many findings before it says what they are about: split it", s.name)
	}
	s.n++
	if _, err := s.w.Write(append(binary.AppendUvarint(nil, uint64(len(b))), b...)); err != nil {
		return fmt.Errorf("holding a finding back: %w", err)
	}
	return nil
}

// each gives all back, in order, each by a decoder into what use makes of it.
func (s *scanSpool) each(use func(decode func(v any) error) error) error {
	if s.w == nil {
		return nil
	}
	if err := s.w.Close(); err != nil {
		return fmt.Errorf("taking findings back: %w", err)
	}
	r := s2.NewReader(&s.out)
	var b []byte
	for range s.n {
		size, err := binary.ReadUvarint(r)
		if err != nil {
			return fmt.Errorf("taking a finding back: %w", err)
		}
		if uint64(cap(b)) < size {
			b = make([]byte, size)
		}
		b = b[:size]
		if _, err := io.ReadFull(r, b); err != nil {
			return fmt.Errorf("taking a finding back: %w", err)
		}
		if err := use(func(v any) error { return json.Unmarshal(b, v) }); err != nil {
			return err
		}
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.New("taking findings back: there are more than were held")
	}
	s.w, s.n = nil, 0
	s.out.Reset()
	return nil
}
