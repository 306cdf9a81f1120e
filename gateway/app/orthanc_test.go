package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// orthanc is an archive that runs: Orthanc with its plugin for DICOM web services,
// which knows the node as a remote server.
type orthanc struct {
	tb  testing.TB
	url string
}

// startOrthanc starts Orthanc on loopback, without DIMSE, and ends it with the test.
func startOrthanc(tb testing.TB, node *running) *orthanc {
	tb.Helper()
	plugin := "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
	path, err := exec.LookPath("Orthanc")
	if err != nil {
		path = "/usr/sbin/Orthanc"
	}
	for _, needed := range []string{path, plugin} {
		if _, err := os.Stat(needed); err != nil {
			tb.Skip("no other implementation to check against: orthanc and orthanc-dicomweb are not installed")
		}
	}
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	token, err := Token(node.cfg, "integrator", time.Hour)
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	cfg, err := json.Marshal(map[string]any{
		"Name": "archive", "StorageDirectory": filepath.Join(dir, "storage"), "IndexDirectory": filepath.Join(dir, "index"),
		"HttpPort": port, "DicomServerEnabled": false, "RemoteAccessAllowed": false, "AuthenticationEnabled": false,
		"Plugins": []string{plugin},
		"DicomWeb": map[string]any{"Enable": true, "Servers": map[string]any{"node": map[string]any{
			"Url": node.url + "/dicomweb/", "HttpHeaders": map[string]string{"Authorization": "Bearer " + token},
		}}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(dir, "orthanc.json")
	if err := os.WriteFile(file, cfg, 0o600); err != nil {
		tb.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(path, file) // it is told to end, and not killed
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if tb.Failed() {
			tb.Logf("Orthanc said:\n%s", &said)
		}
	})
	o := &orthanc{tb, fmt.Sprintf("http://127.0.0.1:%d", port)}
	for end := time.Now().Add(waiting); ; time.Sleep(50 * time.Millisecond) {
		if status, _ := o.call(http.MethodGet, "/system", nil); status == http.StatusOK {
			return o
		}
		if time.Now().After(end) {
			tb.Fatal("Orthanc does not answer")
		}
	}
}

func (o *orthanc) call(method, path string, body []byte) (int, []byte) {
	o.tb.Helper()
	req, err := http.NewRequestWithContext(o.tb.Context(), method, o.url+path, bytes.NewReader(body))
	if err != nil {
		o.tb.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		o.tb.Fatal(err)
	}
	return res.StatusCode, b
}

// TestAnArchiveStoresAndSearches has Orthanc send images that it holds to the node,
// and search for them there.
func TestAnArchiveStoresAndSearches(t *testing.T) {
	if testing.Short() {
		t.Skip("runs another program")
	}
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north"), c.start(t, "medtech")
	archive := startOrthanc(t, north)
	model(maker)
	d := commission(t, maker, north, "SN-1")
	north.name(d.id, "dicom", "CT-77")
	var ids []string
	for n := range 3 {
		status, b := archive.call(http.MethodPost, "/instances", scan(strconv.Itoa(n+1), "Doe^Jane"))
		var stored struct{ ID string }
		if err := json.Unmarshal(b, &stored); status != http.StatusOK || err != nil {
			t.Fatalf("%d %s", status, b)
		}
		ids = append(ids, stored.ID)
	}
	order, _ := json.Marshal(map[string]any{"Resources": ids})
	if status, b := archive.call(http.MethodPost, "/dicom-web/servers/node/stow", order); status != http.StatusOK {
		t.Fatalf("%d %s", status, b)
	}
	search, _ := json.Marshal(map[string]any{"Uri": "/instances", "Arguments": map[string]string{"DeviceSerialNumber": "CT-77"}})
	status, b := archive.call(http.MethodPost, "/dicom-web/servers/node/qido", search)
	var found []map[string]struct{ Value any } // as Orthanc writes attributes
	if err := json.Unmarshal(b, &found); status != http.StatusOK || err != nil || len(found) != 3 {
		t.Fatalf("%d %s", status, b)
	}
	for n, s := range found {
		// What the archive gives out is what was proven, byte for byte.
		status, file := archive.call(http.MethodGet, "/instances/"+ids[n]+"/file", nil)
		if got := s["00711002"].Value; status != http.StatusOK || got != digestOf(file) {
			t.Errorf("%d: the archive's file %s, the node's %v", n, digestOf(file), got)
		}
	}
	// An archive is told what the node does not take.
	_, b = archive.call(http.MethodPost, "/instances", bytes.ReplaceAll(scan("9", "Doe^Jane"), []byte("CT-77"), []byte("CT-78")))
	var other struct{ ID string }
	if err := json.Unmarshal(b, &other); err != nil {
		t.Fatal(err)
	}
	order, _ = json.Marshal(map[string]any{"Resources": []string{other.ID}})
	if status, b := archive.call(http.MethodPost, "/dicom-web/servers/node/stow", order); status == http.StatusOK {
		t.Errorf("an image of an unknown device counts as stored: %s", b)
	}
}
