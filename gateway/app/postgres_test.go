package app

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

// TestANodesStoreIsOnPostgreSQL: a node serves from there what it projected, and goes on
// after it was stopped; a second node is told that the database is taken; nothing of the
// store is in the data folder.
func TestANodesStoreIsOnPostgreSQL(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	maker := c.start(t, "medtech")
	model(maker)
	cfg := c.config("hospital-north")
	place, remove := storetest.Database(t)
	t.Cleanup(remove)
	cfg.Store = place
	north := c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	d := commission(t, maker, north, "SN-1")
	header, body := d.sign(t, `{"a":1}`)
	if status, b := north.call("", http.MethodPost, "/v1/readings", body, header); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, b)
	}
	listed := func(n *running) {
		t.Helper()
		n.await("the reading in the list", func() bool {
			var page struct{ Items []any }
			n.want(http.StatusOK, "auditor", http.MethodGet, "/v1/units/"+d.id+"/readings", nil, &page)
			return len(page.Items) == 1
		})
	}
	listed(north)
	if _, err := store.Open(t.Context(), place, store.Options{}); ledger.CodeOf(err) != ledger.CodeBusy {
		t.Errorf("a second node is told %v", err)
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(cfg.Data, config.StoreFolder)); !os.IsNotExist(err) {
		t.Errorf("there is a store in the data folder: %v", err)
	}
	listed(c.launch(t, "hospital-north", cfg, func(string) {}).ready())
}
