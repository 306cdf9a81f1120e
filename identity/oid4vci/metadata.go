package oid4vci

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/jwe"
)

// The formats of appendix A.
const (
	FormatSDJWT = "dc+sd-jwt"
	FormatJWT   = "jwt_vc_json"
	FormatLDP   = "ldp_vc"
	FormatMdoc  = "mso_mdoc"
)

// Configuration is one kind of credential that an issuer issues (section 12.2.4).
type Configuration struct {
	Format string `json:"format"`
	Scope  string `json:"scope,omitempty"`
	// SigningAlgorithms are names of JOSE, for ldp_vc of cryptosuites, for mso_mdoc
	// numbers of COSE.
	SigningAlgorithms []any `json:"credential_signing_alg_values_supported,omitempty"`
	// BindingMethods: "jwk", "cose_key", "did:jwk" and such; none: the credential is
	// bound to no key.
	BindingMethods []string             `json:"cryptographic_binding_methods_supported,omitempty"`
	ProofTypes     map[string]ProofType `json:"proof_types_supported,omitempty"` // set by the issuer
	// ProofAlgorithms are those of the keys to which it can be bound; nil: ES256 and EdDSA.
	ProofAlgorithms []string    `json:"-"`
	Type            string      `json:"vct,omitempty"`                   // dc+sd-jwt
	DocType         string      `json:"doctype,omitempty"`               // mso_mdoc
	Definition      *Definition `json:"credential_definition,omitempty"` // jwt_vc_json, ldp_vc
	Metadata        *Metadata   `json:"credential_metadata,omitempty"`
}

// ProofType says which key proofs are taken.
type ProofType struct {
	Algorithms   []string         `json:"proof_signing_alg_values_supported"`
	Attestations *KeyAttestations `json:"key_attestations_required,omitempty"` // nil: none is
}

// Definition is the type of a W3C credential (appendix A.1).
type Definition struct {
	Context []string `json:"@context,omitempty"` // ldp_vc
	Type    []string `json:"type"`
}

// Metadata is how a credential is shown.
type Metadata struct {
	Display []Display `json:"display,omitempty"`
	Claims  []Claim   `json:"claims,omitempty"`
}

// Display is how an issuer, a credential or a claim is shown in one language.
type Display struct {
	Name            string `json:"name"`
	Locale          string `json:"locale,omitempty"` // BCP 47
	Description     string `json:"description,omitempty"`
	Logo            *Image `json:"logo,omitempty"`
	BackgroundColor string `json:"background_color,omitempty"` // CSS
	BackgroundImage *Image `json:"background_image,omitempty"`
	TextColor       string `json:"text_color,omitempty"` // CSS
}

// Image is a picture and the words that stand for it.
type Image struct {
	URI     string `json:"uri"` // https: or data:
	AltText string `json:"alt_text,omitempty"`
}

// Claim is one claim of a credential (appendix B).
type Claim struct {
	Path      []any     `json:"path"` // names; numbers and nil for elements (appendix C)
	Mandatory bool      `json:"mandatory,omitempty"`
	Display   []Display `json:"display,omitempty"`
}

// proofTypes are the key proofs that are taken, where a key is asked for.
func (i *Issuer) proofTypes(c *Configuration) map[string]ProofType {
	one := ProofType{Algorithms: c.proofAlgorithms(), Attestations: i.opts.RequireKeyAttestation}
	kinds := map[string]ProofType{proofJWT: one}
	if i.opts.KeyAttester != nil {
		kinds[proofAttestation] = one
	}
	return kinds
}

func (c *Configuration) proofAlgorithms() []string {
	if c.ProofAlgorithms == nil {
		return algorithms()
	}
	return c.ProofAlgorithms
}

func algorithms() []string { return []string{verify.AlgES256, verify.AlgEdDSA} }

func (c Configuration) validate(id string) error {
	var known bool
	switch c.Format {
	case FormatSDJWT:
		known = c.Type != ""
	case FormatMdoc:
		known = c.DocType != ""
	case FormatJWT, FormatLDP:
		known = c.Definition != nil && len(c.Definition.Type) > 0
	}
	if id == "" || !known || len(c.ProofTypes) > 0 {
		return fmt.Errorf("the configuration %q is of no known format, lacks the format's type, or has proof types of its own", id)
	}
	for _, list := range c.displays() {
		if err := oneEach(list); err != nil {
			return fmt.Errorf("the configuration %q: %w", id, err)
		}
	}
	return nil
}

// oneEach refuses what is shown twice in one language (section 12.2.4).
func oneEach(list []Display) error {
	var locales []string
	for _, d := range list {
		if slices.Contains(locales, d.Locale) {
			return errors.New("something is shown twice in one language")
		}
		locales = append(locales, d.Locale)
	}
	return nil
}

func (c Configuration) displays() [][]Display {
	if c.Metadata == nil {
		return nil
	}
	lists := [][]Display{c.Metadata.Display}
	for _, claim := range c.Metadata.Claims {
		lists = append(lists, claim.Display)
	}
	return lists
}

// bound reports whether a credential is bound to its holder's key.
func (c Configuration) bound() bool { return len(c.BindingMethods) > 0 }

