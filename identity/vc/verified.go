package vc

import (
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// The formats, by the names that OpenID for Verifiable Credentials has for them.
const (
	FormatJWT       = "jwt_vc_json" // data model 1.1 in a JWT
	FormatLinked    = "ldp_vc"      // a proof in the document: data models 1.1 and 2.0
	FormatDisclosed = "ldp_vc+bbs"  // a part of a BBS+ credential; not a registered name
)

// Verified is what a credential says whose proof and form have been checked. Who
// uses it decides on trust, status and schema.
type Verified struct {
	Format   string
	Model    string // ContextV1 or ContextV2
	ID       string // URI; empty when absent
	Issuer   string
	Types    []string // with "VerifiableCredential"
	Contexts []string
	Holder   string         // id of the subject; empty: whoever has the credential
	Subject  map[string]any // its claims, without "id"; numbers are json.Number
	Key      *ledger.JWK    // to which the credential is bound ("cnf", RFC 7800); nil when it names none
	Begins   time.Time      // zero when not stated
	Expires  time.Time      // zero when not stated
	Status   []map[string]any
	Token    *verify.StatusRef // of a JWT: its place in a Token Status List; nil: none
	Schemas  []Schema
	Proof    Proof
}

// Schema refers to what a credential's claims follow.
type Schema struct {
	ID   string
	Type string
}

// Proof is what was checked.
type Proof struct {
	Type    string    // "EdDSA", "eddsa-rdfc-2022", "Ed25519Signature2020" ...
	KeyID   string    // DID URL
	Created time.Time // zero when not stated; the signer's word
}

// modelDates are the names of a data model's dates.
type modelDates struct{ begins, expires string }

var dates = map[string]modelDates{
	ContextV1: {"issuanceDate", "expirationDate"},
	ContextV2: {"validFrom", "validUntil"},
}

// readModel reads what the data model says a credential has (VCDM 1.1, section 4;
// VCDM 2.0, section 4), and refuses it where its form is another.
func readModel(d document, model string) (*Verified, error) {
	v := &Verified{Model: model}
	var err error
	if v.Contexts, err = d.contexts(model); err != nil {
		return nil, err
	}
	if _, there := d["verifiableCredential"]; there {
		return nil, invalid("a credential shows no other credentials")
	}
	if v.Types, err = typesOf(d, "VerifiableCredential"); err != nil {
		return nil, err
	}
	if v.ID, err = d.identifier("id"); err != nil {
		return nil, err
	}
	if v.Issuer, err = d.issuer(); err != nil {
		return nil, err
	}
	if err = v.readSubject(d); err != nil {
		return nil, err
	}
	if v.Begins, err = d.date(dates[model].begins); err != nil {
		return nil, err
	}
	if v.Begins.IsZero() && model == ContextV1 {
		return nil, invalid("the credential does not say when it was issued")
	}
	if v.Expires, err = d.date(dates[model].expires); err != nil {
		return nil, err
	}
	return v, v.readReferences(d)
}

// typesOf returns the types, among which the data model's must be.
func typesOf(d document, required string) ([]string, error) {
	types, err := d.texts("type")
	if err != nil {
		return nil, err
	}
	for _, t := range types {
		if t == required {
			return types, nil
		}
	}
	return nil, invalid("the document is no %s", required)
}

// issuer returns the issuer's id.
func (d document) issuer() (string, error) { return d.party("issuer") }

// party returns the id of an issuer or holder: the member is it, or an object that
// has it.
func (d document) party(name string) (string, error) {
	if o, isObject := d[name].(map[string]any); isObject {
		return document(o).required("id")
	}
	return d.required(name)
}

func (v *Verified) readSubject(d document) error {
	subjects, err := d.objects("credentialSubject")
	if err != nil {
		return err
	}
	if len(subjects) != 1 {
		return invalid("the credential must have one subject")
	}
	subject := document(subjects[0])
	if v.Holder, err = subject.identifier("id"); err != nil {
		return err
	}
	v.Subject = subject.without("id")
	return nil
}

func (v *Verified) readReferences(d document) error {
	status, err := d.objects("credentialStatus")
	if err != nil {
		return err
	}
	for _, s := range status {
		if _, err := document(s).required("type"); err != nil {
			return err
		}
	}
	v.Status = status
	schemas, err := d.objects("credentialSchema")
	if err != nil {
		return err
	}
	for _, s := range schemas {
		var schema Schema
		if schema.ID, err = document(s).required("id"); err != nil {
			return err
		}
		if schema.Type, err = document(s).required("type"); err != nil {
			return err
		}
		v.Schemas = append(v.Schemas, schema)
	}
	return nil
}

// required returns a member that must be a text.
func (d document) required(name string) (string, error) {
	s, err := d.text(name)
	if err == nil && s == "" {
		err = invalid("%q is missing", name)
	}
	return s, err
}

// identifier returns a member that must be a URI when it is there.
func (d document) identifier(name string) (string, error) {
	s, err := d.text(name)
	if err == nil && s != "" && !isIRI(s) {
		err = invalid("%q must be a URI", name)
	}
	return s, err
}

// date returns a member that must be a time with a zone when it is there (XML
// Schema's dateTimeStamp).
func (d document) date(name string) (time.Time, error) {
	s, err := d.text(name)
	if err != nil || s == "" {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || strings.ContainsAny(s, "tz,") {
		return time.Time{}, invalid("%q must be a time as in RFC 3339", name)
	}
	return t.UTC(), nil
}

// current checks the credential's window.
func (v *Verified) current(at time.Time, skew time.Duration) error {
	if v.Begins.After(at.Add(skew)) {
		return verify.InPart(verify.PartTime, invalid("the credential is not valid yet"))
	}
	if !v.Expires.IsZero() && !at.Before(v.Expires) {
		return verify.InPart(verify.PartTime, invalid("the credential has expired"))
	}
	return nil
}
