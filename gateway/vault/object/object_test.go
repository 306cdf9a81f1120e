package object_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/gateway/vault/object"
	"github.com/secant-platform/secant/gateway/vault/object/objecttest"
)

const name = "0a/00000000000000000000-ff"

func put(tb testing.TB, s object.Store, b []byte) {
	tb.Helper()
	if err := s.Put(tb.Context(), name, bytes.NewReader(b), int64(len(b)), sha256.Sum256(b)); err != nil {
		tb.Fatal(err)
	}
}

func openStore(tb testing.TB, location string, patience time.Duration) object.Store {
	tb.Helper()
	s, err := object.Open(location, object.Options{Credentials: objecttest.Credentials(tb), Patience: patience})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// TestBothPlacesKeepObjectsAlike: a folder and a bucket store, read, replace and delete.
func TestBothPlacesKeepObjectsAlike(t *testing.T) {
	t.Parallel()
	for kind, location := range map[string]string{"folder": "file://" + t.TempDir(), "bucket": objecttest.Serve(t).URL()} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := openStore(t, location, 0)
			want := bytes.Repeat([]byte("0123456789"), 100_000)
			put(t, s, want)
			put(t, s, want) // again is the same
			for _, r := range []struct{ at, n int }{{0, 1}, {5, 10}, {999_990, 10}, {0, len(want)}} {
				b := make([]byte, r.n)
				size, err := s.ReadAt(t.Context(), name, b, int64(r.at))
				if err != nil || size != int64(len(want)) || !bytes.Equal(b, want[r.at:r.at+r.n]) {
					t.Fatalf("%+v: %d %v", r, size, err)
				}
			}
			for _, at := range []int64{999_991, 1_000_000, 2_000_000} {
				if _, err := s.ReadAt(t.Context(), name, make([]byte, 10), at); !errors.Is(err, object.ErrShort) {
					t.Errorf("behind the end, at %d: %v", at, err)
				}
			}
			if _, err := s.ReadAt(t.Context(), "0a/other", make([]byte, 1), 0); !errors.Is(err, object.ErrMissing) {
				t.Errorf("what is not there: %v", err)
			}
			for range 2 {
				if err := s.Delete(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.ReadAt(t.Context(), name, make([]byte, 1), 0); !errors.Is(err, object.ErrMissing) {
				t.Errorf("what was deleted: %v", err)
			}
			if err := s.Reach(t.Context()); err != nil {
				t.Error(err)
			}
			if !strings.HasSuffix(s.Where(name), name) {
				t.Error(s.Where(name))
			}
		})
	}
}

// TestAFolderThatIsNotMountedLacksNothing: what is not there is told from what cannot be
// said.
func TestAFolderThatIsNotMountedLacksNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "objects")
	s := openStore(t, "file://"+dir, 0)
	b := []byte("bytes")
	if err := s.Put(t.Context(), name, bytes.NewReader(b), 5, sha256.Sum256(b)); err == nil {
		t.Error("the folder was made")
	}
	if _, err := s.ReadAt(t.Context(), name, b, 0); err == nil || errors.Is(err, object.ErrMissing) {
		t.Error(err)
	}
	if err := s.Delete(t.Context(), name); err == nil {
		t.Error("deleted what cannot be seen")
	}
	if err := s.Reach(t.Context()); err == nil {
		t.Error("it is there")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, s, b)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(cancelled, "0a/b", bytes.NewReader(b), 5, sha256.Sum256(b)); err == nil {
		t.Error("went on after it was told to end")
	}
	if err := s.Put(t.Context(), "0a/b", bytes.NewReader(b), 6, sha256.Sum256(b)); err == nil {
		t.Error("stored less than was said")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "0a", "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// TestABucketThatFailsIsNeverAnObjectThatIsMissing: errors, broken and silent
// connections and answers that break off end within a bound, and none of them says
// anything about the object; the third attempt serves.
func TestABucketThatFailsIsNeverAnObjectThatIsMissing(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a server that does not answer")
	}
	t.Parallel()
	server := objecttest.Serve(t)
	s := openStore(t, server.URL(), 500*time.Millisecond)
	want := bytes.Repeat([]byte("x"), 100_000)
	put(t, s, want)
	none := openStore(t, strings.Replace(server.URL(), "s3://readings/", "s3://others/", 1), time.Second)
	if err := none.Reach(t.Context()); err == nil {
		t.Error("a bucket that is not there")
	}
	if _, err := none.ReadAt(t.Context(), name, make([]byte, 1), 0); err == nil || errors.Is(err, object.ErrMissing) {
		t.Errorf("a bucket that is not there: %v", err)
	}
	read := func() ([]byte, error) {
		b := make([]byte, len(want))
		_, err := s.ReadAt(t.Context(), name, b, 0)
		return b, err
	}
	for what, fault := range map[string]objecttest.Fault{
		"down": objecttest.Down, "reset": objecttest.Reset, "silent": server.Silent,
		"denied": func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusForbidden)
			return true
		},
		"another range": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Range", "bytes 1-100000/200000")
			w.WriteHeader(http.StatusPartialContent)
			return true
		},
		"no range": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write(want)
			return true
		},
	} {
		server.Fail(fault)
		begun := time.Now()
		_, err := read()
		if err == nil || errors.Is(err, object.ErrMissing) || errors.Is(err, object.ErrShort) {
			t.Errorf("%s: %v", what, err)
		}
		if err := s.Put(t.Context(), "0a/b", bytes.NewReader(want), int64(len(want)), sha256.Sum256(want)); err == nil && what != "another range" && what != "no range" {
			t.Errorf("%s: stored", what)
		}
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("%s: took %s", what, took)
		}
		if err != nil && strings.Contains(err.Error(), objecttest.SecretKey) {
			t.Error("the secret is told")
		}
	}
	server.Fail(nil)
	server.Cut(50_000)
	if _, err := read(); err == nil || errors.Is(err, object.ErrMissing) || errors.Is(err, object.ErrShort) {
		t.Errorf("cut: %v", err)
	}
	server.Cut(0)
	failed := 0
	server.Fail(func(w http.ResponseWriter, r *http.Request) bool {
		if failed++; failed < 3 {
			return objecttest.Down(w, r)
		}
		return false
	})
	if b, err := read(); err != nil || !bytes.Equal(b, want) {
		t.Errorf("the third attempt: %v", err)
	}
}

