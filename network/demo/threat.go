package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// shareThreat has the north share an alert that concerns the south's pump and
// sees it arrive there. When no real alert does, the first of them is shared and
// arrives, and a sample of our own shows the match.
func (r *run) shareThreat(ctx context.Context) error {
	fit := fitting(r.input.alerts, r.offered)
	if shared, err := r.shareFirst(ctx, fit, true); shared || err != nil {
		return err
	}
	switch {
	case len(fit) > 0:
		r.say.note("every real alert about a service of hospital-south's pump was shared before; a sample of the project's own follows")
	case len(r.input.alerts) > 0:
		if _, err := r.shareFirst(ctx, r.input.alerts, false); err != nil {
			return err
		}
		r.say.note("none of the %d real alerts is plainly about a service of hospital-south's pump (%s); a sample of the project's own follows",
			len(r.input.alerts), listed(r.offered))
	}
	shared, err := r.shareFirst(ctx, []alert{ownAlert(time.Now())}, true)
	if err == nil && !shared {
		err = errors.New("the sample alert was shared before, though it carries the time of this run")
	}
	return err
}

// maxTries is how many alerts are tried until one was not shared before.
const maxTries = 40

// shareFirst shares the first alert that was not shared before and that the node
// takes, and sees it arrive. It tells whether there was one.
func (r *run) shareFirst(ctx context.Context, alerts []alert, concerned bool) (bool, error) {
	for i := range alerts[:min(len(alerts), maxTries)] {
		a := &alerts[i]
		shared, err := r.share(ctx, north, a.event)
		switch {
		case errors.Is(err, errShared):
			continue
		case refusedBody(err):
			r.say.note("the node refuses an alert of %s: %v", a.path, err)
			continue
		case err != nil:
			return false, err
		}
		return true, r.arrive(ctx, a, shared, concerned)
	}
	return false, nil
}

// arrive checks what the south got of a shared alert.
func (r *run) arrive(ctx context.Context, a *alert, shared *threat, concerned bool) error {
	if shared.Sharer != north || shared.Marking != "green" {
		return fmt.Errorf("the report stands on the ledger as shared by %s under %s", shared.Sharer, shared.Marking)
	}
	r.say.did("hospital-north shares %q of %s as TLP:GREEN (report %s)", shared.Title, a.path, short(shared.Digest))
	got, body, err := r.receive(ctx, south, shared.Digest)
	if err != nil {
		return err
	}
	for _, addr := range a.inside {
		if bytes.Contains(body, []byte(addr)) {
			return errors.New("the report tells an address inside hospital-north")
		}
	}
	if got.Late {
		return errors.New("the report counts as late, though it was not held back")
	}
	if !concerned {
		r.say.did("hospital-south has received it, its digest is the ledger's, and nothing in it tells of hospital-north's network")
		return nil
	}
	r.threat = shared.Digest
	// Matching follows the body's arrival at once; it may still be a moment away.
	err = await(ctx, "the report to be matched to the pump", func(ctx context.Context) (bool, error) {
		err := r.as(south, analyst).get(ctx, "/v1/threats/"+shared.Digest, got)
		return reasonsFor(got, r.pump.Unit) != nil, err
	})
	if err != nil {
		return err
	}
	r.say.did("hospital-south has received it, its digest is the ledger's, nothing in it tells of hospital-north's network, and %d of its devices are concerned:", len(got.Matches))
	r.say.note("unit %s (the new pump): %s", short(r.pump.Unit), strings.Join(reasonsFor(got, r.pump.Unit), "; "))
	told := 1
	for _, m := range got.Matches {
		switch {
		case m.Unit == r.pump.Unit:
		case told == maxTold:
			r.say.note("and %d more", len(got.Matches)-told)
			return nil
		default:
			r.say.note("unit %s: %s", short(m.Unit), strings.Join(m.Reasons, "; "))
			told++
		}
	}
	return nil
}

// maxTold is how many devices, and how many reasons of a score, are told.
const maxTold = 6

// reasonsFor returns why a report concerns a unit; nil when it does not.
func reasonsFor(t *threat, unit string) []string {
	for _, m := range t.Matches {
		if m.Unit == unit {
			return m.Reasons
		}
	}
	return nil
}

func listed(offered []service) string {
	var all []string
	for _, s := range offered {
		all = append(all, fmt.Sprintf("%s/%d", s.Protocol, s.Port))
	}
	return strings.Join(all, ", ")
}

// scoreRisk has the south score its pump, waits until the north sees the score
// on the ledger, fetches the inputs and computes the score again.
func (r *run) scoreRisk(ctx context.Context) error {
	published, err := r.publishScore(ctx, r.pump)
	if err != nil {
		return err
	}
	r.say.did("hospital-south scores the pump: %s, published under the model %s", percent(published.Value), published.Model)
	for i, reason := range published.Reasons {
		if i == maxTold {
			r.say.note("and %d more reasons", len(published.Reasons)-i)
			break
		}
		r.say.note("%s (alone %s)", reason.Text, percent(reason.Points))
	}
	var stands *score
	err = await(ctx, "the score to reach hospital-north", func(ctx context.Context) (bool, error) {
		list, err := r.scores(ctx, north, r.pump.Unit)
		for i := range list {
			if list[i].InputDigest == published.InputDigest {
				stands = &list[i]
			}
		}
		return stands != nil, err
	})
	if err != nil {
		return err
	}
	inputs, err := r.inputs(ctx, south, stands.InputDigest)
	if err != nil {
		return err
	}
	if !bytes.Contains(inputs, []byte(r.threat)) {
		return errors.New("the inputs of the score do not name the report that concerns the pump")
	}
	value, digest, err := recompute(inputs)
	if err != nil {
		return err
	}
	if digest != stands.InputDigest || value != stands.Value {
		return fmt.Errorf("recomputed, the score is %d with input digest %s; on the ledger it is %d with %s",
			value, short(digest), stands.Value, short(stands.InputDigest))
	}
	r.say.did("hospital-north finds the score on its own copy of the ledger; recomputed from the inputs it is %s again, and the inputs' digest is the ledger's", percent(value))
	return nil
}

// percent renders basis points.
func percent(points int) string { return fmt.Sprintf("%d.%02d %%", points/100, points%100) }
