package app

import (
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/worker"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/rest"
)

const (
	reviewBatch  = 32
	reviewEach   = 24 * time.Hour
	publishEach  = 7 * 24 * time.Hour // although nothing changed: certifications rest on recent assessments
	reviewAgain  = time.Minute        // after a failure
	sightingsFor = time.Minute        // that are not kept yet
	settled      = 30 * time.Minute   // by when a command is done or has failed
)

// reviewer judges own devices by the controls in use, holds those that fail, and
// puts what came of it on the ledger. It holds: it never quarantines, and stops
// nothing.
type reviewer struct {
	organisation string
	controls     *controls
	worker       *worker.Worker // set once it is made
	kept         time.Time      // when sightings were last kept
	after        string         // unit behind which holdAttested goes on
}

// Review judges some of those that are due.
func (r *reviewer) Review(ctx context.Context, now time.Time) (next time.Time, err error) {
	s := r.controls
	if now.Sub(r.kept) >= sightingsFor {
		if err := s.AddSeen(ctx, s.seen.take()); err != nil {
			return now, err
		}
		r.kept = now
	}
	_, used, err := s.InUse(ctx)
	if err != nil && ledger.CodeOf(err) != ledger.CodeUnavailable {
		return now, err
	}
	if unread := err != nil; unread || used == nil { // nothing to judge by; its document wakes this when it comes
		if err := r.holdAttested(ctx, now); err != nil || r.after != "" {
			return now, err
		}
		return now.Add(sightingsFor), nil
	}
	due, next, err := s.ToReview(ctx, now, reviewBatch)
	if err != nil {
		return now, err
	}
	for _, one := range due {
		if ctx.Err() != nil {
			return now, nil //nolint:nilerr // told to end
		}
		if err := r.one(ctx, one, now); err != nil {
			return now, err
		}
	}
	if later := now.Add(sightingsFor); next.IsZero() || later.Before(next) {
		next = later
	}
	if len(due) > 0 {
		next = now
	}
	return next, nil
}

// one reviews a device. What it cannot do now it does later.
func (r *reviewer) one(ctx context.Context, was fact.Review, now time.Time) error {
	j, err := r.controls.Judge(ctx, was.Unit, false)
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // told to end
		}
		was.Attempts++
		return r.controls.Reviewed(ctx, was, now.Add(reviewAgain*time.Duration(min(was.Attempts, 60))))
	}
	if unit := &j.Unit.Record; unit.Owner != r.organisation || unit.State == ledger.StateRetired || unit.Release == "" {
		return r.controls.Reviewed(ctx, was, now.Add(reviewEach))
	}
	next := now.Add(tomorrow(was.Unit))
	held, err := r.hold(ctx, j, now)
	if err != nil {
		return r.later(ctx, was, now, err)
	}
	if held { // it is due as soon as the ledger has it, or else is seen to have failed
		next = now.Add(settled)
	}
	if err := r.publish(ctx, j, &was, now); err != nil {
		return r.later(ctx, was, now, err)
	}
	was.Attempts = 0
	return r.controls.Reviewed(ctx, was, next)
}

// later notes that what came of a judgement could not be put on its way now. Other
// devices do not wait for this one, whatever is wrong with it; what is more than the
// outbox being full is told.
func (r *reviewer) later(ctx context.Context, was fact.Review, now time.Time, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // told to end
	}
	was.Attempts++
	noted := r.controls.Reviewed(ctx, was, now.Add(reviewAgain*time.Duration(min(was.Attempts, 60))))
	switch ledger.CodeOf(err) {
	case ledger.CodeBusy, ledger.CodeUnavailable, ledger.CodeConflict, ledger.CodeAlreadyExists:
		return noted
	}
	return errors.Join(err, noted)
}

// tomorrow is a day from now, spread over an hour so that not all devices are
// judged at once.
func tomorrow(unit string) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(unit))
	return reviewEach - time.Duration(h.Sum32()%3600)*time.Second
}

// inUseStates are those in which a device serves or may be put into service.
var inUseStates = []string{ledger.StateInService, ledger.StateCertified}

// hold holds a device that serves, or is certified to, once a control fails that
// must not; and tells the node's listeners which. It returns whether the device is to be
// held, and is not yet.
func (r *reviewer) hold(ctx context.Context, j *rest.Judged, now time.Time) (bool, error) {
	reason, _ := j.Assessment.Hold(j.Catalogue)
	unit := &j.Unit.Record
	if reason == "" || !slices.Contains(inUseStates, unit.OwnState()) || slices.Contains(unit.Holds, reason) {
		return false, nil
	}
	subjects := []string{unit.ID}
	for i, of := range j.Catalogue.Controls {
		if j.Assessment.Letters()[i] == ledger.ResultFail && of.Critical {
			subjects = append(subjects, of.ID)
		}
	}
	// The evidence is kept first: whoever asks why it is held finds it.
	if err := r.keep(ctx, j); err != nil {
		return false, err
	}
	if err := r.startHold(ctx, unit, reason, j.Assessment.Digest(), now); err != nil {
		return false, err
	}
	return true, r.controls.AddEvent(ctx, fact.EventControlsFailed, []string{string(ledger.TypeUnit), unit.ID}, subjects)
}

