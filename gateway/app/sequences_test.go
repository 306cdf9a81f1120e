package app

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/sequence"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// number returns headers and body of a request that a device signs with its count.
func (d device) number(tb testing.TB, q proof.Sequence, record string) (map[string]string, []byte) {
	tb.Helper()
	header, _ := d.sign(tb, record)
	var unit proof.Hash
	var seed proof.Seed
	b, err := base64.RawURLEncoding.DecodeString(header[auth.HeaderSeed])
	if err != nil {
		tb.Fatal(err)
	}
	copy(seed[:], b)
	if err := unit.UnmarshalText([]byte(d.id)); err != nil {
		tb.Fatal(err)
	}
	root := proof.Root(proof.LeafHashes(nil, &seed, [][]byte{[]byte(record)}))
	header["Content-Type"] = "application/json"
	header[auth.HeaderSignature] = base64.RawURLEncoding.EncodeToString(ed25519.Sign(d.key, proof.SequencedMessage(unit, 1, root, q)))
	header[auth.HeaderSequence] = q.String()
	if q.Made != 0 {
		header[auth.HeaderMade] = strconv.FormatInt(q.Made, 10)
	}
	return header, []byte(record)
}

// counts reads what the numbers for a unit came to.
func (r *running) counts(unit string) []fact.Sequenced {
	r.t.Helper()
	var p fact.SequencePage
	r.want(http.StatusOK, "auditor", http.MethodGet, "/v1/units/"+unit+"/sequence", nil, &p)
	return p.Items
}

