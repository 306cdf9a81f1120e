// Command ccbuilder is the external builder through which peers run the
// chaincode: a plain process from the program that the package itself holds. A
// peer calls it as bin/detect, bin/build, bin/release and bin/run; it tells them
// apart by its own name.
//
// A package is accepted when its metadata has the type "secant" and its code is
// one file named "chaincode", so that the package id, a digest of the package,
// binds exactly the code that runs.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/secant-platform/secant/network/process"
)

// Names that the packager, this program and the launcher agree on.
const (
	packageType = "secant"
	program     = "chaincode"
	digestFile  = "chaincode.sha256" // of the program, written last
)

func main() {
	if err := run(filepath.Base(os.Args[0]), os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "ccbuilder: %v\n", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(step string, args []string) error {
	need := map[string]int{"detect": 2, "build": 3, "release": 2, "run": 2}
	n, ok := need[step]
	if !ok {
		return fmt.Errorf("called as %q: a peer calls detect, build, release or run", step)
	}
	if len(args) != n {
		return fmt.Errorf("%s takes %d folders, not %d", step, n, len(args))
	}
	switch step {
	case "detect":
		return detect(args[1])
	case "build":
		return build(args[0], args[2])
	case "run":
		return launch(args[0], args[1])
	}
	return nil // nothing to release: no indexes, no service address
}

// detect accepts our packages only.
func detect(meta string) error {
	b, err := os.ReadFile(filepath.Join(meta, "metadata.json")) //nolint:gosec // the peer names the folder
	if err != nil {
		return fmt.Errorf("reading the package's metadata: %w", err)
	}
	var m struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("reading the package's metadata: %w", err)
	}
	if m.Type != packageType {
		return fmt.Errorf("the package has type %q, not %q", m.Type, packageType)
	}
	return nil
}

// build copies the program and notes its digest, by which the launcher can tell
// a whole copy from one that a crash cut short.
func build(src, out string) error {
	in, err := os.Open(filepath.Join(src, program)) //nolint:gosec // the peer names the folder
	if err != nil {
		return fmt.Errorf("opening the packaged program: %w", err)
	}
	defer in.Close()
	f, err := os.OpenFile(filepath.Join(out, program), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700) //nolint:gosec // the peer names the folder
	if err != nil {
		return fmt.Errorf("making the program: %w", err)
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h), in)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(out, digestFile), []byte(hex.EncodeToString(h.Sum(nil))), 0o600) //nolint:gosec // the peer names the folder
	}
	if err != nil {
		return fmt.Errorf("copying the program: %w", err)
	}
	return nil
}

// connection is what the peer says about itself, in chaincode.json.
type connection struct {
	ID      string `json:"chaincode_id"`
	Address string `json:"peer_address"`
	Cert    string `json:"client_cert"`
	Key     string `json:"client_key"`
	Root    string `json:"root_cert"`
	MSP     string `json:"mspid"`
}

// launch replaces this process by the chaincode, so that the peer's signals
// reach it. The peer hands over its address and certificates in a folder that it
// removes afterwards.
func launch(bld, dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, "chaincode.json")) //nolint:gosec // the peer names the folder
	if err != nil {
		return fmt.Errorf("reading the peer's launch file: %w", err)
	}
	var c connection
	if err := json.Unmarshal(b, &c); err != nil {
		return fmt.Errorf("reading the peer's launch file: %w", err)
	}
	if c.ID == "" || c.Address == "" {
		return errors.New("the peer's launch file names no chaincode or no address")
	}
	env := []string{"CORE_CHAINCODE_ID_NAME=" + c.ID, "CORE_PEER_LOCALMSPID=" + c.MSP}
	if c.Root == "" {
		env = append(env, "CORE_PEER_TLS_ENABLED=false")
	} else {
		env = append(env, "CORE_PEER_TLS_ENABLED=true")
		for _, f := range []struct{ key, name, pem string }{
			{"CORE_PEER_TLS_ROOTCERT_FILE", "root.pem", c.Root},
			{"CORE_TLS_CLIENT_CERT_FILE", "client.pem", c.Cert},
			{"CORE_TLS_CLIENT_KEY_FILE", "client.key", c.Key},
		} {
			path := filepath.Join(dir, f.name)
			if err := os.WriteFile(path, []byte(f.pem), 0o600); err != nil { //nolint:gosec // the peer names the folder
				return fmt.Errorf("writing the chaincode's certificates: %w", err)
			}
			env = append(env, f.key+"="+path)
		}
	}
	for _, key := range []string{"PATH", "TMPDIR", "LD_LIBRARY_PATH"} {
		if v, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+v)
		}
	}
	if err := announce(c.ID); err != nil {
		return err
	}
	path := filepath.Join(bld, program)
	if err := syscall.Exec(path, []string{path, "-peer.address=" + c.Address}, env); err != nil { //nolint:gosec // running it is the purpose
		return fmt.Errorf("starting %s: %w", path, err)
	}
	return nil
}

// announce records this process where the launcher looks, and sends what the
// chaincode prints to a log of its own. Without the launcher's variables (a peer
// that is run by hand) it does neither.
func announce(id string) error {
	peer, runs, logs := os.Getenv("SECANT_PEER"), os.Getenv("SECANT_RUN_DIR"), os.Getenv("SECANT_LOG_DIR")
	if peer == "" || runs == "" || logs == "" {
		return nil
	}
	label, digest, _ := strings.Cut(id, ":")
	r, err := process.Self("chaincode-"+peer+"-"+digest[:min(8, len(digest))], "chaincode", os.Getenv("SECANT_ORGANISATION"))
	if err != nil {
		return fmt.Errorf("recording the chaincode process: %w", err)
	}
	r.Fingerprint = label + ":" + digest
	r.Log = filepath.Join(logs, "chaincode-"+peer+".log")
	out, err := process.OpenLog(r.Log)
	if err != nil {
		return err
	}
	for _, fd := range []int{1, 2} {
		if err := dup(int(out.Fd()), fd); err != nil {
			return fmt.Errorf("turning the output to its log: %w", err)
		}
	}
	return process.Table{Dir: runs}.Put(r)
}
