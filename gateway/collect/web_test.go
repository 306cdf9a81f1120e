package collect

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestADocumentIsReadWhenItIsAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text, asked, unchanged := line(0)+"\n"+line(1)+"\n", 0, 0
	s := site(t, "/feed", func(rw http.ResponseWriter, r *http.Request) {
		asked++
		tag := fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(text)))
		if r.Header.Get("Authorization") != "Bearer abc" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		rw.Header().Set("ETag", tag)
		rw.Header().Set("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")
		if r.Header.Get("If-None-Match") == tag && r.Header.Get("If-Modified-Since") != "" {
			unchanged++
			rw.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = rw.Write([]byte(text))
	})
	err := w.look(Document(s), eve(t))
	if wantCode(t, ledger.CodeDenied, err); !strings.Contains(err.Error(), "authorization") {
		t.Errorf("it is not said what to do: %v", err)
	}
	s.Authorization = func() (string, error) { return "Bearer abc", nil }
	w.must(Document(s), eve(t))
	w.restart()
	w.must(Document(s), eve(t))
	wantLines(t, w, 2)
	if unchanged != 1 {
		t.Errorf("of %d times the server was told %d times what is here", asked, unchanged)
	}
	text = line(1) + "\n" + line(2) + "\n"
	w.must(Document(s), eve(t))
	wantLines(t, w, 3)

	text = "" // the feed shrinks to nothing
	err = w.look(Document(s), eve(t))
	if wantCode(t, ledger.CodeInvalid, err); !strings.Contains(err.Error(), "nothing was taken back") {
		t.Errorf("got %v", err)
	}
	wantLines(t, w, 3)
	text = line(3) + "\n"
	w.must(Document(s), eve(t))
	wantLines(t, w, 4)
}

func TestAServerThatSendsTooMuchIsStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := site(t, "/", func(rw http.ResponseWriter, _ *http.Request) {
		part := make([]byte, 1<<20)
		for range 80 {
			if _, err := rw.Write(part); err != nil {
				return
			}
		}
	})
	wantCode(t, ledger.CodeTooLarge, w.look(Document(s), eve(t)))
}

// indicator is a STIX object with a number.
func indicator(n int) string {
	return fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-%012d","created":"2026-01-02T03:04:05.000Z","modified":"2026-01-02T03:04:05.000Z","pattern":"[ipv4-addr:value = '198.51.100.%d']","pattern_type":"stix","valid_from":"2026-01-02T03:04:05Z"}`, n, n%250+1)
}

// collection is a TAXII server with objects that were added one a second.
type collection struct {
	objects int
	asked   atomic.Int64
	after   string // the last added_after
	header  func(last int) string
	page    func(rw http.ResponseWriter, r *http.Request) bool // answers in place of it
}

const root = "/taxii2/api/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/objects/"

func addedAt(n int) string {
	return fmt.Sprintf("2026-02-01T%02d:%02d:%02d.123456Z", n/3600, n/60%60, n%60)
}

func (c *collection) serve(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Type", taxiiType)
	switch r.URL.Path {
	case "/taxii2/":
		_, _ = rw.Write([]byte(`{"title":"t","default":"/taxii2/api/","api_roots":["https://elsewhere.example/api/","/taxii2/api/"]}`))
		return
	case "/taxii2/api/collections/":
		_, _ = rw.Write([]byte(`{"collections":[{"id":"../..","title":"wrong","can_read":true},{"id":"91a7b528-80eb-42ed-a74d-c6fbd5a26116","title":"High value","can_read":true}]}`))
		return
	case root:
	default:
		rw.WriteHeader(http.StatusNotFound)
		return
	}
	c.asked.Add(1)
	c.after = r.URL.Query().Get("added_after")
	if c.page != nil && c.page(rw, r) {
		return
	}
	first := 0
	for first < c.objects && addedAt(first) <= c.after {
		first++
	}
	if next := r.URL.Query().Get("next"); next != "" {
		first, _ = strconv.Atoi(next)
	}
	last := min(first+3, c.objects)
	var objects []string
	for n := first; n < last; n++ {
		objects = append(objects, indicator(n))
	}
	if len(objects) == 0 {
		rw.Header().Set("X-TAXII-Date-Added-Last", "undefined")
		_, _ = rw.Write([]byte("{}"))
		return
	}
	if h := c.header(last - 1); h != "" {
		rw.Header().Set("X-TAXII-Date-Added-Last", h)
	}
	more := ""
	if last < c.objects {
		more = fmt.Sprintf(`"more":true,"next":"%d",`, last)
	}
	_, _ = fmt.Fprintf(rw, `{%s"objects":[%s]}`, more, strings.Join(objects, ","))
}

