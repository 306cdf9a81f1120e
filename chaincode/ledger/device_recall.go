package ledger

import "time"

// What a recall names beside the model.
const (
	RecallLot     = "lot"
	RecallRelease = "release"
)

// The classes of a recall, as of 21 CFR 7.3(m).
const (
	RecallClassI   = "I"   // may cause serious harm or death
	RecallClassII  = "II"  // may cause harm that passes
	RecallClassIII = "III" // is not likely to cause harm
)

// Recall is the one record by which all units of a lot or of a release of a model
// are recalled: each unit's state follows from it, and none is written.
type Recall struct {
	V            int       `json:"v"`
	DI           string    `json:"di"`
	Kind         string    `json:"kind"`         // RecallLot or RecallRelease
	Value        string    `json:"value"`        // the lot, or the release's version
	Class        string    `json:"class"`        // RecallClassI, II or III
	NoticeDigest string    `json:"noticeDigest"` // SHA-256 of the notice to its owners, hex
	By           string    `json:"by"`           // MSP id of who recalls
	Authority    bool      `json:"authority"`    // it does so as an authority: the maker changes nothing of it
	Since        time.Time `json:"since"`        // time of this revision, vouched for by the endorsers
	Ended        bool      `json:"ended"`        // lifted: it applies to no unit
	Revision     int       `json:"revision"`     // 1 for the first, one more with each change

	Persons []PersonActed `json:"persons,omitempty" metadata:",optional"` // of an ended one: who signed for that
}

// Key returns the record's key.
func (r *Recall) Key() Key { return RecallKey(r.DI, r.Kind, r.Value) }

// RecallKey returns the key of the recall of a lot or release of a model.
func RecallKey(di, kind, value string) Key { return Key{TypeRecall, []string{di, kind, value}} }

// RecallKeys returns the keys of the two recalls that can concern the unit: of
// its lot, and of the release that it runs.
func (u *Unit) RecallKeys() (lot, release Key) {
	return RecallKey(u.DI, RecallLot, u.Lot), RecallKey(u.DI, RecallRelease, u.Release)
}

// RecalledBy returns which of the two recalls applies to the unit: the lot's
// before the release's, nil for none. They are the records under the unit's
// RecallKeys, nil where none stands. A unit that is not yet complete, or is
// retired, is not recalled; one that was cleared of a recall is recalled again by
// a later revision of it.
func (u *Unit) RecalledBy(lot, release *Recall) *Recall {
	if u.State == StateManufactured || u.State == StateRetired {
		return nil
	}
	var cleared Cleared
	if u.Cleared != nil {
		cleared = *u.Cleared
	}
	switch {
	case lot != nil && !lot.Ended && lot.Revision > cleared.Lot:
		return lot
	case release != nil && !release.Ended && release.Revision > cleared.Release:
		return release
	}
	return nil
}

// Derive gives a unit as answers show it: upcast, and recalled when one of the
// recalls under its RecallKeys applies.
func (u *Unit) Derive(lot, release *Recall) {
	u.Upcast()
	r := u.RecalledBy(lot, release)
	if r == nil {
		return
	}
	u.Recall = &UnitRecall{
		Kind: r.Kind, Value: r.Value, Revision: r.Revision, Class: r.Class, By: r.By, Since: r.Since, State: u.State,
	}
	u.State = StateRecalled
}

// OwnState returns the state that the unit has whether or not a recall applies:
// what decides whether it serves, and whether its data are taken.
func (u *Unit) OwnState() string {
	if u.Recall != nil {
		return u.Recall.State
	}
	return u.State
}

// RecallDevices recalls all units of a lot or of a release: the first time, with
// another notice or class, or again after it was lifted. Units that were cleared
// of an earlier revision are recalled again.
type RecallDevices struct {
	DI           string `json:"di"`
	Kind         string `json:"kind"`
	Value        string `json:"value"`
	Class        string `json:"class"`
	NoticeDigest string `json:"noticeDigest"`
	Revision     int    `json:"revision"` // of the recall, as read; 0 when there was none
}

// Validate returns a Problem that lists every fault.
func (r *RecallDevices) Validate() error {
	var c check
	c.recalled(r.DI, r.Kind, r.Value)
	c.oneOf("class", r.Class, RecallClassI, RecallClassII, RecallClassIII)
	c.digest("noticeDigest", r.NoticeDigest)
	if r.Revision != 0 {
		c.revision("revision", r.Revision)
	}
	return c.problem("the recall")
}

// LiftRecall ends a recall for all its units. Two persons of issuers of two
// organisations, with the credential CredentialReleaser, sign for it.
type LiftRecall struct {
	DI       string `json:"di"`
	Kind     string `json:"kind"`
	Value    string `json:"value"`
	Revision int    `json:"revision"` // of the recall, as read
}

// Validate returns a Problem that lists every fault.
func (r *LiftRecall) Validate() error {
	var c check
	c.recalled(r.DI, r.Kind, r.Value)
	c.revision("revision", r.Revision)
	return c.problem("the recall")
}

// ClearUnit clears one unit of a recall that goes on: it was mended. Two persons
// of issuers of two organisations, with the credential CredentialReleaser, sign
// for it.
type ClearUnit struct {
	ID       string `json:"id"`
	Revision int    `json:"revision"`
	Kind     string `json:"kind"`                                    // RecallLot or RecallRelease
	Recall   int    `json:"recall"`                                  // revision of the recall, as read
	Evidence string `json:"evidence,omitempty" metadata:",optional"` // SHA-256 of what shows that it was mended, hex
}

// Validate returns a Problem that lists every fault.
func (r *ClearUnit) Validate() error {
	var c check
	c.step(r.ID, r.Revision)
	c.oneOf("kind", r.Kind, RecallLot, RecallRelease)
	c.revision("recall", r.Recall)
	c.optionalDigest("evidence", r.Evidence)
	return c.problem("the clearance")
}

// GetRecall asks for one recall.
type GetRecall struct {
	DI    string `json:"di"`
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

// ListRecalls asks for the recalls of one model, ended ones too.
type ListRecalls struct {
	DI   string      `json:"di"`
	Page PageRequest `json:"page"`
}

// RecallPage is one page of recalls, by kind and value.
type RecallPage struct {
	Items []Recall `json:"items"`
	Next  string   `json:"next"`
}
