package app

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // alerts are put into the file as another part of the node does

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/correlate"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store"
)

// watch is a store with a correlator, without a node around it.
type watch struct {
	tb    testing.TB
	dir   string
	store *store.Store
	c     *correlator
	raw   *sql.DB
	n     int
}

func newWatch(tb testing.TB) *watch {
	tb.Helper()
	w := &watch{tb: tb, dir: tb.TempDir()}
	s, err := store.Open(context.Background(), w.dir, store.Options{Organisation: "hospital-north"})
	if err != nil {
		tb.Fatal(err)
	}
	w.store = s
	if w.raw, err = sql.Open("sqlite", "file:"+filepath.Join(w.dir, "node.db")+"?_pragma=busy_timeout(5000)"); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = w.raw.Close()
		_ = s.Close()
	})
	w.restart()
	return w
}

func (w *watch) restart() {
	w.c = newCorrelator(w.store, newEnricher(w.store, newLabeller(w.store)), slog.New(slog.DiscardHandler))
}

func (w *watch) correlate() {
	w.tb.Helper()
	if _, err := w.c.Correlate(context.Background()); err != nil {
		w.tb.Fatal(err)
	}
}

func (w *watch) alert(at time.Time, observables ...adapt.Observable) {
	w.tb.Helper()
	w.n++
	doc, err := json.Marshal(fact.AlertText{Observables: observables})
	if err != nil {
		w.tb.Fatal(err)
	}
	r, err := w.raw.Exec(`INSERT INTO alert (source, digest, format, kind, received, time, severity, title, rule, doc, original)
		VALUES ('ids', ?, 'eve', 'alert', ?2, ?2, 5000, 'odd traffic', '', ?3, x'')`, fmt.Append(nil, w.n), at.UnixMilli(), doc)
	if err != nil {
		w.tb.Fatal(err)
	}
	seq, _ := r.LastInsertId()
	for _, o := range observables {
		if _, err := w.raw.Exec("INSERT OR IGNORE INTO alert_value (value, time, alert) VALUES (?, ?, ?)", fact.AlertKey(o.Value), at.UnixMilli(), seq); err != nil {
			w.tb.Fatal(err)
		}
	}
}

func (w *watch) add(objects ...string) {
	w.tb.Helper()
	var list []fact.STIXObject
	for _, text := range objects {
		var o struct {
			ID, Type string
			Modified time.Time
		}
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			w.tb.Fatal(err)
		}
		list = append(list, fact.STIXObject{Collection: "own", ID: o.ID, Type: o.Type, Spec: "2.1", Version: o.Modified, Body: []byte(text)})
	}
	if _, err := w.store.AddSTIX(context.Background(), list); err != nil {
		w.tb.Fatal(err)
	}
}

var watched = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

