package vuln

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRealProductsInRanges: what a few real advisories say of versions, against
// models as a hospital would have them. None of them carries an identifier.
func TestRealProductsInRanges(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for _, f := range shared(t, "cti/csaf-icsma/*.json") {
		files[strings.TrimSuffix(filepath.Base(f), ".json")] = f
	}
	for _, c := range []struct {
		advisory, maker, model, number, version string
		state                                   string // empty: no match
	}{
		{"icsma-17-082-01", "BD", "PerformA", "PerformA", "2.0.14.0", StatePossible},
		{"icsma-17-082-01", "BD", "PerformA", "PerformA", "2.0.15", ""},
		{"icsma-17-017-01", "Philips", "IntelliVue MX800", "MX800", "2.0", ""},
		{"icsma-18-219-01", "Medtronic", "MyCareLink Monitor", "24950", "4.1", StatePossible},
		{"icsma-19-255-01", "Philips", "IntelliVue MX800", "MX800", "A.01.09", StatePossible},
		{"icsma-20-343-01", "GE Healthcare", "LOGIQ 7", "LOGIQ 7", "BT04", StatePossible},
		{"icsma-20-343-01", "GE Healthcare", "Revolution Frontier ES", "REV-ES-1", "1.0", StatePossible},
	} {
		file, ok := files[c.advisory]
		if !ok {
			t.Errorf("no %s", c.advisory)
			continue
		}
		a, err := ParseCSAF(read(t, file))
		if err != nil {
			t.Fatal(err)
		}
		r := Release{DI: "DI", Version: c.version, Model: c.model, Number: c.number, Maker: c.maker, MakerID: "maker"}
		found := NewJudge(NewIndex(), []Release{r}, nil, nil).Match(a)
		switch {
		case c.state == "" && len(found) > 0:
			t.Errorf("%+v: %+v", c, found)
		case c.state != "" && (len(found) != 1 || found[0].State != c.state || len(found[0].Actions) == 0 || len(found[0].Vulnerabilities) == 0):
			t.Errorf("%+v: %+v", c, found)
		}
	}
}

// TestListsOfExploitation: CISA's catalogue, and EPSS' scores as they are kept in a
// table of others.
func TestListsOfExploitation(t *testing.T) {
	t.Parallel()
	list, day, err := ParseKEV(read(t, shared(t, "cti/kev/known_exploited_vulnerabilities.json")[0]))
	if err != nil || len(list) != 1404 || day.Format("2006-01-02") != "2025-08-25" {
		t.Errorf("%d entries of %v: %v", len(list), day, err)
	}
	f, err := os.Open(shared(t, "cti/vuln/epss_kev_nvd.csv")[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, most := 0, 0
	_, err = ParseEPSS(f, func(l Likelihood) error {
		n, most = n+1, max(most, l.Probability)
		return nil
	})
	if err != nil || n < 1500 || most < 900_000 || most > 1_000_000 {
		t.Errorf("%d scores, up to %d: %v", n, most, err)
	}
}

// TestReportsOfScanners: OSV and OpenVEX as programs of others write them.
func TestReportsOfScanners(t *testing.T) {
	t.Parallel()
	for _, file := range shared(t, "cti/scanners/osv_scanner/*.json") {
		list, err := Parse(read(t, file))
		if err != nil || len(list) == 0 || len(list[0].Products) == 0 {
			t.Errorf("%s: %d %v", file, len(list), err)
		}
		for _, a := range list {
			if _, err := Reread(a.Body); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	for _, file := range shared(t, "cti/scanners/openvex/*.json") {
		doc, err := ParseVEX(read(t, file))
		if err != nil || len(doc.Statements) == 0 || doc.Statements[0].Status != StatusNotAffected {
			t.Errorf("%s: %+v %v", file, doc, err)
		}
	}
	// The standard's VEX documents can be shared; its other profiles cannot.
	for _, file := range shared(t, "health/csaf-oasis/csaf_2.0/examples/csaf/csaf_vex/*.json") {
		if _, err := Carry(read(t, file), "medtech", "Medtech"); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, file := range shared(t, "cti/csaf-icsma/icsma-2*.json") {
		var top struct{ Document struct{ Category string } }
		text := read(t, file)
		if err := json.Unmarshal(text, &top); err != nil {
			t.Fatal(err)
		}
		if _, err := ParseVEX(text); (err == nil) != (top.Document.Category == "csaf_vex") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestWhatIsRefused: bounds, repeated names, and contradictions that matter.
func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	good := strings.NewReplacer("TITLE", "t", "VENDOR", "v", "PRODUCT", "p", "RANGE", "< 2").Replace(advisoryText)
	for name, c := range map[string]struct{ old, new string }{
		"a name twice":              {`"category":"csaf_security_advisory"`, `"category":"csaf_base","category":"csaf_security_advisory"`},
		"another version of CSAF":   {`"csaf_version":"2.0"`, `"csaf_version":"1.2"`},
		"a product that is nowhere": {`"known_affected":["P1"]`, `"known_affected":["P2"]`},
		"affected and not":          {`"known_affected":["P1"]`, `"known_affected":["P1"],"known_not_affected":["P1"]`},
		"no id":                     {`"id":"EX-2026-1"`, `"id":""`},
		"deep":                      {`"vulnerabilities":[`, `"x_deep":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `,"vulnerabilities":[`},
	} {
		if _, err := Parse([]byte(strings.Replace(good, c.old, c.new, 1))); err == nil {
			t.Errorf("%s is taken", name)
		} else if strings.Contains(err.Error(), "P2") {
			t.Errorf("%s: the error repeats what was submitted: %v", name, err)
		}
	}
	if _, err := Parse([]byte(good)); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"", "[]", "null", "{}", `{"vulnerabilities":[]}`, `{"id":"x","modified":"y","affected":[]}`} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s is taken", text)
		}
		if _, err := ParseVEX([]byte(text)); err == nil {
			t.Errorf("%s is taken as VEX", text)
		}
	}
}
