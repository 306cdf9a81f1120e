package ledger

import (
	"encoding/json"
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
		e := TrustEpoch{Organisations: make([]TrustOrganisation, members)}
		if got := e.Needed(); got != want {
			t.Errorf("of %d organisations %d are needed, want %d", members, got, want)
		}
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
	f.Add([]byte(strings.Repeat("[", 100)))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := ParseTrust(b)
		if err != nil {
			return
		}
		for _, e := range file.Epochs {
			if n := e.Needed(); n > len(e.Organisations) || 2*n <= len(e.Organisations) {
				t.Errorf("%d of %d is no majority", n, len(e.Organisations))
			}
		}
	})
}
