package ledger

// UnitClaim says which unit has a key, or had it first. A key is one unit's for
// ever, of a retired unit too: a device that is recalled, refused or retired
// cannot come back as another unit. Units that registered before there were such
// rows have none.
type UnitClaim struct {
	V     int        `json:"v"`
	Type  ObjectType `json:"type"`  // TypeUnitIDevID or TypeUnitSigning
	Value string     `json:"value"` // as Unit.IDevID or Unit.PublicKey has it
	Unit  string     `json:"unit"`  // its id
}

// Key returns the record's key.
func (c *UnitClaim) Key() Key { return Key{c.Type, []string{c.Value}} }

// Claims returns the rows that a unit's keys make, none for a key that it has
// not: that of its IDevID first.
func (u *Unit) Claims() []UnitClaim {
	var claims []UnitClaim
	if u.IDevID != "" {
		claims = append(claims, UnitClaim{V: 1, Type: TypeUnitIDevID, Value: u.IDevID, Unit: u.ID})
	}
	if u.PublicKey != "" {
		claims = append(claims, UnitClaim{V: 1, Type: TypeUnitSigning, Value: u.PublicKey, Unit: u.ID})
	}
	return claims
}
