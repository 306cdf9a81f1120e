package agreement_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/agreement"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/holder"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci/flowtest"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/sdjwt"
)

const client = "x509_san_dns:desk.example"

// office is a desk with a judge that believes whom it knows, and an outbox that
// notes what it is given.
type office struct {
	t       *testing.T
	o       agreement.Options
	flows   *flowtest.Memory
	issuer  keys.Signer
	persons map[string]*person // by token

	mu      sync.Mutex
	at      time.Time
	full    bool                  // the outbox
	started []string              // by key, each time
	states  map[string]fact.State // of operations; none: stored
	asked   []oid4vp.Question
}

type person struct {
	org, token string
	key        keys.Signer
}

func newSigner(t *testing.T) keys.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := keys.FromCrypto(private)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (f *office) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

func (f *office) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func newOffice(t *testing.T) *office {
	t.Helper()
	f := &office{t: t, at: time.Now().UTC(), issuer: newSigner(t), persons: map[string]*person{}}
	f.flows = flowtest.NewMemory(f.now)
	f.o = agreement.Options{
		Network: "dev", Channel: "secant", Client: client, Flows: f.flows, Now: f.now,
		Ask: func(_ context.Context, q oid4vp.Question) (*oid4vp.Asked, error) {
			f.set(func() { f.asked = append(f.asked, q) })
			return &oid4vp.Asked{Link: "openid4vp://" + q.Nonce}, nil
		},
		Judge: func(_ context.Context, token, kind, _, _ string) (*check.Credential, error) {
			p, known := f.persons[token[:strings.IndexByte(token, '~')]]
			if !known || kind != ledger.CredentialReleaser {
				return nil, ledger.Problemf(ledger.CodeDenied, "nobody knows this person")
			}
			return &check.Credential{
				Standing: check.Standing{Issuer: issuerOf(p.org), Organisation: p.org}, Holder: p.key.JWK(),
				Status: []check.StatusRef{{URI: "https://" + p.org + ".example/status/1"}},
			}, nil
		},
		List: func(_ context.Context, _, uri string) ([]byte, error) { return []byte("list at " + uri), nil },
		Start: func(_ context.Context, key string, role ledger.Role, name string, request json.RawMessage) (*fact.Operation, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.full {
				return nil, ledger.Problemf(ledger.CodeBusy, "full")
			}
			f.started = append(f.started, key)
			return &fact.Operation{ID: "op of " + key, Role: role, Name: name, Request: request}, nil
		},
		Operation: func(_ context.Context, id string) (fact.Operation, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			return fact.Operation{ID: id, State: cmp.Or(f.states[id], fact.StateStored)}, nil
		},
	}
	return f
}

func issuerOf(org string) string { return ledger.IssuerDID("dev", org, ledger.LabelCredentials) }

func (f *office) open() *agreement.Desk {
	f.t.Helper()
	d, err := agreement.New(f.o)
	if err != nil {
		f.t.Fatal(err)
	}
	return d
}

func (f *office) person(org string) *person {
	f.t.Helper()
	p := &person{org: org, key: newSigner(f.t)}
	var err error
	if p.token, err = sdjwt.Issue(f.issuer, sdjwt.Credential{
		Issuer: issuerOf(org), KeyID: issuerOf(org) + "#1", Type: ledger.CredentialReleaser, Holder: p.key.JWK(),
		Issued: f.now().Add(-time.Hour), Expires: f.now().Add(time.Hour),
	}); err != nil {
		f.t.Fatal(err)
	}
	f.persons[p.token[:strings.IndexByte(p.token, '~')]] = p
	return p
}

var release = ledger.ReleaseUnit{ID: strings.Repeat("ab", 32), Revision: 3}

func (f *office) prepare(d *agreement.Desk) *agreement.Agreement {
	f.t.Helper()
	a, err := d.Prepare(f.t.Context(), agreement.Order{Role: ledger.RoleCustodian, Function: ledger.DeviceRelease, Request: release})
	if err != nil {
		f.t.Fatal(err)
	}
	return a
}

// sign has a person sign in a place, from its file.
func (f *office) sign(d *agreement.Desk, a *agreement.Agreement, place int, p *person) (*agreement.Agreement, error) {
	f.t.Helper()
	signed, err := holder.Sign(&a.Persons[place].Statement.Statement, p.token, p.key, f.now())
	if err != nil {
		f.t.Fatal(err)
	}
	return d.Sign(f.t.Context(), a.ID, *signed)
}

// TestOfTwoAtOnceOneSigns: whoever comes second is judged beside the first.
func TestOfTwoAtOnceOneSigns(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	d := f.open()
	a := f.prepare(d)
	var wg sync.WaitGroup
	codes := make(chan ledger.Code, 6)
	var all []*ledger.HolderStatement
	for i := range cap(codes) { // colleagues, at both places
		p := f.person("hospital-north")
		signed, err := holder.Sign(&a.Persons[i%2].Statement.Statement, p.token, p.key, f.now())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, signed)
	}
	for _, signed := range all {
		wg.Go(func() {
			_, err := d.Sign(t.Context(), a.ID, *signed)
			codes <- ledger.CodeOf(err)
		})
	}
	wg.Wait()
	close(codes)
	taken := 0
	for code := range codes {
		switch code {
		case "":
			taken++
		case ledger.CodeDenied, ledger.CodeGone:
		default:
			t.Errorf("refused with %s", code)
		}
	}
	if taken != 1 || len(f.started) != 0 {
		t.Errorf("%d have signed, %d transactions were begun", taken, len(f.started))
	}
}

