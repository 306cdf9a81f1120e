package launch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/network/build"
	"github.com/secant-platform/secant/network/config"
	"github.com/secant-platform/secant/network/disk"
	"github.com/secant-platform/secant/network/lifecycle"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// prepare writes all that the processes read: certificates, configuration, the
// first block, the external builder. What must never change is made once; the
// rest is written anew, so that a newer program's settings arrive.
func (l *launcher) prepare(ctx context.Context) error {
	made, err := material.Make(l.net, time.Now())
	if err != nil {
		return fmt.Errorf("making certificates: %w", err)
	}
	if made {
		l.progress.say("made the certificates that were missing")
	}
	if err := material.MakeTrust(l.net); err != nil {
		return fmt.Errorf("making the trust file: %w", err)
	}
	if err := l.genesis(ctx); err != nil {
		return err
	}
	if err := l.builder(); err != nil {
		return err
	}
	for _, o := range l.net.Organisations {
		if o.Orderer != nil {
			b, err := config.Orderer(l.net, o)
			if err != nil {
				return err
			}
			if err := disk.WriteFile(filepath.Join(l.net.OrdererDir(o.Orderer.Name), "orderer.yaml"), b, 0o600); err != nil {
				return fmt.Errorf("configuring %s: %w", o.Orderer.Name, err)
			}
		}
		for _, p := range o.Peers {
			b, err := config.Peer(l.net, o, p)
			if err != nil {
				return err
			}
			if err := disk.WriteFile(filepath.Join(l.net.PeerDir(p.Name), "core.yaml"), b, 0o600); err != nil {
				return fmt.Errorf("configuring %s: %w", p.Name, err)
			}
		}
	}
	return l.save(l.net.ProgramsFile(), l.programs)
}

func (l *launcher) save(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", filepath.Base(path), err)
	}
	return disk.WriteFile(path, append(b, '\n'), 0o644)
}

// genesis makes the channel's first block, once.
func (l *launcher) genesis(ctx context.Context) error {
	if _, err := os.Stat(l.net.GenesisFile()); err == nil {
		return nil
	}
	for _, p := range l.net.Processes() {
		var data string
		switch p.Kind {
		case topology.KindOrderer:
			data = config.OrdererData(l.net.OrdererDir(p.Name))
		case topology.KindPeer:
			data = config.PeerData(l.net.PeerDir(p.Name))
		default:
			continue
		}
		if _, err := os.Stat(data); err == nil {
			return &process.Failure{
				What: "looking for the channel's first block", Err: fmt.Errorf("%s is gone, but %s has a ledger", l.net.GenesisFile(), p.Name),
				Do: "put the file back from a backup, or start anew with: secant reset",
			}
		}
	}
	b, err := config.Channel(l.net)
	if err != nil {
		return err
	}
	dir := l.net.ConfigDir()
	if err := disk.WriteFile(filepath.Join(dir, "configtx.yaml"), b, 0o600); err != nil {
		return fmt.Errorf("configuring the channel: %w", err)
	}
	tmp := filepath.Join(dir, "genesis.block.new")
	args := []string{
		"-profile", config.Profile, "-channelID", l.net.Channel,
		"-configPath", dir, "-outputBlock", tmp,
	}
	cmd := exec.CommandContext(ctx, l.programs.Configtxgen, args...) //nolint:gosec // a program that we built
	cmd.Env = []string{"FABRIC_LOGGING_SPEC=warn", "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return &process.Failure{
			What: "making the channel's first block", Command: append([]string{l.programs.Configtxgen}, args...),
			Tail: process.LastLines(out, 12), Err: err, Do: doOnDisk(out),
		}
	}
	if err := os.Rename(tmp, l.net.GenesisFile()); err != nil {
		return fmt.Errorf("moving the first block to its place: %w", err)
	}
	return nil
}

func doOnDisk(out []byte) string {
	if strings.Contains(string(out), "no space left") {
		return "make room on the disk and run the command again"
	}
	return ""
}

