package wallet_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/holder"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/oid4vp"
)

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// jwt checks a presentation in a JWT and the one credential in it.
func (w *world) jwt(ctx context.Context, token string, want oid4vp.Want) (holder string, credential map[string]any, err error) {
	var outer struct {
		Issuer   string `json:"iss"`
		Audience string `json:"aud"`
		Nonce    string `json:"nonce"`
		VP       struct {
			Credentials []string `json:"verifiableCredential"`
		} `json:"vp"`
	}
	bad := ledger.Problemf(ledger.CodeInvalid, "it does not hold")
	jws, err := verify.ParseJWS(token)
	if err != nil {
		return "", nil, err
	}
	if err := json.Unmarshal(jws.Payload, &outer); err != nil || outer.Audience != want.Audience || outer.Nonce != want.Nonce || len(outer.VP.Credentials) != 1 {
		return "", nil, bad
	}
	key, err := w.resolver.Key(ctx, outer.Issuer, jws.KeyID, did.Authentication, time.Now())
	if err != nil {
		return "", nil, err
	}
	public, err := verify.NewKey(key)
	if err != nil {
		return "", nil, err
	}
	if err := jws.Verify(public); err != nil {
		return "", nil, err
	}
	var inner struct {
		VC map[string]any `json:"vc"`
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(outer.VP.Credentials[0], ".")[1])
	if err != nil {
		return "", nil, bad
	}
	return outer.Issuer, inner.VC, json.Unmarshal(b, &inner)
}

