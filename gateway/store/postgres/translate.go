package postgres

import (
	"fmt"
	"strconv"
	"strings"
)

// translator writes tokens of SQLite as PostgreSQL has them.
type translator struct {
	out   strings.Builder
	types []string // of the arguments, by number; nil: there are none yet
	given int      // parameters without a number so far
	ddl   bool     // types of columns stand in it
}

// statement translates one statement; types are those of its arguments in PostgreSQL,
// empty for NULL.
func statement(text string, types []string) string {
	t := translator{types: types}
	t.write(split(text))
	return t.out.String()
}

// script translates a migration: definitions and statements without arguments.
func script(text string) string {
	t := translator{ddl: true}
	t.write(split(text))
	return t.out.String()
}

func (t *translator) say(text string) { _, _ = t.out.WriteString(text) } // never errs

func (t *translator) sayf(format string, args ...any) { t.say(fmt.Sprintf(format, args...)) }

func (t *translator) write(all []token) {
	for i := 0; i < len(all); {
		end := i
		switch all[i].kind {
		case param:
			end = t.param(all, i)
		case word:
			if open := after(all, i+1); open < len(all) && all[open].text == "(" {
				end = t.call(all, i, open)
			}
			if end == i {
				end = t.phrase(all, i)
			}
		case space, quoted, mark:
		}
		if end == i {
			t.say(all[i].text)
			end++
		}
		i = end
	}
}

// param gives each parameter the type of its argument: what PostgreSQL would deduce from
// where it stands is narrower at times, and now and then nothing.
func (t *translator) param(all []token, i int) int {
	n, err := strconv.Atoi(all[i].text[1:])
	if err != nil {
		t.given++
		n = t.given
	}
	t.sayf("$%d", n)
	if n > 0 && n <= len(t.types) && t.types[n-1] != "" {
		t.say("::" + t.types[n-1])
	}
	return i + 1
}

// renamed are functions that have another name, or one of functions.sql.
var renamed = map[string]string{
	"instr": "strpos", "json_array": "json_build_array",
	"json_each": "sqlite_json_each", "json_extract": "sqlite_json_extract", "printf": "sqlite_printf",
}

// call translates the call of a function; i is returned when it is said alike.
func (t *translator) call(all []token, i, open int) (end int) {
	name := strings.ToLower(all[i].text)
	if other, ok := renamed[name]; ok {
		t.say(other)
		return i + 1
	}
	args, end := arguments(all, open)
	switch {
	case name == "max" && len(args) > 1:
		t.say("greatest")
		return i + 1
	case name == "min" && len(args) > 1:
		t.say("least")
		return i + 1
	case name == "json_group_array":
		t.say("coalesce(json_agg(")
		t.write(args[0])
		t.say(")::text, '[]')")
		return end
	case name == "group_concat":
		t.say("string_agg(")
		t.write(args[0])
		t.say(", ")
		if len(args) > 1 {
			t.write(args[1])
		} else {
			t.say("','")
		}
		t.say(")")
		return end
	case name == "cast":
		return t.cast(i, args[0], end)
	}
	return i
}

// cast translates CAST (x AS TYPE).
func (t *translator) cast(i int, arg []token, end int) int {
	last := len(arg) - 1
	for last > 0 && arg[last].kind == space {
		last--
	}
	as := last - 1
	for as > 0 && !arg[as].is("AS") {
		as--
	}
	if as <= 0 {
		return i
	}
	switch strings.ToUpper(arg[last].text) {
	case "TEXT":
		t.say("sqlite_text(")
		t.write(arg[:as])
		t.say(")")
	case "BLOB":
		t.say("convert_to(")
		t.write(arg[:as])
		t.say(", 'UTF8')")
	case "INTEGER":
		t.say("CAST(")
		t.write(arg[:as])
		t.say(" AS bigint)")
	default:
		return i
	}
	return end
}

