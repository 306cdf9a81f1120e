package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/rest"
)

func eveLine(n int) string {
	return fmt.Sprintf(`{"timestamp":"2026-01-02T03:04:%02d.000000+0000","event_type":"alert","src_ip":"198.51.100.7","src_port":40000,"dest_ip":"192.0.2.1","dest_port":445,"proto":"TCP","alert":{"action":"allowed","gid":1,"signature_id":%d,"rev":1,"signature":"seen %d","category":"test","severity":1}}`, n, 2_000_000+n, n)
}

// An alert that Suricata writes is found by its values, told to the SIEM, and a source
// that is not there says what to do.
func TestAnAlertIsCollectedAndTold(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	siem, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer siem.Close()
	log := filepath.Join(t.TempDir(), "eve.json")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := c.config("hospital-north")
	cfg.Sources = []config.IntelligenceSource{
		{Name: "suricata", Format: "eve", File: log},
		{Name: "gone", Format: "eve", Directory: filepath.Join(t.TempDir(), "no")},
		{Name: "unmapped", Format: filepath.Join(t.TempDir(), "no.yaml"), File: log},
	}
	cfg.Forward = []config.Forward{{Name: "siem", Address: "tcp://" + siem.Addr().String()}}
	r := c.launch(t, "hospital-north", cfg, func(string) {})
	r.await("the sources to be looked at", func() bool {
		status, body := r.call("analyst", http.MethodGet, "/v1/sources", nil, nil)
		return status == http.StatusOK && strings.Contains(string(body), "check the path") && strings.Contains(string(body), "its mapping cannot be read") && strings.Contains(string(body), `"read"`)
	})
	r.await("telling to begin", func() bool {
		place, err := r.node.store.Forwarded(t.Context(), "siem")
		return err == nil && len(place) > 0
	})
	if err := os.WriteFile(log, []byte(eveLine(1)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var alerts rest.List[rest.ToolAlert]
	r.await("the alert to be found", func() bool {
		r.want(http.StatusOK, "analyst", http.MethodGet, "/v1/alerts?value=198.51.100.7&source=suricata", nil, &alerts)
		return len(alerts.Items) == 1
	})
	var one rest.AlertWithOriginal
	r.want(http.StatusOK, "analyst", http.MethodGet, "/v1/alerts/"+alerts.Items[0].ID, nil, &one)
	if string(one.Original) != eveLine(1) || one.Title != "seen 1" {
		t.Errorf("got %+v with %s", one, one.Original)
	}
	if _, original := r.call("analyst", http.MethodGet, "/v1/alerts/"+one.ID+"/original", nil, nil); string(original) != eveLine(1) {
		t.Errorf("the original is %s", original)
	}

	conn, err := siem.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(waiting))
	in := bufio.NewReader(conn)
	length := 0
	if _, err := fmt.Fscanf(in, "%d ", &length); err != nil || length > 10_000 {
		t.Fatal(length, err)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(in, text); err != nil {
		t.Fatal(err)
	}
	got := string(text)
	if !strings.Contains(got, "CEF:0|") || !strings.Contains(got, "|seen 1|") || !strings.Contains(got, "src=198.51.100.7") {
		t.Errorf("the watching system was told %q", got)
	}
}

// What a program pushes is counted, in the format that it looks like, and known when it
// comes again.
func TestAlertsArePushed(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	cfg := c.config("hospital-north")
	cfg.Sources = []config.IntelligenceSource{{Name: "read", Format: "eve", File: "none"}}
	r := c.launch(t, "hospital-north", cfg, func(string) {})
	text := eveLine(1) + "\n" + eveLine(2) + "\n" + `{"event_type":"alert","timestamp":7}` + "\n"
	for _, want := range []string{`"new":2,"known":0,"refused":1`, `"new":0,"known":2,"refused":1`} {
		status, body := r.call("integrator", http.MethodPost, "/v1/intelligence/nids", []byte(text), nil)
		if status != http.StatusOK || !strings.Contains(string(body), want) || !strings.Contains(string(body), `"format":"eve"`) {
			t.Fatalf("%d %s, want %s", status, body, want)
		}
	}
	for path, want := range map[string]int{
		"/v1/intelligence/read":                    http.StatusConflict,
		"/v1/intelligence/nids?format=nothing":     http.StatusUnprocessableEntity,
		"/v1/intelligence/UPPER":                   http.StatusUnprocessableEntity,
		"/v1/intelligence/nids?format=eve&other=1": http.StatusUnprocessableEntity,
	} {
		if status, body := r.call("integrator", http.MethodPost, path, []byte(text), nil); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
	if status, _ := r.call("nurse", http.MethodPost, "/v1/intelligence/nids", []byte(text), nil); status != http.StatusForbidden {
		t.Errorf("a nurse hands in alerts: %d", status)
	}
}

// An alert becomes a report that tells nothing of the own network, is looked at before it
// leaves, and stands with the other member when it is shared.
func TestAnAlertIsSharedAsSTIX(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	north, south := c.start(t, "hospital-north"), c.start(t, "hospital-south")
	line := strings.Replace(eveLine(1), "192.0.2.1", "10.1.2.3", 1)
	if status, body := north.call("integrator", http.MethodPost, "/v1/intelligence/nids", []byte(line+"\n"), nil); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	var alerts rest.List[rest.ToolAlert]
	north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/alerts?source=nids", nil, &alerts)
	if len(alerts.Items) != 1 {
		t.Fatalf("got %+v", alerts)
	}
	at := "/v1/alerts/" + alerts.Items[0].ID + "/stix"
	status, bundle := north.call("analyst", http.MethodGet, at, nil, nil)
	if status != http.StatusOK || !strings.Contains(string(bundle), "198.51.100.7") || strings.Contains(string(bundle), "10.1.2.3") {
		t.Fatalf("%d %s", status, bundle)
	}
	if again, same := north.call("analyst", http.MethodGet, at, nil, nil); again != http.StatusOK || !bytes.Equal(same, bundle) {
		t.Errorf("it is another one the second time: %d %s", again, same)
	}
	var preview rest.Preview
	status, b := north.call("analyst", http.MethodPost, "/v1/threats/preview?marking=green", bundle, stix)
	if err := json.Unmarshal(b, &preview); status != http.StatusOK || err != nil || preview.Text != string(bundle) {
		t.Fatalf("%d %s, %v", status, b, err)
	}
	var shared seen
	status, b = north.call("analyst", http.MethodPost, "/v1/threats?marking=green", bundle, stix)
	if err := json.Unmarshal(b, &shared); status != http.StatusCreated || err != nil || shared.Digest != ledger.BodyDigest(bundle) {
		t.Fatalf("%d %s, %v", status, b, err)
	}
	south.await("the report to arrive", func() bool { return strings.Contains(south.report(shared.Digest).Title, "seen 1") })

	for path, want := range map[string]int{"/v1/alerts/999/stix": http.StatusNotFound, "/v1/alerts/x/stix": http.StatusNotFound} {
		if status, body := north.call("analyst", http.MethodGet, path, nil, nil); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
	if status, body := north.call("integrator", http.MethodPost, "/v1/intelligence/mail?format=text", []byte("It calls 203.0.113[.]9."), nil); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	north.want(http.StatusOK, "analyst", http.MethodGet, "/v1/alerts?kind=report", nil, &alerts)
	if len(alerts.Items) != 1 {
		t.Fatalf("got %+v", alerts)
	}
	status, b = north.call("analyst", http.MethodGet, "/v1/alerts/"+alerts.Items[0].ID+"/stix", nil, nil)
	if status != http.StatusUnprocessableEntity || !strings.Contains(string(b), "TAXII") {
		t.Errorf("of a report: %d %s", status, b)
	}
}
