package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

var small = Limits{Bytes: 1000, Depth: 4, Values: 50}

func TestCheck(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, `"n%d":1,`, i)
	}
	many := "{" + b.String()
	cases := []struct {
		name, in string
		want     ledger.Code
	}{
		{"object", `{"a":1,"b":{"a":1}}`, ""},
		{"array of equal strings", `["a","a",{"x":"x"},{"x":"x"}]`, ""},
		{"bare value", `"a"`, ""},
		{"braces inside a string", `{"a":"}]{[\"\\"}`, ""},
		{"deep enough", `[[[[1]]]]`, ""},
		{"name twice", `{"a":1,"b":2,"a":3}`, ledger.CodeInvalid},
		{"name twice through an escape", `{"a":1,"\u0061":3}`, ledger.CodeInvalid},
		{"name twice below", `[{"a":{"b":1,"b":1}}]`, ledger.CodeInvalid},
		{"name twice in a large object", many + `"n3":1}`, ledger.CodeInvalid},
		{"large object", many + `"m":1}`, ""},
		{"too deep", `[[[[[1]]]]]`, ledger.CodeTooLarge},
		{"too deep and broken", strings.Repeat("[", 900), ledger.CodeTooLarge},
		{"too many", "[" + strings.Repeat("1,", 60) + "1]", ledger.CodeTooLarge},
		{"too long", `"` + strings.Repeat("a", 1000) + `"`, ledger.CodeTooLarge},
		{"not UTF-8", "\"\xff\"", ledger.CodeInvalid},
		{"empty", ``, ledger.CodeInvalid},
		{"two values", `{} {}`, ledger.CodeInvalid},
		{"unterminated", `{"a`, ledger.CodeInvalid},
		{"closes too often", `[]]`, ledger.CodeInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := Check("the document", []byte(c.in), small)
			if err == nil && c.want != "" || err != nil && ledger.CodeOf(err) != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestLargeObjectStaysLinear(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.WriteString("{")
	for i := range 200_000 {
		fmt.Fprintf(&b, `"%d":0,`, i)
	}
	b.WriteString(`"x":0}`)
	if err := Check("the document", b.Bytes(), Limits{Bytes: 8 << 20, Depth: 4, Values: 1_000_000}); err != nil {
		t.Fatal(err)
	}
}

// FuzzCheck holds the scanner against the standard library: whatever passes is
// JSON, and an object that passes keeps its members when decoded and encoded.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\u0061"}],"c":null}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Add([]byte(`[[[[[[`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := Check("the document", b, Limits{Bytes: 1 << 16, Depth: 32, Values: 10_000}); err != nil {
			return
		}
		var v any
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("passed, but does not decode: %v", err)
		}
		if got, want := members(v), bytes.Count(outsideStrings(b), []byte(":")); got != want {
			t.Errorf("%d members decoded, %d written", got, want)
		}
	})
}

func members(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			n += 1 + members(e)
		}
	case []any:
		for _, e := range v {
			n += members(e)
		}
	}
	return n
}

func outsideStrings(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); i++ {
		if b[i] == '"' {
			i = stringEnd(b, i)
			continue
		}
		out = append(out, b[i])
	}
	return out
}
