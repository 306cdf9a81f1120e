package cti

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/cti/ctitest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const pumpBOM = `{
 "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
 "metadata": {"component": {"type": "firmware", "bom-ref": "fw", "name": "Pump firmware", "version": "2.1"}},
 "components": [
  {"type": "library", "bom-ref": "ssl", "name": "openssl", "version": "1.0.1f", "supplier": {"name": "OpenSSL Software Foundation"},
   "cpe": "cpe:2.3:a:openssl:openssl:1.0.1f:*:*:*:*:*:*:*", "purl": "pkg:generic/openssl@1.0.1f",
   "components": [{"type": "library", "bom-ref": "z", "name": "zlib", "version": "1.2.8"}]},
  {"type": "library", "bom-ref": "log", "group": "org.apache.logging.log4j", "name": "log4j-core", "version": "2.14.1"}
 ],
 "vulnerabilities": [
  {"id": "CVE-2014-0160", "affects": [{"ref": "ssl"}]},
  {"id": "CVE-2021-44228", "affects": [{"ref": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#log"}]},
  {"id": "CVE-2016-9840", "analysis": {"state": "not_affected"}, "affects": [{"ref": "z"}]},
  {"id": "SNYK-1", "references": [{"id": "CVE-2018-25032", "source": {"name": "NVD"}}], "affects": [{"ref": "z"}, {"ref": "nowhere"}]}
 ]}`

func TestComponentsAreFlattenedWithTheirVulnerabilities(t *testing.T) {
	t.Parallel()
	got, err := Components([]byte(pumpBOM))
	if err != nil {
		t.Fatal(err)
	}
	want := []Component{
		{Name: "Pump firmware", Version: "2.1"},
		{
			Name: "openssl", Version: "1.0.1f", Vendors: []string{"OpenSSL Software Foundation"}, Supplier: "OpenSSL Software Foundation",
			PURL: "pkg:generic/openssl@1.0.1f", CPE: "cpe:2.3:a:openssl:openssl:1.0.1f:*:*:*:*:*:*:*",
			Vulnerabilities: []string{"CVE-2014-0160"},
		},
		{Name: "zlib", Version: "1.2.8", Vulnerabilities: []string{"CVE-2018-25032"}},
		{Name: "log4j-core", Group: "org.apache.logging.log4j", Version: "2.14.1", Vulnerabilities: []string{"CVE-2021-44228"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestComponentsOfXML(t *testing.T) {
	t.Parallel()
	got, err := Components([]byte(`<?xml version="1.0"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.4" version="1"><components>
<component type="library"><publisher>Zed</publisher><name>zlib</name><version>1.2.8</version></component></components></bom>`))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Component{{Name: "zlib", Version: "1.2.8", Vendors: []string{"Zed"}}}, got); d != "" {
		t.Error(d)
	}
}

func TestBadBillsAreRefused(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, in string
		want     ledger.Code
	}{
		{"empty", "", ledger.CodeInvalid},
		{"another format", `{"swid":"1"}`, ledger.CodeInvalid},
		{"unknown version", `{"bomFormat":"CycloneDX","specVersion":"9.9"}`, ledger.CodeInvalid},
		{"array", `[]`, ledger.CodeInvalid},
		{"name twice", `{"bomFormat":"CycloneDX","specVersion":"1.5","specVersion":"1.4"}`, ledger.CodeInvalid},
		{"deep", `{"bomFormat":"CycloneDX","specVersion":"1.5","components":` + strings.Repeat(`[{"components":`, 70) + `[]` + strings.Repeat(`}]`, 70) + `}`, ledger.CodeTooLarge},
		{"foreign XML", `<html></html>`, ledger.CodeInvalid},
		{"XML without namespace", `<bom><components/></bom>`, ledger.CodeInvalid},
		{"XML with a document type", `<!DOCTYPE x [<!ENTITY a "b">]><bom xmlns="http://cyclonedx.org/schema/bom/1.4"/>`, ledger.CodeInvalid},
		{"deep XML", `<bom xmlns="http://cyclonedx.org/schema/bom/1.4">` + strings.Repeat("<a>", 100), ledger.CodeTooLarge},
		{"broken XML", `<bom xmlns="http://cyclonedx.org/schema/bom/1.4"><components>`, ledger.CodeInvalid},
		{"long", `{"bomFormat":"` + strings.Repeat("x", MaxSBOMBytes) + `"}`, ledger.CodeTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Components([]byte(c.in))
			if ledger.CodeOf(err) != c.want {
				t.Errorf("got %d components and %v, want %s", len(got), err, c.want)
			}
		})
	}
}

// TestOfficialBillsAreRead reads the files of the CycloneDX specification whose
// names say that they are valid, in the versions that the library knows.
func TestOfficialBillsAreRead(t *testing.T) {
	t.Parallel()
	root := realData(t, "health/cyclonedx-spec")
	read, compared := 0, 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		ext := filepath.Ext(path)
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "valid-") || ext != ".json" && ext != ".xml" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		got, err := Components(b)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		if want, ok := byLibrary(b, ext); ok {
			if d := cmp.Diff(want, names(got)); d != "" {
				t.Errorf("%s: another reader finds other components: %s", path, d)
			}
			compared++
		}
		read++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if read == 0 {
		t.Fatal("no file of the specification was found")
	}
	for path, least := range map[string]int{
		"health/cyclonedx-examples/SBOM/proton-bridge/proton-bridge-v1.8.0.bom.json": 10,
		"health/cyclonedx-examples/SBOM/proton-bridge/proton-bridge-v1.8.0.bom.xml":  10,
		"health/cyclonedx-examples/SBOM/cern-lhc-vdm-editor-e564943/bom.json":        10,
		"cti/scanners/cyclonedx/cyclonedx_bom.xml":                                   1,
	} {
		b, err := os.ReadFile(ctitest.RealData(t, path))
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := Components(b)
		if err != nil || len(got) < least {
			t.Errorf("%s: %d components, %v", path, len(got), err)
		}
	}
	t.Logf("%d files of the specification read, %d of them compared with another reader", read, compared)
}