// phrase translates keywords; i is returned when they are said alike.
func (t *translator) phrase(all []token, i int) (end int) {
	for _, p := range phrases {
		if !all[i].is(p.from[0]) {
			continue
		}
		if end, ok := are(all, i, p.from...); ok && (!p.ddl || t.ddl) {
			t.say(p.to)
			return end
		}
	}
	switch {
	case all[i].is("INDEXED"): // INDEXED BY name
		if end, ok := are(all, i, "INDEXED", "BY"); ok {
			return min(after(all, end)+1, len(all))
		}
	case all[i].is("x"): // x'0A', bytes
		if i+1 < len(all) && all[i+1].kind == quoted && all[i+1].text[0] == '\'' {
			t.say("decode(" + all[i+1].text + ", 'hex')")
			return i + 2
		}
	case all[i].is("GLOB"):
		value := after(all, i+1)
		if value < len(all) && all[value].kind == param {
			t.say("LIKE sqlite_glob(")
			t.param(all, value)
			t.say(")")
			return value + 1
		}
	case all[i].is("LIKE"): // nothing is escaped
		value := after(all, i+1)
		if value < len(all) && all[value].kind == param {
			t.say("LIKE ")
			t.param(all, value)
			t.say(" ESCAPE ''")
			return value + 1
		}
	case all[i].is("IS"):
		return t.is(all, i)
	case t.ddl && all[i].is("CREATE"):
		return t.trigger(all, i)
	}
	return i
}

// is: in SQLite values are compared with IS.
func (t *translator) is(all []token, i int) (end int) {
	to, value := "IS NOT DISTINCT FROM ", after(all, i+1)
	if value < len(all) && all[value].is("NOT") {
		to, value = "IS DISTINCT FROM ", after(all, value+1)
	}
	if value == len(all) || all[value].kind != param {
		return i
	}
	t.say(to)
	return t.param(all, value)
}

// phrases are what is said otherwise; of two that begin alike the longer one is first.
var phrases = []struct {
	from []string
	to   string
	ddl  bool
}{
	{from: []string{"BEGIN", "IMMEDIATE"}, to: "BEGIN"},
	{from: []string{"CROSS", "JOIN"}, to: "JOIN"}, // SQLite's way to fix an order
	{from: []string{"LIMIT", "-", "1"}, to: "LIMIT ALL"},
	{from: []string{"INTEGER", "PRIMARY", "KEY", "AUTOINCREMENT"}, to: "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", ddl: true},
	{from: []string{"INTEGER", "PRIMARY", "KEY"}, to: "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", ddl: true},
	{from: []string{"INTEGER"}, to: "bigint", ddl: true},
	{from: []string{"BLOB"}, to: "bytea", ddl: true},
	{from: []string{"REAL"}, to: "double precision", ddl: true},
	{from: []string{"TEXT"}, to: `text COLLATE "C"`, ddl: true}, // SQLite's order
	{from: []string{"WITHOUT", "ROWID"}, ddl: true},
	{from: []string{"COLLATE", "NOCASE"}, ddl: true}, // of what is stored in small letters
	{from: []string{"fetch"}, to: `"fetch"`},         // a name of the store's that is a keyword
}

// trigger translates CREATE TRIGGER name AFTER what ON table [WHEN condition] BEGIN
// statements END.
func (t *translator) trigger(all []token, i int) (end int) {
	at, ok := are(all, i, "CREATE", "TRIGGER")
	if at = after(all, at); !ok || at == len(all) {
		return i
	}
	name, when, begin := all[at].text, 0, at
	for ; begin < len(all) && !all[begin].is("BEGIN"); begin++ {
		if all[begin].is("WHEN") {
			when = begin
		}
	}
	last := begin
	for last < len(all) && !all[last].is("END") {
		last++
	}
	if at >= begin || begin >= last || last == len(all) {
		return i // as it is, PostgreSQL refuses it
	}
	head, condition := all[at+1:begin], ""
	if when > at {
		head, condition = all[at+1:when], " WHEN ("+text(all[when+1:begin])+")"
	}
	t.sayf("CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ", name)
	t.write(all[begin+1 : last])
	t.sayf(" RETURN NULL; END $$; CREATE TRIGGER %s%s FOR EACH ROW%s EXECUTE FUNCTION %s()", name, text(head), condition, name)
	return last + 1
}

func text(all []token) string {
	var b strings.Builder
	for _, t := range all {
		b.WriteString(t.text)
	}
	return b.String()
}
