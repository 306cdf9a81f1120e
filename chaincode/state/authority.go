package state

import "github.com/secant-platform/secant/chaincode/ledger"

// Authority refuses a caller whose organisation is not registered as an authority,
// or is no longer a member: its row stays when the members vote it off.
func Authority(ctx *Context) error {
	if _, err := Member(ctx); err != nil {
		return err
	}
	org, _, err := Organisations.Find(ctx, ledger.OrganisationKey(ctx.Caller().Org))
	if err != nil {
		return err
	}
	if org == nil || org.Kind != ledger.KindAuthority {
		return ledger.Problemf(ledger.CodeDenied, "only a registered authority does this")
	}
	return nil
}
