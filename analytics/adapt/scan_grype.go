package adapt

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// grypeMatch is the part of a match that is read (Grype's JSON, schema 3 to 6).
type grypeMatch struct {
	Vulnerability grypeVulnerability
	Related       []grypeVulnerability `json:"relatedVulnerabilities"`
	Artifact      struct {
		Name, Version, PURL string
		CPEs                []json.RawMessage // texts, or objects with one
	}
}

type grypeVulnerability struct {
	ID          string
	Severity    string
	Description string
	CVSS        []struct {
		Type, Version, Vector string
		Metrics               struct {
			BaseScore json.Number `json:"baseScore"`
		}
	}
}

// grypeSource is what was scanned: an image or a directory.
type grypeSource struct {
	Target json.RawMessage
}

func (s *grypeSource) name() string {
	var text string
	if json.Unmarshal(s.Target, &text) == nil {
		return text
	}
	var image struct{ UserInput, ImageID string }
	if json.Unmarshal(s.Target, &image) == nil {
		return cmp.Or(image.UserInput, image.ImageID)
	}
	return ""
}

// readGrype reads the report of Grype as JSON, which names the image and the time
// after all findings.
func readGrype(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	j, err := newScanJSON(ctx, r, "the Grype report")
	if err != nil {
		return err
	}
	var (
		source     grypeSource
		descriptor struct{ Name, Timestamp string }
		held       = scanSpool{name: j.name}
		matches    bool
	)
	failed := j.object(func(name string) error {
		switch name {
		case "source":
			return j.into(&source)
		case "descriptor":
			return j.into(&descriptor)
		case "matches":
			matches = true
			return j.array(func() error {
				b, why, err := j.whole()
				if err != nil {
					return err
				}
				if why != nil {
					bad(b, why)
					return nil
				}
				return held.add(b)
			})
		}
		return j.skip()
	})
	if failed == nil {
		failed = j.end()
	}
	cutOff := failed != nil
	asset, at := line(source.name(), maxTitle), scanTime(descriptor.Timestamp)
	if err := held.each(func(decode func(any) error) error {
		var original []byte
		if err := decode(&original); err != nil {
			return err
		}
		var m grypeMatch
		if !scanDecode(original, &m) || m.Vulnerability.ID == "" {
			bad(original, unfit("a match of Grype"))
			return nil
		}
		if asset == "" && cutOff {
			bad(original, unsaid("what was scanned"))
			return nil
		}
		rec := m.record(original)
		rec.Asset.Name, rec.Time = asset, at
		return good(rec)
	}); err != nil {
		return err
	}
	if failed == nil && !matches {
		return ledger.Problemf(ledger.CodeInvalid, "the file is not a report of Grype: it has no matches (grype -o json writes it)")
	}
	return failed
}

func (m *grypeMatch) record(original []byte) Record {
	v := &m.Vulnerability
	text := v.Description
	ids := []string{v.ID}
	all := []grypeVulnerability{*v}
	for _, r := range m.Related {
		ids = append(ids, r.ID)
		all = append(all, r)
		text = cmp.Or(text, r.Description)
	}
	rec := newFinding(v.ID, vulnerabilityTitle(v.ID, m.Artifact.Name, m.Artifact.Version, text), original)
	rec.product(m.Artifact.Name, m.Artifact.Version, m.Artifact.PURL)
	rec.CVEs = cves(ids...)
	for _, raw := range m.Artifact.CPEs[:min(len(m.Artifact.CPEs), 100)] {
		var s string
		var o struct{ CPE string }
		if json.Unmarshal(raw, &s) != nil && json.Unmarshal(raw, &o) == nil {
			s = o.CPE
		}
		rec.platform(s)
	}
	var vectors, scores []string
	for _, one := range all {
		list := slices.Clone(one.CVSS)
		slices.SortStableFunc(list, func(a, b struct {
			Type, Version, Vector string
			Metrics               struct {
				BaseScore json.Number `json:"baseScore"`
			}
		},
		) int {
			return cmp.Or(boolOrder(b.Type == "Primary")-boolOrder(a.Type == "Primary"), cmp.Compare(b.Version, a.Version))
		})
		for _, c := range list {
			vectors, scores = append(vectors, c.Vector), append(scores, c.Metrics.BaseScore.String())
		}
	}
	words := []string{v.Severity}
	for _, r := range m.Related {
		words = append(words, r.Severity)
	}
	rec.Severity = scanSeverity(vectors, scores, words)
	return rec
}
