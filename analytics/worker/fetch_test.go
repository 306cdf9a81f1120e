package worker_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/worker"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

const body = `{"type":"bundle","id":"bundle--1"}`

// share has south share a report whose body its node serves at endpoint.
func share(t *testing.T, net *channel, endpoint, body string) string {
	t.Helper()
	row := statetest.Registration(south)
	row.Endpoint, row.Revision = endpoint, 2
	if err := net.Ledger.Submit(net.Ledger.Client(south, ledger.RoleRegistrar), ledger.IdentityRegister, row, nil); err != nil {
		t.Fatal(err)
	}
	digest := ledger.BodyDigest([]byte(body))
	err := net.Ledger.Submit(net.Ledger.Client(south, ledger.RoleSharer), ledger.ThreatShare, ledger.ShareThreat{
		Digest: digest, Marking: ledger.TLPGreen, MediaType: ledger.MediaTypeSTIX, Size: int64(len(body)),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func token(_ context.Context, audience string) (string, error) { return "token for " + audience, nil }

// found assesses a report as one that concerns every device.
func found(_ context.Context, r ledger.Threat, body []byte, devices []fact.Device) (fact.Assessment, error) {
	a := fact.Assessment{Title: fmt.Sprintf("%d bytes by %s", len(body), r.Sharer)}
	for _, d := range devices {
		a.Matches = append(a.Matches, fact.Match{Unit: d.Unit.Record.ID, Reasons: []string{d.Model.Name}, Confidence: 5000})
	}
	return a, nil
}

func waitHeld(t *testing.T, n *node, digest string, is func(fact.Report) bool) fact.Report {
	t.Helper()
	for {
		r, err := n.store.Report(t.Context(), digest)
		if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
			t.Fatal(err)
		}
		if err == nil && is(r) {
			return r
		}
		time.Sleep(time.Millisecond)
	}
}

func TestBodiesOfOthersAreFetchedAndAssessed(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	var asked atomic.Int32
	sharer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token for "+south {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if asked.Add(1) == 1 {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
			return
		}
		if r.URL.Path == "/base/v1/threats/"+ledger.BodyDigest([]byte(body))+"/body" {
			fmt.Fprint(w, body)
		}
	}))
	defer sharer.Close()
	digest := share(t, net, sharer.URL+"/base/", body)
	n := start(t, net.connect(north), storetest.Place(t), worker.Options{Token: token, Reachable: loopback, Assess: found})
	r := waitHeld(t, n, digest, func(r fact.Report) bool { return r.Title != "" })
	if !r.Held || r.Title != fmt.Sprintf("%d bytes by %s", len(body), south) {
		t.Errorf("report %+v", r)
	}
	own := statetest.SeededUnit(north)
	if len(r.Matches) != 1 || r.Matches[0].Unit != own || r.Matches[0].Reasons[0] != "Infusion pump" {
		t.Errorf("matches %+v, want the own pump", r.Matches)
	}
	d, err := n.store.Document(t.Context(), fact.DocumentReport, digest)
	if err != nil || string(d.Body) != body || d.MediaType != ledger.MediaTypeSTIX {
		t.Errorf("document %+v, %v", d, err)
	}
	if asked.Load() < 2 {
		t.Error("the first failure was not retried")
	}

	// A further own unit makes the report due again.
	err = net.Ledger.Submit(net.Ledger.Client(medtech, ledger.RoleRegistrar), ledger.DeviceRegisterUnit, ledger.RegisterUnit{
		SerialMAC: ledger.Digest("serial", nil), DI: statetest.SeededDI, Lot: "L2", Release: statetest.SeededRelease, Owner: north,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	waitHeld(t, n, digest, func(r fact.Report) bool { return len(r.Matches) == 2 })
	var kinds []string
	events, err := n.store.Events(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if strings.HasPrefix(e.Kind, "report.") {
			kinds = append(kinds, e.Kind)
		}
	}
	if fmt.Sprint(kinds) != fmt.Sprint([]string{fact.EventReportReceived, fact.EventReportMatched}) {
		t.Errorf("events %v", kinds)
	}
}

func TestWhatAHolderGivesIsNotTrusted(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
	defer elsewhere.Close()
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"another body of the same size", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, strings.ToUpper(body))
		}},
		{"a longer body", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Transfer-Encoding", "chunked")
			fmt.Fprint(w, body+strings.Repeat(" ", 1<<16))
		}},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		}},
		{"an error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body, http.StatusTeapot) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			net := newChannel(t)
			var asked atomic.Int32
			sharer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				c.answer(w, r)
			}))
			defer sharer.Close()
			digest := share(t, net, sharer.URL, body)
			n := start(t, net.connect(north), storetest.Place(t), worker.Options{Token: token, Reachable: loopback, Assess: found})
			for {
				due, next, err := n.store.Wanted(t.Context(), south, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				if due == nil && !next.IsZero() && asked.Load() > 0 {
					break // postponed
				}
				time.Sleep(time.Millisecond)
			}
			if _, err := n.store.Document(t.Context(), fact.DocumentReport, digest); ledger.CodeOf(err) != ledger.CodeNotFound {
				t.Errorf("the answer was kept: %v", err)
			}
		})
	}
}

