package adapt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"go.yaml.in/yaml/v3"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds on a mapping and on what it may cost for one entry.
const (
	maxMapping    = 64 << 10 // bytes
	maxExpression = 4 << 10  // characters
	maxCost       = 100_000  // CEL's units for one expression
	maxLists      = 50       // observables that a mapping names
)

// mapping is a file that says how the entries of a tool become records, so that a
// hospital adds one without code. What is told of each entry are expressions of CEL
// (Common Expression Language) over "row", the entry's fields by their names.
type mapping struct {
	Name      string   `yaml:"name"`      // of the format, as the configuration calls it
	Tool      string   `yaml:"tool"`      // for people
	Source    string   `yaml:"source"`    // json, csv, key-value or regexp; one entry a line
	Separator string   `yaml:"separator"` // one character between columns (csv; a comma) or pairs (key-value; a space)
	Header    []string `yaml:"header"`    // names of the columns of csv; none: the first line has them
	Pattern   string   `yaml:"pattern"`   // of regexp: each named group is a field
	Others    string   `yaml:"others"`    // lines that the pattern does not fit: "refuse" or "skip"

	When        expression          `yaml:"when"`      // entries that count; none: all
	Time        expression          `yaml:"time"`      // text, or seconds since 1970
	TimeForm    string              `yaml:"time_form"` // of a text, as Go writes 2 January 2006 15:04:05; none: RFC 3339
	Title       expression          `yaml:"title"`
	Severity    expression          `yaml:"severity"` // basis points, 0 to 10,000
	Rule        expression          `yaml:"rule"`
	Observables []mappingObservable `yaml:"observables"`
	Asset       mappingAsset        `yaml:"asset"`
	CVEs        expression          `yaml:"cves"`       // a text or a list of texts that name some
	Techniques  expression          `yaml:"techniques"` // as well

	pattern *regexp.Regexp
	form    string // of time
}

type mappingObservable struct {
	Value expression `yaml:"value"` // a text or a list of texts
	As    string     `yaml:"as"`    // what it is; none: whatever it looks like
	Role  string     `yaml:"role"`  // "source", "destination" or none
}

type mappingAsset struct {
	Address expression `yaml:"address"`
	Name    expression `yaml:"name"`
	Product expression `yaml:"product"`
	Version expression `yaml:"version"`
}

// expression is a text of the file with its line, and the program made of it.
type expression struct {
	text    string
	line    int
	program cel.Program
}

// UnmarshalYAML keeps where the expression stands, for whoever has to mend it.
func (e *expression) UnmarshalYAML(n *yaml.Node) error {
	e.line = n.Line
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: an expression must be one text", n.Line)
	}
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		e.line++ // the text begins below the bar
	}
	e.text = n.Value
	return nil
}

// observableReaders are what a mapping may call an observable.
var observableReaders = map[string]func(string) (Observable, bool){
	"address": Address, "domain": Domain, "url": URL, "email": Email, "hash": FileHash, "certificate": Certificate, "mac": MAC,
}

// ParseMapping reads a mapping and makes a format of it. An error tells every
// mistake with its line.
func ParseMapping(b []byte) (Format, error) {
	if len(b) > maxMapping {
		return Format{}, ledger.Problemf(ledger.CodeTooLarge, "the mapping has more than %d bytes", maxMapping)
	}
	var m mapping
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&m); err != nil {
		return Format{}, mappingProblem(yamlFaults(err))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Format{}, mappingProblem([]ledger.Fault{{Field: "mapping", Detail: "must be one document"}})
	}
	c := mappingCheck{lines: fieldLines(b)}
	c.check(&m)
	if len(c.faults) > 0 {
		return Format{}, mappingProblem(c.faults)
	}
	return readingWide(Format{
		Name: m.Name, Tool: line(m.Tool, maxRule), Kind: KindAlert,
		Lines: m.Source != "csv" || len(m.Header) > 0, // a header in the file stands at its beginning only
		Read:  m.read,
	}), nil
}

