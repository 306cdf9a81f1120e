package chaincode_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// call simulates a transaction with arguments as they are.
func call(t *testing.T, s *scene, name string, args ...string) *statetest.Simulation {
	t.Helper()
	if args == nil {
		args = []string{}
	}
	sim, err := s.Simulate(statetest.Proposal{Client: s.Client(north, ledger.RoleRegistrar), Name: name, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return sim
}

const valid = `{"name":"N","kind":"hospital","endpoint":"http://n.example","tokenKey":"` +
	`0000000100000000000000000000000000000000000000000000000000000000","revision":2}`

func TestNamesAreSpelledExactly(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	statetest.Want(t, "", call(t, s, ledger.IdentityRegister, valid).Err())
	for _, name := range []string{
		"identity:register", // would reach Register without its schema
		"Register",          // would reach the first contract
		"register", "Get",
		"identity:GetEvaluateTransactions", "identity:GetBeforeTransaction", "identity:GetName", // promoted
		"identity:begin", "identity:Begin", "identity:SetStub", "identity:",
		"identity::Register", " identity:Register", "identity:Register ", "Identity:Register",
		"", ":", "identity", "identity:Register\x00",
	} {
		sim := call(t, s, name, valid)
		if sim.Err() == nil || len(sim.Writes) > 0 || len(sim.Reads) > 0 {
			t.Errorf("%q was answered with %d %s", name, sim.Status, sim.Payload)
		}
	}
}

func TestATransactionTakesOneRequest(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	statetest.Want(t, ledger.CodeInvalid, call(t, s, ledger.IdentityRegister).Err())
	statetest.Want(t, ledger.CodeInvalid, call(t, s, ledger.IdentityRegister, valid, "{}").Err())
	statetest.Want(t, ledger.CodeInvalid, call(t, s, ledger.IdentityList, "{}", "").Err())
}

func TestARequestIsBounded(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	padded := func(n int) string { return valid[:len(valid)-1] + strings.Repeat(" ", n-len(valid)) + "}" }
	statetest.Want(t, "", call(t, s, ledger.IdentityRegister, padded(ledger.MaxRequest)).Err())
	statetest.Want(t, ledger.CodeTooLarge, call(t, s, ledger.IdentityRegister, padded(ledger.MaxRequest+1)).Err())
}

func TestARequestHasItsFormAndIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	const marked = "marked-secret"
	for what, arg := range map[string]string{
		"no JSON":               marked,
		"nothing":               "",
		"null":                  "null",
		"an array":              `["` + marked + `"]`,
		"a string":              `"` + marked + `"`,
		"a field more":          valid[:len(valid)-1] + `,"` + marked + `":1}`,
		"a field less":          strings.Replace(valid, `"kind":"hospital",`, "", 1),
		"another case":          strings.Replace(valid, `"kind"`, `"Kind"`, 1),
		"another type":          strings.Replace(valid, `"revision":2`, `"revision":"`+marked+`"`, 1),
		"a fraction":            strings.Replace(valid, `"revision":2`, `"revision":2.5`, 1),
		"a number out of range": strings.Replace(valid, `"revision":2`, `"revision":99999999999999999999`, 1),
		"a null field":          strings.Replace(valid, `"N"`, `null`, 1),
		"more after it":         valid + valid,
		"very deep":             strings.Repeat(`{"name":`, 5000) + "1" + strings.Repeat("}", 5000),
		"an unfinished object":  valid[:20],
		"a field twice":         strings.Replace(valid, `"revision":2`, `"revision":3,"revision":2`, 1),
		"invalid UTF-8":         strings.Replace(valid, `"N"`, "\"\xff\"", 1),
	} {
		sim := call(t, s, ledger.IdentityRegister, arg)
		if ledger.CodeOf(sim.Err()) != ledger.CodeInvalid {
			t.Errorf("%s: %v", what, sim.Err())
		}
		if strings.Contains(sim.Message, marked) {
			t.Errorf("%s: the answer repeats it: %s", what, sim.Message)
		}
	}
}

func TestAClaimedTimeIsTheEndorsers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, name := range []string{ledger.IdentityRegister, ledger.IdentityGet} { // reads too: a signed read vouches for its time
		request := rights[name].request(s)
		for skew, want := range map[time.Duration]ledger.Code{
			0: "", time.Minute: "", 2 * time.Minute: "", -2 * time.Minute: "",
			2*time.Minute + time.Nanosecond: ledger.CodeDenied, -2*time.Minute - time.Nanosecond: ledger.CodeDenied,
			time.Hour: ledger.CodeDenied, -time.Hour: ledger.CodeDenied,
			200 * 365 * 24 * time.Hour: ledger.CodeDenied,
		} {
			sim, err := s.Simulate(statetest.Proposal{
				Client: s.Client(north, ledger.RoleRegistrar), Name: name, Request: request, Time: s.Now().Add(skew),
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := ledger.CodeOf(sim.Err()); got != want {
				t.Errorf("%s that claims %s: %q, want %q", name, skew, got, want)
			}
		}
	}
}

func TestTimesAreWholeMilliseconds(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := statetest.Proposal{
		Client: s.Client(north, ledger.RoleSharer), Name: ledger.ThreatShare, Request: share("another"),
		Time: s.Now().Add(1234567 * time.Nanosecond),
	}
	var got ledger.Threat
	statetest.Want(t, "", s.Submitted(t, p, &got))
	if !got.Shared.Equal(statetest.Start.Add(time.Millisecond)) || got.Shared.Location() != time.UTC {
		t.Errorf("the time is %s", got.Shared)
	}
}

// FuzzRequests sends anything to every transaction, as a caller who may: it is
// refused as invalid, absent or late, and never a fault of ours.
func FuzzRequests(f *testing.F) {
	l, err := statetest.Open(statetest.Options{})
	if err != nil {
		f.Fatal(err)
	}
	if err := l.Seed(); err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), valid)
	for i := range ledger.Names {
		f.Add(uint8(i), "{}")
		f.Add(uint8(i), `{"id":"a\u0000b","di":"\udbff\udfff","stream":"\u0000","subject":"","bookmark":"AG9yZwA","size":-1,"sequence":18446744073709551615}`)
	}
	clients := map[ledger.Role]*statetest.Identity{}
	for _, r := range ledger.Roles {
		clients[r] = l.Client(maker, r)
	}
	f.Fuzz(func(t *testing.T, which uint8, arg string) {
		name := ledger.Names[int(which)%len(ledger.Names)]
		role := rights[name].role
		if role == "" || role == anyRole {
			role = ledger.RoleRegistrar
		}
		s, err := l.Simulate(statetest.Proposal{Client: clients[role], Name: name, Args: []string{arg}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Err(); ledger.CodeOf(err) == ledger.CodeInternal {
			t.Errorf("%s of %q: %v", name, arg, err)
		}
		sameBytes(t, s, l.Again(s))
	})
}

// sameBytes fails unless two peers would sign the same.
func sameBytes(t interface{ Fatalf(string, ...any) }, a, b *statetest.Simulation) {
	one, err := a.Response()
	if err != nil {
		t.Fatalf("%s: %v", a.Name, err)
	}
	other, err := b.Response()
	if err != nil {
		t.Fatalf("%s: %v", a.Name, err)
	}
	if !bytes.Equal(one, other) {
		t.Fatalf("%s: two peers differ: %v and %v", a.Name, a, b)
	}
}
