package auth

import (
	"slices"
	"strings"
)

// Scope is what a program's token is confined to of FHIR resources (SMART App Launch
// 2.2, "Scopes and Launch Context"): actions on a type, or on all types.
type Scope struct {
	Type    string // as Observation; * is every type
	Actions string // of c, r, u and s, in this order
}

// Scopes is what a token is confined to, all together. A token without any is not
// confined.
type Scopes []Scope

const (
	systemScope = "system/"
	maxScopes   = 512 // bytes
	allActions  = "crus"
)

// IsScoped reports whether a scope asks for FHIR resources.
func IsScoped(scope string) bool { return strings.HasPrefix(scope, systemScope) }

// ParseScopes reads scopes of the form system/TYPE.ACTIONS, with the actions of SMART 2
// (cruds) or those of SMART 1 (read, write, *). Deleting is nothing that can be granted,
// and is left out.
func ParseScopes(text string) (Scopes, bool) {
	if len(text) > maxScopes {
		return nil, false
	}
	var all Scopes
	for word := range strings.FieldsSeq(text) {
		rest, ok := strings.CutPrefix(word, systemScope)
		typ, asked, dot := strings.Cut(rest, ".")
		if !ok || !dot || !isType(typ) {
			return nil, false
		}
		actions, ok := actionsOf(asked)
		if !ok {
			return nil, false
		}
		all = append(all, Scope{typ, actions})
	}
	return all, len(all) > 0
}

func isType(s string) bool {
	if s == "*" {
		return true
	}
	notLetter := func(r rune) bool { return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') }
	return s != "" && s[0] >= 'A' && s[0] <= 'Z' && !strings.ContainsFunc(s, notLetter)
}

func actionsOf(asked string) (string, bool) {
	switch asked {
	case "read":
		return "rs", true
	case "write":
		return "cu", true
	case "*":
		return allActions, true
	}
	last := -1
	for _, a := range asked {
		at := strings.IndexRune("cruds", a)
		if at <= last { // not one, or not in the order that SMART asks for
			return "", false
		}
		last = at
	}
	actions := strings.Replace(asked, "d", "", 1)
	return actions, actions != ""
}

// Allow reports whether an action, one of c, r, u and s, on a type is within.
func (s Scopes) Allow(typ string, action byte) bool {
	return slices.ContainsFunc(s, func(one Scope) bool {
		return (one.Type == "*" || one.Type == typ) && strings.IndexByte(one.Actions, action) >= 0
	})
}

// Rights are those that a role must have to be given the scopes.
func (s Scopes) Rights() []Right {
	var rights []Right
	for _, one := range s {
		if one.Type == "Subscription" { // has the node send resources to others
			if !slices.Contains(rights, WebhooksWrite) {
				rights = append(rights, WebhooksWrite)
			}
			continue
		}
		if strings.ContainsAny(one.Actions, "rs") && !slices.Contains(rights, ReadingsRead) {
			rights = append(rights, ReadingsRead)
		}
		if strings.ContainsAny(one.Actions, "cu") && !slices.Contains(rights, ReadingsWrite) {
			rights = append(rights, ReadingsWrite)
		}
	}
	return rights
}

// String writes the scopes as they are granted.
func (s Scopes) String() string {
	words := make([]string, len(s))
	for i, one := range s {
		words[i] = systemScope + one.Type + "." + one.Actions
	}
	return strings.Join(words, " ")
}