func TestTheLoopbackIsNotReachableUnlessNamed(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	var asked atomic.Int32
	sharer := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer sharer.Close()
	// A name that resolves to the loopback gains nothing either.
	share(t, net, strings.Replace(sharer.URL, "127.0.0.1", "localhost", 1), body)
	n := start(t, net.connect(north), storetest.Place(t), worker.Options{Token: token})
	for {
		_, next, err := n.store.Wanted(t.Context(), south, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if !next.IsZero() {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if asked.Load() != 0 {
		t.Error("the node asked a server on the loopback")
	}
}

func TestABodyThatCannotBeReadDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	bodies := map[string]string{}
	sharer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, bodies[strings.Split(r.URL.Path, "/")[3]])
	}))
	defer sharer.Close()
	var digests []string
	for i, b := range []string{"panics", "errs", "good"} {
		digest := ledger.BodyDigest([]byte(b))
		bodies[digest] = b
		if i == 0 {
			share(t, net, sharer.URL, b)
		} else {
			shareAs(t, net, south, b)
		}
		digests = append(digests, digest)
	}
	judge := func(ctx context.Context, r ledger.Threat, body []byte, devices []fact.Device) (fact.Assessment, error) {
		switch string(body) {
		case "panics":
			panic("a fault of the matcher")
		case "errs":
			return fact.Assessment{}, ledger.Problemf(ledger.CodeInvalid, "not a bundle")
		}
		return found(ctx, r, body, devices)
	}
	n := start(t, net.connect(north), storetest.Place(t), worker.Options{Token: token, Reachable: loopback, Assess: judge})
	waitHeld(t, n, digests[2], func(r fact.Report) bool { return r.Title != "" })
	for _, d := range digests[:2] {
		waitHeld(t, n, d, func(r fact.Report) bool { return r.Held && r.Title == "" && len(r.Matches) == 0 })
	}
	for {
		due, next, err := n.store.Unassessed(t.Context(), time.Now(), 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(due) == 0 && !next.IsZero() {
			return // one waits to be tried again, and one is done with
		}
		time.Sleep(time.Millisecond)
	}
}