// IssuerMetadata is the document of section 12.2.4.
type IssuerMetadata struct {
	Issuer       string              `json:"credential_issuer"`
	Servers      []string            `json:"authorization_servers,omitempty"` // none: the issuer itself
	Credential   string              `json:"credential_endpoint"`
	Nonce        string              `json:"nonce_endpoint,omitempty"`
	Deferred     string              `json:"deferred_credential_endpoint,omitempty"`
	Notification string              `json:"notification_endpoint,omitempty"`
	Batch        *Batch              `json:"batch_credential_issuance,omitempty"`
	Requests     *RequestEncryption  `json:"credential_request_encryption,omitempty"`
	Responses    *ResponseEncryption `json:"credential_response_encryption,omitempty"`
	// Authorities is the address of the roots of the mdocs' certificates: a JSON object
	// with "iacas", a list of objects with a "certificate" each, base64 of DER. It is
	// not the standard's, but others look for it.
	Authorities    string                   `json:"mdoc_iacas_uri,omitempty"`
	Display        []Display                `json:"display,omitempty"`
	Configurations map[string]Configuration `json:"credential_configurations_supported"`
}

// Batch says how many credentials come at once: 2 or more.
type Batch struct {
	Size int `json:"batch_size"`
}

// ServerMetadata is the authorization server's document (RFC 8414, section 2; RFC
// 9126, section 5; RFC 9207, section 3; RFC 9449, section 5.1; section 12.3).
type ServerMetadata struct {
	Issuer                string   `json:"issuer"`
	Authorization         string   `json:"authorization_endpoint,omitempty"`
	Request               string   `json:"pushed_authorization_request_endpoint,omitempty"`
	RequireRequest        bool     `json:"require_pushed_authorization_requests,omitempty"`
	Token                 string   `json:"token_endpoint"`
	ResponseTypes         []string `json:"response_types_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported,omitempty"`
	ClientMethods         []string `json:"token_endpoint_auth_methods_supported"`
	AttestationAlgorithms []string `json:"client_attestation_signing_alg_values_supported,omitempty"`
	AttestationProofs     []string `json:"client_attestation_pop_signing_alg_values_supported,omitempty"`
	DPoPAlgorithms        []string `json:"dpop_signing_alg_values_supported,omitempty"`
	Scopes                []string `json:"scopes_supported,omitempty"`
	DetailTypes           []string `json:"authorization_details_types_supported,omitempty"`
	AnswersWithIssuer     bool     `json:"authorization_response_iss_parameter_supported,omitempty"`
	AnonymousCodes        bool     `json:"pre-authorized_grant_anonymous_access_supported,omitempty"`
}

// The grant types.
const (
	GrantPreAuthorized = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
	GrantCode          = "authorization_code"
	GrantRefresh       = "refresh_token"
)

// Metadata returns the issuer's document.
func (i *Issuer) Metadata() IssuerMetadata {
	m := IssuerMetadata{
		Issuer: i.opts.URL, Credential: i.opts.URL + PathCredential, Nonce: i.opts.URL + PathNonce, Deferred: i.opts.URL + PathDeferred,
		Display: i.opts.Display, Authorities: i.opts.Authorities, Configurations: map[string]Configuration{},
	}
	if i.opts.Notified != nil {
		m.Notification = i.opts.URL + PathNotification
	}
	key, err := json.Marshal(i.public)
	if err == nil { // it always is
		m.Requests = &RequestEncryption{KeySet{[]json.RawMessage{key}}, jwe.Encryptions(), i.opts.RequireEncryption}
		m.Responses = &ResponseEncryption{[]string{jwe.Algorithm}, jwe.Encryptions(), i.opts.RequireEncryption}
	}
	if i.opts.BatchSize > 1 {
		m.Batch = &Batch{i.opts.BatchSize}
	}
	for id, c := range i.opts.Configurations {
		if c.bound() {
			c.ProofTypes = i.proofTypes(&c)
		}
		m.Configurations[id] = c
	}
	return m
}

// Server returns the authorization server's document.
func (i *Issuer) Server() ServerMetadata {
	m := ServerMetadata{
		Issuer: i.opts.URL, Token: i.opts.URL + PathToken, ResponseTypes: []string{"code"},
		GrantTypes: []string{GrantPreAuthorized, GrantRefresh}, DPoPAlgorithms: algorithms(),
		DetailTypes: []string{detailType}, AnonymousCodes: !i.opts.RequireAttestation,
	}
	if i.opts.Approve != nil {
		m.Authorization, m.Request, m.RequireRequest = i.opts.URL+PathAuthorize, i.opts.URL+PathRequest, true
		m.GrantTypes = append(m.GrantTypes, GrantCode)
		m.ChallengeMethods, m.AnswersWithIssuer = []string{"S256"}, true
	}
	if !i.opts.RequireAttestation {
		m.ClientMethods = append(m.ClientMethods, "none")
	}
	if i.opts.WalletKey != nil {
		m.ClientMethods = append(m.ClientMethods, "attest_jwt_client_auth")
		m.AttestationAlgorithms, m.AttestationProofs = algorithms(), algorithms()
	}
	for _, id := range i.ids {
		if s := i.opts.Configurations[id].Scope; s != "" && !slices.Contains(m.Scopes, s) {
			m.Scopes = append(m.Scopes, s)
		}
	}
	return m
}
