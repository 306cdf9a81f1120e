package app

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/rest"
)

// TestTheMonitorNamesAnAlteredByte: beside a node that works, one byte is changed in an
// object, a tile, the checkpoint and a row; each is an incident that names its part,
// until the byte is as it was. The node goes on taking readings.
func TestTheMonitorNamesAnAlteredByte(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for passes over all that is stored")
	}
	c := newConsortium(t)
	cfg := c.config("hospital-north")
	cfg.Pace.Audit = config.Duration(50 * time.Millisecond)
	maker, north := c.start(t, "medtech"), c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	model(maker)
	d := commission(t, maker, north, "SN-1")
	send := func(n int) {
		header, body := d.sign(t, fmt.Sprintf(`{"n":%d}`, n))
		if status, b := north.call("", http.MethodPost, "/v1/readings", body, header); status != http.StatusAccepted {
			t.Fatalf("%d %s", status, b)
		}
	}
	integrity := func() (v rest.Integrity) {
		north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/integrity", nil, &v)
		return v
	}
	for n := range 3 {
		send(n)
	}
	north.await("a pass over the readings", func() bool {
		v := integrity()
		return v.Last != nil && v.Last.Requests == 3 && v.Last.Signatures == 3 && v.Last.Anchored > 0
	})

	files := func(pattern string) string {
		all, err := filepath.Glob(filepath.Join(cfg.Data, pattern))
		if err != nil || len(all) == 0 {
			t.Fatalf("no file is %s: %v", pattern, err)
		}
		return all[len(all)-1]
	}
	found := func(what, part string) {
		north.await(what+" is found", func() bool {
			for _, i := range integrity().Incidents {
				if i.Part == part && i.Detail != "" && !strings.Contains(i.Detail, cfg.Data) {
					t.Logf("%s: %s", what, i.Detail)
					return true
				}
			}
			return false
		})
	}
	mended := func(what string) {
		north.await(what+" is in order again", func() bool { return len(integrity().Incidents) == 0 })
	}
	for _, damage := range []struct {
		what, file, part string
		at               int64
	}{
		{"an object", "vault/*.seg", partReadings, 250},
		{"a tile", "log/tree/tile/entries/000.p/*", partLog, 5},
		{"the checkpoint", "log/tree/checkpoint", partLog, 60},
	} {
		f, err := os.OpenFile(files(damage.file), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		flip := func() {
			b := make([]byte, 1)
			if _, err := f.ReadAt(b, damage.at); err != nil {
				t.Fatal(err)
			}
			b[0] ^= 1
			if _, err := f.WriteAt(b, damage.at); err != nil {
				t.Fatal(err)
			}
		}
		flip()
		found(damage.what, damage.part)
		if damage.part == partReadings {
			send(3) // the node takes more, and lists it
			north.await("it is listed", func() bool {
				var list fact.ReadingPage
				north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/units/"+d.id+"/readings", nil, &list)
				return len(list.Items) == 4
			})
		}
		flip()
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		mended(damage.what)
		// What is altered next is what a log of all four has, and not a tile or a
		// checkpoint that another takes the place of meanwhile.
		north.await("a pass over all four", func() bool { v := integrity(); return v.Last != nil && v.Last.LogEntries == 4 && v.Last.Anchored == 4 })
	}

	db, err := sql.Open("sqlite", "file:"+files("store/node.db")+"?_pragma=busy_timeout(20000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	change := func(from, to string) {
		done, err := db.ExecContext(t.Context(), "UPDATE unit SET doc = replace(doc, ?, ?)", from, to)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := done.RowsAffected(); err != nil || n != 1 {
			t.Fatal(n, err)
		}
	}
	change(`"lot":"L1"`, `"lot":"L2"`)
	found("a row", partReadModel)
	change(`"lot":"L2"`, `"lot":"L1"`)
	mended("a row")
}

// silent is a ledger whose peers send no blocks.
type silent struct{ Ledger }

func (silent) Follow(ctx context.Context, _ uint64, _ func(context.Context, *ledger.Block) error) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// TestPeersThatDoNotAnswerAreNoIncident, and do not stop the monitor: it says what it
// could not check.
func TestPeersThatDoNotAnswerAreNoIncident(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	cfg := c.config("hospital-north")
	cfg.Pace.Audit = config.Duration(time.Hour) // its own passes are not looked at
	north := c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	north.await("the first pass", func() bool { return north.node.monitor.Integrity().Last != nil })
	m := north.node.monitor
	m.audit.ledger, m.audit.blockWait = silent{m.audit.ledger}, 10*time.Millisecond
	m.pass(t.Context())
	v := m.Integrity()
	if len(v.Incidents) != 0 || len(v.Last.Skipped) != 1 || v.Last.Skipped[0] != partReadModel {
		t.Errorf("%+v %+v", v.Incidents, v.Last)
	}
}
