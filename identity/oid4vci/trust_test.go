package oid4vci_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/identity/oid4vci"
)

// TestAStrangersCertificateIsToldAsSuch, and not as an issuer that is away: whoever
// holds the wallet can name the authority.
func TestAStrangersCertificateIsToldAsSuch(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	c := &oid4vci.Client{HTTP: &http.Client{Timeout: 5 * time.Second}}
	if _, err := c.Discover(t.Context(), s.URL); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
}
