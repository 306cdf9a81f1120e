package admit_test

import (
	"context"
	"encoding/hex"
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/admit"
)

// units counts how often it is asked.
type units struct {
	known map[string]ledger.Unit
	names map[string]string
	asked int
}

// Unit finds a device.
func (u *units) Unit(_ context.Context, id string) (fact.Row[ledger.Unit], error) {
	u.asked++
	r, ok := u.known[id]
	if !ok {
		return fact.Row[ledger.Unit]{}, ledger.Problemf(ledger.CodeNotFound, "unknown")
	}
	return fact.Row[ledger.Unit]{Record: r}, nil
}

// Speaks is as the inventory has it.
func (u *units) Speaks(_ context.Context, source, unit string) (bool, error) {
	return u.names[source] == unit, nil
}

func TestWhichEdgeBoxSpeaksForADevice(t *testing.T) {
	t.Parallel()
	key := hex.EncodeToString(make([]byte, 31)) + "09"
	id := func(b byte) proof.Hash { return proof.Hash{b} }
	all := &units{known: map[string]ledger.Unit{}, names: map[string]string{}}
	put := func(b byte, owner, state, key string) {
		all.known[id(b).String()] = ledger.Unit{ID: id(b).String(), Owner: owner, State: state, PublicKey: key}
	}
	put(1, "north", ledger.StateInService, key) // boxes
	put(2, "north", ledger.StateInService, "")
	put(3, "south", ledger.StateInService, key)
	put(4, "north", ledger.StateInService, "") // devices
	put(5, "north", ledger.StateQuarantined, "")
	for box, device := range map[byte]byte{1: 4, 2: 4, 3: 4} {
		all.names[id(box).String()] = id(device).String()
	}
	devices := admit.New("north", all)
	for _, c := range []struct {
		edge, unit byte
		code       ledger.Code
	}{
		{1, 4, ""},
		{1, 2, ledger.CodeDenied}, // has no name for it
		{2, 4, ledger.CodeDenied}, // cannot sign
		{3, 4, ledger.CodeDenied}, // is another hospital's
		{9, 4, ledger.CodeNotFound},
		{1, 9, ledger.CodeNotFound},
	} {
		got, err := devices.AdmitEdge(t.Context(), id(c.edge), id(c.unit))
		if ledger.CodeOf(err) != c.code || (got == nil) == (err == nil) {
			t.Errorf("%d for %d: %v %v", c.edge, c.unit, got, err)
		}
	}
	all.names[id(1).String()] = id(5).String()
	if _, err := devices.AdmitEdge(t.Context(), id(1), id(5)); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("a device in quarantine: %v", err)
	}
}

func TestWhoMayHandInReadings(t *testing.T) {
	t.Parallel()
	key := hex.EncodeToString(make([]byte, 31)) + "09"
	all := &units{known: map[string]ledger.Unit{}}
	id := func(b byte) proof.Hash { return proof.Hash{b} }
	put := func(b byte, owner, state, key string) {
		all.known[id(b).String()] = ledger.Unit{ID: id(b).String(), Owner: owner, State: state, PublicKey: key}
	}
	put(1, "north", ledger.StateInService, key)
	put(2, "north", ledger.StateHeld, "")
	put(3, "south", ledger.StateInService, key)
	put(4, "north", ledger.StateQuarantined, key)
	put(5, "north", ledger.StateRegistered, key)
	devices := admit.New("north", all)
	for _, c := range []struct {
		unit   byte
		signed bool
		code   ledger.Code
	}{
		{1, true, ""},
		{1, false, ""},
		{2, false, ""},
		{2, true, ledger.CodeDenied}, // it cannot sign
		{3, true, ledger.CodeDenied},
		{4, true, ledger.CodeDenied},
		{5, false, ledger.CodeDenied},
		{9, false, ledger.CodeNotFound},
	} {
		got, err := devices.Admit(t.Context(), id(c.unit), c.signed)
		if ledger.CodeOf(err) != c.code || (len(got) > 0) != (c.signed && c.code == "") {
			t.Errorf("%d, signed %t: key of %d bytes, %v", c.unit, c.signed, len(got), err)
		}
	}
	asked := all.asked
	for range 100 {
		if _, err := devices.Admit(t.Context(), id(1), true); err != nil {
			t.Fatal(err)
		}
	}
	if all.asked-asked > 1 { // a second may have passed
		t.Errorf("asked %d times for one device", all.asked-asked)
	}
}

// TestWhichDevicesAttest: in every state but those in which a device is nobody's to
// ask, and by what is known now.
func TestWhichDevicesAttest(t *testing.T) {
	t.Parallel()
	key := hex.EncodeToString(make([]byte, 31)) + "09"
	all := &units{known: map[string]ledger.Unit{}}
	devices, unit := admit.New("north", all), proof.Hash{1}
	for _, c := range []struct {
		owner, state, key string
		code              ledger.Code
	}{
		{"north", ledger.StateRegistered, key, ""},
		{"north", ledger.StateCertified, key, ""},
		{"north", ledger.StateInService, key, ""},
		{"north", ledger.StateHeld, key, ""},
		{"north", ledger.StateQuarantined, key, ""},
		{"north", ledger.StateManufactured, key, ledger.CodeDenied},
		{"north", ledger.StateRetired, key, ledger.CodeDenied},
		{"south", ledger.StateInService, key, ledger.CodeDenied},
		{"north", ledger.StateInService, "", ledger.CodeDenied},
	} {
		all.known[unit.String()] = ledger.Unit{ID: unit.String(), Owner: c.owner, State: c.state, PublicKey: c.key}
		got, err := devices.AdmitAttester(t.Context(), unit)
		if (err == nil) != (c.code == "") || err != nil && ledger.CodeOf(err) != c.code || err == nil && len(got) != 32 {
			t.Errorf("%+v: %x %v", c, got, err)
		}
	}
	if _, err := devices.AdmitAttester(t.Context(), proof.Hash{2}); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("one that is not known: %v", err)
	}
}
