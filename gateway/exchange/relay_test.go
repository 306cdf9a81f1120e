package exchange

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const relayedText = `{"type":"bundle"}`

// newRelayWorld is a consortium in which the east is an authority.
func newRelayWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.write(north, &ledger.Organisation{V: 1, ID: north}, &ledger.Organisation{V: 1, ID: south}, &ledger.Organisation{V: 1, ID: east, Name: "The east", Kind: ledger.KindAuthority},
		&ledger.Roster{V: 1, Organisations: []string{east, north, south}, Revision: 3})
	w.submit = func(org string, request any) error {
		if req, ok := request.(ledger.WithdrawThreat); ok {
			w.write(org, &ledger.Withdrawal{V: 1, Digest: req.Digest, Sharer: org, Reason: req.Reason, SupersededBy: req.SupersededBy, Time: w.now})
			return nil
		}
		req := request.(ledger.ShareThreat) //nolint:forcetypeassert // what else is relayed
		if err := req.Validate(); err != nil {
			return err
		}
		w.write(org, &ledger.Threat{V: 3, Digest: req.Digest, Marking: req.Marking, MediaType: req.MediaType, Size: req.Size, Sharer: org, Relayed: true, Shared: w.now},
			&ledger.ThreatEscrow{V: 1, Digest: req.Digest, Sharer: org, Relay: *req.Relay, Time: w.now})
		return nil
	}
	return w
}

func (w *world) handOver() string {
	w.t.Helper()
	relay, err := w.nodes[north].Relay(w.t.Context())
	if err != nil || relay != (fact.Relay{ID: east, Name: "The east"}) {
		w.t.Fatalf("the relay is %+v: %v", relay, err)
	}
	digest, err := w.nodes[north].HandOver(w.t.Context(), fact.Relaying{Body: []byte(relayedText), Marking: ledger.TLPGreen, Relay: relay.ID})
	if err != nil {
		w.t.Fatal(err)
	}
	return digest
}

// give has members give their shares for a request of the south's.
func (w *world) give(digest string, members ...string) {
	w.t.Helper()
	w.write(south, &ledger.OpeningRequest{V: 1, Digest: digest, Sharer: east, By: south, Reason: ledger.OpeningHarm, Time: w.now})
	for _, m := range members {
		g, err := w.nodes[m].Share(w.t.Context(), digest, "")
		if err != nil {
			w.t.Fatalf("the share of %s: %v", m, err)
		}
		w.write(m, &ledger.OpeningShare{V: 1, Digest: digest, Sharer: east, By: m, For: g.For, Share: g.Share, Time: w.now})
	}
}

func TestARelaysNameIsOpenedByAMajority(t *testing.T) {
	t.Parallel()
	w := newRelayWorld(t)
	digest := w.handOver()
	if again := w.handOver(); again != digest {
		t.Errorf("handed over again it is %s", again)
	}
	w.nodes[south].down = true // its key is not to be had, and then no name is sealed
	w.settle()
	if _, err := w.nodes[north].Opening(t.Context(), digest); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("it was relayed without the south's key: %v", err)
	}
	w.nodes[south].down = false
	w.settle()
	w.nodes[south].down = true // it is known now
	if d, err := w.nodes[north].Deliveries(t.Context(), digest); err != nil || len(d) != 1 || d[0].Kind != fact.DeliveryRelay || d[0].Says == nil || d[0].Says.What != fact.ReceiptRelayed {
		t.Errorf("the relay's receipt: %+v %v", d, err)
	}
	if doc, err := w.nodes[east].store.Document(t.Context(), fact.DocumentReport, digest); err != nil || string(doc.Body) != relayedText {
		t.Errorf("the relay keeps %q: %v", doc.Body, err)
	}
	if _, err := w.nodes[south].Share(t.Context(), digest, ""); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("a share that nobody asked for: %v", err)
	}
	w.give(digest, south)
	if _, err := w.nodes[east].OpenName(t.Context(), digest); ledger.CodeOf(err) != ledger.CodeConflict {
		t.Errorf("one of three opens it: %v", err)
	}
	w.give(digest, east)
	for _, s := range w.nodes {
		if got, err := s.OpenName(t.Context(), digest); err != nil || got != (fact.OpenedName{Sharer: north, Relay: east, Proven: true}) {
			t.Errorf("it opens as %+v: %v", got, err)
		}
	}
	// A key that was replaced since no longer proves it.
	w.replace(north, w.keys[south], w.nodes[south].Key)
	if got, err := w.nodes[east].OpenName(t.Context(), digest); err != nil || got.Proven || got.Sharer != north {
		t.Errorf("under another key it opens as %+v: %v", got, err)
	}
}

