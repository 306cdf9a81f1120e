package sdc

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestSnapshotsOfOthers: the snapshots with which the implementation sdc11073 is tested
// are read, and say what is in them.
func TestSnapshotsOfOthers(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "..", "shared", "data", "health", "sdc-bicep")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no snapshots of others: ../shared/data/health/sdc-bicep is not there")
	}
	type counts struct {
		Version                                                                                          uint64
		Components, Metrics, Values, Systems, Conditions, Present, Signals, Operations, Contexts, Barred int
	}
	for name, want := range map[string]counts{
		"tests/reference_mdib.xml":   {0, 6, 9, 0, 2, 2, 0, 2, 5, 0, 0},
		"tests/mdib_two_mds.xml":     {5795, 11, 12, 7, 3, 3, 1, 4, 12, 2, 0},
		"tests/70041_MDIB_Final.xml": {174, 11, 64, 0, 2, 3, 0, 3, 6, 0, 2},
		"pat/PlugathonMdibV2.xml":    {0, 9, 12, 0, 2, 2, 0, 1, 6, 0, 0},
	} {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		m, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := counts{
			Version: m.Version, Components: len(m.Components), Metrics: len(m.Metrics), Systems: len(m.Systems), Conditions: len(m.Conditions),
			Signals: len(m.Signals), Operations: m.Operations, Contexts: m.Contexts, Barred: m.Barred,
		}
		for _, metric := range m.Metrics {
			if metric.Value != nil {
				got.Values++
			}
			if len(metric.Path) != 3 || metric.Type == nil || metric.Unit == nil {
				t.Errorf("%s: a metric without its place, type or unit: %+v", name, metric)
			}
		}
		for _, c := range m.Conditions {
			if c.Present {
				got.Present++
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

const namespaces = `xmlns:msg="` + message + `" xmlns:pm="` + participant + `" xmlns:ext="` + extension + `" xmlns:xsi="` + instance + `" xmlns:own="urn:own"`

const described = `<pm:MdDescription><pm:Mds Handle="m"><pm:AlertSystem Handle="a">` +
	`<pm:AlertCondition xsi:type="pm:LimitAlertConditionDescriptor" Handle="c" Kind="Tec" Priority="Lo"><pm:Type Code="1"/><pm:Source>n</pm:Source></pm:AlertCondition>` +
	`<pm:AlertSignal Handle="s" ConditionSignaled="c" Manifestation="Vis"/></pm:AlertSystem>` +
	`<pm:SystemContext Handle="x"><pm:PatientContext Handle="p"/></pm:SystemContext>` +
	`<pm:Vmd Handle="v"><pm:Channel Handle="h">` +
	`<pm:Metric xsi:type="pm:NumericMetricDescriptor" Handle="n" MetricCategory="Msrmt"><pm:Type Code="147842"><pm:ConceptDescription>Rate</pm:ConceptDescription></pm:Type><pm:Unit Code="264864" CodingSystem="urn:u"/></pm:Metric>` +
	`<pm:Metric xsi:type="pm:RealTimeSampleArrayMetricDescriptor" Handle="w"><pm:Type Code="131328"/><pm:Unit Code="266418"/></pm:Metric>` +
	`</pm:Channel></pm:Vmd></pm:Mds></pm:MdDescription>`

const states = `<pm:MdState>` +
	`<pm:State xsi:type="pm:NumericMetricState" DescriptorHandle="n"><pm:MetricValue Value="72.5" DeterminationTime="1796047200123"><pm:MetricQuality Validity="Vld"/></pm:MetricValue></pm:State>` +
	`<pm:State xsi:type="pm:RealTimeSampleArrayMetricState" DescriptorHandle="w"><pm:MetricValue Samples="1 -2.5 +3"><pm:MetricQuality Validity="Qst"/></pm:MetricValue></pm:State>` +
	`<pm:State xsi:type="pm:LimitAlertConditionState" DescriptorHandle="c" Presence="1" ActualPriority="Hi" ActivationState="On"/>` +
	`<pm:State xsi:type="pm:PatientContextState" DescriptorHandle="p" Handle="p1"><pm:CoreData><pm:Familyname>Secret</pm:Familyname></pm:CoreData></pm:State>` +
	`<pm:State xsi:type="pm:PatientContextState" DescriptorHandle="p" Handle="p2"/>` +
	`</pm:MdState>`

// snapshotOf is a document with an Mdib of two parts.
func snapshotOf(description, states string) string {
	return `<msg:Mdib ` + namespaces + ` SequenceId="urn:uuid:1" InstanceId="7" MdibVersion="9">` + description + states + `</msg:Mdib>`
}

func TestASnapshot(t *testing.T) {
	t.Parallel()
	seven := uint64(7)
	mdc := func(code, name string) *Code { return &Code{Code: code, System: NomenclatureSystem, Name: name} }
	path := []string{"m", "v", "h"}
	want := &Mdib{
		SequenceID: "urn:uuid:1", InstanceID: &seven, Version: 9,
		Components: []Component{{Kind: "Mds", Handle: "m"}, {Kind: "Vmd", Handle: "v", Parent: "m"}, {Kind: "Channel", Handle: "h", Parent: "v"}},
		Metrics: []Metric{
			{
				Kind: "NumericMetric", Handle: "n", Path: path, Type: mdc("147842", "Rate"), Unit: &Code{Code: "264864", System: "urn:u"}, Category: "Msrmt",
				Value: &Value{Text: "72.5", Validity: "Vld", At: time.UnixMilli(1796047200123).UTC()},
			},
			{
				Kind: "RealTimeSampleArrayMetric", Handle: "w", Path: path, Type: mdc("131328", ""), Unit: mdc("266418", ""),
				Value: &Value{Validity: "Qst", Samples: 3, Min: -2.5, Max: 3},
			},
		},
		Systems:    []AlertSystem{{Handle: "a", Parent: "m"}},
		Conditions: []Condition{{Handle: "c", System: "a", Type: mdc("1", ""), Kind: "Tec", Priority: "Hi", Sources: []string{"n"}, Activation: "On", Present: true}},
		Signals:    []Signal{{Handle: "s", Condition: "c", Manifestation: "Vis"}},
		Contexts:   2,
	}
	whole := snapshotOf(described, states)
	for name, text := range map[string]string{
		"by itself":     whole,
		"in a response": `<?xml version="1.0"?><msg:GetMdibResponse ` + namespaces + ` SequenceId="urn:uuid:1">` + whole + `</msg:GetMdibResponse>`,
		"in an envelope": `<e:Envelope xmlns:e="` + envelope + `"><e:Header><own:To xmlns:own="urn:o"/></e:Header><e:Body><msg:GetMdibResponse ` + namespaces +
			` SequenceId="urn:uuid:1">` + whole + `</msg:GetMdibResponse></e:Body></e:Envelope>`,
		"with extensions": strings.Replace(whole, `<pm:Mds Handle="m">`, `<pm:Mds Handle="m"><ext:Extension><own:Vmd><own:State/></own:Vmd></ext:Extension>`, 1),
		"another prefix":  strings.NewReplacer("pm:", "z:", "xmlns:pm", "xmlns:z").Replace(whole),
		"no prefix":       strings.NewReplacer("<pm:", "<", "</pm:", "</", "pm:", "", "xmlns:pm", "xmlns").Replace(whole),
	} {
		got, err := Parse([]byte(text))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

// TestWhatMustBeUnderstood: a part with an extension that must be understood is said
// nothing about, with all below it; of the whole snapshot, it is refused.
func TestWhatMustBeUnderstood(t *testing.T) {
	t.Parallel()
	const must = `<ext:Extension><own:Thing><own:Other ext:MustUnderstand="true"/></own:Thing></ext:Extension>`
	at := func(where string) string { return strings.Replace(snapshotOf(described, states), where, where+must, 1) }
	m, err := Parse([]byte(at(`<pm:Channel Handle="h">`)))
	if err != nil || len(m.Metrics) != 0 || len(m.Components) != 2 || m.Barred != 3 {
		t.Errorf("a channel: %+v %v", m, err)
	}
	m, err = Parse([]byte(at(`<pm:State xsi:type="pm:NumericMetricState" DescriptorHandle="n">`)))
	if err != nil || m.Metrics[0].Value != nil || m.Metrics[1].Value == nil || m.Barred != 1 {
		t.Errorf("a state: %+v %v", m, err)
	}
	for _, where := range []string{`<pm:MdDescription>`, `<pm:MdState>`} {
		if m, err := Parse([]byte(at(where))); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %+v %v", where, m, err)
		}
	}
}

// TestWhatIsRefused: one thing that is wrong in each document, and nothing of it in the
// answer.
func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	whole := snapshotOf(described, states)
	with := func(old, replacement string) string {
		if !strings.Contains(whole, old) {
			t.Fatalf("nothing to replace: %s", old)
		}
		return strings.Replace(whole, old, replacement, 1)
	}
	for name, text := range map[string]string{
		"nothing":                     "",
		"no XML":                      "Secret",
		"an end that is missing":      whole[:len(whole)-3],
		"something behind the end":    whole + "<x/>",
		"text behind the end":         whole + "Secret",
		"a document type":             `<!DOCTYPE x [<!ENTITY e "Secret">]>` + whole,
		"an entity":                   with(`Rate`, `&e;`),
		"a processing instruction":    with(`Rate`, `<?php Secret?>`),
		"another encoding":            `<?xml version="1.0" encoding="ISO-8859-1"?>` + whole,
		"no UTF-8":                    with(`Rate`, "Secr\xe9t"),
		"another document":            `<Secret/>`,
		"another namespace":           strings.Replace(whole, participant, "urn:Secret", 1),
		"an attribute twice":          with(`Handle="h"`, `Handle="h" Handle="h2"`),
		"deep nesting":                with(`Rate`, strings.Repeat("<x>", 60)+strings.Repeat("</x>", 60)),
		"too many elements":           with(`Rate`, strings.Repeat("<x/>", MaxElements)),
		"too many attributes":         with(`Handle="h"`, `Handle="h"`+strings.Repeat(` b="1"`, 70)),
		"more than is taken":          with(`Rate`, strings.Repeat("x", MaxBytes)),
		"no sequence":                 with(` SequenceId="urn:uuid:1"`, ""),
		"a version that is none":      with(`MdibVersion="9"`, `MdibVersion="Secret"`),
		"an instance below none":      with(`InstanceId="7"`, `InstanceId="-7"`),
		"two versions":                `<msg:GetMdibResponse ` + namespaces + ` SequenceId="urn:uuid:1" MdibVersion="8">` + whole + `</msg:GetMdibResponse>`,
		"an empty envelope":           `<e:Envelope xmlns:e="` + envelope + `"/>`,
		"a fault":                     `<e:Envelope xmlns:e="` + envelope + `"><e:Body><e:Fault>Secret</e:Fault></e:Body></e:Envelope>`,
		"an empty response":           `<msg:GetMdibResponse ` + namespaces + ` SequenceId="urn:uuid:1"/>`,
		"no description":              snapshotOf("", states),
		"a part without a handle":     with(`<pm:Vmd Handle="v">`, `<pm:Vmd>`),
		"two parts of one handle":     with(`Handle="w"`, `Handle="n"`),
		"a context's handle twice":    with(`Handle="p2"`, `Handle="p1"`),
		"a context's of a part":       with(`Handle="p2"`, `Handle="n"`),
		"a context's none":            with(` Handle="p2"`, ``),
		"a metric of no kind":         with(` xsi:type="pm:NumericMetricDescriptor"`, ``),
		"a metric of another kind":    with(`pm:NumericMetricDescriptor`, `pm:AlertSignalDescriptor`),
		"a kind of another model":     with(`pm:NumericMetricDescriptor`, `own:NumericMetricDescriptor`),
		"a kind of no model":          with(`pm:NumericMetricDescriptor`, `q:NumericMetricDescriptor`),
		"a metric without a type":     with(`<pm:Type Code="131328"/>`, ``),
		"a metric without a unit":     with(`<pm:Unit Code="266418"/>`, ``),
		"a code that is none":         with(`Code="131328"`, ``),
		"a state without descriptor":  with(`DescriptorHandle="n"`, `DescriptorHandle="Secret"`),
		"a state of another kind":     with(`pm:NumericMetricState`, `pm:StringMetricState`),
		"a state of an older version": with(`DescriptorHandle="n"`, `DescriptorHandle="n" DescriptorVersion="3"`),
		"two states of one part":      with(`<pm:MdState>`, `<pm:MdState><pm:State xsi:type="pm:NumericMetricState" DescriptorHandle="n"/>`),
		"no state":                    with(`<pm:MdState>`, `<pm:MdState><pm:Secret/>`),
		"a number that is none":       with(`Value="72.5"`, `Value="Secret"`),
		"a number without an end":     with(`Value="72.5"`, `Value="INF"`),
		"a sample that is none":       with(`-2.5`, `1e5`),
		"a time that is none":         with(`1796047200123`, `99999999999999999`),
		"a value of unknown quality":  with(`<pm:MetricQuality Validity="Vld"/>`, ``),
		"a presence that is none":     with(`Presence="1"`, `Presence="Secret"`),
		"a condition about nothing":   with(`<pm:Source>n</pm:Source>`, `<pm:Source>Secret</pm:Source>`),
		"a signal of nothing":         with(`ConditionSignaled="c"`, `ConditionSignaled="Secret"`),
		"a signal of another part":    with(`ConditionSignaled="c"`, `ConditionSignaled="n"`),
	} {
		m, err := Parse([]byte(text))
		if code := ledger.CodeOf(err); code != ledger.CodeInvalid && code != ledger.CodeTooLarge || strings.Contains(err.Error(), "Secret") {
			t.Errorf("%s: %+v %v", name, m, err)
		}
		if err == nil && strings.Contains(fmt.Sprintf("%+v", m), "Secret") {
			t.Errorf("%s: it tells what it should not: %+v", name, m)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(snapshotOf(described, states)))
	f.Add([]byte(`<msg:GetMdibResponse ` + namespaces + ` SequenceId="urn:uuid:1">` + snapshotOf(described, "") + `</msg:GetMdibResponse>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text)
		if (m == nil) == (err == nil) || err != nil && ledger.CodeOf(err) == ledger.CodeInternal {
			t.Errorf("%+v %v", m, err)
		}
	})
}
