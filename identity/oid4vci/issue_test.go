package oid4vci_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/oid4vci/flowtest"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestMemoryIsAStore(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	flowtest.Check(t, flowtest.NewMemory(clock), clock, func(d time.Duration) { now = now.Add(d) })
}

func TestACredentialIsIssued(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	token := d.token(d.dpop(oid4vci.PathToken, ""))
	if token.TokenType != "DPoP" || token.ExpiresIn != 600 || token.RefreshToken == "" {
		t.Errorf("the token: %+v", token)
	}
	r, err := d.issuer.Credential(t.Context(), d.dpop(oid4vci.PathCredential, token.AccessToken), d.good())
	mustFlow(t, err)
	if len(r.Credentials) != 1 || r.Credentials[0].Credential != "credential 0" || r.Notification == "" || r.Deferred() {
		t.Errorf("the response: %+v", r)
	}
	if len(d.orders) != 1 || d.orders[0].ID == "" {
		t.Fatalf("orders: %+v", d.orders)
	}
	want := oid4vci.Order{ID: d.orders[0].ID, Configuration: "staff", Subject: []byte("n-17"), Holders: []ledger.JWK{d.holder.JWK()}, Names: []string{""}}
	if diff := cmp.Diff(want, d.orders[0]); diff != "" {
		t.Error(diff)
	}
	notice := encode(t, m{"notification_id": r.Notification, "event": "credential_accepted", "more": 1})
	for range 2 { // it may come again
		mustFlow(t, d.issuer.Notification(t.Context(), d.dpop(oid4vci.PathNotification, token.AccessToken), notice))
	}
	if len(d.notices) != 2 || d.notices[0].Event != oid4vci.EventAccepted || d.notices[0].Order.ID != want.ID {
		t.Errorf("notices: %+v", d.notices)
	}
}

func TestCredentialsComeInBatchesOfDifferentKeys(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	token := d.token(nil)
	nonce := d.nonce()
	first := d.proof(nonce).compact(t)
	d.holder = p256(t)
	second := d.proof(nonce).compact(t)
	r, err := d.issuer.Credential(t.Context(), bearer(token.AccessToken), encode(t, d.request("staff", first, second)))
	mustFlow(t, err)
	if len(r.Credentials) != 2 || len(d.orders[0].Holders) != 2 || d.orders[0].Holders[1] != d.holder.JWK() {
		t.Errorf("%+v of %+v", r, d.orders)
	}
	_, err = d.issuer.Credential(t.Context(), bearer(token.AccessToken), d.good())
	wantError(t, "one more than the grant gives", err, oid4vci.CodeRequestDenied)
}

func TestACredentialWithoutAKeyNeedsNoProof(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	token := d.token(nil, "notice")
	r, err := d.issuer.Credential(t.Context(), bearer(token.AccessToken), encode(t, d.request("notice")))
	mustFlow(t, err)
	if len(r.Credentials) != 1 || d.orders[0].Holders != nil {
		t.Errorf("%+v of %+v", r, d.orders)
	}
	_, err = d.issuer.Credential(t.Context(), bearer(token.AccessToken), encode(t, d.request("notice", d.proof(d.nonce()).compact(t))))
	wantError(t, "a proof for nothing", err, oid4vci.CodeInvalidProof)
}

func TestWhatFailsIsNotCounted(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *oid4vci.Options) { o.BatchSize = 0 })
	token := d.token(nil)
	fault := errors.New("the printer is on fire")
	d.issue = func(oid4vci.Order) error { return fault }
	if _, err := d.issuer.Credential(t.Context(), bearer(token.AccessToken), d.good()); !errors.Is(err, fault) {
		t.Errorf("a fault reads as %v", err)
	}
	d.issue = func(oid4vci.Order) error { return ledger.Problemf(ledger.CodeDenied, "struck off") }
	_, err := d.issuer.Credential(t.Context(), bearer(token.AccessToken), d.good())
	wantError(t, "refused", err, oid4vci.CodeRequestDenied)
	d.issue = nil
	_, err = d.issuer.Credential(t.Context(), bearer(token.AccessToken), d.good())
	mustFlow(t, err)
}

