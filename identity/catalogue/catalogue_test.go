package catalogue_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
)

var update = flag.Bool("update", false, "write the golden file")

// TestGolden holds the whole catalogue, the digests of its schemas included: those
// stand on ledgers, so that a schema never changes without its version.
func TestGolden(t *testing.T) {
	t.Parallel()
	type row struct {
		*catalogue.Type
		Digest string `json:"schemaDigest"`
	}
	var rows []row
	for _, one := range catalogue.Types() {
		rows = append(rows, row{one, one.Publication().Digest})
	}
	var got bytes.Buffer
	e := json.NewEncoder(&got)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(rows); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "catalogue.golden.json")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the catalogue changed (-update writes it): %s", diff)
	}
}

// TestEveryTypeIsWhole: what stands in one place of a type stands in the others.
func TestEveryTypeIsWhole(t *testing.T) {
	t.Parallel()
	colour := regexp.MustCompile(`^#[0-9a-f]{6}$`)
	for _, one := range catalogue.Types() {
		if one.Life <= 0 || one.MaxLife < one.Life || one.WithoutStatus > one.MaxLife {
			t.Errorf("%s: lasts %v, at most %v, without status %v", one.Name, one.Life, one.MaxLife, one.WithoutStatus)
		}
		if !one.In(catalogue.SDJWT) || one.In(catalogue.MDoc) != (one.DocType != "") || len(one.Issuers) == 0 {
			t.Errorf("%s: %v as %q by %v", one.Name, one.Formats, one.DocType, one.Issuers)
		}
		if one.W3C[0] != "VerifiableCredential" || one.W3C[len(one.W3C)-1] != one.Name {
			t.Errorf("%s: is a %v", one.Name, one.W3C)
		}
		own := "https://secant-platform.github.io/credentials/" + one.Name + "/v1"
		if types, _ := one.Terms(); one.Contexts[len(one.Contexts)-1] != own || !cmp.Equal(types, []string{one.Name}) {
			t.Errorf("%s: its context is %v, and defines %v", one.Name, one.Contexts, types)
		}
		if !colour.MatchString(one.Display.Background) || !colour.MatchString(one.Display.Foreground) {
			t.Errorf("%s: is shown in %+v", one.Name, one.Display)
		}
		texts := []catalogue.Text{one.Display.Name}
		var claims []string
		for _, c := range one.Claims {
			claims = append(claims, c.Name)
			texts = append(texts, c.Label)
			if c.Issuer && !c.Open {
				t.Errorf("%s: %s names the issuer and can be withheld", one.Name, c.Name)
			}
		}
		for _, text := range texts {
			for _, locale := range catalogue.Locales {
				if text.In(locale) == "" || text.In("xx") != text.En {
					t.Errorf("%s: %+v in %s", one.Name, text, locale)
				}
			}
		}
		properties, _ := document(t, one)["properties"].(map[string]any)
		slices.Sort(claims)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(properties)), claims); diff != "" {
			t.Errorf("%s: its schema and its claims: %s", one.Name, diff)
		}
		request := one.Publication()
		if err := request.Validate(); err != nil {
			t.Errorf("%s: the ledger refuses its schema: %v", one.Name, err)
		}
		if found, ok := catalogue.Find(one.Name); !ok || found != one {
			t.Errorf("%s: is not found", one.Name)
		}
		if found, ok := catalogue.FindDocType(one.DocType); ok != one.In(catalogue.MDoc) || ok && found != one {
			t.Errorf("%s: is not found as %q", one.Name, one.DocType)
		}
	}
	for _, name := range []string{ledger.CredentialAssessor, ledger.CredentialReleaser} {
		if one, ok := catalogue.Find(name); !ok || !cmp.Equal(one.Formats, []catalogue.Format{catalogue.SDJWT}) {
			t.Errorf("%s: the ledger takes it as an SD-JWT VC only", name)
		}
	}
}

