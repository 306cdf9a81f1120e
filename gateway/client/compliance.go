package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Assessment is what came of judging a device by the controls in use.
type Assessment struct {
	Unit         string                    `json:"unit"`
	Catalogue    string                    `json:"catalogue"` // as secant-controls/1
	InUse        bool                      `json:"inUse"`     // the members accepted the catalogue; otherwise a preview
	Score        int                       `json:"score"`     // basis points
	Verdict      string                    `json:"verdict"`   // certified, conditional, refused or not_certifiable
	ValidTo      *time.Time                `json:"validTo,omitempty"`
	Results      []ControlResult           `json:"results"` // in the catalogue's order
	InputDigest  string                    `json:"inputDigest"`
	ResultDigest string                    `json:"resultDigest"`
	Facts        json.RawMessage           `json:"facts"` // all that the judgement rests on
	Record       *ledger.ControlAssessment `json:"record,omitempty"`
}

// ControlResult is what came of one control.
type ControlResult struct {
	Control   string   `json:"control"`
	Title     string   `json:"title"`
	Area      string   `json:"area"`
	Weight    int      `json:"weight"`
	Critical  bool     `json:"critical"`
	Result    string   `json:"result"` // pass, partial, fail, unknown, not_applicable or tolerated
	Reason    string   `json:"reason"`
	Evidence  []string `json:"evidence"`
	Exception string   `json:"exception,omitempty"`
}

// Judge judges a device by the controls in use, from what the node knows now. Nothing
// goes to the ledger.
func (c *Client) Judge(ctx context.Context, unit string) (*Assessment, error) {
	var out Assessment
	return found(&out, c.get(ctx, unitPath(unit)+"/assessment", nil, &out))
}

// Assess judges a device and puts what came of it on the ledger: as its owner, its
// maker or an authority. The same facts give the same assessment. Right:
// compliance:write.
func (c *Client) Assess(ctx context.Context, unit string) (*Assessment, error) {
	path := unitPath(unit) + "/assessments"
	var out Assessment
	r := request{method: http.MethodPost, path: path, header: map[string]string{}}
	err := c.command(ctx, r, &out, func() error {
		a, err := c.do(ctx, r) // by now it stands there, and is the answer
		if err != nil {
			return err
		}
		return a.into(r.call(), &out)
	})
	return found(&out, err)
}

// RecordedAssessment is an assessment that stands on the ledger.
type RecordedAssessment struct {
	ledger.ControlAssessment
	Ledger fact.Origin `json:"ledger"`
}

// Assessments lists the assessments of a device that stand on the ledger, newest first.
func (c *Client) Assessments(ctx context.Context, unit string) iter.Seq2[RecordedAssessment, error] {
	return pages[RecordedAssessment](ctx, c, unitPath(unit)+"/assessments", nil)
}

// Report returns the judgement of a device as a page to read and print: one HTML
// document.
func (c *Client) Report(ctx context.Context, unit string) ([]byte, error) {
	a, err := c.do(ctx, request{method: http.MethodGet, path: unitPath(unit) + "/report"})
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// Standing is how far a device may be trusted at a time, as the ledger says.
type Standing struct {
	State         string    // as in_service, held, quarantined or recalled
	Certification string    // ledger.CertificationFull, CertificationConditional or CertificationNone
	ValidTo       time.Time // of the certification; zero without one
	Holds         []string  // open reasons for which it is held or in quarantine
}

// Standing finds how far a device may be trusted now.
func (c *Client) Standing(ctx context.Context, unit string) (*Standing, error) {
	u, err := c.Unit(ctx, unit)
	if err != nil {
		return nil, err
	}
	s := &Standing{State: u.State, Certification: u.CertifiedAt(time.Now()), Holds: u.Holds}
	if s.Certification != ledger.CertificationNone && u.Assessment != nil {
		s.ValidTo = u.Assessment.ValidTo
	}
	return s, nil
}
