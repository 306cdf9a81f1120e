package eat

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Status is what an attestation comes to (AR4SI, section 2.3.2).
type Status string

// The statuses. Unknown is not passed: nothing was shown either way.
const (
	Affirming       Status = "affirming"
	Contraindicated Status = "contraindicated"
	Unknown         Status = "unknown" // AR4SI's "none"
)

// Result is a status with its reasons in plain words, of which none repeats what
// the unit said.
type Result struct {
	Status  Status
	Reasons []string
}

// Reference is what the ledger says of the unit.
type Reference struct {
	Manufacturer string // MSP id
	Release      string // version that it runs
	Measurements []ledger.Measurement
}

// Judge compares what a unit says of itself with what its maker published. What
// differs contraindicates, whatever else fits; what is missing on either side leaves
// it unknown.
func Judge(c *Claims, r *Reference) Result {
	var against, missing []string
	if c.OEM != nil && !bytes.Equal(c.OEM, OEMID(r.Manufacturer)) {
		against = append(against, "The device says that another organisation made it.")
	}
	switch {
	case c.Version == "":
		missing = append(missing, "The device does not say which version it runs.")
	case plainVersion(c.Version) != plainVersion(r.Release):
		against = append(against, "The device says that it runs another version than the ledger says.")
	}
	differs, lacks := compare(c.Measured, r.Measurements)
	against, missing = append(against, differs...), append(missing, lacks...)
	switch c.Debug {
	case DebugUnstated:
		missing = append(missing, "The device does not say whether it can be debugged.")
	case DebugEnabled:
		missing = append(missing, "The device can be debugged, so that what it measures may not be what runs.")
	}
	switch {
	case len(against) > 0:
		return Result{Contraindicated, against}
	case len(missing) > 0:
		return Result{Unknown, missing}
	}
	return Result{Affirming, []string{fmt.Sprintf("Each part that the maker published (%d) was measured, and is what it published.", parts(r.Measurements))}}
}

// plainVersion is a version without the letter that some put before it.
func plainVersion(v string) string {
	if len(v) > 1 && (v[0] == 'v' || v[0] == 'V') && v[1] >= '0' && v[1] <= '9' {
		return v[1:]
	}
	return v
}

// compare compares each part that was measured with its values of the maker's.
func compare(measured, published []ledger.Measurement) (differs, lacks []string) {
	if len(published) == 0 {
		return nil, []string{"The maker published no measurements of the release, with which to compare."}
	}
	if len(measured) == 0 {
		return nil, []string{"The device measured nothing of itself."}
	}
	values, known, affirmed := map[[2]string]string{}, map[string]bool{}, map[string]bool{}
	for _, m := range published {
		values[[2]string{m.Name, m.Alg}], known[m.Name] = m.Digest, true
	}
	var strange bool
	for _, m := range measured {
		want, told := values[[2]string{m.Name, m.Alg}]
		switch {
		case told && want == m.Digest:
			affirmed[m.Name] = true
		case told:
			differs = append(differs, fmt.Sprintf("What the device measured of %s is not what its maker published.", m.Name))
		case !known[m.Name]:
			strange = true
		}
	}
	if strange {
		lacks = append(lacks, "The device measured something of which its maker published nothing.")
	}
	var unmeasured []string
	for _, m := range published {
		if known[m.Name] && !affirmed[m.Name] {
			unmeasured = append(unmeasured, m.Name)
			delete(known, m.Name) // once
		}
	}
	if len(unmeasured) > 0 {
		lacks = append(lacks, "Not measured, or not by an algorithm of the maker's: "+strings.Join(unmeasured, ", ")+".")
	}
	return differs, lacks
}

// parts counts the names.
func parts(published []ledger.Measurement) int {
	names := map[string]bool{}
	for _, m := range published {
		names[m.Name] = true
	}
	return len(names)
}
