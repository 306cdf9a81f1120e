package ledger

import "time"

// UnitChange is one row of a unit's history.
type UnitChange struct {
	V    int       `json:"v"`
	ID   string    `json:"id"`
	Tx   string    `json:"tx"`
	From string    `json:"from"` // empty for the registration
	To   string    `json:"to"`   // the same as From for a change that leaves the state
	By   string    `json:"by"`   // MSP id
	Time time.Time `json:"time"`

	// From the second form on.
	Step     string        `json:"step,omitempty" metadata:",optional"`     // the transaction, as "device:Hold"
	Revision int           `json:"revision,omitempty" metadata:",optional"` // of the unit that it made
	Reason   string        `json:"reason,omitempty" metadata:",optional"`   // of HoldReasons: why it was held or quarantined
	Evidence string        `json:"evidence,omitempty" metadata:",optional"` // SHA-256 of what the step rests on, hex; the document stays with whoever made the step
	Release  string        `json:"release,omitempty" metadata:",optional"`  // that it runs from then on
	Owner    string        `json:"owner,omitempty" metadata:",optional"`    // that it has from then on, or is offered to
	Recall   int           `json:"recall,omitempty" metadata:",optional"`   // revision of the recall that it was cleared of
	Persons  []PersonActed `json:"persons,omitempty" metadata:",optional"`  // who signed for it
}

// PersonActed is what the ledger keeps of a person who signed for a step: who
// answers for the person, and a commitment to the statement, which the node that
// submitted it keeps.
type PersonActed struct {
	Organisation string `json:"organisation"` // MSP id behind the issuer of the credential
	Statement    string `json:"statement"`    // the commitment, 32 bytes, hex
}

// UnitChunk begins the history of all units that one transaction registered
// together: one row, however many they are. Each of them names it.
type UnitChunk struct {
	V     int       `json:"v"`
	Tx    string    `json:"tx"`
	To    string    `json:"to"` // state that they have from then on
	By    string    `json:"by"` // MSP id
	Time  time.Time `json:"time"`
	Step  string    `json:"step"`  // DeviceRegisterUnits
	Count int       `json:"count"` // of units
}

// Key returns the record's key.
func (c *UnitChunk) Key() Key { return Key{TypeUnitChunk, []string{c.Tx}} }

// Change returns the first change of one unit of the chunk.
func (c *UnitChunk) Change(unit string) *UnitChange {
	return &UnitChange{V: 2, ID: unit, Tx: c.Tx, To: c.To, By: c.By, Time: c.Time, Step: c.Step, Revision: 1}
}

// Key returns the record's key.
func (c *UnitChange) Key() Key { return Key{TypeUnitHistory, []string{c.ID, c.Tx}} }
