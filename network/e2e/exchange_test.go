package e2e

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // reads what the nodes keep

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// The alert of the script: what a sensor at a conference saw, or else one that was made
// in the form of Suricata's.
const (
	scriptAlerts = "cti/suricata/first-org-conf-2015/alerts-only.json"
	madeAlert    = "../../analytics/cti/testdata/shellshock.eve.json"
	shellshock   = "CVE-2014-6271"
)

// alertOf returns one alert that names the flaw.
func alertOf(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(*dataDir, filepath.FromSlash(scriptAlerts)))
	if errors.Is(err, fs.ErrNotExist) {
		t.Logf("NOT REAL: no real alert (%v)", err)
		b, err = os.ReadFile(filepath.FromSlash(madeAlert))
		b = append(append([]byte("["), b...), ']')
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if strings.Contains(string(one), shellshock) {
			return one
		}
	}
	t.Fatalf("no alert names %s", shellshock)
	return nil
}

// sharedReport is a report as a node shows it.
type sharedReport struct {
	Digest  string `json:"digest"`
	Marking string `json:"marking"`
	Held    bool   `json:"held"`
	Title   string `json:"title"`
	Hits    string `json:"hits"`
	Matches []struct{ Unit string }
	Sharers []struct {
		Sharer   string
		Time     time.Time
		Feedback struct{ SightedBy int }
	} `json:"sharers"`
}

func (c node) report(digest string) (r sharedReport) {
	c.tb.Helper()
	if status, b, err := c.try(http.MethodGet, "/v1/threats/"+digest, "", nil); err == nil && status == http.StatusOK {
		if err := json.Unmarshal(b, &r); err != nil {
			c.tb.Fatal(err)
		}
	}
	return r
}

func (c node) standingOf(org string) (value, sealed int) {
	c.tb.Helper()
	var s struct{ Value, Sealed int }
	c.call(http.MethodGet, "/v1/organisations/"+org+"/standing", nil, &s)
	return s.Value, s.Sealed
}

func (c node) shareAmber(alert []byte) sharedReport {
	c.tb.Helper()
	status, b := c.do(http.MethodPost, "/v1/threats?marking=amber&to=hospital-south", cti.MediaTypeEVE, alert)
	var r sharedReport
	if err := json.Unmarshal(b, &r); status != http.StatusCreated || err != nil {
		c.tb.Fatalf("sharing the alert: %d %s", status, b)
	}
	return r
}

// shellUnit has medtech make a unit with the affected shell, and the south run it.
func (n *network) shellUnit(t *testing.T) string {
	t.Helper()
	maker, di := n.node(t, "medtech", "registrar"), "E2E-"+rand.Text()
	maker.call(http.MethodPost, "/v1/models", map[string]any{"di": di, "name": "Pump gateway", "modelNumber": "PG-1", "riskClass": "IIb"}, nil)
	bill := `{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"components":[{"type":"library","bom-ref":"bash","name":"bash","version":"4.2"}],` +
		`"vulnerabilities":[{"id":"` + shellshock + `","affects":[{"ref":"bash"}]}]}`
	if status, b := maker.do(http.MethodPut, "/v1/models/"+di+"/releases/1.0.0", "application/vnd.cyclonedx+json", []byte(bill)); status/100 != 2 {
		t.Fatalf("publishing a release: %d\n%s", status, b)
	}
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var unit ledger.Unit
	maker.call(http.MethodPost, "/v1/units", map[string]any{
		"serial": "SN-" + rand.Text(), "di": di, "lot": "L1", "release": "1.0.0", "owner": "hospital-south", "publicKey": hex.EncodeToString(public),
	}, &unit)
	n.awaitUnit(t, "hospital-south", unit.ID)
	n.node(t, "hospital-south", "registrar").call(http.MethodPost, "/v1/units/"+unit.ID+"/service", map[string]any{
		"ward": "intensive care", "address": "10.20.0.8", "services": []map[string]any{{"protocol": "tcp", "port": 8080}},
	}, nil)
	return unit.ID
}

