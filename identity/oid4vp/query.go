package oid4vp

import (
	"encoding/json"
	"fmt"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Format is a credential format (appendix B).
type Format string

// The formats that are known.
const (
	FormatSDJWT Format = "dc+sd-jwt"   // SD-JWT VC
	FormatJWT   Format = "jwt_vc_json" // W3C credential as a JWT
	FormatLDP   Format = "ldp_vc"      // W3C credential with a linked-data proof
	FormatMDoc  Format = "mso_mdoc"    // ISO/IEC 18013-5
)

// MaxQuery bounds a query from outside, in bytes.
const MaxQuery = 16 << 10

// Bounds within a query, which keep what matching costs small.
const (
	maxCredentials = 16
	maxClaims      = 64
	maxSets        = 16
	maxValues      = 64
	maxSteps       = 8
	maxText        = 1 << 10 // bytes
	maxID          = 64      // bytes
)

// Query is what a verifier asks for (DCQL, section 6).
type Query struct {
	Credentials []CredentialQuery `json:"credentials"`
	Sets        []CredentialSet   `json:"credential_sets,omitempty"` // none: every credential is asked for
}

// CredentialQuery asks for one credential (section 6.1).
type CredentialQuery struct {
	ID          string      `json:"id"` // letters, digits, "_" and "-"
	Format      Format      `json:"format"`
	Multiple    bool        `json:"multiple,omitempty"` // whether more than one may answer
	Meta        Meta        `json:"meta"`
	Authorities []Authority `json:"trusted_authorities,omitempty"`
	Binding     *bool       `json:"require_cryptographic_holder_binding,omitempty"` // nil: true; see Bound
	Claims      []Claim     `json:"claims,omitempty"`                               // none: nothing that can be kept
	ClaimSets   [][]string  `json:"claim_sets,omitempty"`                           // ids of claims, the preferred set first
}

// Meta says which types are asked for, in the way of the format (appendix B).
type Meta struct {
	Types   []string   `json:"vct_values,omitempty"`    // dc+sd-jwt: any of these
	W3C     [][]string `json:"type_values,omitempty"`   // jwt_vc_json, ldp_vc: all of any of these
	DocType string     `json:"doctype_value,omitempty"` // mso_mdoc
}

// Authority is a set of issuers that are acceptable (section 6.1.1).
type Authority struct {
	Type   string   `json:"type"` // "aki", "etsi_tl", "openid_federation" or another
	Values []string `json:"values"`
}

// Claim asks for one claim (section 6.3).
type Claim struct {
	ID     string  `json:"id,omitempty"` // needed when there are claim sets
	Path   Path    `json:"path"`
	Values []Value `json:"values,omitempty"` // any of these; none: whatever it is
	Retain bool    `json:"intent_to_retain,omitempty"`
}

// UnmarshalJSON reads a claim, each member in its type.
func (c *Claim) UnmarshalJSON(b []byte) error {
	var in struct {
		ID     string `json:"id"`
		Path   Path   `json:"path"`
		Values values `json:"values"`
		Retain bool   `json:"intent_to_retain"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("reading a claim: %w", err)
	}
	*c = Claim{ID: in.ID, Path: in.Path, Values: in.Values, Retain: in.Retain}
	return nil
}

// CredentialSet asks for one of several combinations (section 6.2).
type CredentialSet struct {
	Options  [][]string `json:"options"`            // ids of credentials, the preferred option first
	Required *bool      `json:"required,omitempty"` // nil: true
}

// ParseQuery reads a query from outside. Members that are not known are skipped,
// as section 6 demands; a Problem says what is wrong with the others.
func ParseQuery(b []byte) (*Query, error) {
	q := new(Query)
	if err := read("the query", b, MaxQuery, q); err != nil {
		return nil, err
	}
	if err := q.Validate(); err != nil {
		return nil, err
	}
	return q, nil
}

// Bound reports whether the holder must prove possession of the credential's key.
func (c *CredentialQuery) Bound() bool { return c.Binding == nil || *c.Binding }

// required reports whether the set must be satisfied.
func (s *CredentialSet) required() bool { return s.Required == nil || *s.Required }

// Validate returns a Problem with every fault of the query.
func (q *Query) Validate() error {
	v := &faults{}
	v.need(len(q.Credentials) > 0 && len(q.Credentials) <= maxCredentials, "credentials", "must be 1 to %d", maxCredentials)
	v.need(len(q.Sets) <= maxSets, "credential_sets", "must be at most %d", maxSets)
	if len(v.list) > 0 {
		return v.problem()
	}
	ids := map[string]bool{}
	for i, c := range q.Credentials {
		field := fmt.Sprintf("credentials[%d].", i)
		v.need(isID(c.ID) && !ids[c.ID], field+"id", "must be letters, digits, _ and -, and no other credential's")
		ids[c.ID] = true
		v.credential(field, &c)
	}
	for i, s := range q.Sets {
		v.sets(fmt.Sprintf("credential_sets[%d].options", i), s.Options, ids)
	}
	return v.problem()
}

// credential checks one credential's query.
func (v *faults) credential(field string, c *CredentialQuery) {
	v.meta(field+"meta", c.Format, c.Meta)
	for i, a := range c.Authorities {
		v.need(a.Type != "" && len(a.Type) <= maxText && isList(a.Values), fmt.Sprintf("%strusted_authorities[%d]", field, i), "must have a type and values")
	}
	v.need(len(c.Authorities) <= maxSets, field+"trusted_authorities", "must be at most %d", maxSets)
	if len(c.Claims) > maxClaims {
		v.need(false, field+"claims", "must be at most %d", maxClaims)
		return
	}
	ids := map[string]bool{}
	for i, claim := range c.Claims {
		at := fmt.Sprintf("%sclaims[%d].", field, i)
		if claim.ID != "" || len(c.ClaimSets) > 0 {
			v.need(isID(claim.ID) && !ids[claim.ID], at+"id", "must be letters, digits, _ and -, and no other claim's")
			ids[claim.ID] = true
		}
		v.need(claim.Path.check(c.Format), at+"path", "must be 1 to %d names, indices and nulls; in an mdoc, a name space and an element", maxSteps)
		v.need(len(claim.Values) <= maxValues, at+"values", "must be at most %d", maxValues)
	}
	v.need(len(c.ClaimSets) <= maxSets, field+"claim_sets", "must be at most %d", maxSets)
	if len(c.ClaimSets) > 0 && len(c.ClaimSets) <= maxSets {
		v.sets(field+"claim_sets", c.ClaimSets, ids)
	}
}

func (v *faults) meta(field string, f Format, m Meta) {
	switch f {
	case FormatSDJWT:
		v.need(isList(m.Types), field+".vct_values", "must be 1 to %d types", maxValues)
	case FormatMDoc:
		v.need(m.DocType != "" && len(m.DocType) <= maxText, field+".doctype_value", "must be a document type")
	case FormatJWT, FormatLDP:
		ok := len(m.W3C) > 0 && len(m.W3C) <= maxSets
		for _, all := range m.W3C {
			ok = ok && isList(all)
		}
		v.need(ok, field+".type_values", "must be 1 to %d lists of types", maxSets)
	default:
		v.need(false, field, "belongs to a format that is not known")
	}
}

// sets checks lists of ids.
func (v *faults) sets(field string, sets [][]string, known map[string]bool) {
	ok := len(sets) > 0 && len(sets) <= maxSets
	for _, set := range sets {
		ok = ok && len(set) > 0 && len(set) <= maxClaims
		for _, id := range set {
			ok = ok && known[id]
		}
	}
	v.need(ok, field, "must be lists of ids that the query has")
}

func isID(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return s != "" && len(s) <= maxID
}

func isList(texts []string) bool {
	for _, s := range texts {
		if s == "" || len(s) > maxText {
			return false
		}
	}
	return len(texts) > 0 && len(texts) <= maxValues
}

// faults collects what is wrong.
type faults struct{ list []ledger.Fault }

func (v *faults) need(ok bool, field, format string, args ...any) {
	if !ok {
		v.list = append(v.list, ledger.Fault{Field: field, Detail: fmt.Sprintf(format, args...)})
	}
}

func (v *faults) problem() error {
	if len(v.list) == 0 {
		return nil
	}
	return &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the query is not valid", Faults: v.list}
}
