package sbom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// data is the folder of real data, beside the repository where there is one.
func data(t *testing.T, path string) string {
	t.Helper()
	full := filepath.Join("../../../shared/data", path)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("skipped: %s is not here (real input is not part of the repository)", full)
	}
	return full
}

// TestFilesOfTheSpecificationBehaveAsTheirNamesSay reads every valid-* and
// invalid-* file of CycloneDX 1.6 and 1.7.
func TestFilesOfTheSpecificationBehaveAsTheirNamesSay(t *testing.T) {
	t.Parallel()
	root := data(t, "health/cyclonedx-spec")
	files, _ := filepath.Glob(filepath.Join(root, "1.*", "*valid-*.json"))
	valid, refused := 0, 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Read(b)
		good := strings.HasPrefix(filepath.Base(f), "valid-")
		switch {
		case good && err == nil:
			valid++
		case !good && ledger.CodeOf(err) == ledger.CodeInvalid:
			refused++
		default:
			t.Errorf("%s: %v", filepath.Base(f), faultsOf(err))
		}
	}
	t.Logf("%d valid files taken, %d invalid files refused", valid, refused)
	if valid+refused == 0 {
		t.Error("no file was read")
	}
}

func faultsOf(err error) any {
	if p, ok := err.(*ledger.Problem); ok { //nolint:errorlint // for messages only
		return fmt.Sprint(p.Detail, p.Faults)
	}
	return err
}

func TestExamplesAreTaken(t *testing.T) {
	t.Parallel()
	root := data(t, "health/cyclonedx-examples")
	n := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		version := struct{ SpecVersion string }{}
		_ = json.Unmarshal(b, &version)
		_, err = Read(b)
		if _, known := minors[version.SpecVersion]; known != (err == nil) {
			t.Errorf("%s (%s): %v", path, version.SpecVersion, faultsOf(err))
		}
		n++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d examples read", n)
}

// TestJudgementsAgreeWithTheSchema spoils each valid file in many ways, and asks
// the schema of the specification and this package about each.
func TestJudgementsAgreeWithTheSchema(t *testing.T) {
	t.Parallel()
	root := data(t, "health/cyclonedx-spec")
	for _, version := range []string{"1.6", "1.7"} {
		c := jsonschema.NewCompiler()
		for _, name := range []string{"jsf-0.82", "spdx", "cryptography-defs", "bom-" + version} {
			f, err := os.Open(filepath.Join(root, "schema", name+".schema.json"))
			if err != nil {
				t.Fatal(err)
			}
			doc, err := jsonschema.UnmarshalJSON(f)
			_ = f.Close()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.AddResource("http://cyclonedx.org/schema/"+name+".schema.json", doc); err != nil {
				t.Fatal(err)
			}
		}
		schema, err := c.Compile("http://cyclonedx.org/schema/bom-" + version + ".schema.json")
		if err != nil {
			t.Fatal(err)
		}
		same, differ := 0, map[string]int{}
		files, _ := filepath.Glob(filepath.Join(root, version, "valid-*.json"))
		if testing.Short() {
			files = files[:8]
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			whole, _ := decode(b)
			seen := map[string]bool{}
			spoil(whole, "", seen, func(what string) {
				text, err := json.Marshal(whole)
				if err != nil {
					t.Fatal(err)
				}
				doc, _ := jsonschema.UnmarshalJSON(bytes.NewReader(text))
				bySchema := schema.Validate(doc) == nil
				again, _ := decode(text)
				j := &judge{cyclone, minors[version], licenses}
				byUs := j.fits(cyclone.find("bom", minors[version]), again)
				if version := again["specVersion"]; version != nil && version != "1.6" && version != "1.7" {
					return // the schema leaves the version open
				}
				if bySchema == (byUs == nil) {
					same++
					return
				}
				differ[fmt.Sprintf("%s: schema %v, here %v", what, bySchema, byUs)]++
			})
		}
		total := same
		for _, n := range differ {
			total += n
		}
		t.Logf("CycloneDX %s: %d of %d judgements agree with the schema", version, same, total)
		for i, d := range slices.Sorted(maps.Keys(differ)) {
			if i < 40 {
				t.Logf("differs: %s", d)
			}
		}
		if len(differ) > 0 {
			t.Errorf("%d kinds of document are judged otherwise than by the schema", len(differ))
		}
	}
}

