package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/client"
)

// The advisory and the bill of materials of the script, as their publishers wrote
// them.
const (
	scriptAdvisory = "cti/csaf-icsma/icsma-18-235-01.json" // CISA, on syringe pumps
	scriptFlaw     = "CVE-2018-14786"
	scriptBill     = "cti/scanners/cyclonedx/issue_9277.json" // what a scanner found in an image of Ubuntu
	affectedBy     = "2.3.6"                                  // "versions 2.3.6 and prior"
	mended         = "2.4.0"
)

// pumps is a model with its units in three hospitals.
type pumps struct {
	t         *testing.T
	n         *network
	di        string
	affected  map[string]map[string]bool // by owner: ids of units of the release that the advisory names
	sound     string                     // a unit of hospital-north about which everything is stated
	assessor  *keeper
	authority *client.Client
}

var scriptWards = []string{"hospital-north", "hospital-south", "hospital-east"}

// client calls an organisation's node in a role.
func (n *network) client(tb testing.TB, org, role string) *client.Client {
	tb.Helper()
	c, err := client.New(n.node(tb, org, "").url, client.WithTokenFile(filepath.Join(n.dir, "nodes", org, "tokens", role+".jwt")), client.WithPatience(patience))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// TestAnAdvisoryReachesThreeHospitalsAndIsMended goes the way of a real advisory from
// its import to the units that it concerns in three hospitals, quarantine, the maker's
// word, release by two persons and a certificate that is issued anew; and has the
// report of the device read as a picture.
func TestAnAdvisoryReachesThreeHospitalsAndIsMended(t *testing.T) {
	n := live(t)
	advisory, err := os.ReadFile(filepath.Join(*dataDir, filepath.FromSlash(scriptAdvisory)))
	bill, noBill := os.ReadFile(filepath.Join(*dataDir, filepath.FromSlash(scriptBill)))
	if err := errors.Join(err, noBill); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("NOT CHECKED: no real advisory and bill of materials (%v)", err)
	} else if err != nil {
		t.Fatal(err)
	}
	p := &pumps{t: t, n: n, di: gtin(), authority: n.client(t, "authority", "certifier")}
	p.adopt()
	p.announce(bill)
	p.deliver()
	first := p.certify("the first certificate")
	p.serve()

	matches := p.warn(advisory)
	p.quarantine()
	p.mend(matches)
	p.release()
	second := p.certify("the certificate after the advisory")
	p.reissued(first, second)
	p.picture()
}

// warn imports the advisory at each hospital, where a person confirms that the
// product is the model. It returns the advisory's id at each, which is at once known
// to concern the hospital's own units of the release, and no others.
func (p *pumps) warn(advisory []byte) map[string]string {
	t, ctx := p.t, p.t.Context()
	t.Helper()
	ids := map[string]string{}
	for _, org := range scriptWards {
		manager := p.n.client(t, org, "risk-manager")
		begin := time.Now()
		got, err := manager.ImportAdvisory(ctx, advisory)
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %+v %v", org, got, err)
		}
		ids[org] = got[0].ID
		units := p.concerned(manager, got[0].ID, "")
		named := time.Since(begin)
		if len(units) != len(p.affected[org]) {
			t.Fatalf("%s sees %d units, of which it has %d", org, len(units), len(p.affected[org]))
		}
		// The network's maker is not the advisory's vendor, so that a person has to say so.
		if units[0].MatchState != "possible" {
			t.Errorf("%s takes another vendor's product for its own: %s", org, units[0].MatchState)
		}
		if _, err := manager.DecideMatch(ctx, units[0].Match, client.Decision{Verdict: "confirmed", Note: "as the type plate says"}); err != nil {
			t.Fatal(err)
		}
		units = p.concerned(manager, got[0].ID, "affected")
		for _, u := range units {
			if !p.affected[org][u.Unit] || u.Owner != org || u.Release != affectedBy || len(u.Actions) == 0 || u.Actions[0].Category != "vendor_fix" {
				t.Fatalf("%s: %+v", org, u)
			}
		}
		if len(units) != len(p.affected[org]) {
			t.Errorf("%s has %d affected units, want %d", org, len(units), len(p.affected[org]))
		}
		t.Logf("%s knows its %d units %v after the advisory came, and that they are affected, confirmed and with what to do, after %v",
			org, len(units), named.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
		if named > 10*time.Second {
			t.Errorf("it took %v", named)
		}
	}
	return ids
}

// concerned lists the model's units that an advisory concerns.
func (p *pumps) concerned(at *client.Client, advisory, state string) []client.Affected {
	p.t.Helper()
	var units []client.Affected
	for u, err := range at.AffectedUnits(p.t.Context(), advisory, client.AffectedFilter{DI: p.di, State: state}) {
		if err != nil {
			p.t.Fatal(err)
		}
		units = append(units, u)
	}
	return units
}