func (w *world) wantObjects(n int) {
	w.tb.Helper()
	got, _, err := w.store.STIX(w.tb.Context(), fact.STIXFilter{Collection: "own"}, 100_000, true)
	if err != nil {
		w.tb.Fatal(err)
	}
	if len(got) != n {
		w.tb.Fatalf("the collection has %d objects, want %d", len(got), n)
	}
	for i := range got {
		if string(got[i].Body) != indicator(i) {
			w.tb.Fatalf("object %d is not as it came: %s", i, got[i].Body)
		}
	}
}

func TestACollectionIsReadOnFromWhereItWas(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]func(int) string{
		"as the standard says": addedAt,
		"without an offset":    func(n int) string { return strings.TrimSuffix(addedAt(n), "Z") },
		"undefined":            func(int) string { return "undefined" },
		"missing":              func(int) string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, c := newWorld(t), &collection{objects: 10, header: header}
			s := site(t, "/taxii2/", c.serve)
			w.must(TAXII(s, "High value"), adapt.Format{})
			w.wantObjects(10)
			c.objects = 13
			w.restart()
			w.must(TAXII(s, "High value"), adapt.Format{})
			w.wantObjects(13)
			if strings.HasSuffix(header(0), "Z") && c.after != addedAt(9) {
				t.Errorf("asked after %q, want what the server said of the last object: %q", c.after, addedAt(9))
			}
			w.must(TAXII(s, "High value"), adapt.Format{}) // an empty page
			w.wantObjects(13)
		})
	}
}

func TestAPageThatAServerForgotBeginsAnew(t *testing.T) {
	t.Parallel()
	w, c := newWorld(t), &collection{objects: 10, header: addedAt}
	s := site(t, "/taxii2/", c.serve)
	n := 0
	w.fails = func() (bool, bool) { n++; return n == 3, false }
	if err := w.look(TAXII(s, "High value"), adapt.Format{}); err == nil {
		t.Fatal("the node was not killed")
	}
	w.wantObjects(6)
	w.fails = nil
	w.restart()
	c.page = func(rw http.ResponseWriter, r *http.Request) bool { // it knows no place of before
		if r.URL.Query().Get("next") != "6" || c.asked.Load() > 4 {
			return false
		}
		rw.WriteHeader(http.StatusBadRequest)
		return true
	}
	w.must(TAXII(s, "High value"), adapt.Format{})
	w.wantObjects(10)
}

func TestAHostileServerIsStopped(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		page func(n int64) string
		says string
	}{
		"the same page for ever": {func(n int64) string { return fmt.Sprintf(`{"more":true,"next":"%d","objects":[%s]}`, n, indicator(1)) }, "the same page"},
		"the same next":          {func(n int64) string { return fmt.Sprintf(`{"more":true,"next":"x","objects":[%s]}`, indicator(int(n))) }, "just sent"},
		"empty pages":            {func(n int64) string { return fmt.Sprintf(`{"more":true,"next":"%d"}`, n) }, "without objects"},
		"no next":                {func(n int64) string { return fmt.Sprintf(`{"more":true,"objects":[%s]}`, indicator(int(n))) }, "neither names"},
		"other pages for ever": {func(n int64) string {
			return fmt.Sprintf(`{"more":true,"next":"%d","objects":[%s]}`, n, indicator(int(n)))
		}, "goes on later"},
		"a huge next": {func(n int64) string {
			return fmt.Sprintf(`{"more":true,"next":"%s","objects":[%s]}`, strings.Repeat("x", 5000), indicator(int(n)))
		}, "bytes"},
		"nothing of the kind": {func(int64) string { return `[[[[` }, "JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "other pages for ever" && testing.Short() {
				t.Skip("a thousand pages take a while; without -short they are read")
			}
			w, server := newWorld(t), &collection{header: addedAt}
			server.page = func(rw http.ResponseWriter, _ *http.Request) bool {
				_, _ = rw.Write([]byte(c.page(server.asked.Load())))
				return true
			}
			err := w.look(TAXII(site(t, "/taxii2/", server.serve), "High value"), adapt.Format{})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %s", err, c.says)
			}
			if n := server.asked.Load(); n > taxiiPages {
				t.Errorf("it was asked %d times", n)
			}
		})
	}
}

func TestACollectionThatIsNotThereIsSaid(t *testing.T) {
	t.Parallel()
	w, c := newWorld(t), &collection{header: addedAt}
	err := w.look(TAXII(site(t, "/taxii2/", c.serve), "other"), adapt.Format{})
	if wantCode(t, ledger.CodeNotFound, err); !strings.Contains(err.Error(), "check collection") {
		t.Errorf("got %v", err)
	}
}
