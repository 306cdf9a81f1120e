package vuln

import (
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/cti"
)

// advisory is a document of our own wording. Its version range, its vendor and its
// product are placeholders.
const advisoryText = `{"document":{"category":"csaf_security_advisory","csaf_version":"2.0","title":"TITLE","publisher":{"category":"coordinator","name":"Example CERT","namespace":"https://cert.example"},
"notes":[{"category":"summary","text":"Somebody on the network can change settings."}],
"tracking":{"id":"EX-2026-1","status":"final","version":"1","current_release_date":"2026-11-02T10:00:00Z","initial_release_date":"2026-11-02T10:00:00Z",
"revision_history":[{"number":"1","date":"2026-11-02T10:00:00Z","summary":"first"}]}},
"product_tree":{"branches":[{"category":"vendor","name":"VENDOR","branches":[{"category":"product_name","name":"PRODUCT","branches":[
{"category":"product_version_range","name":"RANGE","product":{"product_id":"P1","name":"PRODUCT RANGE"}}]}]}]},
"vulnerabilities":[{"cve":"CVE-2026-10001","notes":[{"category":"summary","text":"No password is asked for."}],"product_status":{"known_affected":["P1"]},
"remediations":[{"category":"mitigation","details":"Separate the network.","product_ids":["P1"]},{"category":"vendor_fix","details":"Update to 8.","product_ids":["P1"]}],
"scores":[{"products":["P1"],"cvss_v3":{"version":"3.1","vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","baseScore":9.8,"baseSeverity":"CRITICAL"}}]}]}`

func about(tb testing.TB, vendor, product, versions string) *Advisory {
	tb.Helper()
	a, err := ParseCSAF([]byte(strings.NewReplacer("TITLE", product, "VENDOR", vendor, "PRODUCT", product, "RANGE", versions).Replace(advisoryText)))
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func TestAModelIsMatchedByNamesAndVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		vendor, product, versions     string
		maker, model, number, version string
		state                         string
		least, most                   int
	}{
		{"Medtech Inc.", "Bedside monitor", "< 2.0", "Medtech GmbH", "Bedside monitor", "BM-1", "1.9.3", StatePossible, 8_500, 8_500},
		{"Medtech Inc.", "Bedside monitor", "< 2.0", "Medtech GmbH", "Bedside monitor", "BM-1", "2.0", "", 0, 0},
		{"Medtech Inc.", "Bedside monitor", "prior to 2.0", "Medtech GmbH", "Bedside monitor", "BM-1", "2.0.1", "", 0, 0},
		{"Medtech Inc.", "Bedside monitor", "vers:all/*", "Medtech GmbH", "Bedside monitor", "BM-1", "2.0.1", StatePossible, 8_500, 8_500},
		{"Medtech Inc.", "Alaris Point-of-Care Unit Model 8015", "<=12.1.3", "Medtech", "Alaris PCU", "8015", "12.1.2", StatePossible, 8_500, 8_500},
		{"Other", "Bedside monitor", "< 2.0", "Medtech GmbH", "Bedside monitor", "BM-1", "1.0", StatePossible, 3_500, 3_500},
		{"Other", "Monitor", "< 2.0", "Medtech GmbH", "Monitor", "BM-1", "1.0", "", 0, 0},
		{"Medtech", "Infusion pump", "< 2.0", "Medtech GmbH", "Bedside monitor", "BM-1", "1.0", "", 0, 0},
		{"Medtech", "Syringe pump", "< 2.0", "Medtech GmbH", "Infusion pump", "IP-2000", "1.0", "", 0, 0},
		{"Medtech", "Welch Connex Vital Signs Monitor (CVSM)", "< 2.43.02", "Medtech", "Connex Vital Signs", "C6000", "2.43.01", StatePossible, 5_500, 7_500},
		{"Medtech", "Bedside monitor", "Rev B-M", "Medtech GmbH", "Bedside monitor", "BM-1", "C.01", StatePossible, 5_000, 5_200},
	} {
		j := NewJudge(NewIndex(), []Release{{DI: "DI-1", Version: c.version, Model: c.model, Number: c.number, Maker: c.maker, MakerID: "maker"}}, nil, nil)
		found := j.Match(about(t, c.vendor, c.product, c.versions))
		switch {
		case c.state == "" && len(found) > 0:
			t.Errorf("%+v: %+v", c, found)
		case c.state != "" && (len(found) != 1 || found[0].State != c.state || found[0].Confidence < c.least || found[0].Confidence > c.most):
			t.Errorf("%+v: %+v", c, found)
		}
	}
}

