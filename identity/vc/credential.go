package vc

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hyperledger/aries-framework-go/pkg/doc/verifiable"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Credential is what an issuer says of a subject.
type Credential struct {
	ID       string           // URI; empty: none
	Contexts []string         // that define its types and claims, beside the data model's
	Types    []string         // beside "VerifiableCredential"
	Issuer   string           // DID
	KeyID    string           // of the issuer's key: its DID URL
	Holder   string           // DID of the subject; empty: nobody in particular
	Key      *ledger.JWK      // the holder's, for JWTs: "cnf" (RFC 7800); nil: by the holder's DID alone
	Issued   time.Time        // when the proof is made
	Begins   time.Time        // zero: when issued
	Expires  time.Time        // zero: never
	Status   []map[string]any // "credentialStatus"
	// Token is a place in a Token Status List, for JWTs: "status" beside the model
	// (draft-ietf-oauth-status-list, section 6.2); nil: none.
	Token   *verify.StatusRef
	Schemas []Schema       // "credentialSchema"
	Subject map[string]any // claims
	More    map[string]any // further members that the contexts define, as "name" or "evidence"
}

// reserved are the members that a credential's own fields set.
var reserved = []string{
	"@context", "id", "type", "issuer", "credentialSubject", "credentialStatus", "credentialSchema", "proof",
	"issuanceDate", "expirationDate", "validFrom", "validUntil",
}

// document is the credential in a data model, without proof; proofContext is the
// context that defines the proof, if not the data model's.
func (c *Credential) document(model, proofContext string) (document, error) {
	switch {
	case c.Issuer == "" || c.KeyID == "" || c.Issued.IsZero():
		return nil, errors.New("issuing a credential: it needs an issuer, a key's id and a time")
	case !controls(c.Issuer, c.KeyID):
		return nil, errors.New("issuing a credential: the key is not the issuer's")
	case !c.Expires.IsZero() && !c.Expires.After(c.begins()):
		return nil, errors.New("issuing a credential: it ends before it begins")
	}
	contexts := append([]any{model}, texts(c.Contexts)...)
	if proofContext != "" {
		contexts = append(contexts, proofContext)
	}
	subject := maps.Clone(c.Subject)
	if subject == nil {
		subject = map[string]any{}
	}
	if _, there := subject["id"]; there {
		return nil, errors.New("issuing a credential: the subject's id is its holder")
	}
	if c.Holder != "" {
		subject["id"] = c.Holder
	}
	out := map[string]any{}
	for name, member := range c.More {
		if slices.Contains(reserved, name) {
			return nil, fmt.Errorf("issuing a credential: %q is not among the further members", name)
		}
		out[name] = member
	}
	out["@context"], out["type"] = contexts, append([]any{"VerifiableCredential"}, texts(c.Types)...)
	out["issuer"], out["credentialSubject"] = c.Issuer, subject
	out[dates[model].begins] = stamp(c.begins())
	if !c.Expires.IsZero() {
		out[dates[model].expires] = stamp(c.Expires)
	}
	if c.ID != "" {
		out["id"] = c.ID
	}
	if len(c.Status) > 0 {
		out["credentialStatus"] = one(c.Status)
	}
	if len(c.Schemas) > 0 {
		var schemas []map[string]any
		for _, s := range c.Schemas {
			schemas = append(schemas, map[string]any{"id": s.ID, "type": s.Type})
		}
		out["credentialSchema"] = one(schemas)
	}
	return reread(out, model)
}

// reread is the document as a verifier reads it: what nobody would accept is not
// issued.
func reread(out map[string]any, model string) (document, error) {
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encoding a credential: %w", err)
	}
	d, err := parseDocument(b)
	if err != nil {
		return nil, fmt.Errorf("issuing a credential: %w", err)
	}
	if _, err := readModel(d, model); err != nil {
		return nil, fmt.Errorf("issuing a credential: %w", err)
	}
	return d, nil
}

func (c *Credential) begins() time.Time {
	if c.Begins.IsZero() {
		return c.Issued
	}
	return c.Begins
}

func one(list []map[string]any) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}

func texts(list []string) []any {
	var out []any
	for _, s := range list {
		out = append(out, s)
	}
	return out
}

// stamp writes a time in whole seconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// aries hands a document to aries' model.
func (d document) aries(contexts *Contexts) (*verifiable.Credential, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encoding a credential: %w", err)
	}
	c, err := verifiable.ParseCredential(b, verifiable.WithDisabledProofCheck(), verifiable.WithCredDisableValidation(),
		verifiable.WithJSONLDDocumentLoader(contexts))
	if err != nil {
		return nil, fmt.Errorf("modelling a credential: %w", err)
	}
	return c, nil
}
