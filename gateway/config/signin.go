package config

import (
	"encoding/json"
	"fmt"
	"net/url"
)

// SignIn says how people and programs sign in, beside operators' tokens. By wallet
// they can at every node with a public address.
type SignIn struct {
	// Return is the page to which a browser comes back from a wallet on the same
	// device, and from the provider, where it is to be registered as the redirect
	// URI. It gets what it has to hand in at /v1/sign-in/token in its query. Whoever
	// speaks for the organisation, an operator, registrar or certifier, signs in on one
	// device only. Default: none; without a page only wallets that hand in for
	// themselves what they get, as secant wallet does, sign in so.
	Return string `json:"return,omitempty"`

	// Provider is the organisation's own OpenID Connect provider. Default: none.
	Provider *Provider `json:"provider,omitempty"`

	// Services are programs that sign in with keys of their own at /oauth/token
	// (OAuth's client credentials by private_key_jwt, as SMART Backend Services).
	// Default: none.
	Services []Service `json:"services,omitempty"`

	// Bearer allows sessions that are bound to no key, for trying things out by hand.
	// Development only. Default: false.
	Bearer bool `json:"bearer,omitempty"`
}

// Provider is an OpenID Connect provider that knows the organisation's staff.
type Provider struct {
	// Issuer is its https address, as it names itself. Its certificate must chain to
	// the system's roots or to Exchange.Roots.
	Issuer string `json:"issuer"`

	// ClientID is the node's name there.
	ClientID string `json:"clientId"`

	// Secret is a file with the node's client secret, below Data unless absolute.
	// Default: none, the node is a public client with PKCE.
	Secret KeyFile `json:"secret,omitempty"`

	// Scopes are asked for beside "openid". Default: none.
	Scopes []string `json:"scopes,omitempty"`

	// Claim is the claim of the ID token that says what somebody is: a text, or a
	// list of texts as groups are.
	Claim string `json:"claim"`

	// Person is the claim of the ID token by which an offer of a credential names the
	// person who may take it; it must be one that nobody can change for themselves, and
	// that is never given to somebody else. Such offers send people to the provider, too:
	// https://HOST/oid4vci/signed-in, with HOST the node's public one, is to be registered
	// there as a second redirect URI; and the provider must say in the ID token when
	// somebody signed in (auth_time), since it is to be now. Default: "sub".
	Person string `json:"person,omitempty"`

	// Roles say which role a value of the claim gives; the first that fits counts,
	// and without one nobody signs in.
	Roles []ProviderRole `json:"roles"`
}

// ProviderRole gives a role to a value of a provider's claim.
type ProviderRole struct {
	Value string `json:"value"`
	Role  string `json:"role"` // any but patient and node
}

// Service is a program that signs in with a key of its own.
type Service struct {
	ID string `json:"id"` // client_id

	// KeyFile is a file with its public keys as a JSON Web Key Set, and Keys the same
	// in place: one of the two. Each key has a kid, and is of P-256, P-384, RSA from
	// 2048 bits on (RS384) or Ed25519.
	KeyFile string          `json:"keyFile,omitempty"`
	Keys    json.RawMessage `json:"keys,omitempty"`

	// Roles are those that it may have, one at a time: the scope of its request names
	// it.
	Roles []string `json:"roles"`
}

// signInFaults lists what is wrong with how people and programs sign in.
func (c *Config) signInFaults() []string {
	var faults []string
	s := &c.SignIn
	if s.Return != "" && !secureAddress(s.Return, c.Development) {
		faults = append(faults, "signIn.return must be an https address without a fragment")
	}
	if s.Bearer && !c.Development {
		faults = append(faults, "signIn.bearer is for development only")
	}
	if p := s.Provider; p != nil {
		if s.Return == "" {
			faults = append(faults, "signIn.provider needs signIn.return")
		}
		if !secureAddress(p.Issuer, c.Development) || p.ClientID == "" || p.Claim == "" || len(p.Roles) == 0 {
			faults = append(faults, "signIn.provider needs issuer, which is an https address, clientId, claim and roles")
		}
	}
	ids := map[string]bool{}
	for i, service := range s.Services {
		if service.ID == "" || ids[service.ID] || len(service.Roles) == 0 || (service.KeyFile == "") == (len(service.Keys) == 0) {
			faults = append(faults, fmt.Sprintf("signIn.services[%d] needs an id of its own, roles, and one of keyFile and keys", i))
		}
		ids[service.ID] = true
	}
	return faults
}

// secureAddress reports whether people may be sent to an address. In development
// http on loopback is secure enough, as browsers have it.
func secureAddress(s string, development bool) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	return u.Scheme == "https" || development && u.Scheme == "http" && loopback(u.Hostname())
}
