package vuln

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gocsaf/csaf/v3/csaf"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds on an advisory. The largest CSAF document of a big vendor has 15 MB; one
// of a device maker some 50 kB.
const (
	MaxAdvisoryBytes  = 32 << 20
	MaxAdvisoryDepth  = 64
	MaxAdvisoryValues = 2_000_000

	maxProducts        = 50_000
	maxVulnerabilities = 5_000
	maxClaims          = 2_000_000 // of all vulnerabilities together
	maxText            = 4_000     // characters of a text that is kept for people
	maxFaults          = 50        // that one answer lists
)

var advisoryLimits = strictjson.Limits{Bytes: MaxAdvisoryBytes, Depth: MaxAdvisoryDepth, Values: MaxAdvisoryValues}

// ParseCSAF reads a CSAF 2.0 document. It refuses what the schema does not allow
// and what fails a mandatory test (CSAF 2.0, section 6.1) on which the meaning of
// its product tree or product states hangs; other mandatory tests that it fails
// are findings, because authorities publish such documents every week. Its errors
// are Problems and repeat nothing of the document.
func ParseCSAF(b []byte) (*Advisory, error) {
	doc, err := decodeCSAF(b)
	if err != nil {
		return nil, err
	}
	r := newReferences(doc)
	if r == nil {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the advisory speaks of more than %d products or %d vulnerabilities", maxProducts, maxVulnerabilities)
	}
	findings := mandatory(doc, r)
	var grave []ledger.Fault
	kept := []Finding{}
	for _, f := range findings {
		if !slices.Contains(graveTests, f.Test) {
			kept = append(kept, f)
		} else if len(grave) < maxFaults {
			grave = append(grave, ledger.Fault{Field: f.Place, Detail: "fails the mandatory test " + f.Test + " of CSAF 2.0"})
		}
	}
	if len(grave) > 0 {
		return nil, &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the advisory contradicts itself", Faults: grave}
	}
	a, err := doc.advisory(r)
	if err != nil {
		return nil, err
	}
	a.Findings, a.Body = kept, b
	return a, nil
}

func (doc *csafDocument) advisory(r *references) (*Advisory, error) {
	a := &Advisory{
		Format: FormatCSAF, Tracking: doc.Document.Tracking.ID, Namespace: doc.Document.Publisher.Namespace,
		Publisher: clean(doc.Document.Publisher.Name), Category: clean(doc.Document.Category), Title: clean(doc.Document.Title),
		Version: doc.Document.Tracking.Version, Status: doc.Document.Tracking.Status, Marking: doc.Document.Distribution.TLP.Label,
		Published: instant(doc.Document.Tracking.Initial), Updated: instant(doc.Document.Tracking.Current),
		Findings: []Finding{},
	}
	for _, n := range doc.Document.Notes {
		if n.Category == "summary" || n.Category == "description" {
			a.Summary = clean(n.Text)
			break
		}
	}
	for _, ref := range doc.Document.References {
		if len(a.References) < maxFaults {
			a.References = append(a.References, ref.URL)
		}
	}
	a.Products = r.products
	claims := 0
	for i := range doc.Vulnerabilities {
		v := r.vulnerability(&doc.Vulnerabilities[i])
		if claims += len(v.Claims); claims > maxClaims {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "the advisory makes more than %d statements", maxClaims)
		}
		a.Vulnerabilities = append(a.Vulnerabilities, v)
	}
	return a, nil
}

// CheckCSAF lists the mandatory tests (CSAF 2.0, section 6.1) that a document
// fails. Test 6.1.11 knows the names of the commonest weaknesses only. Its error
// is a Problem when the document does not follow the schema, which is fewer than
// these tests ask.
func CheckCSAF(b []byte) ([]Finding, error) {
	doc, err := decodeCSAF(b)
	if err != nil {
		return nil, err
	}
	r := newReferences(doc)
	if r == nil {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the advisory is larger than what is read here")
	}
	return mandatory(doc, r), nil
}

func decodeCSAF(b []byte) (*csafDocument, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if err := strictjson.Check("the advisory", b, advisoryLimits); err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal(b, &value); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the advisory is not JSON that can be read")
	}
	if err := bySchema(value); err != nil {
		return nil, err
	}
	var doc csafDocument
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the advisory is not a CSAF 2.0 document")
	}
	return &doc, nil
}

// bySchema holds a document against the OASIS schema of CSAF 2.0 with those of
// CVSS, which the library carries. Places are told as far as their names are the
// schema's.
func bySchema(doc any) error {
	found, err := csaf.ValidateCSAF(doc)
	if err != nil {
		return fmt.Errorf("reading the schema of CSAF: %w", err)
	}
	if len(found) == 0 {
		return nil
	}
	p := &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the advisory does not follow the schema of CSAF 2.0"}
	seen := map[string]bool{}
	for _, text := range found {
		place, _, _ := strings.Cut(text, ":")
		place = knownPlace(place)
		if seen[place] || len(p.Faults) == maxFaults {
			continue
		}
		seen[place] = true
		p.Faults = append(p.Faults, ledger.Fault{Field: place, Detail: "must be as the schema of CSAF 2.0 says"})
	}
	return p
}

var placeStep = regexp.MustCompile(`^([0-9]+|document|product_tree|vulnerabilities|tracking|publisher|notes|references|distribution|` +
	`aggregate_severity|acknowledgments|branches|full_product_names|product_groups|relationships|product|full_product_name|` +
	`product_identification_helper|hashes|file_hashes|model_numbers|skus|purl|cpe|cve|cwe|flags|ids|involvements|product_status|` +
	`remediations|scores|cvss_v2|cvss_v3|threats|revision_history|generator|engine|tlp|label|category|title|name|namespace|id|` +
	`version|status|date|number|summary|lang|source_lang|csaf_version|current_release_date|initial_release_date|product_id|` +
	`product_ids|group_id|group_ids|text|url|details|vectorString|baseScore|baseSeverity)$`)

// knownPlace is a JSON pointer as far as its names are those of CSAF.
func knownPlace(pointer string) string {
	var kept []string
	for step := range strings.SplitSeq(strings.Trim(pointer, "/ "), "/") {
		if !placeStep.MatchString(step) {
			break
		}
		kept = append(kept, step)
	}
	if len(kept) == 0 {
		return "document"
	}
	return strings.Join(kept, ".")
}

// instant reads a time of a document; the zero time when it cannot be one.
func instant(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s))
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

// clean makes a text of others fit for people: bounded, without control
// characters.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "")
	out := make([]rune, 0, min(len(s), maxText))
	for _, r := range s {
		if len(out) == maxText {
			break
		}
		switch {
		case r == '\n' || r == '\t':
			out = append(out, r)
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
		default:
			out = append(out, r)
		}
	}
	return strings.TrimSpace(string(out))
}
