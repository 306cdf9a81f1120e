package holder

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Step is a transaction that persons sign for, as its request describes it.
type Step struct {
	Record     ledger.Key // that it is about
	Revision   int        // of the record, as the request states it
	Credential string     // type that each person's credential has
	Count      int        // persons; from two on, of as many organisations
	Says       []string   // what it does, in plain words, a line each
}

// StepOf reads a request of a transaction that persons sign for. It takes no
// request but in the form of Encode, of which there is one, so that nobody reads
// in the same bytes something else. Problems: not_found for a transaction for
// which nobody signs, invalid for any other text and for what its Validate
// refuses.
func StepOf(function string, request []byte) (*Step, error) {
	read, ok := steps[function]
	if !ok {
		return nil, ledger.Problemf(ledger.CodeNotFound, "no person signs for a transaction of that name")
	}
	return read(request)
}

// Signs reports whether persons sign for a transaction.
func Signs(function string) bool { return steps[function] != nil }

// steps are the transactions that call state.Context.Persons, with what each asks
// it for.
var steps = map[string]func([]byte) (*Step, error){
	ledger.DeviceCertify: step(func(r *ledger.CertifyUnit) *Step {
		return &Step{ledger.UnitKey(r.ID), r.Revision, ledger.CredentialAssessor, 1, certification(r)}
	}),
	ledger.DeviceRelease: step(func(r *ledger.ReleaseUnit) *Step {
		return released(ledger.UnitKey(r.ID), r.Revision, evidence(r.Evidence,
			fmt.Sprintf("Release the device %s: it is held or in quarantine, as of its revision %d, and may be used again.", r.ID, r.Revision))...)
	}),
	ledger.DeviceClear: step(func(r *ledger.ClearUnit) *Step {
		return released(ledger.UnitKey(r.ID), r.Revision, evidence(r.Evidence,
			fmt.Sprintf("Clear the device %s, as of its revision %d, of the recall of its %s, revision %d: it was mended and may be used again.", r.ID, r.Revision, r.Kind, r.Recall))...)
	}),
	ledger.ComplianceGrantException: step(func(r *ledger.GrantException) *Step {
		return &Step{r.Key(), 0, ledger.CredentialAssessor, 1, exception(r)}
	}),
	ledger.DeviceLiftRecall: step(func(r *ledger.LiftRecall) *Step {
		return released(ledger.RecallKey(r.DI, r.Kind, r.Value), r.Revision,
			fmt.Sprintf("Lift the recall, revision %d, of the %s %s of the model %s: all its devices may be used again.", r.Revision, r.Kind, r.Value, r.DI))
	}),
}

// released is a step by which something may be used again.
func released(record ledger.Key, revision int, says ...string) *Step {
	return &Step{record, revision, ledger.CredentialReleaser, 2, says}
}

func evidence(digest string, says ...string) []string {
	if digest == "" {
		return append(says, "No evidence is named.")
	}
	return append(says, "The evidence has the SHA-256 digest "+digest+".")
}

// verdicts are what verdicts say of a device.
var verdicts = map[string]string{
	ledger.VerdictCertified:      "it is certified",
	ledger.VerdictConditional:    "it is certified on conditions",
	ledger.VerdictRefused:        "its certification is refused",
	ledger.VerdictNotCertifiable: "it cannot be certified",
}

func certification(r *ledger.CertifyUnit) []string {
	says := []string{
		fmt.Sprintf("Assess the device %s, as of its revision %d, by %s: %s, with %d of 10000 points.", r.ID, r.Revision, r.Catalogue, verdicts[r.Verdict], r.Score),
	}
	if !r.ValidTo.IsZero() {
		says = append(says, "The certification ends at "+r.ValidTo.UTC().Format("2006-01-02 15:04:05 MST")+".")
	}
	return append(says, "The results have the SHA-256 digest "+r.ResultDigest+".")
}

// effects are what exceptions do.
var effects = map[string]string{
	ledger.ExceptNotApplicable: "does not apply",
	ledger.ExceptTolerated:     "need not be met, and is borne with",
}

func exception(r *ledger.GrantException) []string {
	of := "the device " + r.Subject
	if r.SubjectKind == ledger.SubjectModel {
		of = "all devices of the model " + r.Subject
	}
	return []string{
		fmt.Sprintf("Except %s: the control %s of %s %s, until %s.", of, r.Control, r.Catalogue, effects[r.Effect], r.Until.UTC().Format("2006-01-02 15:04:05 MST")),
		"The reason has the SHA-256 digest " + r.ReasonDigest + ".",
	}
}

// step reads requests of a type.
func step[R any, P interface {
	*R
	Validate() error
}](of func(P) *Step) func([]byte) (*Step, error) {
	return func(request []byte) (*Step, error) {
		if len(request) > ledger.MaxRequest {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "a request has at most %d bytes", ledger.MaxRequest)
		}
		r := P(new(R))
		malformed := ledger.Problemf(ledger.CodeInvalid, "the request is not in the form in which it is submitted")
		if json.Unmarshal(request, r) != nil {
			return nil, malformed
		}
		if again, err := Encode(r); err != nil || !bytes.Equal(again, request) {
			return nil, malformed
		}
		if err := r.Validate(); err != nil {
			return nil, err
		}
		return of(r), nil
	}
}
