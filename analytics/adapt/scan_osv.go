package adapt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// osvEntry is the part of an OSV record that is read (OSV schema 1).
type osvEntry struct {
	ID       string   `json:"id"`
	Modified string   `json:"modified"`
	Summary  string   `json:"summary"`
	Details  string   `json:"details"`
	Aliases  []string `json:"aliases"`
	Severity []struct {
		Type  string `json:"type"`
		Score string `json:"score"`
	} `json:"severity"`
	Affected []struct {
		Package struct {
			Name string `json:"name"`
			PURL string `json:"purl"`
		} `json:"package"`
	} `json:"affected"`
	Specific struct {
		Severity json.RawMessage `json:"severity"` // a word, by GitHub
	} `json:"database_specific"`
	Withdrawn string `json:"withdrawn"`
}

// osvPackage is a package of a report of osv-scanner with what was found against it.
type osvPackage struct {
	Package struct {
		Name      string `json:"name"`
		Version   string `json:"version"`
		Ecosystem string `json:"ecosystem"`
	} `json:"package"`
	Vulnerabilities []json.RawMessage `json:"vulnerabilities"`
	Groups          []struct {
		IDs []string `json:"ids"`
		Max string   `json:"max_severity"`
	} `json:"groups"`
}

// readOSV reads a report of osv-scanner, the answer of the OSV service ("vulns"), or
// one OSV record.
func readOSV(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	head := make([]byte, 4<<10)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	names := jsonHead(head[:n])
	r = io.MultiReader(bytes.NewReader(head[:n]), r)
	if _, record := names["id"]; record {
		return readOSVRecord(r, good)
	}
	j, err := newScanJSON(ctx, r, "the OSV report")
	if err != nil {
		return err
	}
	found := false
	err = j.object(func(name string) error {
		switch name {
		case "results":
			found = true
			return j.array(func() error { return osvResult(j, good, bad) })
		case "vulns":
			found = true
			return j.array(func() error {
				b, why, err := j.whole()
				if err != nil || why != nil {
					if why != nil {
						bad(b, why)
					}
					return err
				}
				return osvGive(b, &osvPackage{}, "", good, bad)
			})
		}
		return j.skip()
	})
	if err == nil {
		err = j.end()
	}
	if err == nil && !found {
		return ledger.Problemf(ledger.CodeInvalid, "the file is neither a report of osv-scanner (results) nor an OSV record (id)")
	}
	return err
}

func readOSVRecord(r io.Reader, good func(Record) error) error {
	b, err := io.ReadAll(io.LimitReader(r, maxScanFinding+1))
	if err != nil {
		return err
	}
	b = bytes.TrimSpace(trimMark(b))
	if err := strictjson.Check("the OSV record", b, scanJSONLimits); err != nil {
		return err
	}
	var wrong error
	if err := osvGive(b, &osvPackage{}, "", good, func(_ []byte, why error) { wrong = why }); err != nil {
		return err
	}
	return wrong
}

// osvResult reads what was found in one source, which names itself first.
func osvResult(j *scanJSON, good func(Record) error, bad func([]byte, error)) error {
	var source struct{ Path string }
	return j.object(func(name string) error {
		switch name {
		case "source":
			return j.into(&source)
		case "packages":
			return j.array(func() error {
				b, why, err := j.whole()
				if err != nil {
					return err
				}
				var p osvPackage
				if why == nil && !scanDecode(b, &p) {
					why = unfit("a package of osv-scanner")
				}
				if why != nil {
					bad(b, why)
					return nil
				}
				for _, v := range p.Vulnerabilities {
					if err := osvGive(v, &p, source.Path, good, bad); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return j.skip()
	})
}

func osvGive(original []byte, p *osvPackage, source string, good func(Record) error, bad func([]byte, error)) error {
	var v osvEntry
	if !scanDecode(original, &v) || v.ID == "" {
		bad(original, unfit("an OSV record"))
		return nil
	}
	if v.Withdrawn != "" { // taken back: no finding
		return nil
	}
	name, version, purl := p.Package.Name, p.Package.Version, ""
	for _, a := range v.Affected {
		if name == "" {
			name = a.Package.Name
		}
		if a.Package.Name == name && purl == "" && a.Package.PURL != "" {
			purl = a.Package.PURL
			if version != "" && !strings.ContainsAny(purl, "@?#") {
				purl += "@" + version
			}
		}
	}
	text := v.Summary
	if text == "" {
		text = v.Details
	}
	rec := newFinding(v.ID, vulnerabilityTitle(v.ID, name, version, text), slices.Clone(original))
	rec.product(name, version, purl)
	rec.Asset.Name = line(source, maxTitle)
	rec.CVEs = cves(append(v.Aliases, v.ID)...)
	rec.Time = scanTime(v.Modified)
	var vectors, scores, words []string
	for _, form := range []string{"CVSS_V4", "CVSS_V3", "CVSS_V2"} {
		for _, s := range v.Severity {
			if s.Type == form {
				vectors = append(vectors, s.Score)
			}
		}
	}
	for _, g := range p.Groups {
		if slices.Contains(g.IDs, v.ID) {
			scores = append(scores, g.Max)
		}
	}
	var word string
	if json.Unmarshal(v.Specific.Severity, &word) == nil {
		words = append(words, word)
	}
	rec.Severity = scanSeverity(vectors, scores, words)
	return good(rec)
}
