package app

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/vault/object/objecttest"
)

// TestReadingsGoToTheBucketAndAreProvenFromThere: a node whose full segments go to a
// server that speaks S3. They are read, proven and checked from there; the node goes on
// while the server is down, and says so; what is altered in the bucket is named; what is
// erased is gone from wherever it was, and the bucket gets its room back.
func TestReadingsGoToTheBucketAndAreProvenFromThere(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a server that does not answer")
	}
	server := objecttest.Serve(t)
	c := newConsortium(t)
	cfg := c.config("hospital-north")
	cfg.Pace.Audit = config.Duration(50 * time.Millisecond)
	cfg.Vault = config.Vault{
		Objects: server.URL(), Credentials: config.KeyFile(objecttest.Credentials(t)), Segment: 64 << 10,
	}
	maker, north := c.start(t, "medtech"), c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	model(maker)
	d := commission(t, maker, north, "SN-1")
	var ids []string
	records := map[string]string{}
	send := func() {
		t.Helper()
		noise := make([]byte, 9<<10)
		_, _ = rand.Read(noise)
		record := fmt.Sprintf(`{"n":%d,"x":%q}`, len(ids), base64.StdEncoding.EncodeToString(noise))
		header, body := d.sign(t, record)
		status, b := north.call("", http.MethodPost, "/v1/readings", body, header)
		var r struct{ ID string }
		if err := json.Unmarshal(b, &r); err != nil || status != http.StatusAccepted {
			t.Fatalf("%d %s", status, b)
		}
		ids, records[r.ID] = append(ids, r.ID), record
	}
	for range 20 {
		send()
	}
	moved := func() int { return north.node.vault.Objects().Moved }
	north.await("segments are in the bucket", func() bool { return moved() >= 2 && north.node.vault.Objects().Local == 0 })
	north.await("their files are gone", func() bool { // once the monitor does not read them
		files, err := filepath.Glob(filepath.Join(cfg.Data, "vault", "*.seg"))
		return err == nil && len(files) == 1
	})
	read := func(id string) (int, string) {
		status, b := north.call("auditor", http.MethodGet, "/v1/readings/"+id+"/records/0", nil, nil)
		return status, string(b)
	}
	for _, id := range ids[:2] {
		if status, got := read(id); status != http.StatusOK || got != records[id] {
			t.Fatalf("read from the bucket: %d", status)
		}
		if _, err := c.verifier(t).VerifyJSON(north.bundleOf(id, 0)); err != nil {
			t.Errorf("proven from the bucket: %v", err)
		}
	}
	integrity := func() (v rest.Integrity) {
		north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/integrity", nil, &v)
		return v
	}
	north.await("a pass over all readings", func() bool {
		v := integrity()
		return v.Last != nil && v.Last.Requests == 20 && len(v.Incidents) == 0
	})

	objects := func() (p rest.Part) {
		var r rest.Readiness
		status, b := north.call("", http.MethodGet, "/readyz", nil, nil)
		if err := json.Unmarshal(b, &r); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s", status, b)
		}
		return r.Parts[slices.IndexFunc(r.Parts, func(p rest.Part) bool { return p.Name == "objects" })]
	}
	if p := objects(); !p.OK {
		t.Errorf("%+v", p)
	}
	server.Fail(objecttest.Down)
	for range 8 {
		send() // the node takes more
	}
	north.await("health says that the bucket is down", func() bool { return !objects().OK })
	if p := objects(); strings.Contains(p.Reason, "127.0.0.1") || strings.Contains(p.Reason, "readings/") {
		t.Errorf("whoever asks is told: %s", p.Reason)
	}
	status, b := north.call("auditor", http.MethodGet, "/v1/readings/"+ids[3]+"/records/0", nil, nil)
	if status != http.StatusServiceUnavailable || !bytes.Contains(b, []byte("nothing is lost")) {
		t.Errorf("what is in a bucket that is down: %d %s", status, b)
	}
	if status, got := read(ids[len(ids)-1]); status != http.StatusOK || got != records[ids[len(ids)-1]] {
		t.Errorf("what is here: %d", status)
	}
	if len(integrity().Incidents) != 0 {
		t.Errorf("a bucket that is down is no damage: %+v", integrity().Incidents)
	}
	erase := func(id string) {
		t.Helper()
		if status, b := north.call("operator", http.MethodDelete, "/v1/readings/"+id, nil, nil); status != http.StatusNoContent {
			t.Fatalf("%d %s", status, b)
		}
	}
	erase(ids[0])
	if status, _ := read(ids[0]); status != http.StatusGone {
		t.Errorf("erased while the bucket is down: %d", status)
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	north = c.launch(t, "hospital-north", cfg, func(string) {}).ready() // while it is down
	north.await("readings are taken", func() bool {
		header, body := d.sign(t, `{"again":true}`)
		status, _ := north.call("", http.MethodPost, "/v1/readings", body, header)
		return status == http.StatusAccepted
	})
	server.Fail(nil)
	north.await("all is in order again", func() bool { return objects().OK && north.node.vault.Objects().Local == 0 })

	name := server.Names(t)[0]
	good := server.Get(t, name)
	bad := bytes.Clone(good)
	bad[len(bad)/2] ^= 1
	server.Set(t, name, bad)
	north.await("what was altered is named", func() bool {
		for _, i := range integrity().Incidents {
			for _, id := range ids {
				if i.Part == partReadings && strings.Contains(i.Detail, name) && strings.Contains(i.Detail, "request "+id) {
					t.Log(i.Detail)
					return true
				}
			}
		}
		return false
	})
	server.Set(t, name, good)
	north.await("it is in order again", func() bool { return len(integrity().Incidents) == 0 })

	before := len(server.Names(t))
	for _, id := range ids[:12] {
		erase(id)
	}
	north.await("the bucket has its room back", func() bool { return len(server.Names(t)) < before })
	if _, metrics := north.call("auditor", http.MethodGet, "/metrics", nil, nil); !bytes.Contains(metrics, []byte("secant_vault_moved_segments")) {
		t.Error("no metrics tell of it")
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(north.log.String(), objecttest.SecretKey) {
		t.Error("the secret is in the log")
	}
	report, err := checkNode(t.Context(), &north.cfg, c.network.Client("hospital-north"))
	if err != nil || report.Requests != 29 || report.Erased != 12 {
		t.Errorf("%+v %v", report, err)
	}
	last := server.Names(t)[len(server.Names(t))-1]
	server.Set(t, last, nil)
	if _, err := checkNode(t.Context(), &north.cfg, c.network.Client("hospital-north")); err == nil || !strings.Contains(err.Error(), last) {
		t.Errorf("without an object: %v", err)
	}
	server.Fail(objecttest.Down)
	if _, err := checkNode(t.Context(), &north.cfg, c.network.Client("hospital-north")); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("without the bucket: %v", err)
	}
}

