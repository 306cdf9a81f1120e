package threat_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

func digest(body string) string { return ledger.BodyDigest([]byte(body)) }

func sight(l *statetest.Ledger, org, body, sharer string) statetest.Proposal {
	return statetest.Proposal{Client: l.Client(org, ledger.RoleSharer), Name: ledger.ThreatSight, Request: ledger.SightThreat{
		Digest: digest(body), Sharer: sharer, Count: 2, First: statetest.Start.Add(-time.Hour), Last: statetest.Start,
	}}
}

func opine(l *statetest.Ledger, org, body, sharer, opinion string, revision int) statetest.Proposal {
	return statetest.Proposal{Client: l.Client(org, ledger.RoleSharer), Name: ledger.ThreatOpine, Request: ledger.OpineThreat{
		Digest: digest(body), Sharer: sharer, Opinion: opinion, Weight: 60, Revision: revision,
	}}
}

func withdraw(l *statetest.Ledger, org, body, by string) statetest.Proposal {
	r := ledger.WithdrawThreat{Digest: digest(body), Reason: ledger.WithdrawnError}
	if by != "" {
		r.Reason, r.SupersededBy = ledger.WithdrawnSuperseded, digest(by)
	}
	return statetest.Proposal{Client: l.Client(org, ledger.RoleSharer), Name: ledger.ThreatWithdraw, Request: r}
}

// shared is a ledger with a report of north's.
func shared(t *testing.T) *statetest.Ledger {
	t.Helper()
	l := statetest.New(t)
	statetest.Want(t, "", l.Submitted(t, share(l, north, "body"), nil))
	return l
}

func TestEachSightingIsARecordOfItsOwn(t *testing.T) {
	t.Parallel()
	l := shared(t)
	for _, org := range []string{south, south, "authority", north} {
		statetest.Want(t, "", l.Submitted(t, sight(l, org, "body", north), nil))
	}
	var page ledger.SightingPage
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.ThreatListSightings, ledger.ListFeedback{Digest: digest("body"), Sharer: north}, &page))
	count := map[string]int{}
	for _, s := range page.Items {
		count[s.By] += s.Count
		want := ledger.Sighting{
			V: 1, Digest: digest("body"), Sharer: north, By: s.By, Tx: s.Tx, Count: 2,
			First: statetest.Start.Add(-time.Hour), Last: statetest.Start, Time: statetest.Start,
		}
		if diff := cmp.Diff(want, s); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff(map[string]int{north: 2, south: 4, "authority": 2}, count); diff != "" {
		t.Error(diff)
	}
}

// TestASightingsTimesAreUTCAndHaveCome: whoever sees a report cannot have seen
// it later than now.
func TestASightingsTimesAreUTCAndHaveCome(t *testing.T) {
	t.Parallel()
	l := shared(t)
	zone := time.FixedZone("", 3600)
	p := sight(l, south, "body", north)
	req := ledger.SightThreat{Digest: digest("body"), Sharer: north, Count: 1, First: statetest.Start.Add(-time.Hour).In(zone), Last: statetest.Start.Add(999 * time.Microsecond).In(zone)}
	p.Request = req
	var got ledger.Sighting
	statetest.Want(t, "", l.Submitted(t, p, &got))
	if got.Last.Location() != time.UTC || !got.Last.Equal(statetest.Start) {
		t.Errorf("the last time is %s", got.Last)
	}
	req.Last = statetest.Start.Add(time.Millisecond)
	p.Request = req
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, p, nil))
}

func TestAnOpinionMayChangeByRevision(t *testing.T) {
	t.Parallel()
	l := shared(t)
	statetest.Want(t, ledger.CodeConflict, l.Submitted(t, opine(l, south, "body", north, ledger.Agree, 2), nil))
	statetest.Want(t, "", l.Submitted(t, opine(l, south, "body", north, ledger.Agree, 1), nil))
	statetest.Want(t, ledger.CodeConflict, l.Submitted(t, opine(l, south, "body", north, ledger.Agree, 1), nil))
	l.Advance(time.Hour)
	statetest.Want(t, "", l.Submitted(t, opine(l, south, "body", north, ledger.StronglyDisagree, 2), nil))
	statetest.Want(t, ledger.CodeConflict, l.Submitted(t, opine(l, south, "body", north, ledger.StronglyDisagree, 2), nil))
	var page ledger.OpinionPage
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.ThreatListOpinions, ledger.ListFeedback{Digest: digest("body"), Sharer: north}, &page))
	want := []ledger.Opinion{{
		V: 1, Digest: digest("body"), Sharer: north, By: south, Opinion: ledger.StronglyDisagree, Weight: 60, Revision: 2, Time: statetest.Start.Add(time.Hour),
	}}
	if diff := cmp.Diff(want, page.Items); diff != "" {
		t.Error(diff)
	}
}

