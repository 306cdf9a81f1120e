package adapt

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds of XML from outside. A file is read as it comes, so that only its parts
// have to fit in memory.
const (
	maxXMLBytes   = 256 << 20
	maxXMLDepth   = 64       // nested elements
	maxXMLTokens  = 32 << 20 // tags, texts and comments, counted together
	maxXMLToken   = 8 << 20  // bytes of one of them
	maxXMLElement = 16 << 20 // bytes of an element that is read as a whole
)

// xmlReader reads XML (1.0, fifth edition) by tokens, within bounds. It knows the
// five entities that XML has by itself and no other: a document type may be named,
// because nmap and Qualys name theirs, but it is never fetched, and one that declares
// anything is refused, entities with it. Namespaces are kept, attributes and elements
// are compared by their local names.
type xmlReader struct {
	name   string          // for people, as in "the Nessus report"
	ctx    context.Context //nolint:containedctx // of one Read, which is over before its caller returns
	in     *xmlSource
	d      *xml.Decoder
	depth  int
	tokens int
	start  int64 // where in the file the last token begins
	closed bool  // the outermost element is over
	keep   bool  // an element is read as a whole: its bytes stay
}

func newXML(ctx context.Context, r io.Reader, name string) *xmlReader {
	in := &xmlSource{r: r, name: name}
	d := xml.NewDecoder(in)
	d.CharsetReader = in.charset
	return &xmlReader{name: name, ctx: ctx, in: in, d: d}
}

// next returns the next token. Its bytes are good until the one after. io.EOF comes
// after the outermost element's end and nowhere else; other errors are problems.
func (x *xmlReader) next() (xml.Token, error) {
	x.start = x.offset()
	x.in.token = x.start
	if !x.keep {
		x.in.mark = x.start
	}
	if x.tokens++; x.tokens > maxXMLTokens {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "%s has more than %d tags and texts: split it", x.name, maxXMLTokens)
	}
	if x.tokens%1024 == 0 && x.ctx.Err() != nil {
		return nil, x.ctx.Err()
	}
	t, err := x.d.Token()
	if err != nil {
		return nil, x.problem(err)
	}
	switch t := t.(type) {
	case xml.StartElement:
		if x.closed {
			return nil, ledger.Problemf(ledger.CodeInvalid, "%s goes on after its end, at byte %d", x.name, x.start)
		}
		if x.depth++; x.depth > maxXMLDepth {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "%s is nested more than %d deep", x.name, maxXMLDepth)
		}
	case xml.EndElement:
		x.depth--
		x.closed = x.depth == 0
	case xml.CharData:
		if x.depth == 0 && strings.TrimLeft(string(t), "\ufeff \t\r\n") != "" {
			return nil, ledger.Problemf(ledger.CodeInvalid, "%s has text outside of its elements, at byte %d", x.name, x.start)
		}
	case xml.Directive:
		if x.depth > 0 || x.closed || !bareDoctype(t) {
			return nil, ledger.Problemf(ledger.CodeInvalid, "%s declares a document type or entities of its own, at byte %d; such files are not read: export it without", x.name, x.start)
		}
	}
	return t, nil
}

// bareDoctype reports whether a declaration names a document type and declares nothing.
func bareDoctype(d xml.Directive) bool {
	s := string(d)
	return strings.HasPrefix(s, "DOCTYPE") && len(s) < 512 && !strings.ContainsAny(s, "[]<>&%")
}

// problem says what stopped the reading.
func (x *xmlReader) problem(err error) error {
	if _, ok := errors.AsType[*ledger.Problem](err); ok {
		return err
	}
	if x.ctx.Err() != nil {
		return x.ctx.Err()
	}
	if x.in.failed != nil {
		return x.in.failed
	}
	if errors.Is(err, io.EOF) && x.closed {
		return io.EOF
	}
	if x.in.ended && x.in.at() == 0 {
		return ledger.Problemf(ledger.CodeInvalid, "%s is empty", x.name)
	}
	line, column := x.d.InputPos()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || x.in.ended {
		return ledger.Problemf(ledger.CodeInvalid, "%s ends in the middle, at line %d: it was cut off, export it again", x.name, line)
	}
	return ledger.Problemf(ledger.CodeInvalid, "%s is not XML: the fault is at line %d, column %d", x.name, line, column)
}

// offset is the place in the file of what comes next: the decoder may have given
// back one byte, which is never one that was written in several.
func (x *xmlReader) offset() int64 { return x.in.at() - (x.in.given - x.d.InputOffset()) }

// root returns the outermost element's tag.
func (x *xmlReader) root() (xml.StartElement, error) {
	for {
		t, err := x.next()
		if err != nil {
			return xml.StartElement{}, err
		}
		if s, ok := t.(xml.StartElement); ok {
			return s.Copy(), nil
		}
	}
}

// xmlNode is an element that was read as a whole.
type xmlNode struct {
	Name     string // local
	Attr     []xml.Attr
	Text     string // its own, without that of the elements within, white space at the ends removed
	Children []*xmlNode
}

// element reads the rest of the element whose tag was just returned, and returns it
// together with its bytes in the file.
func (x *xmlReader) element(tag xml.StartElement) (*xmlNode, []byte, error) {
	from := x.start
	x.keep = true
	defer func() { x.keep = false }()
	root := &xmlNode{Name: tag.Name.Local, Attr: tag.Copy().Attr}
	open := []*xmlNode{root}
	texts := [][]byte{nil}
	for len(open) > 0 {
		t, err := x.next()
		if err != nil {
			return nil, nil, err
		}
		top := len(open) - 1
		switch t := t.(type) {
		case xml.StartElement:
			n := &xmlNode{Name: t.Name.Local, Attr: t.Copy().Attr}
			open[top].Children = append(open[top].Children, n)
			open, texts = append(open, n), append(texts, nil)
		case xml.CharData:
			texts[top] = append(texts[top], t...)
		case xml.EndElement:
			open[top].Text = strings.TrimSpace(string(texts[top]))
			open, texts = open[:top], texts[:top]
		}
	}
	return root, x.in.cut(from, x.offset()), nil
}

