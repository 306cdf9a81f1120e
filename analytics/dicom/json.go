package dicom

// Dataset is a data set in the DICOM JSON model (PS3.18, annex F), by tag in eight
// upper-case hexadecimal digits.
type Dataset map[string]Attribute

// Attribute is one of a data set's.
type Attribute struct {
	VR    string `json:"vr"`
	Value []any  `json:"Value,omitempty"`
}

// Value makes an attribute with values.
func Value(vr string, values ...any) Attribute { return Attribute{VR: vr, Value: values} }

// Empty makes an attribute without one.
func Empty(vr string) Attribute { return Attribute{VR: vr} }

// Sequence makes a sequence of items.
func Sequence(items ...Dataset) Attribute {
	a := Attribute{VR: "SQ", Value: make([]any, len(items))}
	for i, item := range items {
		a.Value[i] = item
	}
	return a
}

// Text makes an attribute with one value, or without one when there is none.
func Text(vr, value string) Attribute {
	if value == "" {
		return Empty(vr)
	}
	return Value(vr, value)
}