// TestAnAlertGoesSealedFromTheNorthToTheSouth shares a real alert under amber, and looks
// for what the east has of it.
func TestAnAlertGoesSealedFromTheNorthToTheSouth(t *testing.T) {
	n := live(t)
	alert := alertOf(t)
	unit := n.shellUnit(t)
	north, south, east := n.node(t, "hospital-north", "analyst"), n.node(t, "hospital-south", "analyst"), n.node(t, "hospital-east", "analyst")

	begun := time.Now()
	shared := north.shareAmber(alert)
	committed := time.Since(begun)
	await(t, "the report in the south, matched", func() bool { return len(south.report(shared.Digest).Matches) > 0 })
	took := time.Since(begun)
	got := south.report(shared.Digest)
	t.Logf("shared on the ledger after %v; in the south, matched, after %v: %s: %s", committed.Round(time.Millisecond), took.Round(time.Millisecond), got.Title, got.Hits)
	if took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	concerned := false
	for _, m := range got.Matches {
		concerned = concerned || m.Unit == unit
	}
	if !concerned || got.Hits == "" {
		t.Errorf("the unit %s is not among %+v", unit, got.Matches)
	}

	before, _ := south.standingOf("hospital-north")
	now := time.Now().UTC().Add(-time.Minute)
	south.call(http.MethodPost, "/v1/threats/"+shared.Digest+"/sightings", map[string]any{"count": 2, "first": now, "last": now}, nil)
	after, _ := south.standingOf("hospital-north")
	t.Logf("the north's standing in the south: %d, then %d", before, after)
	if after <= before {
		t.Error("the sighting did not move the north's standing in the south")
	}
	await(t, "the sighting in the north", func() bool {
		r := north.report(shared.Digest)
		return len(r.Sharers) == 1 && r.Sharers[0].Feedback.SightedBy == 1
	})

	// A second one waits, so that what is sealed to the south can be seen.
	n.kill(t, n.find(t, "node", "hospital-south"))
	second := north.shareAmber(alert)
	var sealed []byte
	await(t, "what is sealed to the south", func() bool {
		sealed = n.kept(t, "hospital-north", "SELECT copy FROM exchange_out WHERE kind = 'report' AND digest = ? AND taken = 0", second.Digest)
		return len(sealed) > 0
	})
	n.secant(t, "up")
	await(t, "the second report in the south", func() bool { return south.report(second.Digest).Held })

	n.eastKnows(t, east, shared, north, sealed)
}

// kept reads one value of what a node keeps; nil when there is none.
func (n *network) kept(t *testing.T, org, query string, args ...any) (b []byte) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(n.dataOf(t, org), "store", "node.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&b); err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	return b
}

// dataOf is the folder with a node's data.
func (n *network) dataOf(t *testing.T, org string) string {
	t.Helper()
	var cfg struct {
		Data string `json:"data"`
	}
	readJSON(t, n.config(org), &cfg)
	if cfg.Data == "" {
		cfg.Data = "data"
	}
	if filepath.IsAbs(cfg.Data) {
		return cfg.Data
	}
	return filepath.Join(filepath.Dir(n.config(org)), cfg.Data)
}