// spoil changes one thing of a document at a time, tells, and changes it back:
// a member left out, of another kind, or more than there may be. Each place is
// tried once in a document, whatever its index.
func spoil(v any, at string, seen map[string]bool, tell func(string)) {
	switch v := v.(type) {
	case map[string]any:
		if !seen[at+"{}"] {
			seen[at+"{}"] = true
			v["somethingElse"] = "x"
			tell(at + " with more")
			delete(v, "somethingElse")
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			was, place := v[name], at+"."+name
			if !seen[place] {
				seen[place] = true
				for _, other := range []any{nil, "", "http://[", json.Number("1.5"), []any{}} {
					v[name] = other
					tell(fmt.Sprintf("%s = %#v", place, other))
				}
				delete(v, name)
				tell(place + " left out")
			}
			v[name] = was
			spoil(was, place, seen, tell)
		}
	case []any:
		for i, item := range v {
			if !seen[at+"[]"] {
				seen[at+"[]"] = true
				v[i] = json.Number("7")
				tell(at + "[] = 7")
				if len(v) > 1 {
					v[i] = v[(i+1)%len(v)]
					tell(at + "[] twice")
				}
				v[i] = item
			}
			spoil(item, at+"[]", seen, tell)
		}
	}
}

const spdx23 = `{"SPDXID":"SPDXRef-DOCUMENT","spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","name":"pump","documentNamespace":"https://example.com/pump-1",
"creationInfo":{"created":"2026-11-30T08:00:00Z","creators":["Tool: x-1","Organization: Example"]},
"packages":[{"SPDXID":"SPDXRef-a","name":"openssl","versionInfo":"3.0.1","downloadLocation":"NOASSERTION","supplier":"Organization: OpenSSL (a@b.example)",
"checksums":[{"algorithm":"SHA256","checksumValue":"00ff"}],
"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:generic/openssl@3.0.1"},
{"referenceCategory":"SECURITY","referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a:openssl:openssl:3.0.1:*:*:*:*:*:*:*"}]}],
"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relatedSpdxElement":"SPDXRef-a","relationshipType":"DESCRIBES"}]}`

const spdx30 = `{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[
{"type":"CreationInfo","@id":"_:c","specVersion":"3.0.1","created":"2026-11-30T08:00:00Z","createdBy":["https://example.com/o"]},
{"type":"Organization","spdxId":"https://example.com/o","creationInfo":"_:c","name":"OpenSSL"},
{"type":"SpdxDocument","spdxId":"https://example.com/d","creationInfo":"_:c","rootElement":["https://example.com/p"]},
{"type":"software_Package","spdxId":"https://example.com/p","creationInfo":"_:c","name":"openssl","software_packageVersion":"3.0.1",
"software_packageUrl":"pkg:generic/openssl@3.0.1","suppliedBy":"https://example.com/o",
"externalIdentifier":[{"type":"ExternalIdentifier","externalIdentifierType":"cpe23","identifier":"cpe:2.3:a:openssl:openssl:3.0.1:*:*:*:*:*:*:*"}],
"verifiedUsing":[{"type":"Hash","algorithm":"SHA256","hashValue":"00ff"}]}]}`

const cdx = `{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"library","name":"openssl","version":"3.0.1","supplier":{"name":"OpenSSL"},
"hashes":[{"alg":"MD5","content":"00112233445566778899aabbccddeeff"}],"purl":"pkg:generic/openssl@3.0.1","cpe":"cpe:2.3:a:openssl:openssl:3.0.1:*:*:*:*:*:*:*"}]}`

