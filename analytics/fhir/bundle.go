package fhir

import (
	"strconv"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bundle is a transaction or a batch as it was received.
type Bundle struct {
	Type    string // "transaction" or "batch"
	Entries []Entry
}

// Entry is an action of a bundle.
type Entry struct {
	FullURL     string
	Resource    []byte // as it was received; nil: none
	Method      string
	URL         string
	IfNoneExist string
	IfMatch     string
}

// Place is where an entry stands, for faults.
func Place(i int) string { return "Bundle.entry[" + strconv.Itoa(i) + "]" }

// ReadBundle reads a transaction or a batch of at most entries actions (FHIR R4,
// section 3.1.0.11). The resources in it are not judged. Problems: invalid, too_large.
func ReadBundle(text []byte, entries int, limits Limits) (*Bundle, error) {
	root, err := parse("the bundle", text, limits)
	if err != nil {
		return nil, err
	}
	b := &Bundle{Type: root.get("type").str(text)}
	if root.get("resourceType").str(text) != "Bundle" || b.Type != "transaction" && b.Type != "batch" {
		return nil, faulty(ledger.Fault{Field: "Bundle.type", Detail: "must be a Bundle of the type transaction or batch"})
	}
	list := root.get("entry")
	if list != nil && (list.kind != kindArray || len(list.kids) == 0) {
		return nil, faulty(ledger.Fault{Field: "Bundle.entry", Detail: "must be a list that is not empty"})
	}
	if list == nil {
		return b, nil
	}
	if len(list.kids) > entries {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a bundle has at most %d entries", entries)
	}
	var faults []ledger.Fault
	seen := map[string]bool{}
	for i, n := range list.kids {
		e := Entry{FullURL: n.get("fullUrl").str(text)}
		r := n.get("request")
		e.Method, e.URL = r.get("method").str(text), r.get("url").str(text)
		e.IfNoneExist, e.IfMatch = r.get("ifNoneExist").str(text), r.get("ifMatch").str(text)
		fault := func(field, detail string) {
			if len(faults) < maxFaults {
				faults = append(faults, ledger.Fault{Field: Place(i) + field, Detail: detail})
			}
		}
		if n.kind != kindObject || e.Method == "" || e.URL == "" {
			fault(".request", "must be there, with method and url")
		}
		if e.FullURL != "" && seen[e.FullURL] {
			fault(".fullUrl", "must not be there twice")
		}
		seen[e.FullURL] = true
		if v := n.get("resource"); v != nil {
			e.Resource = v.raw(text)
		}
		b.Entries = append(b.Entries, e)
	}
	if len(faults) > 0 {
		return nil, &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the bundle is not valid", Faults: faults}
	}
	return b, nil
}
