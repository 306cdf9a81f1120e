package cti

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Object is one STIX object by itself, as it came.
type Object struct {
	ID      string
	Type    string
	Spec    string    // spec_version
	Version time.Time // modified, or created where there is no modified; zero: it has neither
	Body    []byte
	// Fault says why it is not valid STIX 2.1; nil: it is.
	Fault error
}

// ReadEnvelope reads the objects of a TAXII envelope (TAXII 2.1, section 3.7) or of a
// bundle. What is wrong with one object stands with it; the error is about the whole:
// too_large beyond a bound, invalid for what is none.
func ReadEnvelope(body []byte) ([]Object, error) {
	if err := strictjson.Check("the envelope", body, bundleLimits); err != nil {
		return nil, err
	}
	var envelope struct {
		Objects []json.RawMessage `json:"objects"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the envelope is not a JSON object with a list of objects")
	}
	switch {
	case len(envelope.Objects) == 0:
		return nil, ledger.Problemf(ledger.CodeInvalid, "the envelope has no objects")
	case len(envelope.Objects) > MaxBundleObjects:
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the envelope holds more than %d objects", MaxBundleObjects)
	}
	objects := make([]Object, len(envelope.Objects))
	for i, raw := range envelope.Objects {
		objects[i] = readObject(raw)
	}
	return objects, nil
}

// Objects returns the objects of a bundle that was read, each by itself.
func (r *Report) Objects() ([]Object, error) { return ReadEnvelope(r.Body) }

func readObject(raw []byte) Object {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var o object
	if err := d.Decode(&o); err != nil || o == nil {
		return Object{Fault: ledger.Problemf(ledger.CodeInvalid, "it is not a JSON object")}
	}
	read := Object{ID: strings.ToLower(text(o, "id")), Type: text(o, "type"), Spec: text(o, "spec_version"), Body: raw}
	if !identifier.MatchString(read.ID) {
		read.ID = "" // nothing that could be repeated
	}
	if read.Spec == "" {
		read.Spec = "2.1" // observables may leave it out (STIX 2.1, section 3.2)
	}
	var f faults
	f.object("object", o)
	if err := f.problem(); err != nil {
		read.Fault = ledger.Problemf(ledger.CodeInvalid, "%s %s", strings.TrimPrefix(f.list[0].Field, "object."), f.list[0].Detail)
		return read
	}
	for _, name := range []string{"modified", "created"} {
		if t, ok := parseTime(text(o, name)); ok {
			read.Version = t.Truncate(time.Microsecond)
			break
		}
	}
	return read
}

// CollectionID derives the id of a collection of an organisation from what it holds, so
// that it is the same after a new start and at every node.
func CollectionID(organisation, alias string) string {
	return uuid5(secantNamespace, fmt.Appendf(nil, "collection %s %s", organisation, alias))
}