func TestOneComponentInEachFormat(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, format, version string
		hash                  cti.Hash
	}{
		"CycloneDX": {cdx, ledger.FormatCycloneDX, "1.5", cti.Hash{Algorithm: "MD5", Value: "00112233445566778899aabbccddeeff"}},
		"SPDX 2.3":  {spdx23, ledger.FormatSPDX, "2.3", cti.Hash{Algorithm: "SHA256", Value: "00ff"}},
		"SPDX 3.0":  {spdx30, ledger.FormatSPDX, "3.0.1", cti.Hash{Algorithm: "SHA256", Value: "00ff"}},
	} {
		got, err := Read([]byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", name, faultsOf(err))
			continue
		}
		want := &Bill{c.format, c.version, []cti.Component{{
			Name: "openssl", Version: "3.0.1", Vendors: []string{"OpenSSL"}, Supplier: "OpenSSL", PURL: "pkg:generic/openssl@3.0.1",
			CPE: "cpe:2.3:a:openssl:openssl:3.0.1:*:*:*:*:*:*:*", Hashes: []cti.Hash{c.hash},
		}}}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestWhatIsRefused spoils each format once for each rule.
func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, from, to, at string }{
		"version of CycloneDX":    {cdx, `"1.5"`, `"1.3"`, "specVersion"},
		"later member":            {cdx, `"type":"library"`, `"type":"library","tags":["a"]`, "components[0]"},
		"unknown kind":            {cdx, `"library"`, `"gadget"`, "components[0].type"},
		"hash":                    {cdx, `00112233`, `xx112233`, "components[0].hashes[0].content"},
		"version of SPDX":         {spdx23, `SPDX-2.3`, `SPDX-2.2`, "spdxVersion"},
		"license of the document": {spdx23, `CC0-1.0`, `MIT`, "dataLicense"},
		"id twice":                {spdx23, `"SPDXRef-a"`, `"SPDXRef-DOCUMENT"`, "packages"},
		"no location":             {spdx23, `"downloadLocation":"NOASSERTION",`, ``, "packages[0].downloadLocation"},
		"relationship":            {spdx23, `DESCRIBES`, `LIKES`, "relationships[0].relationshipType"},
		"context":                 {spdx30, `spdx.org/rdf/3.0.1`, `example.org/3.0.1`, "@context"},
		"creation info":           {spdx30, `"creationInfo":"_:c","name":"openssl"`, `"creationInfo":"_:d","name":"openssl"`, "@graph[3].creationInfo"},
		"no document":             {spdx30, `SpdxDocument`, `Bundle`, "@graph"},
		"element twice":           {spdx30, `https://example.com/p"`, `https://example.com/d"`, "@graph[3].spdxId"},
		"hash without value":      {spdx30, `"hashValue":"00ff"`, `"hashValue":""`, "@graph[3].verifiedUsing[0].hashValue"},
	} {
		text := strings.Replace(c.text, c.from, c.to, 1)
		if text == c.text {
			t.Errorf("%s: nothing was spoilt", name)
		}
		if c.to == `"SPDXRef-DOCUMENT"` || name == "element twice" {
			text = strings.Replace(c.text, c.from, c.to, -1)
		}
		_, err := Read([]byte(text))
		p, ok := err.(*ledger.Problem) //nolint:errorlint // Read makes it
		if !ok || p.Code != ledger.CodeInvalid || len(p.Faults) != 1 || p.Faults[0].Field != c.at {
			t.Errorf("%s: %v", name, faultsOf(err))
		}
	}
}

func TestOtherFormsAreToldWhatToDo(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`<bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>`: "convert it to JSON",
		"SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\n":      "convert it to JSON",
		"\x0a\x03\x31\x2e\x36":                               "convert it to JSON",
		`{"hello":1}`:                                        "must be CycloneDX",
		`[]`:                                                 "must be a JSON object",
	} {
		if _, err := Read([]byte(text)); !strings.Contains(fmt.Sprint(faultsOf(err)), want) {
			t.Errorf("%.20q: %v", text, faultsOf(err))
		}
	}
}

func TestReportsOfScanners(t *testing.T) {
	t.Parallel()
	root := data(t, "cti/scanners")
	for name, want := range map[string]string{
		"spdx/spdx_one_vuln.spdx":                "convert it to JSON",  // tag and value
		"spdx/spdx_3_unsupported.json":           "nothing beside them", // neither SPDX 2.3 nor the JSON-LD of 3.0
		"cyclonedx/valid-vulnerability-1.4.json": "",                    // valid
		"cyclonedx/valid-vulnerability-1.4.xml":  "convert it to JSON",  // XML
	} {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
			continue
		}
		_, err = Read(b)
		if (want == "") != (err == nil) || want != "" && !strings.Contains(fmt.Sprint(faultsOf(err)), want) {
			t.Errorf("%s: %v", name, faultsOf(err))
		}
	}
}

// TestBillsOfTheDemonstrationAreTaken reads what the repository itself ships.
func TestBillsOfTheDemonstrationAreTaken(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("../../network/demo/samples/*.cdx.json")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(b); err != nil {
			t.Errorf("%s: %v", f, faultsOf(err))
		}
	}
	if len(files) == 0 {
		t.Error("no bill was found")
	}
}

func TestBombsAreTooLarge(t *testing.T) {
	t.Parallel()
	deep := `{"bomFormat":"CycloneDX","specVersion":"1.5","components":` + strings.Repeat(`[{"type":"file","name":"a","components":`, 70) + `[]` + strings.Repeat(`}]`, 70) + `}`
	many := `{"bomFormat":"CycloneDX","specVersion":"1.5","components":[` + strings.Repeat(`1,`, cti.MaxSBOMValues) + `1]}`
	for name, text := range map[string]string{"deep": deep, "many": many, "long": strings.Repeat(" ", 8) + `{"a":"` + strings.Repeat("x", cti.MaxSBOMBytes) + `"}`} {
		if _, err := Read([]byte(text)); ledger.CodeOf(err) != ledger.CodeTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{cdx, spdx23, spdx30, "<bom/>", "{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		bill, err := Read(b)
		if (bill == nil) == (err == nil) {
			t.Errorf("%v %v", bill, err)
		}
		if err != nil && ledger.CodeOf(err) == ledger.CodeInternal {
			t.Errorf("not a problem: %v", err)
		}
	})
}
