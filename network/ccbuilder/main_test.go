package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/secant-platform/secant/network/process"
)

// TestMain lets a test run this program as a peer would: as a process of its
// own, under the name of the step.
func TestMain(m *testing.M) {
	if os.Getenv("CCBUILDER_TEST") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// call runs a step as a peer does, with the given environment only.
func call(t *testing.T, step string, env []string, args ...string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "/builder/bin/" + step
	cmd.Env = append([]string{"CCBUILDER_TEST=1", "PATH=" + os.Getenv("PATH")}, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDetectAcceptsOurPackagesOnly(t *testing.T) {
	t.Parallel()
	for meta, want := range map[string]bool{
		`{"type":"secant","label":"secant"}`: true,
		`{"type":"golang","label":"x"}`:      false,
		`{"type":"ccaas"}`:                   false,
		`not json`:                           false,
	} {
		out, err := call(t, "detect", nil, t.TempDir(), folder(t, map[string]string{"metadata.json": meta}))
		if (err == nil) != want {
			t.Errorf("%s: %v, %s", meta, err, out)
		}
	}
	if _, err := call(t, "detect", nil, t.TempDir(), t.TempDir()); err == nil {
		t.Error("accepted a package without metadata")
	}
}

func TestUnknownStepsAndWrongArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	if out, err := call(t, "install", nil, "a", "b"); err == nil || !strings.Contains(out, `"install"`) {
		t.Errorf("%v, %s", err, out)
	}
	if out, err := call(t, "build", nil, "a", "b"); err == nil || !strings.Contains(out, "takes 3 folders") {
		t.Errorf("%v, %s", err, out)
	}
}

// chaincode is a program that says how it was started.
const chaincode = `#!/bin/sh
echo "args $*"
echo "pid $$"
env
cat "$CORE_PEER_TLS_ROOTCERT_FILE" "$CORE_TLS_CLIENT_CERT_FILE" "$CORE_TLS_CLIENT_KEY_FILE"
`

func TestBuiltProgramRunsWithThePeersCertificates(t *testing.T) {
	t.Parallel()
	bld, runs, logs := t.TempDir(), t.TempDir(), t.TempDir()
	if out, err := call(t, "build", nil, folder(t, map[string]string{program: chaincode}), t.TempDir(), bld); err != nil {
		t.Fatalf("%v, %s", err, out)
	}
	if b, err := os.ReadFile(filepath.Join(bld, digestFile)); err != nil || len(b) != 64 {
		t.Errorf("digest %q, %v", b, err)
	}
	if out, err := call(t, "release", nil, bld, t.TempDir()); err != nil {
		t.Fatalf("%v, %s", err, out)
	}
	peer, err := json.Marshal(connection{
		ID: "secant:0123456789abcdef", Address: "127.0.0.1:7031", MSP: "hospital-north",
		Root: "ROOT\n", Cert: "CERT\n", Key: "KEY\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := call(t, "run", []string{
		"SECANT_PEER=peer0-hospital-north", "SECANT_ORGANISATION=hospital-north",
		"SECANT_RUN_DIR=" + runs, "SECANT_LOG_DIR=" + logs, "INTRUDER=1",
	}, bld, folder(t, map[string]string{"chaincode.json": string(peer)}))
	if err != nil || out != "" {
		t.Fatalf("%v, %s", err, out)
	}
	said, err := os.ReadFile(filepath.Join(logs, "chaincode-peer0-hospital-north.log"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(said), "\n")
	for _, want := range []string{
		"args -peer.address=127.0.0.1:7031", "CORE_CHAINCODE_ID_NAME=secant:0123456789abcdef",
		"CORE_PEER_LOCALMSPID=hospital-north", "CORE_PEER_TLS_ENABLED=true", "ROOT", "CERT", "KEY",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %q in:\n%s", want, said)
		}
	}
	if slices.Contains(lines, "INTRUDER=1") {
		t.Error("the chaincode inherits the peer's environment")
	}
	// The launcher finds the process by its record.
	r, found, err := process.Table{Dir: runs}.Find("chaincode-peer0-hospital-north-01234567")
	if err != nil || !found {
		t.Fatalf("%v, %v", found, err)
	}
	if r.Kind != "chaincode" || r.Organisation != "hospital-north" || r.Birth == "" || !slices.Contains(lines, "pid "+itoa(r.PID)) {
		t.Errorf("record %+v does not fit\n%s", r, said)
	}
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func TestRunRefusesAnIncompleteLaunchFile(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "{}", `{"chaincode_id":"x"}`} {
		if _, err := call(t, "run", nil, t.TempDir(), folder(t, map[string]string{"chaincode.json": content})); err == nil {
			t.Errorf("accepted %q", content)
		}
	}
	ok := `{"chaincode_id":"x:1","peer_address":"127.0.0.1:1"}`
	out, err := call(t, "run", nil, t.TempDir(), folder(t, map[string]string{"chaincode.json": ok}))
	if err == nil || !strings.Contains(out, "starting") {
		t.Errorf("a build without program: %v, %s", err, out)
	}
}
