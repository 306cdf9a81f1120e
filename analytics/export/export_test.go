package export

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bradleyjkemp/sigma-go"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/cti/ctitest"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/peertest"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	day   = time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)
	about = About{Title: "Grey Heron", Organisation: "Hospital North", Time: day.AddDate(0, 1, 0)}
)

// hostile are values that try to be more than a value.
var hostile = []string{
	`a"; sid:1; rev:1;) alert ip any any -> any any (msg:"x"; sid:2;)`, "a\nalert ip any any -> any any (sid:3;)", `|41|`, `\"; x`, `*`, `?`, `a: b # c`, "- x\n- y",
	`'] OR [ipv4-addr:value = '0.0.0.0`, `=cmd|'/c calc'!A0`, "\u2028x", `%3B"`, "---\nid: x",
}

func compose(tb testing.TB, findings ...cti.Finding) Set {
	tb.Helper()
	body, err := cti.Compose(cti.Document{Key: "test", Title: "A test", Time: day, Marking: "green", Author: "Somebody", Findings: findings})
	if err != nil {
		tb.Fatal(err)
	}
	return gathered(tb, body)
}

func gathered(tb testing.TB, bundle []byte) Set {
	tb.Helper()
	objects, err := cti.ReadEnvelope(bundle)
	if err != nil {
		tb.Fatal(err)
	}
	return Gather(objects, about.Time)
}

func finding(path, value string) cti.Finding {
	return cti.Finding{Any: [][]cti.Test{{{Path: path, Value: value, Within: strings.Contains(value, "/2")}}}, Detect: true, Name: value, Labels: []string{value}}
}

func sample(tb testing.TB) Set {
	tb.Helper()
	f := []cti.Finding{
		finding("ipv4-addr:value", "198.51.100.7"), finding("ipv4-addr:value", "203.0.113.0/24"), finding("ipv6-addr:value", "2a02:6b8::2:242"),
		finding("domain-name:value", "evil.example.com"), finding("url:value", "http://evil.example.com:8080/a;b?c=%22d&e=*"), finding("url:value", "https://evil.example.com/x"),
		finding("email-addr:value", "a@evil.example.com"), finding("file:name", "it's.exe"), finding("windows-registry-key:key", `HKEY_LOCAL_MACHINE\a`),
		finding("x509-certificate:hashes.SHA-1", "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"),
		finding("ipv4-addr:value", "10.0.0.1"), finding("ipv4-addr:value", "0.0.0.0/2"),
		{
			Any:    [][]cti.Test{{{Path: "file:hashes.MD5", Value: "9e107d9d372bb6826bd81d3542a419d6"}}, {{Path: "file:hashes.SHA-256", Value: "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592"}}},
			Detect: true, Name: "a file",
		},
		{
			Any:    [][]cti.Test{{{Path: "network-traffic:dst_ref.value", Value: "198.51.100.8"}, {Path: "network-traffic:dst_port", Value: "443", Number: true}}},
			Detect: true, Name: "an endpoint",
		},
		{Rule: "rule x { condition: true }", RuleType: "yara", Detect: true, Name: "a rule"},
		{Any: [][]cti.Test{{{Path: "domain-name:value", Value: "over.example.com"}}}, Detect: true, Until: day.AddDate(0, 0, 5)},
		{Any: [][]cti.Test{{{Path: "domain-name:value", Value: "seen.example.com"}}}},
	}
	return compose(tb, f...)
}