// TestARestartLosesNothing, and an outbox that is full neither: the last signature
// counts, and the transaction begins when somebody looks.
func TestARestartLosesNothing(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	a := f.prepare(f.open())
	if _, err := f.sign(f.open(), a, 1, f.person("hospital-south")); err != nil {
		t.Fatal(err)
	}
	f.set(func() { f.full = true })
	p := f.person("hospital-north")
	if got, err := f.sign(f.open(), a, 0, p); err != nil || got.State != agreement.Submitted || got.Operation != nil {
		t.Errorf("while the outbox is full it is %+v (%v)", got, err)
	}
	f.set(func() { f.full = false })
	got, err := f.open().Agreement(t.Context(), a.ID)
	if err != nil || got.State != agreement.Submitted || len(f.started) != 1 {
		t.Fatalf("afterwards it is %+v, %v, begun %v", got, err, f.started)
	}
	if _, err := f.open().Agreement(t.Context(), a.ID); err != nil || len(f.started) != 1 {
		t.Errorf("looking again begins it again: %v, %v", f.started, err)
	}
	// What goes beside it is there whenever it is asked for, with today's lists.
	request, err := holder.Encode(release)
	if err != nil {
		t.Fatal(err)
	}
	beside, err := f.open().Beside(t.Context(), ledger.DeviceRelease, request)
	if err != nil || !bytes.Contains(beside[ledger.TransientStatements], []byte(p.token[:20])) ||
		string(beside[ledger.TransientStatusLists]) != `["list at https://hospital-north.example/status/1","list at https://hospital-south.example/status/1"]` {
		t.Errorf("beside it goes %s (%v)", beside, err)
	}
	for function, other := range map[string][]byte{ledger.DeviceRelease: []byte(`{}`), ledger.DeviceClear: request, ledger.DeviceRetire: request} {
		if beside, err := f.open().Beside(t.Context(), function, other); beside != nil || err != nil {
			t.Errorf("beside another goes %v (%v)", beside, err)
		}
	}
	// Who signed is kept with what goes to the ledger, and nowhere else.
	_, docs := f.flows.Contents("agreement")
	for _, secret := range []string{p.token[:60], p.key.JWK().Thumbprint(), p.key.JWK().X} {
		if bytes.Contains(bytes.Join(docs, nil), []byte(secret)) {
			t.Errorf("the agreement keeps %s", secret)
		}
	}
	// A list that cannot be had is a reason to try again, and not to go without.
	f.o.List = func(context.Context, string, string) ([]byte, error) { return nil, errors.New("down") }
	if beside, err := f.open().Beside(t.Context(), ledger.DeviceRelease, request); err == nil {
		t.Errorf("without a list goes %v", beside)
	}
}

func TestTheTimeToSignEnds(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	d := f.open()
	a := f.prepare(d)
	for _, q := range f.asked {
		if q.ClientID != client || q.Life > agreement.Life || len(q.Statement) == 0 || len(q.Query.Credentials[0].Claims) != 0 {
			t.Errorf("a wallet is asked %+v", q)
		}
	}
	if _, err := f.sign(d, a, 0, f.person("hospital-north")); err != nil {
		t.Fatal(err)
	}
	f.set(func() { f.at = f.at.Add(agreement.Life) })
	if _, err := f.sign(d, a, 1, f.person("hospital-south")); ledger.CodeOf(err) != ledger.CodeGone {
		t.Errorf("too late: %v", err)
	}
	if _, err := d.Renew(t.Context(), a.ID, 2); ledger.CodeOf(err) != ledger.CodeGone {
		t.Errorf("renewed too late: %v", err)
	}
	if got, err := d.Agreement(t.Context(), a.ID); err != nil || got.State != agreement.Expired {
		t.Errorf("it is %+v (%v)", got, err)
	}
}

// TestOnlyTheDesksOwnQuestionsAreAnswered to it.
func TestOnlyTheDesksOwnQuestionsAreAnswered(t *testing.T) {
	t.Parallel()
	f := newOffice(t)
	d := f.open()
	a := f.prepare(d)
	p := f.person("hospital-north")
	challenge, err := a.Persons[0].Statement.Statement.Challenge()
	if err != nil {
		t.Fatal(err)
	}
	presentation, err := sdjwt.Present(p.token, p.key, nil, sdjwt.Binding{Audience: client, Nonce: challenge, At: f.now()})
	if err != nil {
		t.Fatal(err)
	}
	good := func() (oid4vp.Presented, oid4vp.Want) {
		return oid4vp.Presented{Format: oid4vp.FormatSDJWT, Token: presentation}, oid4vp.Want{Nonce: challenge, Audience: client}
	}
	for name, change := range map[string]func(*oid4vp.Presented, *oid4vp.Want){
		"a sign-in":      func(_ *oid4vp.Presented, w *oid4vp.Want) { w.Audience = "x509_hash:abc" },
		"another format": func(p *oid4vp.Presented, _ *oid4vp.Want) { p.Format = oid4vp.FormatJWT },
		"no statement":   func(_ *oid4vp.Presented, w *oid4vp.Want) { w.Nonce = "n-1" },
	} {
		presented, want := good()
		change(&presented, &want)
		if j, err := d.Judge(t.Context(), presented, want); err == nil {
			t.Errorf("%s: %+v", name, j)
		}
	}
	presented, want := good()
	if j, err := d.Judge(t.Context(), presented, want); err != nil || len(j.Claims) != 0 || j.Types[0] != ledger.CredentialReleaser {
		t.Errorf("the answer is %+v (%v)", j, err)
	}
	f.o.Client = "x509_hash:abc"
	if _, err := agreement.New(f.o); err == nil {
		t.Error("a desk asks under the name of a sign-in")
	}
}