func TestComponentsAreMatchedByIdentifiers(t *testing.T) {
	t.Parallel()
	bill := []cti.Component{
		{Name: "openssl", Version: "3.0.1", PURL: "pkg:generic/openssl@3.0.1", CPE: "cpe:2.3:a:openssl:openssl:3.0.1:*:*:*:*:*:*:*"},
		{Name: "left-pad", Version: "1.1.0", PURL: "pkg:npm/left-pad@1.1.0"},
		{Name: "libssl3", Version: "3.0.11-1~deb12u2", PURL: "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64"},
		{Name: "zlib", Version: "1.2.11"},
	}
	x := NewIndex()
	x.Add("bill", bill)
	x.Add("other", bill[3:])
	releases := []Release{{DI: "DI-1", Version: "1", Model: "M", Number: "N1", MakerID: "maker", Bill: "bill"}, {DI: "DI-2", Version: "1", Bill: "other"}, {DI: "DI-3", Version: "1"}}
	for name, c := range map[string]struct {
		text         string
		state, basis string
		hits         int
	}{
		"osv by purl":                    {`{"id":"OSV-2026-1","modified":"2026-11-02T10:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"left-pad","purl":"pkg:npm/left-pad"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.1.1"}]}]}]}`, StateAffected, BasisPURL, 1},
		"fixed, events in another order": {`{"id":"OSV-2026-1","modified":"2026-11-02T10:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"left-pad"},"ranges":[{"type":"SEMVER","events":[{"fixed":"1.1.0"},{"introduced":"0"}]}]}]}`, "", "", 0},
		"fixed twice":                    {`{"id":"OSV-2026-1","modified":"2026-11-02T10:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"left-pad"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"introduced":"1.1.0"},{"fixed":"1.0.4"},{"fixed":"1.1.1"}]}]}]}`, StateAffected, BasisPURL, 1},
		"fixed":                          {`{"id":"OSV-2026-1","modified":"2026-11-02T10:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"left-pad"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.1.0"}]}]}]}`, "", "", 0},
		"another ecosystem":              {`{"id":"OSV-2026-1","modified":"2026-11-02T10:00:00Z","affected":[{"package":{"ecosystem":"PyPI","name":"left-pad"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}]}`, "", "", 0},
		"debian":                         {`{"id":"OSV-2026-1","modified":"2026-11-02T10:00:00Z","affected":[{"package":{"ecosystem":"Debian:12","name":"libssl3"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"3.0.11-1~deb12u3"}]}]}]}`, StateAffected, BasisPURL, 1},
		"withdrawn":                      {`{"id":"OSV-2026-1","modified":"2026-11-02T10:00:00Z","withdrawn":"2026-11-03T10:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"left-pad"}}]}`, "", "", 0},
		"nvd by cpe": {`{"vulnerabilities":[{"cve":{"id":"CVE-2022-3602","published":"2022-11-01T18:15:10.983","lastModified":"2023-08-08T14:22:24.967","configurations":[{"nodes":[{"cpeMatch":[
			{"vulnerable":true,"criteria":"cpe:2.3:a:openssl:openssl:*:*:*:*:*:*:*:*","versionStartIncluding":"3.0.0","versionEndExcluding":"3.0.7"}]}]}]}}]}`, StateAffected, BasisCPE, 1},
		"nvd by name": {`{"vulnerabilities":[{"cve":{"id":"CVE-2022-37434","configurations":[{"nodes":[{"cpeMatch":[
			{"vulnerable":true,"criteria":"cpe:2.3:a:zlib:zlib:*:*:*:*:*:*:*:*","versionEndIncluding":"1.2.12"}]}]}]}}]}`, StatePossible, BasisName, 2},
	} {
		list, err := Parse([]byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		found := NewJudge(x, releases, nil, nil).Match(list[0])
		if len(found) != c.hits || c.hits > 0 && (found[0].State != c.state || found[0].Basis != c.basis) {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

func TestWhatAPersonSaidHoldsForTheNextAdvisory(t *testing.T) {
	t.Parallel()
	releases := []Release{{DI: "DI-1", Version: "1.9.3", Model: "Bedside monitor", Number: "BM-1", Maker: "Medtech", MakerID: "maker"}}
	a := about(t, "Medtech", "Bedside monitor", "< 2.0")
	found := NewJudge(NewIndex(), releases, nil, nil).Match(a)
	if len(found) != 1 || found[0].State != StatePossible || len(found[0].Subjects) != 1 {
		t.Fatalf("%+v", found)
	}
	subject := found[0].Subjects[0]
	next := about(t, "MEDTECH", "Bedside  Monitor", "< 3.0")
	for confirmed, want := range map[bool]string{true: StateAffected, false: StateRejected} {
		found := NewJudge(NewIndex(), releases, []Decision{{subject, "DI-1", confirmed}}, nil).Match(next)
		if len(found) != 1 || found[0].State != want {
			t.Errorf("%v: %+v", confirmed, found)
		}
		found = NewJudge(NewIndex(), releases, []Decision{{subject, "DI-2", confirmed}}, nil).Match(next)
		if len(found) != 1 || found[0].State != StatePossible {
			t.Errorf("of another model: %+v", found)
		}
	}
	// What cannot be compared stays with a person, also for a known product.
	unclear := about(t, "Medtech", "Bedside monitor", "Rev B-M")
	found = NewJudge(NewIndex(), releases, []Decision{{subject, "DI-1", true}}, nil).Match(unclear)
	if len(found) != 1 || found[0].State != StatePossible || found[0].Confidence != 8_000 {
		t.Errorf("%+v", found)
	}
	found = NewJudge(NewIndex(), releases, []Decision{{AdvisorySubject(unclear.ID()), "DI-1", true}}, nil).Match(unclear)
	if len(found) != 1 || found[0].State != StateAffected {
		t.Errorf("%+v", found)
	}
	if a := found[0].Actions; len(a) != 2 || a[0].Category != "vendor_fix" {
		t.Errorf("actions %+v", a)
	}
}

// TestCycloneDXAsVEX: a maker's bill that says what its vulnerabilities come to.
func TestCycloneDXAsVEX(t *testing.T) {
	t.Parallel()
	text := `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"timestamp":"2026-11-03T10:00:00Z","component":{"type":"firmware","bom-ref":"p","name":"BM-1","version":"1.9.3"}},
		"components":[{"type":"library","bom-ref":"c","name":"openssl","version":"3.0.1","purl":"pkg:generic/openssl@3.0.1"}],
		"vulnerabilities":[{"id":"CVE-2026-10001","analysis":{"state":"not_affected","justification":"code_not_reachable"},"affects":[{"ref":"c"}]},{"id":"CVE-2026-10002","affects":[{"ref":"p"}]}]}`
	doc, err := ParseVEX([]byte(text))
	if err != nil || len(doc.Statements) != 1 || doc.Statements[0].Justification != "vulnerable_code_not_in_execute_path" || len(doc.Statements[0].Parts) != 1 {
		t.Fatalf("%+v %v", doc, err)
	}
	releases := []Release{{DI: "DI-1", Version: "1.9.3", Model: "Bedside monitor", Number: "BM-1", Maker: "Medtech", MakerID: "medtech"}}
	found := NewJudge(NewIndex(), releases, nil, []Said{{doc.Statements[0], "medtech", "d"}}).Match(about(t, "Medtech", "Bedside monitor", "< 2.0"))
	if len(found) != 1 || found[0].State != StateNotAffected {
		t.Errorf("%+v", found)
	}
	for _, bad := range []string{`"version":"1.9.3"`, `"justification":"code_not_reachable"`, `"specVersion":"1.6"`, `"timestamp":"2026-11-03T10:00:00Z"`} {
		if _, err := ParseVEX([]byte(strings.Replace(text, bad, `"x":1`, 1))); err == nil {
			t.Errorf("without %s it is taken", bad)
		}
	}
}

// TestOnlyTheMakersWordCounts, for its own release, and what it says last.
func TestOnlyTheMakersWordCounts(t *testing.T) {
	t.Parallel()
	releases := []Release{{DI: "DI-1", Version: "1.9.3", Model: "Bedside monitor", Number: "BM-1", Maker: "Medtech", MakerID: "medtech"}}
	a := about(t, "Medtech", "Bedside monitor", "< 2.0")
	statement := func(product, vulnerability, status string) Statement {
		doc, err := ParseVEX([]byte(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://medtech.example/vex/1","author":"Medtech","timestamp":"2026-11-03T10:00:00Z","version":1,
			"statements":[{"vulnerability":{"name":"` + vulnerability + `"},"products":[{"@id":"` + product + `"}],"status":"` + status + `","justification":"vulnerable_code_not_present"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		return doc.Statements[0]
	}
	no := statement("pkg:generic/DI-1@1.9.3", "CVE-2026-10001", StatusNotAffected)
	for name, c := range map[string]struct {
		said []Said
		want string
	}{
		"the maker":             {[]Said{{no, "medtech", "d"}}, StateNotAffected},
		"another member":        {[]Said{{no, "hospital-north", "d"}}, StatePossible},
		"another version":       {[]Said{{statement("pkg:generic/DI-1@1.9.4", "CVE-2026-10001", StatusNotAffected), "medtech", "d"}}, StatePossible},
		"all versions":          {[]Said{{statement("pkg:generic/BM-1", "CVE-2026-10001", StatusNotAffected), "medtech", "d"}}, StateNotAffected},
		"another vulnerability": {[]Said{{statement("pkg:generic/DI-1@1.9.3", "CVE-2026-10002", StatusNotAffected), "medtech", "d"}}, StatePossible},
		"another model":         {[]Said{{statement("pkg:generic/DI-2@1.9.3", "CVE-2026-10001", StatusNotAffected), "medtech", "d"}}, StatePossible},
		"fixed":                 {[]Said{{statement("pkg:generic/DI-1@1.9.3", "CVE-2026-10001", StatusFixed), "medtech", "d"}}, StateNotAffected},
		"it changed its mind":   {[]Said{{no, "medtech", "d"}, {statement("pkg:generic/DI-1@1.9.3", "CVE-2026-10001", StatusUnderInvestigation), "medtech", "e"}}, StatePossible},
		"it made up its mind":   {[]Said{{statement("pkg:generic/DI-1@1.9.3", "CVE-2026-10001", StatusUnderInvestigation), "medtech", "e"}, {no, "medtech", "d"}}, StateNotAffected},
	} {
		found := NewJudge(NewIndex(), releases, nil, c.said).Match(a)
		if len(found) != 1 || found[0].State != c.want {
			t.Errorf("%s: %+v", name, found)
			continue
		}
		if c.want == StateNotAffected && (found[0].Vulnerabilities[0].Document != "d" || found[0].Vulnerabilities[0].Justification == "") {
			t.Errorf("%s: %+v", name, found[0].Vulnerabilities)
		}
	}
}

// TestWhatTheMakerSaysLastCountsByWhicheverName: what it said earlier under an alias of
// the vulnerability does not come back.
func TestWhatTheMakerSaysLastCountsByWhicheverName(t *testing.T) {
	t.Parallel()
	releases := []Release{{DI: "DI-1", Version: "1.9.3", Model: "Bedside monitor", Number: "BM-1", Maker: "Medtech", MakerID: "medtech"}}
	a := about(t, "Medtech", "Bedside monitor", "< 2.0")
	a.Vulnerabilities[0].Aliases = []string{"GHSA-1"}
	says := func(id, status string) Said {
		return Said{Statement{IDs: []string{id}, Product: Product{Name: "BM-1", On: -1, Versions: Range{All: true, Read: true}}, Status: status}, "medtech", status}
	}
	for _, c := range []struct {
		said []Said
		want string
	}{
		{[]Said{says("GHSA-1", StatusNotAffected), says("CVE-2026-10001", StatusAffected)}, StatePossible},
		{[]Said{says("CVE-2026-10001", StatusAffected), says("GHSA-1", StatusNotAffected)}, StateNotAffected},
		{[]Said{says("CVE-2026-10001", StatusNotAffected), says("GHSA-1", StatusAffected)}, StatePossible},
	} {
		if found := NewJudge(NewIndex(), releases, nil, c.said).Match(a); len(found) != 1 || found[0].State != c.want {
			t.Errorf("%+v, want %s", found, c.want)
		}
	}
}

// TestAWordOnAPartIsNoneOnTheProduct, also where nothing says which part it is.
func TestAWordOnAPartIsNoneOnTheProduct(t *testing.T) {
	t.Parallel()
	const bom = `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"timestamp":"2026-11-03T10:00:00Z","component":{"type":"firmware","bom-ref":"p","name":"BM-1","version":"1"}},
		"components":[{"type":"library","bom-ref":"c","name":"openssl"}],
		"vulnerabilities":[{"id":"OSV-2026-1","analysis":{"state":"not_affected","justification":"code_not_reachable"},"affects":[{"ref":"REF"}]}]}`
	const open = `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://medtech.example/vex/1","author":"Medtech","timestamp":"2026-11-03T10:00:00Z","version":1,
		"statements":[{"vulnerability":{"name":"OSV-2026-1"},"products":[{"@id":"pkg:generic/BM-1","subcomponents":[{"@id":"PART"}]}],"status":"not_affected","justification":"vulnerable_code_not_present"}]}`
	list, err := Parse([]byte(`{"id":"OSV-2026-1","modified":"2026-11-02T10:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"left-pad"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	x := NewIndex()
	x.Add("bill", []cti.Component{{Name: "left-pad", Version: "1.1.0", PURL: "pkg:npm/left-pad@1.1.0"}})
	releases := []Release{{DI: "DI-1", Version: "1", Model: "M", Number: "BM-1", MakerID: "medtech", Bill: "bill"}}
	for text, want := range map[string]string{
		strings.Replace(bom, "REF", "p", 1):                           StateNotAffected,
		strings.Replace(bom, "REF", "c", 1):                           StateAffected,
		strings.Replace(bom, "REF", "urn:cdx:elsewhere", 1):           StateAffected,
		strings.Replace(open, "PART", "pkg:npm/left-pad@1.1.0", 1):    StateNotAffected,
		strings.Replace(open, "PART", "https://medtech.example/x", 1): StateAffected,
	} {
		doc, err := ParseVEX([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		found := NewJudge(x, releases, nil, []Said{{doc.Statements[0], "medtech", "d"}}).Match(list[0])
		if len(found) != 1 || found[0].State != want {
			t.Errorf("%s: %+v", text, found)
		}
	}
}
