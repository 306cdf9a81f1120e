package app

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/dpop"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/wallet"
)

// person has a wallet, and a browser with a key of its own.
type person struct {
	t      *testing.T
	base   string
	web    *http.Client
	roots  *x509.CertPool
	wallet *wallet.Wallet
	key    keys.Signer
}

func newPerson(t *testing.T, base, root string) *person {
	t.Helper()
	b, err := os.ReadFile(root)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, base: base, roots: x509.NewCertPool(), key: newP256(t)}
	p.roots.AppendCertsFromPEM(b)
	p.web = &http.Client{Timeout: waiting, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: p.roots, MinVersion: tls.VersionTLS12},
	}}
	dir := t.TempDir()
	secret, err := wallet.NewKeyFile(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	if p.wallet, err = wallet.Create(filepath.Join(dir, "wallet"), secret, time.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.wallet.Close() })
	return p
}

func newP256(t *testing.T) keys.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := keys.FromCrypto(private)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// receive has the wallet take what a node offers.
func (p *person) receive(link string) {
	p.t.Helper()
	if err := p.take(link); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) take(link string) error {
	c := &oid4vci.Client{HTTP: p.web}
	offer, err := c.Open(p.t.Context(), link)
	if err == nil {
		_, err = p.wallet.Receive(p.t.Context(), c, offer, "")
	}
	return err
}

// read reads a question.
func (p *person) read(link string) (*oid4vp.Request, *oid4vp.Responder) {
	p.t.Helper()
	r, err := oid4vp.NewResponder(oid4vp.ResponderOptions{HTTP: p.web, Now: time.Now, Roots: p.roots})
	if err != nil {
		p.t.Fatal(err)
	}
	q, err := r.Read(p.t.Context(), link)
	if err != nil {
		p.t.Fatal(err)
	}
	return q, r
}

// show has the wallet answer a question, and returns where the browser goes.
func (p *person) show(link string) (string, error) {
	p.t.Helper()
	q, r := p.read(link)
	found, err := p.wallet.Match(q.Query)
	if err != nil {
		p.t.Fatal(err)
	}
	chosen, err := q.Query.Choose(found, false)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.wallet.Answer(p.t.Context(), r, q, chosen)
}

// ask sends a request with a proof of a key, and with a token if there is one.
func (p *person) ask(method, path, token string, in, out any) int {
	p.t.Helper()
	return p.askBy(p.key, method, path, token, in, out)
}

func (p *person) askBy(key keys.Signer, method, path, token string, in, out any) int {
	p.t.Helper()
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			p.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if key != nil {
		proof, err := dpop.Make(key, dpop.Request{Method: method, URL: p.base + path, Token: token}, time.Now())
		if err != nil {
			p.t.Fatal(err)
		}
		req.Header.Set(dpop.Header, proof)
	}
	if token != "" {
		req.Header.Set("Authorization", "DPoP "+token)
	}
	res, err := p.web.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if out != nil && res.StatusCode == http.StatusOK {
		if err := json.Unmarshal(b, out); err != nil {
			p.t.Fatalf("%s: %s", path, b)
		}
	}
	if res.StatusCode >= http.StatusInternalServerError {
		p.t.Logf("%s %s: %s", method, path, b)
	}
	return res.StatusCode
}

// opened is what a sign-in gives.
type opened struct {
	Outcome, AccessToken, TokenType, RefreshToken string
	ExpiresIn                                     int
	Session                                       struct {
		ID, Subject, Role string
		Bound             bool
		Expires           time.Time
	}
}

