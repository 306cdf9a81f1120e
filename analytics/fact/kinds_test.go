package fact_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
)

// TestKindsAreAllThereAre: every constant that names a kind of event is in the list.
func TestKindsAreAllThereAre(t *testing.T) {
	t.Parallel()
	var all []string
	for _, dir := range []string{".", "../../chaincode/ledger"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				v, ok := n.(*ast.ValueSpec)
				if !ok {
					return true
				}
				for i, name := range v.Names {
					if !strings.HasPrefix(name.Name, "Event") || i >= len(v.Values) {
						continue
					}
					if text, ok := v.Values[i].(*ast.BasicLit); ok && text.Kind == token.STRING {
						kind, err := strconv.Unquote(text.Value)
						if err != nil {
							t.Fatal(err)
						}
						all = append(all, kind)
					}
				}
				return true
			})
		}
	}
	onlyTold := []string{fact.EventReadingsProven, fact.EventEventsMissed, fact.EventWebhookTest}
	for _, kind := range all {
		if slices.Contains(fact.Kinds, kind) == slices.Contains(onlyTold, kind) {
			t.Errorf("%s is not in the list, or should not be", kind)
		}
	}
	if want := len(all) - len(onlyTold); len(fact.Kinds) != want || len(slices.Compact(slices.Sorted(slices.Values(fact.Kinds)))) != want {
		t.Errorf("%d kinds of %d", len(fact.Kinds), want)
	}
}
