package oid4vp

import (
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Held is a credential as its holder knows it.
type Held struct {
	ID          string // the holder's own
	Format      Format
	Types       []string            // "vct", every W3C type (as written, and expanded where the holder does), or the document type
	Claims      map[string]any      // all, the hidden ones too
	Bound       bool                // whether the holder has the key to which it is bound
	Authorities map[string][]string // for trusted_authorities, by type; nil: nothing is known
}

// Candidate is a credential that can answer a query, and what it would show.
type Candidate struct {
	Held  string
	Query string // id of the credential's query
	Show  []Path // none: nothing that can be kept
}

// Matches are the candidates for each credential's query, by its id. Those that
// satisfy a preferred claim set stand with that set.
type Matches map[string][]Candidate

// Match finds, for each credential that is asked for, what the holder has
// (section 6.4). A credential that cannot show all that is asked of it is none.
func (q *Query) Match(held []Held) (Matches, error) {
	claims := make([]map[string]any, len(held))
	for i, h := range held {
		var err error
		if claims[i], err = plain(h.Claims); err != nil {
			return nil, err
		}
	}
	found := Matches{}
	for _, c := range q.Credentials {
		for i, h := range held {
			if h.Format != c.Format || c.Bound() && !h.Bound || !c.Meta.accepts(c.Format, h.Types) || !c.trusts(h) {
				continue
			}
			if show, ok := c.show(claims[i]); ok {
				found[c.ID] = append(found[c.ID], Candidate{Held: h.ID, Query: c.ID, Show: show})
			}
		}
	}
	return found, nil
}

// Choose takes the first candidate for each credential: of every one when the
// query has no sets, else of the first option that can be satisfied of each set.
// Sets that are not required are answered only when optional is true. It is a
// not_found Problem when the holder has too little.
func (q *Query) Choose(found Matches, optional bool) ([]Candidate, error) {
	ids, err := q.needed(func(id string) bool { return len(found[id]) > 0 }, optional)
	if err != nil {
		return nil, err
	}
	var chosen []Candidate
	for _, id := range ids {
		chosen = append(chosen, found[id][0])
	}
	return chosen, nil
}

// needed returns the ids of the credentials that answer the query, when those are
// there that there says are (section 6.4.2).
func (q *Query) needed(there func(id string) bool, optional bool) ([]string, error) {
	lacking := ledger.Problemf(ledger.CodeNotFound, "not every credential that is asked for is there")
	if len(q.Sets) == 0 {
		var ids []string
		for _, c := range q.Credentials {
			if !there(c.ID) {
				return nil, lacking
			}
			ids = append(ids, c.ID)
		}
		return ids, nil
	}
	var ids []string
	for _, s := range q.Sets {
		i := slices.IndexFunc(s.Options, func(option []string) bool {
			return !slices.ContainsFunc(option, func(id string) bool { return !there(id) })
		})
		switch {
		case i < 0 && s.required():
			return nil, lacking
		case i < 0 || !s.required() && !optional:
			continue
		}
		for _, id := range s.Options[i] {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// accepts reports whether a credential of these types is of one that is asked for.
func (m Meta) accepts(f Format, types []string) bool {
	switch f {
	case FormatSDJWT:
		return slices.ContainsFunc(types, func(t string) bool { return slices.Contains(m.Types, t) })
	case FormatMDoc:
		return slices.Contains(types, m.DocType)
	case FormatJWT, FormatLDP:
		return slices.ContainsFunc(m.W3C, func(all []string) bool {
			return !slices.ContainsFunc(all, func(t string) bool { return !slices.Contains(types, t) })
		})
	}
	return false
}

// trusts reports whether the credential is of an acceptable issuer, as far as the
// holder can tell.
func (c *CredentialQuery) trusts(h Held) bool {
	return len(c.Authorities) == 0 || slices.ContainsFunc(c.Authorities, func(a Authority) bool {
		return slices.ContainsFunc(a.Values, func(v string) bool { return slices.Contains(h.Authorities[a.Type], v) })
	})
}

// show returns the paths that answer the query with these claims, and whether
// they do (section 6.4.1). The claims are plain.
func (c *CredentialQuery) show(claims map[string]any) ([]Path, bool) {
	if len(c.ClaimSets) == 0 {
		return c.all(claims, func(Claim) bool { return true })
	}
	for _, set := range c.ClaimSets {
		if paths, ok := c.all(claims, func(one Claim) bool { return slices.Contains(set, one.ID) }); ok {
			return paths, true
		}
	}
	return nil, false
}

func (c *CredentialQuery) all(claims map[string]any, asked func(Claim) bool) ([]Path, bool) {
	var paths []Path
	for _, one := range c.Claims {
		if !asked(one) {
			continue
		}
		if !one.in(claims) {
			return nil, false
		}
		paths = append(paths, one.Path)
	}
	return paths, true
}

// in reports whether the claim is there, with one of its values. Where a path
// points at several, one with a value is enough.
func (c *Claim) in(claims map[string]any) bool {
	found := c.Path.find(claims)
	if len(c.Values) == 0 {
		return len(found) > 0
	}
	return slices.ContainsFunc(found, func(claim any) bool {
		return slices.ContainsFunc(c.Values, func(v Value) bool { return is(claim, v) })
	})
}
