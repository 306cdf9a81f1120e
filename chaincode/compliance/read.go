package compliance

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// GetCatalogue returns one version of a catalogue.
func (c *Contract) GetCatalogue(ctx *state.Context, req ledger.GetCatalogue) (*ledger.Catalogue, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.Catalogues.Get(ctx, ledger.CatalogueKey(req.Name, req.Version))
}

// ListCatalogues returns a page of catalogues.
func (c *Contract) ListCatalogues(ctx *state.Context, req ledger.ListCatalogues) (*ledger.CataloguePage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	var parts []string
	if req.Name != "" {
		parts = []string{req.Name}
	}
	items, next, err := state.Catalogues.List(ctx, parts, req.Page)
	if err != nil {
		return nil, err
	}
	return &ledger.CataloguePage{Items: items, Next: next}, nil
}

// GetInUse returns which version of a catalogue is in use.
func (c *Contract) GetInUse(ctx *state.Context, req ledger.GetCatalogueInUse) (*ledger.CatalogueInUse, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.CataloguesInUse.Get(ctx, ledger.CatalogueInUseKey(req.Name))
}

// GetAssessment returns one assessment.
func (c *Contract) GetAssessment(ctx *state.Context, req ledger.GetAssessment) (*ledger.ControlAssessment, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.ControlAssessments.Get(ctx, ledger.ControlAssessmentKey(req.Unit, req.ResultDigest, req.Assessor))
}

// ListAssessments returns a page of the assessments of one unit.
func (c *Contract) ListAssessments(ctx *state.Context, req ledger.ListAssessments) (*ledger.AssessmentPage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	items, next, err := state.ControlAssessments.List(ctx, []string{req.Unit}, req.Page)
	if err != nil {
		return nil, err
	}
	return &ledger.AssessmentPage{Items: items, Next: next}, nil
}

// ListEvidence returns a page of the evidence of one unit or model.
func (c *Contract) ListEvidence(ctx *state.Context, req ledger.ListEvidence) (*ledger.EvidencePage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	items, next, err := state.EvidenceRows.List(ctx, []string{req.SubjectKind, req.Subject}, req.Page)
	if err != nil {
		return nil, err
	}
	return &ledger.EvidencePage{Items: items, Next: next}, nil
}

// ListExceptions returns a page of the exceptions of one unit or model.
func (c *Contract) ListExceptions(ctx *state.Context, req ledger.ListExceptions) (*ledger.ExceptionPage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	items, next, err := state.Exceptions.List(ctx, []string{req.SubjectKind, req.Subject}, req.Page)
	if err != nil {
		return nil, err
	}
	return &ledger.ExceptionPage{Items: items, Next: next}, nil
}
