package adapt

import "slices"

// formats are all that are known, in the order in which they are detected.
var formats = func() []Format {
	all := slices.Concat(alertFormats, scanFormats, reportFormats)
	for i := range all {
		all[i] = readingWide(all[i])
	}
	return all
}()

// Formats returns all that are known.
func Formats() []Format { return slices.Clone(formats) }

// Lookup returns the format of a name.
func Lookup(name string) (Format, bool) {
	i := slices.IndexFunc(formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return formats[i], true
}

// Detect returns the format that a file's beginning looks like.
func Detect(head []byte) (Format, bool) {
	head = narrow(head)
	i := slices.IndexFunc(formats, func(f Format) bool { return f.Detect != nil && f.Detect(head) })
	if i < 0 {
		return Format{}, false
	}
	return formats[i], true
}