func TestADeferredCredentialComesLater(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	token := d.token(d.dpop(oid4vci.PathToken, ""))
	d.issue = func(oid4vci.Order) error { return &oid4vci.PendingError{After: 90 * time.Second} }
	r, err := d.issuer.Credential(t.Context(), d.dpop(oid4vci.PathCredential, token.AccessToken), d.good())
	mustFlow(t, err)
	if !r.Deferred() || r.Interval != 90 || r.Credentials != nil || r.Notification != "" {
		t.Errorf("%+v", r)
	}
	ask := encode(t, m{"transaction_id": r.Transaction})
	again, err := d.issuer.Deferred(t.Context(), d.dpop(oid4vci.PathDeferred, token.AccessToken), ask)
	mustFlow(t, err)
	if again.Transaction != r.Transaction || again.Interval != 90 {
		t.Errorf("not yet: %+v", again)
	}

	// Hours later the wallet has to refresh its token, with its key.
	d.now = d.now.Add(5 * time.Hour)
	_, err = d.issuer.Deferred(t.Context(), d.dpop(oid4vci.PathDeferred, token.AccessToken), ask)
	wantError(t, "a token that is over", err, oid4vci.CodeInvalidToken)
	refresh := map[string][]string{"grant_type": {"refresh_token"}, "refresh_token": {token.RefreshToken}}
	fresh, err := d.issuer.Token(t.Context(), refresh, d.dpop(oid4vci.PathToken, ""))
	mustFlow(t, err)
	if fresh.RefreshToken != "" || fresh.AccessToken == token.AccessToken {
		t.Errorf("the fresh token: %+v", fresh)
	}

	d.issue = nil
	other := d.token(d.dpop(oid4vci.PathToken, ""))
	_, err = d.issuer.Deferred(t.Context(), d.dpop(oid4vci.PathDeferred, other.AccessToken), ask)
	wantError(t, "another's transaction", err, oid4vci.CodeInvalidTransaction)
	r, err = d.issuer.Deferred(t.Context(), d.dpop(oid4vci.PathDeferred, fresh.AccessToken), ask)
	mustFlow(t, err)
	if len(r.Credentials) != 1 || r.Deferred() {
		t.Errorf("at last: %+v", r)
	}
	_, err = d.issuer.Deferred(t.Context(), d.dpop(oid4vci.PathDeferred, fresh.AccessToken), ask)
	wantError(t, "a transaction again", err, oid4vci.CodeInvalidTransaction)
	d.now = d.now.Add(oid4vci.GrantLife)
	_, err = d.issuer.Token(t.Context(), refresh, d.dpop(oid4vci.PathToken, ""))
	wantError(t, "a grant that is over", err, oid4vci.CodeInvalidGrant)
}

func TestADeferredCredentialMayBeRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	token := d.token(nil)
	d.issue = func(oid4vci.Order) error { return &oid4vci.PendingError{} }
	r, err := d.issuer.Credential(t.Context(), bearer(token.AccessToken), d.good())
	mustFlow(t, err)
	if r.Interval != 1 {
		t.Errorf("an interval of %d", r.Interval)
	}
	d.issue = func(oid4vci.Order) error { return ledger.Problemf(ledger.CodeDenied, "no") }
	for _, code := range []string{oid4vci.CodeRequestDenied, oid4vci.CodeInvalidTransaction} {
		_, err = d.issuer.Deferred(t.Context(), bearer(token.AccessToken), encode(t, m{"transaction_id": r.Transaction}))
		wantError(t, "refused", err, code)
	}
}

