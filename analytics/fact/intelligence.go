package fact

import "time"

// STIXObject is one version of a STIX object in a collection.
type STIXObject struct {
	Collection string
	ID         string
	Type       string
	Spec       string    // spec_version
	Version    time.Time // modified; created where there is none; else when it was added
	Added      time.Time // no two objects have the same; to the microsecond
	Body       []byte    // as it came
	Report     string    // digest of the report that brought it; empty: none did
}

// STIXFilter says which objects of a collection are asked for (TAXII 2.1, section 3.4).
type STIXFilter struct {
	Collection string
	After      time.Time // added after; zero: all
	Before     time.Time // added before; zero: all
	Newest     bool      // the newest first; else the oldest
	IDs        []string  // empty: any; and so the others
	Types      []string
	Specs      []string
	Versions   STIXVersions
}

// STIXVersions says which versions of each object are asked for; none: the last.
type STIXVersions struct {
	All, First, Last bool
	Exact            []time.Time
}
