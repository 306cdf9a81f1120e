package adapt

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
)

const legacyLog = `02.03.2026 09:00:00 alarm 203.0.113.9 -> 10.0.0.5 Port scan, see CVE-2017-0144 and http://bad.example.net/x
02.03.2026 09:00:01 debug 203.0.113.9 -> 10.0.0.5 nothing
-- rotated --
02.03.2026 09:00:02 panic 203.0.113.9 -> 10.0.0.5 a level without a number
31.02.2026 09:00:03 warn 203.0.113.9 -> 10.0.0.5 a day that is none
`

// TestMappingReads adds a legacy source by the file in testdata, which README.md
// and the documentation of the room name as the example.
func TestMappingReads(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/mapping.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseMapping(b)
	if err != nil {
		t.Fatal(err)
	}
	records, bad, err := allOf(t, f, []byte(legacyLog))
	if err != nil || len(records) != 1 || len(bad) != 2 || !f.Lines {
		t.Fatalf("%d records, %q, %v", len(records), bad, err)
	}
	got, err := json.MarshalIndent(records, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "mapping.golden.json", append(got, '\n'))
	for i, want := range []string{"line 11: no such key: panic", "line 8: time is not one"} {
		if !strings.Contains(bad[i], want) {
			t.Errorf("%q does not say %q", bad[i], want)
		}
	}
}

// TestMappingSources reads every form of source.
func TestMappingSources(t *testing.T) {
	t.Parallel()
	const told = "\ntitle: row.text\nobservables:\n  - value: row.src\n    role: source\n"
	for name, c := range map[string]struct{ mapping, input, want, bad string }{
		"json": {
			"source: json\nseverity: double(row.n) * 1000.0\ntime: row.t\ncves: 'has(row.cve) ? row.cve : []'", `{"text":"a","src":["203.0.113.9","bad.example.net"],"n":3,"t":1772442000.5,"cve":["CVE-2020-1"+"234"]}
{"text":"b","src":"10.0.0.5","n":1.5,"t":1772442000}
{"text":"c","n":99,"t":1}
[1]`, "a 3000 1772442000 203.0.113.9 bad.example.net;b 1500 1772442000 10.0.0.5", "not a JSON object",
		},
		"csv with a header": {
			"source: csv\nseparator: ;", "text;src\n\"a;\"\"x\"\"\";203.0.113.9\nb\n", `a;"x" 5000 0 203.0.113.9`, "has 1 columns",
		},
		"csv without": {
			"source: csv\nheader: [text, src]\nseverity: int(row.text) * 100", "7,203.0.113.9\nx,10.0.0.5\n", "7 700 0 203.0.113.9", "line 5",
		},
		"pairs": {
			"source: key-value", `word text="a b" src=203.0.113.9` + "\n" + `text="open` + "\n", "a b 5000 0 203.0.113.9", "not closed",
		},
		"pairs by bars": {
			"source: key-value\nseparator: '|'", "text=a b|src=203.0.113.9\nnothing\n", "a b 5000 0 203.0.113.9", "no pair",
		},
	} {
		f, err := ParseMapping([]byte("name: legacy\ntool: A legacy source\n" + c.mapping + told))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		input := strings.ReplaceAll(c.input, `"+"`, "")
		records, bad, err := allOf(t, f, []byte(input))
		var all []string
		for _, r := range records {
			words := []string{r.Title, itoa(r.Severity), itoa(int(max(r.Time.Unix(), 0)))}
			for _, o := range r.Observables {
				words = append(words, o.Value)
			}
			all = append(all, strings.Join(words, " "))
		}
		if diff := cmp.Diff(c.want, strings.Join(all, ";")); err != nil || diff != "" || !strings.Contains(strings.Join(bad, " "), c.bad) {
			t.Errorf("%s: %v\n%s\n%q", name, err, diff, bad)
		}
	}
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// TestMappingMistakes names every mistake with its line.
func TestMappingMistakes(t *testing.T) {
	t.Parallel()
	const head = "name: legacy\ntool: A legacy source\nsource: json\n"
	for name, c := range map[string]struct{ in, line, detail string }{
		"empty":               {"", "line 1", "empty"},
		"no mapping":          {"- a\n- b", "line 1", "cannot unmarshal"},
		"not YAML":            {head + "title: [", "line 4", ""},
		"two documents":       {head + "title: row.a\n---\nname: x", "mapping", "one document"},
		"an unknown field":    {head + "title: row.a\ntitel: row.a", "line 5", "titel"},
		"a field twice":       {head + "title: row.a\ntitle: row.b", "line 5", "already"},
		"no title":            {head, "line 1", "title"},
		"a built-in name":     {"name: eve\ntool: x\nsource: json\ntitle: row.a", "line 1", "built in"},
		"a bad name":          {"tool: x\nname: A b\nsource: json\ntitle: row.a", "line 2", "name must"},
		"an unknown source":   {"name: legacy\ntool: x\nsource: xml\ntitle: row.a", "line 3", "source"},
		"no pattern":          {"name: legacy\ntool: x\nsource: regexp\ntitle: row.a", "line 1", "group"},
		"a bad pattern":       {"name: legacy\ntool: x\nsource: regexp\npattern: '(?P<a>'\ntitle: row.a", "line 4", "RE2"},
		"a bad expression":    {head + "title: row.a +", "line 4", "title: Syntax error"},
		"in a later line":     {head + "title: |\n  row.a +\n  nothing(1)", "line 6", "undeclared"},
		"an unknown variable": {head + "title: rows.a", "line 4", "undeclared reference to 'rows'"},
		"a wrong type":        {head + "title: row.a\nseverity: '\"high\"'", "line 5", "severity must give"},
		"a list for a title":  {head + "title: [a, b]", "line 4", "one text"},
		"a time of no kind":   {head + "title: row.a\ntime: row.t\ntime_form: yyyy-MM-dd", "line 6", "time_form"},
		"an unknown reader":   {head + "title: row.a\nobservables:\n  - value: row.b\n    as: sha", "line 6", "as must be"},
		"a bad role":          {head + "title: row.a\nobservables:\n  - value: row.b\n    role: victim", "line 6", "role"},
		"a wide separator":    {"name: legacy\ntool: x\nsource: csv\nseparator: ab\ntitle: row.a", "line 4", "separator"},
		"too deep":            {head + "title: " + strings.Repeat("(", 200) + "row.a" + strings.Repeat(")", 200), "line 4", ""},
		"too long":            {head + "title: '" + strings.Repeat(" ", maxExpression) + "row.a'", "line 4", ""},
	} {
		_, err := ParseMapping([]byte(c.in))
		p, ok := errors.AsType[*ledger.Problem](err)
		if !ok || p.Code != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
			continue
		}
		found := false
		for _, f := range p.Faults {
			found = found || f.Field == c.line && strings.Contains(f.Detail, c.detail)
		}
		if !found {
			t.Errorf("%s: %+v does not tell %s: %s", name, p.Faults, c.line, c.detail)
		}
	}
	if _, err := ParseMapping(make([]byte, maxMapping+1)); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("%v", err)
	}
}

