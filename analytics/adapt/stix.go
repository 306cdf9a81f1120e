package adapt

import (
	"strings"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// STIX makes a STIX 2.1 bundle of an alert or a scan, the same bytes for the same
// record and sharer: what was observed with the objects that it is about, the
// weaknesses and techniques that it names and that they were sighted, and a report
// of all. What lies inside the sharer's network is withheld. A report is one
// already (Bundle).
func (r *Record) STIX(by cti.Sharer) ([]byte, error) {
	if r.Kind == KindReport {
		return nil, ledger.Problemf(ledger.CodeInvalid, "a report is a bundle already")
	}
	f := cti.Observation{Time: r.Time, Title: r.Title, CVEs: r.CVEs, Techniques: r.Techniques}
	for _, o := range r.Observables {
		v := cti.Value{Type: o.Type, Property: o.Property, Value: o.Value, Role: o.Role}
		if o.Property == "TLSH" { // which STIX writes without its version
			v.Value = strings.TrimPrefix(v.Value, "t1")
		}
		f.Values = append(f.Values, v)
	}
	if a := r.Asset; a.Product != "" {
		f.Product = &cti.Software{Name: a.Product, Version: a.Version, CPE: a.CPE}
	}
	return cti.FromObservation(f, by) //nolint:wrapcheck // a Problem
}
