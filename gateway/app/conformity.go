package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// conform fills in a certificate of conformity of a device that this organisation
// assessed: what the ledger says of the assessment, what is still open, and no
// longer than it stands. It fails with a conflict for a device that somebody else
// assessed last, or nobody: nobody certifies what another found. Of a device that the
// ledger does not know the caller's own claims stand.
func (c *controls) conform(ctx context.Context, organisation string, claims map[string]any, life time.Duration) (map[string]any, time.Duration, error) {
	unit, ok := claims["unit"].(string)
	if !ok {
		return claims, life, nil
	}
	row, err := c.Unit(ctx, unit)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return claims, life, nil
	}
	if err != nil {
		return nil, 0, err
	}
	u := &row.Record
	if u.Assessment == nil || u.Assessment.Assessor != organisation {
		return nil, 0, ledger.Problemf(ledger.CodeConflict, "the device was last assessed by another organisation, or by none: assess it here, have an assessor sign for it, and issue the certificate then")
	}
	now := time.Now()
	if u.CertifiedAt(now) == ledger.CertificationNone || u.Recall != nil {
		return nil, 0, ledger.Problemf(ledger.CodeConflict, "the device is not certified: its last assessment certifies nothing, is of another release, is over, or the device is recalled")
	}
	if slices.Contains([]string{ledger.StateHeld, ledger.StateQuarantined, ledger.StateRetired}, u.OwnState()) {
		return nil, 0, ledger.Problemf(ledger.CodeConflict, "the device is held, in quarantine or retired: its certificate is issued once it may be used again")
	}
	a := u.Assessment
	full := map[string]any{}
	for name, value := range claims {
		full[name] = value
	}
	for name, value := range map[string]any{
		"di": u.DI, "release": a.Release, "catalogue": a.Catalogue, "verdict": a.Verdict, "score": a.Score,
		"result_digest": a.ResultDigest, "assessed": a.Time.UTC().Format(time.DateOnly), "assessor": a.Assessor,
	} {
		full[name] = value
	}
	open, known, err := c.conditions(ctx, a.ResultDigest, a.Catalogue)
	if err != nil {
		return nil, 0, err
	}
	if known {
		delete(full, "conditions")
	}
	if len(open) > 0 {
		full["conditions"] = open
	}
	if left := a.ValidTo.Sub(now).Truncate(time.Second); life <= 0 || left < life {
		life = left
	}
	return full, life, nil
}

// maxConditions is how many a certificate states; the results' document has all.
const maxConditions = 16

// conditions are what an assessment left open, by its document and the catalogue by
// which it was made, which the members may no longer use; false when it was made by
// other means than a document that is here. It fails with a conflict when it cannot be
// judged again here.
func (c *controls) conditions(ctx context.Context, digest, catalogue string) (open []any, known bool, err error) {
	d, err := c.Document(ctx, fact.DocumentAssessment, digest)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	of, err := c.published(ctx, catalogue)
	if err != nil {
		return nil, false, err
	}
	a, err := compliance.Recompute(of, d.Body)
	if err != nil {
		return nil, false, fmt.Errorf("reading an assessment of ours: %w", err)
	}
	for _, s := range a.Conditions(of) {
		if len(open) == maxConditions {
			break
		}
		open = append(open, s)
	}
	return open, true, nil
}

// published returns a catalogue that stands on the ledger, in use or not.
func (c *controls) published(ctx context.Context, id string) (*compliance.Catalogue, error) {
	gone := ledger.Problemf(ledger.CodeConflict, "the catalogue by which the device was assessed is not here: assess it again")
	name, version, ok := ledger.SplitCatalogue(id)
	if !ok {
		return nil, gone
	}
	row, err := c.ControlCatalogue(ctx, name, version)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil, gone
	}
	if err != nil {
		return nil, err
	}
	if own := compliance.BuiltIn(); own.Digest() == row.Record.Digest {
		return own, nil
	}
	d, err := c.Document(ctx, fact.DocumentCatalogue, row.Record.Digest)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil, gone
	}
	if err != nil {
		return nil, fmt.Errorf("reading a catalogue: %w", err)
	}
	of, err := compliance.ParseCatalogue(d.Body)
	if err != nil {
		return nil, fmt.Errorf("reading a catalogue: %w", err)
	}
	return of, nil
}
