package dicom_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/analytics/dicom/dicomtest"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/dicom"
	"github.com/secant-platform/secant/gateway/server"
)

var update = flag.Bool("update", false, "write the golden files anew")

// node is what the routes call, kept in memory.
type node struct {
	tb     testing.TB
	engine *gin.Engine
	router *auth.Router
	key    ed25519.PrivateKey

	mu        sync.Mutex
	fault     error // of Submit
	faulty    bool  // Submit has a fault of the program
	broken    error // of PutImages
	manifests map[string][]byte
	images    []fact.Image
	asked     fact.ImageFilter
}

func newNode(tb testing.TB, limits dicom.Limits) *node {
	tb.Helper()
	n := &node{tb: tb, key: ed25519.NewKeyFromSeed(make([]byte, 32)), manifests: map[string][]byte{}}
	options := server.Options{
		MaxBody: 1 << 10, MaxHeader: 64 << 10, HeaderTime: time.Minute, BodyTime: time.Minute, WriteTime: time.Minute,
		IdleTime: time.Minute, Drain: time.Minute, Bodies: map[string]server.Body{},
	}
	for _, route := range dicom.Large() {
		options.Bodies[route] = server.Body{Max: 1 << 30, Time: time.Minute}
	}
	var err error
	if n.engine, err = server.NewEngine(options, slog.New(slog.DiscardHandler), prometheus.NewRegistry()); err != nil {
		tb.Fatal(err)
	}
	metrics, err := dicom.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		tb.Fatal(err)
	}
	n.router = auth.NewRouter(n.engine, auth.NewVerifier("north", n.key.Public().(ed25519.PublicKey), nil))
	if err := dicom.New(n.router, dicom.Deps{Readings: n, Devices: n, Images: n, Proofs: n, Metrics: metrics, Limits: limits}); err != nil {
		tb.Fatal(err)
	}
	return n
}

func (n *node) Submit(_ context.Context, m dicom.Manifest) (dicom.Receipt, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	sum := sha256.Sum256(m.Once)
	id := proof.RequestID(sum[:16])
	if n.faulty {
		panic("a fault of the program")
	}
	if n.fault == nil {
		n.manifests[id.String()] = m.Text
	}
	return dicom.Receipt{ID: id, Received: time.Unix(0, 0)}, n.fault
}

func (n *node) Find(_ context.Context, source, name string) (proof.Hash, error) {
	switch {
	case source == dicom.Source && name == "SN-1":
		return proof.Hash{1}, nil
	case name == "SN-2":
		return proof.Hash{}, ledger.Problemf(ledger.CodeDenied, "not in service")
	}
	return proof.Hash{}, ledger.Problemf(ledger.CodeNotFound, "no device")
}

func (n *node) Admit(_ context.Context, unit proof.Hash) error {
	if unit != (proof.Hash{2}) {
		return ledger.Problemf(ledger.CodeNotFound, "no device")
	}
	return nil
}

func (n *node) PutImages(_ context.Context, images []fact.Image) ([]fact.Image, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.broken != nil {
		return nil, n.broken
	}
	kept := slices.Clone(images)
	for i := range kept {
		for _, o := range n.images {
			if o.Instance == kept[i].Instance && o.Digest != kept[i].Digest {
				kept[i].Others = append(kept[i].Others, o.Digest)
			}
		}
		n.images = append(n.images, kept[i])
	}
	return kept, nil
}

func (n *node) Images(_ context.Context, _ fact.ImageLevel, f fact.ImageFilter, limit, offset int) ([]fact.ImageGroup, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = f
	var groups []fact.ImageGroup
	for _, i := range n.images[min(offset, len(n.images)):] {
		groups = append(groups, fact.ImageGroup{Image: i, Modalities: []string{i.Modality}, Series: 1, Instances: 1})
	}
	if len(groups) > limit {
		return groups[:limit], true, nil
	}
	return groups, false, nil
}

func (n *node) Since(context.Context, proof.RequestID) (*dicom.Anchor, error) { return nil, nil }

func (n *node) Bundle(_ context.Context, id proof.RequestID) ([]byte, error) {
	return []byte(`"` + id.String() + `"`), nil
}

