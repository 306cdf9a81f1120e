package app

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
)

// bundleOf is a bundle of an indicator of yesterday, which the number tells from others.
func bundleOf(n int) []byte {
	said := strings.NewReplacer("198.51.100.9", fmt.Sprintf("198.51.100.%d", n), "000000000009", fmt.Sprintf("%012d", n),
		"2026-11-01", time.Now().AddDate(0, 0, -1).UTC().Format(time.DateOnly))
	return fmt.Appendf(nil, `{"type":"bundle","id":"bundle--a1b2c3d4-0000-4000-8000-%012d","objects":[%s]}`, n, said.Replace(hostileServer))
}

// ownHost is an internal address at an organisation, which nobody else is to learn.
func ownHost(org string) string {
	return map[string]string{"hospital-north": "10.20.77.101", "hospital-south": "10.20.77.202"}[org]
}

// sees has an own tool raise alerts of an address, one each second.
func (r *running) sees(address string, from, alerts int) {
	r.t.Helper()
	var text strings.Builder
	for n := range alerts {
		at := time.Now().Add(-time.Hour).Add(time.Duration(from+n) * time.Second).UTC().Format("2006-01-02T15:04:05.000000-0700")
		fmt.Fprintf(&text, `{"timestamp":%q,"event_type":"alert","src_ip":%q,"src_port":40000,"dest_ip":%q,"dest_port":443,"proto":"TCP","alert":{"action":"allowed","gid":1,"signature_id":1,"rev":1,"signature":"beacon %d","category":"test","severity":1}}`+"\n", at, ownHost(r.cfg.Organisation), address, from+n)
	}
	if status, b := r.call("integrator", http.MethodPost, "/v1/intelligence/nids?format=eve", []byte(text.String()), nil); status != http.StatusOK || !strings.Contains(string(b), fmt.Sprintf(`"new":%d`, alerts)) {
		r.t.Fatalf("%d %s", status, b)
	}
}

func (r *running) feedback(digest string) fact.Feedback {
	r.t.Helper()
	if s := r.report(digest).Sharers; len(s) == 1 {
		return s[0].Feedback
	}
	return fact.Feedback{}
}

func (r *running) seenOf(digest string) (c fact.SightingCount) {
	r.t.Helper()
	r.want(http.StatusOK, "analyst", http.MethodGet, "/v1/threats/"+digest+"/seen", nil, &c)
	return c
}

// TestWhatOwnAlertsShowIsToldByItself to who shared the report: once a period, sealed where
// the report was, once whatever ends in between, and nothing but how often and when.
func TestWhatOwnAlertsShowIsToldByItself(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	north, south, east := c.start(t, "hospital-north"), c.start(t, "hospital-south"), c.start(t, "hospital-east")
	for _, r := range []*running{north, south} {
		r.await("all members to be known", func() bool {
			for _, org := range []string{"hospital-south", "hospital-east"} {
				if status, _ := r.call("analyst", http.MethodGet, "/v1/organisations/"+org, nil, nil); status != http.StatusOK {
					return false
				}
			}
			return true
		})
	}
	open, sealed := north.shareSealed("green", bundleOf(9)), north.shareSealed("amber", bundleOf(10), "hospital-south")
	south.await("both reports", func() bool { return south.report(open).Held && south.report(sealed).Held })
	south.sees("198.51.100.9", 0, 3)
	south.sees("198.51.100.10", 10, 2)
	north.sees("198.51.100.9", 20, 5) // its own report: to nobody
	for digest, want := range map[string]int64{open: 3, sealed: 2} {
		north.await("what the south's alerts showed", func() bool { return north.feedback(digest).Sightings == want })
		if f := north.feedback(digest); f.SightedBy != 1 {
			t.Errorf("%+v", f)
		}
	}
	if f := east.feedback(sealed); f != (fact.Feedback{}) {
		t.Errorf("the east learns %+v", f)
	}
	// What comes within the period waits, and is shown.
	south.sees("198.51.100.9", 30, 4)
	var next fact.SightingCount
	south.await("the next telling", func() bool { next = south.seenOf(open); return next.Count == 7 })
	if n := next.Next; n == nil || n.Count != 4 || !n.Last.Equal(next.Last) || time.Until(n.At) < 50*time.Minute {
		t.Errorf("%+v, %+v", next, next.Next)
	}
	if n := north.seenOf(open); n.Count != 5 || n.Next != nil {
		t.Errorf("the north would tell itself %+v, %+v", n, n.Next)
	}
	if err := south.stop(); err != nil {
		t.Fatal(err)
	}
	// Another start with a shorter period tells what waited, and nothing twice.
	cfg := c.config("hospital-south")
	cfg.Exchange.Sightings = new(config.Duration(time.Second))
	south = c.launch(t, "hospital-south", cfg, func(string) {})
	north.await("what waited", func() bool { return north.feedback(open).Sightings == 7 })
	// A person tells of what was seen: nothing of it is told again.
	south.sees("198.51.100.10", 50, 1)
	north.await("the next", func() bool { return north.feedback(sealed).Sightings == 3 })
	if err := south.stop(); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*running{north, east} {
		if found := r.holds([]byte(ownHost("hospital-south"))); len(found) > 0 {
			t.Errorf("a host of the south is known in %v", found)
		}
	}
	south = c.launch(t, "hospital-south", cfg, func(string) {})
	south.await("the node", func() bool {
		status, _ := south.call("", http.MethodGet, "/readyz", nil, nil)
		return status == http.StatusOK
	})
	time.Sleep(2 * time.Second) // two periods, in which something could be repeated
	if a, b := north.feedback(open).Sightings, north.feedback(sealed).Sightings; a != 7 || b != 3 {
		t.Errorf("told again: %d, %d", a, b)
	}
}

