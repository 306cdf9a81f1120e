package adapt

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// read is the Read of the format that a mapping describes.
func (m *mapping) read(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	s := sink{ctx, good, bad}
	header := m.Header
	return s.lines(bufio.NewReaderSize(r, bufSize), func(b []byte) error {
		if m.Source == "csv" && header == nil {
			names, err := m.columns(textOf(b))
			if err != nil {
				return ledger.Problemf(ledger.CodeInvalid, "the first line must name the columns")
			}
			header = names
			return nil
		}
		row, err := m.row(b, header)
		if err != nil || row == nil {
			return s.put(b, nil, err)
		}
		record, err := m.record(ctx, row)
		return s.put(b, record, err)
	})
}

// row takes an entry apart; nil: it is one of the others, which are skipped.
func (m *mapping) row(b []byte, header []string) (map[string]any, error) {
	switch m.Source {
	case "json":
		return jsonRow(b)
	case "csv":
		return m.csvRow(textOf(b), header)
	case "key-value":
		return m.pairs(textOf(b))
	}
	text := textOf(b)
	found := m.pattern.FindStringSubmatch(text)
	if found == nil {
		if m.Others == "skip" {
			return nil, nil
		}
		return nil, ledger.Problemf(ledger.CodeInvalid, "the line does not fit the mapping's pattern")
	}
	row := map[string]any{}
	for i, name := range m.pattern.SubexpNames() {
		if name != "" {
			row[name] = found[i]
		}
	}
	return row, nil
}

func jsonRow(b []byte) (map[string]any, error) {
	if err := strictjson.Check("the entry", b, lineLimits); err != nil {
		return nil, err //nolint:wrapcheck // a Problem
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var row map[string]any
	if err := d.Decode(&row); err != nil || row == nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the line is not a JSON object")
	}
	for k, v := range row {
		row[k] = numbers(v)
	}
	return row, nil
}

// numbers makes whole numbers of those that are, which expressions compare as such.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}

func (m *mapping) columns(s string) ([]string, error) {
	c := csv.NewReader(strings.NewReader(s))
	if m.Separator != "" {
		c.Comma = []rune(m.Separator)[0]
	}
	return c.Read() //nolint:wrapcheck // said in the caller's words
}

func (m *mapping) csvRow(s string, header []string) (map[string]any, error) {
	columns, err := m.columns(s)
	if err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the line is not CSV; a value must not go on in the next line")
	}
	if len(columns) != len(header) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the line has %d columns where the header names %d", len(columns), len(header))
	}
	row := make(map[string]any, len(columns))
	for i, name := range header {
		row[strings.TrimSpace(name)] = columns[i]
	}
	return row, nil
}

