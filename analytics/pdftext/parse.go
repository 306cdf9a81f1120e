package pdftext

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ledongthuc/pdf"
)

// errPanicked says that the library gave up on the file.
var errPanicked = errors.New("the library gave up")

// parse reads a file. Only a child calls it: what the library does with a hostile file
// has no bound.
func parse(b []byte) (d Document, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errPanicked
		}
	}()
	r, err := pdf.NewReader(bytes.NewReader(plain(b)), int64(len(plain(b))))
	if err != nil {
		return Document{}, fmt.Errorf("reading a PDF: %w", err)
	}
	info := r.Trailer().Key("Info")
	d.Title = info.Key("Title").Text()
	d.Time = made(info.Key("CreationDate").RawString())
	var text strings.Builder
	for n := 1; n <= min(r.NumPage(), maxPages) && text.Len() < MaxText; n++ {
		if err := page(r, n, &text); err != nil {
			d.Lost++
			continue
		}
		d.Pages++
		text.WriteByte('\n')
	}
	if d.Pages == 0 {
		return Document{}, errors.New("no page can be read")
	}
	d.Text = text.String()[:min(text.Len(), MaxText)]
	return d, nil
}

// plain makes of a file's beginning and end what the library asks for: a version that it
// knows, which says nothing about the text, and nothing after the last mark of the end.
func plain(b []byte) []byte {
	if i := bytes.Index(b[:min(len(b), 1024)], []byte("%PDF-")); i > 0 {
		b = b[i:]
	}
	if i := bytes.LastIndex(b, []byte("%%EOF")); i > 0 {
		b = b[:i+len("%%EOF")]
	}
	b = bytes.Clone(b)
	if len(b) > 9 {
		copy(b, "%PDF-1.7\n")
	}
	return b
}

// made reads a date as PDF writes it (ISO 32000-1, section 7.9.4), to the day and the
// second; the zone is left out.
func made(s string) time.Time {
	s = strings.TrimPrefix(s, "D:")
	for _, layout := range []string{"20060102150405", "20060102"} {
		if len(s) < len(layout) {
			continue
		}
		if t, err := time.Parse(layout, s[:len(layout)]); err == nil && t.Year() >= 1990 && t.Year() < 2100 {
			return t
		}
	}
	return time.Time{}
}

// farApart is the gap between two pieces of a line, in thousandths of the letters' size,
// from which on it is a space.
const farApart = -180

// page appends the text of one page. Pieces on one line stay on one; a word that is
// written letter by letter stays a word.
func page(r *pdf.Reader, number int, text *strings.Builder) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errPanicked
		}
	}()
	p := r.Page(number)
	contents := p.V.Key("Contents")
	if p.V.IsNull() || contents.IsNull() {
		return nil
	}
	w := writer{out: text, fonts: map[string]pdf.TextEncoding{}, page: p}
	pdf.Interpret(contents, w.do)
	return nil
}

type writer struct {
	out     *strings.Builder
	page    pdf.Page
	fonts   map[string]pdf.TextEncoding
	current pdf.TextEncoding
	line    float64 // where the last line stands
}

func (w *writer) newLine() { w.out.WriteByte('\n') }

func (w *writer) show(s string) {
	if w.current != nil {
		s = w.current.Decode(s)
	}
	if w.out.Len() < MaxText {
		w.out.WriteString(s)
	}
}

// do follows one operator (ISO 32000-1, section 9.4).
func (w *writer) do(stack *pdf.Stack, operator string) {
	args := make([]pdf.Value, stack.Len())
	for i := len(args) - 1; i >= 0; i-- {
		args[i] = stack.Pop()
	}
	if w.out.Len() >= MaxText {
		return
	}
	last := len(args) - 1
	switch operator {
	case "BT", "T*":
		w.newLine()
	case "Tf":
		if last == 1 {
			w.font(args[0].Name())
		}
	case "Td", "TD":
		switch {
		case last == 1 && args[1].Float64() != 0:
			w.newLine()
		case last == 1 && args[0].Float64() != 0:
			w.out.WriteByte(' ')
		}
	case "Tm":
		if last == 5 && args[5].Float64() != w.line {
			w.line = args[5].Float64()
			w.newLine()
		}
	case "'", "\"":
		w.newLine()
		if last >= 0 {
			w.show(args[last].RawString())
		}
	case "Tj":
		if last >= 0 {
			w.show(args[last].RawString())
		}
	case "TJ":
		if last >= 0 {
			w.pieces(args[last])
		}
	}
}

func (w *writer) font(name string) {
	encoding, ok := w.fonts[name]
	if !ok {
		encoding = w.page.Font(name).Encoder()
		w.fonts[name] = encoding
	}
	w.current = encoding
}

func (w *writer) pieces(v pdf.Value) {
	for i := range v.Len() {
		switch piece := v.Index(i); piece.Kind() {
		case pdf.String:
			w.show(piece.RawString())
		case pdf.Integer, pdf.Real:
			if piece.Float64() < farApart {
				w.out.WriteByte(' ')
			}
		}
	}
}
