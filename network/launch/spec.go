package launch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/secant-platform/secant/network/build"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/process"
	"github.com/secant-platform/secant/network/topology"
)

// spec says how to start a process of the network. env is added to what the
// process gets anyway.
func (l *launcher) spec(p topology.Process, env ...string) (process.Spec, error) {
	s := process.Spec{
		Name: p.Name, Kind: string(p.Kind), Organisation: p.Organisation,
		Log: l.net.LogFile(p.Name),
	}
	var configuration string
	switch p.Kind {
	case topology.KindOrderer:
		s.Path, s.Dir = l.programs.Orderer, l.net.OrdererDir(p.Name)
		configuration = filepath.Join(s.Dir, "orderer.yaml")
		s.Env = append(fabricEnv(s.Dir), l.tuning().Orderer...)
	case topology.KindPeer:
		s.Path, s.Dir = l.programs.Peer, l.net.PeerDir(p.Name)
		s.Args = []string{"node", "start"}
		configuration = filepath.Join(s.Dir, "core.yaml")
		s.Env = append(fabricEnv(s.Dir),
			"TMPDIR="+filepath.Join(s.Dir, "tmp"),
			"SECANT_PEER="+p.Name, "SECANT_ORGANISATION="+p.Organisation,
			"SECANT_RUN_DIR="+l.net.RunDir(), "SECANT_LOG_DIR="+l.net.LogDir(),
		)
		s.Env = append(s.Env, l.tuning().Peer...)
	case topology.KindNode:
		s.Path, s.Dir = l.programs.Secant, l.net.NodeDir(p.Organisation)
		configuration = l.net.NodeConfig(p.Organisation)
		s.Args = []string{"node", "--config", configuration}
	default:
		return s, fmt.Errorf("%s is started by its peer", p.Name)
	}
	var err error
	s.Fingerprint, err = fingerprint(s, append([]string{configuration}, material.Certificates(l.net, p)...)...)
	s.Env = append(s.Env, env...)
	return s, err
}

// tuning returns what the network departs in.
func (l *launcher) tuning() topology.Tuning {
	if l.net.Tuning == nil {
		return topology.Tuning{}
	}
	return *l.net.Tuning
}

func fabricEnv(dir string) []string {
	return []string{
		"FABRIC_CFG_PATH=" + dir,
		// Below warnings, an idle process writes megabytes a day. An orderer warns
		// of every client that ends a call, four lines a transaction.
		"FABRIC_LOGGING_SPEC=warn:grpc=error:comm.grpc.server=error:orderer.common.broadcast=error",
		"FABRIC_LOGGING_FORMAT=%{time:2006-01-02T15:04:05.000Z07:00} %{level:.4s} [%{module}] %{message}",
	}
}

// fingerprint changes when the program or anything it is told does, its
// certificates among it: then a running process is not the one that was asked
// for.
func fingerprint(s process.Spec, files ...string) (string, error) {
	digest, err := build.Digest(s.Path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%q\n%q\n", digest, s.Args, s.Env)
	for _, path := range files {
		b, err := os.ReadFile(path) //nolint:gosec // a path of our own layout
		if err != nil {
			return "", fmt.Errorf("reading what %s is told: %w", s.Name, err)
		}
		fmt.Fprintf(h, "%d %s\n", len(b), b)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
