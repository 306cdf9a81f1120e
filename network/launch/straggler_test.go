package launch

import (
	"strings"
	"testing"
)

func TestOrderersThatDoNotKeepUpAreUnhealthy(t *testing.T) {
	t.Parallel()
	all := []Process{
		{Name: "orderer-a", Kind: "orderer", State: Running, Height: 443},
		{Name: "orderer-b", Kind: "orderer", State: Running, Height: 155},
		{Name: "orderer-c", Kind: "orderer", State: Running, Height: 443 - farBehind},
		{Name: "orderer-d", Kind: "orderer", State: Stopped},
		{Name: "peer0-a", Kind: "peer", State: Running, Height: 1}, // a peer that joins fetches the channel
		{Name: "node-a", Kind: "node", State: Running},
	}
	stragglers(all)
	for _, p := range all {
		want := p.Name == "orderer-b"
		if got := p.State == Unhealthy; got != want {
			t.Errorf("%s is %s", p.Name, p.State)
		}
		if want && (!strings.Contains(p.Reason, "155 of 443") || !strings.Contains(p.Reason, "secant stop orderer-b")) {
			t.Errorf("it says %q", p.Reason)
		}
	}
	few := []Process{{Name: "orderer-a", Kind: "orderer", State: Running, Height: 3}, {Name: "orderer-b", Kind: "orderer", State: Running}}
	stragglers(few)
	if few[1].State != Running {
		t.Errorf("a young channel's orderer is %s", few[1].State)
	}
}
