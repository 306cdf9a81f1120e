package app

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/config"
)

// TestADevicesReadingsAreListed: each request that was answered is found by its device,
// newest first, page by page and once; a node that lost its store lists them again.
func TestADevicesReadingsAreListed(t *testing.T) {
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north"), c.start(t, "medtech")
	model(maker)
	d, other := commission(t, maker, north, "SN-1"), commission(t, maker, north, "SN-2")
	var want []string
	send := func(from device, records ...string) {
		header, body := from.sign(t, records...)
		status, b := north.call("", http.MethodPost, "/v1/readings", body, header)
		var receipt struct{ ID string }
		if err := json.Unmarshal(b, &receipt); status != http.StatusAccepted || err != nil {
			t.Fatalf("%d %s", status, b)
		}
		if from.id == d.id {
			want = append([]string{receipt.ID}, want...)
		}
	}
	send(d, `{"a":1}`)
	send(other, `{"a":2}`)
	send(d, `{"a":3}`, `{"a":4}`)
	send(d, `{"a":5}`)

	list := func(query string) (p fact.ReadingPage) {
		north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/units/"+d.id+"/readings"+query, nil, &p)
		return p
	}
	all := func() (ids []string) {
		for p := list("?size=2"); ; p = list("?size=2&cursor=" + p.Next) {
			for _, r := range p.Items {
				ids = append(ids, r.ID)
			}
			if p.Next == "" {
				return ids
			}
		}
	}
	north.await("the readings are listed", func() bool { return len(all()) == len(want) })
	if diff := cmp.Diff(want, all()); diff != "" {
		t.Error(diff)
	}
	second := list("").Items[1]
	if second.Count != 2 || second.VouchedBy != "device" || second.Unit != d.id || second.LogIndex != 2 {
		t.Errorf("%+v", second)
	}
	if got := list("?until=" + second.Received.Format("2006-01-02T15:04:05.000Z07:00")).Items; len(got) != 1 || got[0].ID != want[2] {
		t.Errorf("until: %+v", got)
	}
	if got := list("?mediaType=application/hl7-v2").Items; len(got) != 0 {
		t.Errorf("of another type: %+v", got)
	}
	if status, _ := north.call("", http.MethodGet, "/v1/units/"+d.id+"/readings", nil, nil); status != http.StatusUnauthorized {
		t.Errorf("with no token: %d", status)
	}

	for _, lost := range []bool{false, true} {
		if err := north.stop(); err != nil {
			t.Fatal(err)
		}
		if lost {
			if err := os.RemoveAll(filepath.Join(north.cfg.Data, config.StoreFolder)); err != nil {
				t.Fatal(err)
			}
		}
		north = c.launch(t, "hospital-north", north.cfg, func(string) {}).ready()
		north.await("the readings are listed again", func() bool { return slices.Equal(all(), want) })
	}
}