// TestMappingIsBounded stops expressions that would take for ever, and YAML that
// unfolds.
func TestMappingIsBounded(t *testing.T) {
	t.Parallel()
	const head = "name: legacy\ntool: A legacy source\nsource: json\n"
	f, err := ParseMapping([]byte(head + "title: '[1,2,3,4,5,6,7,8,9].map(a, row.l.map(b, row.l.map(c, row.l.map(d, row.l))))[0][0][0] == [] ? \"a\" : \"b\"'"))
	if err != nil {
		t.Fatal(err)
	}
	entry := `{"l":[` + strings.Repeat("1,", 500) + "1]}\n"
	records, bad, err := allOf(t, f, []byte(entry))
	if err != nil || len(records) > 0 || len(bad) != 1 || !strings.Contains(bad[0], "cost limit") {
		t.Errorf("%d records, %q, %v", len(records), bad, err)
	}
	bomb := []byte("a: &a [x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c < 'm'; c++ {
		bomb = fmt.Appendf(bomb, "%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 9))
	}
	if _, err := ParseMapping(append(bomb, "header: *l\n"...)); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("%v", err)
	}
}

func FuzzMapping(f *testing.F) {
	b, err := os.ReadFile("testdata/mapping.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, []byte(legacyLog))
	f.Add([]byte("name: a\ntool: a\nsource: json\ntitle: row.a\nseverity: row.b"), []byte(`{"a":"x","b":7}`))
	f.Add([]byte("name: a\ntool: a\nsource: csv\ntitle: row.a\ncves: row.b"), []byte("a,b\n1,CVE-2020-1234\n"))
	f.Add([]byte("name: a\ntool: a\nsource: key-value\ntitle: row.a\nobservables: [{value: row.b}]"), []byte("a=1 b=\"203.0.113.9\"\n"))
	f.Fuzz(func(t *testing.T, mapping, input []byte) {
		if f, err := ParseMapping(mapping); err == nil {
			_, _, _ = allOf(t, f, input) // judges what was read
		}
	})
}
