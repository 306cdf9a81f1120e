package taxonomy

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// columns of a list of one's own; id and name must be there. Several parents, synonyms and
// externals (SOURCE:ID) stand with semicolons between them.
var columns = []string{"id", "name", "kind", "parent", "synonyms", "description", "external", "successor"}

func readCSV(name string, b []byte) (*Vocabulary, error) {
	if len(b) > MaxBytes {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the vocabulary has more than %d bytes", MaxBytes)
	}
	if !utf8.Valid(b) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the vocabulary is not valid UTF-8")
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return nil, unknownForm()
	}
	at, known := map[string]int{}, true
	for i, c := range head {
		c = strings.ToLower(strings.TrimSpace(c))
		known = known && slices.Contains(columns, c)
		at[c] = i
	}
	v := &Vocabulary{ID: name, Title: name, Authority: name}
	_, own := at["id"]
	_, cwe := at[cweID]
	switch {
	case cwe:
		v.Title, v.Authority, r.FieldsPerRecord = "CWE", "cwe", -1
	case !own || !known:
		return nil, unknownForm()
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			n, _ := r.FieldPos(0)
			return nil, ledger.Problemf(ledger.CodeInvalid, "line %d does not have as many fields as the first, or a quote too many", n)
		}
		get := func(c string) string {
			if i, ok := at[c]; ok && i < len(row) {
				return strings.Clone(strings.TrimSpace(row[i]))
			}
			return ""
		}
		if cwe {
			if n, ok := weakness(get); ok {
				v.Nodes = append(v.Nodes, n)
			}
			if len(v.Nodes) > MaxNodes {
				break
			}
			continue
		}
		n := Node{
			ID: get("id"), Kind: get("kind"), Name: get("name"), Description: get("description"), Successor: get("successor"),
			Parents: several(get("parent")), Synonyms: several(get("synonyms")),
		}
		for _, e := range several(get("external")) {
			source, id, ok := strings.Cut(e, ":")
			if !ok {
				line, _ := r.FieldPos(at["external"])
				return nil, ledger.Problemf(ledger.CodeInvalid, "line %d: external must be SOURCE:ID, several with semicolons between them", line)
			}
			n.External = append(n.External, ExternalReference{source, id})
		}
		if v.Nodes = append(v.Nodes, n); len(v.Nodes) > MaxNodes {
			break
		}
	}
	return v.settle()
}

func several(s string) []string {
	var all []string
	for part := range strings.SplitSeq(s, ";") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}
