package ledger

import "slices"

// Roster is the one row that says whose votes count: every registered
// organisation but the removed ones. It is small, so that whoever votes or
// enacts can read it whole.
type Roster struct {
	V int `json:"v"`

	// Network is the consortium's name, in DIDs and holder statements. It holds for
	// ever once MinVoters members have registered with the same one; empty until
	// then.
	Network string `json:"network,omitempty" metadata:",optional"`

	// Stated is what members have stated as long as no name holds, sorted by member.
	Stated []StatedNetwork `json:"stated,omitempty" metadata:",optional"`

	Organisations []string `json:"organisations"`                          // MSP ids, sorted
	Removed       []string `json:"removed,omitempty" metadata:",optional"` // MSP ids that a majority removed, sorted; they cannot register again
	Revision      int      `json:"revision"`                               // 1 for the first, one more with each change
}

// StatedNetwork is the name that one member says the consortium has.
type StatedNetwork struct {
	Organisation string `json:"organisation"` // MSP id
	Network      string `json:"network"`
}

// RosterMembers is the roster's only key part.
const RosterMembers = "members"

// Key returns the record's key.
func (r *Roster) Key() Key { return RosterKey() }

// RosterKey returns the key of the roster.
func RosterKey() Key { return Key{TypeRoster, []string{RosterMembers}} }

// MinVoters is how many organisations a decision needs however small the roster
// is: the two that happen to register first must not decide for those who come
// after them, nor keep them off the roster. A consortium of fewer members decides
// nothing by vote.
const MinVoters = 3

// Needed returns how many organisations carry a proposal: more than half, and
// never fewer than MinVoters.
func (r *Roster) Needed() int { return max(MinVoters, len(r.Organisations)/2+1) }

// Says returns the network's name by the member: the one that holds, else the one
// that it stated, or none.
func (r *Roster) Says(org string) string {
	if r.Network != "" {
		return r.Network
	}
	for _, s := range r.Stated {
		if s.Organisation == org {
			return s.Network
		}
	}
	return ""
}

// Has reports whether the organisation is on the roster.
func (r *Roster) Has(org string) bool { return slices.Contains(r.Organisations, org) }

// GetRoster asks for the roster.
type GetRoster struct{}
