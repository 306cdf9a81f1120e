package adapt

import (
	"context"
	"encoding/json"
	"io"

	"github.com/secant-platform/secant/analytics/vuln"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// readOpenVEX reads an OpenVEX document as analytics/vuln does. What it says is
// affected, or not known yet, is a finding of the product; what it says is fixed or
// not affected is none.
func readOpenVEX(_ context.Context, r io.Reader, good func(Record) error, _ func([]byte, error)) error {
	b, err := io.ReadAll(io.LimitReader(r, vuln.MaxVEXBytes+1))
	if err != nil {
		return err
	}
	doc, err := vuln.ParseVEX(b)
	if err != nil {
		return err
	}
	if doc.Format != vuln.FormatOpenVEX {
		return ledger.Problemf(ledger.CodeInvalid, "the document is not OpenVEX")
	}
	var parts struct {
		Statements []json.RawMessage `json:"statements"`
	}
	if err := json.Unmarshal(trimMark(b), &parts); err != nil {
		return ledger.Problemf(ledger.CodeInvalid, "the document is not OpenVEX")
	}
	// The reader makes a statement for each product of one: in the same order.
	next := 0
	for _, original := range parts.Statements {
		var one struct {
			Products  []json.RawMessage `json:"products"`
			Timestamp string            `json:"timestamp"`
		}
		if err := json.Unmarshal(original, &one); err != nil {
			return ledger.Problemf(ledger.CodeInvalid, "the document is not OpenVEX")
		}
		for range one.Products {
			s := &doc.Statements[next]
			next++
			if s.Status != vuln.StatusAffected && s.Status != vuln.StatusUnderInvestigation {
				continue
			}
			rec := openVEXFinding(s, original)
			rec.Time = doc.Updated
			if at := scanTime(one.Timestamp); !at.IsZero() {
				rec.Time = at
			}
			if err := good(rec); err != nil {
				return err
			}
		}
	}
	return nil
}

func openVEXFinding(s *vuln.Statement, original []byte) Record {
	version := ""
	if !s.Product.Versions.All {
		version = s.Product.Versions.Text
	}
	rec := newFinding(s.IDs[0], vulnerabilityTitle(s.IDs[0], s.Product.Name, version, s.Status+" "+s.Detail), original)
	purl := ""
	if len(s.Product.PURLs) > 0 {
		purl = s.Product.PURLs[0]
	}
	rec.product(s.Product.Name, version, purl)
	for _, c := range s.Product.CPEs {
		rec.platform(c)
	}
	rec.CVEs = cves(s.IDs...)
	return rec
}
