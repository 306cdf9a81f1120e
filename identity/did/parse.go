package did

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// MaxDocument bounds a document from outside, in bytes.
const MaxDocument = 64 << 10

// maxList bounds each list of a document.
const maxList = 64

// ParseDocument reads a document from outside. It is strict about what decides
// over keys: one reading of the JSON, ids once each, references that lead
// somewhere. Members that it does not know are left out, so are contexts that are
// not texts, services whose type is not one text, and keys in forms that are
// unusable here. Problems: too_large, invalid.
func ParseDocument(b []byte) (*Document, error) {
	if len(b) > MaxDocument {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a DID document has at most %d bytes", MaxDocument)
	}
	if !verify.OneMeaning(b) {
		return nil, malformed("it is not a JSON object of one meaning")
	}
	top := object{}
	if err := json.Unmarshal(b, &top); err != nil {
		return nil, malformed("it is not a JSON object")
	}
	var d Document
	if err := top.text("id", &d.ID); err != nil {
		return nil, err
	}
	if u, err := ParseURL(d.ID); err != nil || u.DID != d.ID {
		return nil, malformed("its id is not a DID")
	}
	d.Context = top.texts("@context")
	d.AlsoKnownAs = top.texts("alsoKnownAs")
	d.Controller = top.texts("controller")
	if err := d.methods(top); err != nil {
		return nil, err
	}
	if err := d.services(top); err != nil {
		return nil, err
	}
	return &d, nil
}

func malformed(why string) error {
	return ledger.Problemf(ledger.CodeInvalid, "the DID document is unusable: %s", why)
}

// object is a JSON object whose members are found by their exact names, which
// encoding/json's structs would not do.
type object map[string]json.RawMessage

// text reads a member that must be a text.
func (o object) text(name string, to *string) error {
	if err := json.Unmarshal(o[name], to); err != nil || *to == "" {
		return malformed("a member that must be a text is not")
	}
	return nil
}

// texts reads a text or the texts of a list.
func (o object) texts(name string) []string {
	var one string
	if json.Unmarshal(o[name], &one) == nil {
		return []string{one}
	}
	var list []json.RawMessage
	if json.Unmarshal(o[name], &list) != nil {
		return nil
	}
	var out []string
	for _, m := range list[:min(len(list), maxList)] {
		if json.Unmarshal(m, &one) == nil {
			out = append(out, one)
		}
	}
	return out
}

// list reads a member that must be a list when it is there.
func (o object) list(name string) ([]json.RawMessage, error) {
	raw, there := o[name]
	if !there {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil || len(list) > maxList {
		return nil, malformed("a member that must be a list is none, or too long")
	}
	return list, nil
}

// absolute completes a DID URL that is relative to the document.
func (d *Document) absolute(id string) string {
	if strings.HasPrefix(id, "#") {
		return d.ID + id
	}
	return id
}

// methods reads the keys and the relationships. A key that stands inside a
// relationship moves to the others; only that relationship names it.
func (d *Document) methods(top object) error {
	list, err := top.list("verificationMethod")
	if err != nil {
		return err
	}
	for _, raw := range list {
		if _, err := d.method(raw); err != nil {
			return err
		}
	}
	for _, relationship := range relationships {
		list, err := top.list(relationship)
		if err != nil {
			return err
		}
		named := d.named(relationship)
		for _, raw := range list {
			var id string
			if json.Unmarshal(raw, &id) != nil {
				if id, err = d.method(raw); err != nil {
					return err
				}
			}
			if id = d.absolute(id); slices.Contains(*named, id) {
				return malformed("a relationship names a key twice")
			}
			*named = append(*named, id)
		}
	}
	return nil
}

// method reads one key, and returns its id.
func (d *Document) method(raw json.RawMessage) (string, error) {
	o := object{}
	if json.Unmarshal(raw, &o) != nil {
		return "", malformed("a verification method is not an object")
	}
	var m VerificationMethod
	for name, to := range map[string]*string{"id": &m.ID, "type": &m.Type, "controller": &m.Controller} {
		if err := o.text(name, to); err != nil {
			return "", err
		}
	}
	m.ID = d.absolute(m.ID)
	if u, err := ParseURL(m.ID); err != nil || u.Fragment == "" {
		return "", malformed("the id of a verification method is not a DID URL with a fragment")
	}
	for i := range d.VerificationMethod {
		if d.VerificationMethod[i].ID == m.ID {
			return "", malformed("two verification methods have one id")
		}
	}
	m.PublicKeyJWK = o["publicKeyJwk"]
	if multibase, there := o["publicKeyMultibase"]; there {
		if m.PublicKeyJWK != nil || json.Unmarshal(multibase, &m.PublicKeyMultibase) != nil {
			return "", malformed("a verification method has no key, or two")
		}
	}
	if m.Type == typeBBS {
		m.PublicKeyBase58 = base58Of(o)
	}
	d.VerificationMethod = append(d.VerificationMethod, m)
	return m.ID, nil
}

func (d *Document) services(top object) error {
	list, err := top.list("service")
	if err != nil {
		return err
	}
	for _, raw := range list {
		o := object{}
		if json.Unmarshal(raw, &o) != nil {
			return malformed("a service is not an object")
		}
		var s Service
		if err := o.text("id", &s.ID); err != nil {
			return err
		}
		if o.text("type", &s.Type) != nil || o["serviceEndpoint"] == nil {
			continue
		}
		s.ID, s.ServiceEndpoint = d.absolute(s.ID), o["serviceEndpoint"]
		d.Service = append(d.Service, s)
	}
	return nil
}

// JWK decodes the key, which is of Ed25519 or P-256. How it is written down
// depends on its type alone.
func (m *VerificationMethod) JWK() (ledger.JWK, error) {
	switch {
	case (m.Type == typeJWK || m.Type == typeJWK2020) && m.PublicKeyJWK != nil:
		key, err := verify.ParseJWK(m.PublicKeyJWK)
		if err != nil {
			return ledger.JWK{}, err
		}
		if usage(m.PublicKeyJWK) == useEncryption {
			return ledger.JWK{}, ledger.Problemf(ledger.CodeInvalid, "the public key is not one for signatures")
		}
		return key.JWK(), nil
	case m.Type == typeMultikey || m.Type == typeEd2020:
		key, err := parseMultikey(m.PublicKeyMultibase)
		if err == nil && m.Type == typeEd2020 && key.Crv != ledger.CurveEd25519 {
			err = errMultikey
		}
		return key, err
	}
	return ledger.JWK{}, ledger.Problemf(ledger.CodeInvalid, "the public key is in a form that is not known: %s, %s or %s", typeJWK, typeMultikey, typeEd2020)
}
