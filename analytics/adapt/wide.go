package adapt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Wide tells whether a file begins as UTF-16 does that says so by its mark (RFC 2781,
// section 3.2). Its lines do not end where its bytes are those of a line's end: it cannot
// be divided by them.
func Wide(head []byte) bool { return orderOf(head) != nil }

// byteOrder is how UTF-16 is written.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// orderOf reads the mark; nil: it is none of UTF-16.
func orderOf(head []byte) byteOrder {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return binary.LittleEndian
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return binary.BigEndian
	}
	return nil
}

// readingWide has a format read UTF-16 too, as programs on Windows export it. What is
// kept of it is what came, in UTF-16.
func readingWide(f Format) Format {
	read := f.Read
	f.Read = func(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
		var mark [2]byte
		n, err := io.ReadFull(r, mark[:])
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("reading the beginning: %w", err)
		}
		order := orderOf(mark[:n])
		if order == nil {
			return read(ctx, io.MultiReader(bytes.NewReader(mark[:n]), r), good, bad)
		}
		w := &wideReader{r: r, order: order}
		err = read(ctx, w, func(r Record) error {
			r.Original = w.original(r.Original, r.Bundle)
			return good(r)
		}, func(original []byte, why error) { bad(w.original(original, nil), why) })
		if w.failed != nil { // whatever the reader made of it
			return w.failed
		}
		return err
	}
	return f
}

// narrow is a file's beginning as UTF-8, as far as it is whole.
func narrow(head []byte) []byte {
	order := orderOf(head)
	if order == nil {
		return head
	}
	w := &wideReader{r: bytes.NewReader(head[2:]), order: order}
	b, _ := io.ReadAll(w) // the beginning may end within a letter
	return b
}

// wideReader reads UTF-16 behind its mark as UTF-8, and takes nothing that would not be
// the same bytes again in UTF-16. So it is no decoder of golang.org/x/text, which puts
// another letter in the place of half a pair.
type wideReader struct {
	r      io.Reader
	order  byteOrder
	raw    [32 << 10]byte
	kept   int    // bytes of raw that are not decoded yet
	out    []byte // that is not handed on yet
	read   int64  // bytes of UTF-16 behind the mark
	told   int64  // bytes of UTF-8 that were decoded
	ended  bool
	failed error
}

// Read implements io.Reader.
func (w *wideReader) Read(p []byte) (int, error) {
	for len(w.out) == 0 {
		if w.failed != nil {
			return 0, w.failed
		}
		if w.ended {
			return 0, io.EOF
		}
		n, err := w.r.Read(w.raw[w.kept:])
		w.read += int64(n)
		w.kept += n
		w.ended = errors.Is(err, io.EOF)
		if err != nil && !w.ended {
			w.failed = fmt.Errorf("reading UTF-16: %w", err)
		}
		w.decode()
	}
	n := copy(p, w.out)
	w.out = w.out[n:]
	return n, nil
}

// decode reads what is whole of raw and keeps the rest for the next time.
func (w *wideReader) decode() {
	out := w.out[:0:0]
	at := 0
	for at+2 <= w.kept {
		c, size := rune(w.order.Uint16(w.raw[at:])), 2
		if utf16.IsSurrogate(c) {
			if at+4 > w.kept && !w.ended && c < 0xdc00 {
				break
			}
			second := rune(0)
			if at+4 <= w.kept {
				second = rune(w.order.Uint16(w.raw[at+2:]))
			}
			if c, size = utf16.DecodeRune(c, second), 4; c == utf8.RuneError {
				w.fail("the file begins as UTF-16 does and holds half a letter, after byte %d: export it again, or as UTF-8", at)
				break
			}
		}
		out = utf8.AppendRune(out, c)
		at += size
	}
	if w.ended && w.failed == nil && w.kept-at == 1 {
		w.fail("the file is UTF-16 and ends within a letter, after byte %d: it was cut off, export it again", at)
	}
	w.kept = copy(w.raw[:], w.raw[at:w.kept])
	w.out = out
	w.told += int64(len(out))
}

func (w *wideReader) fail(detail string, at int) {
	if w.failed == nil {
		w.failed = ledger.Problemf(ledger.CodeInvalid, detail, w.read-int64(w.kept-at)+2)
	}
}

// original gives a part of the file as it came: with the mark, where it is the whole. A
// bundle that was made of a part is none of the file.
func (w *wideReader) original(part, bundle []byte) []byte {
	whole := w.ended && int64(len(part)) == w.told
	if !whole && len(bundle) > 0 && bytes.Equal(part, bundle) {
		return part
	}
	out := make([]byte, 0, 2*len(part)+2)
	if whole {
		out = w.order.AppendUint16(out, 0xfeff)
	}
	for len(part) > 0 {
		c, size := utf8.DecodeRune(part)
		part = part[size:]
		if c == utf8.RuneError && size == 1 { // of what was refused only the beginning is shown
			break
		}
		if first, second := utf16.EncodeRune(c); first != utf8.RuneError {
			out = w.order.AppendUint16(w.order.AppendUint16(out, uint16(first)), uint16(second)) //nolint:gosec // halves of a pair have 16 bits
			continue
		}
		out = w.order.AppendUint16(out, uint16(c)) //nolint:gosec // all others have 16 bits
	}
	return out
}