// pairs reads key=value, where a value in quotes may hold the separator.
func (m *mapping) pairs(s string) (map[string]any, error) {
	separator := " "
	if m.Separator != "" {
		separator = m.Separator
	}
	row := map[string]any{}
	for s = strings.TrimLeft(s, separator+" \t"); s != ""; s = strings.TrimLeft(s, separator+" \t") {
		name, rest, ok := strings.Cut(s, "=")
		if i := strings.LastIndex(name, separator); i >= 0 {
			name = name[i+len(separator):] // a word without a value stands before it
		}
		if !ok {
			break
		}
		var value string
		if quoted, isQuoted := strings.CutPrefix(rest, `"`); isQuoted {
			end := strings.Index(quoted, `"`)
			if end < 0 {
				return nil, ledger.Problemf(ledger.CodeInvalid, "a value's quotation mark is not closed")
			}
			value, s = quoted[:end], quoted[end+1:]
		} else {
			value, s, _ = strings.Cut(rest, separator)
		}
		if len(row) == maxFields {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "the line has more than %d pairs", maxFields)
		}
		row[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	if len(row) == 0 {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the line has no pair of key=value")
	}
	return row, nil
}

// mapped evaluates the expressions of a mapping for one entry. The first error
// sticks.
type mapped struct {
	ctx context.Context //nolint:containedctx // lives for one entry
	row map[string]any
	err error
}

func (v *mapped) fail(e *expression, format string, args ...any) {
	if v.err == nil {
		v.err = ledger.Problemf(ledger.CodeInvalid, "the mapping's line %d: "+format, append([]any{e.line}, args...)...)
	}
}

func (v *mapped) value(e *expression) ref.Val {
	if e.program == nil || v.err != nil {
		return nil
	}
	out, _, err := e.program.ContextEval(v.ctx, map[string]any{"row": v.row})
	if err != nil {
		v.fail(e, "%s", line(err.Error(), 200)) // names a field that is missing, and no value
		return nil
	}
	return out
}

func (v *mapped) text(e *expression) string {
	all := v.texts(e)
	return strings.Join(all, " ")
}

// texts are a text, or the texts of a list; numbers are written as such.
func (v *mapped) texts(e *expression) []string {
	out := v.value(e)
	switch out := out.(type) {
	case nil, types.Null, *types.Optional:
		return nil
	case traits.Lister:
		var all []string
		for it := out.Iterator(); it.HasNext() == types.True && len(all) < maxObservables; {
			s, ok := scalar(it.Next())
			if !ok {
				v.fail(e, "must give a text or a list of texts")
				return nil
			}
			all = append(all, s)
		}
		return all
	}
	s, ok := scalar(out)
	if !ok {
		v.fail(e, "must give a text or a list of texts")
		return nil
	}
	return []string{s}
}

func scalar(out ref.Val) (string, bool) {
	switch out.(type) {
	case types.String, types.Int, types.Uint, types.Double, types.Bool:
		s, ok := out.ConvertToType(types.StringType).(types.String)
		return string(s), ok
	}
	return "", false
}

// record makes a record of an entry; nil: it is none that counts.
func (m *mapping) record(ctx context.Context, row map[string]any) (*Record, error) {
	v := &mapped{ctx: ctx, row: row}
	if m.When.program != nil {
		if counts := v.value(&m.When); v.err == nil && counts != types.True {
			if counts != types.False {
				v.fail(&m.When, "when must give true or false")
			}
			return nil, v.err
		}
	}
	r := &Record{
		Kind: KindAlert, Time: m.when(v), Title: shortTitle(v.text(&m.Title)), Severity: m.severity(v),
		Rule:  m.Name + ":" + lineOf(v.text(&m.Rule)),
		Asset: Asset{Name: shortTitle(v.text(&m.Asset.Name)), Product: shortTitle(v.text(&m.Asset.Product)), Version: lineOf(v.text(&m.Asset.Version))},
	}
	r.Rule = strings.TrimSuffix(r.Rule, ":")
	if o, ok := Address(v.text(&m.Asset.Address)); ok {
		r.Asset.Address = o.Value
	}
	for i := range m.Observables {
		o := &m.Observables[i]
		for _, s := range v.texts(&o.Value) {
			switch o.As {
			case "":
				r.observeAny(s, o.Role)
			case "text":
				r.observeWords(s)
			default:
				r.observeNamed(observableReaders[o.As], s, o.Role)
			}
		}
	}
	r.order(v.texts(&m.CVEs), v.texts(&m.Techniques))
	if v.err == nil && r.Title == "" {
		v.fail(&m.Title, "title is empty")
	}
	if v.err != nil {
		return nil, v.err
	}
	return r, nil
}

func (m *mapping) severity(v *mapped) int {
	switch n := v.value(&m.Severity).(type) {
	case types.Int:
		if n >= 0 && n <= 10_000 {
			return int(n)
		}
	case types.Double:
		if n >= 0 && n <= 10_000 {
			return int(n)
		}
	case nil:
		return cti.UnknownSeverity
	}
	v.fail(&m.Severity, "severity must be a number of 0 to 10000")
	return 0
}

func (m *mapping) when(v *mapped) time.Time {
	var t time.Time
	ok := false
	switch out := v.value(&m.Time).(type) {
	case nil:
		return time.Time{}
	case types.Timestamp:
		t, ok = inRange(out.Time)
	case types.Int:
		t, ok = inRange(time.Unix(int64(out), 0))
	case types.Double:
		if out >= 0 && out < 1e11 {
			t, ok = inRange(time.UnixMilli(int64(out * 1_000)))
		}
	case types.String:
		if m.form == "" {
			t, ok = eventTime(string(out))
			break
		}
		read, err := time.Parse(m.form, string(out))
		if err == nil {
			t, ok = inRange(read)
		}
	}
	if !ok {
		v.fail(&m.Time, "time is not one: say its form in time_form")
	}
	return t
}
