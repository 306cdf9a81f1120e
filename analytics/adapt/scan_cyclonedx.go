package adapt

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// cycloneVulnerability is what a bill says of a vulnerability, in either encoding.
type cycloneVulnerability struct {
	ID         string `json:"id"`
	References []struct {
		ID string `json:"id"`
	} `json:"references"`
	Ratings []cycloneRating `json:"ratings"`
	Text    string          `json:"description"`
	Updated string          `json:"updated"`

	Analysis struct {
		State string `json:"state"`
	} `json:"analysis"`
	Affects []cycloneAffected `json:"affects"`
}

type cycloneAffected struct {
	Ref string `json:"ref"`
}

type cycloneRating struct {
	Score    json.Number `json:"score"`
	Severity string      `json:"severity"`
	Method   string      `json:"method"`
	Vector   string      `json:"vector"`
}

// cycloneMethods are the ways of rating that are read, the newest first. What
// another way says counts only as a word.
var cycloneMethods = []string{"CVSSv4", "CVSSv31", "CVSSv3", "CVSSv2", ""}

// cycloneReader gives the vulnerabilities that a CycloneDX bill lists: those of the
// format itself (1.4 to 1.7, JSON and XML) and, in XML, of the extension that older
// bills have.
type cycloneReader struct {
	components []cti.Component
	byRef      map[string]int
	product    string
	at         time.Time
	good       func(Record) error
	bad        func([]byte, error)
}

// wideDeclaration is an XML declaration that says UTF-16 still, which the text is not any
// more.
var wideDeclaration = regexp.MustCompile(`^<\?xml[^<>]{0,100}encoding=["'](?i:utf-16(?:le|be)?)["'][^<>]{0,100}\?>`)

