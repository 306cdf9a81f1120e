package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

//go:embed workload
var workload embed.FS

// What is written for one run.
const (
	networkFile   = "network.yaml" // JSON is YAML
	benchmarkFile = "benchmark.yaml"
	reportFile    = "report.html"
)

// object keeps the rendering short: these shapes are Caliper's, not ours.
type object map[string]any

// write renders all that Caliper reads into dir. Keys stay where they are: only
// their paths are written.
func write(dir string, n *topology.Network, o options) error {
	if err := os.CopyFS(dir, workload); err != nil {
		return fmt.Errorf("writing the workload: %w", err)
	}
	files := map[string]any{networkFile: network(n), benchmarkFile: benchmark(n, o)}
	for _, org := range n.Organisations {
		files[profileFile(org)] = profile(n, org)
	}
	for name, v := range files {
		b, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return fmt.Errorf("rendering %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}

func profileFile(o topology.Organisation) string { return "profile-" + o.ID + ".json" }

// network renders Caliper's network configuration, version 2: every
// organisation with the identities of its node.
func network(n *topology.Network) object {
	var orgs []object
	for _, o := range n.Organisations {
		var certificates []object
		for _, r := range rounds(n) {
			if !r.calledBy(o.ID) {
				continue
			}
			dir := n.ClientDir(o.ID, string(r.role))
			certificates = append(certificates, object{
				"name":             r.role,
				"clientPrivateKey": object{"path": filepath.Join(dir, material.KeyFile)},
				"clientSignedCert": object{"path": filepath.Join(dir, material.CertFile)},
			})
		}
		if certificates == nil {
			continue
		}
		orgs = append(orgs, object{
			"mspid":             o.ID,
			"identities":        object{"certificates": unique(certificates)},
			"connectionProfile": object{"path": profileFile(o), "discover": false},
		})
	}
	return object{
		"name": n.Name, "version": "2.0.0",
		"caliper":       object{"blockchain": "fabric"},
		"channels":      []object{{"channelName": n.Channel, "contracts": []object{{"id": n.Chaincode}}}},
		"organizations": orgs,
	}
}

// unique drops identities that several rounds use.
func unique(certificates []object) []object {
	seen := map[any]bool{}
	var out []object
	for _, c := range certificates {
		if !seen[c["name"]] {
			seen[c["name"]] = true
			out = append(out, c)
		}
	}
	return out
}

// profile renders an organisation's connection profile. The connector uses its
// first peer.
func profile(n *topology.Network, o topology.Organisation) object {
	peers, names := object{}, []string{}
	for _, p := range o.Peers {
		names = append(names, p.Name)
		peers[p.Name] = object{
			"url":        "grpcs://" + topology.Address(p.Port),
			"tlsCACerts": object{"path": n.TLSRoot(o.ID)},
			// Without it the connector expects a certificate for the peer's name.
			"grpcOptions": object{"ssl-target-name-override": topology.Host},
		}
	}
	return object{
		"name": n.Name, "version": "1.0",
		"client":        object{"organization": o.ID},
		"organizations": object{o.ID: object{"mspid": o.ID, "peers": names}},
		"peers":         peers,
	}
}

// load is one round: who sends which transaction.
type load struct {
	module      string // below workload
	transaction string
	role        ledger.Role
	callers     []string // MSP ids
	reads       bool
}

func (l load) calledBy(org string) bool {
	for _, c := range l.callers {
		if c == org {
			return true
		}
	}
	return false
}

// rounds are the main writes that need nothing but the ledger itself, and one
// read. Anchors are left out: each must follow the one before it, with a proof.
func rounds(n *topology.Network) []load {
	var hospitals, makers, all []string
	for _, o := range n.Organisations {
		all = append(all, o.ID)
		switch o.Kind {
		case ledger.KindHospital:
			hospitals = append(hospitals, o.ID)
		case ledger.KindManufacturer:
			makers = append(makers, o.ID)
		}
	}
	return []load{
		{"threat.js", ledger.ThreatShare, ledger.RoleSharer, all, false},
		{"model.js", ledger.DeviceRegisterModel, ledger.RoleRegistrar, makers, false},
		{"score.js", ledger.RiskPublish, ledger.RoleScorer, hospitals, false},
		{"member.js", ledger.IdentityGet, ledger.RoleSharer, all, true},
	}
}

// benchmark renders Caliper's benchmark: a fixed number of transactions under
// way, for a fixed time.
func benchmark(n *topology.Network, o options) object {
	var out []object
	for _, r := range rounds(n) {
		out = append(out, object{
			"label":      strings.ReplaceAll(r.transaction, ":", "."),
			"txDuration": int(o.duration.Seconds()),
			"rateControl": object{"type": "fixed-load", "opts": object{
				"transactionLoad": o.concurrency, "startTps": o.concurrency,
			}},
			"workload": object{"module": filepath.ToSlash(filepath.Join("workload", r.module)), "arguments": object{
				"transaction": r.transaction, "role": r.role, "callers": r.callers, "readOnly": r.reads,
			}},
		})
	}
	return object{"test": object{
		"name": "secant", "workers": object{"number": o.workers}, "rounds": out,
	}}
}
