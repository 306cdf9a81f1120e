package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestHeldBackTransactionIsLate submits what was endorsed when the network
// started, by a member whose certificates stay. Its file sorts behind the others,
// so that the wait is filled with them.
func TestHeldBackTransactionIsLate(t *testing.T) {
	n := live(t)
	if wait := time.Until(held.at.Add(ledger.LateAfter + 5*time.Second)); wait > 0 {
		t.Logf("waiting %v more", wait.Round(time.Second))
		time.Sleep(wait)
	}
	prompt := n.share(t, "hospital-south") // vouches for the time that has passed
	tx, err := n.rawGateway(t, "medtech", "sharer").NewTransaction(held.endorsed)
	if err != nil {
		t.Fatal(err)
	}
	commit, err := tx.Submit()
	if err != nil {
		t.Fatal(details(err))
	}
	if status, err := commit.Status(); err != nil || !status.Successful {
		t.Fatalf("the held transaction did not commit: %v, %v", status, err)
	}
	for _, org := range []string{"hospital-north", "authority"} {
		c := n.node(t, org, "auditor")
		for digest, want := range map[string]bool{held.digest: true, prompt: false} {
			var threat struct {
				Late bool `json:"late"`
			}
			await(t, "the report at "+org, func() bool {
				status, b, err := c.try(http.MethodGet, "/v1/threats/"+digest, "", nil)
				return err == nil && status == http.StatusOK && json.Unmarshal(b, &threat) == nil
			})
			if threat.Late != want {
				t.Errorf("at %s: late is %v, want %v", org, threat.Late, want)
			}
		}
	}
}
