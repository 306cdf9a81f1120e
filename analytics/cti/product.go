package cti

// ProductVersion returns the version that a bill of materials states of the product
// whose parts it lists, empty when it states none. Its errors are Problems.
func ProductVersion(b []byte) (string, error) {
	doc, err := decodeBOM(b)
	if err != nil || doc.Metadata.Component == nil {
		return "", err
	}
	return doc.Metadata.Component.Version, nil
}