// TestPlacesAreReadStrictly: what a location may not say.
func TestPlacesAreReadStrictly(t *testing.T) {
	t.Parallel()
	credentials := objecttest.Credentials(t)
	for _, good := range []string{
		"s3://bucket", "s3://bucket/a/b?region=eu-central-1", "s3://bucket?endpoint=https://s3.example.org:9000&pathStyle=true",
		"s3://bucket?endpoint=http://127.0.0.1:9000&pathStyle=false", "s3://bucket?endpoint=http://localhost:9000", "file:///srv/objects",
	} {
		if _, err := object.Open(good, object.Options{Credentials: credentials}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "bucket", "http://bucket", "s3://", "s3:bucket", "s3://id:secret-of-mine@bucket", "s3://bucket?accessKey=secret-of-mine",
		"s3://bucket?endpoint=http://s3.example.org", "s3://bucket?endpoint=ftp://127.0.0.1", "s3://bucket?endpoint=https://id:secret-of-mine@host",
		"s3://bucket?endpoint=https://host/path", "s3://bucket?pathStyle=maybe", "s3://bucket?region=a&region=b", "s3://bucket:80/a",
		"s3://bucket/../x", "s3://bucket#x", "file://host/x", "file:x", "file:///x?y=z", "s3://bucket/%zzsecret-of-mine",
	} {
		_, err := object.Open(bad, object.Options{Credentials: credentials})
		if err == nil {
			t.Errorf("%s is taken", bad)
		} else if strings.Contains(err.Error(), "secret-of-mine") {
			t.Errorf("%s: the secret is told: %v", bad, err)
		}
	}
}

// TestCredentialsStandInAFileOfTheirOwn: readable by its owner only, its first section.
func TestCredentialsStandInAFileOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	if _, err := object.Open("s3://bucket", object.Options{}); err == nil {
		t.Error("without any credentials")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	if _, err := object.Open("s3://bucket", object.Options{}); err != nil {
		t.Errorf("those of the environment: %v", err)
	}
	for text, good := range map[string]bool{
		"aws_access_key_id=a\naws_secret_access_key=secret-of-mine\n":                                                    true,
		"# ours\n[default]\naws_access_key_id = a\naws_secret_access_key = secret-of-mine\naws_session_token = t\n[b]\n": true,
		"[a]\naws_access_key_id = a\n[b]\naws_secret_access_key = secret-of-mine\n":                                      false,
		"aws_secret_access_key = secret-of-mine":                                                                         false,
		"credential_process = touch " + filepath.Join(dir, "ran"):                                                        false,
		strings.Repeat("#", 20<<10):                                                                                      false,
	} {
		path := filepath.Join(dir, strconv.Itoa(len(text)))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := object.Open("s3://bucket", object.Options{Credentials: path})
		if (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret-of-mine") {
			t.Error("the secret is told")
		}
	}
	open := filepath.Join(dir, "open")
	if err := os.WriteFile(open, []byte("aws_access_key_id=a\naws_secret_access_key=b\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{open, filepath.Join(dir, "none")} {
		if _, err := object.Open("s3://bucket", object.Options{Credentials: path}); err == nil {
			t.Errorf("%s is taken", path)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
		t.Error("a program was run")
	}
}

func FuzzLocation(f *testing.F) {
	f.Add("s3://bucket/prefix?endpoint=https://host&region=x&pathStyle=true")
	f.Add("file:///a/b")
	f.Fuzz(func(t *testing.T, location string) {
		s, err := object.Open(location, object.Options{})
		if (s == nil) == (err == nil) {
			t.Fatal(s, err)
		}
	})
}
