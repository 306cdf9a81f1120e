package adapt

import (
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// readLEEFLine reads an event without a frame (IBM, "QRadar LEEF", 1.0 and 2.0).
func readLEEFLine(line []byte) (*Record, error) { return readLEEF(textOf(line)) }

func readLEEF(s string) (*Record, error) {
	s, ok := strings.CutPrefix(strings.TrimSpace(s), "LEEF:")
	if !ok {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the line is no LEEF event: it does not begin with LEEF:")
	}
	parts := 5
	if strings.HasPrefix(s, "2.0|") {
		parts = 6
	} else if !strings.HasPrefix(s, "1.0|") {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the LEEF event must be of version 1.0 or 2.0")
	}
	head, attributes, ok := header(s, parts)
	if !ok {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the LEEF event is cut off: its header must have %d parts", parts)
	}
	delimiter := "\t"
	if parts == 6 && head[5] != "" {
		if delimiter, ok = leefDelimiter(head[5]); !ok {
			return nil, ledger.Problemf(ledger.CodeInvalid, "the LEEF event's delimiter must be one character, or x and its number in hexadecimal")
		}
	}
	f, err := leefAttributes(attributes, delimiter)
	if err != nil {
		return nil, err
	}
	vendor, product, id := head[1], head[2], head[4]
	r := &Record{Kind: KindAlert, Time: leefTime(f), Severity: cti.UnknownSeverity}
	for _, name := range []string{"name", "msg", "message", "cat"} {
		if r.Title == "" {
			r.Title = shortTitle(f.get(name))
		}
	}
	if r.Title == "" {
		r.Title = shortTitle(product + ": " + id)
	}
	if n, err := strconv.Atoi(f.get("sev")); err == nil && n >= 0 && n <= 10 {
		r.Severity = n * 1_000
	}
	if vendor == ownVendor && product == ownProduct {
		return r, r.own(id, f)
	}
	r.Rule = line("leef:"+vendor+":"+product+":"+id, maxRule)
	r.observeFields(f)
	said := []string{r.Title, f.get("msg"), f.get("policy"), f.get("cve")}
	r.order(said, said)
	return r, nil
}

// leefDelimiter reads the character that separates attributes: itself, or "x" or
// "0x" with one to four hexadecimal digits.
func leefDelimiter(s string) (string, bool) {
	if r := []rune(s); len(r) == 1 {
		return s, r[0] != '='
	}
	digits, ok := strings.CutPrefix(strings.TrimPrefix(s, "0"), "x")
	if !ok || len(digits) > 4 {
		return "", false
	}
	n, err := strconv.ParseUint(digits, 16, 16)
	if err != nil || n == 0 {
		return "", false
	}
	return string(rune(n)), true
}

func leefAttributes(s, delimiter string) (fields, error) {
	var f fields
	for part := range strings.SplitSeq(s, delimiter) {
		name, value, ok := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			continue
		}
		if len(f) == maxFields {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "the LEEF event has more than %d attributes", maxFields)
		}
		f = append(f, field{name, strings.TrimSpace(value)})
	}
	return f, nil
}

// javaDates turns the letters that a devTimeFormat has (Java's SimpleDateFormat)
// into Go's; longer runs go first.
var javaDates = strings.NewReplacer(
	"yyyy", "2006", "yy", "06", "MMM", "Jan", "MM", "01", "dd", "02", "HH", "15", "hh", "03", "mm", "04", "ss", "05",
	"SSS", "000", "XXX", "Z07:00", "Z", "-0700", "z", "MST", "a", "PM", "'T'", "T", "'", "",
)

// leefTime reads devTime, by its format where one is stated.
func leefTime(f fields) time.Time {
	s := f.get("devTime")
	if format := f.get("devTimeFormat"); format != "" && len(format) <= 100 {
		if t, err := time.Parse(javaDates.Replace(format), s); err == nil {
			t, _ = inRange(t)
			return t
		}
	}
	return cefTime(s)
}
