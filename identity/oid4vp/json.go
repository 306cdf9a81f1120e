package oid4vp

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// invalid is the answer to what can never succeed as it is.
func invalid(format string, args ...any) error {
	return ledger.Problemf(ledger.CodeInvalid, format, args...)
}

// tooLarge is the answer to what is not even read.
func tooLarge(what string, most int) error {
	return ledger.Problemf(ledger.CodeTooLarge, "%s has at most %d bytes", what, most)
}

// maxDepth bounds how deep JSON from outside may nest: a presentation with a
// linked-data proof is in it as it is.
const maxDepth = 24

// read decodes a JSON object from outside: bounded, names matched exactly and none
// twice in one object, however deep, also where nobody looks at the object.
func read(what string, b []byte, most int, to any) error {
	if len(b) > most {
		return tooLarge(what, most)
	}
	if _, err := verify.ParseObject(b, maxDepth); err != nil {
		return invalid("%s is not a JSON object of one meaning", what)
	}
	if err := json.Unmarshal(b, to); err != nil {
		return invalid("%s has a member of another type than it must have", what)
	}
	return nil
}

// plain returns claims as maps, lists, strings, bools and json.Numbers, whatever
// types they were made of.
func plain(claims map[string]any) (map[string]any, error) {
	b, err := stdjson.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("encoding claims: %w", err)
	}
	d := stdjson.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var out map[string]any
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("decoding claims: %w", err)
	}
	return out, nil
}
