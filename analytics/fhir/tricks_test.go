package fhir

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
)

const plain = `{"resourceType":"Observation","status":"final","code":{"text":"x"}%s}`

// TestWhatIsRefused says for each trick where its fault is.
func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	j := NewJudge(nil, limits)
	more := func(text string) string { return fmt.Sprintf(plain, ","+text) }
	for name, c := range map[string]struct{ text, at string }{
		"no resource":              {`[]`, ""},
		"no type":                  {`{"status":"final"}`, ""},
		"a type that is no text":   {`{"resourceType":7}`, ""},
		"a type that is not taken": {`{"resourceType":"Claim"}`, "resourceType"},
		"nothing in it":            {`{"resourceType":"Observation"}`, "Observation.status"},
		"a status that is not":     {`{"resourceType":"Observation","status":"done","code":{"text":"x"}}`, "Observation.status"},
		"null":                     {more(`"subject":null`), "Observation.subject"},
		"an empty object":          {more(`"subject":{}`), "Observation.subject"},
		"an empty list":            {more(`"category":[]`), "Observation.category"},
		"an empty text":            {more(`"issued":""`), "Observation.issued"},
		"one instead of a list":    {more(`"category":{"text":"x"}`), "Observation.category"},
		"a list instead of one":    {more(`"subject":[{"display":"x"}]`), "Observation.subject"},
		"a day that is not":        {more(`"effectiveDateTime":"2026-02-30"`), "Observation.effectiveDateTime"},
		"a time without a zone":    {more(`"issued":"2026-02-01T10:00:00"`), "Observation.issued"},
		"two values":               {more(`"valueString":"x","valueInteger":1`), "Observation.value[x]"},
		"two times":                {more(`"effectiveDateTime":"2026","effectivePeriod":{"start":"2026"}`), "Observation.effective[x]"},
		"no integer":               {more(`"valueInteger":1.0`), "Observation.valueInteger"},
		"a number in quotes":       {more(`"valueQuantity":{"value":"72"}`), "Observation.valueQuantity.value"},
		"a value and no value":     {more(`"valueInteger":1,"dataAbsentReason":{"text":"x"}`), "Observation.dataAbsentReason"},
		"a range of nothing":       {more(`"referenceRange":[{"type":{"text":"x"}}]`), "Observation.referenceRange[0]"},
		"a period that ends first": {more(`"effectivePeriod":{"start":"2026-02","end":"2026-01"}`), "Observation.effectivePeriod"},
		"a specimen that is none":  {more(`"specimen":{"reference":"Device/1"}`), "Observation.specimen"},
		"its own code within":      {`{"resourceType":"Observation","status":"final","code":{"coding":[{"code":"a"}]},"valueInteger":1,"component":[{"code":{"coding":[{"code":"a"}]}}]}`, "Observation.component[0]"},
		"what is beside nothing":   {more(`"_subject":{"id":"x"}`), "Observation.subject"},
		"what is beside wrong":     {more(`"_issued":{"value":"x"}`), "Observation.issued"},
		"an id with a slash":       {more(`"id":"../x"`), "Observation.id"},
		"a script":                 {more(`"text":{"status":"generated","div":"<div><script>1</script></div>"}`), "Observation.text.div"},
		"a handler":                {more(`"text":{"status":"generated","div":"<div onclick='x'>1</div>"}`), "Observation.text.div"},
		"an entity bomb":           {more(`"text":{"status":"generated","div":"<!DOCTYPE d [<!ENTITY a 'b'>]><div>&a;</div>"}`), "Observation.text.div"},
		"contained without an id":  {more(`"contained":[{"resourceType":"Device"}]`), "Observation.contained[0]"},
		"contained of no type":     {more(`"contained":[{"id":"d"}],"device":{"reference":"#d"}`), "Observation.contained[0]"},
		"contained and not used":   {more(`"contained":[{"resourceType":"Device","id":"d"}]`), "Observation.contained[0]"},
		"contained twice":          {more(`"contained":[{"resourceType":"Device","id":"d"},{"resourceType":"Device","id":"d"}],"device":{"reference":"#d"}`), "Observation.contained[1]"},
		"contained in contained":   {more(`"contained":[{"resourceType":"Device","id":"d","contained":[{"resourceType":"Device","id":"e"}]}],"device":{"reference":"#d"}`), "Observation.contained[0]"},
		"contained with a version": {more(`"contained":[{"resourceType":"Device","id":"d","meta":{"versionId":"1"}}],"device":{"reference":"#d"}`), "Observation.contained[0].meta"},
		"contained that is not":    {more(`"device":{"reference":"#d"}`), "Observation.device"},
		"contained in a ring": {
			more(`"contained":[{"resourceType":"Device","id":"a","parent":{"reference":"#b"}},{"resourceType":"Device","id":"b","parent":{"reference":"#a"}}],"device":{"reference":"#a"}`),
			"Observation.contained[0]",
		},
		"contained in itself": {more(`"contained":[{"resourceType":"Device","id":"a","parent":{"reference":"#a"}}],"device":{"reference":"#a"}`), "Observation.contained[0]"},
	} {
		_, err := j.Read([]byte(c.text))
		if ledger.CodeOf(err) != ledger.CodeInvalid || !slices.ContainsFunc(faultsOf(err), func(f ledger.Fault) bool { return f.Field == c.at }) {
			t.Errorf("%s: %+v, want a fault at %q", name, err, c.at)
		}
	}
	for name, c := range map[string]struct {
		text string
		code ledger.Code
	}{
		"too deep":        {more(`"extension":` + strings.Repeat(`[`, 40) + strings.Repeat(`]`, 40)), ledger.CodeTooLarge},
		"too much":        {more(`"category":[` + strings.Repeat(`{"text":"x"},`, 20_000) + `{"text":"x"}]`), ledger.CodeTooLarge},
		"a name twice":    {more(`"status":"amended"`), ledger.CodeInvalid},
		"no text":         {"\xff", ledger.CodeInvalid},
		"cut off":         {plain[:20], ledger.CodeInvalid},
		"two resources":   {fmt.Sprintf(plain, "") + fmt.Sprintf(plain, ""), ledger.CodeInvalid},
		"a name escaped ": {more(`"st\u0061tus":"final"`), ledger.CodeInvalid},
	} {
		if _, err := j.Read([]byte(c.text)); ledger.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"extensions beside":    more(`"_status":{"extension":[{"url":"http://x","valueString":"y"}]}`),
		"a list with a hole":   `{"resourceType":"Patient","name":[{"given":["a",null],"_given":[null,{"id":"x"}]}]}`,
		"what refers back":     more(`"contained":[{"resourceType":"Provenance","id":"p","target":[{"reference":"#"}],"recorded":"2026-01-01T00:00:00Z","agent":[{"who":{"display":"x"}}]}]`),
		"a leap second":        more(`"issued":"2016-12-31T23:59:60Z"`),
		"a value that is long": more(`"valueQuantity":{"value":72.757485000000000}`),
	} {
		if _, err := j.Read([]byte(text)); err != nil {
			t.Errorf("%s: %+v", name, err)
		}
	}
}