// signIn signs the person in.
func (p *person) signIn(who, device string) opened {
	p.t.Helper()
	var begun struct{ Link, Ticket string }
	if status := p.ask(http.MethodPost, "/v1/sign-in", "", map[string]string{"who": who, "device": device}, &begun); status != http.StatusOK {
		p.t.Fatalf("beginning to sign in: %d", status)
	}
	var o opened
	if status := p.ask(http.MethodPost, "/v1/sign-in/token", "", map[string]string{"ticket": begun.Ticket}, &o); status != http.StatusOK || o.Outcome != "waiting" {
		p.t.Fatalf("before the wallet answered: %d %+v", status, o)
	}
	next, err := p.show(begun.Link)
	if err != nil {
		p.t.Fatal(err)
	}
	answer := map[string]string{"ticket": begun.Ticket}
	if device == "same" {
		if status := p.ask(http.MethodPost, "/v1/sign-in/token", "", answer, nil); status != http.StatusForbidden {
			p.t.Errorf("without what the browser came back with: %d", status)
		}
		u, err := url.Parse(next)
		if err != nil {
			p.t.Fatal(err)
		}
		answer["responseCode"] = u.Query().Get("response_code")
	}
	if status := p.askBy(nil, http.MethodPost, "/v1/sign-in/token", "", answer, nil); status != http.StatusUnprocessableEntity {
		p.t.Errorf("without a key: %d", status)
	}
	if status := p.ask(http.MethodPost, "/v1/sign-in/token", "", answer, &o); status != http.StatusOK || o.Outcome != "signed-in" || o.TokenType != "DPoP" || !o.Session.Bound {
		p.t.Fatalf("after the wallet answered: %d %+v", status, o)
	}
	if status := p.ask(http.MethodPost, "/v1/sign-in/token", "", answer, nil); status != http.StatusNotFound {
		p.t.Errorf("the ticket a second time: %d", status)
	}
	return o
}

