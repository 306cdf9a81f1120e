package fhir_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/gateway/auth"
)

// TestAnothersExportTellsNothing to a program whose scopes do not include what is in it.
func TestAnothersExportTellsNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.call(auth.RoleIntegrator, http.MethodPost, "/fhir/Patient", `{"resourceType":"Patient"}`)
	res, _ := l.call(auth.RoleAuditor, http.MethodGet, "/fhir/$export", "", "Prefer", "respond-async")
	status := strings.TrimPrefix(res.Header.Get("Content-Location"), "http://node.example")
	scopes, _ := auth.ParseScopes("system/Device.rs")
	token, err := auth.Mint(l.key, auth.Claims{Issuer: org, Audience: org, Subject: "program", Role: auth.RoleAuditor, Scopes: scopes}, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{status, strings.Replace(status, "-status", "-file", 1) + "/Patient"} {
		if res, v := l.call("", http.MethodGet, path, "", "Authorization", "Bearer "+token); res.StatusCode != http.StatusForbidden {
			t.Errorf("%d %v", res.StatusCode, v)
		}
	}
	if res, _ := l.call(auth.RoleAuditor, http.MethodGet, status, ""); res.StatusCode != http.StatusOK {
		t.Errorf("who may read it: %d", res.StatusCode)
	}
}
