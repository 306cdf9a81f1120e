package verify_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

func TestAnObjectHasOneMeaning(t *testing.T) {
	t.Parallel()
	got, err := verify.ParseObject([]byte(`{"a":{"b":[1.50,null]},"c":"d"}`), 3)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"a": map[string]any{"b": []any{json.Number("1.50"), nil}}, "c": "d"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for name, s := range map[string]string{
		"too deep":            `{"a":{"b":[[]]}}`,
		"a name twice":        `{"a":1,"a":2}`,
		"a name twice inside": `{"a":{"b":1,"b":1}}`,
		"no object":           `[]`,
		"no JSON":             `{"a":1,}`,
		"more behind it":      `{} {}`,
		"no UTF-8":            "{\"a\":\"\xff\"}",
		"empty":               ``,
	} {
		if o, err := verify.ParseObject([]byte(s), 2); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: reads as %v, %v", name, o, err)
		}
	}
}