// A passing failure of the matcher takes nothing back that was found.
func TestAPassingFailureKeepsTheMatches(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	sharer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
	defer sharer.Close()
	digest := share(t, net, sharer.URL, body)
	var calls atomic.Int32
	judge := func(ctx context.Context, r ledger.Threat, body []byte, devices []fact.Device) (fact.Assessment, error) {
		if calls.Add(1) == 2 {
			return fact.Assessment{}, errors.New("the disk did not answer")
		}
		return found(ctx, r, body, devices)
	}
	n := start(t, net.connect(north), storetest.Place(t), worker.Options{Token: token, Reachable: loopback, Assess: judge})
	waitHeld(t, n, digest, func(r fact.Report) bool { return len(r.Matches) == 1 })
	if err := n.store.PutInventory(t.Context(), fact.Inventory{Unit: statetest.SeededUnit(north)}); err != nil {
		t.Fatal(err)
	}
	n.Hub().Wake()
	for calls.Load() < 3 {
		r, err := n.store.Report(t.Context(), digest)
		if err != nil || len(r.Matches) != 1 {
			t.Fatalf("matches %+v, %v; want the one that was found", r.Matches, err)
		}
		time.Sleep(time.Millisecond)
	}
}

// A holder that accepts and then says nothing is asked for one thing at a time,
// and delays nobody else.
func TestASlowHolderDelaysItselfOnly(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	var inFlight, most atomic.Int32
	hang := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if n := inFlight.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer inFlight.Add(-1)
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(hang)
	const slowOnes = 40
	for i := range slowOnes {
		b := fmt.Sprint("slow ", i)
		if i == 0 {
			share(t, net, slow.URL, b)
		} else {
			shareAs(t, net, south, b)
		}
	}
	bodies := map[string]string{}
	quick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, bodies[strings.Split(r.URL.Path, "/")[3]])
	}))
	defer quick.Close()
	var wanted []string
	for i := range 20 {
		b := fmt.Sprint("quick ", i)
		bodies[ledger.BodyDigest([]byte(b))] = b
		wanted = append(wanted, b)
	}
	// South was first with this digest, and does not give the body; east does.
	bodies[ledger.BodyDigest([]byte("slow 7"))] = "slow 7"
	wanted = append(wanted, "slow 7")
	row := statetest.Registration(east)
	row.Endpoint, row.Revision = quick.URL, 2
	if err := net.Ledger.Submit(net.Ledger.Client(east, ledger.RoleRegistrar), ledger.IdentityRegister, row, nil); err != nil {
		t.Fatal(err)
	}
	for _, b := range wanted {
		shareAs(t, net, east, b)
	}
	n := start(t, net.connect(north), storetest.Place(t), worker.Options{Token: token, Reachable: loopback, Assess: found})
	began := time.Now()
	for _, b := range wanted {
		waitHeld(t, n, ledger.BodyDigest([]byte(b)), func(r fact.Report) bool { return r.Held })
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the others waited for %v", took)
	}
	if most.Load() != 1 {
		t.Errorf("the slow holder was asked for %d documents at once, want 1", most.Load())
	}
}

func shareAs(t *testing.T, net *channel, org, body string) {
	t.Helper()
	err := net.Ledger.Submit(net.Ledger.Client(org, ledger.RoleSharer), ledger.ThreatShare, ledger.ShareThreat{
		Digest: ledger.BodyDigest([]byte(body)), Marking: ledger.TLPClear, MediaType: ledger.MediaTypeSTIX, Size: int64(len(body)),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// TestMissingDocumentsDoNotDelayAHoldersOthers: a holder that answers, and lacks
// some documents, is asked for the others at once.
func TestMissingDocumentsDoNotDelayAHoldersOthers(t *testing.T) {
	t.Parallel()
	net := newChannel(t)
	wanted := ledger.BodyDigest([]byte(body))
	holder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Split(r.URL.Path, "/")[3] != wanted {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, body)
	}))
	defer holder.Close()
	share(t, net, holder.URL, "missing")
	for i := range 30 {
		shareAs(t, net, south, fmt.Sprint("missing ", i))
	}
	shareAs(t, net, south, body)
	n := start(t, net.connect(north), storetest.Place(t), worker.Options{Token: token, Reachable: loopback, Assess: found})
	began := time.Now()
	waitHeld(t, n, wanted, func(r fact.Report) bool { return r.Held })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it waited for %v", took)
	}
}