func written(tb testing.TB, format string, s Set) Output {
	tb.Helper()
	f, ok := Lookup(format)
	if !ok {
		tb.Fatal(format)
	}
	out, err := f.Write(s, about)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func TestEveryFormIsWrittenTheSameWay(t *testing.T) {
	t.Parallel()
	for _, f := range Formats() {
		out := written(t, f.Name, sample(t))
		if again := written(t, f.Name, sample(t)); !bytes.Equal(again.Body, out.Body) {
			t.Errorf("%s: twice it is not the same", f.Name)
		}
		golden := filepath.Join("testdata", f.Name+".golden."+f.Ending)
		if *update {
			if err := os.WriteFile(golden, out.Body, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(out.Body)); d != "" {
			t.Errorf("%s: %s", f.Name, d)
		}
		for _, s := range []string{"over.example.com"} {
			if f.Name != "stix" && bytes.Contains(out.Body, []byte(s)) {
				t.Errorf("%s tells %s", f.Name, s)
			}
		}
		t.Logf("%s: %d bytes, %d of 15 indicators left out", f.Name, len(out.Body), out.Left)
	}
}

func TestListsBlockNobodyInside(t *testing.T) {
	t.Parallel()
	if got := string(written(t, "ip", sample(t)).Body); got != "198.51.100.7\n203.0.113.0/24\n2a02:6b8::2:242\n" {
		t.Errorf("%q", got)
	}
	for _, name := range []string{"suricata", "sigma"} {
		if b := written(t, name, sample(t)).Body; bytes.Contains(b, []byte("10.0.0.1")) || bytes.Contains(b, []byte("0.0.0.0")) {
			t.Errorf("%s: %s", name, b)
		}
	}
}

func TestWhatIsOverIsLeftOut(t *testing.T) {
	t.Parallel()
	s := sample(t)
	objects := slices.Clone(s.Objects)
	revoked := objects[0]
	for i, o := range objects {
		if o.Type == "indicator" {
			revoked, objects = o, append(objects, objects[i])
			break
		}
	}
	revoked.Body = bytes.Replace(revoked.Body, []byte(`"type":`), []byte(`"revoked":true,"type":`), 1)
	revoked.Version = revoked.Version.Add(time.Hour)
	if got := Gather(append(objects, revoked), about.Time); len(got.Indicators) != len(s.Indicators)-1 {
		t.Errorf("%d indicators, not %d", len(got.Indicators), len(s.Indicators)-1)
	}
	if got := Gather(objects, day.AddDate(-1, 0, 0)); len(got.Indicators) != 0 {
		t.Error("what is not yet valid was exported")
	}
	if _, err := writeSTIX(Set{}, about); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Error(err)
	}
	if s.Level() != "green" {
		t.Errorf("%q", s.Level())
	}
}

// ruleOptions splits a Suricata rule as its parser does: options end at a semicolon that
// is not escaped, whether in quotes or not.
func ruleOptions(t *testing.T, rule string) [][2]string {
	t.Helper()
	header, body, ok := strings.Cut(rule, " (")
	if !ok || !strings.HasSuffix(body, ")") || !regexp.MustCompile(`^alert [a-z]+ \$HOME_NET any (->|<>) \S+ (any|\d+)$`).MatchString(header) {
		t.Fatalf("%q is no rule", rule)
	}
	var options [][2]string
	for o := range strings.SplitSeq(strings.TrimSuffix(body, ")"), ";") {
		if o = strings.TrimSpace(o); o != "" {
			name, value, _ := strings.Cut(o, ":")
			options = append(options, [2]string{name, value})
		}
	}
	return options
}

// contents undoes what the rule's contents are written as.
func contents(t *testing.T, rule string) []string {
	t.Helper()
	var all []string
	known := []string{"msg", "content", "startswith", "endswith", "nocase", "threshold", "metadata", "sid", "rev", "dns.query", "tls.sni", "http.host", "http.uri.raw", "http.user_agent", "tls.cert_fingerprint"}
	for _, o := range ruleOptions(t, rule) {
		if !slices.Contains(known, o[0]) {
			t.Errorf("%q has the keyword %q", rule, o[0])
		}
		if o[0] != "content" {
			continue
		}
		s := strings.TrimSuffix(strings.TrimPrefix(o[1], `"`), `"`)
		if len(s) != len(o[1])-2 || strings.ContainsAny(s, "\"\\;:") {
			t.Errorf("%q has the content %q", rule, o[1])
		}
		var text strings.Builder
		for i, part := range strings.Split(s, "|") {
			if i%2 == 0 {
				text.WriteString(part)
				continue
			}
			b, err := hex.DecodeString(strings.ReplaceAll(part, " ", ""))
			if err != nil {
				t.Errorf("%q: %v", s, err)
			}
			text.Write(b)
		}
		all = append(all, text.String())
	}
	return all
}

func TestNoValueIsMoreThanAValue(t *testing.T) {
	t.Parallel()
	for _, value := range hostile {
		checkValue(t, value)
	}
}

// checkValue exports one value in every place where free text may stand, and reads it back.
func checkValue(t *testing.T, value string) {
	t.Helper()
	paths := []string{
		"file:name", "mutex:name", "windows-registry-key:key", "url:value", "domain-name:value", "ipv4-addr:value", "email-addr:value",
		"network-traffic:extensions.http-request-ext.request_header.User-Agent", "file:hashes.MD5",
	}
	var findings []cti.Finding
	for _, p := range paths {
		findings = append(findings, cti.Finding{Any: [][]cti.Test{{{Path: p, Value: value}}}, Detect: true, Name: value, Description: value, Labels: []string{value}})
	}
	s := compose(t, findings...)
	value = strings.ToValidUTF8(value, "\ufffd")
	rules := 0
	for rule := range strings.Lines(string(written(t, "suricata", s).Body)) {
		if strings.HasPrefix(rule, "#") {
			continue
		}
		rules++
		said := contents(t, strings.TrimSuffix(rule, "\n"))
		if strings.Contains(rule, "http.user_agent") && (len(said) != 1 || said[0] != value) {
			t.Errorf("%q became the content %q", value, said)
		}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(written(t, "sigma", s).Body))
	for decoder.Decode(new(any)) == nil {
	}
	for _, doc := range strings.Split(string(written(t, "sigma", s).Body), "\n---\n") {
		if strings.TrimSpace(doc) == "" {
			continue
		}
		var rule map[string]any
		if err := yaml.Unmarshal([]byte(doc), &rule); err != nil {
			t.Errorf("%q: %v in %s", value, err, doc)
			continue
		}
		detection, _ := rule["detection"].(map[string]any)
		if len(rule) > 11 || len(detection) != 2 || detection["condition"] != "selection" {
			t.Errorf("%q became the rule %s", value, doc)
		}
	}
	for _, list := range []string{"ip", "domain", "url", "hash"} {
		for l := range strings.Lines(string(written(t, list, s).Body)) {
			kind := map[string]string{"ip": "ipv4-addr:value", "domain": "domain-name:value", "url": "url:value", "hash": "file:hashes.MD5"}[list]
			if o, ok := adapt.ObservableOf(cti.Test{Path: kind, Value: value}); !ok || o.Value != strings.TrimSuffix(l, "\n") {
				t.Errorf("%s: %q became the line %q", list, value, l)
			}
		}
	}
	rows, err := csv.NewReader(bytes.NewReader(written(t, "csv", s).Body)).ReadAll()
	if err != nil || len(rows) != 1+len(s.Indicators) {
		t.Errorf("%q: %d rows, %v", value, len(rows), err)
	}
	for _, row := range rows {
		for _, c := range row {
			if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
				t.Errorf("%q became the cell %q", value, c)
			}
		}
	}
	record, err := adapt.FromMISP(written(t, "misp", s).Body)
	if err != nil {
		t.Fatalf("%q: %v", value, err)
	}
	back := gathered(t, record.Bundle)
	for _, i := range back.Indicators {
		if !slices.ContainsFunc(s.Indicators, func(j Indicator) bool { return j.Pattern == i.Pattern }) && !strings.HasPrefix(i.Pattern, "[windows-registry-key") && strings.TrimSpace(value) == value {
			t.Errorf("%q came back from MISP as %s", value, i.Pattern)
		}
	}
}

