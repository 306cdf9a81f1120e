package adapt

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds of a table.
const (
	maxColumns  = 300
	maxPreamble = 40 // rows before the one that names the columns
)

// scanTable reads a table (RFC 4180) row by row. What stands before the row that
// names the columns, as Qualys writes it, is passed over.
type scanTable struct {
	name    string
	ctx     context.Context //nolint:containedctx // of one Read, which is over before its caller returns
	in      *scanSource
	r       *csv.Reader
	columns map[string]int // by name, in lower case
	width   int
	rows    int
}

// newScanTable reads up to the row that has all of the named columns.
func newScanTable(ctx context.Context, r io.Reader, name string, is func(columns map[string]int) bool) (*scanTable, error) {
	r, err := skipMark(r)
	if err != nil {
		return nil, err
	}
	t := &scanTable{name: name, ctx: ctx, in: &scanSource{r: r, name: name, keep: true}}
	t.r = csv.NewReader(t.in)
	t.r.FieldsPerRecord = -1
	t.r.ReuseRecord = true
	for range maxPreamble {
		row, _, why, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if why != nil {
			continue
		}
		if columns := columnsOf(row); is(columns) {
			t.columns, t.width = columns, len(row)
			return t, nil
		}
	}
	if t.in.read == 0 {
		return nil, ledger.Problemf(ledger.CodeInvalid, "%s is empty", name)
	}
	return nil, ledger.Problemf(ledger.CodeInvalid, "%s has no row that names its columns in its first %d rows: export it with the names, in English", name, maxPreamble)
}

// columnsOf places the names of a row; of a name that stands twice the first counts.
func columnsOf(row []string) map[string]int {
	columns := make(map[string]int, len(row))
	for i, name := range row[:min(len(row), maxColumns)] {
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := columns[name]; !twice && name != "" {
			columns[name] = i
		}
	}
	return columns
}

// next returns a row and its bytes. A row that is wrong by itself comes with why, and
// the reading goes on. io.EOF comes at the end.
func (t *scanTable) next() (row []string, original []byte, why, err error) {
	for {
		row, original, why, err = t.read()
		if why != nil || err != nil || t.width == 0 || strings.Join(row, "") != "" { // spreadsheets leave empty rows
			return row, original, why, err
		}
	}
}

func (t *scanTable) read() (row []string, original []byte, why, err error) {
	if t.rows++; t.rows%256 == 0 && t.ctx.Err() != nil {
		return nil, nil, nil, t.ctx.Err()
	}
	row, err = t.r.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil, nil, io.EOF
	}
	if t.in.failed != nil {
		return nil, nil, nil, t.in.failed
	}
	original = bytes.TrimRight(t.in.cut(t.r.InputOffset()), "\r\n")
	if fault, ok := errors.AsType[*csv.ParseError](err); ok {
		return nil, original, ledger.Problemf(ledger.CodeInvalid, "the row that begins at line %d is not CSV (line %d, column %d): a quote is missing or is too many", fault.StartLine, fault.Line, fault.Column), nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	for len(original) > 0 && (original[0] == '\r' || original[0] == '\n') { // empty rows before it
		original = original[1:]
	}
	if t.width > 0 && len(row) != t.width {
		return nil, original, ledger.Problemf(ledger.CodeInvalid, "the row has %d fields, and %d columns are named", len(row), t.width), nil
	}
	return row, original, nil, nil
}

// each calls use for each row; a row that is wrong goes to bad.
func (t *scanTable) each(use func(get func(names ...string) string, original []byte) error, bad func([]byte, error)) error {
	for {
		row, original, why, err := t.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case why != nil:
			bad(original, why)
			continue
		}
		if err := use(func(names ...string) string { return t.value(row, names) }, original); err != nil {
			return err
		}
	}
}

// value returns the first value that is not empty of the named columns.
func (t *scanTable) value(row []string, names []string) string {
	for _, name := range names {
		if i, ok := t.columns[name]; ok && i < len(row) {
			if s := strings.TrimSpace(strings.ToValidUTF8(row[i], "\ufffd")); s != "" && s != "'-" && s != "-" {
				return s
			}
		}
	}
	return ""
}

// tableHead reports whether one of the first rows of a beginning names the columns.
// The last row may be cut off.
func tableHead(head []byte, is func(columns map[string]int) bool) bool {
	head = trimMark(head)
	if bytes.IndexByte(head, ',') < 0 {
		return false
	}
	r := csv.NewReader(bytes.NewReader(head))
	r.FieldsPerRecord = -1
	for range maxPreamble {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return false
		}
		if err == nil && is(columnsOf(row)) {
			return true
		}
	}
	return false
}

// hasColumns returns a test for rows that name all of some columns.
func hasColumns(names ...string) func(map[string]int) bool {
	return func(columns map[string]int) bool {
		for _, name := range names {
			if _, ok := columns[name]; !ok {
				return false
			}
		}
		return true
	}
}

// beginsAsXML reports whether a file is XML, as far as its first bytes say.
func beginsAsXML(head []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(trimMark(head), " \t\r\n"), []byte("<"))
}

// eitherForm reads XML or a table, by the first byte.
func eitherForm(r io.Reader) (isXML bool, all io.Reader, err error) {
	head := make([]byte, 512)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, nil, err
	}
	return beginsAsXML(head[:n]), io.MultiReader(bytes.NewReader(head[:n]), r), nil
}

// rootOf returns the outermost element's local name and namespace of a beginning.
func rootOf(head []byte) (name, namespace string) {
	if !beginsAsXML(head) {
		return "", ""
	}
	x := newXML(context.Background(), bytes.NewReader(head), "the file") //nolint:forbidigo // at most 4 KiB: over before anyone could cancel
	tag, err := x.root()
	if err != nil {
		return "", ""
	}
	return tag.Name.Local, tag.Name.Space
}
