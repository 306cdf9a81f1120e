package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/bulk"
	"github.com/secant-platform/secant/gateway/client"
)

// moved runs `secant import` or `secant export` against a node in a role.
func (r *running) moved(c *cobra.Command, role string, args ...string) (string, error) {
	r.t.Helper()
	c.SilenceErrors, c.SilenceUsage = true, true
	var out, errs bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&errs)
	c.SetArgs(append(args, "--node", r.url, "--token", r.tokenFile(role)))
	err := c.ExecuteContext(r.t.Context())
	return out.String() + errs.String(), err
}

// exported is moved for an export that must succeed.
func (r *running) exported(args ...string) string {
	r.t.Helper()
	out, err := r.moved(bulk.ExportCommand(), "auditor", args...)
	if err != nil {
		r.t.Fatalf("export %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func linesOf(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// manifestOf reads the manifest beside a file, and holds it against the file.
func manifestOf(t *testing.T, file string) (complete bool, lines int) {
	t.Helper()
	var m struct {
		Complete bool
		Files    []struct {
			Name, SHA256 string
			Bytes        int64
			Lines        int
		}
	}
	text, err := os.ReadFile(file + ".manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	if !m.Complete {
		return false, 0
	}
	b, err := os.ReadFile(file)
	if err != nil || len(m.Files) != 1 || m.Files[0].Name != filepath.Base(file) || m.Files[0].SHA256 != ledger.BodyDigest(b) || m.Files[0].Bytes != int64(len(b)) {
		t.Errorf("%s is not what %s says (%v)", file, text, err)
	}
	return true, m.Files[0].Lines
}

// interrupted makes of a whole export what one leaves that was interrupted in the
// middle of a line.
func interrupted(t *testing.T, file string, whole int) {
	t.Helper()
	lines := linesOf(t, file)
	text := strings.Join(lines[:whole], "\n") + "\n" + lines[whole][:len(lines[whole])/2]
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	name := file + ".manifest.json"
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	m["complete"], m["base"], m["files"] = false, 0, nil
	if b, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDevicesGoOutAndComeBack: units as CSV at one maker's node, taken in by another's
// consortium, and out again, are the same file.
func TestDevicesGoOutAndComeBack(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "devices.csv")
	origin, target := newConsortium(t), newConsortium(t)
	origin.start(t, "hospital-north")
	target.start(t, "hospital-north")
	first := origin.start(t, "medtech")
	model(first)
	registrar := first.client("registrar")
	units := make([]client.NewUnit, 25)
	for i := range units {
		units[i] = client.NewUnit{Serial: fmt.Sprintf("SN,%03d", i), DI: "DI-1", Lot: `L"1`, Release: "1.0.0", Owner: "hospital-north"}
	}
	units[7].PublicKey, units[7].IDevID = ledger.BodyDigest([]byte("key")), ledger.BodyDigest([]byte("idevid"))
	if got, err := registrar.RegisterUnits(t.Context(), units); err != nil || got.Registered != 25 {
		t.Fatalf("%+v %v", got, err)
	}
	if said := first.exported("units", out, "--manufacturer", "medtech"); !strings.HasPrefix(said, "25 units in ") {
		t.Errorf("it says %s", said)
	}
	if whole, lines := manifestOf(t, out); !whole || lines != 26 {
		t.Errorf("%v, %d lines", whole, lines)
	}

	second := target.start(t, "medtech")
	model(second)
	if said, err := second.moved(bulk.Command(), "registrar", "units", out); err != nil || !strings.HasPrefix(said, "25 devices: 25 registered") {
		t.Fatalf("%s %v", said, err)
	}
	again := filepath.Join(t.TempDir(), "again.csv")
	second.exported("units", again)
	a, b := linesOf(t, out), linesOf(t, again)
	slices.Sort(a[1:]) // their ids are others, under another maker's key
	slices.Sort(b[1:])
	if !slices.Equal(a, b) {
		t.Errorf("out\n%v\nand again\n%v", a, b)
	}

	// As NDJSON: whole, and gone on with where it was interrupted.
	list := filepath.Join(t.TempDir(), "units.ndjson")
	first.exported("units", list)
	want := linesOf(t, list)
	interrupted(t, list, 11)
	if said := first.exported("units", list); !strings.HasPrefix(said, "14 units in ") {
		t.Errorf("gone on, it says %s", said)
	}
	if got := linesOf(t, list); !slices.Equal(got, want) || !strings.Contains(got[3], `"serial":"SN,0`) {
		t.Errorf("gone on, it is\n%v\nand was\n%v", got, want)
	}
	if _, lines := manifestOf(t, list); lines != 25 {
		t.Errorf("%d lines", lines)
	}
	if got := first.exported("units", "-", "--state", "in_service"); !strings.HasPrefix(got, "0 units in ") {
		t.Errorf("none in service: %s", got)
	}
}

// TestReadingsAndProofsGoOut: records byte for byte, what comes later behind them, and
// proofs that hold offline.
func TestReadingsAndProofsGoOut(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	maker, north := c.start(t, "medtech"), c.start(t, "hospital-north")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	var unit proof.Hash
	if err := unit.UnmarshalText([]byte(d.id)); err != nil {
		t.Fatal(err)
	}
	device := north.client("")
	send := func(records ...string) {
		t.Helper()
		r := client.Readings{Unit: unit, Key: d.key}
		for _, text := range records {
			r.Records = append(r.Records, []byte(text))
		}
		if _, err := device.Submit(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	send(`{"n":1}`, `{"n":2}`, `{"n":3}`)
	send(`{"n":4}`)
	dir := t.TempDir()
	file, proofs := filepath.Join(dir, "readings.ndjson"), filepath.Join(dir, "proofs")
	texts := func() []string {
		var all []string
		for _, line := range linesOf(t, file) {
			var r struct{ Text, Unit, VouchedBy string }
			if line == "" {
				continue
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil || r.Unit != d.id || r.VouchedBy != "device" {
				t.Fatalf("%s %v", line, err)
			}
			all = append(all, r.Text)
		}
		return all
	}
	north.await("what is settled to be exported", func() bool {
		north.exported("readings", file, "--unit", d.id)
		return len(texts()) == 4
	})
	want := []string{`{"n":4}`, `{"n":1}`, `{"n":2}`, `{"n":3}`}
	if got := texts(); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	interrupted(t, file, 2) // within a request
	north.exported("readings", file, "--unit", d.id)
	if got := texts(); !slices.Equal(got, want) {
		t.Errorf("gone on: %v", got)
	}
	send(`{"n":5}`)
	north.await("the news to be added", func() bool {
		north.exported("readings", file, "--unit", d.id)
		return len(texts()) == 5
	})
	if got := texts(); !slices.Equal(got[:4], want) || got[4] != `{"n":5}` {
		t.Errorf("with the news: %v", got)
	}
	if whole, lines := manifestOf(t, file); !whole || lines != 5 {
		t.Errorf("%v, %d lines", whole, lines)
	}

	if said := north.exported("proofs", proofs, "--model", "DI-1"); !strings.HasPrefix(said, "5 proofs in ") {
		t.Errorf("it says %s", said)
	}
	var verdicts bytes.Buffer
	if err := proof.VerifyAll(c.trust(), []string{proofs}, "", &verdicts); err != nil || strings.Count(verdicts.String(), "unchanged since") != 5 || !strings.HasSuffix(verdicts.String(), "5 proofs hold\n") {
		t.Errorf("%v\n%s", err, verdicts.String())
	}
	files, err := filepath.Glob(filepath.Join(proofs, "*.json"))
	if err != nil || len(files) != 5 {
		t.Fatalf("%v %v", files, err)
	}
	if said := north.exported("proofs", proofs, "--model", "DI-1"); !strings.HasPrefix(said, "0 proofs in ") {
		t.Errorf("again, it says %s", said)
	}
	b, err := os.ReadFile(files[2])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[2], bytes.Replace(b, []byte(`{\"n\":`), []byte(`{\"n\":7`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	verdicts.Reset()
	if err := proof.VerifyAll(c.trust(), []string{proofs}, "", &verdicts); err == nil || !strings.Contains(err.Error(), "1 of 5 proofs do not hold") || !strings.Contains(verdicts.String(), filepath.Base(files[2])+": the proof does not hold") {
		t.Errorf("an altered proof: %v\n%s", err, verdicts.String())
	}
	if _, err := north.moved(bulk.ExportCommand(), "auditor", "proofs", proofs, "--model", "DI-1"); err == nil || !strings.Contains(err.Error(), filepath.Base(files[2])+" was changed") {
		t.Errorf("an altered export is gone on with: %v", err)
	}
}

// TestEventsAndAdvisoriesGoOut: events each once, and advisories as they came, for
// another node.
func TestEventsAndAdvisoriesGoOut(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	north := c.start(t, "hospital-north")
	maker := c.start(t, "medtech")
	dir := t.TempDir()
	events := filepath.Join(dir, "events.ndjson")
	model(maker)
	maker.exported("events", events)
	before := linesOf(t, events)
	interrupted(t, events, 1)
	maker.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/models", map[string]any{"di": "DI-2", "name": "M", "modelNumber": "2", "riskClass": "I"}, nil)
	maker.exported("events", events)
	after := linesOf(t, events)
	if len(after) <= len(before) || !slices.Equal(after[:len(before)], before) || !slices.ContainsFunc(after[len(before):], func(l string) bool { return strings.Contains(l, `"DI-2"`) }) {
		t.Errorf("before\n%s\nafter\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	said := maker.exported("events", "-", "--kind", "model.registered", "--since", "1h")
	if got := strings.Count(said, `"kind":"model.registered"`); got != 2 || strings.Count(said, "\n") != 3 {
		t.Errorf("of one kind: %s", said)
	}

	document, err := os.ReadFile("../../network/demo/samples/pump.csaf.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := north.client("risk-manager").ImportAdvisory(t.Context(), document); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "advisories")
	if said := north.exported("advisories", folder, "--documents"); !strings.HasPrefix(said, "1 advisories in ") {
		t.Errorf("it says %s", said)
	}
	if said := north.exported("advisories", folder, "--documents"); !strings.HasPrefix(said, "0 advisories in ") {
		t.Errorf("again, it says %s", said)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	if got, err := os.ReadFile(files[0]); err != nil || !bytes.Equal(got, document) {
		t.Errorf("it is not what came: %v", err)
	}
	if said, err := maker.moved(bulk.Command(), "risk-manager", "advisories", folder); err != nil || !strings.Contains(said, "1 added") {
		t.Errorf("%s %v", said, err)
	}
	list := filepath.Join(dir, "advisories.ndjson")
	north.exported("advisories", list, "--vulnerability", "CVE-2026-10001")
	north.exported("advisories", list, "--vulnerability", "CVE-2026-10001") // anew, in its place
	if lines := linesOf(t, list); len(lines) != 1 || !strings.Contains(lines[0], `"EX-2026-0001"`) {
		t.Errorf("%v", lines)
	}
}

// TestWhatIsNoExportIsLeftAlone: nothing that stands there is lost.
func TestWhatIsNoExportIsLeftAlone(t *testing.T) {
	t.Parallel()
	maker := newConsortium(t).start(t, "medtech")
	dir := t.TempDir()
	mine, full := filepath.Join(dir, "mine.ndjson"), filepath.Join(dir, "full")
	done, changed := filepath.Join(dir, "done.ndjson"), filepath.Join(dir, "changed.ndjson")
	if err := os.Mkdir(full, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{mine, filepath.Join(full, "x")} {
		if err := os.WriteFile(name, []byte("mine\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	maker.exported("events", done)
	maker.exported("events", changed)
	if err := os.WriteFile(changed, append([]byte(strings.Join(linesOf(t, changed), "\n")), " \n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"is no export":                {"events", mine},
		"is not empty":                {"proofs", full},
		"an export of something else": {"units", done},
		"of something else":           {"events", done, "--kind", "unit.held"},
		"the file was changed":        {"events", changed},
		"--since must be":             {"readings", filepath.Join(dir, "new"), "--since", "yesterday"},
		"--format must be":            {"units", filepath.Join(dir, "new"), "--format", "xml"},
		"no device with this id":      {"readings", filepath.Join(dir, "new2"), "--unit", strings.Repeat("0", 64)},
		"is a folder that is not":     {"units", filepath.Join(dir, "none", "file")},
		"fills a folder":              {"proofs", "-"},
		"accepts 1 arg":               {"units"},
		"none of the others can be":   {"readings", "x", "--unit", "1", "--model", "2"},
	} {
		was := map[string]time.Time{}
		for _, f := range []string{mine, done, changed} {
			if info, err := os.Stat(f); err == nil {
				was[f] = info.ModTime()
			}
		}
		if name == "is a folder that is not" {
			name = "no such file"
		}
		if out, err := maker.moved(bulk.ExportCommand(), "auditor", args...); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v %s", args, err, out)
		}
		for f, at := range was {
			if info, err := os.Stat(f); err != nil || !info.ModTime().Equal(at) {
				t.Errorf("%v wrote to %s", args, f)
			}
		}
	}
	for _, role := range []string{"patient"} {
		if _, err := maker.moved(bulk.ExportCommand(), role, "events", filepath.Join(dir, "denied")); err == nil || !strings.Contains(err.Error(), "secant token --role auditor") {
			t.Errorf("%s: %v", role, err)
		}
	}
}
