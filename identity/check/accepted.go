package check

import (
	"context"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
)

// Accepted is what to remember of a credential that passed, so as to ask later
// whether it would still: nothing of its claims, and not the credential.
type Accepted struct {
	Type         string      `json:"type"`         // its name in the catalogue
	Issuer       string      `json:"issuer"`       // as Standing has it
	Organisation string      `json:"organisation"` // MSP id behind the issuer; empty: of none that is a member
	Expires      time.Time   `json:"expires"`
	Status       []StatusRef `json:"status,omitempty"`
}

// Accepted returns what to remember of the credential.
func (c *Credential) Accepted() Accepted {
	return Accepted{c.Type.Name, c.Standing.Issuer, c.Standing.Organisation, c.Expires, c.Status}
}

// Still judges what can change after a credential was accepted: its time, whether
// the members still take its issuer's word, and its status. It looks at nothing but
// Trust and Status, so that it costs little enough to be asked with every request.
// The error is a *Refusal.
func (v *Verifier) Still(ctx context.Context, a Accepted) error {
	at := v.now().UTC()
	t, ok := catalogue.Find(a.Type)
	if !ok {
		return refuse(StepType, ledger.CodeDenied, "the catalogue has no such type any more")
	}
	if !at.Before(a.Expires) {
		return refuse(StepTime, ledger.CodeDenied, "the credential has ended")
	}
	s, refusal := v.standing(ctx, a.Issuer, t)
	if refusal != nil {
		return refusal
	}
	if s.Issuer != a.Issuer || s.Organisation != a.Organisation {
		return refuse(StepIssuer, ledger.CodeDenied, "the issuer is another organisation's now")
	}
	// The key of the credential is not known any more: the ledger's digest vouches for
	// a list of a member's, and no other list is taken without.
	if refusal := v.valid(ctx, &Credential{Standing: *s, Status: a.Status}, &signer{at: at}); refusal != nil {
		return refusal
	}
	return nil
}
