package chaincode_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

const (
	north = "hospital-north"
	south = "hospital-south"
	maker = "medtech"
)

// right says who may do what: a role (empty: any member reads; "any": any role),
// and the organisations that may, of those with that role (nil: all).
type right struct {
	role    ledger.Role
	orgs    []string
	request func(*scene) any
}

const (
	anyRole ledger.Role = "any"
	several ledger.Role = "several" // orgs holds who may, each as "role@organisation"
)

// scene is a seeded ledger on which each transaction can succeed.
type scene struct {
	*statetest.Ledger
	members
	devices
	assessments
	words
	relay      *statetest.Relay // of the body "relayed"
	log, fork  *statetest.Log
	succession ledger.SucceedStream // of north's stream, approved
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{Ledger: newLedger(t), log: statetest.NewLog("secant/test/hospital-north")}
	s.log.Grow(8)
	s.fork = s.log.Fork()
	s.members = newMembers(t, s.Ledger)
	s.devices = newDevices(t, s.Ledger)
	s.assessments = newAssessments(t, s.Ledger, s.devices)
	anchorer := s.Client(north, ledger.RoleAnchorer)
	for _, p := range []statetest.Proposal{
		{Client: anchorer, Name: ledger.AnchorOpen, Request: ledger.OpenStream{Verifier: s.log.Verifier}},
		{Client: anchorer, Name: ledger.AnchorCommit, Request: ledger.CommitAnchor{Stream: s.stream(), Checkpoint: s.log.Checkpoint(4)}},
		{Client: s.Client(north, ledger.RoleSharer), Name: ledger.ThreatShare, Request: share("shared")},
		{Client: s.Client(north, ledger.RoleSharer), Name: ledger.ThreatShare, Request: share("withdrawn")},
		{Client: s.Client(north, ledger.RoleSharer), Name: ledger.ThreatWithdraw, Request: ledger.WithdrawThreat{Digest: share("withdrawn").Digest, Reason: ledger.WithdrawnError}},
		{Client: s.Client(north, ledger.RoleScorer), Name: ledger.RiskPublish, Request: score("published")},
	} {
		statetest.Want(t, "", s.Submitted(t, p, nil))
	}
	s.words = newWords(t, s.Ledger)
	s.relay = newRelayed(t, s.Ledger)
	s.succession = newSuccession(t, s.Ledger, s.stream())
	return s
}

