package app

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci/wallettest"
	"github.com/secant-platform/secant/identity/sdjwt"
	"github.com/secant-platform/secant/identity/vc"
)

// olderRequest is what a wallet of OpenID4VP's draft 24 reads of a request.
type olderRequest struct {
	ClientID     string          `json:"client_id"`
	ResponseType string          `json:"response_type"`
	Mode         string          `json:"response_mode"`
	URI          string          `json:"response_uri"`
	Nonce        string          `json:"nonce"`
	State        string          `json:"state"`
	Query        json.RawMessage `json:"dcql_query"`
	Definition   json.RawMessage `json:"presentation_definition"`
	Metadata     struct {
		Keys    jose.JSONWebKeySet `json:"jwks"`
		Formats map[string]any     `json:"vp_formats"`
		Alg     string             `json:"authorization_encrypted_response_alg"`
		Enc     string             `json:"authorization_encrypted_response_enc"`
	} `json:"client_metadata"`
}

// olderWallet follows draft 24 and DIF Presentation Exchange 2.0, with one credential.
type olderWallet struct {
	*person

	contexts   *vc.Contexts
	key        keys.Signer
	format     catalogue.Format
	credential []byte
	// spoil changes an answer before it is encrypted.
	spoil func(*olderAnswer)
}

// olderAnswer is what such a wallet makes of a request.
type olderAnswer struct {
	showing    vc.Showing
	token      any
	submission map[string]any
	state      string
}

func (o *olderWallet) request(link string) *olderRequest {
	o.t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		o.t.Fatal(err)
	}
	res, err := o.web.Get(u.Query().Get("request_uri"))
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	token, err := verify.ParseJWS(string(b))
	if err != nil || token.Type != "oauth-authz-req+jwt" {
		o.t.Fatalf("%d %v", res.StatusCode, err)
	}
	r := new(olderRequest)
	if err := json.Unmarshal(token.Payload, r); err != nil {
		o.t.Fatal(err)
	}
	if r.ClientID != u.Query().Get("client_id") || len(r.Query) != 0 || r.Mode != "direct_post.jwt" {
		o.t.Fatalf("the request is %s", token.Payload)
	}
	return r
}

