package adapt

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// zeekRow is one entry of a Zeek log: what its fields say, by their names. Sets and
// vectors have several values.
type zeekRow map[string][]string

func (w zeekRow) first(name string) string {
	if v := w[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// zeekIntel are the types of the intelligence framework by the reader of each.
var zeekIntel = map[string]func(string) (Observable, bool){
	"Intel::ADDR": Address, "Intel::DOMAIN": Domain, "Intel::URL": zeekURL, "Intel::FILE_HASH": FileHash,
	"Intel::EMAIL": Email, "Intel::CERT_HASH": Certificate,
}

// zeekURL reads a URL as Zeek writes it, without its scheme.
func zeekURL(s string) (Observable, bool) {
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	return URL(s)
}

// record makes a record of an entry of a log. Notices and hits of intelligence are
// alerts; entries of other logs tell what happened and are informational.
func (w zeekRow) record(path string) (*Record, error) {
	t, ok := eventTime(w.first("ts"))
	if !ok {
		return nil, ledger.Problemf(ledger.CodeInvalid, "ts must be a time: seconds since 1970, or as in 2026-01-31T12:00:00.000Z")
	}
	r := &Record{Kind: KindAlert, Time: t, Severity: Informational}
	r.observeNamed(Address, w.first("id.orig_h"), RoleSource)
	r.observeNamed(Address, w.first("src"), RoleSource)
	r.observeNamed(Address, w.first("id.resp_h"), RoleDestination)
	r.observeNamed(Address, w.first("dst"), RoleDestination)
	switch {
	case path == "notice" || path == "" && w["note"] != nil:
		note, msg := w.first("note"), w.first("msg")
		if note == "" {
			return nil, ledger.Problemf(ledger.CodeInvalid, "the notice has no note")
		}
		r.Severity, r.Rule, r.Title = cti.UnknownSeverity, "zeek:"+lineOf(note), shortTitle(note+": "+msg)
		r.observeWords(msg + " " + w.first("sub"))
		r.order([]string{msg, w.first("sub")}, []string{msg, w.first("sub")})
	case path == "intel" || path == "" && w["seen.indicator"] != nil:
		indicator := w.first("seen.indicator")
		r.Severity, r.Rule = cti.UnknownSeverity, "zeek:intel"
		r.Title = shortTitle("Indicator seen: " + indicator + " (" + strings.Join(w["sources"], ", ") + ")")
		if read, known := zeekIntel[w.first("seen.indicator_type")]; known {
			r.observeNamed(read, indicator, "")
		}
	default:
		w.told(r, path)
	}
	w.seen(r)
	return r, nil
}

// told writes an entry of a log that raises no alarm.
func (w zeekRow) told(r *Record, path string) {
	if path == "" {
		path = w.guess()
	}
	what := strings.TrimSpace(strings.Join([]string{
		w.first("proto"), w.first("service"), w.first("method"), w.first("host") + w.first("uri"), w.first("query"), w.first("server_name"), w.first("mime_type"),
	}, " "))
	r.Rule = "zeek:" + lineOf(path)
	r.Title = shortTitle("Zeek " + path + ": " + what)
	if what == "" {
		r.Title = shortTitle("Zeek " + path)
	}
}

// guess names the log that an entry is of, which JSON does not say.
func (w zeekRow) guess() string {
	for _, g := range [][2]string{{"conn_state", "conn"}, {"qtype", "dns"}, {"qtype_name", "dns"}, {"method", "http"}, {"cipher", "ssl"}, {"server_name", "ssl"}, {"fuid", "files"}} {
		if w[g[0]] != nil {
			return g[1]
		}
	}
	return "log"
}

// seen adds what the entries of conn, dns, http, ssl, x509 and files name.
func (w zeekRow) seen(r *Record) {
	for _, q := range w["query"] {
		r.observeNamed(Domain, q, "")
	}
	for _, a := range w["answers"] {
		r.observeAny(a, "")
	}
	r.observeNamed(Domain, w.first("server_name"), "")
	r.observeHost(w.first("host"), w.first("uri"), "http")
	for _, name := range []string{"md5", "sha1", "sha256"} {
		r.observeNamed(FileHash, w.first(name), "")
	}
	for _, f := range append(w["cert_chain_fps"], w["fingerprint"]...) {
		r.observeNamed(Certificate, f, "")
	}
	for _, h := range w["tx_hosts"] {
		r.observeNamed(Address, h, RoleSource)
	}
	for _, h := range w["rx_hosts"] {
		r.observeNamed(Address, h, RoleDestination)
	}
	r.observeNamed(MAC, w.first("orig_l2_addr"), RoleSource)
	r.observeNamed(MAC, w.first("resp_l2_addr"), RoleDestination)
}

func readZeekJSON(line []byte) (*Record, error) {
	if err := strictjson.Check("the entry", line, lineLimits); err != nil {
		return nil, err //nolint:wrapcheck // a Problem
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil || fields == nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the line is not a JSON object")
	}
	w := zeekRow{}
	w.flatten("", fields)
	return w.record(w.first("_path"))
}

// flatten writes nested objects with dots, as Zeek's text does.
func (w zeekRow) flatten(prefix string, fields map[string]any) {
	for name, v := range fields {
		w.value(prefix+name, v)
	}
}

func (w zeekRow) value(name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		w.flatten(name+".", v)
	case []any:
		for _, e := range v[:min(len(v), maxObservables)] {
			if _, nested := e.(map[string]any); !nested {
				w.value(name, e)
			}
		}
	case string:
		w[name] = append(w[name], v)
	case json.Number:
		w[name] = append(w[name], v.String())
	}
}

// zeekHeader is what the lines with "#" say of those that follow (Zeek
// documentation, "Zeek TSV Format").
type zeekHeader struct {
	separator, set, empty, unset string
	path                         string
	fields, types                []string
}

func detectZeekText(head []byte) bool {
	first := firstLine(head)
	return bytes.HasPrefix(first, []byte("#separator "))
}

// maxZeekFields bounds the columns of a log; conn.log has 22.
const maxZeekFields = 500

// readZeekText reads a log from its beginning: without the header nobody can tell
// what a column is, so that a text log is read whole, and JSON followed.
func readZeekText(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	s := sink{ctx, good, bad}
	h := zeekHeader{separator: "\t", set: ",", empty: "(empty)", unset: "-"}
	return s.lines(bufio.NewReaderSize(r, bufSize), func(b []byte) error {
		if b[0] == '#' {
			return h.read(textOf(b))
		}
		if h.fields == nil {
			return ledger.Problemf(ledger.CodeInvalid, "the log has no #fields before its first entry; give it from its beginning, or let Zeek write JSON")
		}
		w, err := h.row(textOf(b))
		if err != nil {
			return s.put(b, nil, err)
		}
		record, err := w.record(h.path)
		return s.put(b, record, err)
	})
}

func (h *zeekHeader) read(text string) error {
	if name, rest, ok := strings.Cut(text, " "); ok && name == "#separator" {
		if h.separator = zeekText(rest); h.separator == "" || len(h.separator) > 8 {
			return ledger.Problemf(ledger.CodeInvalid, "the log's #separator must be 1 to 8 bytes")
		}
		return nil
	}
	name, rest, _ := strings.Cut(text, h.separator)
	switch name {
	case "#set_separator":
		h.set = zeekText(rest)
	case "#empty_field":
		h.empty = rest
	case "#unset_field":
		h.unset = rest
	case "#path":
		h.path = rest
	case "#fields":
		h.fields, h.types = strings.Split(rest, h.separator), nil
	case "#types":
		h.types = strings.Split(rest, h.separator)
	}
	if len(h.fields) > maxZeekFields || len(h.types) > maxZeekFields {
		return ledger.Problemf(ledger.CodeTooLarge, "the log has more than %d fields", maxZeekFields)
	}
	return nil
}

func (h *zeekHeader) row(text string) (zeekRow, error) {
	columns := strings.Split(text, h.separator)
	if len(columns) != len(h.fields) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the entry has %d columns where #fields names %d", len(columns), len(h.fields))
	}
	w := make(zeekRow, len(columns))
	for i, c := range columns {
		if c == h.unset || c == h.empty {
			continue
		}
		if i < len(h.types) && h.set != "" && (strings.HasPrefix(h.types[i], "set[") || strings.HasPrefix(h.types[i], "vector[")) {
			for e := range strings.SplitSeq(c, h.set) {
				w[h.fields[i]] = append(w[h.fields[i]], zeekText(e))
			}
			continue
		}
		w[h.fields[i]] = []string{zeekText(c)}
	}
	return w, nil
}

// zeekText undoes "\xHH" and "\\", which stand for bytes that do not print or that
// separate.
func zeekText(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], `\x`) && len(s) >= i+4:
			if c, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
				b = append(b, byte(c))
				i += 3
				continue
			}
		case strings.HasPrefix(s[i:], `\\`):
			i++
		}
		b = append(b, s[i])
	}
	return textOf(b)
}

// unixTime reads seconds since 1970 with up to nine digits of a fraction, exactly.
func unixTime(s string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || len(whole) < 9 || seconds < 0 || seconds > 253_402_300_799 {
		return time.Time{}, false
	}
	fraction = (fraction + "000000000")[:9]
	nanos, err := strconv.ParseUint(fraction, 10, 32)
	if err != nil {
		return time.Time{}, false
	}
	return inRange(time.Unix(seconds, int64(nanos)))
}

// keys are the names of an object in order.
func keys[V any](m map[string]V) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// lineOf is a name that a tool gave to something, fit to be shown.
func lineOf(s string) string { return line(s, maxRule/2) }