func TestNobodyJudgesAReportOfItsOwn(t *testing.T) {
	t.Parallel()
	l := shared(t)
	statetest.Want(t, ledger.CodeDenied, l.Submitted(t, opine(l, north, "body", north, ledger.Agree, 1), nil))
	// South's report of the same body is another report.
	statetest.Want(t, "", l.Submitted(t, share(l, south, "body"), nil))
	statetest.Want(t, "", l.Submitted(t, opine(l, north, "body", south, ledger.Agree, 1), nil))
}

// TestASealedReportIsNotSpokenOf: who speaks of it would tell that it was a
// recipient.
func TestASealedReportIsNotSpokenOf(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	for _, marking := range []string{ledger.TLPAmber, ledger.TLPAmberStrict, ledger.TLPRed} {
		var report ledger.Threat
		statetest.Want(t, "", l.Submitted(t, sealed(t, l, north, marking), &report))
		p := sight(l, "authority", "body", north)
		p.Request = ledger.SightThreat{Digest: report.Digest, Sharer: north, Count: 1, First: statetest.Start, Last: statetest.Start}
		statetest.Want(t, ledger.CodeDenied, l.Submitted(t, p, nil))
		p = opine(l, "authority", "body", north, ledger.Agree, 1)
		p.Request = ledger.OpineThreat{Digest: report.Digest, Sharer: north, Opinion: ledger.Agree, Weight: 1, Revision: 1}
		statetest.Want(t, ledger.CodeDenied, l.Submitted(t, p, nil))
		// Its sharer may withdraw it.
		p = withdraw(l, north, "body", "")
		p.Request = ledger.WithdrawThreat{Digest: report.Digest, Reason: ledger.WithdrawnOutdated}
		statetest.Want(t, "", l.Submitted(t, p, nil))
	}
}

func TestAReportIsWithdrawnByItsSharerForEver(t *testing.T) {
	t.Parallel()
	l := shared(t)
	statetest.Want(t, "", l.Submitted(t, opine(l, south, "body", north, ledger.Agree, 1), nil))
	statetest.Want(t, ledger.CodeNotFound, l.Evaluate(l.Client(south, ""), ledger.ThreatGetWithdrawal, ledger.GetThreat{Digest: digest("body"), Sharer: north}, nil))
	statetest.Want(t, ledger.CodeNotFound, l.Submitted(t, withdraw(l, south, "body", ""), nil)) // it has none of its own
	statetest.Want(t, "", l.Submitted(t, withdraw(l, north, "body", ""), nil))
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, withdraw(l, north, "body", ""), nil))
	statetest.Want(t, ledger.CodeAlreadyExists, l.Submitted(t, share(l, north, "body"), nil))
	statetest.Want(t, ledger.CodeGone, l.Submitted(t, sight(l, south, "body", north), nil))
	statetest.Want(t, ledger.CodeGone, l.Submitted(t, opine(l, south, "body", north, ledger.Disagree, 2), nil))
	var got ledger.Withdrawal
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.ThreatGetWithdrawal, ledger.GetThreat{Digest: digest("body"), Sharer: north}, &got))
	want := ledger.Withdrawal{V: 1, Digest: digest("body"), Sharer: north, Reason: ledger.WithdrawnError, Time: statetest.Start}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAReportIsSupersededByAnOwnOneThatStands(t *testing.T) {
	t.Parallel()
	l := shared(t)
	statetest.Want(t, ledger.CodeNotFound, l.Submitted(t, withdraw(l, north, "body", "newer"), nil))
	statetest.Want(t, "", l.Submitted(t, share(l, south, "newer"), nil))
	statetest.Want(t, ledger.CodeNotFound, l.Submitted(t, withdraw(l, north, "body", "newer"), nil)) // another's
	statetest.Want(t, "", l.Submitted(t, share(l, north, "newer"), nil))
	statetest.Want(t, ledger.CodeInvalid, l.Submitted(t, withdraw(l, north, "body", "body"), nil))
	statetest.Want(t, "", l.Submitted(t, withdraw(l, north, "body", "newer"), nil))
	statetest.Want(t, ledger.CodeGone, l.Submitted(t, withdraw(l, north, "newer", "body"), nil)) // not in a ring
	statetest.Want(t, "", l.Submitted(t, share(l, north, "newest"), nil))
	statetest.Want(t, "", l.Submitted(t, withdraw(l, north, "newer", "newest"), nil))
}