// builder puts the external builder where the peers look for it, under the four
// names by which they call it. It is a copy: the cache may be emptied while the
// network runs.
func (l *launcher) builder() error {
	want, err := build.Digest(l.programs.Builder)
	if err != nil {
		return err
	}
	bin := filepath.Join(l.net.BuilderDir(), "bin")
	noted := filepath.Join(l.net.BuilderDir(), "sha256")
	if have, err := os.ReadFile(noted); err == nil && string(have) == want { //nolint:gosec // a path of our own layout
		return nil
	}
	for _, name := range []string{"detect", "build", "release", "run"} {
		if err := disk.CopyFile(l.programs.Builder, filepath.Join(bin, name), 0o700); err != nil {
			return fmt.Errorf("placing the chaincode builder: %w", err)
		}
	}
	return disk.WriteFile(noted, []byte(want), 0o600)
}

// making marks, in a Fabric process's folder, that it has not answered yet since
// its first start: its databases may be half-made. Only what bears the mark is
// ever deleted.
const making = "making"

func (l *launcher) folder(p topology.Process) string {
	if p.Kind == topology.KindOrderer {
		return l.net.OrdererDir(p.Name)
	}
	return l.net.PeerDir(p.Name)
}

// made drops the mark. It is called when the process has answered, before it is
// given anything to keep.
func (l *launcher) made(p topology.Process) error {
	if err := os.Remove(filepath.Join(l.folder(p), making)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("noting that %s has made its databases: %w", p.Name, err)
	}
	return nil
}

// clean makes a stopped Fabric process's folder fit for its start. One that was
// killed while it made its databases would never start again; it has kept
// nothing yet, so it begins anew.
func (l *launcher) clean(p topology.Process) error {
	dir := l.folder(p)
	data := []string{config.PeerData(dir), config.OrdererData(dir), config.OrdererWAL(dir)}
	mark := filepath.Join(dir, making)
	if exists(mark) {
		for _, path := range data {
			if err := os.RemoveAll(path); err != nil {
				return fmt.Errorf("clearing the half-made ledger of %s: %w", p.Name, err)
			}
		}
	} else if !slices.ContainsFunc(data, exists) {
		if err := disk.WriteFile(mark, nil, 0o600); err != nil {
			return fmt.Errorf("noting that %s is new: %w", p.Name, err)
		}
	}
	if p.Kind == topology.KindPeer {
		return l.cleanPeer(dir, p.Name)
	}
	return nil
}

// cleanPeer removes what a peer leaves: its temporary folder holds keys if it
// was killed, a chaincode build that was cut short would keep the chaincode from
// ever starting, and one of an earlier package only takes room. A peer that
// starts unpacks again what it lacks; a running one would not.
func (l *launcher) cleanPeer(dir, peer string) error {
	tmp := filepath.Join(dir, "tmp")
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("clearing the temporary folder of %s: %w", peer, err)
	}
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return fmt.Errorf("making the temporary folder of %s: %w", peer, err)
	}
	builds := buildsDir(dir)
	entries, err := os.ReadDir(builds)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at the chaincode builds of %s: %w", peer, err)
	}
	current := l.deployed()
	for _, e := range entries {
		one := filepath.Join(builds, e.Name())
		if current(e.Name()) && wholeBuild(one) {
			continue
		}
		if err := os.RemoveAll(one); err != nil {
			return fmt.Errorf("clearing a chaincode build of %s: %w", peer, err)
		}
	}
	return nil
}

// deployed tells whether a folder is the build of the package that was last
// deployed. While that is not known every folder may be.
func (l *launcher) deployed() func(folder string) bool {
	var def lifecycle.Definition
	b, err := os.ReadFile(l.net.ChaincodeFile())
	if err != nil || json.Unmarshal(b, &def) != nil {
		return func(string) bool { return true }
	}
	want := strings.ReplaceAll(def.PackageID, ":", "-") // as Fabric names the folder
	return func(folder string) bool { return folder == want }
}

// wholeBuild reports whether a peer's stored chaincode build is complete: the
// builder notes the program's digest after the program.
func wholeBuild(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, "build-info.json")); err != nil {
		return false
	}
	want, err := os.ReadFile(filepath.Join(dir, "bld", "chaincode.sha256")) //nolint:gosec // a path of our own layout
	if err != nil {
		return false
	}
	f, err := os.Open(filepath.Join(dir, "bld", "chaincode")) //nolint:gosec // a path of our own layout
	if err != nil {
		return false
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return false
	}
	return hex.EncodeToString(h.Sum(nil)) == string(want)
}
