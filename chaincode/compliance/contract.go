package compliance

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// Contract holds the transactions "compliance:...".
type Contract struct{ state.Contract }

// New returns the contract.
func New(o state.Options) *Contract { return &Contract{state.NewContract("compliance", o)} }

// PublishCatalogue publishes a version of a catalogue of controls.
func (c *Contract) PublishCatalogue(ctx *state.Context, req ledger.PublishCatalogue) (*ledger.Catalogue, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if _, err := state.Member(ctx); err != nil {
		return nil, err
	}
	catalogue := &ledger.Catalogue{
		V: 1, Name: req.Name, Version: req.Version, Digest: req.Digest, Controls: req.Controls,
		Author: ctx.Caller().Org, Published: ctx.Time(),
	}
	if err := state.Catalogues.Create(ctx, catalogue); err != nil {
		return nil, err
	}
	return catalogue, ctx.Emit(ledger.EventCataloguePublished, catalogue.Key(), catalogue.Author)
}

// AcceptCatalogue puts a version of a catalogue into use, as the members voted.
func (c *Contract) AcceptCatalogue(ctx *state.Context, req ledger.AcceptCatalogue) (*ledger.CatalogueInUse, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if _, err := state.Member(ctx); err != nil {
		return nil, err
	}
	p, err := state.OpenProposal(ctx, req.Proposal)
	if err != nil {
		return nil, err
	}
	if p.Kind != ledger.ProposeAcceptCatalogue {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the proposal is of another kind")
	}
	base, err := state.Acceptable(ctx, p.Subject.Catalogue)
	if err != nil {
		return nil, err
	}
	name, version, _ := ledger.SplitCatalogue(p.Subject.Catalogue)
	catalogue, err := state.Catalogues.Get(ctx, ledger.CatalogueKey(name, version))
	if err != nil {
		return nil, err
	}
	before, found, err := state.CataloguesInUse.Find(ctx, ledger.CatalogueInUseKey(name))
	if err != nil {
		return nil, err
	}
	next := accept(before, catalogue, p.ID, ctx.Time())
	if _, err := state.Carried(ctx, p.ID, p.Kind, base, req.Voters); err != nil {
		return nil, err
	}
	if found {
		err = state.CataloguesInUse.Update(ctx, next)
	} else {
		err = state.CataloguesInUse.Create(ctx, next)
	}
	if err != nil {
		return nil, err
	}
	return next, ctx.Emit(ledger.EventCatalogueAccepted, next.Key(), p.By, catalogue.Author)
}

// again writes a record that must not exist under the catalogue that it is of. What
// was said under another, which means nothing any more, it takes the place of: else
// no document would serve twice once the members have accepted another version.
func again[T any, P state.Record[T]](ctx *state.Context, rows state.Table[T, P], r P, same func(before P) bool) error {
	before, found, err := rows.Find(ctx, r.Key())
	switch {
	case err != nil:
		return err
	case found && !same(before):
		return rows.Update(ctx, r)
	}
	return rows.Create(ctx, r)
}

// RecordEvidence records that a unit's owner, its maker or an authority has
// evidence of a control.
func (c *Contract) RecordEvidence(ctx *state.Context, req ledger.RecordEvidence) (*ledger.Evidence, error) {
	if err := ctx.PermitOneOf(ledger.RoleCustodian, ledger.RoleRegistrar, ledger.RoleCertifier); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	who, err := answersFor(ctx, req.SubjectKind, req.Subject)
	if err != nil {
		return nil, err
	}
	if _, err := control(ctx, req.Catalogue, req.Control); err != nil {
		return nil, err
	}
	evidence, err := record(req, ctx.Caller().Org, who.party, ctx.Time())
	if err != nil {
		return nil, err
	}
	if err := again(ctx, state.EvidenceRows, evidence, func(before *ledger.Evidence) bool { return before.Catalogue == evidence.Catalogue }); err != nil {
		return nil, err
	}
	return evidence, ctx.Emit(ledger.EventEvidenceRecorded, evidence.Key(), who.concerned...)
}

