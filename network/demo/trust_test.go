package demo

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestAMissingIssuerIsNamedInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		// Of two issuers one is there, on the second page.
		switch r.URL.Query().Get("cursor") {
		case "":
			_, _ = fmt.Fprint(rw, `{"items":[],"next":"2"}`)
		case "2":
			_, _ = fmt.Fprint(rw, `{"items":[{"id":"did:secant:dev:medtech:credentials"}],"next":""}`)
		}
	}))
	t.Cleanup(s.Close)
	w.client = s.Client()
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.net.Organisations {
		if w.net.Organisations[i].Node.Port, err = strconv.Atoi(at.Port()); err != nil {
			t.Fatal(err)
		}
	}
	token := w.net.TokenFile(north, operator)
	if err := os.MkdirAll(filepath.Dir(token), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(token, []byte("t"), 0o600); err != nil {
		t.Fatal(err)
	}
	load := &seeding{world: w}
	there := &acceptance{org: medtech, issuer: ledger.IssuerDID("dev", medtech, issuerLabel)}
	if err := load.awaitIssuers(t.Context(), []*acceptance{there}, time.Minute); err != nil {
		t.Error(err)
	}
	missing := &acceptance{org: east, issuer: ledger.IssuerDID("dev", east, issuerLabel)}
	err = load.awaitIssuers(t.Context(), []*acceptance{there, missing}, 400*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), east) || !strings.Contains(err.Error(), "400ms") {
		t.Errorf("got %v", err)
	}
}
