package fact

import "encoding/json"

// MISPEvent is an event as MISP exchanges them: one that was handed in, or the form that
// a report has there which a member shared.
type MISPEvent struct {
	ID           int64 // at this node
	UUID         string
	Info         string // its title
	Date         string // YYYY-MM-DD
	Orgc         string // name of the organisation that made it
	Tags         []string
	Published    bool
	Timestamp    int64  // seconds: of its last change
	PublishedAt  int64  // seconds; 0: it is not published
	ThreatLevel  int    // 1 high, 2 medium, 3 low, 4 undefined
	Report       string // digest of the report that it is the form of; empty: it was handed in here
	Count        int    // of attributes
	Sighted      int64  // seconds: of the newest sighting; 0: there is none
	Body         []byte // the object below "Event"; nil where only what it is about was asked for
	Attributes   []MISPAttribute
	OnlyMetadata bool `json:"-"`
}

// MISPAttribute is an attribute of an event.
type MISPAttribute struct {
	ID        int64 // at this node, the same in all editions
	UUID      string
	Type      string
	Category  string
	Values    []string // that it is found by: of "filename|md5" each, and both together
	ToIDs     bool
	Timestamp int64
	Doc       json.RawMessage // as MISP says it

	Event MISPEvent // where it was searched for: what it is of, without body
}

// MISPFilter says which events or attributes are searched for. Lists: any of them;
// empty: all.
type MISPFilter struct {
	UUIDs          []string // of events, or their ids
	Attributes     []string // UUIDs of attributes, or their ids
	Values         []string // a percent sign stands for anything
	Literal        bool     // a percent sign in a value is one
	Types          []string
	Categories     []string
	Orgs           []string // names of those that made it
	NotOrgs        []string
	Tags           []string
	NotTags        []string
	Info           string // part of the title
	From, To       string // of the date, YYYY-MM-DD, both included
	Since          int64  // of the timestamp, seconds
	Until          int64  // the same; 0: none
	Published      *bool
	PublishedSince int64
	ToIDs          *bool
	Limit          int // at least 1
	Page           int // from 1
	Bodies         bool
}

// The types of MISPSighting.
const (
	MISPSeen          = 0 // it was seen
	MISPFalsePositive = 1 // it raised a false alarm
	MISPExpiration    = 2 // it holds no longer
)

// MISPSighting is what was said of an attribute.
type MISPSighting struct {
	ID        int64 // at this node
	UUID      string
	Event     string // UUID
	Attribute string // UUID
	Type      int
	Date      int64  // seconds
	Source    string // a tool, as the caller names it
	Org       string // name of the organisation that says so

	EventID, AttributeID int64 // at this node
}

// MISPSightingFilter says which sightings are asked for. What is empty does not narrow.
type MISPSightingFilter struct {
	UUIDs      []string // of sightings, or their ids
	Events     []string // UUIDs, or ids
	Attributes []string // UUIDs, or ids
	Type       *int
	Source     string
	From, To   int64 // of the date, seconds, both included; 0: no bound
	Limit      int   // at least 1
	Page       int   // from 1
}