func TestWhatIsNotSharedIsNotSpokenOf(t *testing.T) {
	t.Parallel()
	l := shared(t)
	for _, p := range []statetest.Proposal{
		sight(l, south, "other", north), sight(l, north, "body", south),
		opine(l, south, "other", north, ledger.Agree, 1), opine(l, north, "body", south, ledger.Agree, 1),
		withdraw(l, north, "other", ""),
	} {
		statetest.Want(t, ledger.CodeNotFound, l.Submitted(t, p, nil))
	}
	var sightings ledger.SightingPage
	var opinions ledger.OpinionPage
	none := ledger.ListFeedback{Digest: digest("other"), Sharer: north}
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.ThreatListSightings, none, &sightings))
	statetest.Want(t, "", l.Evaluate(l.Client(south, ""), ledger.ThreatListOpinions, none, &opinions))
	if sightings.Items == nil || opinions.Items == nil || len(sightings.Items)+len(opinions.Items) > 0 {
		t.Errorf("of no report is said %v and %v", sightings, opinions)
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	type one func(*statetest.Ledger) statetest.Proposal
	sharing := func(org, body string) one {
		return func(l *statetest.Ledger) statetest.Proposal { return share(l, org, body) }
	}
	sighting := func(org string) one {
		return func(l *statetest.Ledger) statetest.Proposal { return sight(l, org, "body", north) }
	}
	opining := func(org string) one {
		return func(l *statetest.Ledger) statetest.Proposal { return opine(l, org, "body", north, ledger.Agree, 1) }
	}
	withdrawing := func(body, by string) one {
		return func(l *statetest.Ledger) statetest.Proposal { return withdraw(l, north, body, by) }
	}
	for _, c := range []struct {
		name  string
		a, b  one
		valid []bool
	}{
		{"one body shared twice by one: the second loses", sharing(north, "new"), sharing(north, "new"), []bool{true, false}},
		{"one body shared by two: neither loses", sharing(north, "new"), sharing(south, "new"), []bool{true, true}},
		{"two bodies shared by one: neither loses", sharing(north, "new"), sharing(north, "newer"), []bool{true, true}},
		{"two sightings by one: neither loses", sighting(south), sighting(south), []bool{true, true}},
		{"two sightings by two: neither loses", sighting(south), sighting("authority"), []bool{true, true}},
		{"a sighting and an opinion: neither loses", sighting(south), opining(south), []bool{true, true}},
		{"one opinion twice: the second loses", opining(south), opining(south), []bool{true, false}},
		{"opinions of two: neither loses", opining(south), opining("authority"), []bool{true, true}},
		{"one withdrawal twice: the second loses", withdrawing("body", ""), withdrawing("body", ""), []bool{true, false}},
		{"a withdrawal, then a sighting: the sighting loses", withdrawing("body", ""), sighting(south), []bool{true, false}},
		{"a withdrawal, then an opinion: the opinion loses", withdrawing("body", ""), opining(south), []bool{true, false}},
		{"a sighting, then the withdrawal: neither loses", sighting(south), withdrawing("body", ""), []bool{true, true}},
		{"an opinion, then the withdrawal: neither loses", opining(south), withdrawing("body", ""), []bool{true, true}},
		{"two reports supersede each other: the second loses", withdrawing("body", "other"), withdrawing("other", "body"), []bool{true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := shared(t)
			statetest.Want(t, "", l.Submitted(t, share(l, north, "other"), nil))
			if diff := cmp.Diff(c.valid, l.Race(t, c.a(l), c.b(l))); diff != "" {
				t.Error(diff)
			}
		})
	}
}