// TestWhatADeviceCountsIsFollowed: a device that numbers its requests has gaps, late ones,
// repetitions and two readings under one number told, also over a new start; every
// request is taken; its proof carries the number; and a clock that is years off is
// marked, and orders nothing.
func TestWhatADeviceCountsIsFollowed(t *testing.T) {
	c := newConsortium(t)
	cfg := c.config("hospital-north")
	north, maker := c.launch(t, "hospital-north", cfg, func(string) {}).ready(), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	hand := func(header map[string]string, body []byte) string {
		t.Helper()
		status, b := north.call("", http.MethodPost, "/v1/readings", body, header)
		var got struct{ ID string }
		if err := json.Unmarshal(b, &got); err != nil || status != http.StatusAccepted {
			t.Fatalf("%d %s", status, b)
		}
		return got.ID
	}
	send := func(epoch, number uint64, record string) string {
		t.Helper()
		return hand(d.number(t, proof.Sequence{Epoch: epoch, Number: number}, record))
	}
	await := func(what string, reached func(fact.Sequenced) bool) (got fact.Sequenced) {
		t.Helper()
		north.await(what, func() bool {
			list := north.counts(d.id)
			if len(list) == 1 {
				got = list[0]
			}
			return len(list) == 1 && reached(got)
		})
		return got
	}

	// Years behind, by its own clock, with a number that is proven.
	wrong := time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC)
	first := hand(d.number(t, proof.Sequence{Epoch: 7, Number: 1, Made: wrong.UnixMilli()}, `{"value":1}`))
	send(7, 2, `{"value":2}`)
	send(7, 5, `{"value":5}`)
	got := await("a gap", func(s fact.Sequenced) bool { return s.Missing == 2 })
	if got.Unit != d.id || got.Signer != d.id || got.Received != 3 || len(got.Epochs[0].Missing) != 1 ||
		got.Epochs[0].Missing[0].First != 3 || got.Epochs[0].Missing[0].Last != 4 {
		t.Errorf("%+v", got)
	}
	v, err := c.verifier(t).VerifyJSON(north.bundleOf(first, 0))
	if err != nil || v.Numbered != (proof.Sequence{Epoch: 7, Number: 1, Made: wrong.UnixMilli()}) || !strings.Contains(v.Text(), "Number 1 of the device's count 7") {
		t.Errorf("%+v %v", v, err)
	}
	var page fact.ReadingPage
	north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/units/"+d.id+"/readings", nil, &page)
	last := page.Items[len(page.Items)-1]
	years := time.Since(wrong) / time.Second
	if len(page.Items) != 3 || last.ID != first || last.Clock == nil || last.Clock.DeviationSeconds < int64(years)-60 || last.Clock.DeviationSeconds > int64(years) ||
		page.Items[0].Clock != nil || page.Items[0].Sequence == nil || page.Items[0].Sequence.Number != 5 {
		t.Errorf("%+v", page.Items)
	}

	// What is signed is not to be changed on the way, and has one form.
	header, body := d.number(t, proof.Sequence{Epoch: 7, Number: 6}, `{"value":6}`)
	header[auth.HeaderSequence] = "7/9"
	if status, b := north.call("", http.MethodPost, "/v1/readings", body, header); status != http.StatusForbidden {
		t.Errorf("a number that was not signed: %d %s", status, b)
	}
	header[auth.HeaderSequence] = "7/06"
	if status, b := north.call("", http.MethodPost, "/v1/readings", body, header); status != http.StatusUnprocessableEntity || !strings.Contains(string(b), auth.HeaderSequence) {
		t.Errorf("no number: %d %s", status, b)
	}

	// The gap stands, and is told; the node is started anew; half of it comes late.
	north.await("the gap to be told", func() bool { return north.told(fact.EventSequenceGap, "7", "3", "4", "2") })
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	north = c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	send(7, 4, `{"value":4}`)
	again := send(7, 4, `{"value":4}`) // signed anew, with other salts
	other := send(7, 4, `{"value":9000}`)
	got = await("two readings under one number", func(s fact.Sequenced) bool { return s.Conflicts == 1 })
	if got.Missing != 1 || got.Late != 1 || got.Duplicates != 1 || len(got.Newest) != 1 || got.Newest[0].Second != other || got.Newest[0].First == again {
		t.Errorf("%+v", got)
	}
	if !north.told(fact.EventSequenceConflict, "7", "4", got.Newest[0].First, other) {
		t.Error("two readings under one number are not told")
	}
	send(7, 3, `{"value":3}`)
	await("the gap to close", func(s fact.Sequenced) bool { return s.Missing == 0 })
	if !north.told(fact.EventSequenceClosed, "7", "3") {
		t.Error("the end of the gap is not told")
	}

	// A new count, and an old one that nobody knows.
	send(8, 1, `{"value":1}`)
	older := send(6, 1, `{"value":1}`)
	await("the counts", func(s fact.Sequenced) bool { return s.Restarts == 1 && s.Back == 1 && s.Received == 9 })
	if !north.told(fact.EventSequenceRestarted, "8", "1") || !north.told(fact.EventSequenceBack, "6", "1", older) {
		t.Error("a new count, or one that went back, is not told")
	}
	if status, text := north.call("operator", http.MethodGet, "/metrics", nil, nil); status == http.StatusOK &&
		!strings.Contains(string(text), `secant_sequence_total{outcome="conflict"} 1`) {
		t.Error("the conflict is not counted")
	}

	// A number that nobody signed is a claim.
	status, b := north.call("integrator", http.MethodPost, "/v1/readings", []byte(`{"value":1}`), map[string]string{
		"Content-Type": "application/json", auth.HeaderDevice: d.id, auth.HeaderSequence: "7/5",
	})
	if status == http.StatusAccepted {
		north.await("the claim", func() bool {
			return slices.ContainsFunc(north.counts(d.id), func(s fact.Sequenced) bool { return s.Signer == "" && s.Received == 1 })
		})
	} else {
		t.Errorf("a claim: %d %s", status, b)
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	report, err := checkNode(t.Context(), &north.cfg, c.network.Client("hospital-north"))
	if err != nil || report.Requests != 10 || report.Signatures != 9 {
		t.Errorf("%+v %v", report, err)
	}
}

// told reports whether an event of a kind was told whose key ends so.
func (r *running) told(kind string, end ...string) bool {
	r.t.Helper()
	events, err := r.node.store.Events(r.t.Context(), "", 10_000)
	if err != nil {
		r.t.Fatal(err)
	}
	return slices.ContainsFunc(events, func(e fact.Event) bool {
		return e.Kind == kind && len(e.Key) > len(end) && slices.Equal(e.Key[len(e.Key)-len(end):], end)
	})
}

