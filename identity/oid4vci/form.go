package oid4vci

import "net/url"

// fields are those of a form, each once.
type fields map[string]string

// parseForm takes a form whose fields stand there once (RFC 6749, section 3.2) and
// are bounded; those that nobody knows are skipped.
func parseForm(form url.Values) (fields, error) {
	f := fields{}
	for name, values := range form {
		if len(values) != 1 {
			return nil, refuse(CodeInvalidRequest, "a parameter is there more than once")
		}
		if len(name) > maxText || len(values[0]) > 4*maxText {
			return nil, refuse(CodeInvalidRequest, "a parameter is too long")
		}
		f[name] = values[0]
	}
	return f, nil
}
