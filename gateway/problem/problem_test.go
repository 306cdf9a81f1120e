package problem_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/problem"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestDocuments pins status, headers and body of every kind of error.
func TestDocuments(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	var out strings.Builder
	for _, c := range []struct {
		name string
		err  error
	}{
		{"invalid", &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the model is not valid", Faults: []ledger.Fault{{Field: "body.di", Detail: "must not be empty"}, {Field: "body.name", Detail: "must not be empty"}}}},
		{"not found", ledger.Problemf(ledger.CodeNotFound, "there is no such model")},
		{"already exists", ledger.Problemf(ledger.CodeAlreadyExists, "the model is registered")},
		{"denied", ledger.Problemf(ledger.CodeDenied, "only the manufacturer may do this")},
		{"conflict", ledger.Problemf(ledger.CodeConflict, "another write came first")},
		{"gone", ledger.Problemf(ledger.CodeGone, "erased")},
		{"too large", ledger.Problemf(ledger.CodeTooLarge, "too many records")},
		{"busy", ledger.Problemf(ledger.CodeBusy, "not anchored yet")},
		{"busy, later", problem.Later(ledger.Problemf(ledger.CodeBusy, "not anchored yet"), 1500*time.Millisecond)},
		{"unavailable", fmt.Errorf("asking: %w", ledger.Problemf(ledger.CodeUnavailable, "no peer answers"))},
		{"internal", ledger.Problemf(ledger.CodeInternal, "MARKED secret")},
		{"unknown", errors.New("MARKED secret")},
		{"body too large", fmt.Errorf("reading: %w", &http.MaxBytesError{Limit: 10})},
		{"body too slow", fmt.Errorf("reading: %w", os.ErrDeadlineExceeded)},
		{"deadline", fmt.Errorf("asking: %w", context.DeadlineExceeded)},
		{"unauthenticated", problem.Unauthenticated()},
		{"malformed", problem.Malformed("body", "must be well-formed JSON")},
		{"no route", problem.NoRoute()},
		{"method", problem.Method()},
		{"media type", problem.MediaTypes("application/json", "application/xml")},
		{"encoding", problem.Encoding()},
		{"headers", problem.Headers()},
		{"not acceptable", problem.NotAcceptable()},
	} {
		w := httptest.NewRecorder()
		e := gin.New()
		e.GET("/", func(c *gin.Context) { c.Header(problem.RequestID, "r-1") }, problem.Handler(func(*gin.Context) error { return c.err }))
		e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		var d problem.Document
		if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if d.Status != w.Code || d.Request != "r-1" || w.Header().Get("Content-Type") != problem.MediaType {
			t.Errorf("%s: %d %v %s", c.name, w.Code, w.Header(), w.Body)
		}
		fmt.Fprintf(&out, "%s: %d retry=%q authenticate=%q\n%s", c.name, w.Code, w.Header().Get("Retry-After"), w.Header().Get("WWW-Authenticate"), w.Body)
	}
	if strings.Contains(out.String(), "MARKED") {
		t.Error("an inner error's text is told to the caller")
	}
	const path = "testdata/documents.golden.txt"
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("documents changed (-golden +now; -update rewrites them):\n%s", diff)
	}
}

func TestHalfAnAnswerIsBrokenOff(t *testing.T) {
	t.Parallel()
	e := gin.New()
	e.GET("/", problem.Handler(func(c *gin.Context) error {
		c.String(http.StatusOK, "half")
		return errors.New("the other half is missing")
	}))
	defer func() {
		if r := recover(); r != http.ErrAbortHandler { //nolint:errorlint // a panic value is compared as it is
			t.Errorf("recovered %v", r)
		}
	}()
	e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
}
