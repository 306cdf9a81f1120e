package strict_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/gateway/strict"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"object":             {`{"a": [1, "a", {"a": null}], "b": true}`, nil},
		"string":             {`"a"`, nil},
		"values are no name": {`{"a": "a", "b": "a", "c": ["c", "c"]}`, nil},
		"twice":              {`{"a": 1, "a": 2}`, []string{"must not name a property twice"}},
		"twice, escaped":     {`{"a": 1, "\u0061": 2}`, []string{"must not name a property twice"}},
		"twice, both told":   {`{"a": {"b": 1, "b": 1}, "c": 1, "c": 1}`, []string{"must not name a property twice", "must not name a property twice"}},
		"after a value":      {`{"x": "s", "y": [], "z": {}, "x": 1}`, []string{"must not name a property twice"}},
		"empty":              {` `, []string{"must hold one JSON value"}},
		"cut":                {`{"a": `, []string{"must be well-formed JSON"}},
		"more":               {`{} {}`, []string{"must hold nothing after the JSON value"}},
		"rubbish":            {`{"a": x}`, []string{"must be well-formed JSON"}},
		"not UTF-8":          {"{\"a\": \"\xff\"}", []string{"must be UTF-8"}},
		"as deep as allowed": {strings.Repeat("[", 32) + strings.Repeat("]", 32), nil},
		"too deep":           {strings.Repeat("[", 33) + strings.Repeat("]", 33), []string{"must nest at most 32 deep"}},
		"far too deep":       {strings.Repeat(`{"a":`, 1_000_000), []string{"must nest at most 32 deep"}},
	} {
		var got []string
		for _, f := range strict.Check([]byte(c.text), 0) {
			got = append(got, f.Detail)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":null}]}`, `{"a":1,"a":2}`, `[[[]]]`, "\"\xff\"", `{} 1`, `1e999`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		faults := strict.Check(text, 8)
		if len(faults) == 0 && !json.Valid(text) {
			t.Errorf("accepted what is no JSON: %q", text)
		}
		for _, fault := range faults {
			if fault.Detail == "" || fault.Offset < 0 || fault.Offset > int64(len(text)) {
				t.Errorf("a fault without sense: %+v", fault)
			}
		}
	})
}
