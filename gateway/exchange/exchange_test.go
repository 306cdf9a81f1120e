package exchange

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const text = `{"type":"bundle","id":"bundle--1","objects":[]}`

// share prepares a report of the north and has its commitment stand on the ledger.
func (w *world) share(marking string, to ...string) string {
	w.t.Helper()
	digest, err := w.nodes[north].Prepare(w.t.Context(), fact.Sealing{Body: []byte(text), Marking: marking, To: to})
	if err != nil {
		w.t.Fatal(err)
	}
	w.stand(north, digest, marking)
	return digest
}

func (w *world) stand(by, digest, marking string) {
	w.t.Helper()
	w.write(by, &ledger.Threat{V: 2, Digest: digest, Marking: marking, Sharer: by, Shared: w.now.UTC().Truncate(time.Millisecond)})
}

func (w *world) has(org, digest string) bool {
	w.t.Helper()
	body, err := w.nodes[org].Body(w.t.Context(), digest)
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound && ledger.CodeOf(err) != ledger.CodeGone {
		w.t.Fatal(err)
	}
	return err == nil && string(body) == text
}

func (w *world) receipts(digest string) (list []string) {
	w.t.Helper()
	all, err := w.nodes[north].Deliveries(w.t.Context(), digest)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range all {
		if d.Says != nil {
			list = append(list, d.Member+" "+d.Says.What)
		}
	}
	return list
}

func TestAReportGoesToTheNamedAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	digest := w.share(ledger.TLPAmber, south)
	w.settle()
	if !w.has(south, digest) || w.has(east, digest) {
		t.Fatal("it is not with the one who was named, or with another")
	}
	if got := w.receipts(digest); !slices.Equal(got, []string{south + " taken"}) {
		t.Errorf("receipts: %v", got)
	}
	if d, err := w.nodes[north].Store.Deliveries(t.Context(), digest); err != nil || len(d) != 1 || len(d[0].Copy) > 0 {
		t.Errorf("what was sealed is kept after it was taken: %+v %v", d, err)
	}
	// Under the same name it is the same report.
	s := fact.Sealing{Body: []byte(text), Marking: ledger.TLPRed, To: []string{south}, Name: []byte("name")}
	first, err := w.nodes[north].Prepare(t.Context(), s)
	again, errAgain := w.nodes[north].Prepare(t.Context(), s)
	if err != nil || errAgain != nil || first != again || first == digest {
		t.Errorf("%s %s %v %v", first, again, err, errAgain)
	}
	if err := w.nodes[north].Discard(t.Context(), first); err != nil || w.has(north, first) {
		t.Errorf("what the ledger refused is still here: %v", err)
	}
}

func TestARecipientIsDownForADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.nodes[south].down = true
	digest := w.share(ledger.TLPRed, south, east)
	tries := 0
	for end := w.now.Add(24 * time.Hour); w.now.Before(end); w.now = w.now.Add(time.Minute) {
		w.run()
	}
	if !w.has(east, digest) || w.has(south, digest) {
		t.Fatal("one who is down keeps it from another, or has it")
	}
	d, err := w.nodes[north].Store.Deliveries(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	for i := range d {
		if d[i].Member == south {
			tries = d[i].Attempts
		}
	}
	if tries < 24*60/6 || tries > 24*60/2 {
		t.Errorf("%d tries in a day", tries)
	}
	w.nodes[south].down = false
	for begun := w.now; !w.has(south, digest); w.now = w.now.Add(10 * time.Second) {
		if w.run(); w.now.Sub(begun) > 10*time.Minute {
			t.Fatal("it is not there ten minutes after the south came back")
		}
	}
	w.settle()
	if got := w.receipts(digest); len(got) != 2 {
		t.Errorf("receipts: %v", got)
	}
}

