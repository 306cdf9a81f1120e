package identity

import (
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// register decides what an organisation's row becomes. The caller states the
// revision that it makes, so that of two changes made from the same row one is
// told; previous is nil for the first registration.
func register(previous *ledger.Organisation, req ledger.RegisterOrganisation, org string, now time.Time) (*ledger.Organisation, error) {
	next := &ledger.Organisation{
		V: 1, ID: org, Name: req.Name, Kind: req.Kind,
		Endpoint: req.Endpoint, TokenKey: req.TokenKey,
		Since: now, Revision: 1,
	}
	if previous != nil {
		next.Since, next.Revision = previous.Since, previous.Revision+1
	}
	switch {
	case req.Revision != next.Revision:
		return nil, ledger.Problemf(ledger.CodeConflict, "the organisation's next revision is %d", next.Revision)
	case previous != nil && previous.Kind != req.Kind:
		return nil, fault("the organisation", "kind", "cannot change once it is registered")
	}
	return next, nil
}

func fault(what, field, detail string) error {
	return &ledger.Problem{
		Code: ledger.CodeInvalid, Detail: what + " is not valid",
		Faults: []ledger.Fault{{Field: field, Detail: detail}},
	}
}

// join decides what the roster becomes when an organisation registers: nil when it
// stays as it is. A row that is older than the roster joins with its next change.
func join(roster *ledger.Roster, org, network string) (*ledger.Roster, error) {
	next := &ledger.Roster{V: 1, Revision: 1}
	if roster != nil {
		next = changed(roster)
	}
	switch {
	case slices.Contains(next.Removed, org):
		return nil, ledger.Problemf(ledger.CodeDenied, "the members removed the organisation")
	case network != "" && next.Network != "" && network != next.Network:
		return nil, fault("the organisation", "network", "is not the name that this network has")
	case next.Has(org) && (network == "" || network == next.Says(org)):
		return nil, nil //nolint:nilnil // no roster is the answer: nothing changes
	}
	next.Organisations = with(next.Organisations, org)
	if next.Network == "" && network != "" {
		note(next, org, network)
	}
	return next, nil
}

// note keeps which name a member says that the network has. One name holds as
// soon as enough state it: were the first one's word enough, it could keep all
// others from registering.
func note(roster *ledger.Roster, org, network string) {
	stated := append(unstated(roster.Stated, org), ledger.StatedNetwork{Organisation: org, Network: network})
	slices.SortFunc(stated, func(a, b ledger.StatedNetwork) int { return strings.Compare(a.Organisation, b.Organisation) })
	same := 0
	for _, s := range stated {
		if s.Network == network {
			same++
		}
	}
	if roster.Stated = stated; same >= ledger.MinVoters {
		roster.Network, roster.Stated = network, nil
	}
}

// unstated returns a copy of what was stated without what the organisation said;
// nil when nothing is left.
func unstated(list []ledger.StatedNetwork, org string) []ledger.StatedNetwork {
	var rest []ledger.StatedNetwork
	for _, s := range list {
		if s.Organisation != org {
			rest = append(rest, s)
		}
	}
	return rest
}

// remove takes an organisation off the roster.
func remove(roster *ledger.Roster, org string) (*ledger.Roster, error) {
	switch {
	case !roster.Has(org):
		return nil, ledger.Problemf(ledger.CodeNotFound, "the organisation is not on the roster")
	case len(roster.Organisations) <= ledger.MinVoters:
		return nil, ledger.Problemf(ledger.CodeDenied, "%d organisations stay on the roster, or nothing could be decided", ledger.MinVoters)
	}
	next := changed(roster)
	next.Organisations, next.Removed = without(roster.Organisations, org), with(roster.Removed, org)
	next.Stated = unstated(roster.Stated, org)
	return next, nil
}

// readmit puts an organisation that was removed back on the roster.
func readmit(roster *ledger.Roster, org string) (*ledger.Roster, error) {
	if !slices.Contains(roster.Removed, org) {
		return nil, ledger.Problemf(ledger.CodeNotFound, "the organisation was not removed from the roster")
	}
	next := changed(roster)
	next.Organisations, next.Removed = with(roster.Organisations, org), without(roster.Removed, org)
	return next, nil
}

// changed copies the roster under its next revision.
func changed(roster *ledger.Roster) *ledger.Roster {
	next := *roster
	next.Revision++
	return &next
}

// with returns a sorted copy of the list that holds s.
func with(list []string, s string) []string {
	at, found := slices.BinarySearch(list, s)
	if found {
		return list
	}
	return slices.Insert(slices.Clone(list), at, s)
}

// without returns a copy of the list that does not hold s.
func without(list []string, s string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(e string) bool { return e == s })
}

// accept makes the row of an accepted issuer; row is nil for the first time.
func accept(row *ledger.TrustRow, p *ledger.Proposal, now time.Time) *ledger.TrustRow {
	next := &ledger.TrustRow{
		V: 1, Issuer: p.Subject.Issuer, CredentialType: p.Subject.CredentialType, State: ledger.TrustAccepted,
		Schema: p.Subject.Schema, Since: now, Proposal: p.ID, Revision: 1,
	}
	if row != nil {
		next.Revision = row.Revision + 1
	}
	return next
}

// strikable: only an accepted issuer is struck off.
func strikable(row *ledger.TrustRow) error {
	switch {
	case row == nil:
		return ledger.Problemf(ledger.CodeNotFound, "the issuer was never accepted for this credential type")
	case row.State != ledger.TrustAccepted:
		return ledger.Problemf(ledger.CodeAlreadyExists, "the issuer is struck off for this credential type")
	}
	return nil
}

// strike ends the acceptance of an issuer.
func strike(row *ledger.TrustRow, p *ledger.Proposal, now time.Time) (*ledger.TrustRow, error) {
	if err := strikable(row); err != nil {
		return nil, err
	}
	next := *row
	next.State, next.Since, next.Proposal, next.Revision = ledger.TrustStruck, now, p.ID, row.Revision+1
	return &next, nil
}

// commitList decides what a status list's row becomes; previous is nil for the
// first version.
func commitList(previous *ledger.StatusList, req ledger.CommitStatusList, now time.Time) (*ledger.StatusList, error) {
	version := 1
	if previous != nil {
		version = previous.Version + 1
	}
	switch {
	case req.Version != version:
		return nil, ledger.Problemf(ledger.CodeConflict, "the status list's next version is %d", version)
	case !req.ValidUntil.After(now):
		return nil, fault("the status list", "validUntil", "must be after the time of the transaction")
	case req.ValidUntil.Sub(now) > ledger.MaxStatusLife:
		return nil, fault("the status list", "validUntil", "must be at most 31 days after the time of the transaction")
	}
	return &ledger.StatusList{
		V: 1, Issuer: req.Issuer, List: req.List, Version: version, Digest: req.Digest,
		ValidUntil: req.ValidUntil.UTC(), Time: now,
	}, nil
}
