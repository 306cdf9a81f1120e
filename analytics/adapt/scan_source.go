package adapt

import (
	"bytes"
	"errors"
	"io"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// scanSource hands a file on, bounds it, and keeps the bytes of the part that is
// being read, if asked to.
type scanSource struct {
	r      io.Reader
	name   string
	keep   bool
	read   int64 // bytes handed on
	mark   int64 // place in the file where the part begins
	kept   []byte
	base   int64 // place in the file of kept[0]
	failed error
}

// Read implements io.Reader.
func (s *scanSource) Read(p []byte) (int, error) {
	switch {
	case s.failed != nil:
	case s.read > maxScanBytes:
		s.failed = ledger.Problemf(ledger.CodeTooLarge, "%s has more than %d MiB: split it", s.name, maxScanBytes>>20)
	case s.read-s.mark > maxScanFinding:
		s.failed = ledger.Problemf(ledger.CodeTooLarge, "%s has an entry of more than %d MiB, at byte %d", s.name, maxScanFinding>>20, s.mark)
	}
	if s.failed != nil {
		return 0, s.failed
	}
	n, err := s.r.Read(p[:min(len(p), 64<<10)]) // no more, so that the bounds are near
	if s.read == 0 && n > 0 && (p[0] == 0xff || p[0] == 0xfe || p[0] == 0) {
		s.failed = ledger.Problemf(ledger.CodeInvalid, "%s is not in UTF-8 (it begins as UTF-16 does): save it as UTF-8", s.name)
		return 0, s.failed
	}
	s.read += int64(n)
	if s.keep {
		if s.mark > s.base {
			s.kept = s.kept[:copy(s.kept, s.kept[s.mark-s.base:])]
			s.base = s.mark
		}
		s.kept = append(s.kept, p[:n]...)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed = err
	}
	return n, err
}

// cut copies the part, which ends before a place; the next part begins there.
func (s *scanSource) cut(to int64) []byte {
	part := bytes.Clone(s.kept[s.mark-s.base : to-s.base])
	s.mark = to
	return part
}

// skipMark takes the byte order mark of UTF-8 off a file's beginning.
func skipMark(r io.Reader) (io.Reader, error) {
	var head [3]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if string(head[:n]) == "\ufeff" {
		return r, nil
	}
	return io.MultiReader(bytes.NewReader(head[:n]), r), nil
}

// trimMark takes the byte order mark of UTF-8 off a text.
func trimMark(b []byte) []byte { return bytes.TrimPrefix(b, []byte("\ufeff")) }
