package identity

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// PublishSchema publishes a version of a credential type's schema.
func (c *Contract) PublishSchema(ctx *state.Context, req ledger.PublishSchema) (*ledger.Schema, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if _, err := state.Member(ctx); err != nil {
		return nil, err
	}
	s := &ledger.Schema{
		V: 1, CredentialType: req.CredentialType, Version: req.Version, Digest: req.Digest,
		Author: ctx.Caller().Org, Published: ctx.Time(),
	}
	if err := state.Schemas.Create(ctx, s); err != nil {
		return nil, err
	}
	return s, ctx.Emit(ledger.EventSchemaPublished, s.Key(), s.Author)
}

// CommitStatusList commits an issuer of the caller's organisation to the next
// version of a status list.
func (c *Contract) CommitStatusList(ctx *state.Context, req ledger.CommitStatusList) (*ledger.StatusList, error) {
	if err := ctx.Permit(ledger.RoleRegistrar); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	org := ctx.Caller().Org
	if name, _ := ledger.ParseDID(req.Issuer); name.Org != org {
		return nil, ledger.Problemf(ledger.CodeDenied, "the issuer is another organisation's")
	}
	issuer, err := state.DIDs.Get(ctx, ledger.DIDKey(req.Issuer))
	if err != nil {
		return nil, err
	}
	if issuer.Deactivated {
		return nil, ledger.Problemf(ledger.CodeGone, "the issuer's DID is deactivated")
	}
	previous, _, err := state.StatusLists.Find(ctx, ledger.StatusListKey(req.Issuer, req.List))
	if err != nil {
		return nil, err
	}
	next, err := commitList(previous, req, ctx.Time())
	if err != nil {
		return nil, err
	}
	if err := write(ctx, state.StatusLists, previous == nil, next); err != nil {
		return nil, err
	}
	return next, ctx.Emit(ledger.EventStatusListCommitted, next.Key(), org)
}

// GetTrust returns one row of the trust registry.
func (c *Contract) GetTrust(ctx *state.Context, req ledger.GetTrust) (*ledger.TrustRow, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.TrustRows.Get(ctx, ledger.TrustKey(req.Issuer, req.CredentialType))
}

// ListTrust returns a page of the trust registry.
func (c *Contract) ListTrust(ctx *state.Context, req ledger.ListTrust) (*ledger.TrustPage, error) {
	items, next, err := page(ctx, state.TrustRows, req.Issuer, req.Page)
	if err != nil {
		return nil, err
	}
	return &ledger.TrustPage{Items: items, Next: next}, nil
}

// GetSchema returns one version of a schema.
func (c *Contract) GetSchema(ctx *state.Context, req ledger.GetSchema) (*ledger.Schema, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.Schemas.Get(ctx, ledger.SchemaKey(req.CredentialType, req.Version))
}

// ListSchemas returns a page of schemas.
func (c *Contract) ListSchemas(ctx *state.Context, req ledger.ListSchemas) (*ledger.SchemaPage, error) {
	items, next, err := page(ctx, state.Schemas, req.CredentialType, req.Page)
	if err != nil {
		return nil, err
	}
	return &ledger.SchemaPage{Items: items, Next: next}, nil
}

// GetStatusList returns one status list's commitment.
func (c *Contract) GetStatusList(ctx *state.Context, req ledger.GetStatusList) (*ledger.StatusList, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.StatusLists.Get(ctx, ledger.StatusListKey(req.Issuer, req.List))
}

// ListStatusLists returns a page of status lists.
func (c *Contract) ListStatusLists(ctx *state.Context, req ledger.ListStatusLists) (*ledger.StatusListPage, error) {
	items, next, err := page(ctx, state.StatusLists, req.Issuer, req.Page)
	if err != nil {
		return nil, err
	}
	return &ledger.StatusListPage{Items: items, Next: next}, nil
}

// page lists the rows whose keys begin with a part, or all when it is empty.
func page[T any, P state.Record[T]](ctx *state.Context, table state.Table[T, P], first string, req ledger.PageRequest) ([]T, string, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, "", err
	}
	var parts []string
	if first != "" {
		parts = []string{first}
	}
	return table.List(ctx, parts, req)
}