// beacon is an indicator by its number, in a version.
func beacon(n, version int, pattern string, more ...string) string {
	return fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":"indicator--a1b2c3d4-0000-4000-8000-%012d","created":"2026-11-01T10:00:00Z","modified":"2026-11-01T10:00:%02dZ",
		"name":"beacon %d","pattern_type":"stix","pattern":%q,"valid_from":"2026-11-01T10:00:00Z"%s}`, n, version, n, pattern, strings.Join(more, ""))
}

func sawValue(s string) adapt.Observable {
	for _, read := range []func(string) (adapt.Observable, bool){adapt.Address, adapt.URL, adapt.FileHash, adapt.Domain} {
		if o, ok := read(s); ok {
			return o
		}
	}
	panic(s)
}

// matches are the numbers of indicator and alert of each match, the newest first.
func (w *watch) matches(f fact.MatchFilter) []string {
	w.tb.Helper()
	p, err := w.store.IndicatorMatches(context.Background(), f, ledger.PageRequest{})
	if err != nil {
		w.tb.Fatal(err)
	}
	all := []string{}
	for _, m := range p.Items {
		all = append(all, fmt.Sprintf("%s %d", strings.TrimLeft(m.Indicator[len(m.Indicator)-12:], "0"), m.Alert))
	}
	return all
}

const (
	aTLSH = "t10ac10a1b68372b0fc0e612a54541f198c9d8e766f34d81bef3e22473860d1f5e1a664e"
	bTLSH = "t179c10a1b68372b0fc0e612a54541f198c9d8eba6f34d81bef3e22573860d1f5e1a664e" // four away
)

// TestIndicatorsMeetAlertsBothWays: whichever comes first, the same matches are found,
// once, and a new start finds no more.
func TestIndicatorsMeetAlertsBothWays(t *testing.T) {
	t.Parallel()
	indicators := []string{
		beacon(1, 0, "[ipv4-addr:value = '198.51.100.7']"), beacon(2, 0, "[ipv4-addr:value ISSUBSET '203.0.113.0/24']"),
		beacon(3, 0, "[domain-name:value = 'evil.test']"), beacon(4, 0, "[file:hashes.TLSH = '"+aTLSH+"']"),
		beacon(5, 0, "[domain-name:value = 'evil.test' AND domain-name:resolves_to_refs[*].value = '192.0.2.9']"),
		beacon(6, 0, "[ipv4-addr:value = '198.51.100.7']", `,"valid_until":"2026-11-02T09:00:00Z"`), beacon(7, 0, "[ipv4-addr:value = '198.51.100.7']", `,"revoked":true`),
	}
	alerts := func(w *watch) {
		w.alert(watched, sawValue("10.0.0.1"), sawValue("198.51.100.7"))
		w.alert(watched, sawValue("203.0.113.200"))
		w.alert(watched, sawValue("https://evil.test/a"))
		w.alert(watched, sawValue(bTLSH))
		w.alert(watched, sawValue("evil.test"), sawValue("192.0.2.9"))
		w.alert(watched, sawValue("192.0.2.1"))
	}
	want := []string{"5 5", "3 5", "4 4", "3 3", "2 2", "1 1"}
	byNumber := cmp.Transformer("sorted", func(in []string) map[string]bool {
		m := map[string]bool{}
		for _, s := range in {
			m[s] = true
		}
		return m
	})
	for name, do := range map[string]func(w *watch){
		"forwards":        func(w *watch) { w.add(indicators...); w.correlate(); alerts(w) },
		"back":            func(w *watch) { alerts(w); w.correlate(); w.add(indicators...) },
		"at once":         func(w *watch) { alerts(w); w.add(indicators...) },
		"new start":       func(w *watch) { w.add(indicators...); w.correlate(); w.restart(); alerts(w) },
		"new start, back": func(w *watch) { alerts(w); w.correlate(); w.restart(); w.add(indicators...) },
	} {
		w := newWatch(t)
		do(w)
		w.correlate()
		got := w.matches(fact.MatchFilter{})
		if d := cmp.Diff(want, got, byNumber); d != "" || len(got) != len(want) {
			t.Errorf("%s: %s", name, d)
		}
		w.restart()
		w.correlate()
		if again := w.matches(fact.MatchFilter{}); len(again) != len(got) {
			t.Errorf("%s: a new start finds %v", name, again)
		}
	}
}

// TestTheIndexFollowsItsObjects: versions replace each other, what is deleted is
// forgotten, and what is derived piece by piece is what is derived at once.
func TestTheIndexFollowsItsObjects(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	one, two := beacon(1, 0, "[ipv4-addr:value = '198.51.100.7']"), beacon(1, 1, "[ipv4-addr:value = '198.51.100.8']")
	w.add(one, beacon(2, 0, "[domain-name:value = 'evil.test']"),
		`{"type":"domain-name","id":"domain-name--a1b2c3d4-0000-4000-8000-000000000001","value":"evil.test","resolves_to_refs":["ipv4-addr--a1b2c3d4-0000-4000-8000-000000000002"]}`,
		`{"type":"ipv4-addr","id":"ipv4-addr--a1b2c3d4-0000-4000-8000-000000000002","value":"198.51.100.9"}`)
	w.correlate()
	w.add(two)
	w.correlate()
	dump := func() string {
		t.Helper()
		var s string
		if err := w.raw.QueryRow(`SELECT (SELECT group_concat(x, ';') FROM (SELECT type || property || op || value || near || objects AS x FROM observable ORDER BY value, op)) || '|' ||
			(SELECT group_concat(x, ';') FROM (SELECT e.object || doc AS x FROM entry e ORDER BY object)) || '|' ||
			(SELECT group_concat(x, ';') FROM (SELECT value || object || hostile AS x FROM observable_of JOIN observable ON id = observable ORDER BY object, value)) || '|' ||
			(SELECT group_concat(source || target || kind || object, ';') FROM stix_link)`).Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	had := dump()
	if w.c.matcher.Len() != 2 || strings.Contains(had, "198.51.100.7") {
		t.Errorf("%d values; %s", w.c.matcher.Len(), had)
	}
	if err := w.store.BeginCorrelation(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.correlate()
	if d := cmp.Diff(had, dump()); d != "" {
		t.Error(d)
	}
	// The first version is the last again.
	of := fact.STIXFilter{Collection: "own", IDs: []string{"indicator--a1b2c3d4-0000-4000-8000-000000000001"}}
	if _, err := w.store.DeleteSTIX(t.Context(), of); err != nil {
		t.Fatal(err)
	}
	w.correlate()
	if s := dump(); !strings.Contains(s, "198.51.100.7") || strings.Contains(s, "198.51.100.8") || w.c.matcher.Len() != 2 {
		t.Errorf("%d values; %s", w.c.matcher.Len(), s)
	}
	k, err := w.c.Observable(t.Context(), adapt.TypeDomain, "value", "Evil.test.")
	if err != nil {
		t.Fatal(err)
	}
	if len(k.Objects) != 2 || len(k.Correlations) != 1 || k.Correlations[0].Value.Text != "198.51.100.9" || k.Correlations[0].How != "linked" {
		t.Errorf("%+v", k)
	}
}

// TestWhatSaysNothingIsBlockedOrSuppressed: values that too many name correlate nothing,
// and what a warninglist has is matched with the reason why it does not count.
func TestWhatSaysNothingIsBlockedOrSuppressed(t *testing.T) {
	t.Parallel()
	w := newWatch(t)
	for n := range correlate.MaxCorrelated + 1 {
		w.add(beacon(n+1, 0, "[ipv4-addr:value = '198.51.100.7' AND domain-name:value = 'evil.test']"))
	}
	w.add(beacon(100, 0, "[ipv4-addr:value = '192.0.2.53']"), beacon(101, 0, "[ipv4-addr:value = '192.0.2.54']", `,"description":"CVE-2026-10001 by T1190"`))
	if _, err := w.c.PutWarninglist(t.Context(), []byte(`{"name":"Resolvers","type":"string","version":1,"list":["192.0.2.53"]}`)); err != nil {
		t.Fatal(err)
	}
	w.alert(watched, sawValue("192.0.2.53"))
	w.alert(watched, sawValue("192.0.2.54"))
	w.correlate()
	if d := cmp.Diff([]string{"101 2"}, w.matches(fact.MatchFilter{})); d != "" {
		t.Error(d)
	}
	p, err := w.store.IndicatorMatches(t.Context(), fact.MatchFilter{Suppressed: true}, ledger.PageRequest{})
	if err != nil || len(p.Items) != 2 {
		t.Fatalf("%v %+v", err, p.Items)
	}
	sentence := p.Items[1].Found.Sentence
	if p.Items[0].Found.Warning != nil {
		sentence = p.Items[0].Found.Sentence
	}
	if !strings.Contains(sentence, `suppressed, because 192.0.2.53 is on the warninglist "Resolvers"`) {
		t.Error(sentence)
	}
	blocked, err := w.c.Blocked(t.Context(), 10)
	if err != nil || len(blocked) != 2 {
		t.Fatalf("%v %+v", err, blocked)
	}
	k, err := w.c.Observable(t.Context(), adapt.TypeIPv4, "value", "198.51.100.7")
	if err != nil || !k.Blocked || len(k.Correlations) != 0 || len(k.Objects) != correlate.MaxCorrelated+1 {
		t.Errorf("%v %+v", err, k)
	}
	if k, err = w.c.Observable(t.Context(), adapt.TypeIPv4, "value", "192.0.2.54"); err != nil {
		t.Fatal(err)
	}
	if len(k.Known.Vulnerabilities) != 1 || len(k.Known.Techniques) != 1 || len(k.Alerts) != 1 ||
		len(k.Correlations) != 1 || k.Correlations[0].How != "near" || k.Objects[0].Seen.IsZero() {
		t.Errorf("%+v", k)
	}
	if k, err = w.c.Observable(t.Context(), adapt.TypeIPv4, "value", "192.0.2.53"); err != nil || k.Warning == nil {
		t.Errorf("%v %+v", err, k)
	}
	if _, err := w.c.Observable(t.Context(), adapt.TypeIPv4, "value", "no address"); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Error(err)
	}
}