func TestWhatIsNotWhatTheLedgerIsCommittedToIsRefused(t *testing.T) {
	t.Parallel()
	// change alters what is sealed, under the north's own signature and sealed anew.
	change := func(w *world, change func(o *opening, body *[]byte)) func(string, []byte) []byte {
		return func(path string, answer []byte) []byte {
			if !strings.HasPrefix(path, pathReports) {
				return answer
			}
			e, err := parseEnvelope(answer)
			if err != nil {
				t.Fatal(err)
			}
			_, plain, err := w.nodes[south].open(t.Context(), e.Kind, e.Digest, north, answer)
			if err != nil {
				t.Fatal(err)
			}
			o, body, _, err := unframe(plain)
			if err != nil {
				t.Fatal(err)
			}
			body = bytes.Clone(body)
			change(o, &body)
			o.Size = len(body)
			framed, err := frame(o, body, nil)
			if err != nil {
				t.Fatal(err)
			}
			key, err := w.nodes[north].peer(t.Context(), south)
			if err != nil {
				t.Fatal(err)
			}
			sealed, err := w.nodes[north].seal(e.Kind, e.Digest, key, framed)
			if err != nil {
				t.Fatal(err)
			}
			return sealed
		}
	}
	// outside alters the envelope itself.
	outside := func(change func(e *envelope)) func(*world) func(string, []byte) []byte {
		return func(*world) func(string, []byte) []byte {
			return func(path string, answer []byte) []byte {
				var e envelope
				if !strings.HasPrefix(path, pathReports) || json.Unmarshal(answer, &e) != nil {
					return answer
				}
				change(&e)
				b, _ := json.Marshal(e)
				return b
			}
		}
	}
	inside := func(f func(o *opening, body *[]byte)) func(*world) func(string, []byte) []byte {
		return func(w *world) func(string, []byte) []byte { return change(w, f) }
	}
	for name, tamper := range map[string]func(*world) func(string, []byte) []byte{
		"a body altered under the sender's key": inside(func(_ *opening, b *[]byte) { (*b)[0] = ' ' }),
		"the marking changed":                   inside(func(o *opening, _ *[]byte) { o.Marking = ledger.TLPRed }),
		"the recipients altered":                inside(func(o *opening, _ *[]byte) { o.Recipients = append(o.Recipients, "medtech") }),
		"the recipient left out":                inside(func(o *opening, _ *[]byte) { o.Recipients = []string{east} }),
		"the salt withheld":                     inside(func(o *opening, _ *[]byte) { o.Salt = "" }),
		"another salt":                          inside(func(o *opening, _ *[]byte) { o.Salt = strings.Repeat("00", 32) }),
		"another sender":                        inside(func(o *opening, _ *[]byte) { o.Sender = east }),
		"something behind the body":             inside(func(_ *opening, b *[]byte) { *b = append(*b, ' ') }),
		"sealed bytes altered":                  outside(func(e *envelope) { e.Sealed[0] ^= 1 }),
		"the encapsulated key altered":          outside(func(e *envelope) { e.Enc[0] ^= 1 }),
		"no signature":                          outside(func(e *envelope) { e.Signature = nil }),
		"meant for another":                     outside(func(e *envelope) { e.Recipient = east }),
		"of another network":                    outside(func(e *envelope) { e.Network = "other" }),
		"under another key":                     outside(func(e *envelope) { e.Key = strings.Repeat("0", 32) }),
		"oversize": func(*world) func(string, []byte) []byte {
			return func(path string, b []byte) []byte {
				if strings.HasPrefix(path, pathReports) {
					return append(b, bytes.Repeat([]byte(" "), maxEnvelope)...)
				}
				return b
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.tamper = tamper(w)
			digest := w.share(ledger.TLPAmber, south)
			w.settle()
			if w.has(south, digest) || len(w.receipts(digest)) > 0 {
				t.Fatal("it was taken")
			}
			w.tamper = nil // what came wrong is asked for again
			for range 100 {
				w.run()
				w.now = w.now.Add(time.Minute)
			}
			if !w.has(south, digest) || len(w.receipts(digest)) != 1 {
				t.Error("it is not taken as it should be afterwards")
			}
		})
	}
}

func TestAnEnvelopeServesNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	digest := w.share(ledger.TLPAmber, south)
	var envelopeOfSouth []byte
	w.tamper = func(path string, b []byte) []byte {
		if strings.HasPrefix(path, pathReports) {
			envelopeOfSouth = bytes.Clone(b)
		}
		return b
	}
	w.settle()
	if _, _, err := w.nodes[east].open(t.Context(), fact.DeliveryReport, digest, north, envelopeOfSouth); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("replayed to the east: %v", err)
	}
	// The south shares the commitment as its own: nothing of the north's opens as the south's.
	w.stand(south, digest, ledger.TLPAmber)
	if _, _, err := w.nodes[east].open(t.Context(), fact.DeliveryReport, digest, south, envelopeOfSouth); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("claimed by the south: %v", err)
	}
	plain := w.nodes[south].Vault.(*box).kept[named(digest)]
	share, err := w.nodes[east].shared(t.Context(), digest, south)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.nodes[east].compare(digest, share, plain); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("the south claims the north's commitment: %v", err)
	}
	// Who is not named is told what is told of nothing.
	key := w.nodes[east].Key
	for _, d := range []string{digest, strings.Repeat("0", 64)} {
		status, b, err := w.call(east, key, north, http.MethodGet, pathReports+"/"+d+"?key=x", nil, 1<<20)
		if err != nil || status != http.StatusNotFound || !bytes.Contains(b, []byte("there is no such report")) {
			t.Errorf("the east asks for it: %d %s %v", status, b, err)
		}
		status, _, err = w.call(east, key, north, http.MethodPost, pathReports+"/"+d+"/receipt", []byte("{}"), 1<<20)
		if err != nil || status != http.StatusNotFound {
			t.Errorf("the east acknowledges it: %d %v", status, err)
		}
	}
}

