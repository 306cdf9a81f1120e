package proof

import (
	"fmt"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Step names the part of a proof that does not fit.
type Step string

// The steps, from the record outwards.
const (
	StepFormat     Step = "format"      // the bundle cannot be read
	StepContent    Step = "content"     // the record's bytes
	StepSalt       Step = "salt"        // the record's salt
	StepPath       Step = "path"        // the way up the sub-tree or the log
	StepStatement  Step = "statement"   // what the organisation said about the request
	StepCheckpoint Step = "checkpoint"  // the log's signed state
	StepSignedRead Step = "signed read" // what the peers signed
	StepPolicy     Step = "policy"      // who they are and how many
	StepDevice     Step = "device"      // the device's record or signature
	StepLasting    Step = "lasting"     // the checkpoint's second signature
)

// Mismatch says which step of a proof does not fit and why. It repeats nothing
// of a bundle but names that the trust file has too.
type Mismatch struct { //nolint:errname // it is a verdict's opposite, not a fault
	Step   Step
	Detail string
	Err    error // what was found, when there is more to say
}

// Error returns "step: detail", and the reason when there is one.
func (m *Mismatch) Error() string {
	if m.Err == nil {
		return fmt.Sprintf("%s: %s", m.Step, m.Detail)
	}
	return fmt.Sprintf("%s: %s: %v", m.Step, m.Detail, m.Err)
}

// Unwrap returns the reason.
func (m *Mismatch) Unwrap() error { return m.Err }

func mismatch(step Step, err error, format string, args ...any) error {
	return &Mismatch{Step: step, Detail: fmt.Sprintf(format, args...), Err: err}
}

// Verdict is what a bundle proves.
type Verdict struct {
	Since        time.Time `json:"since"`        // by when the anchor stood on the ledger, vouched for by the peers that had read it there
	Endorsed     time.Time `json:"endorsed"`     // when the anchor was endorsed; by itself it does not show when it was committed
	HeldBack     bool      `json:"heldBack"`     // Since is more than ledger.LateAfter after Endorsed: held back, or not followed by another for so long
	AsOf         time.Time `json:"asOf"`         // of the signed read: until then the log had not been shown to equivocate
	Witnesses    []string  `json:"witnesses"`    // organisations whose peers signed the read, sorted
	Of           int       `json:"of"`           // organisations in the consortium at that time
	VouchedBy    Voucher   `json:"vouchedBy"`    // who vouches that the reading is the device's
	Unit         string    `json:"unit"`         // device id
	Organisation string    `json:"organisation"` // that received it and owns the log
	Received     time.Time `json:"received"`     // by that organisation's own clock
	Request      string    `json:"request"`      // id of the request
	Index        int       `json:"index"`        // of the record in the request, from 0
	Count        int       `json:"count"`        // records in the request
	MediaType    string    `json:"mediaType"`    // of the record
	LogIndex     uint64    `json:"logIndex"`     // of the request in the log
	Sequence     uint64    `json:"sequence"`     // of the anchor in the organisation's stream

	Edge string `json:"edge,omitempty"` // id of the edge box that vouches

	// Numbered is the sender's own count and clock, signed with the readings; when the
	// node vouches, what the node was told.
	Numbered Sequence `json:"numbered,omitzero"`

	// When the device or an edge box vouches, what the ledger said about it at UnitAsOf.
	UnitState         string    `json:"unitState,omitempty"`
	UnitCertification string    `json:"unitCertification,omitempty"`
	UnitAsOf          time.Time `json:"unitAsOf,omitzero"`
	UnitOwner         string    `json:"unitOwner,omitempty"` // whose the device was by then, when no longer Organisation's, whose it was at Since

	// Lasting is the thumbprint of the key by which the checkpoint has a good lasting
	// signature; empty: the bundle has none. LastingKnown says that somebody but the
	// bundle says whose key that is: the trust file, or who asked.
	Lasting      string `json:"lasting,omitempty"`
	LastingKnown bool   `json:"lastingKnown,omitempty"`
}

// String returns the verdict in one sentence.
func (v *Verdict) String() string {
	return fmt.Sprintf("unchanged since %s, as witnessed by %d of %d organisations (%s), vouched for by %s",
		stamp(v.Since), len(v.Witnesses), v.Of, strings.Join(v.Witnesses, ", "), v.voucher())
}

func (v *Verdict) voucher() string {
	switch v.VouchedBy {
	case VouchedByDevice:
		return "DEVICE " + v.Unit
	case VouchedByEdge:
		return "EDGE " + v.Edge
	default:
		return "NODE of " + v.Organisation
	}
}

// Meaning says in one line what the voucher's word is worth.
func (v *Verdict) Meaning() string {
	switch v.VouchedBy {
	case VouchedByDevice:
		return fmt.Sprintf("The device signed this reading with the key that the ledger holds for it: nobody without that key, %s included, can have made it up or changed it; "+
			"that the device measured rightly, and when, is not proven.", v.Organisation)
	case VouchedByEdge:
		return fmt.Sprintf("An edge box of %s signed that it had this reading from device %s, with the key that the ledger holds for the box: nobody without that key, the node of %s included, "+
			"can have made it up or changed it; that the device sent it so is that box's word alone.", v.Organisation, v.Unit, v.Organisation)
	case VouchedByNode:
	}
	return fmt.Sprintf("The node of %s says that it received this reading from device %s: nobody, %s included, can have changed it since then; "+
		"that the device sent it so is that node's word alone.", v.Organisation, v.Unit, v.Organisation)
}

// Text returns the verdict in full, for a person: some lines, the first of
// which is String.
func (v *Verdict) Text() string {
	var b strings.Builder
	fmt.Fprintln(&b, v.String())
	fmt.Fprintln(&b, v.Meaning())
	fmt.Fprintf(&b, "Record %d of %d (%s) in request %s, received %s by the clock of %s.\n",
		v.Index+1, v.Count, v.MediaType, v.Request, stamp(v.Received), v.Organisation)
	b.WriteString(v.numbered())
	fmt.Fprintf(&b, "Entry %d of the log of %s, under its anchor %d; as of %s that log had not been shown to have signed two histories.\n",
		v.LogIndex, v.Organisation, v.Sequence, stamp(v.AsOf))
	fmt.Fprintf(&b, "That anchor was endorsed %s and stood on the ledger by %s.\n", stamp(v.Endorsed), stamp(v.Since))
	if v.HeldBack {
		fmt.Fprintf(&b, "It may have been held back: for the %s in between nothing shows it on the ledger, and %s could still have put another in its place.\n",
			v.Since.Sub(v.Endorsed).Round(time.Second), v.Organisation)
	}
	switch v.VouchedBy {
	case VouchedByDevice:
		fmt.Fprintf(&b, "As of %s the ledger has the device as %s, %s.\n", stamp(v.UnitAsOf), unitState(v.UnitState), v.UnitCertification)
	case VouchedByEdge:
		fmt.Fprintf(&b, "As of %s the ledger has the edge box as %s, %s.\n", stamp(v.UnitAsOf), unitState(v.UnitState), v.UnitCertification)
	case VouchedByNode:
	}
	if v.UnitOwner != "" {
		fmt.Fprintf(&b, "It has another owner by then, %s: that it belonged to %s when the anchor stood is what the ledger says of its former owners.\n",
			v.UnitOwner, v.Organisation)
	}
	fmt.Fprintln(&b, v.lasting())
	return b.String()
}

// numbered says what the sender counted and what its clock showed; empty: it said
// nothing.
func (v *Verdict) numbered() string {
	q, by := v.Numbered, map[Voucher]string{
		VouchedByDevice: "as the device signed", VouchedByEdge: "as the edge box signed", VouchedByNode: "as the sender claimed, which nobody signed",
	}[v.VouchedBy]
	var said []string
	if q.Number > 0 {
		said = append(said, fmt.Sprintf("number %d of the device's count %d", q.Number, q.Epoch))
	}
	if at, ok := q.MadeAt(); ok {
		said = append(said, fmt.Sprintf("made %s by the sender's clock", stamp(at)))
		if off := at.Sub(v.Received).Abs(); off > clockApart {
			said = append(said, fmt.Sprintf("%s from when it was received", off.Round(time.Second)))
		}
	}
	if len(said) == 0 {
		return ""
	}
	text := strings.Join(said, ", ")
	return strings.ToUpper(text[:1]) + text[1:] + ", " + by + ".\n"
}

// clockApart is how far a sender's clock is from the node's before a person is told.
const clockApart = 2 * time.Minute

var unitStates = map[string]string{
	ledger.StateManufactured: "manufactured, not yet complete",
	ledger.StateRegistered:   "registered, not in service",
	ledger.StateCertified:    "certified, not in service",
	ledger.StateInService:    "in service",
	ledger.StateHeld:         "held: something spoke against it",
	ledger.StateQuarantined:  "quarantined",
	ledger.StateRecalled:     "recalled",
	ledger.StateRetired:      "retired",
}

// unitState says a device's state in words; one of a later version in its own.
func unitState(state string) string {
	if words, known := unitStates[state]; known {
		return words
	}
	return fmt.Sprintf("%q", state)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
