package fact

import "time"

// MaxCatalogue bounds the document of a catalogue of controls, in bytes.
const MaxCatalogue = 256 << 10

// Review is an own unit that is due to be judged by the controls in use, with what
// of the last judgement went to the ledger.
type Review struct {
	Unit     string
	Changes  int64 // of its facts so far
	Attempts int   // that failed since it was judged

	Catalogue string // ledger.CatalogueID; empty: nothing went to the ledger yet
	Release   string
	Results   string
	Published time.Time
}

// Seen is when a unit last handed in readings at this node; zero for never.
type Seen struct {
	Signed   time.Time // that it had signed
	Unsigned time.Time // that it had not
}
