package app

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/taxonomy"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/store"
)

// enricher says what the node knows of what is named by an id: of ATT&CK, CAPEC and CWE
// from the vocabularies that it took in, of vulnerabilities from the catalogue of exploited
// ones, EPSS and advisories. It asks nobody else.
type enricher struct {
	store    *store.Store
	labeller *labeller

	mu    sync.Mutex // guards what follows, and is held for as long as it takes to read it
	basis string     // versions of the vocabularies that terms are of
	terms map[string]fact.KnownTerm
}

func newEnricher(s *store.Store, l *labeller) *enricher { return &enricher{store: s, labeller: l} }

// Known says what is known of names, for each of those that are asked for.
func (e *enricher) Known(ctx context.Context, names ...cti.Names) ([]rest.KnownContext, error) {
	terms, err := e.read(ctx)
	if err != nil {
		return nil, err
	}
	var cves []string
	for i := range names {
		cves = append(cves, names[i].CVEs...)
	}
	slices.Sort(cves)
	cves = slices.Compact(cves)
	exploitation, err := e.store.Exploitation(ctx, cves)
	if err != nil {
		return nil, err
	}
	list := make([]rest.KnownContext, 0, len(names))
	for _, n := range names {
		k := rest.KnownContext{Vulnerabilities: []fact.Exploitation{}, Techniques: of(terms, n.Techniques), Patterns: of(terms, n.Patterns)}
		weaknesses := slices.Clone(n.Weaknesses)
		for _, id := range n.CVEs {
			at, _ := slices.BinarySearch(cves, id)
			k.Vulnerabilities = append(k.Vulnerabilities, exploitation[at])
			weaknesses = append(weaknesses, exploitation[at].Weaknesses...)
		}
		slices.Sort(weaknesses)
		k.Weaknesses = of(terms, slices.Compact(weaknesses))
		list = append(list, k)
	}
	return list, nil
}

func of(terms map[string]fact.KnownTerm, ids []string) []fact.KnownTerm {
	list := make([]fact.KnownTerm, len(ids))
	for i, id := range ids {
		if list[i] = terms[id]; list[i].ID == "" {
			list[i].ID = id
		}
	}
	return list
}

// authorities are those whose ids are asked for.
var authorities = []string{"mitre-attack", "capec", "cwe"}

// read returns the terms of the vocabularies in use, by id.
func (e *enricher) read(ctx context.Context) (map[string]fact.KnownTerm, error) {
	used, err := e.labeller.Vocabularies(ctx, false)
	if err != nil {
		return nil, err
	}
	used = slices.DeleteFunc(used, func(v fact.VocabularyVersion) bool {
		return !slices.Contains(authorities, v.Authority)
	})
	var basis strings.Builder
	for _, v := range used {
		basis.WriteString(v.ID + " " + v.Digest + "\n")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.terms != nil && e.basis == basis.String() {
		return e.terms, nil
	}
	terms := map[string]fact.KnownTerm{}
	for _, is := range used {
		v, err := e.labeller.read(ctx, is.ID, is.Digest)
		if err != nil {
			return nil, err
		}
		for i := range v.Nodes {
			n := &v.Nodes[i]
			// Matrices of ATT&CK share some: what stands goes before what does not any more.
			if had, ok := terms[n.ID]; !ok || had.Deprecated && !n.Deprecated {
				terms[n.ID] = termOf(v, n, is.Digest)
			}
		}
	}
	e.basis, e.terms = basis.String(), terms
	return terms, nil
}

func termOf(v *taxonomy.Vocabulary, n *taxonomy.Node, version string) fact.KnownTerm {
	t := fact.KnownTerm{ID: n.ID, Name: n.Name, Kind: n.Kind, Deprecated: n.Deprecated, Vocabulary: v.ID, Version: version}
	for _, id := range n.Parents {
		if p, ok := v.Find(id); ok {
			t.Parents = append(t.Parents, fact.KnownName{ID: p.ID, Name: p.Name})
		}
	}
	if n.Successor != "" {
		if s, ok := v.Current(n.ID); ok {
			t.Successor = &fact.KnownName{ID: s.ID, Name: s.Name}
		}
	}
	return t
}
