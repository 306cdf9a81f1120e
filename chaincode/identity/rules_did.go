package identity

import (
	"fmt"
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// inNetwork: a DID bears the network's name, which members agree on by stating it.
func inNetwork(roster *ledger.Roster, name ledger.DIDName) error {
	switch roster.Network {
	case "":
		return ledger.Problemf(ledger.CodeNotFound, "the network has no name yet: %d members have to state the same one", ledger.MinVoters)
	case name.Network:
		return nil
	}
	return fault("the DID", "did", "must bear the name of this network")
}

// changeable: the DID is not deactivated, and the change is made from its current
// document.
func changeable(current *ledger.DID, revision int) error {
	if err := alive(current); err != nil {
		return err
	}
	if revision != current.Revision+1 {
		return ledger.Problemf(ledger.CodeConflict, "the DID's next revision is %d", current.Revision+1)
	}
	return nil
}

func alive(current *ledger.DID) error {
	if current.Deactivated {
		return ledger.Problemf(ledger.CodeGone, "the DID is deactivated")
	}
	return nil
}

// proposed returns the keys of which one must sign for a recovery: the one that
// the members agreed to, if it may change the document.
func proposed(keys ledger.DIDKeys, thumbprint string) ledger.DIDKeys {
	only := ledger.DIDKeys{VerificationMethod: keys.VerificationMethod}
	for _, m := range keys.VerificationMethod {
		if m.PublicKeyJWK.Thumbprint() == thumbprint && slices.Contains(keys.CapabilityInvocation, m.ID) {
			only.CapabilityInvocation = []string{m.ID}
		}
	}
	return only
}

// distinct: a fragment names one thing of a document, a key or a service.
func distinct(d *ledger.DID) error {
	ids := map[string]bool{}
	for _, m := range d.Keys.VerificationMethod {
		ids[m.ID] = true
	}
	for i, s := range d.Service {
		if ids[s.ID] {
			return fault("the DID", fmt.Sprintf("service[%d].id", i), "is the id of a key")
		}
	}
	return nil
}

// keeper returns the organisation that controls a unit's DID: its maker until the
// unit first goes into service, then its owner, whoever that becomes: a unit that
// changes hands is out of service for a while, and its DID stays the owner's. What
// holds a unit up in between changes nothing.
func keeper(u *ledger.Unit) string {
	if u.Served {
		return u.Owner
	}
	state := u.State
	if state == ledger.StateHeld || state == ledger.StateQuarantined {
		state = u.Previous
	}
	switch state {
	case ledger.StateManufactured, ledger.StateRegistered, ledger.StateCertified:
		return u.Manufacturer
	}
	return u.Owner
}