func mappingProblem(faults []ledger.Fault) error {
	first := faults[0].Field + ": " + faults[0].Detail
	return &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the mapping cannot be used: " + first, Faults: faults}
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(line \d+): (.*)$`)

// yamlFaults turns the words of the YAML library into faults. They repeat the names
// and values of the file, which its author may see.
func yamlFaults(err error) []ledger.Fault {
	texts := []string{err.Error()}
	if t, ok := errors.AsType[*yaml.TypeError](err); ok {
		texts = t.Errors
	}
	var all []ledger.Fault
	for _, s := range texts[:min(len(texts), 20)] {
		f := ledger.Fault{Field: "line 1", Detail: line(s, 300)}
		if errors.Is(err, io.EOF) {
			f.Detail = "the mapping is empty"
		}
		if m := yamlLine.FindStringSubmatch(s); m != nil {
			f = ledger.Fault{Field: m[1], Detail: line(strings.ReplaceAll(m[2], "in type adapt.", "in "), 300)}
		}
		all = append(all, f)
	}
	return all
}

// fieldLines are the lines of the names at the top of the file.
func fieldLines(b []byte) map[string]int {
	var n yaml.Node
	at := map[string]int{}
	if yaml.Unmarshal(b, &n) != nil || len(n.Content) == 0 {
		return at
	}
	top := n.Content[0].Content
	for i := 0; i+1 < len(top); i += 2 {
		at[top[i].Value] = top[i].Line
	}
	return at
}

// mappingCheck judges a mapping and compiles what it holds.
type mappingCheck struct {
	lines  map[string]int
	env    *cel.Env
	faults []ledger.Fault
}

func (c *mappingCheck) add(line int, format string, args ...any) {
	if len(c.faults) < 20 {
		c.faults = append(c.faults, ledger.Fault{Field: fmt.Sprintf("line %d", max(line, 1)), Detail: fmt.Sprintf(format, args...)})
	}
}

var formatName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

func (c *mappingCheck) check(m *mapping) {
	if !formatName.MatchString(m.Name) {
		c.add(c.lines["name"], "name must be 1 to 40 of a to z, 0 to 9 and hyphens")
	} else if _, taken := Lookup(m.Name); taken {
		c.add(c.lines["name"], "name is that of a format which is built in")
	}
	if m.Tool == "" {
		c.add(c.lines["tool"], "tool must say for people what writes this")
	}
	c.source(m)
	c.time(m)
	env, err := cel.NewEnv(
		cel.Variable("row", cel.MapType(cel.StringType, cel.DynType)),
		cel.OptionalTypes(),
		cel.ParserExpressionSizeLimit(maxExpression), cel.ParserRecursionLimit(50),
	)
	if err != nil {
		c.add(1, "expressions cannot be read: %v", err)
		return
	}
	c.env = env
	text, texts := []*cel.Type{cel.StringType}, []*cel.Type{cel.StringType, cel.ListType(cel.StringType), cel.ListType(cel.DynType)}
	c.compile("when", &m.When, cel.BoolType)
	c.compile("time", &m.Time, cel.StringType, cel.IntType, cel.DoubleType, cel.TimestampType)
	c.compile("severity", &m.Severity, cel.IntType, cel.DoubleType)
	c.compile("title", &m.Title, text...)
	c.compile("rule", &m.Rule, text...)
	c.compile("cves", &m.CVEs, texts...)
	c.compile("techniques", &m.Techniques, texts...)
	for name, e := range map[string]*expression{
		"address": &m.Asset.Address, "name": &m.Asset.Name, "product": &m.Asset.Product, "version": &m.Asset.Version,
	} {
		c.compile("asset."+name, e, text...)
	}
	if m.Title.text == "" {
		c.add(c.lines["title"], "title must be an expression")
	}
	if len(m.Observables) > maxLists {
		c.add(c.lines["observables"], "observables must be at most %d", maxLists)
		return
	}
	for i := range m.Observables {
		o := &m.Observables[i]
		if o.Value.text == "" {
			c.add(c.lines["observables"], "observable %d needs a value", i+1)
		}
		c.compile("observables", &o.Value, texts...)
		if _, known := observableReaders[o.As]; !known && o.As != "" && o.As != "text" {
			c.add(o.Value.line, "as must be one of %s, text", strings.Join(keys(observableReaders), ", "))
		}
		if !slices.Contains([]string{"", RoleSource, RoleDestination}, o.Role) {
			c.add(o.Value.line, "role must be source or destination")
		}
	}
}

func (c *mappingCheck) source(m *mapping) {
	at := max(c.lines["source"], 1)
	if m.Others != "" && m.Others != "refuse" && m.Others != "skip" {
		c.add(c.lines["others"], "others must be refuse or skip")
	}
	if m.Pattern != "" && m.Source != "regexp" {
		c.add(c.lines["pattern"], "pattern is for the source regexp")
	}
	if len(m.Header) > 0 && m.Source != "csv" {
		c.add(c.lines["header"], "header is for the source csv")
	}
	if n := len([]rune(m.Separator)); n > 1 || m.Separator != "" && strings.ContainsAny(m.Separator, "\"\r\n=\ufffd") {
		c.add(c.lines["separator"], "separator must be one character, and no quote, equals sign or end of a line")
	}
	switch m.Source {
	case "json", "csv", "key-value":
	case "regexp":
		p, err := regexp.Compile(m.Pattern)
		switch {
		case err != nil:
			c.add(c.lines["pattern"], "pattern is not a regular expression (RE2): %s", line(err.Error(), 200))
		case !slices.ContainsFunc(p.SubexpNames(), func(s string) bool { return s != "" }):
			c.add(c.lines["pattern"], "pattern must name at least one group, as in (?P<time>[0-9:]+)")
		}
		m.pattern = p
	default:
		c.add(at, "source must be json, csv, key-value or regexp")
	}
}

func (c *mappingCheck) time(m *mapping) {
	if m.form = m.TimeForm; m.form == "" {
		return
	}
	// A form that writes two different times alike leaves out what tells when.
	a, b := time.Date(2021, 3, 4, 15, 6, 7, 0, time.UTC), time.Date(2022, 5, 8, 21, 9, 10, 0, time.UTC)
	if a.Format(m.form) == b.Format(m.form) || !strings.ContainsAny(m.form, "6") {
		c.add(c.lines["time_form"], "time_form must write 2 January 2006 15:04:05 as the source does, with its year")
	}
}

// compile makes the program of an expression, which must give one of the types, or
// something that only the entries show.
func (c *mappingCheck) compile(name string, e *expression, types ...*cel.Type) {
	if e.text == "" {
		return
	}
	ast, issues := c.env.Compile(e.text)
	if err := issues.Err(); err != nil {
		first := issues.Errors()[0]
		c.add(e.line+max(first.Location.Line()-1, 0), "%s: %s", name, line(first.Message, 300))
		return
	}
	if out := ast.OutputType(); out.Kind() != cel.DynKind && !slices.ContainsFunc(types, out.IsExactType) {
		c.add(e.line, "%s must give %s, and gives %s", name, types[0], out)
		return
	}
	p, err := c.env.Program(ast, cel.CostLimit(maxCost), cel.InterruptCheckFrequency(1_000))
	if err != nil {
		c.add(e.line, "%s: %s", name, line(err.Error(), 300))
		return
	}
	e.program = p
}