func document(t *testing.T, one *catalogue.Type) map[string]any {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal(one.Schema(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestEverySchemaIsClosedAndBounded: nothing that a schema does not name passes,
// and nothing of any length.
func TestEverySchemaIsClosedAndBounded(t *testing.T) {
	t.Parallel()
	for _, one := range catalogue.Types() {
		bounded(t, one.Name, document(t, one))
	}
}

func bounded(t *testing.T, at string, schema map[string]any) {
	t.Helper()
	_, listed := schema["enum"]
	_, fixed := schema["const"]
	if listed || fixed {
		return
	}
	switch schema["type"] {
	case "object":
		if schema["additionalProperties"] != false {
			t.Errorf("%s: is open", at)
		}
		properties, _ := schema["properties"].(map[string]any)
		for name, inner := range properties {
			object, _ := inner.(map[string]any)
			bounded(t, at+"."+name, object)
		}
	case "array":
		if schema["maxItems"] == nil {
			t.Errorf("%s: has any number of entries", at)
		}
		items, _ := schema["items"].(map[string]any)
		bounded(t, at+"[]", items)
	case "string":
		if schema["maxLength"] == nil {
			t.Errorf("%s: is of any length", at)
		}
	case "integer":
		if schema["minimum"] == nil || schema["maximum"] == nil {
			t.Errorf("%s: is of any size", at)
		}
	case "boolean":
	default:
		t.Errorf("%s: is of any type", at)
	}
}

// examples holds the whole claims of one good credential of each type.
func examples(t *testing.T) map[string]map[string]any {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "examples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	all := examples(t)
	for _, one := range catalogue.Types() {
		claims := all[one.Name]
		if err := catalogue.Validate(one.Name, claims); err != nil {
			t.Errorf("%s: %v", one.Name, err)
		}
		open, hidden := one.Split(claims)
		if len(open)+len(hidden) != len(claims) {
			t.Errorf("%s: splitting loses claims", one.Name)
		}
		if err := one.Validate(catalogue.Shown, open); err != nil {
			t.Errorf("%s with nothing shown: %v", one.Name, err)
		}
		if err := one.Validate(catalogue.Part, hidden); err != nil {
			t.Errorf("%s in part: %v", one.Name, err)
		}
		if len(open) > 0 && one.Validate(catalogue.Shown, hidden) == nil {
			t.Errorf("%s: an open claim was withheld", one.Name)
		}
		for _, name := range one.Hidden() {
			less := maps.Clone(claims)
			delete(less, name)
			if required(document(t, one), name) && one.Validate(catalogue.Whole, less) == nil {
				t.Errorf("%s: is whole without %s", one.Name, name)
			}
		}
	}
}

func required(schema map[string]any, name string) bool {
	list, _ := schema["required"].([]any)
	return slices.Contains(list, any(name))
}

// TestFaultsNameThePlaceAndNoValue: secret marks everything that the sender chose.
func TestFaultsNameThePlaceAndNoValue(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	all := examples(t)
	for name, c := range map[string]struct {
		of    string
		spoil func(claims map[string]any)
		want  []ledger.Fault
	}{
		"absent": {"StaffRole", func(c map[string]any) { delete(c, "role"); delete(c, "given_name") }, []ledger.Fault{
			{Field: "role", Detail: "must be there"}, {Field: "given_name", Detail: "must be there"},
		}},
		"unknown":    {"StaffRole", func(c map[string]any) { c[secret] = secret }, []ledger.Fault{{Field: "claims", Detail: "must have no other claims than its type"}}},
		"no member":  {"StaffRole", func(c map[string]any) { c["role"] = secret }, []ledger.Fault{{Field: "role", Detail: "must be one of the values of its type"}}},
		"other type": {"StaffRole", func(c map[string]any) { c["role"] = []any{secret} }, []ledger.Fault{{Field: "role", Detail: "must be of type string"}}},
		"no date":    {"Patient", func(c map[string]any) { c["birthdate"] = secret }, []ledger.Fault{{Field: "birthdate", Detail: "must be a date"}}},
		"too long": {"Patient", func(c map[string]any) { c["given_name"] = strings.Repeat(secret, 50) }, []ledger.Fault{
			{Field: "given_name", Detail: "must have at most 200 characters"},
		}},
		"control": {"Patient", func(c map[string]any) { c["given_name"] = secret + "\n" }, []ledger.Fault{{Field: "given_name", Detail: "must be as its type has it: pattern"}}},
		"nested": {"TrainingBadge", func(c map[string]any) { c["achievement"].(map[string]any)["criteria"] = map[string]any{secret: 1} }, []ledger.Fault{
			{Field: "achievement.criteria.narrative", Detail: "must be there"},
			{Field: "achievement.criteria", Detail: "must have no other claims than its type"},
		}},
		"in a list": {"DeviceCertification", func(c map[string]any) { c["conditions"] = []any{"one", json.Number("2")} }, []ledger.Fault{
			{Field: "conditions[1]", Detail: "must be of type string"},
		}},
		"fraction": {"DeviceCertification", func(c map[string]any) { c["score"] = json.Number("1.5") }, []ledger.Fault{{Field: "score", Detail: "must be of type integer"}}},
		"huge": {"DeviceCertification", func(c map[string]any) { c["score"] = json.Number("10001") }, []ledger.Fault{
			{Field: "score", Detail: "must be as its type has it: maximum"},
		}},
		"many": {"DeviceCertification", func(c map[string]any) { c["conditions"] = slices.Repeat([]any{secret}, 17) }, []ledger.Fault{
			{Field: "conditions", Detail: "must have at most 16 entries"},
		}},
	} {
		claims := maps.Clone(all[c.of])
		c.spoil(claims)
		err := catalogue.Validate(c.of, claims)
		p, ok := errors.AsType[*ledger.Problem](err)
		if !ok || p.Code != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
			continue
		}
		byField := func(a, b ledger.Fault) int { return strings.Compare(a.Field, b.Field) }
		slices.SortFunc(p.Faults, byField)
		slices.SortFunc(c.want, byField)
		if diff := cmp.Diff(c.want, p.Faults); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: repeats what was sent: %v", name, err)
		}
	}
	if err := catalogue.Validate(secret, nil); ledger.CodeOf(err) != ledger.CodeNotFound || strings.Contains(err.Error(), secret) {
		t.Errorf("an unknown type: %v", err)
	}
}
