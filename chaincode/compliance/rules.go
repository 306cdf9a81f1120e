package compliance

import (
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

func fault(what, field, detail string) error {
	return &ledger.Problem{
		Code: ledger.CodeInvalid, Detail: what + " is not valid",
		Faults: []ledger.Fault{{Field: field, Detail: detail}},
	}
}

// accept makes the row of a catalogue that is in use from now on; before is nil
// for the first version.
func accept(before *ledger.CatalogueInUse, c *ledger.Catalogue, proposal string, now time.Time) *ledger.CatalogueInUse {
	next := &ledger.CatalogueInUse{
		V: 1, Name: c.Name, Version: c.Version, Digest: c.Digest, Since: now, Proposal: proposal, Revision: 1,
	}
	if before != nil {
		next.Revision = before.Revision + 1
	}
	return next
}

// record makes the row of evidence.
func record(req ledger.RecordEvidence, org, party string, now time.Time) (*ledger.Evidence, error) {
	if !req.Until.IsZero() && !req.Until.After(now) {
		return nil, fault("the evidence", "until", "must be after the time of the transaction")
	}
	return &ledger.Evidence{
		V: 1, SubjectKind: req.SubjectKind, Subject: req.Subject, Catalogue: req.Catalogue, Control: req.Control,
		Claim: req.Claim, Digest: req.Digest, Until: req.Until, By: org, Party: party, Time: now,
	}, nil
}

// grant makes the row of an exception.
func grant(of ledger.CatalogueControl, req ledger.GrantException, org string, now time.Time) (*ledger.Exception, error) {
	switch {
	case of.Critical && req.Effect == ledger.ExceptTolerated:
		return nil, ledger.Problemf(ledger.CodeDenied, "that a critical control fails is not borne with")
	case !req.Until.After(now) || req.Until.Sub(now) > ledger.MaxException:
		return nil, fault("the exception", "until", "must lie ahead, at most 366 days")
	}
	return &ledger.Exception{
		V: 1, SubjectKind: req.SubjectKind, Subject: req.Subject, Catalogue: req.Catalogue, Control: req.Control,
		Effect: req.Effect, ReasonDigest: req.ReasonDigest, Until: req.Until, By: org, Time: now,
	}, nil
}

// assess counts results and makes the row of an assessment. Each result that
// stands by an exception needs one that covers it now, each exception that is
// named is needed, and nothing stands for longer than they do.
func assess(
	unit *ledger.Unit, c *ledger.Catalogue, excepted map[string]*ledger.Exception, req ledger.AssessControls, now time.Time,
) (*ledger.ControlAssessment, error) {
	if unit.Release != req.Release {
		return nil, ledger.Problemf(ledger.CodeConflict, "the unit runs another release than the one that was assessed")
	}
	score, verdict, err := c.Judge(req.Results)
	if err != nil {
		return nil, err
	}
	needed := 0
	end := now.Add(longest(verdict))
	for i, of := range c.Controls {
		if !ledger.Excepted(req.Results[i]) {
			continue
		}
		e := excepted[of.ID]
		if e == nil || !e.Covers(unit.ID, unit.DI, c.ID(), of.ID, req.Results[i], now) {
			return nil, ledger.Problemf(ledger.CodeDenied, "a result stands by no exception that holds now")
		}
		needed++
		if e.Until.Before(end) {
			end = e.Until
		}
	}
	switch {
	case needed != len(excepted):
		return nil, fault("the assessment", "exceptions", "must be those by which results stand, and no others")
	case certifies(verdict) && (!req.ValidTo.After(now) || req.ValidTo.After(end)):
		return nil, fault("the assessment", "validTo", "must lie ahead, and not further than the verdict and the exceptions allow")
	case !certifies(verdict) && !req.ValidTo.IsZero():
		return nil, fault("the assessment", "validTo", "must not be stated: the results certify nothing")
	}
	return &ledger.ControlAssessment{
		V: 1, Unit: unit.ID, Release: unit.Release, Catalogue: c.ID(), Results: req.Results, Score: score, Verdict: verdict,
		InputDigest: req.InputDigest, ResultDigest: req.ResultDigest, ValidTo: req.ValidTo, Exceptions: req.Exceptions, Time: now,
	}, nil
}

func certifies(verdict string) bool { return longest(verdict) > 0 }

// longest is for how long a verdict may stand; 0: it certifies nothing.
func longest(verdict string) time.Duration {
	switch verdict {
	case ledger.VerdictCertified:
		return ledger.MaxCertified
	case ledger.VerdictConditional:
		return ledger.MaxConditional
	}
	return 0
}
