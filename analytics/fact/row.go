package fact

import "time"

// Origin is where on the ledger a record's latest write stands.
type Origin struct {
	Block uint64    `json:"block"`
	Index int       `json:"index"` // of the transaction in its block
	Tx    string    `json:"tx"`
	By    string    `json:"by"`   // MSP id of the organisation whose node submitted it
	Time  time.Time `json:"time"` // the transaction's claimed time, vouched for by its endorsers; UTC, milliseconds
	// Late says that the transaction was held back: transactions of earlier
	// blocks were endorsed more than ledger.LateAfter after its claimed time.
	Late bool `json:"late"`
}

// Row is a record of the ledger with its place.
type Row[T any] struct {
	Record T      `json:"record"`
	Origin Origin `json:"origin"`
}

// Page is one page of rows, in the order that the query names.
type Page[T any] struct {
	Items []Row[T] `json:"items"`
	Next  string   `json:"next"` // bookmark of the next page; empty at the end
}

// UnitFilter narrows a list of units; an empty field does not narrow.
type UnitFilter struct {
	Owner        string // MSP id
	Manufacturer string // MSP id
	DI           string
	State        string
}

// ReportFilter narrows a list of threat reports; an empty field does not narrow.
type ReportFilter struct {
	Sharer  string // MSP id
	Marking string
}
