package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/client/clienttest"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
)

// TestRestart stops a node and starts it again: what it has said still stands,
// and its books are in order.
func TestRestart(t *testing.T) {
	c := newConsortium(t)
	maker, north := c.start(t, "medtech"), c.start(t, "hospital-north")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	headers, body := d.sign(t, `{"n":1}`, `{"n":2}`)
	send := func(r *running) string {
		t.Helper()
		status, b := r.call("", http.MethodPost, "/v1/readings", body, headers)
		var receipt struct{ ID string }
		if err := json.Unmarshal(b, &receipt); status != http.StatusAccepted || err != nil {
			t.Fatalf("readings: %d %s", status, b)
		}
		return receipt.ID
	}
	id := send(north)
	north.bundleOf(id, 0)
	if _, err := checkNode(t.Context(), &north.cfg, c.network.Client("hospital-north")); err == nil {
		t.Error("a running node was checked")
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	report, err := checkNode(t.Context(), &north.cfg, c.network.Client("hospital-north"))
	if err != nil {
		t.Fatal(err)
	}
	if report.Requests != 1 || report.Records != 2 || report.Signatures != 1 || report.LogEntries != 1 || report.Anchors == 0 || report.Anchored != 1 || report.Blocks == 0 {
		t.Errorf("report: %+v", report)
	}

	again := c.start(t, "hospital-north")
	if got := send(again); got != id {
		t.Errorf("the same readings have two receipts: %s, %s", got, id)
	}
	if _, err := c.verifier(t).VerifyJSON(again.bundleOf(id, 1)); err != nil {
		t.Errorf("a proof after the restart: %v", err)
	}
	var rows struct {
		Items []struct {
			ID, Endpoint string
			Revision     int
		}
	}
	again.want(http.StatusOK, "operator", http.MethodGet, "/v1/organisations", nil, &rows)
	for _, row := range rows.Items {
		if row.ID == "hospital-north" && (row.Revision != 2 || row.Endpoint != again.url) {
			t.Errorf("the row was not changed to the new address: %+v", row)
		}
	}
}

// TestCheckFindsDamage changes one byte at a time in what a node keeps.
func TestCheckFindsDamage(t *testing.T) {
	c := newConsortium(t)
	maker, north := c.start(t, "medtech"), c.start(t, "hospital-north")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	headers, body := d.sign(t, `{"n":1}`)
	if status, b := north.call("", http.MethodPost, "/v1/readings", body, headers); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, b)
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, folder := range []string{vaultFolder, filepath.Join(logFolder, "tree", "tile")} {
		_ = filepath.WalkDir(filepath.Join(north.cfg.Data, folder), func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && !strings.HasSuffix(path, ".lock") {
				files = append(files, path)
			}
			return nil
		})
	}
	found := 0
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil || len(b) == 0 {
			continue
		}
		damaged := append([]byte{}, b...)
		for at := range min(len(damaged), 400) {
			damaged[at] ^= 0xff
		}
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := checkNode(t.Context(), &north.cfg, c.network.Client("hospital-north")); err != nil {
			found++
		} else {
			t.Logf("damage in %s is not noticed", path)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found < 2 {
		t.Errorf("damage was found in %d of %d files", found, len(files))
	}
	if _, err := checkNode(t.Context(), &north.cfg, c.network.Client("hospital-north")); err != nil {
		t.Errorf("the repaired node: %v", err)
	}
}

// TestRestoredBackupEndsTheNode puts back an older copy of a node's data.
func TestRestoredBackupEndsTheNode(t *testing.T) {
	c := newConsortium(t)
	maker, north := c.start(t, "medtech"), c.start(t, "hospital-north")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	read := func(r *running, text string) {
		t.Helper()
		headers, body := d.sign(t, text)
		_, b := r.call("", http.MethodPost, "/v1/readings", body, headers)
		var receipt struct{ ID string }
		if err := json.Unmarshal(b, &receipt); err != nil {
			t.Fatal(err)
		}
		r.bundleOf(receipt.ID, 0)
	}
	read(north, `{"n":1}`)
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	backup := t.TempDir()
	if err := os.CopyFS(backup, os.DirFS(north.cfg.Data)); err != nil {
		t.Fatal(err)
	}
	north = c.start(t, "hospital-north")
	read(north, `{"n":2}`)
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(north.cfg.Data); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(north.cfg.Data, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"keys", logFolder, vaultFolder} { // a copy is readable by all
		_ = filepath.WalkDir(filepath.Join(north.cfg.Data, folder), func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				return os.Chmod(path, 0o600)
			}
			return err
		})
	}
	restored := c.launch(t, "hospital-north", c.config("hospital-north"), func(string) {})
	restored.mayFail = true
	restored.awaitEnd()
	if err := restored.stop(); err == nil || !strings.Contains(err.Error(), "anchor") {
		t.Errorf("the restored node ended with: %v", err)
	}
}

