package chaincode_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// allowed is the proposal of a transaction that succeeds, by the first caller
// that may.
func (s *scene) allowed(name string) statetest.Proposal {
	p := s.call(name)
	for _, org := range statetest.Organisations() {
		for _, role := range append([]ledger.Role{""}, ledger.Roles...) {
			if rights[name].may(org, role) {
				p.Client = s.Client(org, role)
				return p
			}
		}
	}
	panic("nobody may " + name)
}

// try simulates, and fails the test unless the outcome is as wanted and a refusal
// leaves nothing behind.
func (s *scene) try(t *testing.T, what string, p statetest.Proposal, want ledger.Code) *statetest.Simulation {
	t.Helper()
	sim, err := s.Simulate(p)
	if err != nil {
		t.Fatal(err)
	}
	if got := ledger.CodeOf(sim.Err()); got != want {
		t.Errorf("%s, %s: %q, want %q (%v)", p.Name, what, got, want, sim.Err())
	}
	if sim.Err() != nil && (len(sim.Writes) > 0 || sim.Event != nil || len(sim.Payload) > 0) {
		t.Errorf("%s, %s: was refused, and wrote or answered", p.Name, what)
	}
	return sim
}

// TestEverySpellingButOneIsRefused: the framework finds transactions under other
// names too, and then skips the schema of their requests.
func TestEverySpellingButOneIsRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, name := range ledger.Names {
		contract, function, _ := strings.Cut(name, ":")
		good := s.allowed(name)
		s.try(t, "as it is", good, "")
		for other, want := range map[string]ledger.Code{
			contract + ":" + strings.ToLower(function[:1]) + function[1:]: ledger.CodeNotFound,
			strings.ToLower(name):                      ledger.CodeNotFound,
			contract + ":" + strings.ToUpper(function): ledger.CodeNotFound,
			name + " ":                      ledger.CodeNotFound,
			name + "\x00":                   ledger.CodeNotFound,
			contract + ":" + " " + function: ledger.CodeNotFound,
			function:                        ledger.CodeNotFound, // of the first contract
			contract + "." + function:       ledger.CodeNotFound,
			// These never reach us: the framework finds no contract.
			contract + "::" + function: ledger.CodeInternal, name + ":": ledger.CodeInternal, " " + name: ledger.CodeInternal,
			":" + function: ledger.CodeInternal, strings.ToUpper(contract[:1]) + name[1:]: ledger.CodeInternal,
		} {
			p := good
			p.Name = other
			if sim := s.try(t, "instead of "+name, p, want); len(sim.Reads) > 0 {
				t.Errorf("%q reads", other)
			}
		}
	}
}

// mutation is a request that differs from a good one in one place.
type mutation struct {
	what    string
	request any
}

// mutations of a value as JSON has it, whose place in the request has that type.
// Whatever they make is not of the transaction's form.
func mutations(v any, typ reflect.Type, at string) []mutation {
	var out []mutation
	add := func(what string, request any) { out = append(out, mutation{at + " " + what, request}) }
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if v != nil {
		add("is null", nil)
	}
	switch v := v.(type) {
	case string:
		add("is a number", 1)
		add("is a list", []string{v})
		add("is true", true)
	case float64:
		add("is a text", "1")
		add("is a fraction", v+0.5)
		add("is out of range", json.Number("1e400"))
		add("is an object", map[string]any{})
	case bool:
		add("is a text", "true")
		add("is a number", 1)
	case []any:
		add("is an object", map[string]any{})
		add("is a text", "x")
		for i, element := range v {
			for _, m := range mutations(element, typ.Elem(), at+"[]") {
				add(m.what, replaced(v, i, m.request))
			}
		}
	case map[string]any:
		out = append(out, objectMutations(v, typ, at)...)
	}
	return out
}

func replaced(list []any, i int, element any) []any {
	changed := slices.Clone(list)
	changed[i] = element
	return changed
}

