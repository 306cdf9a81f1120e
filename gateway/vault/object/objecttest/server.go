// Package objecttest runs a server that speaks S3, with a proxy in front of it that
// makes it fail as servers and the ways to them do.
package objecttest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// What signs the requests, as it stands in the file that Credentials names.
const (
	AccessKey = "AKIATESTSOFTHEVAULT"
	SecretKey = "a-secret-that-stands-nowhere-but-in-its-file"
)

const bucket = "readings"

// A Fault makes a request go wrong: it has answered, and returns true, or leaves it to
// the server.
type Fault func(w http.ResponseWriter, r *http.Request) bool

// Server is a bucket behind a proxy.
type Server struct {
	backend *s3mem.Backend
	proxy   *httptest.Server
	ended   chan struct{}

	mu    sync.Mutex
	fault Fault
	cut   int64 // answers end after so many bytes; 0: they do not
	calls map[string]int
	bad   []string
}

// Serve starts a server that ends with the test, which fails when a request was not
// signed, or its body is not what was signed.
func Serve(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{backend: s3mem.New(), calls: map[string]int{}, ended: make(chan struct{})}
	if err := s.backend.CreateBucket(bucket); err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(s.backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	tb.Cleanup(server.Close)
	to, err := url.Parse(server.URL)
	if err != nil {
		tb.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ErrorLog: log.New(io.Discard, "", 0),
		ModifyResponse: func(r *http.Response) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.cut > 0 {
				r.Body = struct {
					io.Reader
					io.Closer
				}{io.LimitReader(r.Body, s.cut), r.Body}
			}
			return nil
		},
	}
	s.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.calls[r.Method]++
		fault := s.fault
		s.mu.Unlock()
		if fault != nil && fault(w, r) {
			return
		}
		s.inspect(r)
		proxy.ServeHTTP(w, r)
	}))
	s.proxy.Config.ErrorLog = log.New(io.Discard, "", 0)
	tb.Cleanup(func() {
		close(s.ended)
		s.proxy.CloseClientConnections()
		s.proxy.Close()
		for _, b := range s.bad {
			tb.Error(b)
		}
	})
	return s
}

// inspect does what servers of the wild do and this one does not.
func (s *Server) inspect(r *http.Request) {
	complain := func(what string) {
		s.mu.Lock()
		s.bad = append(s.bad, r.Method+" "+what)
		s.mu.Unlock()
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="+AccessKey+"/") {
		complain("is not signed")
	}
	if r.Method != http.MethodPut {
		return
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client broke off
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != r.Header.Get("X-Amz-Content-Sha256") {
		complain("has another body than was signed")
	}
}

// URL is the bucket's place as a configuration has it.
func (s *Server) URL() string {
	return "s3://" + bucket + "/of/north?endpoint=" + s.proxy.URL + "&region=eu-central-1&pathStyle=true"
}

// Credentials writes the file with what signs the requests, and returns its path.
func Credentials(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "credentials")
	text := "[default]\naws_access_key_id = " + AccessKey + "\naws_secret_access_key = " + SecretKey + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// Fail makes requests go wrong from now on; nil ends it.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Cut makes answers end after so many bytes, as if the connection broke; 0 ends it.
func (s *Server) Cut(after int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = after
}

// Calls returns how many requests came with a method.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// Down refuses every request, as a server that is overloaded.
func Down(w http.ResponseWriter, _ *http.Request) bool {
	w.WriteHeader(http.StatusServiceUnavailable)
	return true
}

// Reset breaks every connection.
func Reset(w http.ResponseWriter, _ *http.Request) bool {
	c, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = c.Close()
	}
	return true
}

// Silent takes requests and says nothing, while the test goes on.
func (s *Server) Silent(_ http.ResponseWriter, r *http.Request) bool {
	select {
	case <-r.Context().Done():
	case <-s.ended:
	}
	return true
}

// Names lists the objects of the bucket.
func (s *Server) Names(tb testing.TB) []string {
	tb.Helper()
	list, err := s.backend.ListBucket(bucket, nil, gofakes3.ListBucketPage{})
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, o := range list.Contents {
		names = append(names, o.Key)
	}
	slices.Sort(names)
	return names
}

// Get returns an object's bytes.
func (s *Server) Get(tb testing.TB, name string) []byte {
	tb.Helper()
	o, err := s.backend.GetObject(bucket, name, nil)
	if err != nil {
		tb.Fatal(err)
	}
	b, err := io.ReadAll(o.Contents)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Set puts other bytes in an object's place; nil removes it.
func (s *Server) Set(tb testing.TB, name string, b []byte) {
	tb.Helper()
	var err error
	if b == nil {
		_, err = s.backend.DeleteObject(bucket, name)
	} else {
		_, err = s.backend.PutObject(bucket, name, map[string]string{"Last-Modified": "Mon, 02 Jan 2006 15:04:05 GMT"}, bytes.NewReader(b), int64(len(b)), nil)
	}
	if err != nil {
		tb.Fatal(err)
	}
}