// quarantine is a person's of the owner; nothing does that by itself.
func (p *pumps) quarantine() {
	t := p.t
	t.Helper()
	north := p.n.client(t, "hospital-north", "registrar")
	u, err := north.Unit(t.Context(), p.sound)
	if err != nil || u.OwnState() != ledger.StateInService {
		t.Fatalf("after the advisory: %+v %v", u, err)
	}
	p.n.secant(t, "ledger", ledger.DeviceQuarantine, fmt.Sprintf(`{"id":%q,"revision":%d,"reason":%q}`, u.ID, u.Revision, ledger.HoldCompromised), "--as", "hospital-north:custodian")
	for _, org := range scriptWards {
		auditor := p.n.client(t, org, "auditor")
		await(t, "the quarantine to be known at "+org, func() bool {
			s, err := auditor.Standing(t.Context(), p.sound)
			return err == nil && s.State == ledger.StateQuarantined
		})
	}
}

// mend has the maker say, over the ledger, that the release is not affected after
// all, which takes the units off each hospital's list.
func (p *pumps) mend(advisories map[string]string) {
	t, ctx := p.t, p.t.Context()
	t.Helper()
	vex := fmt.Sprintf(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://medtech.example/vex/%s","author":"MedTech","timestamp":%q,"version":1,
		"statements":[{"vulnerability":{"name":%q},"products":[{"@id":"pkg:generic/%s@%s"}],"status":"not_affected","justification":"vulnerable_code_not_in_execute_path",
		"impact_statement":"These pumps are used in their docking station only."}]}`, p.di, time.Now().UTC().Format(time.RFC3339), scriptFlaw, p.di, affectedBy)
	begin := time.Now()
	if _, err := p.n.client(t, "medtech", "analyst").ShareVEX(ctx, []byte(vex), ledger.TLPGreen); err != nil {
		t.Fatal(err)
	}
	for _, org := range scriptWards {
		manager := p.n.client(t, org, "risk-manager")
		var cleared []client.Affected
		await(t, "the maker's word at "+org, func() bool {
			cleared = p.concerned(manager, advisories[org], "not_affected")
			return len(cleared) == len(p.affected[org])
		})
		if left := p.concerned(manager, advisories[org], ""); len(left) > 0 {
			t.Errorf("%s: %d units are still on the list", org, len(left))
		}
		if v := cleared[0].Vulnerabilities; len(v) != 1 || v[0].ID != scriptFlaw || v[0].Justification != "vulnerable_code_not_in_execute_path" || v[0].Document == "" {
			t.Errorf("%s: %+v", org, v)
		}
	}
	t.Logf("the maker's word changed the list of three hospitals after %v", time.Since(begin).Round(time.Millisecond))
}

// release is two persons', of two organisations.
func (p *pumps) release() {
	t, ctx := p.t, p.t.Context()
	t.Helper()
	north := p.n.client(t, "hospital-north", "registrar")
	a, err := north.RequestRelease(ctx, p.sound, "")
	if err != nil {
		t.Fatal(err)
	}
	mine, theirs := &keeper{t, p.n, "releaser-north", ""}, &keeper{t, p.n, "releaser-authority", ""}
	mark("a request for a signature", a.Persons[0].Link)
	mine.must("sign", "--yes", a.Persons[0].Link)
	statement, err := north.Statement(ctx, a.ID, 2)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "statement.json")
	if err := os.WriteFile(file, statement, 0o600); err != nil {
		t.Fatal(err)
	}
	signed := []byte(theirs.must("sign", "--yes", file))
	mark("a signed statement", signed)
	if _, err := north.Sign(ctx, a.ID, signed); err != nil {
		t.Fatal(err)
	}
	if _, err := north.WaitAgreement(ctx, a.ID); err != nil {
		t.Fatal(err)
	}
	for _, org := range []string{"hospital-north", "authority"} {
		auditor := p.n.client(t, org, "auditor")
		await(t, "the release to be known at "+org, func() bool {
			u, err := auditor.Unit(ctx, p.sound)
			return err == nil && u.OwnState() == ledger.StateInService
		})
	}
	for c, err := range north.History(ctx, p.sound) {
		if err != nil {
			t.Fatal(err)
		}
		if c.Step == ledger.DeviceRelease {
			orgs := []string{}
			for _, person := range c.Persons {
				orgs = append(orgs, person.Organisation)
			}
			if slices.Sort(orgs); !slices.Equal(orgs, []string{"authority", "hospital-north"}) {
				t.Errorf("it was released by persons of %v", orgs)
			}
			return
		}
	}
	t.Error("the history does not tell of the release")
}