func TestAKeyIsItsOrganisations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stolen, err := w.nodes[east].statement(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.tamper = func(path string, b []byte) []byte {
		if path == pathKey {
			return stolen // the east's in place of the south's
		}
		return b
	}
	if _, err := w.nodes[north].peer(t.Context(), south); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("another's key is taken for the south's: %v", err)
	}
	w.tamper = nil
	before, err := w.nodes[north].peer(t.Context(), south)
	if err != nil {
		t.Fatal(err)
	}
	// After a month there is another, and what was sealed to the one before still opens;
	// long after, what waits is sealed anew.
	digest := w.share(ledger.TLPAmber, south)
	w.now = w.now.AddDate(0, 0, 31)
	if k, err := w.nodes[south].newest(t.Context()); err != nil || k.id == before.ID {
		t.Errorf("the key was not replaced: %v", err)
	}
	if _, err := w.nodes[south].own(t.Context(), before.ID); err != nil {
		t.Errorf("the key before is gone: %v", err)
	}
	w.settle()
	if !w.has(south, digest) {
		for range 100 {
			w.run()
			w.now = w.now.Add(time.Minute)
		}
	}
	if !w.has(south, digest) {
		t.Error("what was sealed to a key that was replaced is never taken")
	}
}

func TestFeedbackGoesToAllWhoHoldTheReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	digest := w.share(ledger.TLPAmber, south, east)
	private := w.share(ledger.TLPRed, south)
	w.settle()
	ctx, at := t.Context(), w.now.Add(-time.Hour)
	if err := w.nodes[south].Sight(ctx, digest, 2, at, at); err != nil {
		t.Fatal(err)
	}
	for _, o := range []string{ledger.Agree, ledger.StronglyDisagree} {
		if err := w.nodes[east].Opine(ctx, digest, o, 50); err != nil {
			t.Fatal(err)
		}
	}
	w.settle()
	for org, s := range w.nodes {
		r, err := s.store.Report(ctx, digest)
		if err != nil {
			t.Fatal(err)
		}
		f := r.Sharers[0].Feedback
		if f.SightedBy != 1 || f.Sightings != 2 || f.Agree != 0 || f.StronglyDisagree != 1 {
			t.Errorf("%s knows %+v", org, f)
		}
		if st, err := s.store.Standing(ctx, north); err != nil || st.For != 100 || st.Against != 50 {
			t.Errorf("%s judges %+v %v", org, st, err)
		}
	}
	if err := w.nodes[north].Opine(ctx, digest, ledger.Agree, 50); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("an opinion of the own report: %v", err)
	}
	if err := w.nodes[east].Sight(ctx, private, 1, at, at); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("a sighting of what is not here: %v", err)
	}
	// The east was not named: what it says of the other report is for nobody.
	key, err := w.nodes[east].peer(ctx, south)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := json.Marshal(said{V: 1, ID: strings.Repeat("a", 32), Kind: fact.FeedbackSighting, Count: 1, First: at, Last: at, Time: at})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := w.nodes[east].seal(fact.DeliveryFeedback, private, key, forged)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, err := w.call(east, w.nodes[east].Key, south, http.MethodPost, pathFeedback, sealed, 1<<20); err != nil || status != http.StatusNotFound {
		t.Errorf("who was not named says something: %d %v", status, err)
	}
}

// meeting has those who keep what they say wait for each other first.
type meeting struct {
	Store
	met *sync.WaitGroup
}

func (m meeting) AddSealedFeedback(ctx context.Context, f *fact.SealedFeedback, to []string) error {
	m.met.Done()
	m.met.Wait()
	return m.Store.AddSealedFeedback(ctx, f, to)
}