// Assess records what a unit's owner, its maker or an authority got when it judged
// the unit by all controls of the catalogue in use.
func (c *Contract) Assess(ctx *state.Context, req ledger.AssessControls) (*ledger.ControlAssessment, error) {
	if err := ctx.PermitOneOf(ledger.RoleCustodian, ledger.RoleRegistrar, ledger.RoleCertifier); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	who, err := answersFor(ctx, ledger.SubjectDevice, req.Unit)
	if err != nil {
		return nil, err
	}
	catalogue, err := inUse(ctx, req.Catalogue)
	if err != nil {
		return nil, err
	}
	excepted, err := exceptions(ctx, who.unit, req.Exceptions)
	if err != nil {
		return nil, err
	}
	assessment, err := assess(who.unit, catalogue, excepted, req, ctx.Time())
	if err != nil {
		return nil, err
	}
	if !assessment.ValidTo.IsZero() {
		if err := notRecalled(ctx, who.unit); err != nil {
			return nil, err
		}
	}
	assessment.Assessor, assessment.Party = ctx.Caller().Org, who.party
	if err := state.ControlAssessments.Create(ctx, assessment); err != nil {
		return nil, err
	}
	return assessment, ctx.Emit(ledger.EventControlsAssessed, assessment.Key(), who.concerned...)
}

// GrantException takes a unit or a model out of a control for a while, as an
// authority decides and a person signs.
func (c *Contract) GrantException(ctx *state.Context, req ledger.GrantException) (*ledger.Exception, error) {
	if err := ctx.Permit(ledger.RoleCertifier); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if err := state.Authority(ctx); err != nil {
		return nil, err
	}
	who, err := answersFor(ctx, req.SubjectKind, req.Subject)
	if err != nil {
		return nil, err
	}
	of, err := control(ctx, req.Catalogue, req.Control)
	if err != nil {
		return nil, err
	}
	exception, err := grant(of, req, ctx.Caller().Org, ctx.Time())
	if err != nil {
		return nil, err
	}
	_, ended, err := state.ExceptionEnds.Find(ctx, ledger.ExceptionEndKey(req.SubjectKind, req.Subject, req.Control, req.ReasonDigest))
	if err != nil {
		return nil, err
	}
	if ended {
		return nil, ledger.Problemf(ledger.CodeGone, "the exception for that reason was ended for good")
	}
	signed, err := ctx.Persons(state.Need{Record: exception.Key(), CredentialType: ledger.CredentialAssessor, Count: 1})
	if err != nil {
		return nil, err
	}
	for _, p := range signed {
		exception.Persons = append(exception.Persons, ledger.PersonActed{Organisation: p.Organisation, Statement: p.Commitment})
	}
	if err := again(ctx, state.Exceptions, exception, func(before *ledger.Exception) bool { return before.Catalogue == exception.Catalogue }); err != nil {
		return nil, err
	}
	return exception, ctx.Emit(ledger.EventExceptionGranted, exception.Key(), who.concerned...)
}

// EndException ends an exception before its time.
func (c *Contract) EndException(ctx *state.Context, req ledger.EndException) (*ledger.ExceptionEnd, error) {
	if err := ctx.Permit(ledger.RoleCertifier); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if err := state.Authority(ctx); err != nil {
		return nil, err
	}
	who, err := answersFor(ctx, req.SubjectKind, req.Subject)
	if err != nil {
		return nil, err
	}
	if _, err := state.Exceptions.Get(ctx, ledger.ExceptionKey(req.SubjectKind, req.Subject, req.Control, req.ReasonDigest)); err != nil {
		return nil, err
	}
	end := &ledger.ExceptionEnd{
		V: 1, SubjectKind: req.SubjectKind, Subject: req.Subject, Control: req.Control, ReasonDigest: req.ReasonDigest,
		By: ctx.Caller().Org, Time: ctx.Time(),
	}
	if err := state.ExceptionEnds.Create(ctx, end); err != nil {
		return nil, err
	}
	return end, ctx.Emit(ledger.EventExceptionEnded, end.Key(), who.concerned...)
}
