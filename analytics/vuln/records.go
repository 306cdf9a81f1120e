package vuln

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	gocvss20 "github.com/pandatix/go-cvss/20"
	gocvss30 "github.com/pandatix/go-cvss/30"
	gocvss31 "github.com/pandatix/go-cvss/31"
	gocvss40 "github.com/pandatix/go-cvss/40"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Parse reads an advisory in any of the formats that are known here, by what
// stands in it. An OSV or NVD text may hold several records.
func Parse(b []byte) ([]*Advisory, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if err := strictjson.Check("the advisory", b, advisoryLimits); err != nil {
		return nil, err
	}
	var top struct {
		Document        json.RawMessage `json:"document"`
		ID              json.RawMessage `json:"id"`
		Modified        json.RawMessage `json:"modified"`
		Vulnerabilities []struct {
			CVE json.RawMessage `json:"cve"`
		} `json:"vulnerabilities"`
		Vulns   json.RawMessage `json:"vulns"`
		Results json.RawMessage `json:"results"`
	}
	unknown := ledger.Problemf(ledger.CodeInvalid, "the text is no advisory in a format that is read here: CSAF 2.0, OSV or NVD JSON 2.0")
	if err := json.Unmarshal(b, &top); err != nil {
		return nil, unknown
	}
	switch {
	case top.Document != nil:
		a, err := ParseCSAF(b)
		if err != nil {
			return nil, err
		}
		return []*Advisory{a}, nil
	case top.ID != nil && top.Modified != nil, top.Vulns != nil, top.Results != nil:
		return parseOSV(b)
	case len(top.Vulnerabilities) > 0 && top.Vulnerabilities[0].CVE != nil:
		return parseNVD(b)
	}
	return nil, unknown
}

// Reread reads the body of an advisory that Parse has read before, without
// judging it again.
func Reread(body []byte) (*Advisory, error) {
	var top struct {
		Document json.RawMessage `json:"document"`
		ID       json.RawMessage `json:"id"`
	}
	if err := json.Unmarshal(body, &top); err != nil {
		return nil, fmt.Errorf("reading an advisory again: %w", err)
	}
	if top.Document != nil {
		var doc csafDocument
		if err := json.Unmarshal(body, &doc); err != nil {
			return nil, fmt.Errorf("reading an advisory again: %w", err)
		}
		r := newReferences(&doc)
		if r == nil {
			return nil, errors.New("reading an advisory again: it is too large")
		}
		return doc.advisory(r)
	}
	parse := parseNVD
	if top.ID != nil {
		parse = parseOSV
	}
	all, err := parse(body)
	if err != nil || len(all) != 1 {
		return nil, fmt.Errorf("reading an advisory again: %d records: %w", len(all), err)
	}
	return all[0], nil
}

// maxRecords bounds the records in one text.
const maxRecords = 20_000

// VectorScore computes a base score, in tenths, of a CVSS vector of any version; 0
// for any other text.
func VectorScore(vector string) int {
	switch {
	case strings.HasPrefix(vector, "CVSS:4.0/"):
		if c, err := gocvss40.ParseVector(vector); err == nil {
			return tenths(c.Score())
		}
	case strings.HasPrefix(vector, "CVSS:3.1/"):
		if c, err := gocvss31.ParseVector(vector); err == nil {
			return tenths(c.BaseScore())
		}
	case strings.HasPrefix(vector, "CVSS:3.0/"):
		if c, err := gocvss30.ParseVector(vector); err == nil {
			return tenths(c.BaseScore())
		}
	default:
		if c, err := gocvss20.ParseVector(vector); err == nil {
			return tenths(c.BaseScore())
		}
	}
	return 0
}

// maxTokens of a name are compared.
const maxTokens = 40

func someTokens(s string) []string {
	t := tokens(s)
	return slices.Clip(t[:min(len(t), maxTokens)])
}
