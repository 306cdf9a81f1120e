package ledger

import (
	"crypto/ed25519"
	"fmt"
	"time"
)

// The states of a device unit. StateRecalled stands in answers only: it follows
// from a recall, and the stored unit keeps the state that it had.
const (
	StateManufactured = "manufactured" // made, and without what it takes to serve: a release and an owner
	StateRegistered   = "registered"   // complete, and delivered to its owner
	StateCertified    = "certified"    // assessed with a good verdict that still stands
	StateInService    = "in_service"   // admitted by the hospital that owns it
	StateHeld         = "held"         // something speaks against it: its data are marked, nothing is stopped
	StateQuarantined  = "quarantined"  // taken out of use by a decision
	StateRetired      = "retired"      // for good
	StateRecalled     = "recalled"     // a recall of its lot or release applies: see Unit.Recall
)

// What a unit's certification may be: the verdict that stands.
const (
	CertificationNone        = "uncertified" // never assessed, assessed and refused, or assessed with another release
	CertificationFull        = "certified"
	CertificationConditional = "conditional"
)

// Bounds on what one unit keeps.
const (
	MaxHolds   = 8  // reasons for which it is held at a time
	MaxFormer  = 16 // former owners: of more the oldest is forgotten
	MaxRefused = 32 // releases that were refused on it: of more the oldest is forgotten
)

// Unit is one device. Its id follows from its manufacturer and its SerialMAC: see
// UnitID.
type Unit struct {
	V             int       `json:"v"`
	ID            string    `json:"id"` // 32 bytes, hex
	DI            string    `json:"di"`
	Lot           string    `json:"lot"`
	Release       string    `json:"release"`      // version that it runs; empty while it is manufactured
	Manufacturer  string    `json:"manufacturer"` // MSP id of whom registered it
	Owner         string    `json:"owner"`        // MSP id of the organisation it was delivered to; may be empty while it is manufactured
	PublicKey     string    `json:"publicKey"`    // Ed25519 public key (32 bytes, hex) with which it signs; empty: it cannot sign
	State         string    `json:"state"`
	Certification string    `json:"certification"` // CertificationNone, CertificationFull or CertificationConditional; stands until Assessment.ValidTo
	Since         time.Time `json:"since"`         // time of the last change of state, vouched for by the endorsers

	// From the second form on.
	Chunk      string        `json:"chunk,omitempty" metadata:",optional"`      // transaction that registered it together with others, whose UnitChunk is the first change of its history; empty: it has that to itself
	Revision   int           `json:"revision,omitempty" metadata:",optional"`   // 1 on registration, one more with each change; see Upcast for the first form
	IDevID     string        `json:"iDevId,omitempty" metadata:",optional"`     // SHA-256 of the SPKI of its maker's identity certificate (IEEE 802.1AR, IDevID), hex
	LDevID     string        `json:"lDevId,omitempty" metadata:",optional"`     // the same of its owner's (LDevID)
	Previous   string        `json:"previous,omitempty" metadata:",optional"`   // state to which it returns when it is no longer held or quarantined
	Holds      []string      `json:"holds,omitempty" metadata:",optional"`      // open reasons for which it is held or quarantined, in the order in which they came
	Assessment *Assessment   `json:"assessment,omitempty" metadata:",optional"` // the last one; nil: none
	Cleared    *Cleared      `json:"cleared,omitempty" metadata:",optional"`    // recalls that it was cleared of; nil: none
	Offer      *Offer        `json:"offer,omitempty" metadata:",optional"`      // to whom its owner gives it, until that one accepts; nil: nobody
	Served     bool          `json:"served,omitempty" metadata:",optional"`     // it was put into service, now or at any time before, by whichever owner
	Former     []FormerOwner `json:"former,omitempty" metadata:",optional"`     // who owned it before its owner, in the order in which they did; at most MaxFormer
	Refused    []string      `json:"refused,omitempty" metadata:",optional"`    // releases that an assessment went against on this unit and none certified since, in the order in which it did; at most MaxRefused
	WipeDigest string        `json:"wipeDigest,omitempty" metadata:",optional"` // retired only: SHA-256 of the evidence that it was wiped, hex

	// Recall stands in answers only, with StateRecalled.
	Recall *UnitRecall `json:"recall,omitempty" metadata:",optional"`
}

// Assessment is the outcome of assessing one unit against a catalogue of
// controls; the results stay off the ledger.
type Assessment struct {
	Catalogue    string    `json:"catalogue"` // name and version
	Release      string    `json:"release"`   // version that the unit ran then
	Score        int       `json:"score"`     // basis points of the controls' weight
	Verdict      string    `json:"verdict"`
	ResultDigest string    `json:"resultDigest"` // SHA-256 of the results' document, hex
	Assessor     string    `json:"assessor"`     // MSP id of the authority
	Time         time.Time `json:"time"`
	ValidTo      time.Time `json:"validTo,omitzero" metadata:",optional"` // zero for a verdict that certifies nothing
}

// Cleared names the newest recalls that a unit was cleared of, by their revision;
// 0: none.
type Cleared struct {
	Lot     int `json:"lot,omitempty" metadata:",optional"`
	Release int `json:"release,omitempty" metadata:",optional"`
}

// Offer is a transfer that waits for the one to whom the unit goes.
type Offer struct {
	To    string    `json:"to"` // MSP id
	Since time.Time `json:"since"`
}

// FormerOwner is an organisation that owned a unit, until it handed it over.
type FormerOwner struct {
	Owner string    `json:"owner"` // MSP id
	Until time.Time `json:"until"` // when the next owner accepted the unit, vouched for by the endorsers
}