// answers answers a request, and returns the status.
func (o *olderWallet) answers(r *olderRequest) int {
	o.t.Helper()
	definition, err := vc.ParseDefinition(r.Definition)
	if err != nil {
		o.t.Fatal(err)
	}
	name := map[catalogue.Format]string{catalogue.JWT: vc.FormatJWT, catalogue.LD: vc.FormatLinked}[o.format]
	choice, err := definition.Choose(o.contexts, "s-1", name, o.credential)
	if err != nil {
		o.t.Fatal(err)
	}
	holder, err := did.JWKDID(o.key.JWK())
	if err != nil {
		o.t.Fatal(err)
	}
	a := &olderAnswer{state: r.State, showing: vc.Showing{
		Holder: holder, KeyID: holder + "#0", Made: time.Now(), Question: vc.Question{Nonce: r.Nonce, Audience: r.ClientID},
	}}
	if err := json.Unmarshal(choice.Submission, &a.submission); err != nil {
		o.t.Fatal(err)
	}
	if o.spoil != nil {
		o.spoil(a)
	}
	if o.format == catalogue.JWT {
		a.token, err = vc.PresentJWT(o.key, a.showing, string(o.credential))
	} else {
		var b []byte
		b, err = vc.Present(o.contexts, o.key, a.showing, o.credential)
		a.token = json.RawMessage(b)
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return o.post(r, a)
}

func (o *olderWallet) post(r *olderRequest, a *olderAnswer) int {
	o.t.Helper()
	b, err := json.Marshal(map[string]any{"vp_token": a.token, "presentation_submission": a.submission, "state": a.state})
	if err != nil {
		o.t.Fatal(err)
	}
	key := r.Metadata.Keys.Keys[0]
	e, err := jose.NewEncrypter(jose.ContentEncryption(r.Metadata.Enc),
		jose.Recipient{Algorithm: jose.KeyAlgorithm(r.Metadata.Alg), Key: key.Key, KeyID: key.KeyID}, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	jwe, err := e.Encrypt(b)
	if err != nil {
		o.t.Fatal(err)
	}
	token, err := jwe.CompactSerialize()
	if err != nil {
		o.t.Fatal(err)
	}
	res, err := o.web.PostForm(r.URI, url.Values{"response": {token}})
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// olderHolder has north's desk issue to a wallet in a format.
func (c *clinics) olderHolder(t *testing.T, f catalogue.Format, s catalogue.Suite, claims map[string]any) *olderWallet {
	t.Helper()
	contexts, err := check.Contexts()
	if err != nil {
		t.Fatal(err)
	}
	o := &olderWallet{person: newPerson(t, c.south.cfg.PublicURL(), c.root), contexts: contexts, format: f, key: newHolder(t)}
	if s == catalogue.Ed25519 {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if o.key, err = keys.FromCrypto(private); err != nil {
			t.Fatal(err)
		}
	}
	issued, err := c.north.node.identity.desk.Issue(t.Context(), desk.Order{
		Type: "Practitioner", Format: f, Suite: s, Claims: claims, Holders: []ledger.JWK{o.key.JWK()},
	})
	if err != nil {
		t.Fatal(err)
	}
	switch credential := issued[0].Credential.(type) {
	case string:
		o.credential = []byte(credential)
	case json.RawMessage:
		o.credential = credential
	}
	return o
}

var older = map[string]string{"purpose": "physician", "device": "other", "phrasing": "presentation_definition"}

// TestOlderWalletsAnswer: a wallet that knows presentation definitions and no DCQL
// answers a node's question, by the same rules as any.
func TestOlderWalletsAnswer(t *testing.T) {
	c := openClinics(t)
	want := map[string]any{
		"issuer":            subject(t, c.north).DID,
		"credentialSubject": map[string]any{"profession": "physician", "licence_authority": "Medical Council"},
	}
	for name, f := range map[string]struct {
		format catalogue.Format
		suite  catalogue.Suite
	}{"JWT": {catalogue.JWT, ""}, "Ed25519Signature2020": {catalogue.LD, catalogue.Ed25519}, "ecdsa-rdfc-2019": {catalogue.LD, ""}} {
		t.Run(name, func(t *testing.T) {
			o := c.olderHolder(t, f.format, f.suite, physician)
			link, ticket := o.begin(older)
			r := o.request(link)
			if !strings.HasPrefix(r.ClientID, "x509_san_dns:") || len(r.Metadata.Formats) != 4 {
				t.Errorf("the request is of %s, for %v", r.ClientID, r.Metadata.Formats)
			}
			if status := o.answers(r); status != http.StatusOK {
				t.Fatalf("answering: %d", status)
			}
			var got proofOutcome
			status := o.askBy(nil, http.MethodPost, "/proofs/results", "", map[string]string{"ticket": ticket}, &got)
			if status != http.StatusOK || got.Outcome != "answered" || len(got.Shown) != 1 {
				t.Fatalf("%d %+v", status, got)
			}
			if diff := cmp.Diff(want, got.Shown[string(f.format)][0].Claims); diff != "" {
				t.Error(diff) // a name is in the presentation, and not in what is told
			}
			if status := o.answers(r); status == http.StatusOK {
				t.Error("the answer is taken twice")
			}
		})
	}
	t.Run("answers that are none", func(t *testing.T) { c.olderAttacks(t) })
	t.Run("a wallet of others", c.credoExchanges)
}

// olderAttacks spoils one thing at a time.
func (c *clinics) olderAttacks(t *testing.T) {
	t.Helper()
	place := func(a *olderAnswer) map[string]any {
		return a.submission["descriptor_map"].([]any)[0].(map[string]any)
	}
	for name, spoil := range map[string]func(*olderAnswer){
		"another nonce":       func(a *olderAnswer) { a.showing.Nonce = "another" },
		"another audience":    func(a *olderAnswer) { a.showing.Audience = "x509_san_dns:elsewhere.example" },
		"an old presentation": func(a *olderAnswer) { a.showing.Made = time.Now().Add(-time.Hour) },
		"another state":       func(a *olderAnswer) { a.state = "another" },
		"another definition":  func(a *olderAnswer) { a.submission["definition_id"] = "another" },
		"another descriptor":  func(a *olderAnswer) { place(a)["id"] = "another" },
		"another place": func(a *olderAnswer) {
			place(a)["path_nested"].(map[string]any)["path"] = "$.vp.verifiableCredential[1]"
		},
		"a path that computes": func(a *olderAnswer) {
			place(a)["path_nested"].(map[string]any)["path"] = "$..verifiableCredential[?(@.a)]"
		},
		"another format": func(a *olderAnswer) { place(a)["format"] = "ldp_vp" },
		"no place":       func(a *olderAnswer) { a.submission["descriptor_map"] = []any{} },
		"no submission":  func(a *olderAnswer) { a.submission = nil },
	} {
		o := c.olderHolder(t, catalogue.JWT, "", physician)
		link, ticket := o.begin(older)
		r := o.request(link)
		o.spoil = spoil
		if status := o.answers(r); status == http.StatusOK || status >= http.StatusInternalServerError {
			t.Errorf("%s: %d", name, status)
		}
		var got proofOutcome
		if o.askBy(nil, http.MethodPost, "/proofs/results", "", map[string]string{"ticket": ticket}, &got); got.Outcome != "waiting" {
			t.Errorf("%s: the outcome is %s", name, got.Outcome)
		}
		// A right answer still counts after a wrong one.
		if o.spoil = nil; o.answers(r) != http.StatusOK {
			t.Errorf("%s: and then a right answer is refused", name)
		}
	}
	// A nurse's credential does not fit the definition: it is not chosen, and where a
	// wallet sends it all the same it is not taken.
	nurse := c.olderHolder(t, catalogue.JWT, "", practitioner)
	link, _ := nurse.begin(older)
	r := nurse.request(link)
	definition, err := vc.ParseDefinition(r.Definition)
	if err != nil {
		t.Fatal(err)
	}
	if choice, err := definition.Choose(nurse.contexts, "s-1", vc.FormatJWT, nurse.credential); err == nil {
		t.Errorf("a nurse is chosen: %+v", choice)
	}
	holder, err := did.JWKDID(nurse.key.JWK())
	if err != nil {
		t.Fatal(err)
	}
	token, err := vc.PresentJWT(nurse.key, vc.Showing{Holder: holder, KeyID: holder + "#0", Made: time.Now(), Question: vc.Question{Nonce: r.Nonce, Audience: r.ClientID}}, string(nurse.credential))
	if err != nil {
		t.Fatal(err)
	}
	if status := nurse.post(r, &olderAnswer{state: r.State, token: token, submission: map[string]any{
		"id": "s-1", "definition_id": definition.ID(), "descriptor_map": []any{map[string]any{
			"id": "credential", "format": "jwt_vp_json", "path": "$",
			"path_nested": map[string]any{"id": "credential", "format": "jwt_vc_json", "path": "$.vp.verifiableCredential[0]"},
		}},
	}}); status == http.StatusOK {
		t.Error("a nurse is taken for a physician")
	}
	// What an SD-JWT VC's holder signs for this client is a signature on a statement.
	statement := newHolder(t)
	issued, err := c.north.node.identity.desk.Issue(t.Context(), desk.Order{
		Type: "Practitioner", Format: catalogue.SDJWT, Claims: physician, Holders: []ledger.JWK{statement.JWK()},
	})
	if err != nil {
		t.Fatal(err)
	}
	credential, _ := issued[0].Credential.(string)
	if token, err = sdjwt.Present(credential, statement, nil, sdjwt.Binding{Audience: r.ClientID, Nonce: r.Nonce, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"dc+sd-jwt", "vc+sd-jwt", "jwt_vp_json", "jwt_vc_json"} {
		if status := nurse.post(r, &olderAnswer{state: r.State, token: token, submission: map[string]any{
			"id": "s-1", "definition_id": definition.ID(), "descriptor_map": []any{map[string]any{"id": "credential", "format": format, "path": "$"}},
		}}); status == http.StatusOK {
			t.Errorf("an SD-JWT VC is taken as %s", format)
		}
	}
	for name, in := range map[string]map[string]string{
		"a phrasing that is not known": {"purpose": "physician", "device": "other", "phrasing": "poem"},
		"a purpose that is not known":  {"purpose": "neighbour", "device": "other"},
	} {
		if status := nurse.askBy(nil, http.MethodPost, "/proofs/questions", "", in, nil); status != http.StatusUnprocessableEntity && status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, status)
		}
	}
}

// credoExchanges has Credo receive a credential from north, and answer south's
// question, which it finds by its own evaluation of the definition.
func (c *clinics) credoExchanges(t *testing.T) {
	credo := wallettest.Install(t, "../../oid4/testdata/credo")
	t.Setenv("NODE_EXTRA_CA_CERTS", c.root)
	b, err := os.ReadFile(c.root)
	if err != nil {
		t.Fatal(err)
	}
	root, _ := pem.Decode(b)
	p := newPerson(t, c.south.cfg.PublicURL(), c.root)
	link, ticket := p.begin(older)
	var made struct{ Link string }
	c.north.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/credentials/offers", map[string]any{
		"type": "Practitioner", "claims": physician, "formats": []string{"jwt_vc_json"},
	}, &made)
	got := credo.Receive(t, wallettest.Job{
		Link: made.Link, Configuration: "Practitioner_jwt_vc_json", DID: true, DPoP: true, Question: link,
		Roots: []string{base64.StdEncoding.EncodeToString(root.Bytes)},
	})[0]
	if !got.OK || got.Answer != http.StatusOK {
		t.Fatalf("Credo: %d %s", got.Answer, got.Error)
	}
	var o proofOutcome
	p.askBy(nil, http.MethodPost, "/proofs/results", "", map[string]string{"ticket": ticket}, &o)
	if o.Outcome != "answered" || len(o.Shown["jwt_vc_json"]) != 1 {
		t.Errorf("%+v", o)
	}
}
