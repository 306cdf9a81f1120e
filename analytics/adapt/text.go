package adapt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxDocumentBytes bounds a report in a form for people.
const maxDocumentBytes = 16 << 20

var textFormat = Format{Name: "text", Tool: "Report as plain text", Kind: KindReport, Read: readText}

var htmlFormat = Format{
	Name: "html", Tool: "Report as a web page", Kind: KindReport,
	Detect: func(head []byte) bool {
		lower := bytes.ToLower(head)
		return bytes.Contains(lower, []byte("<!doctype html")) || bytes.Contains(lower, []byte("<html"))
	},
	Read: readHTML,
}

// readText reads a report in UTF-8, or else in Windows' Western code.
func readText(ctx context.Context, r io.Reader, good func(Record) error, _ func([]byte, error)) error {
	b, err := readAll(ctx, r, "the report", maxDocumentBytes)
	if err != nil {
		return err
	}
	text, err := decodeText(b)
	if err != nil {
		return err
	}
	record, err := fromText(page{kind: "text", text: text}, b)
	if err != nil {
		return err
	}
	return good(record)
}

func decodeText(b []byte) (string, error) {
	if bytes.IndexByte(b, 0) >= 0 {
		return "", ledger.Problemf(ledger.CodeInvalid, "the report is not text: it holds zero bytes")
	}
	if !utf8.Valid(b) {
		out := make([]rune, len(b))
		for i, c := range b {
			out[i] = windows1252(c)
		}
		return string(out), nil
	}
	return string(b), nil
}

// windows1252 reads one byte of Windows' Western code.
func windows1252(c byte) rune {
	table, _ := xmlCharset("windows-1252")
	return table.DecodeByte(c)
}

// page is a report as its form gives it.
type page struct {
	kind  string // of the form
	title string
	text  string
	time  time.Time // zero: the form does not say
}

// fromText makes a record of a report for people: what it names becomes indicators, what
// it says stays text.
func fromText(p page, original []byte) (Record, error) {
	text := truncate(tidy(p.text), maxText)
	found := FindIndicators(text)
	sum := sha256.Sum256(original)
	d := cti.Document{
		Key: p.kind + ":" + hex.EncodeToString(sum[:]), Title: p.title, Time: p.time, Marking: markingIn(text),
		CVEs: found.CVEs, Techniques: found.Techniques,
	}
	if d.Title == "" {
		d.Title = titleOf(text)
	}
	if d.Time.IsZero() {
		d.Time = dateIn(text)
	}
	for _, o := range found.Observables {
		d.Findings = append(d.Findings, cti.Finding{Any: [][]cti.Test{{testOf(o)}}, Detect: true, Name: o.Value})
	}
	if found.More > 0 {
		text += "\nIndicators beyond the bound that were not taken over: " + strconv.Itoa(found.More) + "."
	}
	r, err := finish(Record{Severity: cti.UnknownSeverity, Original: original, Text: text}, d, found.Observables)
	if err != nil {
		return Record{}, err
	}
	return r, nil
}

// Dated gives what does not say when it was made or seen the time at which it was
// received, in the bundle that was made of it too; one that came as a bundle stays so.
func Dated(r Record, received time.Time) Record {
	if !r.Time.IsZero() || received.IsZero() {
		return r
	}
	r.Time = received.UTC().Truncate(time.Millisecond)
	if bytes.Equal(r.Bundle, r.Original) {
		return r
	}
	// The time stands as a whole JSON string; within a text its quotes would be escaped.
	r.Bundle = bytes.ReplaceAll(r.Bundle, []byte(`"`+cti.Undated+`"`), []byte(`"`+r.Time.Format("2006-01-02T15:04:05.000Z")+`"`))
	return r
}

// tidy keeps what can be shown, and no more than one empty line.
func tidy(s string) string {
	var b strings.Builder
	empty := 0
	for l := range strings.Lines(strings.ToValidUTF8(s, "\ufffd")) {
		l = strings.TrimRightFunc(strings.Map(func(r rune) rune {
			switch {
			case r == '\t':
				return ' '
			case r == '\u00ad' || r == '\u200b' || r == '\u2060' || r == '\ufeff': // what is not seen
				return -1
			case r == '\n' || r == '\r' || r >= ' ' && r != 0x7f:
				return r
			}
			return -1
		}, l), func(r rune) bool { return r == ' ' || r == '\n' || r == '\r' || r == '\u00a0' })
		if l == "" {
			empty++
			continue
		}
		if empty > 0 && b.Len() > 0 {
			b.WriteByte('\n')
		}
		empty = 0
		b.WriteString(l + "\n")
	}
	return strings.TrimSpace(b.String())
}

func titleOf(s string) string {
	for l := range strings.Lines(s) {
		if l = line(l, maxTitle); l != "" {
			return l
		}
	}
	return ""
}

var markingForm = regexp.MustCompile(`(?i)\bTLP\s{0,2}[:\- ]\s{0,2}(RED|AMBER(?:\+STRICT)?|GREEN|CLEAR|WHITE)`)

// markingIn is the strictest marking that a text names: whoever wrote it once meant it.
func markingIn(s string) string {
	strictest := ""
	for _, m := range markingForm.FindAllStringSubmatch(s, maxNames) {
		strictest = cti.Stricter(strictest, cti.Level(m[1]))
	}
	return strictest
}

