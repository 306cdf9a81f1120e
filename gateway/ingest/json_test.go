package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestJSON(t *testing.T) {
	t.Parallel()
	many := func(last string) string {
		var b strings.Builder
		for i := range 200 {
			fmt.Fprintf(&b, `"k%d":%d,`, i, i)
		}
		return "{" + b.String() + last + "}"
	}
	for _, c := range []struct {
		text string
		want flaw
		at   int
	}{
		{`{}`, sound, 0},
		{` { "a" : [ 1 , -2.5e+3 , true , false , null , "x" ] } `, sound, 0},
		{"\t\r\n0", sound, 0},
		{`"\u00e9\ud83d\ude00\/\b\f\n\r\t\\\""`, sound, 0},
		{`"é😀"`, sound, 0},
		{`{"a":{"a":1},"b":[{"a":1},{"a":2}]}`, sound, 0},
		{`{"":1}`, sound, 0},
		{`{"a":1,"\u0061b":2}`, sound, 0},
		{many(`"last":1`), sound, 0},
		{``, flawSyntax, 0},
		{` `, flawSyntax, 1},
		{`{} {}`, flawSyntax, 3},
		{`{`, flawSyntax, 1},
		{`{"a"`, flawSyntax, 4},
		{`{"a":}`, flawSyntax, 5},
		{`{"a":1,}`, flawSyntax, 7},
		{`{a:1}`, flawSyntax, 1},
		{`[1,]`, flawSyntax, 3},
		{`[1 2]`, flawSyntax, 3},
		{`]`, flawSyntax, 0},
		{`01`, flawSyntax, 2},
		{`-`, flawSyntax, 1},
		{`1.`, flawSyntax, 2},
		{`.5`, flawSyntax, 0},
		{`1e`, flawSyntax, 2},
		{`+1`, flawSyntax, 0},
		{`NaN`, flawSyntax, 0},
		{`tru`, flawSyntax, 0},
		{`nul`, flawSyntax, 0},
		{"\"a\nb\"", flawSyntax, 2},
		{"\"aaaaaaaaaaaaaaaaaaaa\x1f\"", flawSyntax, 21},
		{`"abc`, flawSyntax, 4},
		{`"\x"`, flawSyntax, 1},
		{`"\u12g4"`, flawSyntax, 1},
		{`"\`, flawSyntax, 1},
		{"\xef\xbb\xbf{}", flawSyntax, 0}, // a byte order mark
		{"\"\xff\"", flawText, 1},
		{"\"\xc0\x80\"", flawText, 1},
		{"\"\xed\xa0\x80\"", flawText, 1}, // half a surrogate pair as UTF-8
		{`"\ud800"`, flawSurrogate, 1},
		{`"\ud800\u0041"`, flawSurrogate, 1},
		{`"\udc00\ud800"`, flawSurrogate, 1},
		{`{"a":1,"a":2}`, flawName, 7},
		{`{"a":1,"b":2,"\u0061":2}`, flawName, 13},
		{`{"\n":1,"\u000a":2}`, flawName, 8},
		{`{"\ud83d\ude00":1,"😀":2}`, flawName, 18},
		{`[{"a":{"b":1,"b":1}}]`, flawName, 13},
		{`{"":1,"":1}`, flawName, 6},
		{many(`"k0":1`), flawName, len(many(`"k0":1`)) - 7},
		{many(`"\u006b199":1`), flawName, len(many(`"\u006b199":1`)) - 14},
		{`[[[[]]]]`, sound, 0},
		{`[[[[[]]]]]`, flawDepth, 4},
		{`{"a":{"a":{"a":{"a":{}}}}}`, flawDepth, 20},
	} {
		f, at := newJSONScanner(4).check([]byte(c.text), false)
		if f != c.want || at != c.at {
			t.Errorf("%.60q: flaw %d at %d, want %d at %d", c.text, f, at, c.want, c.at)
		}
	}
	s := newJSONScanner(4)
	for text, want := range map[string]flaw{`{}`: sound, ` {}`: sound, `[]`: flawObject, ` 1`: flawObject, `x`: flawObject, ``: flawSyntax} {
		if f, _ := s.check([]byte(text), true); f != want {
			t.Errorf("%q as an object: flaw %d, want %d", text, f, want)
		}
	}
}

// Judging must not allocate, or every reading would cost the collector.
func TestJSONDoesNotAllocate(t *testing.T) {
	s := newJSONScanner(32)
	text := []byte(`{"a":"x\u0041y","\u0062":[1,2,{"c":null}],"d":1.5e3}`)
	if n := testing.AllocsPerRun(100, func() {
		if f, _ := s.check(text, true); f != sound {
			t.Fatal("not sound")
		}
	}); n > 0 {
		t.Fatalf("%v allocations", n)
	}
}

// Many names with few differences must not take quadratic time.
func TestJSONWithManyNamesIsLinear(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteByte('{')
	for i := range 200_000 {
		fmt.Fprintf(&b, `"%d":1,`, i)
	}
	b.WriteString(`"x":1}`)
	if f, at := newJSONScanner(4).check([]byte(b.String()), true); f != sound {
		t.Fatalf("flaw %d at %d", f, at)
	}
}

// reference judges a text with encoding/json, and what that does not judge,
// depth, UTF-8, surrogates and names, in the plainest way.
func reference(text []byte, maxDepth int) bool {
	if !json.Valid(text) || !utf8.Valid(text) || halfSurrogate(text) {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	type object struct {
		names map[string]bool // nil for an array
		value bool            // a value comes next
	}
	var open []object
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			return false
		}
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open); n > 0 && open[n-1].names != nil {
			if in := &open[n-1]; in.value {
				in.value = false
			} else {
				s, _ := token.(string)
				if in.names[s] {
					return false
				}
				in.names[s], in.value = true, true
				continue
			}
		}
		switch token {
		case json.Delim('{'):
			open = append(open, object{names: make(map[string]bool)})
		case json.Delim('['):
			open = append(open, object{})
		}
		if len(open) > maxDepth {
			return false
		}
	}
}

// halfSurrogate finds an unpaired surrogate escape in valid JSON.
func halfSurrogate(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if text[i+1] != 'u' {
			i++
			continue
		}
		var s string
		unit := func(at int) uint16 {
			var u uint16
			_, _ = fmt.Sscanf(string(text[at+2:at+6]), "%04x", &u)
			return u
		}
		if u := unit(i); u >= 0xd800 && u < 0xe000 {
			n := min(i+12, len(text))
			if json.Unmarshal([]byte(`"`+string(text[i:n])+`"`), &s) != nil || n < i+12 || strings.ContainsRune(s, utf8.RuneError) {
				return true
			}
			i += 6
		}
		i += 5
	}
	return false
}

// FuzzJSON holds the scanner against encoding/json: what it takes is valid, what
// it refuses is not valid or has one of the flaws that it knows besides.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,2.5e-3,true,null,"é\ud83d\ude00"],"b":{"c":{}}}`, `{"a":1,"\u0061":2}`, `"\ud800"`, `[[[[[1]]]]]`,
		"\"\xff\"", `{"k":"` + strings.Repeat("x", 40) + `\\"}`, `-0.0E+00`, `01`, "{\"a\"\n:\t1\r}", `{"":{"":{}}}`, `"\ufffd"`,
	} {
		f.Add([]byte(s))
	}
	const depth = 6
	s := newJSONScanner(depth)
	f.Fuzz(func(t *testing.T, text []byte) {
		got, at := s.check(text, false)
		if at < 0 || at > len(text) {
			t.Fatalf("a flaw at byte %d of %d", at, len(text))
		}
		switch want := reference(text, depth); {
		case got == sound && !want:
			t.Fatalf("taken: %q", text)
		case got != sound && want:
			t.Fatalf("refused with flaw %d at %d: %q", got, at, text)
		}
		if got == sound {
			again, _ := newJSONScanner(depth).check(text, false)
			if again != sound {
				t.Fatalf("judged otherwise the second time: %q", text)
			}
		}
	})
}

func TestRealReadings(t *testing.T) {
	t.Parallel()
	data := filepath.Join("..", "..", "..", "shared", "data", "health")
	if _, err := os.Stat(data); err != nil {
		t.Skip("no real readings beside the repository")
	}
	messages, err := filepath.Glob(filepath.Join(data, "pcd-hl7v2", "*.hl7"))
	if err != nil || len(messages) == 0 {
		t.Fatalf("no messages: %v", err)
	}
	for _, path := range messages {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if f, at := judgeHL7(b); f != sound {
			t.Errorf("%s: flaw %d at byte %d", path, f, at)
		}
	}
	s := newJSONScanner(32)
	resources, err := filepath.Glob(filepath.Join(data, "fhir-r4-examples", "*.json"))
	if err != nil || len(resources) == 0 {
		t.Fatalf("no resources: %v", err)
	}
	for _, path := range resources {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if f, at := s.check(b, true); f != sound {
			t.Errorf("%s: flaw %d at byte %d (by reference: %v)", path, f, at, reference(b, 32))
		}
	}
}