func TestAnOfferByReferenceIsFetched(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	made, _ := d.offer(oid4vci.OfferRequest{ByReference: true, TxCode: true, TxDescription: "by post"})
	if strings.Contains(made.Link, "pre-authorized") {
		t.Error("the link holds the offer")
	}
	_, secret, _ := strings.Cut(made.Link, "%2Foffer%2F")
	o, err := d.issuer.Offered(t.Context(), secret)
	mustFlow(t, err)
	if diff := cmp.Diff(&oid4vci.TxCode{InputMode: "numeric", Length: 6, Description: "by post"}, o.Grants.PreAuthorized.TxCode); diff != "" {
		t.Error(diff)
	}
	d.now = d.now.Add(time.Hour)
	for _, s := range []string{secret, "", "x"} {
		if _, err := d.issuer.Offered(t.Context(), s); ledger.CodeOf(err) != ledger.CodeNotFound {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestTheStoreHoldsNoSecret(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	made, o := d.offer(oid4vci.OfferRequest{TxCode: true})
	form := redeem(o)
	form.Set("tx_code", made.TxCode)
	_, err := d.issuer.Token(t.Context(), map[string][]string{"grant_type": form["grant_type"], "pre-authorized_code": form["pre-authorized_code"], "tx_code": {"000"}}, nil)
	wantError(t, "a wrong code", err, oid4vci.CodeInvalidGrant)
	kept := func() string {
		names, docs := d.flows.Contents("")
		return strings.Join(names, " ") + string(bytes.Join(docs, nil))
	}
	before := kept()
	token, err := d.issuer.Token(t.Context(), form, d.dpop(oid4vci.PathToken, ""))
	mustFlow(t, err)
	r, err := d.issuer.Credential(t.Context(), d.dpop(oid4vci.PathCredential, token.AccessToken), d.good())
	mustFlow(t, err)
	for name, secret := range map[string]string{
		"the code": o.Grants.PreAuthorized.Code, "the transaction code": `"` + made.TxCode, "the token": token.AccessToken,
		"the refresh token": token.RefreshToken, "the notification": r.Notification,
	} {
		if all := before + kept(); strings.Contains(all, secret) {
			t.Errorf("%s is kept", name)
		}
	}
}

func TestOnlyOneGetsTheTokenOfACode(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	_, o := d.offer(oid4vci.OfferRequest{})
	var wg sync.WaitGroup
	got := make([]bool, 16)
	for n := range got {
		wg.Go(func() {
			_, err := d.issuer.Token(t.Context(), redeem(o), nil)
			if got[n] = err == nil; err != nil {
				wantError(t, "too late", err, oid4vci.CodeInvalidGrant)
			}
		})
	}
	wg.Wait()
	count := 0
	for _, ok := range got {
		if ok {
			count++
		}
	}
	if count != 1 {
		t.Errorf("%d got a token", count)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	fine := func(o *oid4vci.Options) {
		*o = oid4vci.Options{
			URL: issuerURL, Flows: flowtest.NewMemory(time.Now), Secret: make([]byte, 32),
			Issue:          func(_ ctx, _ oid4vci.Order) ([]oid4vci.Issued, error) { return nil, nil },
			Configurations: map[string]oid4vci.Configuration{"a": {Format: oid4vci.FormatMdoc, DocType: "d"}},
		}
	}
	one := func(c oid4vci.Configuration) map[string]oid4vci.Configuration {
		return map[string]oid4vci.Configuration{"a": c}
	}
	for name, spoil := range map[string]func(*oid4vci.Options){
		"":               func(*oid4vci.Options) {},
		"no URL":         func(o *oid4vci.Options) { o.URL = "" },
		"http":           func(o *oid4vci.Options) { o.URL = "http://north.example" },
		"a query":        func(o *oid4vci.Options) { o.URL += "?a" },
		"a fragment":     func(o *oid4vci.Options) { o.URL += "#a" },
		"a user":         func(o *oid4vci.Options) { o.URL = "https://me@north.example" },
		"a slash":        func(o *oid4vci.Options) { o.URL += "/" },
		"no store":       func(o *oid4vci.Options) { o.Flows = nil },
		"no function":    func(o *oid4vci.Options) { o.Issue = nil },
		"a short secret": func(o *oid4vci.Options) { o.Secret = o.Secret[1:] },
		"nothing":        func(o *oid4vci.Options) { o.Configurations = nil },
		"no format":      func(o *oid4vci.Options) { o.Configurations = one(oid4vci.Configuration{}) },
		"no vct":         func(o *oid4vci.Options) { o.Configurations = one(oid4vci.Configuration{Format: oid4vci.FormatSDJWT}) },
		"no type":        func(o *oid4vci.Options) { o.Configurations = one(oid4vci.Configuration{Format: oid4vci.FormatLDP}) },
		"two names": func(o *oid4vci.Options) {
			o.Configurations = one(oid4vci.Configuration{Format: oid4vci.FormatMdoc, DocType: "d", Metadata: &oid4vci.Metadata{Display: []oid4vci.Display{{Name: "a"}, {Name: "b"}}}})
		},
		"two names of its own": func(o *oid4vci.Options) {
			o.Display = []oid4vci.Display{{Name: "a", Locale: "en"}, {Name: "b", Locale: "en"}}
		},
		"a large batch":      func(o *oid4vci.Options) { o.BatchSize = oid4vci.MaxBatch + 1 },
		"nobody is attested": func(o *oid4vci.Options) { o.RequireAttestation = true },
	} {
		var o oid4vci.Options
		fine(&o)
		spoil(&o)
		if _, err := oid4vci.New(o); (err == nil) != (name == "") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHighAssuranceIsWhole: an issuer of high assurance has all that the profile
// demands, or is none.
func TestHighAssuranceIsWhole(t *testing.T) {
	t.Parallel()
	staff := oid4vci.Configuration{Format: oid4vci.FormatSDJWT, Scope: "staff", Type: "urn:test:staff", BindingMethods: []string{"jwk"}}
	whole := func(o *oid4vci.Options) {
		o.HAIP, o.WalletKey = true, nobody
		o.Configurations = map[string]oid4vci.Configuration{"staff": staff}
	}
	d := newDesk(t, whole)
	_, o := d.offer(oid4vci.OfferRequest{})
	_, err := d.issuer.Token(t.Context(), redeem(o), d.dpop(oid4vci.PathToken, ""))
	wantError(t, "no attestation", err, oid4vci.CodeInvalidClient)
	if s := d.issuer.Server(); s.AnonymousCodes || !s.RequireRequest || !s.AnswersWithIssuer || len(s.DPoPAlgorithms) == 0 || len(s.Scopes) != 1 {
		t.Errorf("%+v", s)
	}
	for name, spoil := range map[string]func(*oid4vci.Options){
		"nobody approves":    func(o *oid4vci.Options) { o.Approve = nil },
		"nobody is attested": func(o *oid4vci.Options) { o.WalletKey = nil },
		"no scope":           func(o *oid4vci.Options) { staff.Scope = ""; o.Configurations["staff"] = staff },
		"another format": func(o *oid4vci.Options) {
			o.Configurations["badge"] = oid4vci.Configuration{Format: oid4vci.FormatJWT, Scope: "badge", Definition: &oid4vci.Definition{Type: []string{"Badge"}}}
		},
	} {
		opts := oid4vci.Options{
			URL: issuerURL, Flows: d.flows, Secret: make([]byte, 32),
			Issue:   func(ctx, oid4vci.Order) ([]oid4vci.Issued, error) { return nil, nil },
			Approve: func(ctx, oid4vci.Authorization) ([]byte, error) { return nil, nil },
		}
		whole(&opts)
		if _, err := oid4vci.New(opts); err != nil {
			t.Fatal(err)
		}
		spoil(&opts)
		if _, err := oid4vci.New(opts); err == nil {
			t.Errorf("%s: it is of high assurance", name)
		}
		staff.Scope = "staff"
	}
}

func TestOffersAreChecked(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	staff := []string{"staff"}
	for name, r := range map[string]oid4vci.OfferRequest{
		"nothing":                 {Life: time.Hour},
		"an unknown one":          {Life: time.Hour, Configurations: []string{"x"}},
		"one twice":               {Life: time.Hour, Configurations: []string{"staff", "staff"}},
		"without end":             {Configurations: staff},
		"for ever":                {Life: 31 * 24 * time.Hour, Configurations: staff},
		"a code with a code":      {Life: time.Hour, Configurations: staff, Code: true, TxCode: true},
		"a long description":      {Life: time.Hour, Configurations: staff, TxCode: true, TxDescription: strings.Repeat("x", 301)},
		"a subject without bound": {Life: time.Hour, Configurations: staff, Subject: make([]byte, oid4vci.MaxSubject+1)},
	} {
		if _, err := d.issuer.Offer(t.Context(), r); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMetadata pins both documents.
func TestMetadata(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *oid4vci.Options) {
		o.Display = []oid4vci.Display{{Name: "North", Locale: "en", Logo: &oid4vci.Image{URI: "https://north.example/logo.svg", AltText: "N"}}, {Name: "Nord", Locale: "de"}}
		o.Configurations = map[string]oid4vci.Configuration{
			"staff": {
				Format: oid4vci.FormatSDJWT, Scope: "staff", Type: "urn:test:staff", BindingMethods: []string{"jwk"}, SigningAlgorithms: []any{"ES256"},
				Metadata: &oid4vci.Metadata{
					Display: []oid4vci.Display{{Name: "Staff card", Locale: "en"}, {Name: "Dienstausweis", Locale: "de"}},
					Claims:  []oid4vci.Claim{{Path: []any{"wards", nil}, Mandatory: true, Display: []oid4vci.Display{{Name: "Ward", Locale: "en"}}}},
				},
			},
			"staff-mdoc": {Format: oid4vci.FormatMdoc, Scope: "staff", DocType: "org.example.staff", BindingMethods: []string{"cose_key"}, SigningAlgorithms: []any{-7}},
			"badge":      {Format: oid4vci.FormatLDP, Definition: &oid4vci.Definition{Context: []string{"https://www.w3.org/ns/credentials/v2"}, Type: []string{"VerifiableCredential", "Badge"}}},
			"badge-jwt":  {Format: oid4vci.FormatJWT, Scope: "badge", Definition: &oid4vci.Definition{Type: []string{"VerifiableCredential", "Badge"}}, BindingMethods: []string{"did:jwk"}},
		}
		o.WalletKey = nobody
	})
	b, err := json.MarshalIndent([]any{d.issuer.Metadata(), d.issuer.Server()}, "", "  ")
	mustFlow(t, err)
	b = append(b, '\n')
	const path = "testdata/metadata.golden.json"
	if *update {
		mustFlow(t, os.WriteFile(path, b, 0o600))
	}
	want, err := os.ReadFile(path)
	mustFlow(t, err)
	if diff := cmp.Diff(string(want), string(b)); diff != "" {
		t.Errorf("metadata changed (-golden +now; -update rewrites it):\n%s", diff)
	}
	for identifier, want := range map[string]string{
		"https://a.example":     "https://a.example/.well-known/x",
		"https://a.example/t/1": "https://a.example/.well-known/x/t/1",
	} {
		if got, err := oid4vci.WellKnown("x", identifier); err != nil || got != want {
			t.Errorf("%s: %s, %v", identifier, got, err)
		}
	}
}