// TestARelaySharesNothingThatIsNotItsSendersOwn: what is not signed by who hands it over,
// is of another report, sealed, or no report.
func TestARelaySharesNothingThatIsNotItsSendersOwn(t *testing.T) {
	t.Parallel()
	w := newRelayWorld(t)
	x := w.nodes[north]
	key, err := x.peer(t.Context(), east)
	if err != nil {
		t.Fatal(err)
	}
	digest := ledger.BodyDigest([]byte(relayedText))
	send := func(said authorship, domain, marking, body string) int {
		t.Helper()
		statement, err := sign(x.Key, domain, said)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(relayed{1, marking, statement, ledger.BodyDigest(nil)})
		if err != nil {
			t.Fatal(err)
		}
		plain := append([]byte{0, 0, byte(len(text) >> 8), byte(len(text))}, text...)
		sealed, err := x.seal(fact.DeliveryRelay, ledger.BodyDigest([]byte(body)), key, append(plain, body...))
		if err != nil {
			t.Fatal(err)
		}
		status, _, err := w.call(north, x.Key, east, http.MethodPost, pathRelays, sealed, maxSigned)
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	good := x.authorship(digest, ledger.TLPGreen, north, east)
	other, another, wider, red := good, good, good, good
	other.Sharer, another.Digest, wider.Marking, red.Marking = south, ledger.BodyDigest(nil), ledger.TLPClear, ledger.TLPRed
	noReport := x.authorship(ledger.BodyDigest([]byte("{")), ledger.TLPGreen, north, east)
	for what, status := range map[string]int{
		"another sharer": send(other, domainAuthorship, ledger.TLPGreen, relayedText), "another report": send(another, domainAuthorship, ledger.TLPGreen, relayedText),
		"another marking": send(wider, domainAuthorship, ledger.TLPGreen, relayedText), "red": send(red, domainAuthorship, ledger.TLPRed, relayedText),
		"a statement for something else": send(good, domainReceipt, ledger.TLPGreen, relayedText), "no report": send(noReport, domainAuthorship, ledger.TLPGreen, "{"),
	} {
		if status < 400 || status >= 500 {
			t.Errorf("%s: %d", what, status)
		}
	}
	if _, err := w.nodes[east].Opening(t.Context(), digest); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("it was relayed: %v", err)
	}
	if status := send(good, domainAuthorship, ledger.TLPGreen, relayedText); status != http.StatusOK {
		t.Errorf("the right one: %d", status)
	}
	// The same envelope, from somebody else.
	if status, _, err := w.call(south, w.nodes[south].Key, east, http.MethodPost, pathRelays, []byte(`{}`), maxSigned); err != nil || status < 400 {
		t.Errorf("no envelope: %d %v", status, err)
	}
	// And only an authority relays.
	w.write(east, &ledger.Organisation{V: 1, ID: east, Kind: ledger.KindHospital})
	if status := send(good, domainAuthorship, ledger.TLPGreen, relayedText); status != http.StatusForbidden {
		t.Errorf("a hospital relays: %d", status)
	}
	if _, err := x.Relay(t.Context()); ledger.CodeOf(err) != ledger.CodeUnavailable {
		t.Errorf("without an authority: %v", err)
	}
}

