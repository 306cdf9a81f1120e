package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// maxObservations is how many of a person's Observations go into one request.
const maxObservations = 5_000

// takeResources takes the Observations of a FHIR Bundle, of NDJSON as bulk
// export writes it, or one alone. Each goes out exactly as its bytes stand, less
// the white space around and between its parts, so that it fits on one line.
func (f *found) takeResources(path string, b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	byPerson := map[string]int{} // index of each person's batch among ours
	var mine []batch
	add := func(raw json.RawMessage) error {
		var o struct {
			Type    string `json:"resourceType"`
			Subject struct {
				Reference string `json:"reference"`
			} `json:"subject"`
		}
		if err := json.Unmarshal(raw, &o); err != nil || o.Type != "Observation" {
			return nil //nolint:nilerr // another resource
		}
		var line bytes.Buffer
		if err := json.Compact(&line, raw); err != nil {
			return fmt.Errorf("an Observation is not JSON: %w", err)
		}
		at, known := byPerson[o.Subject.Reference]
		if !known {
			at = len(mine)
			byPerson[o.Subject.Reference] = at
			mine = append(mine, batch{mediaType: "application/fhir+json", from: path})
		}
		if len(mine[at].records) < maxObservations {
			mine[at].records = append(mine[at].records, line.Bytes())
		}
		return nil
	}
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return errors.New("it is not FHIR JSON that can be read")
		}
		var bundle struct {
			Entry []struct {
				Resource json.RawMessage `json:"resource"`
			} `json:"entry"`
		}
		if json.Unmarshal(raw, &bundle) != nil || len(bundle.Entry) == 0 {
			if err := add(raw); err != nil {
				return err
			}
			continue
		}
		for _, e := range bundle.Entry {
			if err := add(e.Resource); err != nil {
				return err
			}
		}
	}
	f.people = append(f.people, mine...)
	return nil
}
