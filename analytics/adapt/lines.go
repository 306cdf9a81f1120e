package adapt

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds on what comes line by line.
const (
	maxLine = 1 << 20 // bytes; a real event with payload and packet stays under 200 KiB
	maxShow = 4 << 10 // bytes that are kept of a line that is longer
	bufSize = 64 << 10
)

var lineLimits = strictjson.Limits{Bytes: maxLine, Depth: 16, Values: 20_000}

// sink is where the records of one reading go.
type sink struct {
	ctx  context.Context //nolint:containedctx // a sink lives for one reading, and its methods are one loop
	good func(Record) error
	bad  func(original []byte, why error)
}

// put judges what came of one part: nothing (nil), a record, or a fault.
func (s sink) put(original []byte, r *Record, err error) error {
	switch {
	case err != nil:
		s.bad(bytes.Clone(original), err)
		return nil
	case r == nil:
		return nil
	}
	r.Original = bytes.Clone(original)
	return s.good(*r)
}

// byLine makes a reader of a form in which each line is a record by itself. The
// line is lent: read keeps no part of it.
func byLine(read func(line []byte) (*Record, error)) func(context.Context, io.Reader, func(Record) error, func([]byte, error)) error {
	return func(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
		s := sink{ctx, good, bad}
		return s.lines(bufio.NewReaderSize(r, bufSize), func(b []byte) error {
			record, err := read(b)
			return s.put(b, record, err)
		})
	}
}

// byLineOrList is byLine for JSON, which some export as one list.
func byLineOrList(read func(line []byte) (*Record, error)) func(context.Context, io.Reader, func(Record) error, func([]byte, error)) error {
	return func(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
		s := sink{ctx, good, bad}
		b := bufio.NewReaderSize(r, bufSize)
		each := func(b []byte) error {
			record, err := read(b)
			return s.put(b, record, err)
		}
		head, _ := b.Peek(maxShow)
		if h := bytes.TrimLeft(bytes.TrimPrefix(head, utf8BOM), " \t\r\n"); len(h) > 0 && h[0] == '[' {
			return s.elements(b, each)
		}
		return s.lines(b, each)
	}
}

var utf8BOM = []byte("\xef\xbb\xbf")

// plain refuses what is not written byte by byte: nobody can tell where its lines
// end.
func plain(r *bufio.Reader) error {
	head, _ := r.Peek(4)
	if bytes.HasPrefix(head, utf8BOM) {
		_, _ = r.Discard(len(utf8BOM)) // is there: it was just seen
		return nil
	}
	wide := bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) ||
		len(head) == 4 && (head[0] == 0) != (head[1] == 0) && (head[2] == 0) == (head[0] == 0) && (head[3] == 0) == (head[1] == 0)
	if wide {
		return ledger.Problemf(ledger.CodeInvalid, "the file is written in UTF-16; write it in UTF-8")
	}
	return nil
}

// lines calls each for every line that is not blank, without its end. One that is
// too long goes to bad by its beginning.
func (s sink) lines(r *bufio.Reader, each func(line []byte) error) error {
	if err := plain(r); err != nil {
		return err
	}
	var long []byte // what of a line did not fit into the reader's buffer
	for n := 0; ; n++ {
		if n%256 == 0 && s.ctx.Err() != nil {
			return fmt.Errorf("reading lines: %w", s.ctx.Err())
		}
		b, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			if len(long) <= maxLine { // what is longer is read and dropped
				long = append(long, b...)
			}
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading a line: %w", err)
		}
		if long != nil {
			long = append(long, b...)
			b = long
		}
		b = bytes.TrimRight(b, "\r\n")
		switch {
		case len(b) > maxLine:
			s.bad(bytes.Clone(b[:maxShow]), ledger.Problemf(ledger.CodeTooLarge, "the line has more than %d bytes", maxLine))
		case len(bytes.TrimSpace(b)) > 0:
			if err := each(b); err != nil {
				return err
			}
		}
		long = nil
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
}

// elements calls each for every object of one JSON list. Where the objects end is
// found by their brackets; what they hold is judged by each.
func (s sink) elements(r *bufio.Reader, each func(element []byte) error) error {
	if err := plain(r); err != nil {
		return err
	}
	var (
		element         []byte
		depth, count    int
		quoted, escaped bool
	)
	for {
		c, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return ledger.Problemf(ledger.CodeInvalid, "the list ends within its element %d: the file is cut off", count)
		}
		if err != nil {
			return fmt.Errorf("reading a list: %w", err)
		}
		if depth >= 2 || c == '{' {
			if element = append(element, c); len(element) > maxLine {
				return ledger.Problemf(ledger.CodeTooLarge, "element %d of the list has more than %d bytes", count, maxLine)
			}
		}
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		}
		switch {
		case depth == 0 && c == ']':
			return nil
		case depth == 1 && len(element) > 0:
			if s.ctx.Err() != nil {
				return fmt.Errorf("reading a list: %w", s.ctx.Err())
			}
			if err := each(element); err != nil {
				return err
			}
			element, count = element[:0], count+1
		}
	}
}

// textOf returns text as UTF-8: what is not is taken for ISO 8859-1, which older
// equipment writes and in which every byte is a character.
func textOf(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}

// firstLine is the first line of a file's beginning that is not blank, as far as it
// is there.
func firstLine(head []byte) []byte {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, utf8BOM), " \t\r\n")
	first, _, _ := bytes.Cut(head, []byte("\n"))
	return bytes.TrimRight(first, "\r")
}

// mentions tells whether a beginning is of JSON objects and has all of the words.
func mentions(head []byte, words ...string) bool {
	first := firstLine(head)
	if len(first) == 0 || first[0] != '{' && first[0] != '[' {
		return false
	}
	for _, w := range words {
		if !bytes.Contains(head, []byte(`"`+w+`"`)) {
			return false
		}
	}
	return true
}
