package client

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"go.uber.org/goleak"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scripted is a client of a server that answers as told, one function a request; the
// last goes on.
func scripted(t *testing.T, opts []Option, answers ...http.HandlerFunc) (*Client, *atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers[min(int(n.Add(1)), len(answers))-1](w, r)
	}))
	t.Cleanup(s.Close)
	c, err := New(s.URL, append([]Option{WithToken("secret"), WithPatience(5 * time.Second)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, &n
}

func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// breaks ends the connection with the request taken and no answer given.
func breaks(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	panic(http.ErrAbortHandler)
}

const busy = `{"status":503,"code":"busy","detail":"later"}`

func TestHeadersAreTheNodes(t *testing.T) {
	t.Parallel()
	for mine, theirs := range map[string]string{
		headerDevice: auth.HeaderDevice, headerEdge: auth.HeaderEdge, headerSubject: auth.HeaderSubject, headerSeed: auth.HeaderSeed, headerSignature: auth.HeaderSignature,
	} {
		if mine != theirs {
			t.Errorf("%s is %s at the node", mine, theirs)
		}
	}
}

func TestAClientIsMadeOfWhatIsSafe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		address string
		opts    []Option
		want    string
	}{
		"no address":          {"node.example", nil, "must be as in"},
		"a query":             {"https://node.example?x=1", nil, "must be as in"},
		"a password":          {"https://me:pass@node.example", nil, "must be as in"},
		"a token in clear":    {"http://node.example", []Option{WithToken("x")}, "in the clear"},
		"two tokens":          {"https://node.example", []Option{WithToken("x"), WithTokenFile("y")}, "one source"},
		"a key of no kind":    {"https://node.example", []Option{WithService(Service{ID: "lab"})}, "a service's key"},
		"no time":             {"https://node.example", []Option{WithTimeout(0)}, "timeout"},
		"roots that are none": {"https://node.example", []Option{WithRootsFile("doc.go")}, "holds no certificate"},
	} {
		if _, err := New(c.address, c.opts...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestACommandWhoseAnswerIsLostIsOne: it is sent again under its own key.
func TestACommandWhoseAnswerIsLostIsOne(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var keys []string
	noting := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			keys = append(keys, r.Header.Get("Idempotency-Key"))
			mu.Unlock()
			h(w, r)
		}
	}
	c, n := scripted(t, nil, noting(breaks), noting(says(503, busy)), noting(says(201, `{"di":"X"}`)), noting(says(201, `{"di":"X"}`)))
	m, err := c.RegisterModel(t.Context(), NewModel{DI: "X"})
	if err != nil || m.DI != "X" || n.Load() != 3 {
		t.Fatalf("%+v %v after %d requests", m, err, n.Load())
	}
	if _, err := c.RegisterModel(t.Context(), NewModel{DI: "X"}); err != nil {
		t.Fatal(err)
	}
	if keys[0] == "" || keys[0] != keys[1] || keys[1] != keys[2] || keys[2] == keys[3] {
		t.Errorf("the keys are %v", keys)
	}
}

func TestACommandUnderWayIsFollowed(t *testing.T) {
	t.Parallel()
	const at = "/v1/operations/0123"
	under := says(202, `{"state":"stored"}`, "Location", at)
	c, n := scripted(t, nil, under, says(200, `{"state":"endorsed"}`), says(200, `{"state":"done"}`), says(200, `{"di":"X","name":"M"}`))
	if m, err := c.RegisterModel(t.Context(), NewModel{DI: "X"}); err != nil || m.Name != "M" || n.Load() != 4 {
		t.Errorf("%+v %v after %d requests", m, err, n.Load())
	}
	c, _ = scripted(t, nil, under, says(200, `{"state":"failed","problem":{"code":"already_exists","detail":"it is there"}}`))
	_, err := c.RegisterModel(t.Context(), NewModel{DI: "X"})
	if ledger.CodeOf(err) != ledger.CodeAlreadyExists || !strings.Contains(err.Error(), "it is there") {
		t.Errorf("a failure: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	c, _ = scripted(t, nil, under, says(200, `{"state":"stored"}`))
	if _, err := c.RegisterModel(ctx, NewModel{DI: "X"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("for ever: %v", err)
	}
}

// TestReadingsThatNobodySignedAreSentOnce: whoever sends them again may have them
// twice, and has to know it. Signed ones are one.
func TestReadingsThatNobodySignedAreSentOnce(t *testing.T) {
	t.Parallel()
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	plain := Readings{Unit: proof.Hash{1}, Records: [][]byte{[]byte("{}")}}
	signed := plain
	signed.Key, signed.Seed = key, proof.Seed{9}
	root := proof.Root(proof.LeafHashes(nil, &signed.Seed, signed.Records))
	taken := says(202, fmt.Sprintf(`{"unit":%q,"count":1,"root":%q,"vouchedBy":"device"}`, plain.Unit, root))

	c, n := scripted(t, nil, breaks, taken)
	if _, err := c.Submit(t.Context(), plain); !Unknown(err) || ledger.CodeOf(err) != ledger.CodeUnavailable || n.Load() != 1 {
		t.Errorf("%v after %d requests", err, n.Load())
	}
	c, n = scripted(t, nil, says(503, busy), taken) // nothing was done
	if _, err := c.Submit(t.Context(), plain); err != nil || n.Load() != 2 {
		t.Errorf("%v after %d requests", err, n.Load())
	}
	c, n = scripted(t, nil, says(503, `{"code":"unavailable","detail":"who knows"}`), taken)
	if _, err := c.Submit(t.Context(), plain); !Unknown(err) || n.Load() != 1 {
		t.Errorf("%v after %d requests", err, n.Load())
	}
	c, n = scripted(t, nil, breaks, taken)
	if _, err := c.Submit(t.Context(), signed); err != nil || n.Load() != 2 {
		t.Errorf("signed: %v after %d requests", err, n.Load())
	}
	signed.Seed[0]++ // the receipt is for another root
	if _, err := c.Submit(t.Context(), signed); err == nil || !strings.Contains(err.Error(), "other readings") {
		t.Errorf("another's receipt: %v", err)
	}
	closed, err := New("http://127.0.0.1:1", WithPatience(0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := closed.Submit(t.Context(), plain); err == nil || Unknown(err) {
		t.Errorf("where nobody listens: %v", err)
	}
	for name, r := range map[string]Readings{
		"none":                 {Unit: proof.Hash{1}},
		"an empty one":         {Records: [][]byte{{}}},
		"a line feed":          {Records: [][]byte{[]byte("a\nb"), []byte("c")}},
		"several in HL7":       {MediaType: MediaHL7, Records: [][]byte{[]byte("a"), []byte("b")}},
		"half a key":           {Key: key[:10], Records: [][]byte{[]byte("a")}},
		"a signature, no seed": {Signature: proof.Signature{1}, Records: [][]byte{[]byte("a")}},
	} {
		before := n.Load()
		if _, err := c.Submit(t.Context(), r); err == nil || n.Load() != before {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	t.Parallel()
	c, n := scripted(t, nil, says(429, `{"code":"rate","detail":"slower"}`, "Retry-After", "1"), says(200, `{"di":"X"}`))
	begin := time.Now()
	if _, err := c.Model(t.Context(), "X"); err != nil || time.Since(begin) < time.Second || n.Load() != 2 {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
	c, n = scripted(t, []Option{WithPatience(time.Second)}, says(503, busy, "Retry-After", "30"))
	begin = time.Now()
	_, err := c.Model(t.Context(), "X")
	e, ok := errors.AsType[*Error](err)
	if !ok || e.After != 30*time.Second || time.Since(begin) > time.Second || n.Load() != 1 {
		t.Errorf("impatient: %v after %v and %d requests", err, time.Since(begin), n.Load())
	}
}

// TestTheTokenGoesToTheNodeAlone: not to where an answer points.
func TestTheTokenGoesToTheNodeAlone(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("called elsewhere with %q", r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	c, _ := scripted(t, nil, says(307, "", "Location", elsewhere.URL))
	if _, err := c.Model(t.Context(), "X"); err == nil || !strings.Contains(err.Error(), "307") {
		t.Error(err)
	}
}

// TestAServiceSignsInForTheAddressThatItCalls, whatever the node says of itself: an
// assertion for another node is never made. It signs in anew when its token ends.
func TestAServiceSignsInForTheAddressThatItCalls(t *testing.T) {
	t.Parallel()
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	var mu sync.Mutex
	var audiences, used []string
	ids := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path != "/oauth/token" {
			used = append(used, r.Header.Get("Authorization"))
			if len(used) == 2 { // the node began anew, with another key
				says(401, `{"code":"unauthenticated","detail":"no"}`)(w, r)
				return
			}
			says(200, `{"di":"X"}`)(w, r)
			return
		}
		text, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(text))
		signed, err := jwt.ParseSigned(form.Get("client_assertion"), []jose.SignatureAlgorithm{jose.EdDSA})
		var claims struct {
			Iss string `json:"iss"`
			Sub string `json:"sub"`
			Aud string `json:"aud"`
			JTI string `json:"jti"`
		}
		if err != nil || signed.Claims(key.Public(), &claims) != nil || claims.Iss != "lab" || claims.Sub != "lab" || ids[claims.JTI] || form.Get("scope") != "integrator" {
			t.Errorf("%v %+v", err, claims)
		}
		ids[claims.JTI] = true
		audiences = append(audiences, claims.Aud)
		says(200, fmt.Sprintf(`{"access_token":"t%d","token_type":"Bearer","expires_in":300}`, len(audiences)))(w, r)
	}))
	defer s.Close()
	c, err := New(s.URL+"/", WithService(Service{ID: "lab", KeyID: "1", Key: key, Scope: "integrator"}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		if _, err := c.Model(t.Context(), "X"); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(used, []string{"Bearer t1", "Bearer t1", "Bearer t2", "Bearer t2"}) || !slices.Equal(audiences, []string{s.URL + "/oauth/token", s.URL + "/oauth/token"}) {
		t.Errorf("%v for %v", used, audiences)
	}
	refused, _ := scripted(t, nil, says(400, `{"error":"invalid_client","error_description":"the client assertion does not hold"}`))
	refused.token = nil
	refused.service = c.service
	c.service.token = ""
	if _, err := refused.Model(t.Context(), "X"); ledger.CodeOf(err) != ledger.CodeInvalid || !strings.Contains(err.Error(), "does not hold") {
		t.Error(err)
	}
}

// event is one as the node sends it.
func event(id int) string {
	b, _ := json.Marshal(fact.Event{ID: strconv.Itoa(id), Kind: "k"})
	return fmt.Sprintf("id: %d\nevent: k\ndata: %s\n\n", id, b)
}

// TestAStreamThatBreaksGoesOnBehindItsLastEvent, also when none had come yet.
func TestAStreamThatBreaksGoesOnBehindItsLastEvent(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var after []string
	noting := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			after = append(after, r.Header.Get("Last-Event-ID"))
			mu.Unlock()
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, body)
			_ = http.NewResponseController(w).Flush()
			if strings.HasSuffix(body, "!") {
				panic(http.ErrAbortHandler)
			}
		}
	}
	c, _ := scripted(t, nil,
		noting("retry: 2000\nid: start\n\n!"),
		noting("retry: 2000\n\n"+event(1)+event(2)),
		noting(event(3)+"event: dropped\ndata: {\"reason\":\"shutdown\"}\n\n"),
		says(503, busy),
		noting(strings.ReplaceAll(":\n\n"+event(4), "\n", "\r\n")+"id: 5\ndata: {\"half"),
		noting("event: dropped\ndata: {\"reason\":\"behind\"}\n\n"))
	var got []string
	var last error
	for e, err := range c.Events(t.Context(), Since{}) {
		if last = err; err == nil {
			got = append(got, e.ID)
		}
	}
	if !slices.Equal(got, []string{"1", "2", "3", "4"}) || !errors.Is(last, ErrBehind) || !slices.Equal(after, []string{"", "start", "2", "3", "4"}) {
		t.Errorf("%v, then %v; asked for what is behind %v", got, last, after)
	}
	// One that is to end now is whole only when it ends in order.
	c, n := scripted(t, nil, noting(event(1)+"!"), noting(event(2)))
	got = nil
	for e, err := range c.Events(t.Context(), Since{Oldest: true, Now: true}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.ID)
	}
	if !slices.Equal(got, []string{"1", "2"}) || n.Load() != 2 {
		t.Errorf("%v of %d streams", got, n.Load())
	}
	c, _ = scripted(t, []Option{WithPatience(300 * time.Millisecond)}, says(503, busy))
	for _, err := range c.Events(t.Context(), Since{}) {
		if ledger.CodeOf(err) != ledger.CodeBusy {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	c, _ = scripted(t, nil, func(w http.ResponseWriter, r *http.Request) {
		noting(event(1))(w, r)
		<-r.Context().Done()
	})
	for _, err := range c.Events(ctx, Since{}) {
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		cancel()
	}
	cancel()
}

// FuzzEvents: whatever a node sends, a stream ends in order, and yields events only
// that have an id.
func FuzzEvents(f *testing.F) {
	f.Add("retry: 2000\nid: a\n\n" + event(1))
	f.Add("data: {}\n\ndata\n\n:\n\nevent: dropped\ndata: {\"reason\":\"behind\"}\n\n")
	f.Add("id: 1\r\ndata: {\"id\":\"1\",\r\ndata: \"kind\":\"k\"}\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		idle := time.NewTimer(time.Hour)
		defer idle.Stop()
		s := &stream{yield: func(e fact.Event, err error) bool {
			if e.ID == "" || err != nil {
				t.Errorf("%+v %v", e, err)
			}
			return true
		}}
		if err := s.read(strings.NewReader(text), idle); err == nil {
			t.Error("a stream without an end ended")
		}
	})
}
