package cti

// Product returns the version that a bill of materials states of the product whose
// parts it lists, and whether it names that product at all. Its errors are Problems.
func Product(b []byte) (version string, named bool, err error) {
	doc, err := decodeBOM(b)
	if err != nil || doc.Metadata.Component == nil {
		return "", false, err
	}
	return doc.Metadata.Component.Version, true, nil
}
