package adapt

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/secant-platform/secant/analytics/cti"
)

var stixFormat = Format{
	Name: "stix", Tool: "STIX 2.0 or 2.1 bundle, TAXII envelope", Kind: KindReport,
	Detect: func(head []byte) bool {
		return startsJSON(head) && (bytes.Contains(head, []byte(`"bundle--`)) || bytes.Contains(head, []byte(`"spec_version"`)) && bytes.Contains(head, []byte(`"objects"`)))
	},
	Read: readSTIX,
}

func readSTIX(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	b, err := readAll(ctx, r, "the STIX collection", cti.MaxCollectionBytes)
	if err != nil {
		return err
	}
	return cti.Bundles(b, func(report *cti.Report) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		record, err := fromReport(report)
		if err != nil {
			return err
		}
		return good(record)
	}, bad)
}

// fromReport says what a bundle says as a record.
func fromReport(report *cti.Report) (Record, error) {
	r := Record{
		Kind: KindReport, Title: line(report.Title, maxTitle), Severity: report.Severity, CVEs: report.CVEs,
		Original: report.Body, Bundle: report.Body,
	}
	objects, err := report.Objects()
	if err != nil {
		return Record{}, err
	}
	var (
		observables []Observable
		techniques  []string
		texts       []string
	)
	for i := range objects {
		o := &objects[i]
		if o.Version.After(r.Time) {
			r.Time = o.Version
		}
		techniques = append(techniques, o.Techniques()...)
		switch o.Type {
		case "indicator":
			observables = append(observables, patternObservables(o.Body)...)
		case "report", "grouping", "note":
			var said struct{ Description, Content string }
			if json.Unmarshal(o.Body, &said) == nil && len(texts) < maxNames {
				texts = append(texts, said.Description, said.Content)
			}
		}
	}
	r.Observables, r.Techniques = uniqueObservables(observables), distinct(techniques, strings.Clone)
	r.Text = truncate(strings.TrimSpace(strings.Join(texts, "\n")), maxText)
	return r, nil
}

// patternObservables returns the values of which each by itself is what an indicator
// looks for. Revoked ones look for nothing.
func patternObservables(body []byte) []Observable {
	var i struct {
		Pattern     string
		PatternType string `json:"pattern_type"`
		Revoked     bool
	}
	if json.Unmarshal(body, &i) != nil || i.PatternType != "stix" || i.Revoked {
		return nil
	}
	alternatives, ok := cti.Tests(i.Pattern)
	if !ok {
		return nil
	}
	var all []Observable
	for _, tests := range alternatives {
		if len(tests) == 1 {
			if o, ok := ObservableOf(tests[0]); ok {
				all = append(all, o)
			}
		}
	}
	return all
}

// ObservableOf is the observable that a comparison finds.
func ObservableOf(t cti.Test) (Observable, bool) {
	kind, property, _ := strings.Cut(t.Path, ":")
	property, hash := strings.CutPrefix(property, "hashes.")
	var (
		o  Observable
		ok bool
	)
	switch {
	case hash && kind == TypeFile:
		o, ok = FileHash(t.Value)
	case hash && kind == TypeCertificate:
		o, ok = Certificate(t.Value)
	case property != propertyValue:
		return Observable{}, false
	case kind == TypeIPv4 || kind == TypeIPv6:
		if _, all := networkTests(t.Value); len(all) == 1 {
			o, ok = all[0], true
		}
	case kind == TypeDomain:
		o, ok = Domain(t.Value)
	case kind == TypeURL:
		o, ok = URL(t.Value)
	case kind == TypeEmail:
		o, ok = Email(t.Value)
	case kind == TypeMAC:
		o, ok = MAC(t.Value)
	}
	return o, ok && o.Type == kind
}
