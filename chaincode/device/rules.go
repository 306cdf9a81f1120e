package device

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// fault is a request that can never succeed because of one field.
func fault(what, field, detail string) error {
	return &ledger.Problem{
		Code: ledger.CodeInvalid, Detail: what + " is not valid", Faults: []ledger.Fault{{Field: field, Detail: detail}},
	}
}

// registerModel makes a model; maker is the caller's organisation, nil when it
// is not registered.
func registerModel(maker *ledger.Organisation, req ledger.RegisterModel, now time.Time) (*ledger.Model, error) {
	if maker == nil || maker.Kind != ledger.KindManufacturer {
		return nil, ledger.Problemf(ledger.CodeDenied, "only a registered manufacturer registers models")
	}
	return &ledger.Model{
		V: 2, DI: req.DI, Name: req.Name, ModelNumber: req.ModelNumber, Manufacturer: maker.ID,
		EMDN: req.EMDN, RiskClass: req.RiskClass, Registered: now,
		BasicUDIDI: req.BasicUDIDI, SRN: req.SRN, SupportEnd: req.SupportEnd,
	}, nil
}

// assignModel gives a model to the maker that the members voted for, nil when it
// is not registered.
func assignModel(model *ledger.Model, maker *ledger.Organisation, proposal string, now time.Time) (*ledger.Model, error) {
	switch {
	case maker == nil || maker.Kind != ledger.KindManufacturer:
		return nil, ledger.Problemf(ledger.CodeInvalid, "the proposal is for an organisation that is no registered manufacturer")
	case maker.ID == model.Manufacturer:
		return nil, ledger.Problemf(ledger.CodeAlreadyExists, "the model is that organisation's")
	}
	next := *model
	next.V, next.Manufacturer = 2, maker.ID
	next.Assigned = &ledger.ModelAssigned{From: model.Manufacturer, Proposal: proposal, Time: now}
	return &next, nil
}

// owns refuses whoever does not make the model. That the organisation is a
// manufacturer was checked when it got the model, and its kind cannot change.
func owns(org string, model *ledger.Model) error {
	if model.Manufacturer != org {
		return ledger.Problemf(ledger.CodeDenied, "the model is another manufacturer's")
	}
	return nil
}

// publishRelease makes a release of the caller's model. before is the release
// that stands under its version, nil for none. It stays, also when whoever had the
// model before published it: units run it, and were assessed with it. did is the maker's document, nil for none.
func publishRelease(model *ledger.Model, before *ledger.Release, did *ledger.DID, req ledger.PublishRelease, now time.Time) (*ledger.Release, error) {
	if before != nil {
		return nil, ledger.Problemf(ledger.CodeAlreadyExists, "the release exists")
	}
	if err := signedByMaker(did, &req); err != nil {
		return nil, err
	}
	return &ledger.Release{
		V: 3, DI: model.DI, Version: req.Version,
		SBOMDigest: req.SBOMDigest, SBOMFormat: req.SBOMFormat, Published: now,
		Publisher: model.Manufacturer, Fixes: req.Fixes, Signature: req.Signature, Measurements: req.Measurements,
	}, nil
}

// signedByMaker wants a signature over the release's statement under a key of the
// maker's document that may sign assertions; none while it has no such key.
func signedByMaker(did *ledger.DID, req *ledger.PublishRelease) error {
	wrong := func(detail string) error { return fault("the release", "signature", detail) }
	capable := did != nil && !did.Deactivated && len(did.Keys.AssertionMethod) > 0
	switch {
	case !capable && req.Signature != "":
		return wrong("must not be stated while the organisation's DID has no key for assertions")
	case !capable:
		return nil
	case req.Signature == "":
		return wrong("must be stated: the organisation's DID has a key for assertions")
	}
	jws, err := verify.ParseJWS(req.Signature)
	if err != nil {
		return wrong("must be a JWS that can be read")
	}
	if jws.Bare() != nil {
		return wrong("must have a header of alg, typ and kid alone")
	}
	id, ofMaker := strings.CutPrefix(jws.KeyID, did.ID+"#")
	method, named := did.Keys.Method(did.Keys.AssertionMethod, id)
	switch {
	case jws.Type != ledger.ReleaseStatementType || !bytes.Equal(jws.Payload, req.Statement()):
		return wrong("must be over the statement of this release")
	case !ofMaker || !named:
		return wrong("must name a key for assertions of the organisation's DID")
	}
	key, err := verify.NewKey(method)
	if err != nil || jws.Verify(key) != nil {
		return wrong("must verify under the key that it names")
	}
	return nil
}

