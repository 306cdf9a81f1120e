package adapt

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/chaincode/ledger"
)

var north = cti.Sharer{ID: "hospital-north", Name: "Hospital North", Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/28")}}

// scanRecord is what a scanner found in a product.
func scanRecord() Record {
	r := exampleRecord()
	r.Kind, r.Observables, r.Techniques = KindScan, nil, nil
	r.Title = "Apache Log4j 2.14.1 at 10.0.0.5 executes what it logs"
	r.Asset = Asset{
		Address: "10.0.0.5", Name: "pacs-01.internal.example", Port: 8080, Protocol: "tcp",
		Product: "log4j", Version: "2.14.1", CPE: "cpe:2.3:a:apache:log4j:2.14.1:*:*:*:*:*:*:*",
	}
	return r
}

// insideRecord names what must not be told.
func insideRecord() Record {
	r := exampleRecord()
	r.Title = "10.0.0.5 and 198.51.100.7 called 203.0.113.9"
	for _, add := range []struct {
		read  func(string) (Observable, bool)
		value string
	}{
		{Address, "10.0.0.5"},
		{Address, "198.51.100.7"},
		{Address, "fd00::17"},
		{MAC, "00:00:5e:00:53:01"},
		{URL, "http://10.0.0.5/x"},
		{URL, "http://pacs/x"},
	} {
		o, ok := add.read(add.value)
		r.observe(o, ok, "")
	}
	o, ok := Email("nurse@hospital.example")
	r.observe(o, ok, RoleDestination)
	o, ok = Email("phisher@bad.example.net")
	r.observe(o, ok, RoleSource)
	o, ok = FileHash("T1" + strings.Repeat("8C", 35))
	r.observe(o, ok, "")
	return r
}

// TestRecordsBecomeSTIX compares the bundles, which are the same every time, and
// reads them as others will.
func TestRecordsBecomeSTIX(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]Record{"alert": exampleRecord(), "scan": scanRecord(), "inside": insideRecord()} {
		b, err := r.STIX(north)
		if err != nil {
			t.Fatal(err)
		}
		again, err := r.STIX(north)
		if err != nil || !bytes.Equal(b, again) {
			t.Errorf("%s: not the same twice: %v", name, err)
		}
		report, err := cti.ParseBundle(b)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, b)
		}
		if strings.Join(report.CVEs, " ") != strings.Join(r.CVEs, " ") {
			t.Errorf("%s: CVEs %v", name, report.CVEs)
		}
		for _, secret := range []string{"10.0.0.5", "198.51.100.7", "fd00::17", "00:00:5e", "http://pacs/", "nurse@", "pacs-01"} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s tells %s", name, secret)
			}
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, b, "", "\t"); err != nil {
			t.Fatal(err)
		}
		pretty.WriteByte('\n')
		golden(t, "stix-"+name+".golden.json", pretty.Bytes())
	}
	for what, wrong := range map[string]Record{"no time": {Kind: KindAlert, Title: "x"}, "a report": {Kind: KindReport, Title: "x"}} {
		if _, err := wrong.STIX(north); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestAlertsPassTheOfficialSchemas holds a bundle of every kind of record, and of
// the records of the test files, against the OASIS schemas.
func TestAlertsPassTheOfficialSchemas(t *testing.T) {
	t.Parallel()
	schemas := officialSchemas(t)
	records := []Record{exampleRecord(), scanRecord(), insideRecord()}
	for _, f := range alertFormats {
		files, _ := filepath.Glob("testdata/alerts/" + f.Name + "*.[jlt]*")
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d, ok := Detect(b); strings.HasSuffix(file, ".golden.json") || !ok || d.Name != f.Name {
				continue
			}
			read, _, err := allOf(t, f, b)
			if err != nil {
				t.Fatal(err)
			}
			if testing.Short() {
				read = read[:1] // the schemas are slow to judge
			}
			records = append(records, read...)
		}
	}
	for _, r := range records {
		if r.Time.IsZero() {
			r.Time = exampleRecord().Time // as if received then
		}
		b, err := r.STIX(north)
		if err != nil {
			t.Errorf("%s: %v", r.Title, err)
			continue
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		bundle, _ := doc.(map[string]any)
		objects, _ := bundle["objects"].([]any)
		for _, o := range objects {
			kind, _ := o.(map[string]any)["type"].(string)
			if err := schemas[kind].Validate(o); err != nil {
				t.Errorf("not a %s by the official schema: %v", kind, err)
			}
		}
		if err := schemas["bundle"].Validate(doc); err != nil {
			t.Errorf("not a STIX 2.1 bundle by the official schema: %v", err)
		}
	}
	t.Logf("%d records", len(records))
}

// officialSchemas compiles the OASIS schemas by the type of object, reading every
// reference from the folder and none from the network.
func officialSchemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	root := "../../../shared/data/cti/stix/schemas-2.1/schemas"
	if _, err := os.Stat(root); err != nil {
		t.Skipf("skipped: %s is not here (real input is not part of the repository)", root)
	}
	c := jsonschema.NewCompiler()
	ids := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			return err
		}
		id, _ := doc.(map[string]any)["$id"].(string)
		ids[strings.TrimSuffix(filepath.Base(path), ".json")] = id
		return c.AddResource(id, doc)
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*jsonschema.Schema{}
	for name, id := range ids {
		s, err := c.Compile(id)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = s
	}
	return all
}
