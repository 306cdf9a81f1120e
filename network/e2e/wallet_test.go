package e2e

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/topology"
)

// keeper is a person with a wallet, who knows no more than its command.
type keeper struct {
	tb        testing.TB
	n         *network
	wallet    string
	reference string // of the credential at its issuer
}

// keeper makes a wallet for a new person.
func (n *network) keeper(tb testing.TB) *keeper {
	tb.Helper()
	k := &keeper{tb, n, "e2e-" + rand.Text()[:8], "e2e-" + rand.Text()}
	k.must("create", "--key-file", filepath.Join(n.dir, "wallets", "wallet.key"))
	return k
}

// run runs a subcommand on the wallet.
func (k *keeper) run(args ...string) (string, error) {
	return k.n.run(k.tb.Context(), append([]string{"wallet", "--name", k.wallet}, args...)...)
}

func (k *keeper) must(args ...string) string {
	k.tb.Helper()
	out, err := k.run(args...)
	if err != nil {
		k.tb.Fatalf("secant wallet %s: %v\n%s", args[0], err, out)
	}
	return out
}

// refused wants a subcommand to fail, and its output to hold a text.
func (k *keeper) refused(text string, args ...string) {
	k.tb.Helper()
	if out, err := k.run(args...); err == nil || !strings.Contains(out, text) {
		k.tb.Errorf("secant wallet %s: %v, want %q in\n%s", strings.Join(args, " "), err, text, out)
	}
}

// receive has an organisation offer a credential, and the wallet take it.
func (k *keeper) receive(org, kind string, claims map[string]any) {
	k.tb.Helper()
	given, family, number := "Oddny-"+rand.Text(), "Halvorsen-"+rand.Text(), "N-"+rand.Text()
	mark("a person's name", given, family)
	mark("a person's number", number)
	claims["given_name"], claims["family_name"] = given, family
	if kind == topology.CredentialPatient {
		claims["birthdate"], claims["patient_number"] = "1969-11-23", number
	} else {
		claims["organisation"], claims["staff_number"] = org, number
	}
	var made struct{ Link string }
	k.n.node(k.tb, org, "registrar").call(http.MethodPost, "/v1/credentials/offers", map[string]any{
		"type": kind, "claims": claims, "formats": []string{"dc+sd-jwt"}, "reference": k.reference,
	}, &made)
	mark("an offer of a credential", made.Link)
	k.must("receive", "--yes", made.Link)
}

// enter signs in at an organisation's node.
func (k *keeper) enter(org string) string {
	k.tb.Helper()
	return k.must("sign-in", "--yes", k.n.public(k.tb, org))
}

// public is the address of a node for those outside.
func (n *network) public(tb testing.TB, org string) string {
	tb.Helper()
	top, err := topology.Load(n.dir)
	if err != nil {
		tb.Fatal(err)
	}
	o, ok := top.Organisation(org)
	if !ok {
		tb.Fatalf("there is no %s", org)
	}
	return o.Node.PublicURL()
}

// setStatus has an organisation change the status of the person's credential.
func (k *keeper) setStatus(org, status string) {
	k.tb.Helper()
	registrar := k.n.node(k.tb, org, "registrar")
	var issued struct{ Items []struct{ ID string } }
	registrar.call(http.MethodGet, "/v1/credentials?reference="+k.reference, nil, &issued)
	if len(issued.Items) != 1 {
		k.tb.Fatalf("%d credentials have the reference", len(issued.Items))
	}
	registrar.call(http.MethodPost, "/v1/credentials/"+issued.Items[0].ID+"/status", map[string]string{"status": status}, nil)
}