// attestedBatch is how many units are held at once for what they attested.
const attestedBatch = 32

// holdAttested holds units for what they attested themselves, while there are no
// controls to judge them by.
func (r *reviewer) holdAttested(ctx context.Context, now time.Time) error {
	units, err := r.controls.Contraindicated(ctx, r.after, attestedBatch)
	if err != nil {
		return err
	}
	if r.after = ""; len(units) == attestedBatch { // those that cannot be held do not stand before the others
		r.after = units[len(units)-1].Record.ID
	}
	for i := range units {
		u := &units[i].Record
		a, found, err := r.controls.Attestation(ctx, u.ID, u.Release)
		if err != nil {
			return err
		}
		if !found {
			continue // it attested anew meanwhile
		}
		err = r.startHold(ctx, u, ledger.HoldAttestation, a.Digest, now)
		switch ledger.CodeOf(err) {
		case "":
		case ledger.CodeBusy, ledger.CodeUnavailable, ledger.CodeConflict, ledger.CodeAlreadyExists: // again in a while
		default:
			if ctx.Err() == nil {
				return err
			}
		}
	}
	return nil
}

// startHold sends the command that holds a unit, once for each of its revisions; and
// again a while after it failed.
func (r *reviewer) startHold(ctx context.Context, u *ledger.Unit, reason, evidence string, now time.Time) error {
	key, err := r.holdKey(ctx, u, reason, now)
	if err != nil {
		return err
	}
	_, err = r.worker.Start(ctx, key, ledger.RoleCustodian, ledger.DeviceHold, ledger.HoldUnit{ID: u.ID, Revision: u.Revision, Reason: reason, Evidence: evidence})
	return err
}

// holdKey returns the key under which a unit's hold is sent: that of the next try when
// all before have failed and the last of them a while ago.
func (r *reviewer) holdKey(ctx context.Context, u *ledger.Unit, reason string, now time.Time) (string, error) {
	key := ledger.Digest("review-hold", []byte(u.ID+ledger.RevisionPart(u.Revision)+reason))
	for {
		at, failed, err := r.controls.FailedUnder(ctx, key)
		if err != nil || !failed || now.Sub(at) < settled {
			return key, err
		}
		key = ledger.Digest("review-hold-again", []byte(key))
	}
}

func (r *reviewer) keep(ctx context.Context, j *rest.Judged) error {
	return r.controls.PutDocument(ctx, fact.Document{
		Kind: fact.DocumentAssessment, Digest: j.Assessment.Digest(), MediaType: "application/json", Body: j.Assessment.Document(),
	})
}

// recorded reports whether the ledger has what was last published of a unit, or may
// still get it: the command fails when the ledger does not answer for long.
func (r *reviewer) recorded(ctx context.Context, was *fact.Review, now time.Time) (bool, error) {
	if now.Sub(was.Published) < settled {
		return true, nil
	}
	page, err := r.controls.ControlAssessments(ctx, was.Unit, ledger.PageRequest{})
	return slices.ContainsFunc(page.Items, func(a fact.Row[ledger.ControlAssessment]) bool {
		return a.Record.Assessor == r.organisation && a.Record.Results == was.Results && a.Record.Time.After(was.Published.Add(-settled))
	}), err
}

// publish puts a judgement on the ledger when it is another than the last, or that
// was long ago.
func (r *reviewer) publish(ctx context.Context, j *rest.Judged, was *fact.Review, now time.Time) error {
	a := j.Assessment
	unchanged := was.Catalogue == a.Catalogue && was.Release == a.Facts.Release.Version && was.Results == a.Letters()
	if unchanged && now.Sub(was.Published) < publishEach {
		there, err := r.recorded(ctx, was, now)
		if err != nil || there {
			return err
		}
	}
	if err := r.keep(ctx, j); err != nil {
		return err
	}
	if _, err := r.worker.Start(ctx, a.Digest(), ledger.RoleCustodian, ledger.ComplianceAssess, *a.Request()); err != nil {
		return err
	}
	decide := a.ToDecide(j.Catalogue)
	if !unchanged && len(decide) > 0 && slices.Contains(inUseStates, j.Unit.Record.OwnState()) {
		// A person decides whether the device is held; that they are to is told once.
		subjects := append([]string{j.Unit.Record.ID}, decide...)
		if err := r.controls.AddEvent(ctx, fact.EventControlsFailed, []string{string(ledger.TypeUnit), j.Unit.Record.ID}, subjects); err != nil {
			return err
		}
	}
	was.Catalogue, was.Release, was.Results, was.Published = a.Catalogue, a.Facts.Release.Version, a.Letters(), now
	return nil
}