// TestASubjectIsErasedWhileTheBucketIsDown: all that the node knows of one person, also
// of requests whose bytes are in the bucket, and of one that was altered there.
func TestASubjectIsErasedWhileTheBucketIsDown(t *testing.T) {
	server := objecttest.Serve(t)
	c := newConsortium(t)
	cfg := c.config("hospital-north")
	cfg.Pace.Audit = config.Duration(time.Hour)
	cfg.Vault = config.Vault{
		Objects: server.URL(), Credentials: config.KeyFile(objecttest.Credentials(t)), Segment: 64 << 10,
	}
	maker, north := c.start(t, "medtech"), c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	model(maker)
	d := commission(t, maker, north, "SN-1")
	for n := range 12 {
		noise := make([]byte, 9<<10)
		_, _ = rand.Read(noise)
		header, body := d.sign(t, fmt.Sprintf(`{"x":%q}`, base64.StdEncoding.EncodeToString(noise)))
		header["Secant-Subject"] = fmt.Sprintf("p-%d", n%2)
		if status, b := north.call("", http.MethodPost, "/v1/readings", body, header); status != http.StatusAccepted {
			t.Fatalf("%d %s", status, b)
		}
	}
	list := func() (p fact.ReadingPage) {
		north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/units/"+d.id+"/readings", nil, &p)
		return p
	}
	north.await("segments are in the bucket, and all is listed", func() bool {
		o := north.node.vault.Objects()
		return o.Moved >= 1 && o.Local == 0 && len(list().Items) == 12
	})
	server.Fail(objecttest.Down)
	var e rest.ErasedSubject
	north.want(http.StatusOK, "operator", http.MethodPost, "/v1/subjects/erase", map[string]any{"subject": "p-0"}, &e)
	if e != (rest.ErasedSubject{Requests: 6, Records: 6, Complete: true}) {
		t.Errorf("%+v", e)
	}
	server.Fail(nil)
	server.Set(t, server.Names(t)[0], nil)
	north.want(http.StatusOK, "operator", http.MethodPost, "/v1/subjects/erase", map[string]any{"subject": "p-1"}, &e)
	if e != (rest.ErasedSubject{Requests: 6, Records: 6, Complete: true}) || len(list().Items) != 0 {
		t.Errorf("%+v", e)
	}
	north.await("the bucket is empty", func() bool { return len(server.Names(t)) == 0 && north.node.vault.Objects().Moved == 0 })
	if slots := north.node.vault.ErasedSubjects(); len(slots) != 0 {
		t.Errorf("not finished: %v", slots)
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	report, err := checkNode(t.Context(), &north.cfg, c.network.Client("hospital-north"))
	if err != nil || report.Requests != 12 || report.Erased != 12 {
		t.Errorf("%+v %v", report, err)
	}
}
