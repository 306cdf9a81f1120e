package httpsig_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/secant-platform/secant/identity/httpsig"
	"github.com/secant-platform/secant/identity/peertest"
)

// TestAnotherImplementationSigns has http-message-signatures sign, in each of the
// ways that are taken.
func TestAnotherImplementationSigns(t *testing.T) {
	t.Parallel()
	peer := peertest.Install(t, "httpsig", "peer")
	var jobs []map[string]any
	for _, fields := range [][]string{
		{"@method", "@target-uri", "content-digest"},
		{"content-type", "content-digest", "@query", "@path", "@authority", "@scheme", "@method"},
	} {
		for _, params := range [][]string{{"created", "keyid"}, {"keyid", "alg", "nonce", "created"}} {
			jobs = append(jobs, map[string]any{"url": place + "?a=b%20c", "body": "{}", "fields": fields, "params": params, "created": now.Unix()})
		}
	}
	type signedBy struct {
		Headers map[string]string
		Key     string
	}
	for i, made := range peertest.Do[signedBy](t, peer, jobs...) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/readings", http.NoBody)
		for name, value := range made.Headers {
			r.Header.Set(name, value)
		}
		key, err := base64.RawURLEncoding.DecodeString(made.Key)
		if err != nil {
			t.Fatal(err)
		}
		w := want()
		w.URLs = []string{place + "?a=b%20c"}
		s, err := httpsig.Parse(r, w)
		if err != nil {
			t.Errorf("%d: %v: %v", i, err, made.Headers)
			continue
		}
		if err := s.Verify(key); err != nil || s.KeyID != "unit-1" {
			t.Errorf("%d: %v: %v", i, err, made.Headers)
		}
	}
}
