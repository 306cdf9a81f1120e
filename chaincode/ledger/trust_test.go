package ledger

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func trust() *Trust {
	org := func(id string) TrustOrganisation { return TrustOrganisation{ID: id, Roots: []string{"PEM"}} }
	return &Trust{
		V: 1, Network: "dev", Channel: "secant", Chaincode: "secant",
		Epochs: []TrustEpoch{
			{From: at, To: at.Add(time.Hour), Policy: PolicyMajority, Organisations: []TrustOrganisation{org("a"), org("b")}},
			{From: at.Add(time.Hour), Policy: PolicyMajority, Organisations: []TrustOrganisation{org("a"), org("b"), org("c")}},
		},
	}
}

func TestTrustFilesAreReadBack(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(trust())
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseTrust(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at     time.Time
		needed int
	}{{at.Add(-time.Second), 0}, {at, 2}, {at.Add(time.Hour - 1), 2}, {at.Add(time.Hour), 2}, {at.Add(1000 * time.Hour), 2}} {
		e, ok := got.At(c.at)
		if ok != (c.needed > 0) || ok && e.Needed() != c.needed {
			t.Errorf("at %s the epoch is %v", c.at, e)
		}
	}
	first, _ := got.At(at)
	second, _ := got.At(at.Add(time.Hour))
	if len(first.Organisations) != 2 || len(second.Organisations) != 3 {
		t.Error("an epoch ends where the next begins")
	}
}

func TestNeededIsMoreThanHalf(t *testing.T) {
	t.Parallel()
	for members, want := range map[int]int{1: 1, 2: 2, 3: 2, 4: 3, 5: 3, 6: 4} {
		e := TrustEpoch{Policy: PolicyMajority, Organisations: make([]TrustOrganisation, members)}
		if got := e.Needed(); got != want {
			t.Errorf("of %d organisations %d are needed, want %d", members, got, want)
		}
	}
}

func TestNeededOfAFixedNumber(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]int{
		PolicyOutOf(2): 2, PolicyOutOf(4): 4, PolicyOutOf(5): 5,
		// One alone proves nothing, and the rest means nothing: none can be met.
		PolicyOutOf(6): 6, PolicyOutOf(1): 6, PolicyOutOf(0): 6, PolicyOutOf(-2): 6,
		"outof:": 6, "outof:02": 6, "outof:+2": 6, "outof:2 ": 6, "outof:two": 6, "OutOf:2": 6, "": 6,
	} {
		e := TrustEpoch{Policy: policy, Organisations: make([]TrustOrganisation, 5)}
		if got := e.Needed(); got != want {
			t.Errorf("under %q %d of 5 are needed, want %d", policy, got, want)
		}
	}
}

// TestAReadNeedsAMajority whatever suffices for a transaction.
func TestAReadNeedsAMajority(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy        string
		members, want int
	}{
		{PolicyMajority, 1, 1},
		{PolicyMajority, 4, 3},
		{PolicyMajority, 5, 3},
		{PolicyOutOf(2), 2, 2},
		{PolicyOutOf(2), 3, 2},
		{PolicyOutOf(2), 4, 3},
		{PolicyOutOf(2), 5, 3},
		{PolicyOutOf(2), 9, 5},
		{PolicyOutOf(4), 5, 4}, // as many as it takes to write
		{PolicyOutOf(6), 5, 6},
		{"any", 5, 6},
	} {
		e := TrustEpoch{Policy: c.policy, Organisations: make([]TrustOrganisation, c.members)}
		if got := e.ReadNeeded(); got != c.want {
			t.Errorf("under %q %d of %d must sign a read, want %d", c.policy, got, c.members, c.want)
		}
	}
}

func TestNextEpochBeginsWhereTheLastEnds(t *testing.T) {
	t.Parallel()
	file := trust()
	later := at.Add(2*time.Hour + 300*time.Microsecond)
	changed, err := file.Next(later, func(e *TrustEpoch) {
		e.Policy = PolicyOutOf(2)
		e.Organisations[0].Revoked = append(e.Organisations[0].Revoked, "0a")
	})
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	before, _ := file.At(at.Add(2*time.Hour - time.Millisecond))
	after, _ := file.At(at.Add(2 * time.Hour))
	if before.Policy != PolicyMajority || before.Organisations[0].Revoked != nil || !before.To.Equal(after.From) {
		t.Errorf("the epoch before became %+v", before)
	}
	if after.Needed() != 2 || len(after.Organisations) != 3 || len(after.Organisations[0].Revoked) != 1 || !after.To.IsZero() {
		t.Errorf("the next epoch is %+v", after)
	}
	if !after.From.Equal(after.From.Truncate(time.Millisecond)) {
		t.Errorf("it begins within a millisecond, at %s", after.From)
	}
	// The same change again is none, and one at the same moment comes after it.
	for i, want := range []bool{false, true} {
		changed, err := file.Next(later, func(e *TrustEpoch) {
			e.Policy = PolicyOutOf(2 + i)
		})
		if err != nil || changed != want {
			t.Fatal(i, changed, err)
		}
	}
	b, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseTrust(b); err != nil {
		t.Error(err)
	}
}

func TestNextEpochThatCannotBeReliedOnIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*TrustEpoch){
		"more than there are": func(e *TrustEpoch) { e.Policy = PolicyOutOf(4) },
		"nobody":              func(e *TrustEpoch) { e.Organisations = nil },
		"twice":               func(e *TrustEpoch) { e.Organisations[1] = e.Organisations[0] },
	} {
		file, same := trust(), trust()
		if changed, err := file.Next(at.Add(2*time.Hour), change); changed || CodeOf(err) != CodeInvalid {
			t.Errorf("%s: %v, %v", name, changed, err)
		}
		if !reflect.DeepEqual(file, same) {
			t.Errorf("%s: the file was altered", name)
		}
	}
	ended := trust()
	ended.Epochs[1].To = at.Add(2 * time.Hour)
	if _, err := ended.Next(at.Add(3*time.Hour), func(e *TrustEpoch) { e.Policy = PolicyOutOf(2) }); CodeOf(err) != CodeInvalid {
		t.Errorf("a file whose last epoch has ended: %v", err)
	}
}

func TestUnreliableTrustFilesAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Trust){
		"version":            func(t *Trust) { t.V = 2 },
		"channel":            func(t *Trust) { t.Channel = "" },
		"chaincode":          func(t *Trust) { t.Chaincode = "" },
		"no epoch":           func(t *Trust) { t.Epochs = nil },
		"unknown policy":     func(t *Trust) { t.Epochs[0].Policy = "any" },
		"one alone":          func(t *Trust) { t.Epochs[0].Policy = PolicyOutOf(1) },
		"more than members":  func(t *Trust) { t.Epochs[0].Policy = PolicyOutOf(3) },
		"no organisations":   func(t *Trust) { t.Epochs[1].Organisations = nil },
		"no roots":           func(t *Trust) { t.Epochs[1].Organisations[0].Roots = nil },
		"organisation twice": func(t *Trust) { t.Epochs[1].Organisations[1].ID = "a" },
		"overlap":            func(t *Trust) { t.Epochs[1].From = at },
		"open in the middle": func(t *Trust) { t.Epochs[0].To = time.Time{} },
		"ends before it begins": func(t *Trust) {
			t.Epochs[0].To = at.Add(-time.Hour)
			t.Epochs[1].From = at.Add(-time.Hour)
		},
	} {
		file := trust()
		change(file)
		b, err := json.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseTrust(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParseTrust(f *testing.F) {
	b, err := json.Marshal(trust())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"v":1,"channel":"c","chaincode":"c","epochs":[{}]}`))
	f.Add([]byte(`{"v":1,"channel":"c","chaincode":"c","epochs":[{"policy":"outof:2","organisations":[{"id":"a","roots":["r"]},{"id":"b","roots":["r"]}]}]}`))
	f.Add([]byte(strings.Repeat("[", 100)))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := ParseTrust(b)
		if err != nil {
			return
		}
		for _, e := range file.Epochs {
			if n := e.Needed(); n > len(e.Organisations) || n < 1 || n < 2 && len(e.Organisations) > 1 {
				t.Errorf("%d of %d under %q", n, len(e.Organisations), e.Policy)
			}
		}
	})
}

// TestTrustFileKeepsItsGoldenForm pins the file that outsiders keep: a majority
// first, then any two, with a certificate revoked.
func TestTrustFileKeepsItsGoldenForm(t *testing.T) {
	t.Parallel()
	file := trust()
	_, err := file.Next(at.Add(2*time.Hour), func(e *TrustEpoch) {
		e.Policy = PolicyOutOf(2)
		e.Organisations[1].Revoked = []string{"4b0f", "7c21"}
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/trust.v1.golden.json"
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got)+"\n" {
		t.Errorf("the file's form changed:\n got %s\nwant %s", got, want)
	}
	if _, err := ParseTrust(want); err != nil {
		t.Error(err)
	}
}