// TestASenderOutOfOrderIsToldOnceAMinute: what follows from the numbers follows again from the
// list of readings, and a sender out of order drives no other events out.
func TestASenderOutOfOrderIsToldOnceAMinute(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), storetest.Place(t), store.Options{Organisation: "hospital-north"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	from := (&node{store: s, cfg: config.Default(), logger: slog.New(slog.DiscardHandler), reg: telemetry.NewRegistry()}).newSenders()
	from.now = func() time.Time { return now }
	var readings []fact.Reading
	add := func(epoch, number uint64) {
		t.Helper()
		i := len(readings)
		readings = append(readings, fact.Reading{
			ID: fmt.Sprintf("%032x", i), Unit: "u", VouchedBy: "device", Root: "same", MediaType: "application/json", Received: now, LogIndex: uint64(i),
			Sequence: &fact.Numbered{Epoch: epoch, Number: number},
		})
		follow(t, from, readings[i:])
	}
	for n := range uint64(100) { // every second number, of counts that went back in between
		add(7, 1+2*n)
		if n > 0 {
			add(6, 1)
		}
	}
	count := func(kind string) int {
		t.Helper()
		events, err := s.Events(t.Context(), "", 10_000)
		if err != nil {
			t.Fatal(err)
		}
		return len(slices.DeleteFunc(events, func(e fact.Event) bool { return e.Kind != kind }))
	}
	if n := count(fact.EventSequenceBack); n != 1 {
		t.Errorf("%d events of a count that went back", n)
	}
	now = now.Add(11 * time.Second)
	tick(t, from)
	add(7, 300)
	now = now.Add(11 * time.Second)
	tick(t, from)
	if n := count(fact.EventSequenceGap); n != 1 {
		t.Errorf("%d events of gaps in a minute", n)
	}
	now = now.Add(time.Minute)
	tick(t, from)
	if n := count(fact.EventSequenceGap); n != 2 {
		t.Errorf("%d events of gaps", n)
	}
	p, err := s.SequencesOf(t.Context(), "u", ledger.PageRequest{})
	if err != nil || len(p.Items) != 1 || p.Items[0].Missing != 99+100 || p.Items[0].Back != 99 || len(p.Items[0].Epochs[0].Missing) != sequence.MaxRanges {
		t.Fatalf("%+v %v", p, err)
	}

	// Made anew from the same readings, it is the same, and old news is not told again.
	if err := s.ForgetReadings(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	follow(t, from, readings)
	if n := count(fact.EventSequenceBack); n != 1 {
		t.Errorf("%d events of a count that went back", n)
	}
	anew, err := s.SequencesOf(t.Context(), "u", ledger.PageRequest{})
	if err != nil || anew.Items[0].Missing != p.Items[0].Missing || anew.Items[0].Back != 99 || anew.Items[0].Received != p.Items[0].Received {
		t.Errorf("%+v, before %+v: %v", anew, p, err)
	}
}

// follow lists readings as the node does.
func follow(t *testing.T, s *senders, batch []fact.Reading) {
	t.Helper()
	r := s.begin(nil)
	if err := r.follow(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if err := s.store.AddReadings(t.Context(), batch, nil, r.all(), r.tell); err != nil {
		t.Fatal(err)
	}
}

// tick tells what is due.
func tick(t *testing.T, s *senders) {
	t.Helper()
	r := s.begin(nil)
	if err := r.overdue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.store.AddReadings(t.Context(), nil, nil, r.all(), r.tell); err != nil {
		t.Fatal(err)
	}
}

func TestAClockThatIsOffIsMarked(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Limits.Clock = config.Duration(5 * time.Minute)
	s := (&node{cfg: cfg, reg: telemetry.NewRegistry()}).newSenders()
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name       string
		made, sent time.Time
		want       int64
	}{
		{"nothing is said", time.Time{}, time.Time{}, 0},
		{"right", at.Add(-time.Second), time.Time{}, 0},
		{"at the bound", at.Add(5 * time.Minute), time.Time{}, 0},
		{"ahead", at.Add(5*time.Minute + time.Second), time.Time{}, -301},
		{"behind", at.Add(-time.Hour), time.Time{}, 3600},
		{"since 1970", time.UnixMilli(1), time.Time{}, at.Unix()},
		{"beyond what a duration holds", time.UnixMilli(proof.MaxSequence), time.Time{}, at.Unix() - proof.MaxSequence/1000},
		{"of another zone, in a message that names none", time.Time{}, at.Add(14 * time.Hour), 0},
		{"years off, in a message", time.Time{}, at.AddDate(-10, 0, 0), 3652 * 86400},
	} {
		r := fact.Reading{Received: at}
		if !c.made.IsZero() {
			r.Sequence = &fact.Numbered{Made: &c.made}
		}
		s.judge(&r, c.sent)
		var got int64
		if r.Clock != nil {
			got = r.Clock.DeviationSeconds
		}
		if got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
