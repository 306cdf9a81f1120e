package app

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// members is a read model with the row of one organisation.
type members struct {
	of     ledger.Organisation
	roster *ledger.Roster
	broken error // of reading the roster
}

func (m *members) Organisation(_ context.Context, id string) (row fact.Row[ledger.Organisation], err error) {
	if id != m.of.ID {
		return row, ledger.Problemf(ledger.CodeNotFound, "there is no %s", id)
	}
	row.Record = m.of
	return row, nil
}

func (m *members) Roster(context.Context) (row fact.Row[ledger.Roster], err error) {
	switch {
	case m.broken != nil:
		return row, m.broken
	case m.roster == nil:
		return row, ledger.Problemf(ledger.CodeNotFound, "there is no roster")
	}
	row.Record = *m.roster
	return row, nil
}

// TestARemovedMembersKeyServesNoMore, although its row stays.
func TestARemovedMembersKeyServesNoMore(t *testing.T) {
	t.Parallel()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	member := ledger.Organisation{V: 1, ID: "hospital-south", TokenKey: hex.EncodeToString(public)}
	for name, c := range map[string]struct {
		roster *ledger.Roster
		serves bool
	}{
		"no roster yet":  {nil, true},
		"on the roster":  {&ledger.Roster{Organisations: []string{"hospital-south"}}, true},
		"another is out": {&ledger.Roster{Organisations: []string{"hospital-south"}, Removed: []string{"medtech"}}, true},
		"removed":        {&ledger.Roster{Organisations: []string{"medtech"}, Removed: []string{"authority", "hospital-south"}}, false},
	} {
		key, err := memberKeys{&members{of: member, roster: c.roster}}.TokenKey(t.Context(), member.ID)
		if err != nil || (key != nil) != c.serves || c.serves && !key.Equal(public) {
			t.Errorf("%s: %x, %v", name, key, err)
		}
	}
	if key, err := (memberKeys{&members{of: member}}).TokenKey(t.Context(), "medtech"); key != nil || err != nil {
		t.Errorf("of one that is unknown: %x, %v", key, err)
	}
	if key, err := (memberKeys{&members{of: member, broken: errors.New("disk")}}).TokenKey(t.Context(), member.ID); key != nil || err == nil {
		t.Errorf("when the roster cannot be read: %x, %v", key, err)
	}
}
