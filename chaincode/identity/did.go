package identity

import (
	"strconv"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// CreateDID writes the first document of a DID. That a key of the document signed
// it proves that somebody holds the key, and keeps a mistyped one from locking
// its owner out.
func (c *Contract) CreateDID(ctx *state.Context, req ledger.CreateDID) (*ledger.DID, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	name, _ := ledger.ParseDID(req.DID)
	roster, err := state.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := inNetwork(roster, name); err != nil {
		return nil, err
	}
	if err := controls(ctx, name); err != nil {
		return nil, err
	}
	if err := checkControl(ctx, &req, req.Signature, req.DID, req.Keys); err != nil {
		return nil, err
	}
	now := ctx.Time()
	document := &ledger.DID{
		V: 1, ID: req.DID, Kind: name.Kind, Organisation: ctx.Caller().Org,
		Keys: req.Keys, Service: req.Service, AlsoKnownAs: req.AlsoKnownAs,
		Created: now, Updated: now, Revision: 1,
	}
	if err := distinct(document); err != nil {
		return nil, err
	}
	if err := state.DIDs.Create(ctx, document); err != nil {
		return nil, err
	}
	return keep(ctx, document, req.Signature, ledger.EventDIDCreated)
}

// RotateKeys replaces the keys of a document.
func (c *Contract) RotateKeys(ctx *state.Context, req ledger.RotateKeys) (*ledger.DID, error) {
	return edit{&req, req.DID, req.Revision, req.Signature, ledger.EventDIDKeysRotated}.make(ctx, currentKeys, func(d *ledger.DID) {
		d.Keys = req.Keys
	})
}

// SetServices replaces the services and other names of a document.
func (c *Contract) SetServices(ctx *state.Context, req ledger.SetServices) (*ledger.DID, error) {
	return edit{&req, req.DID, req.Revision, req.Signature, ledger.EventDIDServicesSet}.make(ctx, currentKeys, func(d *ledger.DID) {
		d.Service, d.AlsoKnownAs = req.Service, req.AlsoKnownAs
	})
}

// DeactivateDID ends a DID for good. Its earlier versions stay, for what was
// signed under them.
func (c *Contract) DeactivateDID(ctx *state.Context, req ledger.DeactivateDID) (*ledger.DID, error) {
	return edit{&req, req.DID, req.Revision, req.Signature, ledger.EventDIDDeactivated}.make(ctx, currentKeys, func(d *ledger.DID) {
		d.Keys, d.Service, d.AlsoKnownAs, d.Deactivated = ledger.DIDKeys{}, nil, nil, true
	})
}

// RecoverDID replaces keys that are lost, when a majority of the members agreed to
// the key that takes over. Neither they nor the subject's organisation can do it
// alone: the caller is the organisation, and the new key signs.
func (c *Contract) RecoverDID(ctx *state.Context, req ledger.RecoverDID) (*ledger.DID, error) {
	agreed := func(ctx *state.Context, current *ledger.DID) (ledger.DIDKeys, error) {
		if _, err := state.Member(ctx); err != nil {
			return ledger.DIDKeys{}, err
		}
		p, err := state.Carried(ctx, req.Proposal, ledger.ProposeRecoverDID, strconv.Itoa(current.Revision), req.Voters)
		if err != nil {
			return ledger.DIDKeys{}, err
		}
		if p.Subject.DID != req.DID {
			return ledger.DIDKeys{}, ledger.Problemf(ledger.CodeInvalid, "the proposal is about another DID")
		}
		return proposed(req.Keys, p.Subject.Key), nil
	}
	return edit{&req, req.DID, req.Revision, req.Signature, ledger.EventDIDRecovered}.make(ctx, agreed, func(d *ledger.DID) {
		d.Keys = req.Keys
	})
}

// edit is a change of a document that is there.
type edit struct {
	request interface {
		ledger.ControlRequest
		Validate() error
	}
	did       string
	revision  int
	signature string
	event     ledger.EventKind
}

// currentKeys are what a change is signed under: the keys of the document before
// it.
func currentKeys(_ *state.Context, current *ledger.DID) (ledger.DIDKeys, error) {
	return current.Keys, nil
}

// make makes the next version of a document, signed by a key that signers returns.
func (e edit) make(ctx *state.Context, signers func(*state.Context, *ledger.DID) (ledger.DIDKeys, error), apply func(*ledger.DID)) (*ledger.DID, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := e.request.Validate(); err != nil {
		return nil, err
	}
	current, err := state.DIDs.Get(ctx, ledger.DIDKey(e.did))
	if err != nil {
		return nil, err
	}
	name, _ := ledger.ParseDID(e.did)
	if err := controls(ctx, name); err != nil {
		return nil, err
	}
	if err := changeable(current, e.revision); err != nil {
		return nil, err
	}
	keys, err := signers(ctx, current)
	if err != nil {
		return nil, err
	}
	if err := checkControl(ctx, e.request, e.signature, e.did, keys); err != nil {
		return nil, err
	}
	next := *current
	next.Organisation, next.Updated, next.Revision = ctx.Caller().Org, ctx.Time(), e.revision
	apply(&next)
	if err := distinct(&next); err != nil {
		return nil, err
	}
	if err := state.DIDs.Update(ctx, &next); err != nil {
		return nil, err
	}
	return keep(ctx, &next, e.signature, e.event)
}

// keep writes the version that stays, and says what happened.
func keep(ctx *state.Context, document *ledger.DID, proof string, event ledger.EventKind) (*ledger.DID, error) {
	version := &ledger.DIDVersion{V: 1, Document: *document, Proof: proof, Tx: ctx.TxID()}
	if err := state.DIDVersions.Create(ctx, version); err != nil {
		return nil, err
	}
	subjects := []string{document.Organisation}
	if name, _ := ledger.ParseDID(document.ID); name.Unit != "" {
		subjects = append(subjects, name.Unit)
	}
	return document, ctx.Emit(event, document.Key(), subjects...)
}

// controls refuses a caller whose organisation does not control the DID's
// subject: itself, its issuers, the units that it makes until they are in
// service, and those that it has in service.
func controls(ctx *state.Context, name ledger.DIDName) error {
	org := name.Org
	if name.Kind == ledger.DIDDevice {
		unit, err := state.Units.Get(ctx, ledger.UnitKey(name.Unit))
		if err != nil {
			return err
		}
		org = keeper(unit)
	}
	if ctx.Caller().Org != org {
		return ledger.Problemf(ledger.CodeDenied, "the DID's subject is another organisation's")
	}
	return nil
}

// ResolveDID returns a version of a document, by default the current one.
func (c *Contract) ResolveDID(ctx *state.Context, req ledger.ResolveDID) (*ledger.DIDResolution, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	current, err := state.DIDs.Get(ctx, ledger.DIDKey(req.DID))
	if err != nil {
		return nil, err
	}
	revision := req.Revision
	if revision == 0 {
		revision = current.Revision
	}
	version, err := state.DIDVersions.Get(ctx, ledger.DIDVersionKey(req.DID, revision))
	if err != nil {
		return nil, err
	}
	return &ledger.DIDResolution{Version: *version, Current: current.Revision, Ended: current.Deactivated}, nil
}

// ListDIDs returns a page of current documents.
func (c *Contract) ListDIDs(ctx *state.Context, req ledger.PageRequest) (*ledger.DIDPage, error) {
	items, next, err := page(ctx, state.DIDs, "", req)
	if err != nil {
		return nil, err
	}
	return &ledger.DIDPage{Items: items, Next: next}, nil
}
