package config

import (
	"strings"
	"testing"
)

func TestFaultsOfSourcesAreListed(t *testing.T) {
	t.Parallel()
	c := Config{
		Sources: []IntelligenceSource{
			{Name: "ids", Format: "eve", File: "eve.json"},
			{Name: "ids", Format: "eve", File: "a", Directory: "b"},
			{Name: "A", Directory: "b"},
			{Name: "feed", Format: "eve", HTTP: &WebSource{URL: "http://feed.example"}, Every: 1},
			{Name: "fw", Format: "syslog", Syslog: &SyslogSource{Listener: Listener{Listen: "0.0.0.0:514"}}},
		},
		Kept: Kept{Age: 1},
		Forward: []Forward{
			{Name: "siem", Address: "tls://siem.example:6514", Roots: "ca.pem"},
			{Name: "b", Address: "udp://siem.example:514"},
			{Name: "c", Address: "siem.example"},
			{Name: "d", Address: "tcp://127.0.0.1:514", Severity: 10_001},
			{Name: "e", Address: "tcp://127.0.0.1:514", Form: "xml"},
			{Name: "f", Address: "tcp://127.0.0.1:514", Form: "leef"},
		},
	}
	got := strings.Join(c.collectFaults(), "\n")
	for _, want := range []string{
		"sources[1].name must be", "sources[1] needs exactly one", "sources[2].name must be", "sources[2].format is required", "sources[3].every", "sources[3].url must be",
		"sources[4].syslog is reachable from outside", "sources[4].syslog.sources must hold", "kept:", "forward[1].address is not on this machine", "forward[2].address must be", "forward[3].severity", "forward[4].form",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not among the faults", want)
		}
	}
	if strings.Contains(got, "sources[0]") || strings.Contains(got, "forward[0]") || strings.Contains(got, "forward[5]") {
		t.Errorf("what is in order is a fault:\n%s", got)
	}
}