func FuzzExport(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" || len(s) > 4_000 {
			t.Skip("nothing to export")
		}
		checkValue(t, s)
	})
}

// TestSigmaRulesAreReadBySigmaGo reads the rules with another implementation.
func TestSigmaRulesAreReadBySigmaGo(t *testing.T) {
	t.Parallel()
	n := 0
	for _, doc := range strings.Split(string(written(t, "sigma", sample(t)).Body), "\n---\n") {
		rule, err := sigma.ParseRule([]byte(doc))
		if err != nil {
			t.Errorf("%v: %s", err, doc)
			continue
		}
		if rule.ID == "" || len(rule.Detection.Searches) != 1 || len(rule.Detection.Conditions) != 1 {
			t.Errorf("%+v", rule)
		}
		n++
	}
	t.Logf("%d Sigma rules read", n)
	if n < 10 {
		t.Error("too few rules")
	}
}

// TestSuricataLoadsTheRules asks Suricata itself.
func TestSuricataLoadsTheRules(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("suricata")
	if err != nil {
		t.Skip("skipped: suricata is not on the PATH")
	}
	folder := t.TempDir()
	rules := filepath.Join(folder, "secant.rules")
	if err := os.WriteFile(rules, written(t, "suricata", sample(t)).Body, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "-T", "-S", rules, "-l", folder).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("rules failed")) && !bytes.Contains(out, []byte(" 0 rules failed")) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestPyMISPReadsTheEvent reads the event with MISP's own library and the rules with a