// TestFaultsRepeatNothing: what was sent stands in no answer.
func TestFaultsRepeatNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"resourceType":"MARKED"}`, `{"resourceType":"Observation","status":"MARKED"}`, fmt.Sprintf(plain, `,"MARKED":{}`), fmt.Sprintf(plain, `,"subject":{"reference":"","MARKED":null}`),
		fmt.Sprintf(plain, `,"device":{"reference":"#MARKED"}`),
		fmt.Sprintf(plain, `,"MARKED":null`), fmt.Sprintf(plain, `,"MARKED":{"reference":"#x"}`), fmt.Sprintf(plain, `,"MARKED":[{"start":"2027","end":"2026"}]`),
	} {
		for name, j := range map[string]*Judge{"own": NewJudge(nil, limits)} {
			if _, err := j.Read([]byte(text)); err == nil || strings.Contains(fmt.Sprintf("%+v %+v", err, faultsOf(err)), "MARKED") {
				t.Errorf("%s: %s: %+v", name, text, err)
			}
		}
	}
}

func TestServed(t *testing.T) {
	t.Parallel()
	m := Meta{"n", 2, time.UnixMilli(1_000)}
	const meta = `"id":"n","meta":{"versionId":"2","lastUpdated":"1970-01-01T00:00:01.000Z"`
	for text, want := range map[string]string{
		`{"resourceType":"Patient"}`:                                                                          `{"resourceType":"Patient",` + meta + `}}`,
		`{ "id":"a" , "resourceType" : "Patient" }`:                                                           `{ "resourceType" : "Patient",` + meta + `} }`,
		`{"id":"a","meta":{},"resourceType":"Patient","active":true}`:                                         `{"resourceType":"Patient",` + meta + `},"active":true}`,
		`{"resourceType":"Patient","meta":{"tag":[ {"code":"t"} ],"versionId":"9"},"active" : true,"id":"a"}`: `{"resourceType":"Patient",` + meta + `,"tag":[ {"code":"t"} ]},"active" : true}`,
		`{"active":true,"id":"a","resourceType":"Patient"}`:                                                   `{"active":true,"resourceType":"Patient",` + meta + `}}`,
		`{"resourceType":"Patient","link":[{"other":{"reference":"urn:uuid:1"}},{"other":{"reference":"urn:uuid:1#x"}},{"other":{"reference":"urn:uuid:2"}}]}`: `{"resourceType":"Patient",` + meta +
			`},"link":[{"other":{"reference":"Patient/p"}},{"other":{"reference":"Patient/p#x"}},{"other":{"reference":"urn:uuid:2"}}]}`,
	} {
		r, err := Reopen([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Served(m, []Link{{"urn:uuid:1", "Patient/p"}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"2026":                      {"2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		"2026-12":                   {"2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		"2024-02-29":                {"2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"},
		"2026-11-30T14:00+01:00":    {},
		"2026-11-30T14:00":          {"2026-11-30T14:00:00Z", "2026-11-30T14:01:00Z"},
		"2026-11-30T14:00Z":         {"2026-11-30T14:00:00Z", "2026-11-30T14:01:00Z"},
		"2026-11-30T14:00:05":       {"2026-11-30T14:00:05Z", "2026-11-30T14:00:06Z"},
		"2026-11-30T14:00:05+01:00": {"2026-11-30T13:00:05Z", "2026-11-30T13:00:06Z"},
		"2026-11-30T14:00:05.1239Z": {"2026-11-30T14:00:05.123Z", "2026-11-30T14:00:05.124Z"},
		"2016-12-31T23:59:60Z":      {"2017-01-01T00:00:00Z", "2017-01-01T00:00:01Z"},
		"2023-02-29":                {},
		"2026-13":                   {},
		"":                          {},
		"2026-11-30T24:00:00Z":      {},
	} {
		got := Range(text)
		show := func(v time.Time) string {
			if v.IsZero() {
				return ""
			}
			return v.Format(time.RFC3339Nano)
		}
		if diff := cmp.Diff(want, [2]string{show(got.Low), show(got.High)}); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestBundlesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		code ledger.Code
	}{
		"no bundle":        {`{"resourceType":"Patient"}`, ledger.CodeInvalid},
		"of another type":  {`{"resourceType":"Bundle","type":"collection"}`, ledger.CodeInvalid},
		"entries that are": {`{"resourceType":"Bundle","type":"batch","entry":{}}`, ledger.CodeInvalid},
		"an entry that is": {`{"resourceType":"Bundle","type":"batch","entry":[7]}`, ledger.CodeInvalid},
		"without requests": {`{"resourceType":"Bundle","type":"batch","entry":[{"resource":{}}]}`, ledger.CodeInvalid},
		"two of one name":  {`{"resourceType":"Bundle","type":"batch","entry":[{"fullUrl":"a","request":{"method":"GET","url":"x"}},{"fullUrl":"a","request":{"method":"GET","url":"x"}}]}`, ledger.CodeInvalid},
		"too many":         {`{"resourceType":"Bundle","type":"batch","entry":[` + strings.Repeat(`{},`, 9) + `{}]}`, ledger.CodeTooLarge},
		"too deep":         {`{"resourceType":"Bundle","type":"batch","entry":[{"resource":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40) + `}]}`, ledger.CodeTooLarge},
	} {
		if _, err := ReadBundle([]byte(c.text), 5, limits); ledger.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRead: nothing makes the judge panic, and what it takes is served as the same
// JSON but for id and meta, and is taken again.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		fmt.Sprintf(plain, ""), fmt.Sprintf(plain, `,"contained":[{"resourceType":"Device","id":"d"}],"device":{"reference":"#d"},"id":"x","meta":{"tag":[{"code":"a"}]}`),
		`{"id":"a","resourceType":"Patient","link":[{"other":{"reference":"urn:uuid:1"},"type":"refer"}],"_birthDate":{"id":"b"}}`,
		`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"a":[1]},"request":{"method":"POST","url":"x"}}]}`,
	} {
		f.Add([]byte(seed))
	}
	j := NewJudge(nil, limits)
	f.Fuzz(func(t *testing.T, text []byte) {
		if b, err := ReadBundle(text, 10, limits); err == nil {
			for _, e := range b.Entries {
				if e.Resource != nil && !json.Valid(e.Resource) {
					t.Fatalf("%q", e.Resource)
				}
			}
		}
		r, err := j.Read(text)
		if err != nil {
			if c := ledger.CodeOf(err); c != ledger.CodeInvalid && c != ledger.CodeTooLarge {
				t.Fatal(err)
			}
			return
		}
		links := []Link{{"urn:uuid:1", "Patient/p"}}
		r.Index(links)
		r.DeviceRef()
		served, err := r.Served(Meta{"x-1", 3, time.UnixMilli(0)}, links)
		if err != nil {
			t.Fatal(err)
		}
		again, err := j.Read(served)
		if err != nil {
			t.Fatalf("%v: %s from %s", err, served, text)
		}
		if again.ID != "x-1" || again.Type != r.Type {
			t.Fatalf("%s", served)
		}
	})
}