func (n *node) call(role auth.Role, method, path string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	n.tb.Helper()
	r := httptest.NewRequestWithContext(n.tb.Context(), method, path, body)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if role != "" {
		token, err := auth.Mint(n.key, auth.Claims{Issuer: "north", Audience: "north", Subject: "s", Role: role}, time.Now(), time.Minute)
		if err != nil {
			n.tb.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	n.engine.ServeHTTP(w, r)
	return w
}

const related = `multipart/related; type="application/dicom"; boundary=b`

func (n *node) post(body string) *httptest.ResponseRecorder {
	n.tb.Helper()
	return n.call(auth.RoleIntegrator, http.MethodPost, "/dicomweb/studies", strings.NewReader(body), "Content-Type", related)
}

func image(instance string) dicomtest.Image {
	return dicomtest.Image{
		Study: "1.2", Series: "1.2.1", Instance: instance, Serial: "SN-1", Manufacturer: "Acme", Model: "Scan", Date: "20261130", Modality: "CT",
		PatientName: "Doe^Jane", PatientID: "4711", Pixels: []byte("\r\n--c\r\n\r\n--b-\r\n-b"),
	}
}

func part(content string) string {
	return "--b\r\nContent-Type: application/dicom\r\n\r\n" + content + "\r\n"
}

// answer is a response module with the reasons of what was refused.
type answer struct {
	Taken  []string // SOP instance UIDs
	Failed []string // reason, UID
	Others []string // reason
}

func read(tb testing.TB, w *httptest.ResponseRecorder) answer {
	tb.Helper()
	type item map[string]struct{ Value []json.RawMessage }
	var set item
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil {
		tb.Fatalf("%v: %d %s", err, w.Code, w.Body)
	}
	var a answer
	each := func(tag string, use func(i item)) {
		for _, v := range set[tag].Value {
			var i item
			if err := json.Unmarshal(v, &i); err != nil {
				tb.Fatal(err)
			}
			use(i)
		}
	}
	reason := func(i item) string {
		var n int
		_ = json.Unmarshal(i["00081197"].Value[0], &n)
		return fmt.Sprintf("%04X", n)
	}
	each("00081199", func(i item) { a.Taken = append(a.Taken, strings.Trim(string(i["00081155"].Value[0]), `"`)) })
	each("00081198", func(i item) {
		a.Failed = append(a.Failed, reason(i)+" "+strings.Trim(string(i["00081155"].Value[0]), `"`))
	})
	each("0008119A", func(i item) { a.Others = append(a.Others, reason(i)) })
	return a
}

// TestRoutes pins the surface: every route with its right.
func TestRoutes(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, r := range newNode(t, dicom.Limits{}).router.Routes() {
		fmt.Fprintf(&b, "%-4s %-75s %s\n", r.Method, r.Path, r.Right)
	}
	path := filepath.Join("testdata", "routes.golden.txt")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestWhoMayNotIsRefused(t *testing.T) {
	t.Parallel()
	n := newNode(t, dicom.Limits{})
	body := part(string(image("1.1").File())) + "--b--\r\n"
	for role, want := range map[auth.Role]int{"": http.StatusUnauthorized, auth.RoleNurse: http.StatusForbidden, auth.RoleAuditor: http.StatusForbidden, auth.RoleIntegrator: http.StatusAccepted} {
		if w := n.call(role, http.MethodPost, "/dicomweb/studies", strings.NewReader(body), "Content-Type", related); w.Code != want {
			t.Errorf("%q stores: %d", role, w.Code)
		}
	}
	for role, want := range map[auth.Role]int{"": http.StatusUnauthorized, auth.RolePatient: http.StatusForbidden, auth.RoleAnalyst: http.StatusForbidden, auth.RoleAuditor: http.StatusOK} {
		if w := n.call(role, http.MethodGet, "/dicomweb/instances", nil); w.Code != want {
			t.Errorf("%q searches: %d", role, w.Code)
		}
	}
}

// TestEachInstanceHasItsAnswer: what is taken and what is not, each in its place, and
// nothing of the patient anywhere.
func TestEachInstanceHasItsAnswer(t *testing.T) {
	t.Parallel()
	n := newNode(t, dicom.Limits{File: 64 << 10})
	stranger, out, other, large := image("1.3"), image("1.4"), image("1.5"), image("1.6")
	stranger.Serial, out.Serial, other.Study, large.Pixels = "SN-9", "SN-2", "1.9", make([]byte, 70<<10)
	whole := string(image("1.1").File())
	body := part(whole) + part(whole[:len(whole)-2]) + part(string(stranger.File())) + part(string(out.File())) + part(string(other.File())) +
		part(string(large.File())) + part("no file") + "--b\r\nContent-Type: image/png\r\n\r\nx\r\n" +
		"--b\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n" + "--b\r\n\r\n" + string(image("1.2").File()) + "\r\n--b--"
	w := n.call(auth.RoleIntegrator, http.MethodPost, "/dicomweb/studies/1.2", strings.NewReader(body), "Content-Type", related)
	want := answer{
		Taken:  []string{"1.1", "1.2"},
		Failed: []string{"C000 1.1", "C404 1.3", "0124 1.4", "C409 1.5", "A700 1.6"},
		Others: []string{"C000", "C000", "C000"},
	}
	if d := cmp.Diff(want, read(t, w)); d != "" || w.Code != http.StatusAccepted {
		t.Errorf("%d %s", w.Code, d)
	}
	for _, text := range n.manifests {
		if s := string(text); strings.Contains(s, "Doe") || strings.Contains(s, "4711") {
			t.Error("a manifest says whose image it is")
		}
	}
	if s := w.Body.String(); strings.Contains(s, "Doe") || strings.Contains(s, "4711") {
		t.Error("the answer says whose image it is")
	}
	if d := sha256.Sum256([]byte(whole)); n.images[0].Digest != hex.EncodeToString(d[:]) || len(n.images) != 2 {
		t.Errorf("%+v", n.images)
	}
}

// TestBodiesThatLieAreRefused: what can be wrong with the multipart around files.
func TestBodiesThatLieAreRefused(t *testing.T) {
	t.Parallel()
	n := newNode(t, dicom.Limits{Parts: 3})
	whole := string(image("1.1").File())
	tiny := "--b\r\n\r\n\r\n"
	for name, c := range map[string]struct {
		body   string
		status int
		others int
	}{
		"nothing":                      {"", http.StatusBadRequest, 0},
		"no part":                      {"--b--", http.StatusBadRequest, 0},
		"another boundary":             {strings.ReplaceAll(part(whole), "--b\r", "--c\r") + "--c--", http.StatusBadRequest, 0},
		"no boundary at the end":       {"--b\r\n\r\n" + whole, http.StatusBadRequest, 0},
		"a boundary in the pixels":     {part(strings.Replace(whole, "--c", "--b", 1)) + "--b--", http.StatusConflict, 1},
		"a megabyte before":            {strings.Repeat("x", 1<<20) + part(whole) + "--b--", http.StatusBadRequest, 0},
		"a megabyte of header":         {"--b\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n" + whole + "\r\n--b--", http.StatusBadRequest, 0},
		"a header without end":         {"--b\r\nX: " + strings.Repeat("x", 1<<20), http.StatusBadRequest, 0},
		"thousands of header lines":    {"--b\r\n" + strings.Repeat("X: x\r\n", 50_000) + "\r\n" + whole + "\r\n--b--", http.StatusBadRequest, 0},
		"broken off after an instance": {part(whole) + "--b\r\n\r\n" + whole[:400], http.StatusAccepted, 1},
		"more parts than are taken":    {tiny + tiny + tiny + part(whole) + "--b--", http.StatusConflict, 4},
	} {
		w := n.post(c.body)
		if w.Code != c.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
			continue
		}
		if c.others > 0 {
			if a := read(t, w); len(a.Others)+len(a.Failed) < c.others {
				t.Errorf("%s: %+v", name, a)
			}
		}
	}
	for _, i := range n.images {
		if i.Digest != fmt.Sprintf("%x", sha256.Sum256([]byte(whole))) {
			t.Error("something else than the whole file was taken")
		}
	}
	for header, want := range map[string]int{
		"multipart/related; type=application/dicom; boundary=b":                             http.StatusAccepted, // as many write it
		`multipart/related; boundary="b"; type=APPLICATION/DICOM`:                           http.StatusAccepted,
		`multipart/related; type="application/dicom+xml"; boundary=b`:                       http.StatusUnsupportedMediaType,
		`multipart/form-data; boundary=b`:                                                   http.StatusUnsupportedMediaType,
		`multipart/related; type="application/dicom"`:                                       http.StatusBadRequest,
		`multipart/related; type="application/dicom"; boundary=` + strings.Repeat("b", 201): http.StatusBadRequest,
		"": http.StatusUnsupportedMediaType,
	} {
		if w := n.call(auth.RoleIntegrator, http.MethodPost, "/dicomweb/studies", strings.NewReader(part(whole)+"--b--"), "Content-Type", header); w.Code != want {
			t.Errorf("%s: %d %s", header, w.Code, w.Body)
		}
	}
	for _, c := range []struct {
		status int
		path   string
		header []string
	}{
		{http.StatusNotAcceptable, "/dicomweb/studies", []string{"Content-Type", related, "Accept", "application/dicom+xml"}},
		{http.StatusUnsupportedMediaType, "/dicomweb/studies", []string{"Content-Type", related, "Content-Encoding", "gzip"}},
		{http.StatusBadRequest, "/dicomweb/studies/1..2", []string{"Content-Type", related}},
		{http.StatusUnprocessableEntity, "/dicomweb/studies", []string{"Content-Type", related, "Secant-Device", "me"}},
		{http.StatusNotFound, "/dicomweb/studies", []string{"Content-Type", related, "Secant-Device", proof.Hash{3}.String()}},
		{http.StatusAccepted, "/dicomweb/studies", []string{"Content-Type", related, "Secant-Device", proof.Hash{2}.String()}},
	} {
		if w := n.call(auth.RoleIntegrator, http.MethodPost, c.path, strings.NewReader(part(whole)+"--b--"), c.header...); w.Code != c.status {
			t.Errorf("%v: %d %s", c.header, w.Code, w.Body)
		}
	}
}

func TestABusyNodeSaysSo(t *testing.T) {
	t.Parallel()
	n := newNode(t, dicom.Limits{})
	n.fault = ledger.Problemf(ledger.CodeUnavailable, "starting")
	w := n.post(part(string(image("1.1").File())) + "--b--")
	if d := cmp.Diff(answer{Failed: []string{"A700 1.1"}}, read(t, w)); d != "" || w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), d)
	}
	n.fault = errors.New("the disk broke")
	w = n.post(part(string(image("1.1").File())) + "--b--")
	if d := cmp.Diff(answer{Failed: []string{"0110 1.1"}}, read(t, w)); d != "" || strings.Contains(w.Body.String(), "disk") {
		t.Errorf("%d %s", w.Code, d)
	}
	if len(n.images) != 0 {
		t.Error("what is not durable stands in the index")
	}
	n.fault, n.broken = nil, errors.New("the index broke")
	if w = n.post(part(string(image("1.1").File())) + "--b--"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "broke") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestAFaultEndsOneRequest: what the program fails at beside the request ends that
