package fact

import "time"

// SearchFilter says which STIX objects are searched for.
type SearchFilter struct {
	// Words are what an object must have, each somewhere in it: words, "phrases" in
	// quotation marks, and beginnings of words with an asterisk behind. At most 512 bytes.
	Words       string
	Collections []string // ids; at least one
	Types       []string // empty: any
}

// Found is an object that was found. Only the last version of each is searched.
type Found struct {
	Collection string
	ID         string
	Type       string
	Version    time.Time
	Added      time.Time
	Body       []byte
}

// FoundPage is one page of what was found, the newest first.
type FoundPage struct {
	Items []Found
	Next  string
}
