package adapt

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// trivyFinding is a member of the lists Vulnerabilities, Misconfigurations or Secrets
// of a result (Trivy's report, SchemaVersion 2).
type trivyFinding struct {
	VulnerabilityID  string
	PkgName          string
	PkgIdentifier    struct{ PURL string }
	InstalledVersion string
	Severity         string
	Title            string
	CVSS             map[string]trivyCVSS

	ID      string // of a misconfiguration
	Status  string // PASS is no finding
	Message string

	RuleID    string // of a secret
	StartLine int
}

type trivyCVSS struct {
	V2Vector, V3Vector, V40Vector string
	V2Score, V3Score, V40Score    json.Number
}

// trivyLists are the lists of a result that hold findings. Licences are no weakness.
var trivyLists = []string{"Vulnerabilities", "Misconfigurations", "Secrets"}

// trivyHeld is a finding that waits for the image and the file that it is about.
type trivyHeld struct {
	Result   int
	List     string
	Original []byte
}

type trivyReader struct {
	j        *scanJSON
	bad      func([]byte, error)
	schema   json.Number
	artifact string
	at       time.Time
	targets  []string
	held     scanSpool
}

// readTrivy reads the report of Trivy as JSON.
func readTrivy(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	j, err := newScanJSON(ctx, r, "the Trivy report")
	if err != nil {
		return err
	}
	t := trivyReader{j: j, bad: bad, held: scanSpool{name: j.name}}
	failed := j.object(t.member)
	if failed == nil {
		failed = j.end()
	}
	// A report that was cut off loses nothing of what it says before.
	if err := t.held.each(func(decode func(any) error) error {
		var h trivyHeld
		if err := decode(&h); err != nil {
			return err
		}
		return t.give(&h, good)
	}); err != nil {
		return err
	}
	if failed == nil && t.schema != "2" {
		return ledger.Problemf(ledger.CodeInvalid, "the file is not a Trivy report of SchemaVersion 2 (trivy --format json of version 0.20 or later writes it)")
	}
	return failed
}

func (t *trivyReader) member(name string) error {
	switch name {
	case "SchemaVersion":
		return t.j.into(&t.schema)
	case "ArtifactName":
		return t.j.into(&t.artifact)
	case "CreatedAt":
		var at string
		err := t.j.into(&at)
		t.at = scanTime(at)
		return err
	case "Results":
		return t.j.array(t.result)
	}
	return t.j.skip()
}

func (t *trivyReader) result() error {
	at := len(t.targets)
	t.targets = append(t.targets, "")
	if at > 200_000 {
		return ledger.Problemf(ledger.CodeTooLarge, "the Trivy report has more than 200000 results: split it")
	}
	return t.j.object(func(name string) error {
		switch {
		case name == "Target":
			return t.j.into(&t.targets[at])
		case slices.Contains(trivyLists, name):
			return t.j.array(func() error {
				b, why, err := t.j.whole()
				if err != nil {
					return err
				}
				if why != nil {
					t.bad(b, why)
					return nil
				}
				return t.held.add(trivyHeld{at, name, b})
			})
		}
		return t.j.skip()
	})
}

func (t *trivyReader) give(h *trivyHeld, good func(Record) error) error {
	var f trivyFinding
	if !scanDecode(h.Original, &f) || f.VulnerabilityID+f.ID+f.RuleID == "" {
		t.bad(h.Original, unfit("a finding of Trivy"))
		return nil
	}
	var rec Record
	target := t.targets[h.Result]
	switch h.List {
	case "Vulnerabilities":
		rec = newFinding(f.VulnerabilityID, vulnerabilityTitle(f.VulnerabilityID, f.PkgName, f.InstalledVersion, f.Title), h.Original)
		rec.product(f.PkgName, f.InstalledVersion, f.PkgIdentifier.PURL)
		rec.CVEs = cves(f.VulnerabilityID)
	case "Misconfigurations":
		if f.Status == "PASS" || f.Status == "EXCEPTION" {
			return nil
		}
		rec = newFinding("trivy:"+f.ID, f.Title+" ("+target+")", h.Original)
		rec.product(target, "", "")
	default: // what the secret is stays in the original
		rec = newFinding("trivy:"+f.RuleID, f.Title+" ("+target+":"+strconv.Itoa(f.StartLine)+")", h.Original)
		rec.product(target, "", "")
	}
	rec.Severity = f.severity()
	rec.Time = t.at
	rec.Asset.Name = line(t.artifact, maxTitle)
	return good(rec)
}

// severity takes NVD's vectors, else those of the others that Trivy quotes, in the
// order of their names, else Trivy's word.
func (f *trivyFinding) severity() int {
	names := slices.Sorted(maps.Keys(f.CVSS))
	slices.SortStableFunc(names, func(a, b string) int { return boolOrder(b == "nvd") - boolOrder(a == "nvd") })
	var vectors, scores []string
	for _, n := range names {
		c := f.CVSS[n]
		vectors = append(vectors, c.V40Vector, c.V3Vector, c.V2Vector)
		scores = append(scores, c.V40Score.String(), c.V3Score.String(), c.V2Score.String())
	}
	return scanSeverity(vectors, scores, []string{f.Severity})
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

// vulnerabilityTitle says in a line what is wrong with what.
func vulnerabilityTitle(id, product, version, text string) string {
	s := id
	if product != "" {
		s += " in " + strings.TrimSpace(product+" "+version)
	}
	if text != "" && !strings.HasPrefix(text, id) {
		s += ": " + text
	}
	return s
}