// registerUnit makes a unit of a model that the caller makes; owner is nil when
// that organisation is not registered, or none is named.
func registerUnit(model *ledger.Model, owner *ledger.Organisation, req ledger.RegisterUnit, now time.Time) (*ledger.Unit, error) {
	if req.Owner != "" {
		if err := hospital(owner, "the unit", "owner"); err != nil {
			return nil, err
		}
	}
	unit := &ledger.Unit{
		V: 2, ID: ledger.UnitID(model.Manufacturer, req.SerialMAC), DI: model.DI, Lot: req.Lot, Release: req.Release,
		Manufacturer: model.Manufacturer, Owner: req.Owner, PublicKey: req.PublicKey, IDevID: req.IDevID,
		State: ledger.StateRegistered, Certification: ledger.CertificationNone, Since: now, Revision: 1,
	}
	if req.Release == "" {
		unit.State = ledger.StateManufactured
	}
	return unit, nil
}

// hospital refuses an organisation that cannot own units; nil is one that is not
// registered.
func hospital(org *ledger.Organisation, what, field string) error {
	if org == nil || org.Kind != ledger.KindHospital {
		return fault(what, field, "must be a registered hospital")
	}
	return nil
}

// registerUnits makes the units of a chunk.
func registerUnits(model *ledger.Model, owner *ledger.Organisation, req ledger.RegisterUnits, now time.Time) ([]*ledger.Unit, error) {
	units := make([]*ledger.Unit, len(req.Units))
	for i, u := range req.Units {
		var err error
		units[i], err = registerUnit(model, owner, ledger.RegisterUnit{
			SerialMAC: u.SerialMAC, DI: req.DI, Lot: req.Lot, Release: req.Release, Owner: req.Owner, PublicKey: u.PublicKey, IDevID: u.IDevID,
		}, now)
		if err != nil {
			return nil, err
		}
	}
	return units, nil
}

// maxTold is how many units with other facts are told.
const maxTold = 20

// notRegistered returns those of the wanted units that do not stand yet; present
// are those that do, nil at the others' places.
func notRegistered(wanted, present []*ledger.Unit) ([]*ledger.Unit, error) {
	missing := make([]*ledger.Unit, 0, len(wanted))
	p := wrongChunk()
	for i, u := range wanted {
		switch {
		case present[i] == nil:
			missing = append(missing, u)
		case !sameFacts(u, present[i]) && len(p.Faults) < maxTold:
			p.Faults = append(p.Faults, ledger.Fault{
				Field: fmt.Sprintf("units[%d]", i), Detail: "is registered already, with other facts",
			})
		}
	}
	switch {
	case len(p.Faults) > 0:
		return nil, p
	case len(missing) == 0:
		return nil, ledger.Problemf(ledger.CodeAlreadyExists, "all units of the chunk are registered")
	}
	return missing, nil
}

// sameFacts reports whether a unit stands as it would be registered again. What
// its life may have changed since is not compared.
func sameFacts(wanted, present *ledger.Unit) bool {
	now := *present
	now.Upcast()
	same := now.DI == wanted.DI && now.Lot == wanted.Lot && now.PublicKey == wanted.PublicKey && now.IDevID == wanted.IDevID &&
		now.State != ledger.StateManufactured
	if now.Revision == wanted.Revision {
		same = same && now.Owner == wanted.Owner && now.Release == wanted.Release
	}
	return same
}

// completeUnit gives a manufactured unit its release, and its owner and keys
// where they are stated; owner is the row of the owner that it has then, nil when
// it is not registered.
func completeUnit(unit *ledger.Unit, owner *ledger.Organisation, req ledger.CompleteUnit) (*ledger.Unit, error) {
	if err := hospital(owner, "the unit", "owner"); err != nil {
		return nil, err
	}
	next := *unit
	next.State, next.Release, next.Owner = ledger.StateRegistered, req.Release, owner.ID
	if req.PublicKey != "" {
		next.PublicKey = req.PublicKey
	}
	if req.IDevID != "" {
		next.IDevID = req.IDevID
	}
	return &next, nil
}