// readCycloneDX reads a bill as analytics/cti does and says what it lists. One that
// lists nothing is no error.
func readCycloneDX(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	b, err := io.ReadAll(io.LimitReader(r, cti.MaxSBOMBytes+1))
	if err != nil {
		return err
	}
	c := cycloneReader{good: good, bad: bad}
	text := bytes.TrimSpace(trimMark(b))
	if c.components, c.byRef, err = cti.Referred(wideDeclaration.ReplaceAll(text, nil)); err != nil {
		return err
	}
	if beginsAsXML(text) {
		return c.readXML(ctx, text)
	}
	var doc struct {
		Metadata struct {
			Timestamp string `json:"timestamp"`
			Component struct {
				Name string `json:"name"`
			} `json:"component"`
		} `json:"metadata"`
		Vulnerabilities []json.RawMessage `json:"vulnerabilities"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return ledger.Problemf(ledger.CodeInvalid, "the bill of materials has members of other types than CycloneDX defines")
	}
	c.product, c.at = doc.Metadata.Component.Name, scanTime(doc.Metadata.Timestamp)
	for i, raw := range doc.Vulnerabilities {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var v cycloneVulnerability
		if err := json.Unmarshal(raw, &v); err != nil {
			bad(raw, unfit("a vulnerability of CycloneDX"))
			continue
		}
		if err := c.give(&v, raw, nil); err != nil {
			return err
		}
	}
	return nil
}

func (c *cycloneReader) readXML(ctx context.Context, text []byte) error {
	x := newXML(ctx, bytes.NewReader(text), "the bill of materials")
	type level struct {
		name      string
		component cti.Component
	}
	var open []level
	for {
		t, err := x.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch tag := t.(type) {
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.StartElement:
			top := len(open) - 1
			name := tag.Name.Local
			switch {
			case name == "vulnerability":
				n, raw, err := x.element(tag)
				if err != nil {
					return err
				}
				var within *cti.Component // the extension lists them in their component
				if top >= 1 && open[top-1].name == "component" {
					within = &open[top-1].component
				}
				v := cycloneOfXML(n)
				if err := c.give(&v, raw, within); err != nil {
					return err
				}
			case top >= 0 && open[top].name == "component" && (name == "name" || name == "version" || name == "purl" || name == "cpe"):
				n, _, err := x.element(tag)
				if err != nil {
					return err
				}
				part := &open[top].component
				switch name {
				case "name":
					part.Name = n.Text
					if top >= 1 && open[top-1].name == "metadata" {
						c.product = n.Text
					}
				case "version":
					part.Version = n.Text
				case "purl":
					part.PURL = n.Text
				case "cpe":
					part.CPE = n.Text
				}
			case top >= 0 && open[top].name == "metadata" && name == "timestamp":
				n, _, err := x.element(tag)
				if err != nil {
					return err
				}
				c.at = scanTime(n.Text)
			default:
				open = append(open, level{name: name})
			}
		}
	}
}

// cycloneOfXML reads a vulnerability of the format or of its older extension, which
// names the component by an attribute and nests the score.
func cycloneOfXML(n *xmlNode) cycloneVulnerability {
	v := cycloneVulnerability{ID: n.child("id").Text, Text: n.child("description").Text, Updated: n.child("updated").Text}
	v.Analysis.State = n.child("analysis", "state").Text
	for _, r := range n.child("references").all("reference") {
		v.References = append(v.References, struct {
			ID string `json:"id"`
		}{r.child("id").Text})
	}
	for _, r := range n.child("ratings").all("rating") {
		v.Ratings = append(v.Ratings, cycloneRating{
			Score:    json.Number(cmp.Or(r.child("score").Text, r.child("score", "base").Text)),
			Severity: r.child("severity").Text, Method: r.child("method").Text, Vector: r.child("vector").Text,
		})
	}
	for _, t := range n.child("affects").all("target") {
		v.Affects = append(v.Affects, cycloneAffected{t.child("ref").Text})
	}
	if ref := n.attr("ref"); ref != "" {
		v.Affects = append(v.Affects, cycloneAffected{ref})
	}
	return v
}

// maxCycloneAffected bounds the components of one vulnerability.
const maxCycloneAffected = 50_000

// give makes a record for each component that is affected, or one of the product.
func (c *cycloneReader) give(v *cycloneVulnerability, original []byte, within *cti.Component) error {
	if v.ID == "" && len(v.References) == 0 || len(v.Affects) > maxCycloneAffected {
		c.bad(original, unfit("a vulnerability of CycloneDX"))
		return nil
	}
	if cti.Harmless(v.Analysis.State) {
		return nil
	}
	ids := []string{v.ID}
	for _, r := range v.References {
		ids = append(ids, r.ID)
	}
	id := cmp.Or(ids...)
	var affected []*cti.Component
	for _, a := range v.Affects {
		if at, known := c.byRef[cti.Reference(a.Ref)]; known {
			affected = append(affected, &c.components[at])
		} else if within == nil {
			affected = append(affected, &cti.Component{Name: a.Ref, PURL: a.Ref})
		}
	}
	switch {
	case within != nil:
		affected = []*cti.Component{within}
	case len(affected) == 0:
		affected = []*cti.Component{{}}
	}
	for _, part := range affected {
		rec := newFinding(id, vulnerabilityTitle(id, part.Name, part.Version, v.Text), original)
		rec.product(part.Name, part.Version, part.PURL)
		rec.platform(part.CPE)
		rec.CVEs = cves(ids...)
		rec.Severity = v.severity()
		rec.Time = c.at
		if rec.Time.IsZero() {
			rec.Time = scanTime(v.Updated)
		}
		rec.Asset.Name = line(c.product, maxTitle)
		if err := c.good(rec); err != nil {
			return err
		}
	}
	return nil
}

func (v *cycloneVulnerability) severity() int {
	var vectors, scores, words []string
	for _, method := range cycloneMethods {
		for _, r := range v.Ratings {
			if !strings.EqualFold(r.Method, method) {
				continue
			}
			vector := r.Vector
			if method == "CVSSv3" && strings.HasPrefix(vector, "AV:") {
				vector = "CVSS:3.0/" + vector
			}
			vectors, scores, words = append(vectors, vector), append(scores, r.Score.String()), append(words, r.Severity)
		}
	}
	for _, r := range v.Ratings {
		words = append(words, r.Severity)
	}
	return scanSeverity(vectors, scores, words)
}