// UnitRecall says in an answer why a unit is recalled.
type UnitRecall struct {
	Kind     string    `json:"kind"`  // RecallLot or RecallRelease
	Value    string    `json:"value"` // the lot or release
	Revision int       `json:"revision"`
	Class    string    `json:"class"`
	By       string    `json:"by"`
	Since    time.Time `json:"since"`
	State    string    `json:"state"` // the unit's own state, which it has when it is cleared
}

// Key returns the record's key.
func (u *Unit) Key() Key { return UnitKey(u.ID) }

// UnitID derives a unit's id from its manufacturer's MSP id and the SerialMAC of
// its registration. The ledger computes it under the caller's MSP id, so that
// nobody can occupy the unit of another manufacturer.
func UnitID(manufacturer, serialMAC string) string {
	return Digest("unit", []byte(manufacturer+"\x00"+serialMAC))
}

// UnitKey returns the key of a unit.
func UnitKey(id string) Key { return Key{TypeUnit, []string{id}} }

// SigningKey decodes the unit's public key; it is nil when the unit cannot sign,
// and for a key under which anybody could.
func (u *Unit) SigningKey() ed25519.PublicKey { return parseEd25519(u.PublicKey) }

// Upcast turns a unit of an older form into the newest, as its next change will
// store it. Units of the newest form stay as they are.
func (u *Unit) Upcast() {
	if u.V < 2 {
		u.V, u.Revision, u.Served = 2, u.firstRevision(), u.State == StateInService
	}
}

// firstRevision counts the changes that the first form knew: registration, then
// going into service.
func (u *Unit) firstRevision() int {
	if u.State == StateInService {
		return 2
	}
	return 1
}

// CertifiedAt returns the certification that is in force at a time: the one that
// the unit has, or CertificationNone once it has run out.
func (u *Unit) CertifiedAt(t time.Time) string {
	if u.Assessment == nil || !t.Before(u.Assessment.ValidTo) {
		return CertificationNone
	}
	return u.Certification
}

// RegisterUnit registers a unit of a model that the caller's organisation makes:
// with a release and an owner it is registered, without a release manufactured.
type RegisterUnit struct {
	SerialMAC string `json:"serialMac"` // hex; HMAC-SHA-256 of DI and serial number (each behind its length) under a key that only the manufacturer holds, so that members cannot enumerate serials
	DI        string `json:"di"`
	Lot       string `json:"lot"`
	Release   string `json:"release,omitempty" metadata:",optional"`
	Owner     string `json:"owner,omitempty" metadata:",optional"` // needed with a release
	PublicKey string `json:"publicKey,omitempty" metadata:",optional"`
	IDevID    string `json:"iDevId,omitempty" metadata:",optional"`
}

// Validate returns a Problem that lists every fault.
func (r *RegisterUnit) Validate() error {
	var c check
	c.digest("serialMac", r.SerialMAC)
	c.token("di", r.DI, 64)
	c.lot("lot", r.Lot)
	if r.Release != "" {
		c.version("release", r.Release)
	}
	if r.Owner != "" || r.Release != "" {
		c.token("owner", r.Owner, 64)
	}
	c.unitKeys("", r.PublicKey, r.IDevID)
	return c.problem("the unit")
}

// Bounds of one RegisterUnits.
const (
	MaxUnits        = 1000      // units
	maxUnitFaults   = 50        // faults of units that are told
	maxUnitsRequest = 256 << 10 // bytes of the request
)

// RegisterUnits registers units of one lot, all with one release and for one
// owner. Units that are registered already with the same facts are skipped, so
// that a chunk whose outcome is unknown can be sent again.
type RegisterUnits struct {
	DI      string    `json:"di"`
	Lot     string    `json:"lot"`
	Release string    `json:"release"`
	Owner   string    `json:"owner"`
	Units   []NewUnit `json:"units,omitempty" metadata:",optional"` // 1 to MaxUnits
}

// NewUnit is one unit of RegisterUnits; the fields are those of RegisterUnit.
type NewUnit struct {
	SerialMAC string `json:"serialMac"`
	PublicKey string `json:"publicKey,omitempty" metadata:",optional"`
	IDevID    string `json:"iDevId,omitempty" metadata:",optional"`
}

// Validate returns a Problem that lists the faults: all of the chunk, and of its
// units the first fifty.
func (r *RegisterUnits) Validate() error {
	var c check
	c.token("di", r.DI, 64)
	c.lot("lot", r.Lot)
	c.version("release", r.Release)
	c.token("owner", r.Owner, 64)
	if n := len(r.Units); n < 1 || n > MaxUnits {
		c.fail("units", "must be 1 to %d units", MaxUnits)
		return c.problem("the chunk of units")
	}
	seen := make(map[string]struct{}, len(r.Units))
	told := len(c.faults) + maxUnitFaults
	for i := range r.Units {
		if len(c.faults) >= told {
			c.faults = c.faults[:told]
			c.fail("units", "have more faults than are told")
			break
		}
		u, at := &r.Units[i], fmt.Sprintf("units[%d].", i)
		c.digest(at+"serialMac", u.SerialMAC)
		c.unitKeys(at, u.PublicKey, u.IDevID)
		if _, twice := seen[u.SerialMAC]; twice {
			c.fail(at+"serialMac", "must not stand in the chunk twice")
		}
		seen[u.SerialMAC] = struct{}{}
	}
	return c.problem("the chunk of units")
}

// UnitsRegistered says what became of the units of a chunk.
type UnitsRegistered struct {
	Registered int `json:"registered"`
	Skipped    int `json:"skipped"` // were registered before, with the same facts
}

// GetUnit asks for one unit.
type GetUnit struct {
	ID string `json:"id"`
}

// UnitPage is one page of units, by id.
type UnitPage struct {
	Items []Unit `json:"items"`
	Next  string `json:"next"`
}
