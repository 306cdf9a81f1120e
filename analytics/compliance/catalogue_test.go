package compliance_test

import (
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestTheCatalogueIsWhole(t *testing.T) {
	t.Parallel()
	c := compliance.BuiltIn()
	weight, critical := 0, 0
	for _, of := range c.Controls {
		weight += of.Weight
		if of.Critical {
			critical++
		}
		if len(of.Sources) == 0 {
			t.Errorf("%s comes from nowhere", of.ID)
		}
	}
	if len(c.Controls) != 24 || weight != 94 || critical != 7 {
		t.Errorf("%d controls of weight %d, %d of them critical", len(c.Controls), weight, critical)
	}
	for _, source := range []string{"2017/745", "MDCG 2019-16", "IEC 81001-5-1", "IEC 62443-4-2", "NIS 2", "GDPR", "524B"} {
		if !strings.Contains(string(c.Document()), source) {
			t.Errorf("%s is not covered", source)
		}
	}
}

func TestOtherCataloguesAreRefused(t *testing.T) {
	t.Parallel()
	text := string(compliance.BuiltIn().Document())
	for name, change := range map[string][2]string{
		"an unknown check":   {`"check": "udi"`, `"check": "magic"`},
		"an unknown area":    {`"area": "identity"`, `"area": "nowhere"`},
		"an unknown party":   {`"by": ["authority"]`, `"by": ["neighbour"]`},
		"an unknown member":  {`"note":`, `"remark":`},
		"a member twice":     {`"version": "1",`, `"version": "1", "version": "2",`},
		"a control twice":    {`"id": "ID-2"`, `"id": "ID-1"`},
		"no weight":          {`"weight": 5`, `"weight": 0`},
		"no wording":         {`"wording": "The unit has`, `"wording": "", "x": "`},
		"not JSON":           {`{`, `[`},
		"evidence of nobody": {`"by": ["maker", "authority"]`, `"by": []`},
	} {
		n := 1
		if name == "evidence of nobody" {
			n = -1
		}
		if _, err := compliance.ParseCatalogue([]byte(strings.Replace(text, change[0], change[1], n))); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseCatalogue(f *testing.F) {
	f.Add(compliance.BuiltIn().Document())
	f.Add([]byte(`{"name":"c","version":"1","title":"t","note":"n","areas":[{"id":"a","title":"A"}],"controls":[{"id":"X","area":"a","title":"t","wording":"w","weight":1,"critical":true,"check":"udi","evidence":"e","by":[],"sources":[]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := compliance.ParseCatalogue(b)
		if err != nil {
			return
		}
		g := good()
		a, err := compliance.Evaluate(c, g)
		if err != nil {
			t.Fatal(err)
		}
		a.Hold(c)
		a.Conditions(c)
	})
}