func objectMutations(o map[string]any, typ reflect.Type, at string) []mutation {
	var out []mutation
	set := func(what string, change func(map[string]any)) {
		changed := maps.Clone(o)
		change(changed)
		out = append(out, mutation{at + " " + what, changed})
	}
	set("has a member more", func(m map[string]any) { m["unheard"] = "of" })
	set("has a nameless member", func(m map[string]any) { m[""] = 1 })
	for _, name := range slices.Sorted(maps.Keys(o)) {
		field, ok := fieldOf(typ, name)
		if !ok {
			panic("no field for " + name)
		}
		if field.Tag.Get("metadata") != ",optional" {
			set("lacks "+name, func(m map[string]any) { delete(m, name) })
		}
		set("has "+name+" in other case", func(m map[string]any) {
			m[strings.ToUpper(name)] = m[name]
			delete(m, name)
		})
		set("has "+name+" in two cases", func(m map[string]any) { m[strings.ToUpper(name[:1])+name[1:]] = m[name] })
		for _, sub := range mutations(o[name], field.Type, at+"."+name) {
			set(sub.what, func(m map[string]any) { m[name] = sub.request })
		}
	}
	return out
}

// fieldOf returns the field that has that name in JSON.
func fieldOf(typ reflect.Type, name string) (reflect.StructField, bool) {
	for _, f := range reflect.VisibleFields(typ) {
		if own, _, _ := strings.Cut(f.Tag.Get("json"), ","); own == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// TestEveryRequestHasItsForm changes each place of each transaction's good
// request: every one is refused before the transaction reads anything.
func TestEveryRequestHasItsForm(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tried := 0
	for _, name := range ledger.Names {
		good := s.allowed(name)
		encoded, err := json.Marshal(good.Request)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(encoded, &v); err != nil {
			t.Fatal(err)
		}
		args := map[string][]string{
			"no request": {}, "two requests": {string(encoded), string(encoded)}, "an empty request": {""},
			"a cut request": {string(encoded[:len(encoded)-1])}, "a request and more": {string(encoded) + "{}"},
			"a request as text": {`"` + strings.ReplaceAll(string(encoded), `"`, `\"`) + `"`},
			"members twice":     {twice(encoded)},
			"not UTF-8":         {strings.Replace(string(encoded), "{", "{\"\xff\":1,", 1)},
		}
		for _, m := range mutations(v, reflect.TypeOf(good.Request), "it") {
			b, err := json.Marshal(m.request)
			if err != nil {
				t.Fatal(err)
			}
			args[m.what] = []string{string(b)}
		}
		for what, a := range args {
			if what == "members twice" && string(encoded) == "{}" {
				continue
			}
			p := good
			p.Args = a
			if sim := s.try(t, what, p, ledger.CodeInvalid); len(sim.Reads) > 0 {
				t.Errorf("%s, %s: reads", name, what)
			}
			tried++
		}
	}
	if tried < 20*len(ledger.Names) {
		t.Errorf("only %d requests were tried", tried)
	}
}

// twice says all members twice, so that readers take the first or the last.
func twice(object []byte) string {
	inner := string(object[1 : len(object)-1])
	return "{" + inner + "," + inner + "}"
}

// TestNoTransactionIsAntedated: in no transaction does a caller choose the time.
func TestNoTransactionIsAntedated(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, name := range ledger.Names {
		for _, skew := range []time.Duration{-time.Hour, time.Hour} {
			p := s.allowed(name)
			p.Time = s.Now().Add(skew)
			s.try(t, "at "+skew.String(), p, ledger.CodeDenied)
		}
	}
}

// TestPersonsMustHaveAgreed takes each transaction that needs persons, and changes
// who agreed, or to what.
func TestPersonsMustHaveAgreed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	needy := 0
	for _, name := range ledger.Names {
		request, ok := rights[name].request(s).(signed)
		if !ok {
			continue
		}
		needy++
		good := s.allowed(name)
		s.try(t, "agreed", good, "")
		request.Name = name
		count := len(request.persons)
		agree := func(what string, want ledger.Code, change func(o *statetest.Order, persons []*statetest.Person) []*statetest.Person) {
			t.Helper()
			o := request.Order
			persons := change(&o, slices.Clone(request.persons))
			p := good
			p.Transient = nil
			if len(persons) > 0 {
				p.Transient = s.Agreed(o, persons...)
			}
			s.try(t, what, p, want)
		}
		type list = []*statetest.Person
		agree("by nobody", ledger.CodeDenied, func(*statetest.Order, list) list { return nil })
		agree("by one more", ledger.CodeInvalid, func(_ *statetest.Order, l list) list { return append(l, l[0].Colleague("x")) })
		agree("to another transaction", ledger.CodeInvalid, func(o *statetest.Order, l list) list { o.Name = ledger.DeviceRetire; return l })
		agree("to another request", ledger.CodeInvalid, func(o *statetest.Order, l list) list { o.Request = struct{}{}; return l })
		agree("on another record", ledger.CodeInvalid, func(o *statetest.Order, l list) list { o.Record = ledger.UnitKey("x"); return l })
		if request.Revision > 0 {
			agree("on an earlier revision", ledger.CodeInvalid, func(o *statetest.Order, l list) list { o.Revision--; return l })
		}
		agree("on a later revision", ledger.CodeInvalid, func(o *statetest.Order, l list) list { o.Revision++; return l })
		agree("with another credential", ledger.CodeDenied, func(o *statetest.Order, l list) list { o.Credential = "Visitor"; return l })
		agree("under an issuer's name that is not its key's", ledger.CodeInvalid, func(_ *statetest.Order, l list) list {
			forged := *l[0]
			forged.IssuerKey = statetest.NewDIDKey(forged.IssuerKey.ID, "somebody")
			l[0] = &forged
			return l
		})
		agree("under an issuer of nobody's", ledger.CodeDenied, func(_ *statetest.Order, l list) list {
			forged := *l[0]
			forged.Issuer = ledger.IssuerDID(statetest.Network, north, "unheard-of")
			l[0] = &forged
			return l
		})
		if count > 1 {
			agree("by one less", ledger.CodeInvalid, func(_ *statetest.Order, l list) list { return l[1:] })
			agree("by one person twice", ledger.CodeDenied, func(_ *statetest.Order, l list) list { l[1] = l[0]; return l })
			agree("by two of one organisation", ledger.CodeDenied, func(_ *statetest.Order, l list) list { l[1] = l[0].Colleague("x"); return l })
		}
	}
	if needy < 4 {
		t.Errorf("only %d transactions need persons", needy)
	}
}

// repeat says what becomes of a transaction's second submission.
type repeat struct {
	again ledger.Code // of the same proposal once the first is committed; empty: it does it again
	race  bool        // both are valid that were simulated on one state and stand in one block
}

// once: what was done is not done again, and of two at once one is.
func once(code ledger.Code) repeat { return repeat{again: code} }

var repeats = map[string]repeat{
	ledger.IdentityRegister:         once(ledger.CodeConflict),
	ledger.IdentityPropose:          {race: true}, // one may ask twice
	ledger.IdentityVote:             once(ledger.CodeAlreadyExists),
	ledger.IdentityEnact:            once(ledger.CodeAlreadyExists),
	ledger.IdentityPublishSchema:    once(ledger.CodeAlreadyExists),
	ledger.IdentityCommitStatusList: once(ledger.CodeConflict),
	ledger.IdentityCreateDID:        once(ledger.CodeAlreadyExists),
	ledger.IdentityRotateKeys:       once(ledger.CodeConflict),
	ledger.IdentitySetServices:      once(ledger.CodeConflict),
	ledger.IdentityRecoverDID:       once(ledger.CodeConflict),
	ledger.IdentityDeactivateDID:    once(ledger.CodeGone),

	ledger.DeviceRegisterModel:  once(ledger.CodeAlreadyExists),
	ledger.DeviceAssignModel:    once(ledger.CodeAlreadyExists),
	ledger.DevicePublishRelease: once(ledger.CodeAlreadyExists),
	ledger.DeviceRegisterUnit:   once(ledger.CodeAlreadyExists),
	ledger.DeviceRegisterUnits:  once(ledger.CodeAlreadyExists),
	ledger.DeviceCompleteUnit:   once(ledger.CodeConflict),
	ledger.DeviceCertify:        once(ledger.CodeConflict),
	ledger.DevicePutIntoService: once(ledger.CodeAlreadyExists),
	ledger.DeviceHold:           once(ledger.CodeConflict),
	ledger.DeviceQuarantine:     once(ledger.CodeConflict),
	ledger.DeviceRelease:        once(ledger.CodeConflict),
	ledger.DeviceUpdateRelease:  once(ledger.CodeConflict),
	ledger.DeviceOffer:          once(ledger.CodeConflict),
	ledger.DeviceEndOffer:       once(ledger.CodeConflict),
	ledger.DeviceAccept:         once(ledger.CodeDenied), // it is the caller's by then, and offered to nobody
	ledger.DeviceRetire:         once(ledger.CodeGone),
	ledger.DeviceRecall:         once(ledger.CodeAlreadyExists),
	ledger.DeviceLiftRecall:     once(ledger.CodeAlreadyExists),
	ledger.DeviceClear:          once(ledger.CodeConflict),

	ledger.AnchorOpen:               once(ledger.CodeAlreadyExists),
	ledger.AnchorCommit:             once(ledger.CodeAlreadyExists),
	ledger.AnchorSucceed:            once(ledger.CodeAlreadyExists),
	ledger.AnchorReportEquivocation: once(ledger.CodeAlreadyExists),

	ledger.ThreatShare:    once(ledger.CodeAlreadyExists),
	ledger.ThreatSight:    {race: true}, // every sighting counts
	ledger.ThreatOpine:    once(ledger.CodeConflict),
	ledger.ThreatWithdraw: once(ledger.CodeAlreadyExists),

	ledger.ThreatRequestOpening: once(ledger.CodeAlreadyExists),
	ledger.ThreatGiveShare:      once(ledger.CodeAlreadyExists),

	ledger.RiskPublish:   once(ledger.CodeAlreadyExists),
	ledger.RiskRecompute: once(ledger.CodeAlreadyExists),

	ledger.CompliancePublishCatalogue: once(ledger.CodeAlreadyExists),
	ledger.ComplianceAcceptCatalogue:  once(ledger.CodeAlreadyExists),
	ledger.ComplianceRecordEvidence:   once(ledger.CodeAlreadyExists),
	ledger.ComplianceAssess:           once(ledger.CodeAlreadyExists),
	ledger.ComplianceGrantException:   once(ledger.CodeAlreadyExists),
	ledger.ComplianceEndException:     once(ledger.CodeAlreadyExists),

	ledger.TaxonomyCreate:   once(ledger.CodeAlreadyExists),
	ledger.TaxonomyPropose:  {race: true}, // one may ask twice
	ledger.TaxonomyAdopt:    once(ledger.CodeAlreadyExists),
	ledger.TaxonomyWithdraw: once(ledger.CodeGone),
	ledger.TaxonomyReject:   once(ledger.CodeGone),
}

// TestNothingIsDoneTwice submits each transaction again, after the first and
// beside it.
func TestNothingIsDoneTwice(t *testing.T) {
	t.Parallel()
	whole := newScene(t)
	for _, name := range ledger.Names {
		want, known := repeats[name]
		if slices.Contains(ledger.Evaluations, name) {
			if known {
				t.Errorf("%s only reads", name)
			}
			continue
		}
		if !known {
			t.Errorf("%s: nobody says what becomes of its second submission", name)
		}
		t.Run(name, func(t *testing.T) {
			s := *whole
			s.Ledger = whole.Clone(t)
			p := s.allowed(name)
			if valid := s.Race(t, p, p); !valid[0] || valid[1] != want.race {
				t.Errorf("two at once become valid: %v, want the second %v", valid, want.race)
			}
			s.try(t, "again", p, want.again)
		})
	}
}
