package device

import (
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// inUse are the states of a complete unit that is not held; standing adds those
// in which it is.
var (
	inUse    = []string{ledger.StateRegistered, ledger.StateCertified, ledger.StateInService}
	standing = append(slices.Clone(inUse), ledger.StateHeld, ledger.StateQuarantined)
)

// arrows says from which states a step may be made. No step leads out of
// StateRetired.
var arrows = map[string][]string{
	ledger.DeviceCompleteUnit:   {ledger.StateManufactured},
	ledger.DevicePutIntoService: {ledger.StateRegistered, ledger.StateCertified},
	ledger.DeviceCertify:        standing,
	ledger.DeviceHold:           standing,
	ledger.DeviceQuarantine:     standing,
	ledger.DeviceRelease:        {ledger.StateHeld, ledger.StateQuarantined},
	ledger.DeviceUpdateRelease:  standing,
	ledger.DeviceOffer:          inUse,
	ledger.DeviceEndOffer:       standing,
	ledger.DeviceAccept:         inUse,
	ledger.DeviceClear:          standing,
	ledger.DeviceRetire:         standing,
}

// admits refuses a step that the unit's state has no arrow for, and one that was
// decided on another revision.
func admits(unit *ledger.Unit, step string, revision int) error {
	switch {
	case unit.State == ledger.StateRetired:
		return ledger.Problemf(ledger.CodeGone, "the unit is retired")
	case unit.Revision != revision:
		return ledger.Problemf(ledger.CodeConflict, "the unit has changed since it was read")
	case !slices.Contains(arrows[step], unit.State):
		return ledger.Problemf(ledger.CodeInvalid, "the unit's state has no such step")
	}
	return nil
}

// foreign is told to whoever has no part in a unit, before anything of its state.
func foreign() error {
	return ledger.Problemf(ledger.CodeDenied, "the unit is another organisation's")
}

// successor returns a unit that can be changed without changing the one before.
func successor(unit *ledger.Unit) *ledger.Unit {
	next := *unit
	next.Holds = slices.Clone(unit.Holds)
	next.Former, next.Refused = slices.Clone(unit.Former), slices.Clone(unit.Refused)
	return &next
}

// stands reports whether the unit's certification is in force.
func stands(unit *ledger.Unit, now time.Time) bool {
	return unit.CertifiedAt(now) != ledger.CertificationNone
}

// adverse reports whether the last assessment that the unit had with the release
// that it runs went against it, whatever it ran and was assessed with since.
func adverse(unit *ledger.Unit) bool { return slices.Contains(unit.Refused, unit.Release) }

// refused refuses a step that no unit makes while an assessment stands against it.
func refused() error {
	return ledger.Problemf(ledger.CodeDenied, "the last assessment of what the unit runs went against it")
}

// judge notes what an assessment says of the release that the unit runs.
func judge(next *ledger.Unit, certifies bool) {
	next.Refused = slices.DeleteFunc(next.Refused, func(version string) bool { return version == next.Release })
	if certifies {
		if len(next.Refused) == 0 {
			next.Refused = nil
		}
		return
	}
	next.Refused = append(next.Refused, next.Release)
	next.Refused = next.Refused[max(0, len(next.Refused)-ledger.MaxRefused):]
}

// holdAdverse holds a unit in service that an assessment stands against.
func holdAdverse(next *ledger.Unit) {
	if next.State == ledger.StateInService && adverse(next) {
		next.State, next.Previous, next.Holds = ledger.StateHeld, ledger.StateInService, []string{ledger.HoldAssessment}
	}
}

// idle is the state of a complete unit that is neither in service nor held.
// One whose certification has run out loses it.
func idle(unit *ledger.Unit, now time.Time) string {
	if stands(unit, now) {
		return ledger.StateCertified
	}
	unit.Certification = ledger.CertificationNone
	return ledger.StateRegistered
}

// certify records an assessment by an authority. What is not in service becomes
// certified or registered by it; what is in service stays so, or is held.
func certify(unit *ledger.Unit, req ledger.CertifyUnit, org string, now time.Time) (*ledger.Unit, error) {
	next := successor(unit)
	next.Assessment = &ledger.Assessment{
		Catalogue: req.Catalogue, Release: unit.Release, Score: req.Score, Verdict: req.Verdict,
		ResultDigest: req.ResultDigest, Assessor: org, Time: now, ValidTo: req.ValidTo,
	}
	next.Certification = ledger.CertificationNone
	most := time.Duration(0)
	switch req.Verdict {
	case ledger.VerdictCertified:
		next.Certification, most = ledger.CertificationFull, ledger.MaxCertified
	case ledger.VerdictConditional:
		next.Certification, most = ledger.CertificationConditional, ledger.MaxConditional
	}
	if next.Assessment.Certifies() && (!req.ValidTo.After(now) || req.ValidTo.Sub(now) > most) {
		return nil, fault("the assessment", "validTo", "must lie ahead, and not further than the verdict allows")
	}
	judge(next, next.Assessment.Certifies())
	switch unit.State {
	case ledger.StateInService:
		holdAdverse(next)
	case ledger.StateHeld, ledger.StateQuarantined:
		if unit.Previous != ledger.StateInService {
			next.Previous = idle(next, now)
		}
	default:
		next.State = idle(next, now)
	}
	return next, nil
}

// putIntoService admits a unit. One that was assessed as it is, and refused, does
// not get in; one whose certification has run out does so without it.
func putIntoService(unit *ledger.Unit, lDevID string, now time.Time) (*ledger.Unit, error) {
	if adverse(unit) {
		return nil, refused()
	}
	next := successor(unit)
	idle(next, now)
	next.State, next.Served = ledger.StateInService, true
	if lDevID != "" {
		next.LDevID = lDevID
	}
	return next, nil
}

// hold adds a reason to a unit and holds or quarantines it: a quarantined unit
// stays so, a held one can be quarantined for the same reason.
func hold(unit *ledger.Unit, state, reason string) (*ledger.Unit, error) {
	next := successor(unit)
	known := slices.Contains(unit.Holds, reason)
	harder := unit.State == ledger.StateHeld && state == ledger.StateQuarantined
	switch {
	case known && !harder:
		return nil, ledger.Problemf(ledger.CodeAlreadyExists, "the unit is held for that reason")
	case !known && len(unit.Holds) >= ledger.MaxHolds:
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a unit is held for at most %d reasons", ledger.MaxHolds)
	case !known:
		next.Holds = append(next.Holds, reason)
	}
	if slices.Contains(inUse, unit.State) {
		next.Previous = unit.State
	}
	if unit.State != ledger.StateQuarantined {
		next.State = state
	}
	return next, nil
}

// release ends all holds of a unit. What was assessed as it is, and refused, has
// to pass an assessment before, or run another release.
func release(unit *ledger.Unit, now time.Time) (*ledger.Unit, error) {
	if adverse(unit) {
		return nil, refused()
	}
	next := successor(unit)
	next.Holds, next.Previous = nil, ""
	if next.State = unit.Previous; next.State != ledger.StateInService {
		next.State = idle(next, now)
	}
	return next, nil
}

// updateRelease puts another release on a unit; recall is that of the release,
// nil for none. What was certified, or cleared, was the release before. A unit in
// service is held when an earlier assessment of it went against the release.
func updateRelease(unit *ledger.Unit, recall *ledger.Recall, version string) (*ledger.Unit, error) {
	switch {
	case unit.Release == version:
		return nil, ledger.Problemf(ledger.CodeAlreadyExists, "the unit runs that release")
	case recall != nil && !recall.Ended:
		return nil, ledger.Problemf(ledger.CodeDenied, "the release is recalled")
	}
	next := successor(unit)
	next.Release, next.Certification = version, ledger.CertificationNone
	if next.State == ledger.StateCertified {
		next.State = ledger.StateRegistered
	}
	if next.Previous == ledger.StateCertified {
		next.Previous = ledger.StateRegistered
	}
	next.Cleared = cleared(unit, ledger.RecallRelease, 0)
	holdAdverse(next)
	return next, nil
}

// cleared returns what the unit is cleared of once it is cleared of that revision
// of a recall.
func cleared(unit *ledger.Unit, kind string, revision int) *ledger.Cleared {
	var c ledger.Cleared
	if unit.Cleared != nil {
		c = *unit.Cleared
	}
	if kind == ledger.RecallLot {
		c.Lot = revision
	} else {
		c.Release = revision
	}
	if c == (ledger.Cleared{}) {
		return nil
	}
	return &c
}

// retire ends a unit's life. Its keys stay on record, for what was signed under
// them before.
func retire(unit *ledger.Unit, wipeDigest string) *ledger.Unit {
	next := successor(unit)
	next.State, next.Certification, next.WipeDigest = ledger.StateRetired, ledger.CertificationNone, wipeDigest
	next.Previous, next.Holds, next.Offer = "", nil, nil
	return next
}

func offeredTo(unit *ledger.Unit, org string) bool { return unit.Offer != nil && unit.Offer.To == org }

// offer offers a unit to another hospital; to is nil when it is not registered.
func offer(unit *ledger.Unit, to *ledger.Organisation, now time.Time) (*ledger.Unit, error) {
	if err := hospital(to, "the offer", "to"); err != nil {
		return nil, err
	}
	switch {
	case to.ID == unit.Owner:
		return nil, fault("the offer", "to", "must be another hospital")
	case offeredTo(unit, to.ID):
		return nil, ledger.Problemf(ledger.CodeAlreadyExists, "the unit is offered to that hospital")
	}
	next := successor(unit)
	next.Offer = &ledger.Offer{To: to.ID, Since: now}
	return next, nil
}

func endOffer(unit *ledger.Unit) (*ledger.Unit, error) {
	if unit.Offer == nil {
		return nil, ledger.Problemf(ledger.CodeNotFound, "the unit is offered to nobody")
	}
	next := successor(unit)
	next.Offer = nil
	return next, nil
}

// accept hands a unit over to whom it is offered. It is out of service then, and
// has no identity of its former owner, whose name it keeps: what it signed before
// was that one's.
func accept(unit *ledger.Unit, now time.Time) *ledger.Unit {
	next := successor(unit)
	next.Former = append(next.Former, ledger.FormerOwner{Owner: unit.Owner, Until: now})
	next.Former = next.Former[max(0, len(next.Former)-ledger.MaxFormer):]
	next.Owner, next.Offer, next.LDevID = unit.Offer.To, nil, ""
	next.State = idle(next, now)
	return next
}

// clearOf clears a unit of a recall, nil for none, at the revision that those who
// decided it had read.
func clearOf(unit *ledger.Unit, recall *ledger.Recall, revision int) (*ledger.Unit, error) {
	switch {
	case recall == nil || recall.Ended:
		return nil, ledger.Problemf(ledger.CodeNotFound, "no such recall concerns the unit")
	case recall.Revision != revision:
		return nil, ledger.Problemf(ledger.CodeConflict, "the recall has changed since it was read")
	}
	next := successor(unit)
	next.Cleared = cleared(unit, recall.Kind, revision)
	if unit.Cleared != nil && *unit.Cleared == *next.Cleared {
		return nil, ledger.Problemf(ledger.CodeAlreadyExists, "the unit is cleared of the recall")
	}
	return next, nil
}

// matches refuses a certification that is not what an assessment came to, of the
// release that the unit runs; that rests on one that is old, or that was made for
// another party than an authority; or that goes behind a refusal since.
func matches(a *ledger.ControlAssessment, unit *ledger.Unit, req ledger.CertifyUnit, now time.Time) error {
	switch {
	case a.Catalogue != req.Catalogue || a.Score != req.Score || a.Verdict != req.Verdict || req.ValidTo.After(a.ValidTo):
		return ledger.Problemf(ledger.CodeInvalid, "the certification says something else than the assessment of its results")
	case a.Release != unit.Release || now.Sub(a.Time) > ledger.MaxAssessmentAge:
		return ledger.Problemf(ledger.CodeGone, "the assessment is of another release, or too old")
	case a.Party != ledger.PartyAuthority:
		return ledger.Problemf(ledger.CodeDenied, "the assessment was not made by an authority")
	case !a.ValidTo.IsZero() && adverse(unit) && unit.Assessment != nil && a.Time.Before(unit.Assessment.Time):
		return ledger.Problemf(ledger.CodeGone, "the unit was refused since the assessment")
	}
	return nil
}
