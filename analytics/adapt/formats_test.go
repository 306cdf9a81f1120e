package adapt

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// formatTable finds the table of formats in README.md, with its head.
var formatTable = regexp.MustCompile(`(?m)^\| Format \| Tool \| Gives \|\n\|[-| ]+\|\n(?:\|.*\n)*`)

// TestReadmeNamesAllFormats holds the table in README.md to the formats that there
// are; -update writes it.
func TestReadmeNamesAllFormats(t *testing.T) {
	t.Parallel()
	const path = "../../README.md"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("| Format | Tool | Gives |\n|---|---|---|\n")
	for _, f := range Formats() {
		fmt.Fprintf(&want, "| `%s` | %s | %ss |\n", f.Name, f.Tool, f.Kind)
	}
	at := formatTable.FindIndex(b)
	if at == nil {
		t.Fatal("README.md has no table of formats")
	}
	if string(b[at[0]:at[1]]) == want.String() {
		return
	}
	if !*update {
		t.Fatalf("README.md does not have\n%s", want.String())
	}
	whole := string(b[:at[0]]) + want.String() + string(b[at[1]:])
	if err := os.WriteFile(path, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestFormatNames holds the names to what configuration and commands may hold.
func TestFormatNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range Formats() {
		if seen[f.Name] || !formatName.MatchString(f.Name) || f.Tool == "" || f.Kind == "" || f.Read == nil {
			t.Errorf("%+v", f)
		}
		seen[f.Name] = true
	}
}
