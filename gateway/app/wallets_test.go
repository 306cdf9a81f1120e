package app

import (
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/identity/oid4vci/wallettest"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// holding is a wallet of others' and the one credential that it has of north's.
type holding struct {
	name          string
	program       string // "credo" or "library"
	format        oid4vp.Format
	configuration string
	certified     bool
	txCode        bool
	dpop          bool // the library proves a key by DPoP; Credo always does

	id string // of the credential, at its issuer
}

// came is what came of a job of a wallet's.
type came struct {
	OK        bool
	Error     string
	Detail    string
	TokenType string
	Status    int
	Body      string
}

// town is two clinics, and wallets that are not ours.
type town struct {
	*clinics

	wallets *wallettest.Running
	trusted []string // certificates that the wallets trust, in base64
}

func openTown(t *testing.T) *town {
	t.Helper()
	wallettest.Install(t, "wallets") // before anything is started that a skip would end
	return openClinics(t).settleTown(t)
}

// settleTown adds the wallets to clinics.
func (c *clinics) settleTown(t *testing.T) *town {
	t.Helper()
	t.Setenv("NODE_EXTRA_CA_CERTS", c.root)
	w := &town{clinics: c, wallets: wallettest.Install(t, "wallets").Start(t)}
	file, err := os.ReadFile(c.root)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(file)
	w.trusted = append(w.trusted, base64.StdEncoding.EncodeToString(block.Bytes))
	for _, root := range c.north.node.identity.certificates.Roots(time.Now()) {
		w.trusted = append(w.trusted, base64.StdEncoding.EncodeToString(root.Raw))
	}
	return w
}

// receive has the wallet take an offer of north's.
func (c *town) receive(t *testing.T, h *holding) {
	t.Helper()
	var made struct{ Link, TxCode string }
	c.north.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/credentials/offers", map[string]any{
		"type": "Practitioner", "claims": practitioner, "formats": []string{string(h.format)}, "certified": h.certified,
		"reference": "case-" + reference(h.name), "txCode": h.txCode,
	}, &made)
	job := map[string]any{
		"job": h.program + ".receive", "wallet": h.name, "trusted": c.trusted, "link": made.Link,
		"configuration": h.configuration, "did": h.format == oid4vp.FormatJWT, "dpop": h.dpop,
	}
	if h.txCode {
		job["txCode"] = made.TxCode
	}
	got := wallettest.Ask[came](t, c.wallets, job)
	if !got.OK || (got.TokenType == "DPoP") != (h.dpop || h.program == "credo") || h.txCode != (made.TxCode != "") {
		t.Fatalf("%s: %+v", h.name, got)
	}
	var issued struct{ Items []struct{ ID string } }
	c.north.want(http.StatusOK, "registrar", http.MethodGet, "/v1/credentials?reference=case-"+reference(h.name), nil, &issued)
	if len(issued.Items) != 1 {
		t.Fatalf("%s: %+v", h.name, issued)
	}
	h.id = issued.Items[0].ID
}

func reference(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", "")
}

// asked is what south wants to see: one claim.
func (h *holding) asked() *oid4vp.Query {
	path := map[oid4vp.Format][]any{
		oid4vp.FormatSDJWT: {"licence_number"}, oid4vp.FormatJWT: {"credentialSubject", "licence_number"}, oid4vp.FormatMDoc: {practitionerType, "licence_number"},
	}[h.format]
	one := oid4vp.CredentialQuery{ID: "card", Format: h.format, Claims: []oid4vp.Claim{{Path: path}}}
	switch h.format {
	case oid4vp.FormatSDJWT:
		one.Meta.Types = []string{"Practitioner"}
	case oid4vp.FormatJWT:
		one.Meta.W3C = [][]string{{"Practitioner"}}
	default:
		one.Meta.DocType = practitionerType
	}
	return &oid4vp.Query{Credentials: []oid4vp.CredentialQuery{one}}
}

