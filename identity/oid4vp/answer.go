package oid4vp

import (
	"encoding/json"
	"maps"
	"slices"
)

// Judged is what a Judge says of one presentation that it accepts.
type Judged struct {
	Types  []string        // as in Held
	Claims map[string]any  // those that were shown
	Detail json.RawMessage // whatever else the judge has to tell its own side; may be nil
	Token  string          // the presentation itself, when the question keeps it; not the judge's to set
}

var errLacking = invalid("the answer lacks a credential that was asked for")

// Shown are the accepted presentations, by the id of the credential's query.
type Shown map[string][]Judged

// Satisfied checks that the accepted presentations are what was asked for:
// nothing else, enough of it, of the types, and with each claim in its place and
// value. Wallets say so by answering at all; some do when it is not so.
func (q *Query) Satisfied(shown Shown) error {
	for _, id := range slices.Sorted(maps.Keys(shown)) {
		i := slices.IndexFunc(q.Credentials, func(c CredentialQuery) bool { return c.ID == id })
		if i < 0 {
			return invalid("the answer has a credential that was not asked for")
		}
		if err := q.Credentials[i].satisfied(shown[id]); err != nil {
			return err
		}
	}
	if _, err := q.needed(func(id string) bool { return len(shown[id]) > 0 }, false); err != nil {
		return errLacking
	}
	return nil
}

func (c *CredentialQuery) satisfied(answers []Judged) error {
	if len(answers) == 0 || len(answers) > 1 && !c.Multiple {
		return invalid("the answer has another number of credentials than was asked for")
	}
	for _, one := range answers {
		if !c.Meta.accepts(c.Format, one.Types) {
			return invalid("a credential is of another type than was asked for")
		}
		claims, err := plain(one.Claims)
		if err != nil {
			return err
		}
		if _, ok := c.show(claims); !ok {
			return invalid("a credential does not show the claims that were asked for")
		}
	}
	return nil
}

// only returns of what was shown what was asked for. What a format cannot hide, and
// what a wallet shows without being asked, is forgotten.
func (q *Query) only(shown Shown) (Shown, error) {
	out := Shown{}
	for _, c := range q.Credentials {
		for _, one := range shown[c.ID] {
			claims, err := plain(one.Claims)
			if err != nil {
				return nil, err
			}
			one.Claims = map[string]any{}
			for _, claim := range c.Claims {
				copyAt(claim.Path, claims, one.Claims)
			}
			out[c.ID] = append(out[c.ID], one)
		}
	}
	return out, nil
}

// copyAt copies what a path of names leads to; a step that is none takes all of its list.
func copyAt(path Path, from, to map[string]any) {
	for i, step := range path {
		name, ok := step.(string)
		value, there := from[name]
		if !ok || !there {
			return
		}
		inner, isObject := value.(map[string]any)
		if next, named := stepAt(path, i+1); !isObject || !named {
			to[name] = value
			return
		} else if _, there := inner[next]; !there {
			return
		}
		below, ok := to[name].(map[string]any)
		if !ok {
			below = map[string]any{}
			to[name] = below
		}
		from, to = inner, below
	}
}

// stepAt is a path's step when it is a name.
func stepAt(path Path, i int) (string, bool) {
	if i >= len(path) {
		return "", false
	}
	name, ok := path[i].(string)
	return name, ok
}