// TestTheFirstDayOfANurseAndAPatient: credentials are offered and received, people
// sign in by them and do what their roles allow; a credential is suspended and
// revoked, and an issuer struck off by the members, both felt by sessions under way.
func TestTheFirstDayOfANurseAndAPatient(t *testing.T) {
	n := live(t)
	const north, south, east = "hospital-north", "hospital-south", "hospital-east"
	nurse, patient := n.keeper(t), n.keeper(t)
	nurse.receive(north, topology.CredentialStaff, map[string]any{"role": "nurse"})
	patient.receive(north, topology.CredentialPatient, map[string]any{})
	if out := nurse.enter(north); !strings.Contains(out, "as nurse until") {
		t.Errorf("signing in says %s", out)
	}
	if out := patient.enter(north); !strings.Contains(out, "as patient until") {
		t.Errorf("signing in says %s", out)
	}

	// What the roles allow, and what not.
	var units struct{ Items []struct{ ID string } }
	if out := nurse.must("call", "GET", "/v1/units?size=1"); json.Unmarshal([]byte(out), &units) != nil || len(units.Items) != 1 {
		t.Errorf("the nurse sees %s", out)
	}
	patient.must("call", "GET", "/v1/session")
	nurse.refused("403", "call", "GET", "/v1/credentials")
	nurse.refused("403", "call", "POST", "/v1/credentials/offers", "--data", "network/e2e/wallet_test.go")
	patient.refused("403", "call", "GET", "/v1/units")
	// A nurse is one at the own hospital only: there, the presentation is taken and
	// gives no session.
	nurse.refused("of another organisation", "sign-in", "--yes", n.public(t, south))

	// Suspended, reinstated, revoked: the session under way ends with the answer.
	nurse.setStatus(north, "suspended")
	nurse.refused("401", "call", "GET", "/v1/units?size=1")
	nurse.setStatus(north, "valid")
	nurse.must("call", "GET", "/v1/units?size=1")
	nurse.setStatus(north, "revoked")
	nurse.refused("401", "call", "GET", "/v1/units?size=1")
	nurse.refused("the verifier refuses the answer", "sign-in", "--yes", n.public(t, north))
	await(t, "the other hospital's node to refuse the presentation", func() bool {
		out, err := nurse.run("sign-in", "--yes", n.public(t, south))
		return err != nil && strings.Contains(out, "the verifier refuses the answer")
	})
	patient.must("call", "GET", "/v1/session") // another's credential changes nothing
	patient.must("sign-out")
	patient.refused("sign in", "call", "GET", "/v1/session")

	// The members strike an issuer off, for patients; no node is started anew.
	other := n.keeper(t)
	other.receive(east, topology.CredentialPatient, map[string]any{})
	other.enter(east)
	other.must("call", "GET", "/v1/session")
	issuer := ledger.ProposalSubject{Issuer: ledger.IssuerDID(networkName, east, "credentials"), CredentialType: topology.CredentialPatient}
	members := []*member{n.member(t, north), n.member(t, south), n.member(t, "medtech")}
	n.decide(t, ledger.ProposeStrikeIssuer, issuer, members...)
	await(t, "the session to end with its issuer", func() bool {
		out, err := other.run("call", "GET", "/v1/session")
		return err != nil && strings.Contains(out, "401")
	})
	other.refused("the verifier refuses the answer", "sign-in", "--yes", n.public(t, east))
	// Accepted again, so that the network is as it was.
	issuer.Schema = "1.0.0"
	n.decide(t, ledger.ProposeAcceptIssuer, issuer, members...)
	await(t, "the session to go on", func() bool {
		_, err := other.run("call", "GET", "/v1/session")
		return err == nil
	})
	other.must("sign-out", "--everywhere")
}

// TestUpTellsHowToSignIn runs the commands that up prints, as they are printed.
func TestUpTellsHowToSignIn(t *testing.T) {
	n := live(t)
	ran := 0
	for line := range strings.Lines(n.secant(t, "up")) {
		if !strings.Contains(line, " wallet sign-") && !strings.Contains(line, " wallet call ") || !strings.HasPrefix(line, "  ") {
			continue
		}
		begin := time.Now()
		c := exec.CommandContext(t.Context(), "sh", "-c", line)
		c.Dir = filepath.Join("..", "..")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
		t.Logf("%v: %s", time.Since(begin).Round(time.Millisecond), line)
		ran++
	}
	if ran != 8 {
		t.Errorf("%d commands were printed, want one for each of six people, a call and a sign-out", ran)
	}
}
