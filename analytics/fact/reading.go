package fact

import "time"

// Reading is a request of readings that a node has taken, as it is listed.
type Reading struct {
	ID        string    `json:"id"`
	Unit      string    `json:"unit"`
	Count     int       `json:"count"` // records
	Root      string    `json:"root"`  // over their salted leaves
	VouchedBy string    `json:"vouchedBy"`
	MediaType string    `json:"mediaType"` // of a record
	Received  time.Time `json:"received"`
	LogIndex  uint64    `json:"logIndex"`
	Edge      string    `json:"edge,omitempty"`     // the edge box that vouches
	Sequence  *Numbered `json:"sequence,omitempty"` // as the sender says
	Clock     *Clock    `json:"clock,omitempty"`    // that the sender's is wrong, or the request waited; it orders nothing
}

// Signer is the unit that signed; empty: nobody did.
func (r *Reading) Signer() string {
	switch r.VouchedBy {
	case "device":
		return r.Unit
	case "edge":
		return r.Edge
	}
	return ""
}

// ReadingFilter narrows a list of readings; an empty field does not narrow.
type ReadingFilter struct {
	Unit      string
	MediaType string
	Since     time.Time // received then or later
	Until     time.Time // received before
}

// ReadingPage is a page of readings.
type ReadingPage struct {
	Items []Reading `json:"items"`
	Next  string    `json:"next"` // bookmark of the next page; empty at the end
}
