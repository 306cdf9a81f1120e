package fhir

import (
	"context"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const typePatient = "Patient"

// subject names whom a draft is about: by an identifier, if the resource gives one or
// refers to a Patient here that has one, since HL7 v2 messages know the person by that
// as well; else by the address that it refers to. Empty: about nobody.
func (t *taking) subject(ctx context.Context, d *draft) (pseudonym.ID, error) {
	if d.write.Type == typePatient {
		return patient(d.resource, d.write.ID), nil
	}
	ref, ok := d.resource.SubjectRef()
	switch {
	case !ok:
		return "", nil
	case ref.Identifier.Value != "":
		return pseudonym.OfIdentifier(ref.Identifier.System, ref.Identifier.Value), nil
	}
	for _, l := range t.links {
		if l.From == ref.Reference {
			ref.Reference = l.To
		}
	}
	typ, id, local := fhir.Local(ref.Reference, t.bases)
	if !local || typ != typePatient {
		return pseudonym.OfAddress(ref.Reference), nil
	}
	if other, here := t.local[typ+"/"+id]; here {
		return patient(other.resource, id), nil
	}
	r, err := t.api.kept(ctx, typ, id)
	switch code := ledger.CodeOf(err); {
	case code == ledger.CodeNotFound || code == ledger.CodeGone:
		return pseudonym.OfAddress(typ + "/" + id), nil
	case err != nil:
		return "", err
	}
	return patient(r, id), nil
}

func patient(r *fhir.Resource, id string) pseudonym.ID {
	for _, name := range r.Identifiers() {
		return pseudonym.OfIdentifier(name.System, name.Value)
	}
	return pseudonym.OfAddress(typePatient + "/" + id)
}

// kept reads the current version of a resource.
func (a *API) kept(ctx context.Context, typ, id string) (*fhir.Resource, error) {
	v, err := a.Store.Resource(ctx, typ, id, 0)
	if err != nil {
		return nil, err
	}
	text, err := a.bytes(ctx, &v)
	if err != nil {
		return nil, err
	}
	return fhir.Reopen(text)
}
