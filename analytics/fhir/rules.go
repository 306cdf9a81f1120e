package fhir

import (
	"slices"
	"strconv"
	"strings"
)

// rules judges what no schema says: constraints between elements (FHIR R4's
// invariants, by their keys), and what is contained.
func (f *finder) rules(r *Resource) {
	f.everywhere(r.Type, r.root)
	f.contained(r)
	if r.Type != "Observation" {
		return
	}
	f.observation(r.Type, r.root)
	code := r.root.get("code")
	valued := hasValue(r.root)
	for i, c := range r.root.get("component").list() {
		at := r.Type + ".component[" + strconv.Itoa(i) + "]"
		f.observation(at, c)
		if valued && sameCode(f.text, code, c.get("code")) {
			f.fault(at, "must not have the observation's own code when that has a value (obs-7)")
		}
	}
}

func hasValue(n *node) bool {
	return slices.ContainsFunc(n.kids, func(k *node) bool { return isChoice(k.name, "value") })
}

func isChoice(name, base string) bool {
	rest, ok := strings.CutPrefix(name, base)
	return ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z'
}

func sameCode(text []byte, a, b *node) bool {
	for _, x := range a.get("coding").list() {
		for _, y := range b.get("coding").list() {
			if c := x.get("code").str(text); c != "" && c == y.get("code").str(text) && x.get("system").str(text) == y.get("system").str(text) {
				return true
			}
		}
	}
	return false
}

// observation judges an observation, or a component of one.
func (f *finder) observation(at string, n *node) {
	if n.get("dataAbsentReason") != nil && hasValue(n) {
		f.fault(at+".dataAbsentReason", "must be there only when there is no value (obs-6)")
	}
	for i, v := range n.get("referenceRange").list() {
		if v.get("low") == nil && v.get("high") == nil && v.get("text") == nil {
			f.fault(at+".referenceRange["+strconv.Itoa(i)+"]", "must have low, high or text (obs-3)")
		}
	}
}

// within is the place of a member: that of what it stands in, where the name was made up
// by the sender.
func (f *finder) within(at string, k *node) string {
	if !f.names[k.name] {
		return at
	}
	return at + "." + k.name
}

// everywhere judges what holds for every element of a form, wherever it stands.
func (f *finder) everywhere(at string, n *node) {
	for i, k := range n.kids {
		place := f.within(at, k)
		if n.kind == kindArray {
			place = at + "[" + strconv.Itoa(i) + "]"
		}
		if k.kind == kindNull && n.kind != kindArray {
			f.fault(place, "must not be null")
		}
		f.everywhere(place, k)
	}
	if n.kind != kindObject {
		return
	}
	start, end := n.get("start"), n.get("end")
	if start != nil && end != nil && start.kind == kindString && end.kind == kindString {
		from, to := Range(start.str(f.text)), Range(end.str(f.text))
		if !from.Low.IsZero() && !to.High.IsZero() && !to.High.After(from.Low) {
			f.fault(at, "must not end before it begins (per-1)")
		}
	}
}

// contained judges what is contained (FHIR R4, section 2.27.0.1: dom-2 to dom-5): it
// has an id of its own, contains nothing, is no version of anything, and is referred
// to; and what refers to something contained finds it. A ring of contained resources
// that refer to one another is refused, because those who follow would not end.
func (f *finder) contained(r *Resource) {
	list := r.root.get("contained").list()
	byID := map[string]int{}
	for i, c := range list {
		at := r.Type + ".contained[" + strconv.Itoa(i) + "]"
		id := c.get("id").str(f.text)
		if _, twice := byID[id]; twice || id == "" {
			f.fault(at, "must have an id of its own")
		}
		byID[id] = i
		if c.get("contained") != nil {
			f.fault(at, "must not contain others (dom-2)")
		}
		if m := c.get("meta"); m.get("versionId") != nil || m.get("lastUpdated") != nil || m.get("security") != nil {
			f.fault(at+".meta", "must have no version, time or label (dom-4, dom-5)")
		}
	}
	used := map[int]bool{}
	edges := make([][]int, len(list))
	follow := func(at string, n *node, from int) {
		r.eachReference(n, func(v *node) {
			id, local := strings.CutPrefix(v.str(f.text), "#")
			if !local || id == "" { // # alone is what contains
				if local && from >= 0 {
					used[from] = true
				}
				return
			}
			to, ok := byID[id]
			switch {
			case !ok:
				f.fault(at, "must not refer to something contained that is not there")
			case from < 0:
				used[to] = true
			default:
				used[to] = used[to] || to != from
				edges[from] = append(edges[from], to)
			}
		})
	}
	for _, k := range r.root.kids {
		if k.name != "contained" {
			follow(f.within(r.Type, k), k, -1)
		}
	}
	for i, c := range list {
		follow(r.Type+".contained["+strconv.Itoa(i)+"]", c, i)
	}
	for i := range list {
		at := r.Type + ".contained[" + strconv.Itoa(i) + "]"
		if !used[i] {
			f.fault(at, "must be referred to (dom-3)")
		}
		if reaches(edges, i, i, map[int]bool{}) {
			f.fault(at, "must not refer to itself, be it by way of others")
		}
	}
}

// reaches reports whether a way leads from one to another.
func reaches(edges [][]int, from, to int, seen map[int]bool) bool {
	for _, next := range edges[from] {
		if next == to {
			return true
		}
		if !seen[next] {
			seen[next] = true
			if reaches(edges, next, to, seen) {
				return true
			}
		}
	}
	return false
}
