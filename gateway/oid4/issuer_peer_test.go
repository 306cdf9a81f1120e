package oid4_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/oid4vci/wallettest"
)

// holdersOf are the keys of all orders, in order.
func (o *office) holdersOf() []ledger.JWK {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []ledger.JWK
	for _, order := range o.orders {
		all = append(all, order.Holders...)
	}
	return all
}

// TestAnotherWalletReceives: @openid4vc/openid4vci takes each format, in each way.
func TestAnotherWalletReceives(t *testing.T) {
	t.Parallel()
	w := wallettest.Install(t, "openid4vci")
	plain, strict := open(t, nil), open(t, func(o *oid4vci.Options) { o.RequireDPoP = true })
	maker := newMaker(t)
	haip, vouched := open(t, maker.assure), open(t, maker.vouch)
	type job struct {
		name   string
		office *office
		offer  oid4vci.OfferRequest
		job    wallettest.Job
		refuse string
	}
	staff, badge := []string{"staff"}, []string{"badge"}
	app := wallettest.Job{Client: client, Redirect: redirect, DPoP: true}
	jobs := []job{
		{name: "SD-JWT VC", office: plain, offer: oid4vci.OfferRequest{Configurations: staff}},
		{name: "VC-JWT by DID", office: plain, offer: oid4vci.OfferRequest{Configurations: badge}, job: wallettest.Job{DID: true}},
		{name: "Data Integrity", office: plain, offer: oid4vci.OfferRequest{Configurations: []string{"linked"}}, job: wallettest.Job{DID: true}},
		{name: "mdoc", office: plain, offer: oid4vci.OfferRequest{Configurations: []string{"card"}}},
		{name: "transaction code", office: plain, offer: oid4vci.OfferRequest{Configurations: staff, TxCode: true}},
		{name: "another transaction code", office: plain, offer: oid4vci.OfferRequest{Configurations: staff, TxCode: true}, job: wallettest.Job{TxCode: "x"}, refuse: "invalid_grant"},
		{name: "by reference", office: plain, offer: oid4vci.OfferRequest{Configurations: staff, ByReference: true}},
		{name: "batch", office: plain, offer: oid4vci.OfferRequest{Configurations: badge}, job: wallettest.Job{Count: 3}},
		{name: "DPoP", office: strict, offer: oid4vci.OfferRequest{Configurations: staff, TxCode: true}, job: wallettest.Job{DPoP: true}},
		{name: "without DPoP", office: strict, offer: oid4vci.OfferRequest{Configurations: staff}, refuse: "invalid_dpop_proof"},
		{name: "authorization code", office: strict, offer: oid4vci.OfferRequest{Configurations: staff, Code: true}, job: app},
		{name: "authorization code of a VC-JWT", office: strict, offer: oid4vci.OfferRequest{Configurations: badge, Code: true, ByReference: true}, job: app},
	}
	assured := app
	assured.Attester = maker.attester
	jobs = append(jobs,
		job{name: "high assurance", office: haip, offer: oid4vci.OfferRequest{Configurations: staff, Code: true}, job: assured},
		job{name: "high assurance without attestation", office: haip, offer: oid4vci.OfferRequest{Configurations: staff, Code: true}, job: app, refuse: "invalid_client"},
	)
	jobs = append(jobs,
		job{name: "attested keys", office: vouched, offer: oid4vci.OfferRequest{Configurations: staff}, job: wallettest.Job{KeyAttester: maker.attester, Count: 2}},
		job{name: "an attestation as proof", office: vouched, offer: oid4vci.OfferRequest{Configurations: staff}, job: wallettest.Job{KeyAttester: maker.attester, Attestation: true}},
		job{name: "keys that another attests", office: vouched, offer: oid4vci.OfferRequest{Configurations: staff}, job: wallettest.Job{KeyAttester: newMaker(t).attester}, refuse: "invalid_proof"},
	)
	var list []wallettest.Job
	for n := range jobs {
		j := &jobs[n]
		made := j.office.offer(t, j.offer)
		j.job.Link, j.job.Configuration = made.Link, j.offer.Configurations[0]
		if j.job.TxCode == "" {
			j.job.TxCode = made.TxCode
		}
		list = append(list, j.job)
	}
	for n, r := range w.Receive(t, list...) {
		j := jobs[n]
		if j.refuse != "" {
			if r.OK || !strings.Contains(r.Error, j.refuse) {
				t.Errorf("%s: %+v", j.name, r)
			}
			continue
		}
		if !r.OK || len(r.Credentials) != max(1, j.job.Count) || (r.TokenType == "DPoP") != j.job.DPoP {
			t.Errorf("%s: %+v", j.name, r)
			continue
		}
		for _, c := range r.Credentials {
			if isObject := json.Valid(c) && c[0] == '{'; isObject != (j.job.Configuration == "linked") {
				t.Errorf("%s: %s", j.name, c)
			}
		}
		for _, k := range r.Holders {
			if all := j.office.holdersOf(); !contains(all, k) {
				t.Errorf("%s: issued to other keys than the wallet's", j.name)
			}
		}
	}
	if diff := cmp.Diff([2]int{7, 3}, [2]int{len(plain.notices), len(strict.notices)}); diff != "" {
		t.Errorf("notices: %s", diff)
	}
}

func contains(all []ledger.JWK, k ledger.JWK) bool {
	for _, one := range all {
		if one == k {
			return true
		}
	}
	return false
}

// TestAnotherWalletWaits: what is deferred comes later.
func TestAnotherWalletWaits(t *testing.T) {
	t.Parallel()
	w := wallettest.Install(t, "openid4vci")
	o := open(t, nil)
	o.pending = 1
	made := o.offer(t, oid4vci.OfferRequest{Configurations: []string{"staff"}})
	r := w.Receive(t, wallettest.Job{Link: made.Link, Configuration: "staff", DPoP: true})[0]
	if !r.OK || !r.Later || len(r.Credentials) != 1 {
		t.Errorf("%+v", r)
	}
}
