package console

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// formsText has a line for each transaction: its name, and the properties of its
// request. A test derives it from the chaincode's metadata.
//
//go:embed forms.golden.txt
var formsText string

// form returns the form of a transaction's request, as in "{di, name, emdn?}".
func form(name string) string {
	for line := range strings.Lines(formsText) {
		if got, rest, _ := strings.Cut(strings.TrimSpace(line), " "); got == name {
			return strings.TrimSpace(rest)
		}
	}
	return "{...}"
}

// listForms lists every transaction with the form of its request.
func listForms(out io.Writer) error {
	width := 0
	for _, name := range ledger.Names {
		width = max(width, len(name))
	}
	for _, part := range []struct {
		title string
		reads bool
	}{{"Transactions that write, which are submitted:", false}, {"Transactions that only read:", true}} {
		if _, err := fmt.Fprintln(out, part.title); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
		for _, name := range ledger.Names {
			if slices.Contains(ledger.Evaluations, name) != part.reads {
				continue
			}
			if _, err := fmt.Fprintf(out, "  %-*s  %s\n", width, name, form(name)); err != nil {
				return fmt.Errorf("printing: %w", err)
			}
		}
	}
	_, err := fmt.Fprint(out, "A property that may be absent ends in a question mark. Properties are text unless it says otherwise.\n")
	if err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

// nearest are names that one misspelt may have meant.
func nearest(name string) []string {
	contract, function, _ := strings.Cut(strings.ToLower(name), ":")
	var near []string
	for _, known := range ledger.Names {
		c, f, _ := strings.Cut(strings.ToLower(known), ":")
		if function == f || function == "" && (contract == c || contract == f) {
			near = append(near, known)
		}
	}
	if len(near) == 0 {
		for _, known := range ledger.Names {
			if c, _, _ := strings.Cut(known, ":"); c == contract {
				near = append(near, known)
			}
		}
	}
	return near
}
