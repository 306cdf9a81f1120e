package oid4vp

import (
	"encoding/json"

	"github.com/secant-platform/secant/chaincode/verify"
)

// The values of the protocol that both sides use.
const (
	// RequestType is the media type of a request object, and with
	// "application/" before it that of the answer to a request_uri (section 5.10).
	RequestType = "oauth-authz-req+jwt"
	// Audience is the audience of a request object (section 5.8): any wallet.
	Audience = "https://self-issued.me/v2"

	responseType = "vp_token"
	modePlain    = "direct_post"
	modeJWT      = "direct_post.jwt"
)

// parameters are those of an authorization request (section 5), with the claims
// of the token in which they travel.
type parameters struct {
	Issuer       string          `json:"iss,omitempty"`
	Audience     string          `json:"aud,omitempty"`
	Issued       float64         `json:"iat,omitempty"`
	Expires      float64         `json:"exp,omitempty"`
	ClientID     string          `json:"client_id"`
	ResponseType string          `json:"response_type"`
	ResponseMode string          `json:"response_mode"`
	ResponseURI  string          `json:"response_uri"`
	RedirectURI  string          `json:"redirect_uri,omitempty"`
	Nonce        string          `json:"nonce"`
	WalletNonce  string          `json:"wallet_nonce,omitempty"`
	State        string          `json:"state,omitempty"`
	Scope        string          `json:"scope,omitempty"`
	Query        json.RawMessage `json:"dcql_query,omitempty"`
	Definition   json.RawMessage `json:"presentation_definition,omitempty"` // in drafts, in place of the query
	Metadata     *metadata       `json:"client_metadata,omitempty"`
	Transaction  json.RawMessage `json:"transaction_data,omitempty"`
	Statement    json.RawMessage `json:"secant_statement,omitempty"` // our own: wallets that do not know it skip it
}

// metadata is what a verifier says of itself (section 5.1).
type metadata struct {
	Name    string         `json:"client_name,omitempty"`
	Keys    *keySet        `json:"jwks,omitempty"`
	Enc     []string       `json:"encrypted_response_enc_values_supported,omitempty"`
	Formats map[Format]any `json:"vp_formats_supported,omitempty"`

	// In drafts: the same, and JARM's way to say how an answer is encrypted.
	Older    map[string]any `json:"vp_formats,omitempty"`
	OlderAlg string         `json:"authorization_encrypted_response_alg,omitempty"`
	OlderEnc string         `json:"authorization_encrypted_response_enc,omitempty"`
}

type keySet struct {
	Keys []json.RawMessage `json:"keys"`
}

// formats are the algorithms that we take, in the words of each format (appendix
// B). Those of an mdoc are COSE's numbers: ES256 and EdDSA, under their old and
// their fully specified ones (RFC 9864).
var formats = map[Format]any{
	FormatSDJWT: map[string]any{"sd-jwt_alg_values": algorithms, "kb-jwt_alg_values": algorithms},
	FormatJWT:   map[string]any{"alg_values": algorithms},
	FormatLDP: map[string]any{
		"proof_type_values":  boundProofs,
		"cryptosuite_values": []string{"eddsa-rdfc-2022", "ecdsa-rdfc-2019"},
	},
	FormatMDoc: map[string]any{"issuerauth_alg_values": []int{-7, -9, -8, -19}, "deviceauth_alg_values": []int{-7, -9, -8, -19}},
}

// The proofs of the format ldp_vc: of presentations, and of parts that name no holder.
var (
	boundProofs     = []string{"DataIntegrityProof", "Ed25519Signature2020"}
	anonymousProofs = []string{"BbsBlsSignatureProof2020"}
)

var algorithms = []string{verify.AlgES256, verify.AlgEdDSA}

// formatsOf returns what is said of the formats that a query asks for.
func formatsOf(q *Query) map[Format]any {
	out := map[Format]any{}
	for _, c := range q.Credentials {
		out[c.Format] = formats[c.Format]
		if c.Format == FormatLDP && !c.Bound() {
			out[c.Format] = map[string]any{"proof_type_values": anonymousProofs}
		}
	}
	return out
}