// attr returns an attribute by its local name, or "".
func (n *xmlNode) attr(name string) string { return xmlAttribute(n.Attr, name) }

func xmlAttribute(list []xml.Attr, name string) string {
	for _, a := range list {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// child returns the first element of a name within n, or an empty one.
func (n *xmlNode) child(path ...string) *xmlNode {
	for _, name := range path {
		next := &xmlNode{}
		for _, c := range n.Children {
			if c.Name == name {
				next = c
				break
			}
		}
		n = next
	}
	return n
}

// all returns the elements of a name directly within n.
func (n *xmlNode) all(name string) []*xmlNode {
	var list []*xmlNode
	for _, c := range n.Children {
		if c.Name == name {
			list = append(list, c)
		}
	}
	return list
}

// xmlSource gives a file's bytes one by one, in UTF-8, and keeps those of the element
// that is read.
type xmlSource struct {
	r      io.Reader
	name   string
	buf    []byte
	base   int64 // place in the file of buf[0]
	next   int   // in buf
	mark   int64 // bytes before this place are not asked for again
	token  int64 // where the token begins that is read
	given  int64 // bytes handed out, in UTF-8
	more   []byte
	table  *charmap.Charmap // how bytes above 127 are read; nil: as they are
	ended  bool
	failed error
}

func (s *xmlSource) at() int64 { return s.base + int64(s.next) }

// ReadByte implements io.ByteReader, so that the decoder reads no further than it needs.
func (s *xmlSource) ReadByte() (byte, error) {
	if len(s.more) > 0 {
		b := s.more[0]
		s.more = s.more[1:]
		s.given++
		return b, nil
	}
	if s.next == len(s.buf) {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	b := s.buf[s.next]
	s.next++
	s.given++
	if s.table != nil && b >= utf8.RuneSelf {
		s.more = utf8.AppendRune(nil, s.table.DecodeByte(b))
		b, s.more = s.more[0], s.more[1:]
	}
	return b, nil
}

// Read implements io.Reader. The decoder asks for bytes alone.
func (s *xmlSource) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := s.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}

func (s *xmlSource) fill() error {
	if s.failed != nil {
		return s.failed
	}
	switch at := s.at(); {
	case at > maxXMLBytes:
		s.failed = ledger.Problemf(ledger.CodeTooLarge, "%s has more than %d MiB: split it", s.name, maxXMLBytes>>20)
	case at-s.token > maxXMLToken:
		s.failed = ledger.Problemf(ledger.CodeTooLarge, "%s has a tag or text of more than %d MiB, at byte %d", s.name, maxXMLToken>>20, s.token)
	case at-s.mark > maxXMLElement:
		s.failed = ledger.Problemf(ledger.CodeTooLarge, "%s has an entry of more than %d MiB, at byte %d", s.name, maxXMLElement>>20, s.mark)
	}
	if s.failed != nil {
		return s.failed
	}
	// What lies before the mark goes; the rest makes room for what comes.
	if drop := s.mark - s.base; drop > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[drop:])]
		s.base += drop
		s.next -= int(drop)
	}
	const chunk = 32 << 10
	if cap(s.buf)-len(s.buf) < chunk {
		s.buf = append(make([]byte, 0, 2*cap(s.buf)+2*chunk), s.buf...)
	}
	for range 100 {
		n, err := s.r.Read(s.buf[len(s.buf) : len(s.buf)+chunk])
		first := s.base == 0 && len(s.buf) == 0 && n > 0
		s.buf = s.buf[:len(s.buf)+n]
		if first && (s.buf[0] == 0 || s.buf[0] == 0xff || s.buf[0] == 0xfe) {
			s.failed = ledger.Problemf(ledger.CodeInvalid, "%s is not in UTF-8 (it begins as UTF-16 does): save it as UTF-8", s.name)
			return s.failed
		}
		if n > 0 {
			return nil
		}
		if errors.Is(err, io.EOF) {
			s.ended = true
			return io.EOF
		}
		if err != nil {
			s.failed = err
			return err
		}
	}
	return io.ErrNoProgress
}

// charset is asked when a file says that it is in something else than UTF-8.
func (s *xmlSource) charset(label string, _ io.Reader) (io.Reader, error) {
	table, known := xmlCharset(label)
	if !known {
		s.failed = ledger.Problemf(ledger.CodeInvalid, "%s is in an encoding that is not read: save it as UTF-8", s.name)
		return nil, s.failed
	}
	s.table = table
	return s, nil
}

// xmlCharset returns how bytes above 127 are read in an encoding of one byte for a
// letter, by its name with IANA; nil: as they are. What came in UTF-16 is UTF-8 here and
// still says UTF-16.
func xmlCharset(label string) (table *charmap.Charmap, known bool) {
	switch strings.ToLower(strings.TrimSpace(label)) {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "utf-16", "utf-16le", "utf-16be":
		return nil, true
	case "iso-8859-1", "latin1":
		return charmap.ISO8859_1, true
	case "iso-8859-15":
		return charmap.ISO8859_15, true
	case "windows-1252", "cp1252":
		return charmap.Windows1252, true
	}
	return nil, false
}

// cut copies what stands between two places of the file.
func (s *xmlSource) cut(from, to int64) []byte {
	return append([]byte(nil), s.buf[from-s.base:to-s.base]...)
}
