package adapt

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// xmlItems reads every element "item" below the outermost one.
func xmlItems(r io.Reader) (nodes []*xmlNode, raw [][]byte, err error) {
	x := newXML(context.Background(), r, "the file")
	if _, err := x.root(); err != nil {
		return nil, nil, err
	}
	for {
		t, err := x.next()
		if errors.Is(err, io.EOF) {
			return nodes, raw, nil
		}
		if err != nil {
			return nodes, raw, err
		}
		if tag, ok := t.(xml.StartElement); ok && tag.Name.Local == "item" {
			n, b, err := x.element(tag)
			if err != nil {
				return nodes, raw, err
			}
			nodes, raw = append(nodes, n), append(raw, b)
		}
	}
}

func TestXMLElementsKeepTheirBytes(t *testing.T) {
	text := `<?xml version="1.0"?><!DOCTYPE a SYSTEM "http://example.org/a.dtd"><!-- c --><a>` +
		`<item n="1">x &amp; y<b> z </b><b/></item> between <item/>` + "\n<item  n='3' ><![CDATA[<&>]]></item>" +
		strings.Repeat(" ", 100_000) + `<item>last</item></a>` + "\n"
	want := []string{
		`<item n="1">x &amp; y<b> z </b><b/></item>`, `<item/>`, `<item  n='3' ><![CDATA[<&>]]></item>`, `<item>last</item>`,
	}
	for name, r := range map[string]io.Reader{
		"at once": strings.NewReader(text), "by bytes": iotest.OneByteReader(strings.NewReader(text)),
		"with the error": iotest.DataErrReader(strings.NewReader(text)),
	} {
		nodes, raw, err := xmlItems(r)
		if err != nil || len(raw) != len(want) {
			t.Fatalf("%s: %d elements, %v", name, len(raw), err)
		}
		for i := range want {
			if string(raw[i]) != want[i] {
				t.Errorf("%s: element %d is %q, want %q", name, i, raw[i], want[i])
			}
		}
		if n := nodes[0]; n.Text != "x & y" || n.attr("n") != "1" || len(n.all("b")) != 2 || n.child("b").Text != "z" {
			t.Errorf("%s: read as %+v", name, n)
		}
		if nodes[2].Text != "<&>" {
			t.Errorf("%s: CDATA read as %q", name, nodes[2].Text)
		}
	}
}

func TestXMLOneByteEncodings(t *testing.T) {
	text := "<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe4\xf6<item>\xfc</item>\xdf<item>z\xe9</item></a>"
	nodes, raw, err := xmlItems(strings.NewReader(text))
	if err != nil || len(raw) != 2 {
		t.Fatal(len(raw), err)
	}
	if nodes[0].Text != "ü" || nodes[1].Text != "zé" {
		t.Errorf("read as %q, %q", nodes[0].Text, nodes[1].Text)
	}
	if string(raw[0]) != "<item>\xfc</item>" || string(raw[1]) != "<item>z\xe9</item>" {
		t.Errorf("kept as %q", raw)
	}
}

func TestXMLRefused(t *testing.T) {
	laughs := `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l "ha">` +
		`<!ENTITY m "&l;&l;&l;&l;&l;&l;&l;&l;&l;&l;">]><a><item>&m;</item></a>`
	for name, c := range map[string]struct {
		text string
		code ledger.Code
		says string
	}{
		"entities":           {laughs, ledger.CodeInvalid, "declares a document type"},
		"an outer file":      {`<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`, ledger.CodeInvalid, "declares a document type"},
		"an unknown entity":  {`<a><item>&nbsp;</item></a>`, ledger.CodeInvalid, "not XML"},
		"a late declaration": {`<a><!DOCTYPE b></a>`, ledger.CodeInvalid, "declares a document type"},
		"depth":              {strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100), ledger.CodeTooLarge, "nested"},
		"cut off":            {`<a><item>x</item><item>`, ledger.CodeInvalid, "ends in the middle"},
		"cut off in a tag":   {`<a><item x="`, ledger.CodeInvalid, "ends in the middle"},
		"nothing":            {"", ledger.CodeInvalid, "is"},
		"two":                {`<a/><b/>`, ledger.CodeInvalid, "goes on"},
		"crossed":            {`<a><b></a></b>`, ledger.CodeInvalid, "not XML"},
		"UTF-16":             {"\xff\xfe<\x00a\x00", ledger.CodeInvalid, "UTF-8"},
		"wrong UTF-8":        {"<a>\xff</a>", ledger.CodeInvalid, "not XML"},
		"a long text":        {"<a>" + strings.Repeat("x", maxXMLToken+100_000) + "</a>", ledger.CodeTooLarge, "tag or text"},
		"a long entry":       {"<a><item>" + strings.Repeat("<b>"+strings.Repeat("x", 1<<20)+"</b>", 17) + "</item></a>", ledger.CodeTooLarge, "an entry"},
	} {
		_, _, err := xmlItems(strings.NewReader(c.text))
		p, ok := errors.AsType[*ledger.Problem](err)
		if !ok || p.Code != c.code || !strings.Contains(p.Detail, c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzXML(f *testing.F) {
	f.Add([]byte(`<a><item n="1">x &amp; y<b/></item></a>`))
	f.Add([]byte("<?xml version='1.0' encoding='windows-1252'?><a><item>\x80\xe4</item> </a>"))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY l "ha">]><a>&l;</a>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, raw, err := xmlItems(bytes.NewReader(b))
		_, again, slow := xmlItems(iotest.OneByteReader(bytes.NewReader(b)))
		if (err == nil) != (slow == nil) || len(raw) != len(again) {
			t.Fatalf("read otherwise in other pieces: %v, %v", err, slow)
		}
		for i, r := range raw {
			if !bytes.Contains(b, r) || !bytes.Equal(r, again[i]) || !bytes.HasPrefix(r, []byte("<")) || !bytes.HasSuffix(r, []byte(">")) {
				t.Fatalf("element %q is no part of the file", r)
			}
		}
	})
}
