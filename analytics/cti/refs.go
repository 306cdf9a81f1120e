package cti

import "slices"

// Referred reads a bill of materials in CycloneDX, as Components does, and says
// which of the components each reference (bom-ref) names, by its place.
func Referred(b []byte) (components []Component, byRef map[string]int, err error) {
	bom, err := decodeBOM(b)
	if err != nil {
		return nil, nil, err
	}
	w, err := flatten(bom)
	if err != nil {
		return nil, nil, err
	}
	return w.out, w.byRef, nil
}

// Reference takes the element from a BOM-Link; any other reference is the element
// itself.
func Reference(ref string) string { return refOf(ref) }

// Harmless reports whether the state of an analysis (CycloneDX, impact analysis
// state) says that the component is not concerned, or no longer.
func Harmless(state string) bool { return slices.Contains(harmlessStates, state) }
