package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// signatory is what a node tells of one of the persons who sign.
type signatory struct {
	State, Link, Statement, Organisation, Commitment string
}

// agreed is what a node tells of a transaction that persons sign.
type agreed struct {
	ID, State string
	Says      []string
	Persons   []signatory
	Operation *struct {
		Problem *struct{ Code string }
	}
}

// TestTwoPersonsReleaseADeviceByTheirWallets: prepared at one hospital's node, signed
// by wallets of two organisations, one by a link and one from a file, and seen at
// every node. Others cannot sign beside them.
func TestTwoPersonsReleaseADeviceByTheirWallets(t *testing.T) {
	n := live(t)
	north, at := n.member(t, "hospital-north"), n.node(t, "hospital-north", "registrar")
	mine, theirs := &keeper{t, n, "releaser-north", ""}, &keeper{t, n, "releaser-authority", ""}
	var units struct {
		Items []struct {
			ID       string
			Revision int
		}
	}
	at.call(http.MethodGet, "/v1/units?owner=hospital-north&state=in_service&size=1", nil, &units)
	id := units.Items[0].ID
	do[ledger.Unit](t, north, ledger.RoleCustodian, ledger.DeviceQuarantine, ledger.QuarantineUnit{
		ID: id, Revision: units.Items[0].Revision, Reason: ledger.HoldMalfunction,
	})
	state := func(org string) string {
		var unit struct{ State string }
		n.node(t, org, "auditor").call(http.MethodGet, "/v1/units/"+id, nil, &unit)
		return unit.State
	}
	await(t, "the node to know of the quarantine", func() bool { return state("hospital-north") == ledger.StateQuarantined })

	var a agreed
	at.call(http.MethodPost, "/v1/units/"+id+"/release", map[string]any{}, &a)
	for _, p := range a.Persons {
		mark("a request for a signature", p.Link)
	}
	if out := mine.must("sign", "--yes", a.Persons[0].Link); !strings.Contains(out, "taken the signature") {
		t.Errorf("signing says %s", out)
	}
	// Neither the same person nor what was signed for something else counts beside it.
	mine.refused("the verifier refuses the answer", "sign", "--yes", a.Persons[1].Link)
	file := filepath.Join(t.TempDir(), "statement.json")
	_, b := at.do(http.MethodGet, a.Persons[1].Statement, "", nil)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if status, b := at.do(http.MethodPost, "/v1/agreements/"+a.ID+"/signatures", "application/json", []byte(mine.must("sign", "--yes", file))); status != http.StatusForbidden {
		t.Errorf("one person signs twice: %d %s", status, b)
	}
	var still agreed
	at.call(http.MethodGet, "/v1/agreements/"+a.ID, nil, &still)
	if still.State != "waiting" || still.Persons[0].State != "signed" || still.Persons[1].State != "waiting" {
		t.Errorf("after what was refused: %+v", still)
	}
	signed := []byte(theirs.must("sign", "--yes", file))
	mark("a signed statement", signed)
	if status, b := at.do(http.MethodPost, "/v1/agreements/"+a.ID+"/signatures", "application/json", signed); status != http.StatusOK {
		t.Fatalf("the other's signature: %d %s", status, b)
	}
	await(t, "the outcome", func() bool {
		at.call(http.MethodGet, "/v1/agreements/"+a.ID, nil, &a)
		return slices.Contains([]string{"done", "failed"}, a.State)
	})
	if a.State != "done" {
		t.Fatalf("it ended as %+v, %+v", a, a.Operation)
	}
	var history struct {
		Items []struct {
			Step    string
			Persons []ledger.PersonActed
		}
	}
	await(t, "another hospital's node to show who released it", func() bool {
		n.node(t, "hospital-south", "auditor").call(http.MethodGet, "/v1/units/"+id+"/history?size=1", nil, &history)
		return history.Items[0].Step == ledger.DeviceRelease && state("hospital-south") == ledger.StateInService
	})
	for i, p := range history.Items[0].Persons {
		if p.Organisation != a.Persons[i].Organisation || p.Statement != a.Persons[i].Commitment {
			t.Errorf("there it is %+v, here %+v", p, a.Persons[i])
		}
	}
	if len(history.Items[0].Persons) != 2 {
		t.Errorf("%d persons stand there", len(history.Items[0].Persons))
	}
	// It served once: the same file signs nothing more.
	if status, _ := at.do(http.MethodPost, "/v1/agreements/"+a.ID+"/signatures", "application/json", signed); status != http.StatusGone {
		t.Errorf("the same again: %d", status)
	}
}