// TestOpinionsAtOnceAreTwoRevisions, of which everybody holds the same in the end.
func TestOpinionsAtOnceAreTwoRevisions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	digest := w.share(ledger.TLPAmber, south, east)
	w.settle()
	x := w.nodes[east]
	before := x.Store
	var met, all sync.WaitGroup
	met.Add(2)
	x.Store = meeting{before, &met}
	for i, o := range []string{ledger.Agree, ledger.StronglyDisagree} {
		all.Go(func() {
			if err := x.Opine(t.Context(), digest, o, 10+i); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	x.Store = before
	w.settle()
	own, err := x.store.SealedFeedback(t.Context(), digest, east, fact.FeedbackOpinion)
	if err != nil || own.Revision != 2 {
		t.Errorf("%+v, %v", own, err)
	}
	for _, org := range []string{north, south} {
		f, err := w.nodes[org].store.SealedFeedback(t.Context(), digest, east, fact.FeedbackOpinion)
		if err != nil || f.Revision != 2 || f.Opinion != own.Opinion || f.Weight != own.Weight {
			t.Errorf("%s holds %+v, %v; the east %+v", org, f, err, own)
		}
	}
}

// TestAnOpinionThatChangesUnderWayArrives: the answer to the one before does not end the
// delivery of the new one.
func TestAnOpinionThatChangesUnderWayArrives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	digest := w.share(ledger.TLPAmber, south, east)
	w.settle()
	x, call, changed := w.nodes[east], w.nodes[east].Call, false
	x.Call = func(ctx context.Context, member, method, path string, body []byte, limit int64) (int, []byte, error) {
		status, answer, err := call(ctx, member, method, path, body, limit)
		if path == pathFeedback && status == http.StatusNoContent && !changed {
			changed = true
			if err := x.Opine(ctx, digest, ledger.Disagree, 50); err != nil {
				t.Error(err)
			}
		}
		return status, answer, err
	}
	if err := x.Opine(t.Context(), digest, ledger.Agree, 50); err != nil {
		t.Fatal(err)
	}
	w.settle()
	for _, org := range []string{north, south} {
		if f, err := w.nodes[org].store.SealedFeedback(t.Context(), digest, east, fact.FeedbackOpinion); err != nil || f.Opinion != ledger.Disagree {
			t.Errorf("%s holds %+v, %v", org, f, err)
		}
	}
}

func TestWithdrawnItIsErasedEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	digest, next := w.share(ledger.TLPAmber, south, east), w.share(ledger.TLPAmber, south)
	w.settle()
	w.nodes[east].down = true
	w.write(north, &ledger.Withdrawal{V: 1, Digest: digest, Sharer: north, Reason: ledger.WithdrawnSuperseded, SupersededBy: next, Time: w.now})
	w.settle()
	if w.has(north, digest) || w.has(south, digest) || !w.has(south, next) {
		t.Error("it is not erased, or more is")
	}
	if got := w.receipts(digest); len(got) != 3 || !slices.Contains(got, south+" erased") {
		t.Errorf("receipts: %v", got)
	}
	w.nodes[east].down = false
	for range 10 {
		w.run()
		w.now = w.now.Add(time.Minute)
	}
	if got := w.receipts(digest); w.has(east, digest) || !slices.Contains(got, east+" erased") {
		t.Errorf("receipts once the east is back: %v", got)
	}
	r, err := w.nodes[south].store.Report(t.Context(), digest)
	if err != nil || r.Sharers[0].Feedback.SupersededBy != next {
		t.Errorf("the south does not learn what takes its place: %+v %v", r, err)
	}
}

// TestAnOrganisationsKeyIsReplaced while something waits that was signed under the one
// before.
func TestAnOrganisationsKeyIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	digest := w.share(ledger.TLPAmber, south)
	d, _, err := w.nodes[north].store.NextDelivery(t.Context(), south, w.now)
	if err != nil || d == nil {
		t.Fatalf("%+v %v", d, err)
	}
	if err := w.nodes[north].sealCopy(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.replace(north, public, private)
	w.settle()
	if !w.has(south, digest) {
		t.Error("what was signed under a key that is gone is never signed anew")
	}
}

func FuzzUnframe(f *testing.F) {
	b, err := frame(&opening{V: 1, Marking: "amber", Recipients: []string{"a"}, Salt: "00", Sender: "b", Size: 2}, []byte("{}"), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0, 0, 0, 2, '{', '}'})
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, body, _, err := unframe(b); err == nil && len(body) != o.Size {
			t.Errorf("%d bytes of %d", len(body), o.Size)
		}
	})
}

func FuzzParseEnvelope(f *testing.F) {
	f.Add([]byte(`{"v":1,"kind":"report","enc":"AA==","sealed":"AA==","signature":"AA=="}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := parseEnvelope(b); err == nil && e.V != 1 {
			t.Error("another version was read")
		}
	})
}
