package cti

import (
	"crypto/sha1" //nolint:gosec // UUID version 5 is defined over SHA-1 (RFC 9562, section 5.5); nothing relies on its strength
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/gowebpki/jcs"
)

// The namespaces of deterministic identifiers (STIX 2.1, section 2.9): the
// standard's own, for observables, and ours for everything else, which must
// not be in the standard's.
var (
	observableNamespace = uuid("00abedb4-aa42-466c-9c01-fed23315a9b7")
	secantNamespace     = uuid("65d8568c-3f88-4b9c-81dc-75d5dd9e2774")
)

// uuid reads one of the constants above.
func uuid(s string) []byte {
	b, err := hex.DecodeString(s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:])
	if err != nil {
		panic("a namespace constant is not a UUID: " + err.Error())
	}
	return b
}

// uuid5 is RFC 9562, section 5.5.
func uuid5(namespace []byte, name []byte) string {
	h := sha1.New() //nolint:gosec // see the import
	h.Write(namespace)
	h.Write(name)
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// observableID derives the id of an observable from its id contributing
// properties, as canonical JSON (RFC 8785).
func observableID(kind string, contributing map[string]any) (string, error) {
	return deriveID(observableNamespace, kind, contributing)
}

// ownID derives the id of an object of ours. What goes in must be no secret:
// SHA-1 over an address of a private range is the address to anyone who tries
// them all.
func ownID(kind string, parts ...any) (string, error) {
	return deriveID(secantNamespace, kind, append([]any{kind}, parts...))
}

func deriveID(namespace []byte, kind string, content any) (string, error) {
	plain, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("encoding what a %s is identified by: %w", kind, err)
	}
	canonical, err := jcs.Transform(plain)
	if err != nil {
		return "", fmt.Errorf("making the identity of a %s canonical: %w", kind, err)
	}
	return kind + "--" + uuid5(namespace, canonical), nil
}

// UUID derives a UUID from texts, the same one at every node. None of them may be a
// secret.
func UUID(parts ...string) string {
	content, err := json.Marshal(parts)
	if err != nil {
		panic("texts are always JSON: " + err.Error())
	}
	return uuid5(secantNamespace, content)
}
