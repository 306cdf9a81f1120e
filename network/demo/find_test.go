package demo

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secant-platform/secant/network/topology"
)

func newWorld(t *testing.T) *world {
	t.Helper()
	n, err := topology.New(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return &world{net: n}
}

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	eveAttack = `{"timestamp":"t","event_type":"alert","src_ip":"203.0.113.9","src_port":40000,"dest_ip":"10.0.0.1","dest_port":22,"proto":"TCP","alert":{"signature":"SSH","category":"x"}}`
	eveFlow   = `{"timestamp":"t","event_type":"flow","src_ip":"203.0.113.9"}`
	bodyTemp  = `{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/1"}}`
)

func TestInputIsFoundByWhatFilesHold(t *testing.T) {
	t.Parallel()
	message := string(sampleMessage)
	general := strings.Replace(message, "IHE_PCD_001^IHE PCD", "", 1)
	dir := tree(t, map[string]string{
		"a/general.dat":   general,
		"b/monitor.txt":   message,
		"b/order.hl7":     strings.Replace(message, "ORU^R01^ORU_R01", "RGV^O15^RGV_O15", 1),
		"c/patient":       `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"1"}},{"resource":` + bodyTemp + `},{"resource":` + strings.ReplaceAll(bodyTemp, `","`, "\",\n \"") + `}]}`,
		"c/bulk.ndjson":   bodyTemp + "\n" + strings.Replace(bodyTemp, "Patient/1", "Patient/2", 1) + "\n",
		"d/one.log":       eveFlow + "\n" + eveAttack + "\n",
		"d/array.json":    " [\n" + eveAttack + "," + eveFlow + "]\n",
		"e/bill.json":     string(billPump34),
		"e/bill.xml":      `<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.4"><components><component type="library"><name>a</name></component></components></bom>`,
		"e/vex.json":      `{"bomFormat":"CycloneDX","specVersion":"1.4","vulnerabilities":[]}`,
		"f/picture.png":   "\x89PNG\r\n\x1a\n",
		"f/notes.md":      "# MSH and bomFormat",
		"f/empty":         "",
		"f/settings.json": `{"a":1}`,
	})
	var out bytes.Buffer
	f, err := find(t.Context(), dir, narrate(&out))
	if err != nil {
		t.Fatal(err)
	}
	if out.Len() != 0 {
		t.Errorf("said: %s", out.String())
	}
	if len(f.messages) != 2 || string(f.messages[0].records[0]) != message || string(f.messages[1].records[0]) != general {
		t.Errorf("%d messages, or not the profiled first", len(f.messages))
	}
	if len(f.people) != 3 || len(f.people[0].records) != 2 || bytes.ContainsAny(f.people[0].records[1], "\n") {
		t.Errorf("people: %q", f.people)
	}
	if len(f.alerts) != 2 || len(fitting(f.alerts, []service{{"tcp", 22}})) != 2 {
		t.Errorf("alerts: %+v", f.alerts)
	}
	if len(f.bills) != 1 || filepath.Base(f.bills[0].path) != "bill.json" || f.bills[0].components != 4 {
		t.Errorf("bills: %+v", f.bills)
	}
}

func TestMessagesAreTakenOutOfTheirFrames(t *testing.T) {
	t.Parallel()
	m := string(sampleMessage)
	for name, in := range map[string]string{
		"bare": m, "two": m + m, "frames": "\x0b" + m + "\x1c\r\x0b" + m + "\x1c\r", "blank lines": "\r\n" + m + "\n\n" + m + "\n",
	} {
		for _, got := range splitMessages([]byte(in)) {
			if string(got) != m {
				t.Errorf("%s: %q", name, got)
			}
		}
		if n, want := len(splitMessages([]byte(in))), strings.Count(in, "MSH|"); n != want {
			t.Errorf("%s: %d messages, want %d", name, n, want)
		}
	}
}

func TestDamagedInputGetsALine(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"cut.hl7":      `MSH|^~\&|GATEWAY^00A037EB2175780F^EUI-`,
		"glued.hl7":    strings.ReplaceAll(string(sampleMessage), "\rOBX|2", "OBX|2"),
		"hollow.hl7":   strings.Split(string(sampleMessage), "\rOBX")[0],
		"cut.json":     `{"resourceType":"Bundle","entry":[{"resource":{`,
		"cut-eve.json": "[" + eveAttack + `,{"timestamp":"t","event_type":`,
		"cut-bom.json": `{"bomFormat":"CycloneDX","components":[{`,
	}
	dir := tree(t, files)
	var out bytes.Buffer
	f, err := find(t.Context(), dir, narrate(&out))
	if err != nil {
		t.Fatal(err)
	}
	if f.damaged != len(files) {
		t.Errorf("%d of %d", f.damaged, len(files))
	}
	for name := range files {
		if !strings.Contains(out.String(), filepath.Join(dir, name)) {
			t.Errorf("nothing is said about %s:\n%s", name, out.String())
		}
	}
	if len(f.messages)+len(f.people)+len(f.bills) != 0 || len(f.alerts) != 1 {
		t.Errorf("taken: %d messages, %d people, %d bills, %d alerts", len(f.messages), len(f.people), len(f.bills), len(f.alerts))
	}
}

