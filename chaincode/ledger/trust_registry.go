package ledger

import (
	"strings"
	"time"
)

// The states of a row of the trust registry.
const (
	TrustAccepted = "accepted"
	TrustStruck   = "struck"
)

// TrustRow says whether the members take an issuer's credentials of one type. It
// changes by enacted proposals only.
type TrustRow struct {
	V              int       `json:"v"`
	Issuer         string    `json:"issuer"` // DID
	CredentialType string    `json:"credentialType"`
	State          string    `json:"state"`    // TrustAccepted or TrustStruck
	Schema         string    `json:"schema"`   // version of the type's schema that it was accepted with
	Since          time.Time `json:"since"`    // when the state was enacted
	Proposal       string    `json:"proposal"` // that made it so
	Revision       int       `json:"revision"` // 1 for the first acceptance, one more with each enactment
}

// Key returns the record's key.
func (r *TrustRow) Key() Key { return TrustKey(r.Issuer, r.CredentialType) }

// TrustKey returns the key of an issuer's row for a credential type.
func TrustKey(issuer, credentialType string) Key {
	return Key{TypeTrust, []string{issuer, credentialType}}
}

// GetTrust asks for one row of the trust registry.
type GetTrust struct {
	Issuer         string `json:"issuer"`
	CredentialType string `json:"credentialType"`
}

// ListTrust asks for the rows of one issuer, or of all.
type ListTrust struct {
	Issuer string      `json:"issuer,omitempty" metadata:",optional"` // DID; empty: of all
	Page   PageRequest `json:"page"`
}

// TrustPage is one page of the trust registry, by issuer and credential type.
type TrustPage struct {
	Items []TrustRow `json:"items"`
	Next  string     `json:"next"`
}

// credentialType wants a name that can stand in a `vct` claim or a `type`: 1 to
// 128 characters of letters, digits and "-._:/".
func (c *check) credentialType(field, s string) { c.token(field, s, 128) }

// issuer wants the DID of an organisation or of one of its issuers.
func (c *check) issuer(field, s string) {
	if id, ok := ParseDID(s); !ok || id.Kind == DIDDevice {
		c.fail(field, "must be the DID of an organisation or of one of its issuers")
	}
}

// Schema is one version of the JSON Schema that credentials of a type follow.
// The document stands elsewhere; whoever has it can tell that it is this one.
type Schema struct {
	V              int       `json:"v"`
	CredentialType string    `json:"credentialType"`
	Version        string    `json:"version"`
	Digest         string    `json:"digest"` // SHA-256 of the document's bytes, hex
	Author         string    `json:"author"` // MSP id
	Published      time.Time `json:"published"`
}

// Key returns the record's key.
func (s *Schema) Key() Key { return SchemaKey(s.CredentialType, s.Version) }

// SchemaKey returns the key of one version of a schema.
func SchemaKey(credentialType, version string) Key {
	return Key{TypeSchema, []string{credentialType, version}}
}

// PublishSchema publishes a version of a schema, once.
type PublishSchema struct {
	CredentialType string `json:"credentialType"`
	Version        string `json:"version"`
	Digest         string `json:"digest"`
}

// Validate returns a Problem that lists every fault.
func (r *PublishSchema) Validate() error {
	var c check
	c.credentialType("credentialType", r.CredentialType)
	c.version("version", r.Version)
	c.digest("digest", r.Digest)
	return c.problem("the schema")
}

// GetSchema asks for one version of a schema.
type GetSchema struct {
	CredentialType string `json:"credentialType"`
	Version        string `json:"version"`
}

// ListSchemas asks for the schemas of one credential type, or of all.
type ListSchemas struct {
	CredentialType string      `json:"credentialType,omitempty" metadata:",optional"` // empty: of all
	Page           PageRequest `json:"page"`
}

// SchemaPage is one page of schemas, by credential type and version.
type SchemaPage struct {
	Items []Schema `json:"items"`
	Next  string   `json:"next"`
}

// StatusList commits an issuer to the current version of one of its status
// lists: a list of a lower version is stale, and one of this version with another
// digest is not the issuer's.
type StatusList struct {
	V          int       `json:"v"`
	Issuer     string    `json:"issuer"`  // DID
	List       string    `json:"list"`    // the issuer's name for it
	Version    int       `json:"version"` // 1 for the first, one more with each; it is the row's revision
	Digest     string    `json:"digest"`  // SHA-256 of the signed list's bytes, hex
	ValidUntil time.Time `json:"validUntil"`
	Time       time.Time `json:"time"`
}

// Key returns the record's key.
func (s *StatusList) Key() Key { return StatusListKey(s.Issuer, s.List) }

// StatusListKey returns the key of an issuer's status list.
func StatusListKey(issuer, list string) Key { return Key{TypeStatusList, []string{issuer, list}} }

// MaxStatusLife is the longest time for which a status list may be valid: one
// that lasts longer could hide a revocation for as long.
const MaxStatusLife = 31 * 24 * time.Hour

// CommitStatusList commits the issuer, which the caller's organisation controls,
// to the next version of a status list.
type CommitStatusList struct {
	Issuer     string    `json:"issuer"`
	List       string    `json:"list"`
	Version    int       `json:"version"` // the version that this makes; a lost race is a conflict, never silent
	Digest     string    `json:"digest"`
	ValidUntil time.Time `json:"validUntil"` // at most MaxStatusLife ahead
}

// Validate returns a Problem that lists every fault.
func (r *CommitStatusList) Validate() error {
	var c check
	c.issuer("issuer", r.Issuer)
	if c.token("list", r.List, 64); strings.Contains(r.List, "..") {
		c.fail("list", "must not hold two dots in a row")
	}
	c.revision("version", r.Version)
	c.digest("digest", r.Digest)
	c.instant("validUntil", r.ValidUntil)
	return c.problem("the status list")
}

// instant wants a time in whole milliseconds of UTC, as all stored times are.
func (c *check) instant(field string, t time.Time) {
	if _, offset := t.Zone(); t.IsZero() || offset != 0 || !t.Equal(t.Truncate(time.Millisecond)) {
		c.fail(field, "must be a time of UTC in whole milliseconds")
	}
}

// GetStatusList asks for one status list.
type GetStatusList struct {
	Issuer string `json:"issuer"`
	List   string `json:"list"`
}

// ListStatusLists asks for the status lists of one issuer, or of all.
type ListStatusLists struct {
	Issuer string      `json:"issuer,omitempty" metadata:",optional"` // DID; empty: of all
	Page   PageRequest `json:"page"`
}

// StatusListPage is one page of status lists, by issuer and name.
type StatusListPage struct {
	Items []StatusList `json:"items"`
	Next  string       `json:"next"`
}
