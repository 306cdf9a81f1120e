package app

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/mdoc"
	"github.com/secant-platform/secant/identity/oid4vci/wallettest"
	"github.com/secant-platform/secant/identity/vc"
)

// TestForeignVerifiersUntilRevocation: verifiers that are not ours, and know nothing
// but the root of the servers' certificates, take what a node issued, refuse what was
// changed, and refuse it while it is suspended and once it is revoked.
func TestForeignVerifiersUntilRevocation(t *testing.T) {
	installed := wallettest.Install(t, "verifiers")
	c := openClinics(t)
	t.Setenv("NODE_EXTRA_CA_CERTS", c.root)
	verifiers := installed.Start(t)
	kind, _ := catalogue.Find("Practitioner")
	types, claims := kind.Terms()
	vocabulary, err := vc.Vocabulary(catalogue.Vocabulary, types, claims)
	if err != nil {
		t.Fatal(err)
	}
	root := base64.StdEncoding.EncodeToString(c.north.node.identity.certificates.Roots(time.Now())[0].Raw)
	contexts := map[string]json.RawMessage{kind.Contexts[len(kind.Contexts)-1]: vocabulary}
	for _, format := range []catalogue.Format{catalogue.SDJWT, catalogue.JWT, catalogue.LD, catalogue.MDoc} {
		t.Run(string(format), func(t *testing.T) {
			holder := newHolder(t)
			issued, err := c.north.node.identity.desk.Issue(t.Context(), desk.Order{
				Type: "Practitioner", Format: format, Claims: practitioner, Holders: []ledger.JWK{holder.JWK()},
			})
			if err != nil {
				t.Fatal(err)
			}
			judged := func(what string, credential any, reasons ...string) {
				t.Helper()
				got := wallettest.Ask[struct {
					OK            bool
					Error, Number string
				}](t, verifiers, map[string]any{
					"job": format, "credential": credential, "contexts": contexts, "type": practitionerType, "root": root,
					"session": map[string]any{"clientId": asker, "nonce": "n-1", "responseUri": answerTo},
				})
				if len(reasons) == 0 && (!got.OK || got.Number != "L-4711") {
					t.Errorf("%s is refused: %s", what, got.Error)
				}
				fits := func(reason string) bool { return strings.Contains(got.Error, reason) }
				if len(reasons) > 0 && (got.OK || !slices.ContainsFunc(reasons, fits)) {
					t.Errorf("%s is taken, or refused for another reason: %s", what, got.Error)
				}
			}
			set := func(to string) {
				t.Helper()
				c.north.want(http.StatusOK, "registrar", http.MethodPost, "/v1/credentials/"+issued[0].Record.ID+"/status", map[string]string{"status": to}, nil)
			}
			good := issued[0].Credential
			if format == catalogue.MDoc {
				good = shown(t, good, holder, "n-1")
				judged("what was shown to another question", shown(t, issued[0].Credential, holder, "n-2"), "Device signature")
			}
			judged("what was issued", good)
			judged("what was changed", tampered(t, good), "Invalid JWT Signature", "invalid_signature", "VerificationError", "calculated digest")
			set("suspended")
			judged("suspended", good, "Status is not valid", "suspended")
			set("valid")
			judged("valid again", good)
			set("revoked")
			judged("revoked", good, "Status is not valid", "revoked")
		})
	}
}

// tampered is a credential that says something else, under the signature that it had.
func tampered(t *testing.T, credential any) any {
	t.Helper()
	if b, isObject := credential.(json.RawMessage); isObject {
		return json.RawMessage(strings.Replace(string(b), "L-4711", "L-4712", 1))
	}
	text, _ := credential.(string)
	if b, err := base64.RawURLEncoding.DecodeString(text); err == nil { // CBOR
		return base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(b), "L-4711", "L-4712", 1)))
	}
	token, disclosures, _ := strings.Cut(text, "~")
	parts := strings.Split(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(b), "nurse", "other", 1)))
	if token != text {
		disclosures = "~" + disclosures
	}
	return strings.Join(parts, ".") + disclosures
}

// shown is what a holder answers with an mdoc, to a nonce: one element of it.
func shown(t *testing.T, credential any, holder keys.Signer, nonce string) string {
	t.Helper()
	text, _ := credential.(string)
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	response, err := mdoc.Present(b, holder, map[string][]string{practitionerType: {"licence_number"}}, mdoc.Session{ClientID: asker, Nonce: nonce, ResponseURI: answerTo})
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(response)
}