// TestABadShareIsTold: a relay that seals to a member what is not its share is found out
// when that one is asked.
func TestABadShareIsTold(t *testing.T) {
	t.Parallel()
	w := newRelayWorld(t)
	submit := w.submit
	w.submit = func(org string, request any) error {
		req := request.(ledger.ShareThreat) //nolint:forcetypeassert // nothing else is relayed here
		req.Relay.Commitment[0], req.Relay.Commitment[1] = req.Relay.Commitment[1], req.Relay.Commitment[0]
		req.Relay.Shares[2].Share = req.Relay.Shares[1].Share // the south has the north's
		return submit(org, req)
	}
	digest := w.handOver()
	w.settle()
	w.write(south, &ledger.OpeningRequest{V: 1, Digest: digest, Sharer: east, By: south, Reason: ledger.OpeningHarm, Time: w.now})
	if _, err := w.nodes[north].Share(t.Context(), digest, south); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("a share of another secret: %v", err)
	}
	if _, err := w.nodes[south].Share(t.Context(), digest, south); ledger.CodeOf(err) != ledger.CodeGone {
		t.Errorf("a share that is sealed to another: %v", err)
	}
	if _, err := w.nodes[south].Share(t.Context(), digest, north); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("for one who did not ask: %v", err)
	}
}

func TestAShareKeyIsAlwaysTheSame(t *testing.T) {
	t.Parallel()
	w := newRelayWorld(t)
	first, err := w.nodes[east].peerShareKey(t.Context(), north)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(shareKeyLife + time.Hour) // what was stated is good no more, and is asked for again
	again, err := w.nodes[east].peerShareKey(t.Context(), north)
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("a year later: %v", err)
	}
	own, err := w.nodes[north].peerShareKey(t.Context(), north)
	if err != nil || !bytes.Equal(first, own) {
		t.Errorf("the own one: %v", err)
	}
}

func TestALargeReportIsNotRelayed(t *testing.T) {
	t.Parallel()
	w := newRelayWorld(t)
	_, err := w.nodes[north].HandOver(t.Context(), fact.Relaying{Body: make([]byte, maxRelayed+1), Marking: ledger.TLPGreen, Relay: east})
	if ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("%v", err)
	}
	if n := base64.StdEncoding.EncodedLen(maxRelayed); n > 8<<20-maxSigned*4 {
		t.Errorf("an envelope has up to %d bytes", n)
	}
}

func FuzzRelayed(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02{}body"))
	f.Add([]byte("\x00\x00\x00\x78" + `{"v":1,"marking":"green","statement":"e30=","handle":"` + strings.Repeat("0", 64) + `"}` + "body"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, plain []byte) {
		if head, body, err := readRelayed(plain); err == nil && (head.V != 1 || len(body) == 0) {
			t.Errorf("%+v before %d bytes", head, len(body))
		}
	})
}

