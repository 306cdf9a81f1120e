package export

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// writeSTIX writes all objects as they came, each in its newest version, in one bundle.
func writeSTIX(s Set, _ About) (Output, error) {
	if len(s.Objects) == 0 {
		return Output{}, ledger.Problemf(ledger.CodeNotFound, "there is nothing to export: a STIX bundle holds at least one object")
	}
	parts := []string{"stix export"}
	var bodies []json.RawMessage
	for _, o := range s.Objects {
		parts = append(parts, o.ID, o.Version.String())
		bodies = append(bodies, o.Body)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(struct {
		Type    string            `json:"type"`
		ID      string            `json:"id"`
		Objects []json.RawMessage `json:"objects"`
	}{"bundle", "bundle--" + cti.UUID(parts...), bodies})
	if err != nil {
		return Output{}, fmt.Errorf("writing a bundle: %w", err)
	}
	return Output{Body: b.Bytes()}, nil
}
