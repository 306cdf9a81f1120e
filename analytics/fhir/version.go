package fhir

import (
	"fmt"
	"time"
)

// Version is a version of a resource as a node keeps track of it. Its bytes lie with
// the node's readings.
type Version struct {
	Type, ID string
	Number   int64  // from 1
	Request  string // id of the request whose one record it is
	Unit     string // id of the device that it is of or from; empty: none
	Updated  time.Time
	Created  bool // its id is the server's
	Links    []Link
}

// Meta returns what is said of the version where it is served.
func (v *Version) Meta() Meta { return Meta{v.ID, v.Number, v.Updated} }

// Key is a Term whose value only those can tell who have the key.
type Key struct {
	Param string
	Value []byte
}

// Write is a version to be kept.
type Write struct {
	Version        // without number and time
	Match   int64  // the version that must be the current one; 0: none, or any
	Absent  *Query // nothing may be found by this; nil: no condition
	Keys    []Key
	Spans   []Span
}

// Written is what became of a write.
type Written struct {
	Version
	Found bool // nothing was written: the one that is named was there already (Write.Absent)
	First bool // it is the resource's first
}

// Query asks for the resources of a type. What stands beside one another must all be
// so, of what stands in one list one must.
type Query struct {
	Type  string
	IDs   [][]string // _id
	Keys  []Any
	Times []When
	Order Order
}

// Any asks for one of several values of a parameter.
type Any struct {
	Param  string
	Values [][]byte
}

// When asks for a time; of several bounds one must hold.
type When struct {
	Param  string // empty: _lastUpdated
	Bounds []Bound
}

// Bound compares with a time as exact as it was said. Compare is one of the prefixes
// of FHIR R4, section 3.1.1.4.4: eq, ne, gt, lt, ge, le, sa, eb.
type Bound struct {
	Compare string
	Range   Interval
}

// Order is how what is found is ordered.
type Order string

// The orders. Each ends in the order in which resources came.
const (
	Newest         Order = ""              // the one that came last first
	Oldest         Order = "oldest"        // the one that came first
	UpdatedLast    Order = "-_lastUpdated" // the one last changed first
	UpdatedFirst   Order = "_lastUpdated"
	ByDateLast     Order = "-date" // what was last observed first
	ByDateFirst    Order = "date"
	MaxConditions        = 16  // of a query
	MaxAlternative       = 100 // of one condition
)

// ConditionError means that a write's condition does not hold, so that nothing of
// what was to be written with it was.
type ConditionError struct {
	Write   int // which, from 0
	Matches int // with Write.Absent: how many there are; 0: the current version is another
}

// Error says so.
func (e *ConditionError) Error() string {
	if e.Matches > 0 {
		return fmt.Sprintf("write %d: the condition fits more than one resource", e.Write)
	}
	return fmt.Sprintf("write %d: the current version is another", e.Write)
}
