package adapt

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// field is a named value of an event, in the order written.
type field struct{ name, value string }

// fields are what an event says; a name may occur twice, and the first counts.
type fields []field

func (f fields) get(name string) string {
	for _, e := range f {
		if e.name == name {
			return e.value
		}
	}
	return ""
}

// maxFields bounds the extension of one event.
const maxFields = 1_000

func detectBare(head []byte, prefix string) bool {
	first := firstLine(head)
	return bytes.HasPrefix(first, []byte(prefix))
}

// observableKeys are the keys of CEF's extension dictionary and LEEF's predefined
// attributes that name what can be looked for elsewhere.
var observableKeys = []struct {
	name string
	read func(string) (Observable, bool)
	role string
}{
	{"src", Address, RoleSource},
	{"sourceTranslatedAddress", Address, RoleSource},
	{"identSrc", Address, RoleSource},
	{"srcPreNAT", Address, RoleSource},
	{"shost", Domain, RoleSource},
	{"smac", MAC, RoleSource},
	{"srcMAC", MAC, RoleSource},
	{"dst", Address, RoleDestination},
	{"destinationTranslatedAddress", Address, RoleDestination},
	{"dstPreNAT", Address, RoleDestination},
	{"dhost", Domain, RoleDestination},
	{"destinationDnsDomain", Domain, RoleDestination},
	{"dmac", MAC, RoleDestination},
	{"dstMAC", MAC, RoleDestination},
	{"request", URL, ""},
	{"url", URL, ""},
	{"domain", Domain, ""},
	{"fileHash", FileHash, ""},
	{"oldFileHash", FileHash, ""},
}

func (r *Record) observeFields(f fields) {
	for _, k := range observableKeys {
		r.observeNamed(k.read, f.get(k.name), k.role)
	}
	for i := 1; i <= 4; i++ {
		r.observeNamed(Address, f.get("c6a"+strconv.Itoa(i)), "")
	}
}

// readCEFLine reads an event without a frame (Micro Focus / OpenText, "ArcSight
// Common Event Format", version 0 and 1).
func readCEFLine(line []byte) (*Record, error) { return readCEF(textOf(line)) }

func readCEF(s string) (*Record, error) {
	s, ok := strings.CutPrefix(strings.TrimSpace(s), "CEF:")
	if !ok {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the line is no CEF event: it does not begin with CEF:")
	}
	head, extension, ok := header(s, 7)
	if !ok {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the CEF event is cut off: its header must have 7 parts")
	}
	version, vendor, product, id, name, severity := head[0], head[1], head[2], head[4], head[5], head[6]
	if version != "0" && version != "1" {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the CEF event must be of version 0 or 1")
	}
	f, err := cefExtension(extension)
	if err != nil {
		return nil, err
	}
	r := &Record{Kind: KindAlert, Title: shortTitle(name)}
	if r.Title == "" {
		r.Title = shortTitle(f.get("msg"))
	}
	if r.Title == "" {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the CEF event has no name")
	}
	var known bool
	if r.Severity, known = cefSeverity(severity); !known {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the CEF event's severity must be 0 to 10, or Unknown, Low, Medium, High or Very-High")
	}
	r.Time = cefTime(f.get("rt"), f.get("end"), f.get("start"))
	if vendor == ownVendor && product == ownProduct {
		return r, r.own(id, f)
	}
	r.Rule = line("cef:"+vendor+":"+product+":"+id, maxRule)
	r.observeFields(f)
	said := []string{name, f.get("msg")}
	for i := 1; i <= 6; i++ {
		said = append(said, f.get("cs"+strconv.Itoa(i)))
	}
	r.order(said, said)
	return r, nil
}

// header splits what stands before the extension at bars that are not escaped.
func header(s string, parts int) (head []string, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '|' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case s[i] == '|':
			head = append(head, b.String())
			b.Reset()
			if len(head) == parts {
				return head, s[i+1:], true
			}
		default:
			b.WriteByte(s[i])
		}
	}
	head = append(head, b.String())
	return head, "", len(head) == parts
}

// cefExtension reads "key=value key=value", where values may have spaces: a key is
// the word before an equals sign that is not escaped.
func cefExtension(s string) (fields, error) {
	var f fields
	start, name := 0, "" // of the value that is being read, and its key
	end := func(to int) {
		if name != "" {
			f = append(f, field{name, cefValue(strings.TrimRight(s[start:to], " "))})
		}
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '=':
			at := strings.LastIndexByte(s[:i], ' ') + 1
			if at < start || !cefKey(s[at:i]) {
				continue // an equals sign that should have been escaped
			}
			end(max(at-1, start))
			start, name = i+1, s[at:i]
			if len(f) == maxFields {
				return nil, ledger.Problemf(ledger.CodeTooLarge, "the CEF event has more than %d fields", maxFields)
			}
		}
	}
	end(len(s))
	return f, nil
}

func cefKey(s string) bool {
	return s != "" && len(s) <= 100 && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_.-[]", c))
	})
}

var cefUnescape = strings.NewReplacer(`\\`, `\`, `\=`, `=`, `\|`, `|`, `\n`, "\n", `\r`, "\r")

func cefValue(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return cefUnescape.Replace(s)
}

// cefWords are the severities that version 0 also writes as words, as the numbers
// that they stand for at most.
var cefWords = map[string]int{"low": 3, "medium": 6, "high": 8, "very-high": 10}

func cefSeverity(s string) (severity int, ok bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "" || s == "unknown" {
		return cti.UnknownSeverity, true
	}
	n, known := cefWords[s]
	if !known {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < 0 || n > 10 {
			return 0, false
		}
	}
	return n * 1_000, true
}

// cefTimes are the forms of times (CEF, "Date Formats").
var cefTimes = []string{
	"Jan _2 2006 15:04:05.999 MST", "Jan _2 2006 15:04:05 MST", "Jan _2 2006 15:04:05.999", "Jan _2 2006 15:04:05",
	time.RFC3339Nano,
}

// cefTime reads the first time that is one. A zone that is a name counts only as
// UTC: other names mean different times in different places.
func cefTime(all ...string) time.Time {
	for _, s := range all {
		if ms, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) >= 11 {
			if t, ok := inRange(time.UnixMilli(ms)); ok {
				return t
			}
			continue
		}
		for _, layout := range cefTimes {
			t, err := time.Parse(layout, s)
			if err != nil {
				continue
			}
			if zone, offset := t.Zone(); offset == 0 && !slices.Contains([]string{"UTC", "GMT", "Z", ""}, zone) {
				continue
			}
			if t, ok := inRange(t); ok {
				return t
			}
		}
	}
	return time.Time{}
}
