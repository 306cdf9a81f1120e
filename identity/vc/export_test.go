package vc

import "github.com/secant-platform/secant/identity/keys"

// Sign signs any document, as an issuer could that follows no rules.
func Sign(c *Contexts, d map[string]any, s keys.Signer, proof map[string]any) error {
	return c.sign(d, s, proof)
}

// Cover reads a document and makes sure that a proof can cover it.
func Cover(c *Contexts, b []byte) error {
	d, err := parseDocument(b)
	if err != nil {
		return err
	}
	_, err = c.statements(d)
	return err
}

// WholePart reports whether a proof has its form, of so many shown statements.
func WholePart(proof []byte, shown int) bool { return wholePart(proof, shown) }