// parser of others.
func TestPyMISPReadsTheEvent(t *testing.T) {
	t.Parallel()
	s := sample(t)
	event, rules := written(t, "misp", s), written(t, "suricata", s)
	folder := t.TempDir()
	paths := []string{filepath.Join(folder, "event.json"), filepath.Join(folder, "secant.rules")}
	for i, b := range [][]byte{event.Body, rules.Body} {
		if err := os.WriteFile(paths[i], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got struct {
		Info       string
		Tags       []string
		Attributes [][2]string
		Rules      [][3]any
	}
	if err := json.Unmarshal(peertest.Python(t, "peer", paths...), &got); err != nil {
		t.Fatal(err)
	}
	var written struct {
		Event struct {
			Attribute []struct{ Type, Value string }
		}
	}
	if err := json.Unmarshal(event.Body, &written); err != nil {
		t.Fatal(err)
	}
	if got.Info != "Grey Heron" || !slices.Equal(got.Tags, []string{"tlp:green"}) || len(got.Attributes) != len(written.Event.Attribute) {
		t.Errorf("%+v", got)
	}
	for _, a := range written.Event.Attribute {
		if !slices.Contains(got.Attributes, [2]string{a.Type, a.Value}) {
			t.Errorf("%v is not what PyMISP reads: %v", a, got.Attributes)
		}
	}
	if n := bytes.Count(rules.Body, []byte("\nalert ")); len(got.Rules) != n {
		t.Errorf("%d rules read of %d", len(got.Rules), n)
	}
	t.Logf("PyMISP read %d attributes, suricataparser %d rules", len(got.Attributes), len(got.Rules))
}

// TestRealEventsComeBack exports what real events became and reads it again.
func TestRealEventsComeBack(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(ctitest.RealData(t, "cti/misp/eset-events"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	schema := ctitest.OfficialSchemas(t)
	indicators, back := 0, 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		format, _ := adapt.Lookup("misp")
		err = format.Read(t.Context(), bytes.NewReader(b), func(r adapt.Record) error {
			s := gathered(t, r.Bundle)
			for _, f := range Formats() {
				if _, err := f.Write(s, about); err != nil {
					t.Errorf("%s as %s: %v", file, f.Name, err)
				}
			}
			again, err := adapt.FromMISP(written(t, "misp", s).Body)
			if err != nil {
				return err
			}
			indicators += len(s.Indicators)
			values := map[adapt.Observable]bool{}
			gathered(t, again.Bundle).singles(func(_ Indicator, o adapt.Observable) { values[o] = true })
			s.singles(func(_ Indicator, o adapt.Observable) {
				if !values[o] {
					t.Errorf("%s: %v did not come back", file, o)
				}
				back++
			})
			if len(r.Bundle) < 20_000 {
				schema.Validate(t, written(t, "stix", s).Body)
			}
			return nil
		}, func([]byte, error) {})
		if err != nil {
			t.Logf("refused %s: %v", filepath.Base(file), err)
		}
	}
	t.Logf("%d indicators of %d files, %d values came back from MISP", indicators, len(files), back)
}

func TestNumbersOfRulesAreDistinct(t *testing.T) {
	t.Parallel()
	var findings []cti.Finding
	for i := range 3_000 {
		findings = append(findings, finding("domain-name:value", fmt.Sprintf("h%d.example.com", i)))
	}
	seen := map[int]bool{}
	for rule := range strings.Lines(string(written(t, "suricata", compose(t, findings...)).Body)) {
		if m := regexp.MustCompile(`sid:(\d+);`).FindStringSubmatch(rule); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil || seen[n] || n < firstSID || n >= firstSID+countSID {
				t.Fatalf("%s", rule)
			}
			seen[n] = true
		}
	}
	if len(seen) != 9_000 {
		t.Errorf("%d rules", len(seen))
	}
}

func BenchmarkSuricata(b *testing.B) {
	var findings []cti.Finding
	for i := range 1_000 {
		findings = append(findings, finding("domain-name:value", fmt.Sprintf("h%d.example.com", i)))
	}
	s := compose(b, findings...)
	for b.Loop() {
		written(b, "suricata", s)
	}
}

// TestOnlyLeavesWhatIsWanted: one alternative after the other, and of the objects those
// that the rest needs.
func TestOnlyLeavesWhatIsWanted(t *testing.T) {
	t.Parallel()
	all := sample(t)
	left := all.Only(func(i Indicator, c Combined) bool {
		return i.Language == "yara" || slices.ContainsFunc(c.Tests, func(t cti.Test) bool { return t.Path == "file:hashes.MD5" })
	})
	if len(left.Indicators) != 2 || len(all.Only(func(Indicator, Combined) bool { return true }).Indicators) != len(all.Indicators) {
		t.Fatalf("%+v", left.Indicators)
	}
	for _, i := range left.Indicators {
		if i.Language == "stix" && (len(i.Any) != 1 || i.Level != "green") {
			t.Errorf("%+v", i)
		}
	}
	for _, o := range left.Objects {
		if o.Type != "indicator" && o.Type != "marking-definition" {
			t.Errorf("%s is not needed", o.ID)
		}
	}
	if out := written(t, "hash", left); string(out.Body) != "9e107d9d372bb6826bd81d3542a419d6\n" {
		t.Errorf("%s", out.Body)
	}
}

// TestAReportsEventIsTheSameEverywhere: its UUID is the report's, whoever shared it.
func TestAReportsEventIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	f, _ := Lookup("misp")
	var uuids []string
	for _, by := range []string{"Hospital North", "Hospital South"} {
		out, err := f.Write(sample(t), About{Title: "Grey Heron", Organisation: by, Report: strings.Repeat("a", 64), Marking: "amber"})
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Event mispEvent }
		if err := json.Unmarshal(out.Body, &got); err != nil {
			t.Fatal(err)
		}
		if e := got.Event; !e.Published || e.PublishedAt != e.Timestamp || len(e.Tags) != 1 || e.Tags[0].Name != "tlp:amber" || e.Orgc.Name != by {
			t.Errorf("%+v", e)
		}
		uuids = append(uuids, got.Event.UUID)
	}
	if uuids[0] != uuids[1] {
		t.Errorf("%v", uuids)
	}
}