var (
	isoDate  = regexp.MustCompile(`\b(20[0-4][0-9])-(0[1-9]|1[0-2])-([0-3][0-9])\b`)
	longDate = regexp.MustCompile(`\b([0-3]?[0-9])(?:st|nd|rd|th)? (January|February|March|April|May|June|July|August|September|October|November|December),? (20[0-4][0-9])\b`)
	usDate   = regexp.MustCompile(`\b(January|February|March|April|May|June|July|August|September|October|November|December) ([0-3]?[0-9])(?:st|nd|rd|th)?, (20[0-4][0-9])\b`)
)

// maxHeading is how far into a text its own date is looked for.
const maxHeading = 1_500

// dateIn is the first date in a text's beginning; zero for none.
func dateIn(s string) time.Time {
	s = truncate(s, maxHeading)
	type hit struct {
		at   int
		text string
	}
	var hits []hit
	for _, form := range []struct {
		form  *regexp.Regexp
		order [3]int // the groups of year, month and day
	}{{isoDate, [3]int{1, 2, 3}}, {longDate, [3]int{3, 2, 1}}, {usDate, [3]int{3, 1, 2}}} {
		if m := form.form.FindStringSubmatchIndex(s); m != nil {
			part := func(i int) string { return s[m[2*form.order[i]]:m[2*form.order[i]+1]] }
			hits = append(hits, hit{m[0], part(0) + " " + part(1) + " " + part(2)})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return a.at - b.at })
	for _, h := range hits {
		for _, layout := range []string{"2006 01 02", "2006 January 2"} {
			if t, err := time.Parse(layout, h.text); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}

// readHTML reads a web page: what a reader sees of it, without what runs or styles.
func readHTML(ctx context.Context, r io.Reader, good func(Record) error, _ func([]byte, error)) error {
	b, err := readAll(ctx, r, "the web page", maxDocumentBytes)
	if err != nil {
		return err
	}
	in := io.Reader(bytes.NewReader(b))
	if encoding, _, said := charset.DetermineEncoding(b[:min(len(b), 1024)], "text/html"); said || !utf8.Valid(b) {
		in = encoding.NewDecoder().Reader(in)
	}
	p, err := htmlText(in)
	if err != nil {
		return err
	}
	record, err := fromText(p, b)
	if err != nil {
		return err
	}
	return good(record)
}

// hidden are the elements of which nothing is shown.
var hidden = map[string]bool{
	"script": true, "style": true, "noscript": true, "template": true, "svg": true, "iframe": true, "object": true, "canvas": true, "head": true, "select": true, "textarea": true,
}

// blocks are the elements that stand on lines of their own; the cells of a table too.
var blocks = map[string]bool{
	"p": true, "div": true, "br": true, "li": true, "ul": true, "ol": true, "tr": true, "td": true, "th": true, "table": true, "h1": true, "h2": true,
	"h3": true, "h4": true, "h5": true, "h6": true, "pre": true, "section": true, "article": true, "header": true, "footer": true, "nav": true,
	"blockquote": true, "dd": true, "dt": true, "hr": true, "aside": true, "main": true, "figure": true, "option": true, "body": true,
}

// htmlText walks over the tokens, which takes no more than the page's own length, however
// its elements are nested.
func htmlText(r io.Reader) (page, error) {
	z := html.NewTokenizer(r)
	z.SetMaxBuf(maxDocumentBytes)
	p := page{kind: "html"}
	var text, title strings.Builder
	var skip string // the hidden element that is open
	depth, inTitle := 0, false
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			if err := z.Err(); err != io.EOF { //nolint:errorlint // the tokenizer returns io.EOF itself
				return page{}, ledger.Problemf(ledger.CodeInvalid, "the web page cannot be read to its end")
			}
			p.text, p.title = text.String(), line(title.String(), maxTitle)
			return p, nil
		case html.TextToken:
			switch {
			case inTitle:
				title.Write(z.Text())
			case skip == "":
				text.WriteString(html.UnescapeString(string(z.Text())))
			}
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			raw, attributes := z.TagName()
			name := string(raw)
			switch {
			case name == "title" && skip != "svg":
				inTitle = kind == html.StartTagToken && title.Len() == 0
			case name == "meta" || name == "time":
				if attributes && kind != html.EndTagToken && p.time.IsZero() {
					p.time = published(z, name)
				}
			case name == "body":
				skip, depth = "", 0 // whatever was left open before
			case skip == name && kind == html.StartTagToken:
				depth++
			case skip == name && kind == html.EndTagToken:
				if depth--; depth == 0 {
					skip = ""
				}
			case skip == "" && hidden[name] && kind == html.StartTagToken:
				skip, depth = name, 1
			}
			if skip == "" && blocks[name] {
				text.WriteByte('\n')
			}
		}
	}
}

// published reads when a page says that it was made, in <meta> or <time>.
func published(z *html.Tokenizer, name string) time.Time {
	attributes := map[string]string{}
	for more := true; more; {
		var key, value []byte
		key, value, more = z.TagAttr()
		if len(attributes) < 20 {
			attributes[string(key)] = string(value)
		}
	}
	at := attributes["datetime"]
	if name == "meta" {
		switch strings.ToLower(attributes["property"] + attributes["name"] + attributes["itemprop"]) {
		case "article:published_time", "date", "datepublished", "dc.date", "dcterms.created", "pubdate":
			at = attributes["content"]
		default:
			return time.Time{}
		}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, at); err == nil && t.Year() >= 1990 && t.Year() < 2100 {
			return t.UTC()
		}
	}
	return time.Time{}
}