// present has the wallet show its credential at south, as a verifier of HAIP's asks:
// by a signed request under a certificate, encrypted. It returns what south learns,
// nil when it takes nothing, and why.
func (c *town) present(t *testing.T, h *holding) (claims map[string]any, why string) {
	t.Helper()
	south := c.south.node.identity
	q, err := south.asker.Ask(t.Context(), oid4vp.Question{Query: h.asked(), Post: h.certified})
	if err != nil {
		t.Fatal(err)
	}
	got := wallettest.Ask[came](t, c.wallets, map[string]any{
		"job": h.program + ".present", "wallet": h.name, "trusted": c.trusted, "link": q.Link, "show": []string{"licence_number"},
	})
	if !got.OK {
		t.Fatalf("%s: the wallet does not answer: %s %s", h.name, got.Error, got.Detail)
	}
	r, err := south.asker.Result(t.Context(), q.Ticket, "")
	if err != nil {
		t.Fatal(err)
	}
	if (got.Status == http.StatusOK) != (r.Outcome == oid4vp.Answered) {
		t.Errorf("%s: the wallet hears %d %s, and south %v", h.name, got.Status, got.Body, r.Outcome)
	}
	if r.Outcome != oid4vp.Answered {
		return nil, got.Body
	}
	return r.Shown["card"][0].Claims, ""
}

// set changes a credential's status, as a registrar of north's does.
func (c *town) set(t *testing.T, h *holding, to string) {
	t.Helper()
	c.north.want(http.StatusOK, "registrar", http.MethodPost, "/v1/credentials/"+h.id+"/status", map[string]string{"status": to}, nil)
}

// taken waits until south takes what a wallet shows, and refused until it does not:
// until it has heard of the change.
func (c *town) taken(t *testing.T, h *holding) {
	t.Helper()
	var claims map[string]any
	var why string
	defer func() {
		if claims == nil {
			t.Logf("%s was refused last: %s", h.name, why)
		}
	}()
	c.south.await(h.name+" to be taken", func() bool {
		claims, why = c.present(t, h)
		return claims != nil
	})
	switch h.format {
	case oid4vp.FormatMDoc:
		claims, _ = claims[practitionerType].(map[string]any)
	case oid4vp.FormatJWT:
		claims, _ = claims["credentialSubject"].(map[string]any)
	}
	if _, more := claims["family_name"]; claims["licence_number"] != "L-4711" || more != (h.format == oid4vp.FormatJWT) { // which is shown whole
		t.Errorf("%s shows %v", h.name, claims)
	}
}

func (c *town) refused(t *testing.T, h *holding) {
	t.Helper()
	var why string
	c.south.await(h.name+" to be refused", func() bool {
		var claims map[string]any
		claims, why = c.present(t, h)
		return claims == nil
	})
	if !strings.Contains(why, "revoked or suspended") {
		t.Errorf("%s is refused for another reason: %s", h.name, why)
	}
}

// TestForeignWalletsUntilRevocation: wallets that are not ours receive each format of
// one member and show one claim to another, who takes it until it is suspended, takes
// it again when that is lifted, and takes it no more once it is revoked.
func TestForeignWalletsUntilRevocation(t *testing.T) {
	c := openTown(t)
	for _, h := range []*holding{
		{name: "Credo, SD-JWT VC", program: "credo", format: oid4vp.FormatSDJWT, configuration: "Practitioner_dc+sd-jwt"},
		{name: "Credo, SD-JWT VC with a certificate", program: "credo", format: oid4vp.FormatSDJWT, configuration: "Practitioner_dc+sd-jwt_x5c", certified: true, txCode: true},
		{name: "Credo, VC-JWT", program: "credo", format: oid4vp.FormatJWT, configuration: "Practitioner_jwt_vc_json", txCode: true},
		{name: "Credo, mdoc", program: "credo", format: oid4vp.FormatMDoc, configuration: "Practitioner_mso_mdoc"},
		{name: "library, SD-JWT VC", program: "library", format: oid4vp.FormatSDJWT, configuration: "Practitioner_dc+sd-jwt", dpop: true},
		{name: "library, VC-JWT", program: "library", format: oid4vp.FormatJWT, configuration: "Practitioner_jwt_vc_json", txCode: true},
	} {
		t.Run(h.name, func(t *testing.T) {
			c.receive(t, h)
			c.taken(t, h)
			c.set(t, h, "suspended")
			c.refused(t, h)
			c.set(t, h, "valid")
			c.taken(t, h)
			c.set(t, h, "revoked")
			c.refused(t, h)
		})
	}
}