// TestATellingIsToldOnce: one that a node began before it ended is told as it was, and a
// person who tells first has told it.
func TestATellingIsToldOnce(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	cfg := c.config("hospital-south")
	cfg.Exchange.Sightings = new(config.Duration(0))
	north := c.start(t, "hospital-north")
	south := c.launch(t, "hospital-south", cfg, func(string) {})
	digest, other := north.shareSealed("green", bundleOf(9)), north.shareSealed("clear", bundleOf(10))
	south.await("both reports", func() bool { return south.report(digest).Held && south.report(other).Held })
	south.sees("198.51.100.9", 0, 2)
	south.sees("198.51.100.10", 10, 2)
	south.await("the matches", func() bool { return south.seenOf(digest).Count == 2 && south.seenOf(other).Count == 2 })
	if n := south.seenOf(digest).Next; n != nil {
		t.Errorf("a node that tells nothing says that it tells %+v", n)
	}
	w := south.node.witness
	g, err := w.store.BeginTelling(t.Context(), digest)
	if err != nil || g.Count != 2 {
		t.Fatalf("%+v, %v", g, err)
	}
	tell := func() error {
		return w.Sight(t.Context(), fmt.Sprintf("alerts %s %d", g.Report, g.UpTo), g.Report, g.Count, g.First, g.Last)
	}
	if err := tell(); err != nil { // and the node ends here
		t.Fatal(err)
	}
	south.sees("198.51.100.9", 20, 3)
	south.await("more matches", func() bool { return south.seenOf(digest).Count == 5 })
	at := time.Now().Add(-time.Minute)
	south.want(http.StatusCreated, "analyst", http.MethodPost, "/v1/threats/"+other+"/sightings", map[string]any{"count": 2, "first": at, "last": at}, nil)
	w.period = time.Nanosecond
	if _, err := w.tell(t.Context()); err != nil {
		t.Fatal(err)
	}
	north.await("all of it", func() bool { return north.feedback(digest).Sightings >= 5 })
	if a, b := north.feedback(digest).Sightings, north.feedback(other).Sightings; a != 5 || b != 2 {
		t.Errorf("%d, %d", a, b)
	}
	if next := south.seenOf(digest).Next; next != nil {
		t.Errorf("%+v", next)
	}
	// One that was withdrawn is told to nobody, and holds nothing up.
	north.want(http.StatusCreated, "analyst", http.MethodPost, "/v1/threats/"+digest+"/withdrawal", map[string]any{"reason": "outdated"}, nil)
	south.await("the withdrawal", func() bool { return south.report(digest).Sharers[0].Feedback.Withdrawn != "" })
	if err := w.Sight(t.Context(), "x", digest, 1, at, at); ledger.CodeOf(err) != ledger.CodeGone {
		t.Errorf("%v", err)
	}
}

// TestATellingThatFailedHoldsUpNoOther: a command that was stored before the node ended may
// fail for good when it starts again and the ledger is not there yet.
func TestATellingThatFailedHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	cfg := c.config("hospital-south")
	cfg.Exchange.Sightings = new(config.Duration(0))
	north := c.start(t, "hospital-north")
	south := c.launch(t, "hospital-south", cfg, func(string) {})
	digests := []string{north.shareSealed("green", bundleOf(9)), north.shareSealed("clear", bundleOf(10))}
	slices.Sort(digests) // as they are told of
	south.await("both reports", func() bool { return south.report(digests[0]).Held && south.report(digests[1]).Held })
	south.sees("198.51.100.9", 0, 2)
	south.sees("198.51.100.10", 10, 2)
	south.await("the matches", func() bool { return south.seenOf(digests[0]).Count == 2 && south.seenOf(digests[1]).Count == 2 })
	w := south.node.witness
	g, err := w.store.BeginTelling(t.Context(), digests[0])
	if err != nil || g.Count != 2 {
		t.Fatalf("%+v, %v", g, err)
	}
	body, err := json.Marshal(ledger.SightThreat{Digest: g.Report, Sharer: "hospital-north", Count: g.Count, First: g.First, Last: g.Last})
	if err != nil {
		t.Fatal(err)
	}
	key := sha256.Sum256(fmt.Appendf(nil, "secant/witness/v1\x00%s\x00alerts %s %d", g.Report, g.Report, g.UpTo))
	op, _, err := w.store.Enqueue(t.Context(), hex.EncodeToString(key[:]), ledger.RoleSharer, ledger.ThreatSight, body)
	if err == nil {
		_, err = w.store.SetFailed(t.Context(), op.Seq, ledger.Problemf(ledger.CodeUnavailable, "the ledger did not confirm in time"))
	}
	if err != nil {
		t.Fatal(err)
	}
	w.period = time.Nanosecond
	if _, err := w.tell(t.Context()); err != nil {
		t.Errorf("a telling that failed for good is tried for good: %v", err)
	}
	north.await("the other", func() bool { return north.feedback(digests[1]).Sightings == 2 })
	south.sees("198.51.100.9", 20, 1)
	south.sees("198.51.100.10", 30, 1)
	south.await("more", func() bool { return south.seenOf(digests[0]).Count == 3 && south.seenOf(digests[1]).Count == 3 })
	if _, err := w.tell(t.Context()); err != nil {
		t.Errorf("what comes behind it: %v", err)
	}
	north.await("what came later", func() bool {
		return north.feedback(digests[0]).Sightings == 1 && north.feedback(digests[1]).Sightings == 3
	})
}