func names(list []Component) []string {
	var all []string
	for i := range list {
		all = append(all, list[i].Group+"/"+list[i].label()+" "+list[i].PURL+" "+list[i].CPE)
	}
	return all
}

// byLibrary reads a bill with the CycloneDX project's own library; false where
// that cannot.
func byLibrary(b []byte, ext string) ([]string, bool) {
	format := cyclonedx.BOMFileFormatJSON
	if ext == ".xml" {
		format = cyclonedx.BOMFileFormatXML
	}
	var doc cyclonedx.BOM
	if cyclonedx.NewBOMDecoder(bytes.NewReader(b), format).Decode(&doc) != nil {
		return nil, false
	}
	var all []Component
	var walk func(list *[]cyclonedx.Component)
	walk = func(list *[]cyclonedx.Component) {
		if list == nil {
			return
		}
		for _, c := range *list {
			if c.Name != "" {
				all = append(all, Component{Group: c.Group, Name: c.Name, Version: c.Version, PURL: c.PackageURL, CPE: c.CPE})
			}
			walk(c.Components)
		}
	}
	if doc.Metadata != nil && doc.Metadata.Component != nil {
		walk(&[]cyclonedx.Component{*doc.Metadata.Component})
	}
	walk(doc.Components)
	return names(all), true
}

func FuzzComponents(f *testing.F) {
	f.Add([]byte(pumpBOM))
	f.Add([]byte(`<bom xmlns="http://cyclonedx.org/schema/bom/1.4"><components><component type="library"><name>a</name></component></components></bom>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Components(b)
		if err != nil {
			if ledger.CodeOf(err) == ledger.CodeInternal {
				t.Errorf("not a problem: %v", err)
			}
			return
		}
		for i := range got {
			if got[i].Name == "" {
				t.Error("a component without a name")
			}
		}
		Match(&Report{CVEs: []string{"CVE-2014-0160"}, Software: []Software{{Name: "a", Version: "1"}}}, []Device{{Unit: "u", Components: got}})
	})
}