// eastKnows wants the east to know that the north shared something amber, and when; and
// none of its files, whichever of its processes wrote it, to hold more.
func (n *network) eastKnows(t *testing.T, east node, shared sharedReport, north node, sealed []byte) {
	t.Helper()
	await(t, "the east to learn that there is something", func() bool { return len(east.report(shared.Digest).Sharers) == 1 })
	got := east.report(shared.Digest)
	if s := got.Sharers[0]; got.Marking != "amber" || s.Sharer != "hospital-north" || s.Time.IsZero() || got.Held || got.Title != "" || s.Feedback.SightedBy != 0 {
		t.Errorf("the east has %+v", got)
	}
	if value, sealed := east.standingOf("hospital-north"); sealed < 1 {
		t.Errorf("the east knows of no sealed report of the north: %d %d", value, sealed)
	}
	if status, _ := east.do(http.MethodGet, "/v1/threats/"+shared.Digest+"/body", "", nil); status != http.StatusNotFound {
		t.Errorf("the east asks for the body: %d", status)
	}
	_, text := north.do(http.MethodGet, "/v1/threats/"+shared.Digest+"/body", "", nil)
	var e struct {
		Enc, Sealed, Signature []byte
	}
	if err := json.Unmarshal(sealed, &e); err != nil || len(e.Sealed) == 0 {
		t.Fatalf("what is sealed to the south is none: %v", err)
	}
	look := map[string][]byte{}
	pieces := func(what string, b []byte, size, step int) {
		for at := 0; at+size <= len(b); at += step {
			look[string(b[at:at+size])] = []byte(what)
		}
	}
	// The project's extension and the markings stand in every report: not what all have.
	var bundle struct {
		Objects []struct {
			ID          string `json:"id"`
			Type        string `json:"type"`
			Name        string `json:"name"`
			Pattern     string `json:"pattern"`
			Description string `json:"description"`
			Value       string `json:"value"`
		} `json:"objects"`
	}
	if err := json.Unmarshal(text, &bundle); err != nil {
		t.Fatal(err)
	}
	for _, o := range bundle.Objects {
		switch o.Type {
		case "report", "indicator", "sighting", "observed-data", "ipv4-addr", "network-traffic":
			texts := []string{o.ID, o.Name, o.Pattern, o.Value}
			if o.Type == "report" { // an indicator's description is that of every alert's
				texts = append(texts, o.Description)
			}
			for _, s := range texts {
				if len(s) >= 7 {
					look[s] = fmt.Appendf(nil, "the report (%.60q)", s)
				}
			}
		}
	}
	pieces("what was sealed to the south", e.Sealed, 16, 16)
	pieces("its encapsulated key", e.Enc, 16, 16)
	pieces("its signature", e.Signature, 16, 16)
	pieces("what was sealed to the south, in base64", []byte(base64.StdEncoding.EncodeToString(e.Sealed)), 24, 24)
	for _, org := range []string{"hospital-north", "hospital-south"} {
		pieces("what "+org+" keeps", n.kept(t, org, "SELECT sealed FROM sealed_report WHERE digest = ?", shared.Digest), 16, 16)
	}
	look[string(n.kept(t, "hospital-north", "SELECT id FROM sealed_feedback WHERE digest = ?", shared.Digest))] = []byte("the sighting")
	delete(look, "")

	found, files, size := n.search(t, "hospital-east", look)
	t.Logf("%d pieces looked for in %d files of the east, %d bytes", len(look), files, size)
	for _, f := range found {
		t.Error(f)
	}
	if files < 20 || size < 100_000 {
		t.Errorf("the east has more than %d files of %d bytes: they were not found", files, size)
	}
	if found, _, _ := n.search(t, "hospital-east", map[string][]byte{shared.Digest: []byte("the commitment")}); len(found) == 0 {
		t.Error("the commitment is not found either: the search finds nothing")
	}
	if found, _, _ := n.search(t, "hospital-south", look); len(found) == 0 {
		t.Error("nothing is found in the south either: the search finds nothing")
	}
}

// search looks through all files of an organisation: its node's, its peers' and its
// orderer's.
func (n *network) search(t *testing.T, org string, look map[string][]byte) (found []string, files int, size int64) {
	t.Helper()
	first := map[[6]byte][]string{} // by how they begin, so that a file is read once
	for piece := range look {
		var b [6]byte
		copy(b[:], piece)
		first[b] = append(first[b], piece)
	}
	err := filepath.WalkDir(n.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !d.Type().IsRegular() || !strings.Contains(path, org) {
			return ignoreGone(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return ignoreGone(err)
		}
		files++
		size += int64(len(b))
		for at := 0; at+6 <= len(b); at++ {
			for _, piece := range first[[6]byte(b[at:at+6])] {
				if bytes.HasPrefix(b[at:], []byte(piece)) {
					found = append(found, string(look[piece])+" is in "+path)
					return nil
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found, files, size
}

// ignoreGone drops that a file was removed meanwhile.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
