package oid4_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/oid4vci/wallettest"
)

// TestCredoReceives: a whole wallet, which verifies what it receives.
func TestCredoReceives(t *testing.T) {
	t.Parallel()
	w := wallettest.Install(t, "credo")
	plain := open(t, nil)
	strict := open(t, func(o *oid4vci.Options) { o.RequireDPoP, o.BatchSize = true, 1 })
	maker := newMaker(t)
	haip := open(t, maker.assure)
	type job struct {
		name   string
		office *office
		offer  oid4vci.OfferRequest
		job    wallettest.Job
	}
	staff, badge := []string{"staff"}, []string{"badge"}
	jobs := []job{
		{"SD-JWT VC", plain, oid4vci.OfferRequest{Configurations: staff}, wallettest.Job{}},
		{"VC-JWT", plain, oid4vci.OfferRequest{Configurations: badge, TxCode: true}, wallettest.Job{DID: true}},
		{"mdoc", plain, oid4vci.OfferRequest{Configurations: []string{"card"}}, wallettest.Job{Roots: []string{base64.StdEncoding.EncodeToString(plain.root.cert.Raw)}}},
		{"by authorization code", strict, oid4vci.OfferRequest{Configurations: staff, Code: true, ByReference: true}, wallettest.Job{Client: client, Redirect: redirect}},
		{"high assurance", haip, oid4vci.OfferRequest{Configurations: staff, Code: true}, wallettest.Job{Client: client, Redirect: redirect, Attester: maker.attester}},
		{"high assurance, mdoc", haip, oid4vci.OfferRequest{Configurations: []string{"card"}, Code: true}, wallettest.Job{
			Client: client, Redirect: redirect, Attester: maker.attester, Roots: []string{base64.StdEncoding.EncodeToString(haip.root.cert.Raw)},
		}},
	}
	var list []wallettest.Job
	for n := range jobs {
		j := &jobs[n]
		made := j.office.offer(t, j.offer)
		j.job.Link, j.job.Configuration, j.job.TxCode = made.Link, j.offer.Configurations[0], made.TxCode
		list = append(list, j.job)
	}
	for n, r := range w.Receive(t, list...) {
		j := jobs[n]
		if !r.OK || len(r.Credentials) != 1 || r.TokenType != "DPoP" {
			t.Errorf("%s: %+v", j.name, r)
			continue
		}
		var text string
		if err := json.Unmarshal(r.Credentials[0], &text); err != nil || text == "" {
			t.Errorf("%s: %s", j.name, r.Credentials[0])
		}
		if j.job.Configuration == "badge" {
			continue
		}
		if diff := cmp.Diff([]any{"nurse", "n-17"}, []any{r.Claims["role"], r.Claims["number"]}); diff != "" {
			t.Errorf("%s: %s", j.name, diff)
		}
	}
	if got := len(plain.notices) + len(strict.notices) + len(haip.notices); got != len(jobs) {
		t.Errorf("%d notices", got)
	}
}