// awaitEnd waits until nothing listens any more.
func (r *running) awaitEnd() {
	r.t.Helper()
	for end := time.Now().Add(waiting); ; time.Sleep(10 * time.Millisecond) {
		req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+"/livez", nil)
		if err != nil {
			r.t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return
		}
		_ = res.Body.Close()
		if time.Now().After(end) {
			r.t.Fatal("the node goes on")
		}
	}
}

// TestCommandsThatTakeLong takes the orderers' quorum away: commands are kept,
// answered with their operation, and done when the quorum is back.
func TestCommandsThatTakeLong(t *testing.T) {
	c := newConsortium(t)
	cfg := c.config("medtech")
	cfg.Limits.CommandWait = config.Duration(200 * time.Millisecond)
	maker := c.launch(t, "medtech", cfg, func(string) {})
	maker.await("the node to be ready", func() bool {
		status, _ := maker.call("", http.MethodGet, "/readyz", nil, nil)
		return status == http.StatusOK
	})
	post := func(di string, header map[string]string) (status int, location, operation string) {
		t.Helper()
		if header == nil {
			header = map[string]string{}
		}
		header["Content-Type"] = "application/json"
		res := maker.answer("registrar", http.MethodPost, "/v1/models", fmt.Appendf(nil, `{"di":%q,"name":"n","modelNumber":"m","riskClass":"I"}`, di), header)
		defer res.Body.Close()
		var op struct{ ID, State string }
		if err := json.NewDecoder(res.Body).Decode(&op); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Header.Get("Location"), op.ID
	}
	c.network.Halt()
	status, location, id := post("waits", nil)
	if status != http.StatusAccepted || location != "/v1/operations/"+id || len(id) != 32 {
		t.Errorf("without a quorum: %d %s", status, location)
	}
	status, _, keyed := post("keyed", map[string]string{"Prefer": "wait=1, respond-async", "Idempotency-Key": "k1"})
	if status != http.StatusAccepted {
		t.Errorf("asked for 202: %d", status)
	}
	if _, _, twice := post("keyed", map[string]string{"Prefer": "respond-async", "Idempotency-Key": "k1"}); twice != keyed {
		t.Errorf("one key gives two operations: %s, %s", keyed, twice)
	}
	if status, _, _ := post("another", map[string]string{"Prefer": "respond-async", "Idempotency-Key": "k1"}); status != http.StatusConflict {
		t.Errorf("another command under the key: %d", status)
	}
	c.network.Resume()
	for _, id := range []string{id, keyed} {
		maker.await("the operation to be done", func() bool {
			var op struct {
				State  string
				Tx     string
				Result *ledger.Model
			}
			maker.want(http.StatusOK, "registrar", http.MethodGet, "/v1/operations/"+id, nil, &op)
			return op.State == "done" && op.Tx != "" && op.Result != nil && op.Result.Manufacturer == "medtech"
		})
	}
	maker.want(http.StatusOK, "auditor", http.MethodGet, "/v1/models/waits", nil, nil)

	// A command that fails later says why.
	status, _, failed := post("waits", map[string]string{"Prefer": "respond-async"})
	if status != http.StatusAccepted {
		t.Fatalf("got %d", status)
	}
	maker.await("the operation to fail", func() bool {
		var op struct {
			State   string
			Problem *struct{ Code string }
		}
		maker.want(http.StatusOK, "registrar", http.MethodGet, "/v1/operations/"+failed, nil, &op)
		return op.State == "failed" && op.Problem != nil && op.Problem.Code == "already_exists"
	})
}

