package bulk

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// row is one unit of the file, as the node takes it.
type row struct {
	line  int // in the file, from 1
	text  []byte
	group string // rows of one group go to the ledger together
}

// The properties of a unit; the first five must be in a file.
var columns = []string{"di", "lot", "release", "owner", "serial", "publicKey", "iDevId"}

const needed = 5

// Bounds of a file.
const (
	maxRows = 5_000_000
	maxLine = 64 << 10 // bytes of a line, which in CSV goes on through quoted line breaks
)

// Formats of a file.
const (
	FormatCSV    = "csv"
	FormatNDJSON = "ndjson"
)

// formatOf tells a file's format by its name.
func formatOf(name string) (string, error) {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv":
		return FormatCSV, nil
	case ".ndjson", ".jsonl", ".json":
		return FormatNDJSON, nil
	}
	return "", errors.New("the file's name does not tell its format: say --format csv or --format ndjson")
}

// Refusal is why one line of a file is not registered.
type Refusal struct {
	Line   int    `json:"line"`   // in the file, from 1
	Reason string `json:"reason"` // for people; repeats nothing of the line
}

// readRows reads a whole file. Lines that cannot be a unit are refused; a file
// that cannot be read, or lacks a column, is an error.
func readRows(r io.Reader, format string) ([]row, []Refusal, error) {
	var rows []row
	var refused []Refusal
	var err error
	if format == FormatCSV {
		rows, refused, err = readCSV(r)
	} else {
		rows, err = readNDJSON(r)
	}
	if err != nil {
		return nil, nil, err
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.group, b.group) })
	return rows, refused, nil
}

func readCSV(r io.Reader) (rows []row, refused []Refusal, err error) {
	b := &bounded{from: r}
	c := csv.NewReader(b)
	c.FieldsPerRecord = -1 // a line with too few or too many is refused alone
	c.ReuseRecord = true
	header, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil, errors.New("the file is empty")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the header: %w", err)
	}
	names, err := headerOf(header)
	if err != nil {
		return nil, nil, err
	}
	for {
		b.taken = 0
		fields, err := c.Read()
		if errors.Is(err, io.EOF) {
			return rows, refused, nil
		}
		if err != nil {
			// After a quote that is not closed nothing more can be told apart.
			return nil, nil, fmt.Errorf("reading the file: %w", err)
		}
		line, _ := c.FieldPos(0)
		if len(fields) != len(names) {
			refused = append(refused, Refusal{line, fmt.Sprintf("has %d fields, and the header names %d", len(fields), len(names))})
			continue
		}
		unit := make(map[string]string, len(names))
		for i, name := range names {
			if fields[i] != "" || slices.Index(columns, name) < needed {
				unit[name] = fields[i]
			}
		}
		text, err := json.Marshal(unit)
		if err != nil {
			return nil, nil, fmt.Errorf("encoding line %d: %w", line, err)
		}
		if rows = append(rows, row{line, text, groupOf(unit)}); len(rows) > maxRows {
			return nil, nil, fmt.Errorf("the file has more than %d units: split it", maxRows)
		}
	}
}

// bounded ends a file with an error when one line of it has no end: a quote that
// is not closed would have the rest read into memory as one field.
type bounded struct {
	from  io.Reader
	taken int // bytes since the line began, and what was read ahead of it
}

// ahead is as much as encoding/csv reads ahead.
const ahead = 4 << 10

// Read reads on as long as the line is no longer than maxLine.
func (b *bounded) Read(p []byte) (int, error) {
	if b.taken > maxLine+ahead {
		return 0, fmt.Errorf("a line is longer than %d bytes, or a quote is not closed", maxLine)
	}
	n, err := b.from.Read(p)
	b.taken += n
	return n, err //nolint:wrapcheck // io.EOF must stay what it is
}

// headerOf checks a header and returns the names in their order.
func headerOf(header []string) ([]string, error) {
	names := make([]string, len(header))
	for i, name := range header {
		name = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")) // spreadsheets write a byte order mark
		if !slices.Contains(columns, name) || slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("column %d of the header must be one of %s, each once", i+1, strings.Join(columns, ", "))
		}
		names[i] = name
	}
	for _, name := range columns[:needed] {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("the header lacks the column %s", name)
		}
	}
	return names, nil
}

func readNDJSON(r io.Reader) (rows []row, err error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 4<<10), maxLine)
	for line := 1; s.Scan(); line++ {
		text := bytes.TrimSpace(s.Bytes())
		if len(text) == 0 {
			continue
		}
		// The node says what is wrong with a line; here it only needs a group.
		unit := map[string]string{}
		_ = json.Unmarshal(text, &unit)
		if rows = append(rows, row{line, bytes.Clone(text), groupOf(unit)}); len(rows) > maxRows {
			return nil, fmt.Errorf("the file has more than %d units: split it", maxRows)
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	return rows, nil
}

func groupOf(unit map[string]string) string {
	return strings.Join([]string{unit["di"], unit["lot"], unit["release"], unit["owner"]}, "\x00")
}

// chunks cuts rows into requests, and puts rows of one group into as few of
// them as it can.
func chunks(rows []row, size int) [][]row {
	var out [][]row
	for len(rows) > 0 {
		n := min(size, len(rows))
		if n < len(rows) && rows[n-1].group == rows[n].group && rows[0].group != rows[n].group {
			// A group that would be torn begins the next request, if it fits there.
			start := slices.IndexFunc(rows[:n], func(r row) bool { return r.group == rows[n].group })
			end := n
			for end < len(rows) && rows[end].group == rows[n].group {
				end++
			}
			if end-start <= size {
				n = start
			}
		}
		out = append(out, rows[:n])
		rows = rows[n:]
	}
	return out
}
