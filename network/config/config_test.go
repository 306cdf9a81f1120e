package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/secant-platform/secant/network/config"
	"github.com/secant-platform/secant/network/topology"
)

var update = flag.Bool("update", false, "rewrite golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-golden +now; -update rewrites it):\n%s", path, diff)
	}
}

func network(t *testing.T, dir string) *topology.Network {
	t.Helper()
	n, err := topology.New(dir, 7000)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRenderedConfigurations(t *testing.T) {
	t.Parallel()
	n := network(t, "/state")
	north := n.Organisations[0]
	peer, err := config.Peer(n, north, north.Peers[1])
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "peer1-hospital-north.golden.yaml", peer)
	orderer, err := config.Orderer(n, north)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "orderer-hospital-north.golden.yaml", orderer)
	channel, err := config.Channel(n)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "configtx.golden.yaml", channel)
}

// A directory may have any name; none may change what the file says.
func TestPathsOfAnyNameStayOneValue(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"/a b", `/it's: "quoted" #1`, "/[x], {y}", "/größe", `/back\slash`, "/%{x}"} {
		n := network(t, dir)
		o := n.Organisations[0]
		b, err := config.Peer(n, o, o.Peers[0])
		if err != nil {
			t.Fatal(err)
		}
		var core struct {
			Peer struct {
				FileSystemPath string `yaml:"fileSystemPath"`
				MSP            string `yaml:"mspConfigPath"`
				TLS            struct {
					Cert struct{ File string } `yaml:"cert"`
				} `yaml:"tls"`
			} `yaml:"peer"`
		}
		if err := yaml.Unmarshal(b, &core); err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		id := n.PeerIdentity(o.ID, o.Peers[0])
		got := []string{core.Peer.FileSystemPath, core.Peer.MSP, core.Peer.TLS.Cert.File}
		want := []string{config.PeerData(n.PeerDir(o.Peers[0].Name)), filepath.Join(id, "msp"), filepath.Join(id, "tls", "cert.pem")}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", dir, diff)
		}
		for _, render := range []func() ([]byte, error){
			func() ([]byte, error) { return config.Orderer(n, o) },
			func() ([]byte, error) { return config.Channel(n) },
		} {
			b, err := render()
			if err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal(b, &map[string]any{}); err != nil {
				t.Errorf("%s: %v", dir, err)
			}
		}
	}
}

// The consensus checks its members' votes against Writers: without the orderers
// among them no block is ever made.
func TestOrderersMayWriteWhereTheyVote(t *testing.T) {
	t.Parallel()
	n := network(t, "/state")
	b, err := config.Channel(n)
	if err != nil {
		t.Fatal(err)
	}
	type rule struct {
		Rule string `yaml:"Rule"`
	}
	type org struct {
		ID       string          `yaml:"ID"`
		Policies map[string]rule `yaml:"Policies"`
	}
	var tx struct {
		Profiles map[string]struct {
			Orderer struct {
				ConsenterMapping []struct {
					ID    int    `yaml:"ID"`
					MSPID string `yaml:"MSPID"`
				} `yaml:"ConsenterMapping"`
				Organizations []org `yaml:"Organizations"`
			} `yaml:"Orderer"`
			Application struct {
				Organizations []org `yaml:"Organizations"`
			} `yaml:"Application"`
		} `yaml:"Profiles"`
	}
	if err := yaml.Unmarshal(b, &tx); err != nil {
		t.Fatal(err)
	}
	p := tx.Profiles[config.Profile]
	if len(p.Orderer.ConsenterMapping) != 4 || len(p.Orderer.Organizations) != 4 || len(p.Application.Organizations) != 5 {
		t.Fatalf("%d consenters, %d ordering and %d application organisations",
			len(p.Orderer.ConsenterMapping), len(p.Orderer.Organizations), len(p.Application.Organizations))
	}
	for i, o := range p.Orderer.Organizations {
		if want := "OR('" + o.ID + ".orderer')"; o.Policies["Writers"].Rule != want {
			t.Errorf("%s writes by %q, want %q", o.ID, o.Policies["Writers"].Rule, want)
		}
		if c := p.Orderer.ConsenterMapping[i]; c.MSPID != o.ID || c.ID != i+1 {
			t.Errorf("consenter %d is %s, its organisation %s", c.ID, c.MSPID, o.ID)
		}
	}
	for _, o := range p.Application.Organizations {
		if want := "OR('" + o.ID + ".peer')"; o.Policies["Endorsement"].Rule != want {
			t.Errorf("%s endorses by %q, want %q", o.ID, o.Policies["Endorsement"].Rule, want)
		}
	}
}

func TestTuningReplacesTheBatchSettings(t *testing.T) {
	t.Parallel()
	type smart struct {
		Interval string `yaml:"RequestBatchMaxInterval"`
		Count    int    `yaml:"RequestBatchMaxCount"`
	}
	type orderer struct {
		BatchSize struct {
			MaxMessageCount int `yaml:"MaxMessageCount"`
		} `yaml:"BatchSize"`
		SmartBFT smart `yaml:"SmartBFT"`
	}
	rendered := func(tuning *topology.Tuning) orderer {
		n := network(t, "/state")
		n.Tuning = tuning
		b, err := config.Channel(n)
		if err != nil {
			t.Fatal(err)
		}
		var tx struct {
			Profiles map[string]struct {
				Orderer orderer `yaml:"Orderer"`
			} `yaml:"Profiles"`
		}
		if err := yaml.Unmarshal(b, &tx); err != nil {
			t.Fatal(err)
		}
		return tx.Profiles[config.Profile].Orderer
	}
	if diff := cmp.Diff(rendered(nil), rendered(&topology.Tuning{Peer: []string{"GOGC=200"}})); diff != "" {
		t.Errorf("a tuning without batch settings changes them: %s", diff)
	}
	got := rendered(&topology.Tuning{BatchInterval: "75ms", BatchCount: 7})
	if got.BatchSize.MaxMessageCount != 7 || got.SmartBFT != (smart{"75ms", 7}) {
		t.Errorf("%+v", got)
	}
}