// request, and not the process.
func TestAFaultEndsOneRequest(t *testing.T) {
	t.Parallel()
	n := newNode(t, dicom.Limits{})
	n.faulty = true
	if w := n.post(part(string(image("1.1").File())) + "--b--"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "fault") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	n.faulty = false
	if w := n.post(part(string(image("1.1").File())) + "--b--"); w.Code != http.StatusAccepted {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestLargeImagesTakeNoMemory stores 128 MiB of pixels.
func TestLargeImagesTakeNoMemory(t *testing.T) {
	n := newNode(t, dicom.Limits{})
	large := image("1.1")
	large.Pixels = make([]byte, 128<<20)
	body := bytes.NewReader([]byte(part(string(large.File())) + "--b--"))
	var start, end runtime.MemStats
	runtime.ReadMemStats(&start)
	w := n.call(auth.RoleIntegrator, http.MethodPost, "/dicomweb/studies", body, "Content-Type", related)
	runtime.ReadMemStats(&end)
	if took := end.TotalAlloc - start.TotalAlloc; w.Code != http.StatusAccepted || took > 16<<20 {
		t.Errorf("%d, %d bytes of memory: %s", w.Code, took, w.Body)
	}
}

func TestSearchesAreReadStrictly(t *testing.T) {
	t.Parallel()
	n := newNode(t, dicom.Limits{})
	for query, want := range map[string]fact.ImageFilter{
		"StudyInstanceUID=1.2,1.3&limit=5&offset=7":             {Studies: []string{"1.2", "1.3"}},
		"0020000d=1.2&includefield=all&includefield=00081030":   {Studies: []string{"1.2"}},
		"ModalitiesInStudy=CT&StudyDate=20260101-&Modality=":    {Modalities: []string{"CT"}, DateFrom: "20260101"},
		"StudyDate=20260101&DeviceSerialNumber=SN*":             {DateFrom: "20260101", DateTo: "20260101", Serial: "SN*"},
		"00711002=" + strings.Repeat("a", 64) + "&StationName=": {Digest: strings.Repeat("a", 64)},
	} {
		if w := n.call(auth.RoleAuditor, http.MethodGet, "/dicomweb/instances?"+query, nil); w.Code != http.StatusNoContent {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
		if d := cmp.Diff(want, n.asked); d != "" {
			t.Errorf("%s: %s", query, d)
		}
	}
	for _, query := range []string{
		"PatientID=4711", "PatientName=Doe*", "00100020=4711", "limit=0", "limit=x", "limit=1&limit=2", "offset=-1", "offset=99999999999", "fuzzymatching=yes",
		"StudyInstanceUID=1..2", "StudyInstanceUID=*", "StudyDate=2026", "StudyDate=20261301", "StudyDate=20260101-20260102-3", "DeviceSerialNumber=a&DeviceSerialNumber=b",
		"DeviceSerialNumber=" + strings.Repeat("x", 300), "SOPInstanceUID=" + strings.Repeat("1,", 300), "a=%zz", "a;b=1", "=1",
	} {
		if w := n.call(auth.RoleAuditor, http.MethodGet, "/dicomweb/instances?"+query, nil); w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "4711") {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	for i := range 3 {
		n.post(part(string(image(fmt.Sprint("1.", i)).File())) + "--b--")
	}
	w := n.call(auth.RoleAuditor, http.MethodGet, "/dicomweb/studies/1.2/series/1.2.1/instances?limit=2&fuzzymatching=true", nil)
	if warnings := w.Header().Values("Warning"); w.Code != http.StatusOK || len(warnings) != 2 || w.Header().Get("Content-Type") != "application/dicom+json" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if d := cmp.Diff(fact.ImageFilter{Studies: []string{"1.2"}, Series: []string{"1.2.1"}}, n.asked); d != "" {
		t.Error(d)
	}
}

// FuzzStore: no body makes the node answer in another way than it should.
func FuzzStore(f *testing.F) {
	small := image("1.1")
	small.Pixels = nil
	f.Add([]byte(part(string(small.File()))+"--b--"), uint8(0))
	f.Add(small.File(), uint8(1))
	f.Add([]byte(`[{"00080018":{"vr":"UI","Value":["1.2"]},"00711002":{"vr":"LO","Value":["00"]}}]`), uint8(2))
	types := []string{related, "application/dicom", "application/dicom+json"}
	f.Fuzz(func(t *testing.T, body []byte, kind uint8) {
		n := newNode(t, dicom.Limits{File: 1 << 20})
		w := n.call(auth.RoleIntegrator, http.MethodPost, "/dicomweb/studies", bytes.NewReader(body), "Content-Type", types[int(kind)%len(types)])
		switch w.Code {
		case http.StatusAccepted, http.StatusConflict, http.StatusBadRequest:
			if !json.Valid(w.Body.Bytes()) {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		default:
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
