package fhir

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/secant-platform/secant/analytics/fhir"
)

// What a sender wrote as a reference may say of whom a resource is
// (Patient?identifier=...), and stands with the resource in the vault. The store is only
// told how to recognise it.

// linkLabel keeps links apart from what resources are found by.
const linkLabel = "$link"

func (a *API) blindLink(from string) string { return hex.EncodeToString(a.Blind(linkLabel, from)) }

// sealed are links as they are stored.
func (a *API) sealed(links []fhir.Link) []fhir.Link {
	kept := slices.Clone(links)
	for i := range kept {
		kept[i].From = a.blindLink(kept[i].From)
	}
	return kept
}

// served writes a version as it is served, with its links as they are stored.
func (a *API) served(r *fhir.Resource, v *fhir.Version) ([]byte, error) {
	if len(v.Links) == 0 {
		return r.Served(v.Meta(), nil)
	}
	to := map[string]string{}
	for _, l := range v.Links {
		to[l.From] = l.To
	}
	links := slices.Clone(v.Links) // those that were stored as they are
	for _, ref := range r.References() {
		ref, _, _ = strings.Cut(ref, "#")
		if became, is := to[a.blindLink(ref)]; is {
			links = append(links, fhir.Link{From: ref, To: became})
		}
	}
	return r.Served(v.Meta(), links)
}
