package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Roster returns who votes and who was removed. It fails with not_found as long
// as no organisation has registered.
func (s *Store) Roster(ctx context.Context) (fact.Row[ledger.Roster], error) {
	return one[ledger.Roster](ctx, s, "the roster", "roster WHERE members = ?", ledger.RosterMembers)
}

// DID returns the current document of a DID of the ledger.
func (s *Store) DID(ctx context.Context, did string) (fact.Row[ledger.DID], error) {
	return one[ledger.DID](ctx, s, "the DID", "did WHERE id = ?", did)
}

// DIDs lists the current documents that the filter leaves, by DID.
func (s *Store) DIDs(ctx context.Context, f fact.DIDFilter, req ledger.PageRequest) (fact.Page[ledger.DID], error) {
	l := listing{table: "did", order: []string{"id"}}
	l.narrow("kind", f.Kind)
	l.narrow("organisation", f.Organisation)
	return page[ledger.DID](ctx, s, l, req)
}

// DIDVersion returns one version of a document with its proof.
func (s *Store) DIDVersion(ctx context.Context, did string, revision int) (fact.Row[ledger.DIDVersion], error) {
	return one[ledger.DIDVersion](ctx, s, "the version of the DID", "did_version WHERE did = ? AND revision = ?", did, ledger.RevisionPart(revision))
}

// Trust returns whether the members take an issuer's credentials of a type.
func (s *Store) Trust(ctx context.Context, issuer, credentialType string) (fact.Row[ledger.TrustRow], error) {
	return one[ledger.TrustRow](ctx, s, "the issuer's row of the trust registry", "trust_row WHERE issuer = ? AND type = ?", issuer, credentialType)
}

// TrustRows lists the rows of the trust registry that the filter leaves, by
// issuer and credential type.
func (s *Store) TrustRows(ctx context.Context, f fact.TrustFilter, req ledger.PageRequest) (fact.Page[ledger.TrustRow], error) {
	l := listing{table: "trust_row", order: []string{"issuer", "type"}}
	l.narrow("issuer", f.Issuer)
	l.narrow("type", f.CredentialType)
	l.narrow("state", f.State)
	return page[ledger.TrustRow](ctx, s, l, req)
}

// Schema returns one version of a credential type's schema.
func (s *Store) Schema(ctx context.Context, credentialType, version string) (fact.Row[ledger.Schema], error) {
	return one[ledger.Schema](ctx, s, "the schema", "credential_schema WHERE type = ? AND version = ?", credentialType, version)
}

// Schemas lists the schemas of a credential type, or of all with an empty one, by
// type and the text of their version.
func (s *Store) Schemas(ctx context.Context, credentialType string, req ledger.PageRequest) (fact.Page[ledger.Schema], error) {
	l := listing{table: "credential_schema", order: []string{"type", "version"}}
	l.narrow("type", credentialType)
	return page[ledger.Schema](ctx, s, l, req)
}

// StatusList returns the version of a status list to which its issuer is committed.
func (s *Store) StatusList(ctx context.Context, issuer, list string) (fact.Row[ledger.StatusList], error) {
	return one[ledger.StatusList](ctx, s, "the status list", "status_list WHERE issuer = ? AND list = ?", issuer, list)
}

// StatusLists lists the status lists of an issuer, or of all with an empty one, by
// issuer and list.
func (s *Store) StatusLists(ctx context.Context, issuer string, req ledger.PageRequest) (fact.Page[ledger.StatusList], error) {
	l := listing{table: "status_list", order: []string{"issuer", "list"}}
	l.narrow("issuer", issuer)
	return page[ledger.StatusList](ctx, s, l, req)
}

// wantSchema notes the document of a schema that another member published: whoever
// votes on an issuer reads what it would issue.
func (s *Store) wantSchema(ctx context.Context, t *txn, credentialType, version string) error {
	var doc []byte
	found, err := t.get(ctx, `SELECT doc FROM credential_schema c WHERE type = ? AND version = ?
		AND NOT EXISTS (SELECT 1 FROM document WHERE kind = 'schema' AND digest = c.digest)`, []any{credentialType, version}, &doc)
	if err != nil {
		return fmt.Errorf("reading a schema: %w", err)
	}
	if !found {
		return nil
	}
	var schema ledger.Schema
	if err := json.Unmarshal(doc, &schema); err != nil {
		return fmt.Errorf("reading a schema: %w", err)
	}
	if schema.Author == s.options.Organisation {
		return nil
	}
	return t.fetch(ctx, fact.Fetch{
		Kind: fact.DocumentSchema, Digest: schema.Digest, Holder: schema.Author,
		Size: fact.MaxSchema, // the ledger does not state it; none is larger
		Path: "/v1/schemas/" + url.PathEscape(schema.CredentialType) + "/" + url.PathEscape(schema.Version),
	})
}
