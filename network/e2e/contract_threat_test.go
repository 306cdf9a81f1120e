package e2e

import (
	"crypto/rand"
	"net/http"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestWhatMembersMakeOfAReport: sightings, opinions, standing, supersession; and
// a sealed report of which nothing but its commitment stands on the ledger.
func TestWhatMembersMakeOfAReport(t *testing.T) {
	n := live(t)
	north, south, east := n.member(t, "hospital-north"), n.member(t, "hospital-south"), n.member(t, "hospital-east")
	share := func(body string) *ledger.Threat {
		return do[ledger.Threat](t, north, ledger.RoleSharer, ledger.ThreatShare, ledger.ShareThreat{
			Digest: ledger.BodyDigest([]byte(body)), Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: int64(len(body)),
		})
	}
	report, better := share("report "+rand.Text()), share("better report "+rand.Text())
	now := time.Now().UTC().Truncate(time.Millisecond)
	sighting := ledger.SightThreat{Digest: report.Digest, Sharer: "hospital-north", Count: 3, First: now.Add(-time.Hour), Last: now.Add(-time.Minute)}
	do[ledger.Sighting](t, south, ledger.RoleSharer, ledger.ThreatSight, sighting)
	do[ledger.Sighting](t, south, ledger.RoleSharer, ledger.ThreatSight, sighting) // seen again: a row of its own
	opinion := ledger.OpineThreat{Digest: report.Digest, Sharer: "hospital-north", Opinion: ledger.Disagree, Weight: 60, Revision: 1}
	fails(t, ledger.CodeDenied, north, ledger.RoleSharer, ledger.ThreatOpine, opinion)
	do[ledger.Opinion](t, east, ledger.RoleSharer, ledger.ThreatOpine, opinion)
	fails(t, ledger.CodeConflict, east, ledger.RoleSharer, ledger.ThreatOpine, opinion)

	withdraw := ledger.WithdrawThreat{Digest: report.Digest, Reason: ledger.WithdrawnSuperseded, SupersededBy: better.Digest}
	fails(t, ledger.CodeNotFound, south, ledger.RoleSharer, ledger.ThreatWithdraw, withdraw)
	do[ledger.Withdrawal](t, north, ledger.RoleSharer, ledger.ThreatWithdraw, withdraw)
	fails(t, ledger.CodeGone, south, ledger.RoleSharer, ledger.ThreatSight, sighting)

	salt := make([]byte, 32)
	_, _ = rand.Read(salt)
	commitment, err := ledger.ThreatCommitment(salt, report.Digest, ledger.TLPRed, "hospital-north", []string{"hospital-south"})
	if err != nil {
		t.Fatal(err)
	}
	sealed := do[ledger.Threat](t, north, ledger.RoleSharer, ledger.ThreatShare, ledger.ShareThreat{Digest: commitment, Marking: ledger.TLPRed})
	if sealed.Size != 0 || sealed.MediaType != "" {
		t.Errorf("the ledger says of a sealed report: %+v", sealed)
	}
	fails(t, ledger.CodeDenied, south, ledger.RoleSharer, ledger.ThreatSight, ledger.SightThreat{Digest: commitment, Sharer: "hospital-north", Count: 1, First: now, Last: now})

	var standing fact.Standing
	c := n.node(t, "authority", "auditor")
	await(t, "the sharer's standing", func() bool {
		c.call(http.MethodGet, "/v1/organisations/hospital-north/standing", nil, &standing)
		return standing.Superseded >= 1 && standing.Sealed >= 1 && standing.Sighted >= 1 && standing.Against > 0
	})
}

// TestScoresAreRecomputedByOthers marks a score that another organisation came to
// as well, and one that it did not.
func TestScoresAreRecomputedByOthers(t *testing.T) {
	n := live(t)
	north, south := n.member(t, "hospital-north"), n.member(t, "hospital-south")
	inputs := ledger.BodyDigest([]byte(rand.Text()))
	score := do[ledger.Score](t, north, ledger.RoleScorer, ledger.RiskPublish, ledger.PublishScore{
		SubjectKind: ledger.SubjectOrganisation, Subject: "hospital-north", Model: "e2e/1", InputDigest: inputs, Value: 4200, Horizon: 720, Bounds: &ledger.ScoreBounds{Lower: 3900, Upper: 4700},
	})
	fails(t, ledger.CodeDenied, south, ledger.RoleScorer, ledger.RiskPublish, ledger.PublishScore{
		SubjectKind: ledger.SubjectOrganisation, Subject: "hospital-north", Model: "e2e/1", InputDigest: inputs, Value: 1,
	})
	again := ledger.RecomputeScore{Subject: score.Subject, Model: "e2e/1", InputDigest: inputs, Value: 4200}
	fails(t, ledger.CodeDenied, north, ledger.RoleScorer, ledger.RiskRecompute, again)
	if mark := do[ledger.Recomputation](t, south, ledger.RoleScorer, ledger.RiskRecompute, again); !mark.Agrees {
		t.Errorf("the same integer reads %+v", mark)
	}
	again.Value++
	if mark := do[ledger.Recomputation](t, n.member(t, "hospital-east"), ledger.RoleScorer, ledger.RiskRecompute, again); mark.Agrees {
		t.Errorf("another integer reads %+v", mark)
	}
}
