package bulk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeNode registers units as a node does, and can be told to fail.
type fakeNode struct {
	t *testing.T

	mu       sync.Mutex
	units    map[string]bool // by serial
	requests int
	largest  int
	answer   func(request int) (status int, body string) // 0: as a node does
	reply    func(request int, a map[string]any)         // changes what it says
}

func (f *fakeNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.URL.Path != "/v1/units/batch" || r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer secret" ||
		r.Header.Get("Content-Type") != "application/x-ndjson" {
		f.t.Errorf("called %s %s", r.Method, r.URL.Path)
	}
	f.requests++
	if f.answer != nil {
		if status, body := f.answer(f.requests); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	f.largest = max(f.largest, len(lines))
	registered, existing := 0, 0
	refusals := []map[string]any{}
	for i, line := range lines {
		var u struct{ Serial, Lot string }
		switch err := json.Unmarshal(line, &u); {
		case err != nil || u.Serial == "bad":
			refusals = append(refusals, map[string]any{
				"index": i, "code": "invalid", "detail": "d", "errors": []map[string]string{{"location": "serial", "detail": "must be good"}},
			})
		case f.units[u.Serial]:
			existing++
		default:
			f.units[u.Serial] = true
			registered++
		}
	}
	a := map[string]any{"registered": registered, "existing": existing, "pending": 0, "refused": refusals, "operations": []string{}}
	if f.reply != nil {
		f.reply(f.requests, a)
	}
	if err := json.NewEncoder(w).Encode(a); err != nil {
		f.t.Error(err)
	}
}

// imported runs the command on a file with this text.
func imported(t *testing.T, f *fakeNode, name, text string, more ...string) (out string, err error) {
	t.Helper()
	f.t = t
	if f.units == nil {
		f.units = map[string]bool{}
	}
	server := httptest.NewServer(f)
	defer server.Close()
	dir := t.TempDir()
	path, token := filepath.Join(dir, name), filepath.Join(dir, "token")
	for file, text := range map[string]string{path: text, token: "secret\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := Command()
	c.SilenceErrors, c.SilenceUsage = true, true
	var o bytes.Buffer
	c.SetOut(&o)
	c.SetErr(io.Discard)
	c.SetArgs(append([]string{"units", path, "--node", server.URL, "--token", token}, more...))
	err = c.ExecuteContext(t.Context())
	return o.String(), err
}

func csvOf(n int) string {
	var b strings.Builder
	b.WriteString("\ufeffserial,di,lot,release,owner,publicKey\r\n")
	for i := range n {
		fmt.Fprintf(&b, "SN-%06d,x,L%d,1.0,hospital-north,\r\n", i, i%3)
	}
	return b.String()
}

func TestAnImportGoesOnByBeingRepeated(t *testing.T) {
	t.Parallel()
	f := &fakeNode{}
	out, err := imported(t, f, "devices.csv", csvOf(2500))
	if err != nil || !strings.HasPrefix(out, "2500 devices: 2500 registered, 0 existed, 0 refused") {
		t.Fatalf("%q, %v", out, err)
	}
	if f.largest > 1000 || f.requests != 3 { // three lots of 834, 833 and 833
		t.Errorf("%d requests, of up to %d", f.requests, f.largest)
	}
	out, err = imported(t, f, "devices.csv", csvOf(2600))
	if err != nil || !strings.HasPrefix(out, "2600 devices: 100 registered, 2500 existed, 0 refused") {
		t.Errorf("again: %q, %v", out, err)
	}
}

func TestLinesThatAreRefusedAreNamed(t *testing.T) {
	t.Parallel()
	text := "di,lot,release,owner,serial\nx,L1,1,o,A\nx,L1,1,o\nx,L1,1,o,bad\n\nx,L1,1,\"o\nq\",B\nx,L1,1,o,bad\n"
	out, err := imported(t, &fakeNode{}, "devices.csv", text)
	want := "line 3: has 4 fields, and the header names 5\nline 4: serial must be good\nline 8: serial must be good\n5 devices: 2 registered, 0 existed, 3 refused"
	if err == nil || !strings.Contains(err.Error(), "3 devices were refused") || !strings.HasPrefix(out, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, out))
	}
	out, err = imported(t, &fakeNode{}, "devices.ndjson", "{\"serial\":\"A\"}\n\n{\"serial\":\n", "--json")
	var s Summary
	if jsonErr := json.Unmarshal([]byte(out), &s); jsonErr != nil || err == nil || s.Registered != 1 || len(s.Refused) != 1 || s.Refused[0].Line != 3 {
		t.Errorf("%s %v %v", out, err, jsonErr)
	}
}

func TestFilesThatAreNoListsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, text, want string }{
		"empty":                  {"a.csv", "", "the file is empty"},
		"only a header":          {"a.csv", "di,lot,release,owner,serial\n", "lists no devices"},
		"a column is missing":    {"a.csv", "di,lot,release,owner\n", "lacks the column serial"},
		"a column too many":      {"a.csv", "di,lot,release,owner,serial,colour\n", "column 6 of the header"},
		"a column twice":         {"a.csv", "di,lot,release,owner,serial,di\n", "column 6 of the header"},
		"a quote left open":      {"a.csv", "di,lot,release,owner,serial\nx,\"L1\n", "reading the file"},
		"no format":              {"a.txt", "x", "say --format"},
		"a field without bound":  {"a.csv", "di,lot,release,owner,serial\nx,\"L1" + strings.Repeat(",o\n", maxLine), "longer than 65536 bytes"},
		"a header without bound": {"a.csv", strings.Repeat("x", 2*maxLine), "longer than 65536 bytes"},
		"a line without bound":   {"a.ndjson", strings.Repeat("x", maxLine+1), "reading the file"},
	} {
		f := &fakeNode{}
		if _, err := imported(t, f, c.file, c.text); err == nil || !strings.Contains(err.Error(), c.want) || f.requests > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestALongLineIsReadToItsBound: the bound is one of each line, not of the file.
func TestALongLineIsReadToItsBound(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxLine-64)
	rows, refused, err := readRows(strings.NewReader("di,lot,release,owner,serial\n"+strings.Repeat("x,L1,1,o,"+long+"\n", 5)), FormatCSV)
	if err != nil || len(rows) != 5 || len(refused) > 0 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// TestTheTokenGoesToTheNodeAlone: neither in the clear over the network, nor to
// where the node's answer points.
func TestTheTokenGoesToTheNodeAlone(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for address, good := range map[string]bool{
		"https://node.example": true, "https://10.0.0.1:8443": true, "http://127.0.0.1:7001": true, "http://127.3.2.1": true,
		"http://[::1]:7001": true, "http://localhost:7001": true,
		"http://node.example": false, "http://10.0.0.1:7001": false, "http://localhost.example": false, "http://127.0.0.1.example": false,
		"http://0.0.0.0:7001": false, "ftp://127.0.0.1": false, "http:///path": false,
	} {
		f := reach{node: address, token: token}
		if _, err := f.open(); (err == nil) != good {
			t.Errorf("%s: %v", address, err)
		}
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("called elsewhere with %q", r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		node := httptest.NewServer(http.RedirectHandler(elsewhere.URL, status))
		f := reach{node: node.URL, token: token}
		n, err := f.open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.RegisterLines(t.Context(), [][]byte{[]byte("{}")}); err == nil || !strings.Contains(err.Error(), strconv.Itoa(status)) {
			t.Errorf("%d: %v", status, err)
		}
		n.Close()
		node.Close()
	}
}

func TestANodeThatIsAwayForAWhileIsAskedAgain(t *testing.T) {
	t.Parallel()
	f := &fakeNode{
		answer: func(n int) (int, string) {
			if n <= 2 {
				return http.StatusServiceUnavailable, `{"detail":"later"}`
			}
			return 0, ""
		},
	}
	if out, err := imported(t, f, "a.csv", csvOf(3)); err != nil || !strings.HasPrefix(out, "3 devices: 3 registered") || f.requests != 3 {
		t.Errorf("%q %v after %d requests", out, err, f.requests)
	}
	for status, want := range map[int]string{401: "secant token --role registrar", 404: "a node of this version", 413: "too long"} {
		f := &fakeNode{answer: func(int) (int, string) { return status, `{"detail":"too long"}` }}
		out, err := imported(t, f, "a.csv", csvOf(3))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "3 devices were not come to") || f.requests != 1 {
			t.Errorf("%d: %q %v after %d requests", status, out, err, f.requests)
		}
	}
}

// TestWhatIsUnderWayIsAskedForAgain: what this import registered does not count
// as existing because it was asked for twice.
func TestWhatIsUnderWayIsAskedForAgain(t *testing.T) {
	t.Parallel()
	f := &fakeNode{units: map[string]bool{"SN-000000": true}, reply: func(n int, a map[string]any) {
		switch n {
		case 1: // stored, and not yet taken by the ledger
			a["pending"], a["registered"] = a["registered"], 0
		case 2: // one of them is refused for now
			a["existing"] = a["existing"].(int) - 1
			a["refused"] = []map[string]any{{"index": 1, "code": "busy", "detail": "later"}}
		}
	}}
	out, err := imported(t, f, "a.csv", "di,lot,release,owner,serial\nx,L,1,o,SN-000000\nx,L,1,o,A\nx,L,1,o,B\nx,L,1,o,bad\n")
	if err == nil || !strings.HasPrefix(out, "line 5: serial must be good\n4 devices: 2 registered, 1 existed, 1 refused") || f.requests != 3 {
		t.Errorf("%q %v after %d requests", out, err, f.requests)
	}
}

// TestAllThatIsUnderWayCountsAsRegistered: when the ledger takes long, nothing
// is registered in the first answer, and everything exists in the second.
func TestAllThatIsUnderWayCountsAsRegistered(t *testing.T) {
	t.Parallel()
	f := &fakeNode{reply: func(n int, a map[string]any) {
		if n == 1 {
			a["pending"], a["registered"] = a["registered"], 0
		}
	}}
	out, err := imported(t, f, "a.csv", "di,lot,release,owner,serial\nx,L,1,o,A\nx,L,1,o,B\n")
	if err != nil || !strings.HasPrefix(out, "2 devices: 2 registered, 0 existed, 0 refused") || f.requests != 2 {
		t.Errorf("%q %v after %d requests", out, err, f.requests)
	}
}

func TestAnAnswerThatLosesUnitsIsAnError(t *testing.T) {
	t.Parallel()
	f := &fakeNode{reply: func(_ int, a map[string]any) { a["registered"] = 1 }}
	if _, err := imported(t, f, "a.csv", csvOf(6), "--parallel", "1"); err == nil || !strings.Contains(err.Error(), "answered for") {
		t.Error(err)
	}
}

// TestChunksHoldEveryRowOnce, in their order, and tear no group that fits.
func TestChunksHoldEveryRowOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 6).Draw(t, "size")
		var rows []row
		for i, n := range rapid.SliceOfN(rapid.IntRange(1, 9), 0, 6).Draw(t, "groups") {
			for range n {
				rows = append(rows, row{line: len(rows), group: strconv.Itoa(i)})
			}
		}
		next := 0
		for _, c := range chunks(rows, size) {
			if len(c) == 0 || len(c) > size {
				t.Fatalf("a chunk of %d", len(c))
			}
			for _, r := range c {
				if r.line != next {
					t.Fatalf("row %d instead of %d", r.line, next)
				}
				next++
			}
		}
		if next != len(rows) {
			t.Fatalf("%d of %d rows", next, len(rows))
		}
	})
}

func TestProgressIsToldOnceItTakesLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := &progress{out: &out, quiet: 2 * time.Second, every: 10 * time.Second}
		stop := make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), 13*time.Second)
		defer cancel()
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { p.run(stop, "units", 1000, start, func() int { return int(10 * time.Since(start).Seconds()) }) })
		<-ctx.Done()
		close(stop)
		wg.Wait()
		want := "20 of 1000 units, 10/s, about 1m38s left\n120 of 1000 units, 10/s, about 1m28s left\n"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestAFolderKeepsToItself whatever a node names.
func TestAFolderKeepsToItself(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "folder")
	d, err := openFolder(path, manifest{Kind: kindAdvisories})
	if err != nil {
		t.Fatal(err)
	}
	for name, taken := range map[string]bool{"a.json": true, "../a.json": false, "b/a.json": false, "..": false, "/a.json": false, `..\a.json`: false} {
		if err := d.put(name, []byte("{}")); (err == nil) != taken {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(path, "..", "a.json")); err == nil {
		t.Error("it wrote beside the folder")
	}
}