// TestOnlyWhoHadItRelayedWithdrawsIt: the relay knows it again without knowing its name.
func TestOnlyWhoHadItRelayedWithdrawsIt(t *testing.T) {
	t.Parallel()
	w := newRelayWorld(t)
	digest := w.handOver()
	req := ledger.WithdrawThreat{Digest: digest, Reason: ledger.WithdrawnError}
	if err := w.nodes[south].WithdrawRelayed(t.Context(), req); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("the south withdraws it: %v", err)
	}
	w.settle()
	// The south says that it was its own, and has another token.
	x := w.nodes[south]
	key, err := x.peer(t.Context(), east)
	if err != nil {
		t.Fatal(err)
	}
	for what, plain := range map[string]string{
		"another token": `{"v":1,"token":"AAAA","reason":"error"}`, "no token": `{"v":1,"reason":"error"}`, "no JSON": `{`,
	} {
		sealed, err := x.seal(fact.DeliveryRelayWithdrawal, digest, key, []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		if status, _, err := w.call(south, x.Key, east, http.MethodPost, pathRelayWithdrawals, sealed, maxSigned); err != nil || status < 400 {
			t.Errorf("%s: %d %v", what, status, err)
		}
	}
	if r, err := w.nodes[north].Store.Report(t.Context(), digest); err != nil || r.Sharers[0].Feedback.Withdrawn != "" {
		t.Errorf("it is withdrawn: %+v %v", r.Sharers, err)
	}
	if err := w.nodes[north].WithdrawRelayed(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if err := w.nodes[north].WithdrawRelayed(t.Context(), req); ledger.CodeOf(err) != ledger.CodeAlreadyExists {
		t.Errorf("again: %v", err)
	}
	w.settle()
	if r, err := w.nodes[south].Store.Report(t.Context(), digest); err != nil || r.Sharers[0].Feedback.Withdrawn != ledger.WithdrawnError {
		t.Errorf("it is not withdrawn: %+v %v", r.Sharers, err)
	}
	if d, err := w.nodes[north].Deliveries(t.Context(), digest); err != nil || len(d) != 2 || d[1].Says == nil || d[1].Says.What != fact.ReceiptWithdrawn {
		t.Errorf("its receipt: %+v %v", d, err)
	}
}

// TestAnAuthoritysOwnReportIsNotWithdrawnForAnother: that somebody wanted it relayed, which
// failed, does not make it that one's.
func TestAnAuthoritysOwnReportIsNotWithdrawnForAnother(t *testing.T) {
	t.Parallel()
	w := newRelayWorld(t)
	submit := w.submit
	w.submit = func(string, any) error { return ledger.Problemf(ledger.CodeGone, "the members are other ones") }
	digest := w.handOver()
	w.settle()
	w.submit = submit
	w.write(east, &ledger.Threat{V: 2, Digest: digest, Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: int64(len(relayedText)), Sharer: east, Shared: w.now})
	w.now = w.now.Add(time.Hour)
	w.settle()
	if d, err := w.nodes[north].Deliveries(t.Context(), digest); err != nil || len(d) != 1 || d[0].Says != nil {
		t.Errorf("it is said to be relayed: %+v %v", d, err)
	}
	if err := w.nodes[north].WithdrawRelayed(t.Context(), ledger.WithdrawThreat{Digest: digest, Reason: ledger.WithdrawnError}); err == nil {
		w.settle()
	}
	if r, err := w.nodes[east].Store.Report(t.Context(), digest); err != nil || r.Sharers[0].Feedback.Withdrawn != "" {
		t.Errorf("another withdrew it: %+v %v", r.Sharers, err)
	}
}

// TestWhoHasAReportRelayedStandsInNoLog: neither as who had it shared, nor as who asked for
// the key just before.
func TestWhoHasAReportRelayedStandsInNoLog(t *testing.T) {
	t.Parallel()
	w := newRelayWorld(t)
	digest := w.handOver()
	w.settle()
	if _, err := w.nodes[east].Opening(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	if text := w.nodes[east].log.String(); strings.Contains(text, north) || !strings.Contains(text, pathRelays) {
		t.Errorf("the relay's log: %s", text)
	}
}

// TestAskingAgainFillsNoOutbox: what is on its way to a ledger that stands still is not
// sealed anew whenever it is asked for, but it is after a while.
func TestAskingAgainFillsNoOutbox(t *testing.T) {
	t.Parallel()
	w := newRelayWorld(t)
	submit, asked := w.submit, 0
	w.submit = func(string, any) error { asked++; return &fact.Pending{Operation: "o"} }
	digest := w.handOver()
	w.settle()
	if d, err := w.nodes[north].Deliveries(t.Context(), digest); err != nil || d[0].Attempts < 2 || asked != 1 {
		t.Errorf("it was asked for %+v and went to the ledger %d times: %v", d, asked, err)
	}
	w.submit = submit
	w.now = w.now.Add(underWayFor)
	w.settle()
	if d, err := w.nodes[north].Deliveries(t.Context(), digest); err != nil || d[0].Says == nil {
		t.Errorf("it was not relayed in the end: %+v %v", d, err)
	}
	var u underWay
	for i := range maxUnderWay + 1 {
		began, err := u.begin(ledger.BodyDigest([]byte{byte(i)}), w.now)
		if began != (i < maxUnderWay) || (err != nil) != (i == maxUnderWay) {
			t.Errorf("number %d: %v %v", i, began, err)
		}
	}
}