func (w *world) offer(t *testing.T, configuration string, code bool) *oid4vci.Made {
	t.Helper()
	made, err := w.issuer.Offer(t.Context(), oid4vci.OfferRequest{Configurations: []string{configuration}, TxCode: code, Life: time.Hour, Subject: []byte("n-17")})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (w *world) ask(t *testing.T, q oid4vp.Question) *oid4vp.Asked {
	t.Helper()
	asked, err := w.verifier.Ask(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return asked
}

func query(format oid4vp.Format, path ...any) *oid4vp.Query {
	q := oid4vp.CredentialQuery{ID: "q", Format: format, Claims: []oid4vp.Claim{{Path: path}}}
	switch format {
	case oid4vp.FormatSDJWT:
		q.Meta.Types = []string{staffType}
	case oid4vp.FormatMDoc:
		q.Meta.DocType = licenceType
	default:
		q.Meta.W3C = [][]string{{badgeType}}
	}
	return &oid4vp.Query{Credentials: []oid4vp.CredentialQuery{q}}
}

// TestAPersonsDay: a wallet is made, receives three credentials, shows one claim of
// two and the whole of the third, declines, agrees to a transaction, and forgets.
func TestAPersonsDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(t, "", "create")
	offer := w.offer(t, "staff", true)
	if out := w.must(t, "yes\n", "receive", offer.Link, "--tx-code", offer.TxCode); !strings.Contains(out, "Staff card") {
		t.Errorf("it receives %s", out)
	}
	w.must(t, "", "receive", "--yes", w.offer(t, "badge", false).Link)
	var list []struct{ ID, Format, Key string }
	w.must(t, "", "receive", "--yes", w.offer(t, "licence", false).Link)
	if err := json.Unmarshal([]byte(w.must(t, "", "list", "--json")), &list); err != nil || len(list) != 3 || list[0].Key == list[1].Key {
		t.Fatalf("it holds %+v, %v", list, err)
	}
	staff := list[0].ID
	if out := w.must(t, "", "show", staff); !strings.Contains(out, `"given_name": "Ada"`) {
		t.Errorf("it shows %s", out)
	}

	asked := w.ask(t, oid4vp.Question{Query: query(oid4vp.FormatSDJWT, "given_name"), Return: "https://app.example/back"})
	out := w.must(t, "yes\n", "present", asked.Link)
	if !strings.Contains(out, "Ward North") || !strings.Contains(out, `given_name ["Ada"]`) || !strings.Contains(out, "https://app.example/back?response_code=") {
		t.Errorf("presenting says %s", out)
	}
	_, code, _ := strings.Cut(strings.TrimSpace(out), "response_code=")
	result, err := w.verifier.Result(t.Context(), asked.Ticket, code)
	if err != nil || result.Shown["q"][0].Claims["given_name"] != "Ada" || result.Shown["q"][0].Claims["family_name"] != nil {
		t.Errorf("the verifier sees %+v, %v", result, err)
	}

	asked = w.ask(t, oid4vp.Question{Query: query(oid4vp.FormatJWT, "credentialSubject", "name"), ClientID: oid4vp.PrefixDID + ":" + w.did, Post: true})
	w.must(t, "", "present", "--yes", asked.Link)
	if result, err = w.verifier.Result(t.Context(), asked.Ticket, ""); err != nil || result.Outcome != oid4vp.Answered {
		t.Errorf("the verifier sees %+v, %v", result, err)
	}

	for _, plain := range []bool{false, true} {
		asked = w.ask(t, oid4vp.Question{Query: query(oid4vp.FormatMDoc, licenceType, "profession"), Plain: plain})
		w.must(t, "", "present", "--yes", asked.Link)
		if result, err = w.verifier.Result(t.Context(), asked.Ticket, ""); err != nil || result.Outcome != oid4vp.Answered {
			t.Errorf("the verifier sees %+v, %v", result, err)
		}
	}

	asked = w.ask(t, oid4vp.Question{Query: query(oid4vp.FormatSDJWT, "given_name")})
	if _, err := w.command(t, "no\n", "present", asked.Link); err == nil {
		t.Error("it presents without agreement")
	}
	w.must(t, "", "present", "--decline", asked.Link)
	if result, err = w.verifier.Result(t.Context(), asked.Ticket, ""); err != nil || result.Outcome != oid4vp.Declined {
		t.Errorf("the verifier sees %+v, %v", result, err)
	}

	w.sign(t, staff)
	if out := w.must(t, "", "log"); strings.Count(out, "taken") != 5 || strings.Count(out, "declined") != 1 {
		t.Errorf("the log says %s", out)
	}
	w.must(t, "yes\n", "delete", staff)
	if out := w.must(t, "", "list"); strings.Contains(out, staff) {
		t.Errorf("it still holds %s", out)
	}
}

// sign has the wallet agree to a transaction.
func (w *world) sign(t *testing.T, id string) {
	t.Helper()
	order := holder.Order{Network: "test", Channel: "main", Function: "device:Release", Request: []byte(`{}`), Record: ledger.Key{Type: "unit", Parts: []string{"1"}}, Expires: time.Now().Add(5 * time.Minute)}
	s, err := holder.NewStatement(order)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "statement.json")
	if err := os.WriteFile(path, encode(s), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := w.command(t, "", "sign", path, "--credential", id, "--yes")
	if err != nil {
		t.Fatal(err)
	}
	var signed ledger.HolderStatement
	if err := json.Unmarshal([]byte(out), &signed); err != nil {
		t.Fatal(err)
	}
	b, err := ledger.EncodeStatements(signed)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := verify.ParseStatements(b)
	if err != nil {
		t.Fatal(err)
	}
	key, err := verify.NewKey(w.key.JWK())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parsed[0].Verify(key, verify.Occasion{
		Network: "test", Channel: "main", Function: order.Function, Request: ledger.BodyDigest(order.Request), Record: ledger.KeyDigest(order.Record), At: time.Now(),
	}); err != nil {
		t.Error(err)
	}
}

// TestTheCommandRefuses what a person should not be led into.
func TestTheCommandRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.command(t, "", "list"); err == nil {
		t.Error("a wallet that is not there is listed")
	}
	if _, err := w.command(t, "", "create"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.command(t, "", "receive", "--yes", w.offer(t, "staff", false).Link); err != nil {
		t.Fatal(err)
	}
	statement := filepath.Join(t.TempDir(), "s.json")
	if err := os.WriteFile(statement, []byte(`{"v":1,"V":2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	given := query(oid4vp.FormatSDJWT, "given_name")
	for name, args := range map[string][]string{
		"made twice":                  {"create"},
		"a name that leads elsewhere": {"create", "--name", "../x"},
		"no name":                     {"create", "--name", ""},
		"no offer":                    {"receive", "--yes", "openid-credential-offer://?credential_offer=x"},
		"another transaction code":    {"receive", "--yes", w.offer(t, "staff", true).Link, "--tx-code", "000000"},
		"nothing typed":               {"receive", w.offer(t, "staff", false).Link},
		"an unsigned request":         {"present", "--yes", w.ask(t, oid4vp.Question{Query: given, ClientID: oid4vp.PrefixRedirect}).Link},
		"a credential it has not":     {"present", "--yes", w.ask(t, oid4vp.Question{Query: query(oid4vp.FormatJWT, "x")}).Link},
		"a claim it has not":          {"present", "--yes", w.ask(t, oid4vp.Question{Query: query(oid4vp.FormatSDJWT, "licence")}).Link},
		"without the authority":       {"present", "--yes", "--ca", os.DevNull, w.ask(t, oid4vp.Question{Query: given}).Link},
		"a statement that is none":    {"sign", "--yes", "--credential", "x", statement},
		"nothing to sign":             {"sign", "--yes", w.ask(t, oid4vp.Question{Query: given}).Link},
		"a credential it never had":   {"show", "0"},
		"to delete what is not there": {"delete", "--yes", "0"},
	} {
		if out, err := w.command(t, "", args...); err == nil {
			t.Errorf("%s: it says %s", name, out)
		}
	}
	// An unsigned request is answered when that was said to be meant.
	asked := w.ask(t, oid4vp.Question{Query: given, ClientID: oid4vp.PrefixRedirect})
	if _, err := w.command(t, "", "present", "--yes", "--development", asked.Link); err != nil {
		t.Error(err)
	}
}

// TestAPassphraseIsAskedFor, and what is typed for it is not shown.
func TestAPassphraseIsAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, args := range [][]string{{"create", "--name", "other"}, {"list", "--name", "other"}} {
		out, err := w.command(t, "correct horse battery\n", append(args, "--key-file", "")...)
		if err != nil || !strings.Contains(out, "Passphrase") || strings.Contains(out, "horse") {
			t.Errorf("%v: %s %v", args, out, err)
		}
	}
	if _, err := w.command(t, "wrong horse battery\n", "list", "--name", "other", "--key-file", ""); err == nil {
		t.Error("another passphrase opens it")
	}
}
