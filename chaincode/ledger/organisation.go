package ledger

import (
	"crypto/ed25519"
	"time"
)

// The kinds of organisation.
const (
	KindHospital     = "hospital"
	KindManufacturer = "manufacturer"
	KindAuthority    = "authority"
)

// Organisation is a member of the consortium, registered by itself. Its id is
// its MSP id on the channel.
type Organisation struct {
	V        int       `json:"v"`
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Kind     string    `json:"kind"`     // KindHospital, KindManufacturer or KindAuthority
	Endpoint string    `json:"endpoint"` // base address of its node, for the other members' nodes
	TokenKey string    `json:"tokenKey"` // Ed25519 public key (32 bytes, hex) that signs its node's tokens
	Since    time.Time `json:"since"`    // time of its first registration, vouched for by the endorsers
	Revision int       `json:"revision"` // 1 on first registration, one more with each change
}

// Key returns the record's key.
func (o *Organisation) Key() Key { return OrganisationKey(o.ID) }

// OrganisationKey returns the key of an organisation's row.
func OrganisationKey(id string) Key { return Key{TypeOrganisation, []string{id}} }

// RegisterOrganisation registers the caller's organisation, or changes its row.
type RegisterOrganisation struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Endpoint string `json:"endpoint"`
	TokenKey string `json:"tokenKey"`
	Revision int    `json:"revision"` // the revision that this makes: 1 for the first; a lost race is a conflict, never silent

	// Network is the consortium's name as the organisation knows it: the first that
	// states one names it, and a registration that states another is refused.
	Network string `json:"network,omitempty" metadata:",optional"`
}

// Validate returns a Problem that lists every fault.
func (r *RegisterOrganisation) Validate() error {
	var c check
	c.text("name", r.Name)
	c.oneOf("kind", r.Kind, KindHospital, KindManufacturer, KindAuthority)
	c.httpURL("endpoint", r.Endpoint)
	c.publicKey("tokenKey", r.TokenKey)
	if r.Revision < 1 {
		c.fail("revision", "must be at least 1")
	}
	if r.Network != "" && !IsNetworkName(r.Network) {
		c.fail("network", "must be 1 to %d lower-case letters, digits and hyphens, with a letter first", MaxNetworkName)
	}
	return c.problem("the organisation")
}

// PublicTokenKey decodes the token key; it is nil for a row without a usable one.
func (o *Organisation) PublicTokenKey() ed25519.PublicKey { return parseEd25519(o.TokenKey) }

// GetOrganisation asks for one organisation.
type GetOrganisation struct {
	ID string `json:"id"`
}

// OrganisationPage is one page of organisations, by id.
type OrganisationPage struct {
	Items []Organisation `json:"items"`
	Next  string         `json:"next"` // bookmark of the next page; empty at the end
}
