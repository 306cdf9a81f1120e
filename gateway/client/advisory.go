package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Imported is what became of an advisory that was handed in.
type Imported struct {
	ID       string   `json:"id"`       // at the node
	Tracking string   `json:"tracking"` // the publisher's own id
	Title    string   `json:"title"`
	Outcome  string   `json:"outcome"` // added, updated or unchanged
	Units    int      `json:"units"`   // of the node that it concerns, or may
	Open     int      `json:"open"`    // releases about which somebody has to decide
	Findings []string `json:"findings"`
}

// ImportAdvisory hands in a CSAF 2.0 document, an OSV record or several, or an answer
// of NVD's CVE API, as it is. Right: advisories:write.
func (c *Client) ImportAdvisory(ctx context.Context, document []byte) ([]Imported, error) {
	var out struct{ Items []Imported }
	err := c.call(ctx, request{method: http.MethodPost, path: "/v1/advisories", media: mediaJSON, body: document}, &out)
	return out.Items, err
}

// ListTaken is what became of a list that was handed in.
type ListTaken struct {
	Count int       `json:"count"` // entries
	Day   time.Time `json:"day"`   // of its edition, when it says so
}

// PutKEV hands in CISA's catalogue of known exploited vulnerabilities (JSON), in place
// of the one before. Right: advisories:write.
func (c *Client) PutKEV(ctx context.Context, catalogue []byte) (*ListTaken, error) {
	return c.putList(ctx, "/v1/exploitation/kev", mediaJSON, catalogue)
}

// PutEPSS hands in a day's EPSS scores: CSV, or packed as it is published. Right:
// advisories:write.
func (c *Client) PutEPSS(ctx context.Context, scores []byte) (*ListTaken, error) {
	media := "text/csv"
	if len(scores) > 1 && scores[0] == 0x1f && scores[1] == 0x8b { // RFC 1952, section 2.3.1
		media = "application/gzip"
	}
	return c.putList(ctx, "/v1/exploitation/epss", media, scores)
}

func (c *Client) putList(ctx context.Context, path, media string, body []byte) (*ListTaken, error) {
	var out ListTaken
	return found(&out, c.call(ctx, request{method: http.MethodPut, path: path, media: media, body: body}, &out))
}

// AdvisoryFilter narrows a list of advisories; an empty field does not narrow.
type AdvisoryFilter struct {
	Vulnerability string // as CVE-2026-10001
	Matching      bool   // only those that concern units of the node, or may
	Exploited     bool   // only those with an exploited vulnerability
}

// Advisories lists the advisories that the node knows, the most pressing first. Right:
// threats:read.
func (c *Client) Advisories(ctx context.Context, f AdvisoryFilter) iter.Seq2[fact.Advisory, error] {
	q := values("vulnerability", f.Vulnerability, "matching", yes(f.Matching), "exploited", yes(f.Exploited))
	return pages[fact.Advisory](ctx, c, "/v1/advisories", q)
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return ""
}

// AdvisoryDocument returns an advisory as it came.
func (c *Client) AdvisoryDocument(ctx context.Context, id string) ([]byte, error) {
	a, err := c.do(ctx, request{method: http.MethodGet, path: advisoryPath(id) + "/body"})
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// Affected is a unit that an advisory concerns.
type Affected struct {
	Unit            string         `json:"unit"`
	Owner           string         `json:"owner"` // MSP id
	State           string         `json:"state"` // of the unit
	Model           string         `json:"model"`
	DI              string         `json:"di"`
	Release         string         `json:"release"`
	Match           string         `json:"match"`      // id of the match of its release
	MatchState      string         `json:"matchState"` // affected, possible, rejected or not_affected
	Basis           string         `json:"basis"`      // purl, cpe, name or model
	Confidence      int            `json:"confidence"` // basis points
	Reasons         []string       `json:"reasons"`
	Vulnerabilities []fact.Concern `json:"vulnerabilities"` // with the maker's word, where there is one
	Actions         []fact.Action  `json:"actions"`         // what the advisory advises, a fix first
}

// AffectedFilter narrows a list of affected units; an empty field does not narrow.
type AffectedFilter struct {
	State string // of the match; empty: affected and possible ones
	Owner string // MSP id
	DI    string // UDI-DI of the model
}

// AffectedUnits lists the units of the node that an advisory concerns, the surest
// matches first.
func (c *Client) AffectedUnits(ctx context.Context, advisory string, f AffectedFilter) iter.Seq2[Affected, error] {
	return func(yield func(Affected, error) bool) {
		q := values("state", f.State, "owner", f.Owner, "di", f.DI, "size", strconv.Itoa(pageSize))
		for {
			var got struct{ Affected page[Affected] }
			if err := c.get(ctx, advisoryPath(advisory), q, &got); err != nil {
				yield(Affected{}, err)
				return
			}
			for _, a := range got.Affected.Items {
				if !yield(a, nil) {
					return
				}
			}
			if got.Affected.Next == "" {
				return
			}
			q.Set("cursor", got.Affected.Next)
		}
	}
}

// Decision is what a person says of a match.
type Decision struct {
	Verdict string `json:"verdict"`         // confirmed or rejected: whether the advisory's product is this model
	Scope   string `json:"scope,omitempty"` // product or advisory; empty: product, unless the match rests on an identifier
	Note    string `json:"note,omitempty"`
}

// DecideMatch says whether an advisory's product is a model, which is remembered for
// later advisories. Right: advisories:write.
func (c *Client) DecideMatch(ctx context.Context, match string, d Decision) (*fact.ReleaseMatch, error) {
	var out fact.ReleaseMatch
	return found(&out, c.post(ctx, "/v1/matches/"+url.PathEscape(match)+"/confirmation", d, &out))
}

// ShareVEX shares a maker's statements on exploitability of own devices with the
// consortium: CSAF 2.0 of the profile VEX, OpenVEX or CycloneDX. marking is TLP:
// ledger.TLPClear or ledger.TLPGreen. Right: threats:share.
func (c *Client) ShareVEX(ctx context.Context, document []byte, marking string) (*ledger.Threat, error) {
	var out ledger.Threat
	r := request{
		method: http.MethodPost, path: "/v1/vex", query: values("marking", marking), media: mediaJSON, body: document,
		header: map[string]string{},
	}
	err := c.command(ctx, r, &out, func() error {
		a, err := c.do(ctx, r) // under the same key: it tells what was made
		if err != nil {
			return err
		}
		return json.Unmarshal(a.body, &out)
	})
	return found(&out, err)
}

func advisoryPath(id string) string { return "/v1/advisories/" + url.PathEscape(id) }

// PutFHIRSchema has the node judge FHIR resources by FHIR's own JSON schema of
// release 4, and returns what it says. Right: reference:write.
func (c *Client) PutFHIRSchema(ctx context.Context, schema []byte) (string, error) {
	var outcome struct {
		Issue []struct{ Diagnostics string }
	}
	r := request{method: http.MethodPut, path: "/fhir/$schema", media: MediaFHIR, body: schema}
	if err := c.call(ctx, r, &outcome); err != nil {
		return "", err
	}
	if len(outcome.Issue) == 0 {
		return "", nil
	}
	return outcome.Issue[0].Diagnostics, nil
}
