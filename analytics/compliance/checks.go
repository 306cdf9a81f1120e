package compliance

import (
	"fmt"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

const checkEvidence = "evidence"

// finding is what a check finds in the facts.
type finding struct {
	result byte // of the ledger's letters
	reason string
}

func pass(format string, args ...any) finding {
	return finding{ledger.ResultPass, fmt.Sprintf(format, args...)}
}

func partial(format string, args ...any) finding {
	return finding{ledger.ResultPartial, fmt.Sprintf(format, args...)}
}

func fail(format string, args ...any) finding {
	return finding{ledger.ResultFail, fmt.Sprintf(format, args...)}
}

func unknown(format string, args ...any) finding {
	return finding{ledger.ResultUnknown, fmt.Sprintf(format, args...)}
}

// checks are those that a catalogue may name.
var checks = map[string]func(*Facts) finding{
	"udi":            checkUDI,
	"key-proof":      checkKeyProof,
	"local-identity": checkLocalIdentity,
	"bill":           checkBill,
	"exploited":      checkExploited,
	"answered":       checkAnswered,
	"signed-release": checkSignedRelease,
	"supported":      checkSupported,
	"attested":       checkAttested,
	"readings":       checkReadings,
	"recalls":        checkRecalls,
	checkEvidence:    func(*Facts) finding { return unknown("No evidence is on record.") },
}

const day = 24 * time.Hour

func checkUDI(f *Facts) finding {
	switch {
	case !validDI(f.Model.DI):
		return fail("The device identifier is of no agency's form, or its check digit is wrong.")
	case f.Model.BasicUDIDI == "" && f.Model.SRN == "":
		return partial("The device identifier is well-formed; the model's group and the maker's registration number are not stated.")
	case f.Model.BasicUDIDI == "":
		return partial("The device identifier is well-formed; the model's group (Basic UDI-DI) is not stated.")
	case f.Model.SRN == "":
		return partial("The device identifier is well-formed; the maker's registration number is not stated.")
	}
	return pass("Device identifier, group and the maker's registration number are stated and well-formed.")
}

// fresh is how recently a unit must have shown that it holds its key.
const fresh = 30 * day

func checkKeyProof(f *Facts) finding {
	switch {
	case !f.Unit.Signs:
		return unknown("The ledger has no key of the unit.")
	case f.KeyProof == nil:
		return unknown("The ledger has a key of the unit, which has not yet signed anything that this node took.")
	case f.At.Sub(*f.KeyProof) > fresh:
		return unknown("The unit last signed on %s, more than thirty days ago.", date(*f.KeyProof))
	case !f.Unit.IDevID:
		return partial("The unit signed on %s with the key that its maker registered; the maker registered no identity certificate.", date(*f.KeyProof))
	}
	return pass("The unit signed on %s with the key that its maker registered.", date(*f.KeyProof))
}

func checkLocalIdentity(f *Facts) finding {
	if f.Unit.LDevID {
		return pass("The owner gave the unit an identity of its own.")
	}
	return unknown("The owner has stated no identity of its own for the unit.")
}

func checkBill(f *Facts) finding {
	b := &f.Bill
	switch {
	case f.Release.SBOMDigest == "" || b.State == BillAbsent:
		return unknown("The release's bill of materials is not at hand.")
	case b.State == BillUnreadable:
		return fail("What the release names as its bill of materials is none.")
	case b.Components == 0:
		return fail("The bill of materials lists nothing.")
	case b.Version != "" && plainVersion(b.Version) != plainVersion(f.Release.Version):
		return fail("The bill of materials is of another version than the release.")
	case b.Identified < b.Components:
		return partial("Of %d components %d have a version and an identifier.", b.Components, b.Identified)
	case b.Version == "":
		return partial("All %d components have a version and an identifier; the bill does not state of which version it is.", b.Components)
	}
	return pass("All %d components have a version and an identifier, and the bill is of the release that runs.", b.Components)
}

// plainVersion is a version without space around it and without the letter that many
// write before its number: v2.0.0 and 2.0.0 are one. Nothing else is made equal, as
// 2.0 and 2.0.0 are two versions of some makers.
func plainVersion(v string) string {
	v = strings.TrimSpace(v)
	if len(v) > 1 && (v[0] == 'v' || v[0] == 'V') && v[1] >= '0' && v[1] <= '9' {
		return v[1:]
	}
	return v
}

func checkExploited(f *Facts) finding {
	if f.Vulnerabilities == nil || len(f.Vulnerabilities.Lists) == 0 {
		return unknown("The software was not compared with lists of exploited vulnerabilities.")
	}
	var open []string
	for _, v := range f.Vulnerabilities.Known {
		if v.Exploited && v.Status != StatusFixed && v.Status != StatusNotAffected {
			open = append(open, v.ID)
		}
	}
	if len(open) > 0 {
		return fail("Exploited, and neither fixed nor said not to matter: %s.", some(open))
	}
	return pass("Of %d vulnerabilities none that is exploited is open.", len(f.Vulnerabilities.Known))
}

const (
	grave    = 70 // CVSS base score in tenths, from which it is high
	toAnswer = 30 * day
	toMend   = 90 * day
)

func checkAnswered(f *Facts) finding {
	if f.Vulnerabilities == nil {
		return unknown("The vulnerabilities of the software were not looked for.")
	}
	var silent, late []string
	for _, v := range f.Vulnerabilities.Known {
		age := f.At.Sub(v.Published)
		switch {
		case v.Severity < grave || v.Status == StatusFixed || v.Status == StatusNotAffected:
		case v.Status == "" && age > toAnswer:
			silent = append(silent, v.ID)
		case age > toMend:
			late = append(late, v.ID)
		}
	}
	switch {
	case len(silent) > 0:
		return fail("Grave, and the maker has said nothing in thirty days: %s.", some(silent))
	case len(late) > 0:
		return partial("Grave, and not mended in ninety days: %s.", some(late))
	}
	return pass("The maker has answered each grave vulnerability in time.")
}

func checkSignedRelease(f *Facts) finding {
	a := f.Attestation
	switch {
	case a != nil && a.Verdict == AttestationContraindicated:
		return fail("What the unit measured of itself on %s is not what its maker published.", date(a.Time))
	case !f.Release.Signed:
		return unknown("The release carries no signature of its maker.")
	case a == nil || a.Verdict != AttestationAffirming:
		return partial("The release is signed by its maker; the unit has not attested that it runs it.")
	case f.At.Sub(a.Time) > fresh:
		return partial("The release is signed by its maker; that it runs it the unit last attested on %s, more than thirty days ago.", date(a.Time))
	}
	return pass("The release is signed by its maker, and the unit attested on %s that it runs it.", date(a.Time))
}

// notice is how long before the end of support that begins to matter.
const notice = 180 * day

func checkSupported(f *Facts) finding {
	if f.Model.SupportEnd == "" {
		return unknown("The maker has not stated until when it supports the model.")
	}
	end, err := time.Parse(time.DateOnly, f.Model.SupportEnd)
	if err != nil {
		return unknown("The end of support cannot be read.")
	}
	end = end.AddDate(0, 0, 1) // the last day counts
	switch {
	case !f.At.Before(end):
		return fail("The maker's support ended on %s.", f.Model.SupportEnd)
	case end.Sub(f.At) < notice:
		return partial("The maker's support ends on %s, in less than half a year.", f.Model.SupportEnd)
	}
	return pass("The maker supports the model until %s.", f.Model.SupportEnd)
}

func checkAttested(f *Facts) finding {
	a := f.Attestation
	switch {
	case a == nil:
		return unknown("The unit has never attested what it started.")
	case a.Verdict == AttestationContraindicated:
		return fail("The attestation of %s speaks against the unit.", date(a.Time))
	case a.Verdict != AttestationAffirming:
		return unknown("The attestation of %s shows nothing either way.", date(a.Time))
	case f.At.Sub(a.Time) > fresh:
		return unknown("The unit attested last on %s, more than thirty days ago.", date(a.Time))
	case f.At.Sub(a.Time) > day:
		return partial("The unit attested last on %s, more than a day ago.", date(a.Time))
	}
	return pass("The unit attested within the last day what it started.")
}

func checkReadings(f *Facts) finding {
	r := f.Readings
	switch {
	case r != nil && r.Verified < r.Checked:
		return fail("Of %d readings that were checked, %d do not verify.", r.Checked, r.Checked-r.Verified)
	case r != nil && r.Gaps > 0:
		return fail("The unit's readings have %d gaps.", r.Gaps)
	case !f.Unit.Signs:
		return unknown("The unit signs nothing: that its readings are its own rests on the word of whoever took them.")
	case r == nil || f.KeyProof == nil || f.At.Sub(*f.KeyProof) > fresh:
		return unknown("The unit has signed no readings in the last thirty days that this node took.")
	case r.Unsigned != nil && f.At.Sub(*r.Unsigned) <= fresh:
		return unknown("The node took readings of the unit that it had not signed, last on %s.", date(*r.Unsigned))
	}
	return pass("The unit signed each reading that this node took of it in the last thirty days, last on %s.", date(*f.KeyProof))
}

func checkRecalls(f *Facts) finding {
	if len(f.Recalls) == 0 {
		return pass("No recall applies to the unit.")
	}
	var open []string
	for _, r := range f.Recalls {
		open = append(open, fmt.Sprintf("of its %s, class %s", r.Kind, r.Class))
	}
	return fail("A recall is open: %s.", strings.Join(open, "; "))
}

// some names a few of many.
func some(ids []string) string {
	const told = 8
	if len(ids) <= told {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:told], ", "), len(ids)-told)
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }
