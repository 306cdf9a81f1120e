package fhir

// SubjectRef returns the element that says whom a resource is about: the subject of an
// observation, the patient of a device. There is none, or none that could be followed,
// without ok. A Patient is about itself, and has none.
func (r *Resource) SubjectRef() (Ref, bool) {
	var n *node
	switch r.Type {
	case "Observation":
		n = r.root.get("subject")
	case "Device":
		n = r.root.get("patient")
	}
	ref := r.ref(n)
	return ref, ref.Reference != "" || ref.Identifier.Value != ""
}