func TestManyDamagedFilesAreCounted(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for i := range maxDamaged + 5 {
		files[string(rune('a'+i))] = "MSH|"
	}
	var out bytes.Buffer
	if _, err := find(t.Context(), tree(t, files), narrate(&out)); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(out.String(), "\n"); lines != maxDamaged+1 || !strings.Contains(out.String(), "5 more files") {
		t.Errorf("%d lines:\n%s", lines, out.String())
	}
}

func TestAMissingDirectoryIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := find(t.Context(), filepath.Join(t.TempDir(), "absent"), narrate(&bytes.Buffer{})); err == nil {
		t.Error("nothing was found and nothing said")
	}
}

// TestOnlyPlainAttacksAreExpectedToMatch keeps the demo from expecting a match
// where the platform may rightly see none.
func TestOnlyPlainAttacksAreExpectedToMatch(t *testing.T) {
	t.Parallel()
	for name, event := range map[string]string{
		"answer":          strings.Replace(strings.Replace(eveAttack, `"src_port":40000`, `"src_port":22`, 1), `"dest_port":22`, `"dest_port":40000`, 1),
		"from inside":     strings.Replace(eveAttack, "203.0.113.9", "192.168.0.1", 1),
		"to outside":      strings.Replace(eveAttack, "10.0.0.1", "203.0.113.1", 1),
		"other direction": strings.Replace(eveAttack, `"proto"`, `"direction":"to_client","proto"`, 1),
		"other flow":      strings.Replace(eveAttack, `"proto"`, `"flow":{"src_ip":"10.0.0.1"},"proto"`, 1),
		"declared target": strings.Replace(eveAttack, `"category"`, `"source":{"ip":"10.0.0.1"},"category"`, 1),
		"harmless":        strings.Replace(eveAttack, `"x"`, `"Not Suspicious Traffic"`, 1),
		"no port":         strings.Replace(eveAttack, `"dest_port":22`, `"dest_port":0`, 1),
	} {
		a, ok := readAlert(name, []byte(event))
		if !ok || a.attacked.Port != 0 || name == "from inside" && len(a.inside) != 2 {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if _, ok := readAlert("flow", []byte(eveFlow)); ok {
		t.Error("a flow event was taken for an alert")
	}
}

func FuzzTakers(f *testing.F) {
	for _, seed := range []string{string(sampleMessage), eveAttack, "[" + eveAttack + "]", bodyTemp, string(billPump34), `<bom xmlns="http://cyclonedx.org/schema/bom/1.4">`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var found found
		if take := found.taker(b[:min(len(b), sniffed)]); take != nil {
			_ = take("x", b)
		}
		found.order()
		for _, list := range [][]batch{found.messages, found.people} {
			for i := range list {
				if len(list[i].records) == 0 {
					t.Error("a batch without records")
				}
			}
		}
	})
}

// TestRealInputIsFound looks through the whole of the real data.
func TestRealInputIsFound(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("skipped: %s is not here (real input is not part of the repository)", dir)
	}
	var out bytes.Buffer
	f, err := find(t.Context(), dir, narrate(&out))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d messages (%d profiled), %d people, %d bills, %d alerts, %d damaged\n%s",
		len(f.messages), len(f.profiled), len(f.people), len(f.bills), len(f.alerts), f.damaged, out.String())
	if len(f.messages) == 0 || len(f.people) == 0 || len(f.bills) == 0 || len(f.alerts) == 0 {
		t.Error("a kind of input was not found")
	}
	if len(fitting(f.alerts, []service{{"tcp", 22}, {"tcp", 80}})) == 0 {
		t.Error("no real alert is about SSH or HTTP")
	}
}

func TestDirectoryWithoutInputIsRefused(t *testing.T) {
	t.Parallel()
	_, err := gather(t.Context(), tree(t, map[string]string{"notes.md": "x"}), narrate(&bytes.Buffer{}))
	if err == nil {
		t.Fatal("it runs on samples in silence")
	}
	for _, kind := range []string{"PCD-01", "FHIR R4", "CycloneDX", "Suricata EVE"} {
		if !strings.Contains(err.Error(), kind) {
			t.Errorf("no %s in: %v", kind, err)
		}
	}
}
