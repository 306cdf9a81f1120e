package resolver

import (
	"context"
	"net/url"
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
)

// knows reports whether a host's documents are fetched for anyone who asks: the
// operator lists it, or it is a member's.
func (h *handler) knows(ctx context.Context, host string) (bool, error) {
	if slices.Contains(h.Hosts, host) {
		return true, nil
	}
	roster, err := h.Members.Roster(ctx)
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound { // without a roster nobody can be removed
		return false, err
	}
	for page := (ledger.PageRequest{Size: ledger.MaxPageSize}); ; {
		list, err := h.Members.Organisations(ctx, page)
		if err != nil {
			return false, err
		}
		for i := range list.Items {
			org := &list.Items[i].Record
			if slices.Contains(roster.Record.Removed, org.ID) {
				continue
			}
			if ok, err := h.isOf(ctx, org, host); ok || err != nil {
				return ok, err
			}
		}
		if page.Bookmark = list.Next; list.Next == "" {
			return false, nil
		}
	}
}

// isOf reports whether a host is a member's: it is where its node answers other
// nodes by HTTPS, or the document of the member or of its node's issuer says on
// the ledger that they are there.
func (h *handler) isOf(ctx context.Context, org *ledger.Organisation, host string) (bool, error) {
	if hostOf(org.Endpoint) == host {
		return true, nil
	}
	for _, id := range []string{ledger.OrganisationDID(h.Network, org.ID), ledger.IssuerDID(h.Network, org.ID, h.Issuer)} {
		row, err := h.Documents.DID(ctx, id)
		if ledger.CodeOf(err) == ledger.CodeNotFound {
			continue
		}
		if err != nil {
			return false, err
		}
		if names(&row.Record, host) {
			return true, nil
		}
	}
	return false, nil
}

// names reports whether a document names a host: as a service's, or in another
// name of its subject.
func names(d *ledger.DID, host string) bool {
	return slices.ContainsFunc(d.AlsoKnownAs, func(alias string) bool {
		if address, err := did.WebAddress(alias); err == nil {
			alias = address
		}
		return hostOf(alias) == host
	}) || slices.ContainsFunc(d.Service, func(s ledger.Service) bool { return hostOf(s.ServiceEndpoint) == host })
}

// hostOf is the host of an https address; empty for any other text.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" {
		return ""
	}
	return u.Host
}
