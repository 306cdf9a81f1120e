package holder_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/holder"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/sdjwt"
)

var now = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

func newSigner(t *testing.T) keys.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := keys.FromCrypto(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func order(t *testing.T) holder.Order {
	t.Helper()
	request, err := holder.Encode(ledger.PutIntoService{ID: ledger.BodyDigest(nil)})
	if err != nil {
		t.Fatal(err)
	}
	return holder.Order{
		Network: "dev", Channel: "secant", Function: ledger.DevicePutIntoService, Request: request,
		Record: ledger.UnitKey(ledger.BodyDigest(nil)), Revision: 2, Expires: now.Add(5*time.Minute + 1234567*time.Nanosecond),
	}
}

func issue(t *testing.T, issuer, person keys.Signer) string {
	t.Helper()
	issued, err := sdjwt.Issue(issuer, sdjwt.Credential{
		Issuer: "did:secant:dev:hospital-north:staff", KeyID: "key-1", Type: "DeviceReleaser", Holder: person.JWK(),
		Issued: now, Expires: now.Add(time.Hour), Hidden: map[string]any{"given_name": "Ada"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func TestASignedStatementVerifies(t *testing.T) {
	t.Parallel()
	issuer, person := newSigner(t), newSigner(t)
	o := order(t)
	s, err := holder.NewStatement(o)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := holder.Sign(s, issue(t, issuer, person), person, now)
	if err != nil {
		t.Fatal(err)
	}
	transient, err := ledger.EncodeStatements(*signed)
	if err != nil {
		t.Fatal(err)
	}
	list, err := verify.ParseStatements(transient)
	if err != nil {
		t.Fatal(err)
	}
	key, err := verify.NewKey(issuer.JWK())
	if err != nil {
		t.Fatal(err)
	}
	agreed, err := list[0].Verify(key, verify.Occasion{
		Network: o.Network, Channel: o.Channel, Function: o.Function, Request: ledger.BodyDigest(o.Request),
		Record: ledger.KeyDigest(o.Record), Revision: o.Revision, At: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	if agreed.Credential.Holder.JWK() != person.JWK() || agreed.Credential.Claims["given_name"] != nil {
		t.Errorf("it says %+v", agreed.Credential)
	}
}

func TestEachStatementIsItsOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 3 {
		s, err := holder.NewStatement(order(t))
		if err != nil {
			t.Fatal(err)
		}
		q, err := holder.Ask(s)
		if err != nil {
			t.Fatal(err)
		}
		if q.Audience != "secant:dev:secant" || seen[q.Nonce] || len(q.Nonce) != 43 {
			t.Errorf("the question is %+v", q)
		}
		seen[q.Nonce] = true
	}
}

func TestAnOrderMustBeWhole(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*holder.Order){
		"no network":  func(o *holder.Order) { o.Network = "" },
		"no channel":  func(o *holder.Order) { o.Channel = "" },
		"no function": func(o *holder.Order) { o.Function = "" },
		"a revision":  func(o *holder.Order) { o.Revision = -1 },
		"a name":      func(o *holder.Order) { o.Network = `dev","channel":"x` },
	} {
		o := order(t)
		change(&o)
		if s, err := holder.NewStatement(o); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

func TestWhoCannotSign(t *testing.T) {
	t.Parallel()
	issuer, person := newSigner(t), newSigner(t)
	s, err := holder.NewStatement(order(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Sign(s, issue(t, issuer, person), newSigner(t), now); err == nil {
		t.Error("a statement is signed with another's credential")
	}
	spoiled := *s
	spoiled.Nonce = ""
	if _, err := holder.Sign(&spoiled, issue(t, issuer, person), person, now); err == nil {
		t.Error("a statement that is not whole is signed")
	}
	if _, err := holder.Ask(&spoiled); err == nil {
		t.Error("a statement that is not whole is asked")
	}
	if _, err := holder.Encode(func() {}); err == nil {
		t.Error("a function is a request")
	}
}

func TestStatementsAreBounded(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]ledger.Code{0: ledger.CodeInvalid, 1: "", 4: "", 5: ledger.CodeInvalid} {
		if _, err := ledger.EncodeStatements(make([]ledger.HolderStatement, n)...); ledger.CodeOf(err) != want {
			t.Errorf("%d: %v", n, err)
		}
	}
	long := ledger.HolderStatement{Presentation: strings.Repeat("x", ledger.MaxTransient)}
	if _, err := ledger.EncodeStatements(long); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("a long one: %v", err)
	}
}
