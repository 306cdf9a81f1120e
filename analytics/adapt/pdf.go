package adapt

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/secant-platform/secant/analytics/pdftext"
)

var pdfFormat = Format{
	Name: "pdf", Tool: "Report as PDF", Kind: KindReport,
	Detect: func(head []byte) bool { return bytes.Contains(head[:min(len(head), 1024)], []byte("%PDF-")) },
	Read:   readPDF,
}

// readPDF reads a report's text. Pages that cannot be read are said in it; pictures of
// text are none.
func readPDF(ctx context.Context, r io.Reader, good func(Record) error, _ func([]byte, error)) error {
	b, err := readAll(ctx, r, "the PDF", pdftext.MaxBytes)
	if err != nil {
		return err
	}
	d, err := pdftext.Read(ctx, b)
	if err != nil {
		return err
	}
	p := page{kind: "pdf", title: line(d.Title, maxTitle), text: d.Text, time: d.Time}
	if d.Lost > 0 {
		p.text += fmt.Sprintf("\nPages that could not be read: %d.", d.Lost)
	}
	record, err := fromText(p, b)
	if err != nil {
		return err
	}
	return good(record)
}