// TestReadinessNamesWhatIsMissing cuts a node off from its peer.
func TestReadinessNamesWhatIsMissing(t *testing.T) {
	c := newConsortium(t)
	north := c.start(t, "hospital-north")
	var r struct {
		Ready bool
		Parts []struct {
			Name, Reason string
			OK           bool
		}
	}
	north.want(http.StatusOK, "", http.MethodGet, "/readyz", nil, &r)
	var names []string
	for _, p := range r.Parts {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "ledger events outbox log readings member" || !r.Ready {
		t.Errorf("parts: %s", got)
	}
}

// TestUnreachableLedger starts a node whose peer does not answer: it lives, says
// what it lacks, takes nothing, and ends when told to.
func TestUnreachableLedger(t *testing.T) {
	c := newConsortium(t)
	l := c.network.Client("hospital-north")
	l.Inject(func(clienttest.Step, string) clienttest.Fault {
		return clienttest.Fault{Err: ledger.Problemf(ledger.CodeUnavailable, "no peer answers")}
	})
	north := c.launchOn(t, "hospital-north", c.config("hospital-north"), l, func(string) {})
	north.await("the node to say what it lacks", func() bool {
		live, _ := north.call("", http.MethodGet, "/livez", nil, nil)
		status, b := north.call("", http.MethodGet, "/readyz", nil, nil)
		return live == http.StatusOK && status == http.StatusServiceUnavailable &&
			strings.Contains(string(b), "no peer answers") && strings.Contains(string(b), "not compared with its last anchor")
	})
	l.Inject(nil)
	north.await("the node to be ready after all", func() bool {
		status, _ := north.call("", http.MethodGet, "/readyz", nil, nil)
		return status == http.StatusOK
	})
}

// TestEvents follows what happens, breaks off and goes on where it was.
func TestEvents(t *testing.T) {
	c := newConsortium(t)
	maker := c.start(t, "medtech")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	listen := func(header map[string]string, query string) *bufio.Scanner {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, maker.url+"/v1/events"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		token, err := Token(maker.cfg, "operator", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		for k, v := range header {
			req.Header.Set(k, v)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%d %v", res.StatusCode, res.Header)
		}
		return bufio.NewScanner(res.Body)
	}
	until := func(s *bufio.Scanner, kind string) (id string, kinds []string) {
		t.Helper()
		for s.Scan() {
			if after, ok := strings.CutPrefix(s.Text(), "id: "); ok {
				id = after
			}
			if got, ok := strings.CutPrefix(s.Text(), "event: "); ok {
				kinds = append(kinds, got)
				if got == kind {
					return id, kinds
				}
			}
		}
		t.Fatalf("the stream ended before %s: %v %v", kind, kinds, s.Err())
		return "", nil
	}
	all := listen(nil, "?from=oldest")
	until(all, "organisation.registered")
	news := listen(nil, "")
	model(maker)
	id, kinds := until(news, "model.registered")
	if len(kinds) != 1 {
		t.Errorf("what was before came as news: %v", kinds)
	}
	until(all, "release.published")
	if _, kinds := until(listen(map[string]string{"Last-Event-ID": id}, ""), "release.published"); len(kinds) != 1 {
		t.Errorf("resumed behind %s: %v", id, kinds)
	}
	status, b := maker.call("operator", http.MethodGet, "/v1/events", nil, map[string]string{"Last-Event-ID": "MARKED"})
	if status != http.StatusUnprocessableEntity || strings.Contains(string(b), "MARKED") {
		t.Errorf("a foreign id: %d %s", status, b)
	}
	go func() { _ = maker.stop() }()
	if _, kinds := until(news, "dropped"); kinds[len(kinds)-1] != "dropped" {
		t.Errorf("the end was not told: %v", kinds)
	}
}

// TestNodeReceived hands in what no device signed.
func TestNodeReceived(t *testing.T) {
	c := newConsortium(t)
	maker, north := c.start(t, "medtech"), c.start(t, "hospital-north")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	header := map[string]string{"Content-Type": "application/fhir+json", "Secant-Device": d.id}
	body := []byte(`{"resourceType":"Observation","status":"final"}`)
	if status, b := north.call("", http.MethodPost, "/v1/readings", body, header); status != http.StatusUnauthorized {
		t.Errorf("without token and signature: %d %s", status, b)
	}
	if status, b := north.call("analyst", http.MethodPost, "/v1/readings", body, header); status != http.StatusForbidden {
		t.Errorf("as an analyst: %d %s", status, b)
	}
	status, b := north.call("integrator", http.MethodPost, "/v1/readings", body, header)
	var receipt struct{ ID, VouchedBy, MediaType string }
	if err := json.Unmarshal(b, &receipt); status != http.StatusAccepted || err != nil || receipt.VouchedBy != "node" || receipt.MediaType != "application/fhir+json" {
		t.Fatalf("%d %s", status, b)
	}
	if v, err := c.verifier(t).VerifyJSON(north.bundleOf(receipt.ID, 0)); err != nil || v.VouchedBy != "node" {
		t.Errorf("%+v %v", v, err)
	}
	// A device's signature counts for its own readings only.
	headers, signed := d.sign(t, `{"n":1}`)
	if status, b := north.call("", http.MethodPost, "/v1/readings", append(signed, []byte("{\"n\":2}\n")...), headers); status != http.StatusForbidden {
		t.Errorf("a reading more than was signed: %d %s", status, b)
	}
	if status, _ := maker.call("", http.MethodPost, "/v1/readings", signed, headers); status != http.StatusForbidden {
		t.Errorf("at another organisation's node: %d", status)
	}
}

func TestCrashesAreForDevelopment(t *testing.T) {
	t.Parallel()
	if _, err := crashes(&config.Config{}, "stored"); err == nil {
		t.Error("a node outside development would kill itself")
	}
	if step, err := crashes(&config.Config{}, ""); err != nil {
		t.Error(err)
	} else {
		step("stored")
	}
}

func TestTokenRefusesUnknownRoles(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Organisation = "hospital-north"
	cfg.Keys.Token = config.KeyFile(filepath.Join(t.TempDir(), "token.pem"))
	for _, role := range []string{"root", ""} {
		if _, err := Token(cfg, role, time.Hour); err == nil {
			t.Errorf("%q: a token was made", role)
		}
	}
	if len(Roles()) != 10 {
		t.Errorf("roles: %v", Roles())
	}
}