// newLedger is a seeded ledger with another manufacturer on it.
func newLedger(t *testing.T) *statetest.Ledger {
	t.Helper()
	l, err := statetest.Open(statetest.Options{Organisations: append(statetest.Organisations(), otherMaker)})
	if err == nil {
		err = l.Seed()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Check(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// signed is a request to which persons agree.
type signed struct {
	statetest.Order
	persons []*statetest.Person
}

// call is the proposal of a transaction that can succeed, as far as its request
// goes.
func (s *scene) call(name string) statetest.Proposal {
	p := statetest.Proposal{Name: name, Request: rights[name].request(s)}
	if o, ok := p.Request.(signed); ok {
		o.Name = name
		p.Request, p.Transient = o.Request, s.Agreed(o.Order, o.persons...)
	}
	return p
}

func (s *scene) stream() string { return ledger.StreamID(s.log.Verifier) }

func share(body string) ledger.ShareThreat {
	return ledger.ShareThreat{Digest: ledger.BodyDigest([]byte(body)), Marking: ledger.TLPClear, MediaType: ledger.MediaTypeSTIX, Size: int64(len(body))}
}

func score(inputs string) ledger.PublishScore {
	return ledger.PublishScore{Subject: statetest.SeededUnit(north), Model: "m/1", InputDigest: ledger.BodyDigest([]byte(inputs))}
}

// rights is the whole matrix; each contract's part stands in its own file.
var rights = joined(identityRights, deviceRights, anchorRights, threatRights, riskRights, complianceRights, taxonomyRights)

func joined[V any](parts ...map[string]V) map[string]V {
	all := map[string]V{}
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

// may reports whether the rights allow this caller.
func (r right) may(org string, role ledger.Role) bool {
	switch r.role {
	case "":
		return true
	case anyRole:
		return role != ""
	case several:
		return slices.Contains(r.orgs, string(role)+"@"+org)
	}
	return role == r.role && (r.orgs == nil || slices.Contains(r.orgs, org))
}

func TestEveryTransactionHasItsRights(t *testing.T) {
	t.Parallel()
	for _, name := range ledger.Names {
		if _, known := rights[name]; !known {
			t.Errorf("%s is not in the access matrix", name)
		}
	}
	if len(rights) != len(ledger.Names) {
		t.Error("the access matrix has a transaction that does not exist")
	}
	for name, r := range rights {
		if r.role == "" != slices.Contains(ledger.Evaluations, name) {
			t.Errorf("%s: whoever only reads needs no role, whoever writes does", name)
		}
	}
}

// TestAccessMatrix tries every transaction with every caller: each is denied, or
// succeeds, just as the rights say. Only simulated: nothing changes in between.
// With -v it prints what was expected and seen.
func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	var m matrix
	for _, name := range ledger.Names {
		r := rights[name]
		for _, role := range append([]ledger.Role{"", "superuser"}, ledger.Roles...) {
			var cells []cell
			for _, org := range statetest.Organisations() {
				p := s.call(name)
				p.Client = s.Client(org, role)
				sim, err := s.Simulate(p)
				if err != nil {
					t.Fatal(err)
				}
				c := cell{want: ledger.CodeDenied, seen: ledger.CodeOf(sim.Err())}
				if known := slices.Contains(ledger.Roles, role); r.may(org, role) && (known || r.role == "") {
					c.want = ""
				}
				// An organisation may always ask for its own row; that fails otherwise, or
				// writes that row.
				if c.want == ledger.CodeDenied && role == r.role && ownsItsOwn(name) {
					c.own = true
					onlyOwn(t, org, sim)
				}
				if c.wrong() {
					t.Errorf("%s by %s as %q: %q, want %q (%v)", name, org, role, c.seen, c.want, sim.Err())
				}
				if sim.Err() != nil && (len(sim.Writes) > 0 || sim.Event != nil) {
					t.Errorf("%s by %s as %q was refused and wrote", name, org, role)
				}
				cells = append(cells, c)
			}
			m.add(name, role, cells)
		}
	}
	t.Logf("who may do what, as expected and seen:\n%s", m.table())
}

// ownsItsOwn reports whether a transaction concerns the caller's organisation
// whoever it is, so that no organisation is the wrong one.
func ownsItsOwn(name string) bool {
	return name == ledger.IdentityRegister || name == ledger.ThreatWithdraw
}

func TestNobodyMayDoAnything(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for what, creator := range nobodies(t, s) {
		for name := range rights {
			p := s.call(name)
			p.Creator = creator
			sim, err := s.Simulate(p)
			if err != nil {
				t.Fatal(err)
			}
			if ledger.CodeOf(sim.Err()) != ledger.CodeDenied || len(sim.Writes) > 0 {
				t.Errorf("%s by %s: %v", name, what, sim.Err())
			}
		}
	}
}

// TestARowIsTheCallersOwn: what another organisation sends under the role that
// register and open need ends in its own row, or in none.
func TestARowIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, name := range []string{ledger.IdentityRegister, ledger.AnchorOpen} {
		r := rights[name]
		for _, org := range statetest.Organisations() {
			sim, err := s.Simulate(statetest.Proposal{Client: s.Client(org, r.role), Name: name, Request: r.request(s)})
			if err != nil {
				t.Fatal(err)
			}
			onlyOwn(t, org, sim)
		}
	}
}

// onlyOwn wants what was written to stand under the organisation's name, but for a
// stream, which stands under its key's.
func onlyOwn(t *testing.T, org string, sim *statetest.Simulation) {
	t.Helper()
	for _, w := range sim.Writes {
		key, _ := ledger.ParseKey(w.Key)
		if key.Type != ledger.TypeStream && !slices.Contains(key.Parts, org) {
			t.Errorf("%s by %s wrote %v", sim.Name, org, key)
		}
	}
}