// TestADayOfANurseAndAPatient is a whole day over TLS on the real contracts:
// credentials are issued, people sign in by them, and what becomes of the credential
// and its issuer is felt at the next request.
func TestADayOfANurseAndAPatient(t *testing.T) {
	c := newConsortium(t)
	root, certificate, key := certify(t)
	cfg := c.public("hospital-north", root, certificate, key)
	cfg.SignIn.Return = "https://app.north.example/back"
	north := c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	for _, org := range []string{"hospital-south", "hospital-east"} { // three have to state the network's name
		c.start(t, org)
	}
	issuer := "did:secant:" // completed below
	north.await("the issuer to be on the ledger", func() bool {
		var page struct{ Items []struct{ ID string } }
		north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/dids", nil, &page)
		for _, d := range page.Items {
			if id, ok := ledger.ParseDID(d.ID); ok && id.Kind == ledger.DIDIssuer && id.Org == "hospital-north" {
				issuer = d.ID
				return true
			}
		}
		return false
	})
	for _, kind := range []string{"StaffRole", "Patient"} {
		if err := c.network.Ledger.Accept(issuer, kind); err != nil {
			t.Fatal(err)
		}
	}
	offer := func(kind string, claims map[string]any) string {
		var made struct{ Link string }
		number, _ := claims["staff_number"].(string)
		north.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/credentials/offers", map[string]any{
			"type": kind, "claims": claims, "formats": []string{"dc+sd-jwt"}, "reference": number,
		}, &made)
		return made.Link
	}
	for role, status := range map[string]int{"operator": http.StatusForbidden, "registrar": http.StatusForbidden, "auditor": http.StatusCreated} {
		north.want(status, "registrar", http.MethodPost, "/v1/credentials/offers", map[string]any{
			"type": "StaffRole", "claims": map[string]any{"role": role, "organisation": "hospital-north", "given_name": "Eve", "family_name": "Climber", "staff_number": "1"},
		}, nil)
	}
	nurse, patient := newPerson(t, north.cfg.PublicURL(), root), newPerson(t, north.cfg.PublicURL(), root)
	nurse.receive(offer("StaffRole", map[string]any{
		"role": "nurse", "organisation": "hospital-north", "given_name": "Nora", "family_name": "Night", "staff_number": "4711",
	}))
	// A wallet that could fetch more gets nothing more once one was taken back.
	{
		client := &oid4vci.Client{HTTP: nurse.web, Key: newP256(t)}
		o, err := client.Open(t.Context(), offer("StaffRole", map[string]any{
			"role": "nurse", "organisation": "hospital-north", "given_name": "Lou", "family_name": "Gone", "staff_number": "4712",
		}))
		if err != nil {
			t.Fatal(err)
		}
		remote, err := client.DiscoverOffered(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		grant, err := client.Redeem(t.Context(), remote, o, "")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := client.Receive(t.Context(), grant, o.Configurations[0], newP256(t)); err != nil {
				t.Fatal(err)
			}
		}
		var given struct{ Items []struct{ ID string } }
		north.want(http.StatusOK, "registrar", http.MethodGet, "/v1/credentials?reference=4712&size=1", nil, &given)
		north.want(http.StatusOK, "registrar", http.MethodPost, "/v1/credentials/"+given.Items[0].ID+"/status", map[string]string{"status": "revoked"}, nil)
		if _, err := client.Receive(t.Context(), grant, o.Configurations[0], newP256(t)); err == nil {
			t.Error("the wallet of somebody whose credential was revoked fetches another")
		}
		if grant, err = client.Refresh(t.Context(), grant); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Receive(t.Context(), grant, o.Configurations[0], newP256(t)); err == nil {
			t.Error("with a fresh token, too")
		}
	}
	// Everything under a reference, with one request: what was taken and what was only offered.
	{
		client := &oid4vci.Client{HTTP: nurse.web, Key: newP256(t)}
		fetch := func(link string) error {
			o, err := client.Open(t.Context(), link)
			if err != nil {
				t.Fatal(err)
			}
			remote, err := client.DiscoverOffered(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			grant, err := client.Redeem(t.Context(), remote, o, "")
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Receive(t.Context(), grant, o.Configurations[0], newP256(t))
			return err
		}
		lost := map[string]any{"role": "nurse", "organisation": "hospital-north", "given_name": "Lou", "family_name": "Lost", "staff_number": "4713"}
		waiting := offer("StaffRole", lost)
		if err := errors.Join(fetch(offer("StaffRole", lost)), fetch(offer("StaffRole", lost))); err != nil {
			t.Fatal(err)
		}
		var changed struct {
			Items []struct{ Reference, Status string }
		}
		north.want(http.StatusForbidden, "auditor", http.MethodPost, "/v1/credentials/status", map[string]string{"reference": "4713", "status": "revoked"}, nil)
		north.want(http.StatusOK, "registrar", http.MethodPost, "/v1/credentials/status", map[string]string{"reference": "4713", "status": "revoked"}, &changed)
		if len(changed.Items) != 2 || changed.Items[0].Status != "revoked" || changed.Items[0].Reference != "4713" {
			t.Errorf("taken back are %+v", changed.Items)
		}
		if fetch(waiting) == nil {
			t.Error("an offer under a reference that was taken back still gives")
		}
		if err := fetch(offer("StaffRole", lost)); err != nil {
			t.Errorf("an offer that is made afterwards: %v", err)
		}
	}
	// New keys, while credentials are issued: the nurse's is under the old one.
	north.want(http.StatusNoContent, "operator", http.MethodPost, "/v1/issuer/rotation", map[string]string{"keys": "credentials"}, nil)
	north.want(http.StatusNoContent, "operator", http.MethodPost, "/v1/issuer/rotation", map[string]string{"keys": "control"}, nil)
	patient.receive(offer("Patient", map[string]any{
		"given_name": "Pat", "family_name": "Doe", "birthdate": "1980-02-03", "gender": "other", "patient_number": "P-1", "age_over_18": true,
	}))

	mine, theirs := nurse.signIn("staff", "same"), patient.signIn("patient", "other")
	if mine.Session.Role != "nurse" || theirs.Session.Role != "patient" || mine.Session.Subject == theirs.Session.Subject {
		t.Errorf("signed in as %+v and %+v", mine.Session, theirs.Session)
	}
	again := nurse.signIn("staff", "other")
	if again.Session.Subject != mine.Session.Subject || again.Session.ID == mine.Session.ID {
		t.Errorf("the same nurse is %+v and %+v", mine.Session, again.Session)
	}
	// Somebody whose only credential is an mdoc: it shows nothing but that they are a patient.
	bearer := newPerson(t, north.cfg.PublicURL(), root)
	var made struct{ Link string }
	north.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/credentials/offers", map[string]any{
		"type": "Patient", "formats": []string{"mso_mdoc"}, "claims": map[string]any{
			"given_name": "Mo", "family_name": "Doc", "birthdate": "1980-02-03", "gender": "other", "patient_number": "P-2", "age_over_18": true,
		},
	}, &made)
	bearer.receive(made.Link)
	for _, device := range []string{"same", "other"} {
		if o := bearer.signIn("patient", device); o.Session.Role != "patient" || o.Session.Subject == theirs.Session.Subject {
			t.Errorf("by an mdoc: %+v", o.Session)
		}
	}
	for _, try := range []struct {
		who    *person
		token  string
		path   string
		status int
	}{
		{nurse, mine.AccessToken, "/v1/session", http.StatusOK},
		{nurse, mine.AccessToken, "/v1/units", http.StatusOK},
		{nurse, mine.AccessToken, "/v1/credentials", http.StatusForbidden},
		{patient, theirs.AccessToken, "/v1/session", http.StatusOK},
		{patient, theirs.AccessToken, "/v1/units", http.StatusForbidden},
		{patient, mine.AccessToken, "/v1/units", http.StatusUnauthorized}, // by another's key
	} {
		if status := try.who.ask(http.MethodGet, try.path, try.token, nil, nil); status != try.status {
			t.Errorf("%s: %d, want %d", try.path, status, try.status)
		}
	}

	// The turn of the first session; an old token ends it.
	var next opened
	if status := nurse.ask(http.MethodPost, "/v1/sign-in/refresh", "", map[string]string{"refreshToken": mine.RefreshToken}, &next); status != http.StatusOK {
		t.Fatalf("refreshing: %d", status)
	}
	if status := nurse.ask(http.MethodGet, "/v1/units", next.AccessToken, nil, nil); status != http.StatusOK {
		t.Errorf("with the refreshed token: %d", status)
	}
	if status := nurse.ask(http.MethodPost, "/v1/sign-in/refresh", "", map[string]string{"refreshToken": mine.RefreshToken}, nil); status != http.StatusForbidden {
		t.Errorf("the old token again: %d", status)
	}
	if status := nurse.ask(http.MethodGet, "/v1/units", next.AccessToken, nil, nil); status != http.StatusUnauthorized {
		t.Errorf("after an old token came again: %d", status)
	}
	if status := nurse.ask(http.MethodGet, "/v1/units", again.AccessToken, nil, nil); status != http.StatusOK {
		t.Errorf("the other session: %d", status)
	}

	// Suspended, reinstated, revoked: in the middle of a session.
	var issued struct{ Items []struct{ ID string } }
	north.want(http.StatusOK, "registrar", http.MethodGet, "/v1/credentials?type=StaffRole&reference=4711", nil, &issued)
	for _, step := range []struct {
		status string
		want   int
	}{{"suspended", http.StatusUnauthorized}, {"valid", http.StatusOK}, {"revoked", http.StatusUnauthorized}} {
		north.want(http.StatusOK, "registrar", http.MethodPost, "/v1/credentials/"+issued.Items[0].ID+"/status", map[string]string{"status": step.status}, nil)
		if status := nurse.ask(http.MethodGet, "/v1/units", again.AccessToken, nil, nil); status != step.want {
			t.Errorf("when the credential is %s: %d", step.status, status)
		}
	}
	if status := nurse.ask(http.MethodPost, "/v1/sign-in/refresh", "", map[string]string{"refreshToken": again.RefreshToken}, nil); status != http.StatusForbidden {
		t.Errorf("refreshing with a revoked credential: %d", status)
	}
	var begun struct{ Link, Ticket string }
	nurse.ask(http.MethodPost, "/v1/sign-in", "", map[string]string{"who": "staff"}, &begun)
	if _, err := nurse.show(begun.Link); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("a revoked credential is taken: %v", err)
	}

	// The members strike the issuer off for patients.
	if status := patient.ask(http.MethodGet, "/v1/session", theirs.AccessToken, nil, nil); status != http.StatusOK {
		t.Errorf("the patient before: %d", status)
	}
	if err := c.network.Ledger.Carry(ledger.Propose{
		Kind: ledger.ProposeStrikeIssuer, Reason: "a sample", Subject: ledger.ProposalSubject{Issuer: issuer, CredentialType: "Patient"},
	}); err != nil {
		t.Fatal(err)
	}
	north.await("the issuer to be struck off", func() bool {
		return patient.ask(http.MethodGet, "/v1/session", theirs.AccessToken, nil, nil) == http.StatusUnauthorized
	})
}
