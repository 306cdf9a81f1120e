package app

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/did"
)

// identityStore is the read model's part about identities.
type identityStore interface {
	memberStore
	DID(ctx context.Context, did string) (fact.Row[ledger.DID], error)
	Trust(ctx context.Context, issuer, credentialType string) (fact.Row[ledger.TrustRow], error)
	StatusList(ctx context.Context, issuer, list string) (fact.Row[ledger.StatusList], error)
	Unit(ctx context.Context, id string) (fact.Row[ledger.Unit], error)
}

// typeWebHost is the type of the service of an issuer's document that names the
// host at which the same issuer is a did:web (DIF Well Known DID Configuration).
const typeWebHost = "LinkedDomains"

// issuers knows the issuers of the consortium, under both of their names.
type issuers struct {
	store    identityStore
	resolver *did.Resolver
	network  string
	host     string // of this node as those outside name it
	org      string // whose node this is
}

// secant returns the DID on the ledger of the member's issuer that a did:web
// names: it is the one whose document says that it is at home at that host. This
// node's own host is its organisation's, whatever others say. Of several members who
// say so, the host itself names the one, so that nobody locks another out by a
// claim. Whoever takes over a host gains nothing beyond that: the keys are the
// ledger's, and what they sign counts as said by their own organisation.
// An https host by itself names the issuer of a member's credentials that is at home
// there.
func (i *issuers) secant(ctx context.Context, name string) (string, error) {
	if host, ok := strings.CutPrefix(name, "https://"); ok {
		var err error
		if name, err = did.WebName(host, ledger.DIDName{Kind: ledger.DIDIssuer, Label: issuerLabel}); err != nil {
			return "", unknownIssuer()
		}
	}
	if !strings.HasPrefix(name, "did:web:") {
		return name, nil
	}
	address, err := did.WebAddress(name)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", ledger.Problemf(ledger.CodeInvalid, "the issuer's name is no did:web")
	}
	roster, err := i.store.Roster(ctx)
	if err != nil {
		return "", err
	}
	var claims []string
	for _, org := range roster.Record.Organisations {
		if u.Host == i.host && org != i.org {
			continue
		}
		id, ok := did.ParseWebName(name, u.Host, i.network, org)
		if !ok {
			return "", unknownIssuer()
		}
		row, err := i.store.DID(ctx, id.String())
		switch {
		case ledger.CodeOf(err) == ledger.CodeNotFound:
		case err != nil:
			return "", err
		case !row.Record.Deactivated && at(&row.Record, u.Host) && !slices.Contains(claims, row.Record.ID): // a device is one, whosever
			claims = append(claims, row.Record.ID)
		}
	}
	switch len(claims) {
	case 0:
		return "", unknownIssuer()
	case 1:
		return claims[0], nil
	}
	return i.atHome(ctx, name, claims)
}

// atHome asks a host which of several issuers it is the home of: the document that
// it publishes under the did:web says which DID of the ledger is the same.
func (i *issuers) atHome(ctx context.Context, name string, claims []string) (string, error) {
	res, err := i.resolver.Resolve(ctx, name, did.Options{})
	if err != nil {
		return "", fmt.Errorf("%w: %w", ledger.Problemf(ledger.CodeUnavailable,
			"several members say that they are at home at the issuer's host, which does not say who is"), err)
	}
	found := ""
	for _, id := range claims {
		switch {
		case !slices.Contains(res.Document.AlsoKnownAs, id):
		case found != "":
			return "", ledger.Problemf(ledger.CodeDenied, "the issuer's host is the home of several members")
		default:
			found = id
		}
	}
	if found == "" {
		return "", unknownIssuer()
	}
	return found, nil
}

func unknownIssuer() error {
	return ledger.Problemf(ledger.CodeNotFound, "the issuer is no member's")
}

// at reports whether a document says that its subject is at home at a host.
func at(d *ledger.DID, host string) bool {
	for _, s := range d.Service {
		if s.Type == typeWebHost && s.ServiceEndpoint == "https://"+host {
			return true
		}
	}
	return false
}

// web returns the did:web of an issuer of the ledger, empty when it has none.
func (i *issuers) web(ctx context.Context, issuer string) string {
	name, ok := ledger.ParseDID(issuer)
	if !ok {
		return ""
	}
	row, err := i.store.DID(ctx, issuer)
	if err != nil {
		return ""
	}
	for _, s := range row.Record.Service {
		if host, isHTTPS := strings.CutPrefix(s.ServiceEndpoint, "https://"); s.Type == typeWebHost && isHTTPS {
			if name, err := did.WebName(host, name); err == nil {
				return name
			}
		}
	}
	return ""
}

// Key returns a key of a party. Those of members' issuers are the ledger's, also
// when they are named by did:web: so nobody who takes over a host has them.
func (i *issuers) Key(ctx context.Context, party, keyID, relationship string, at time.Time) (ledger.JWK, error) {
	id, keyID, err := i.onLedger(ctx, party, keyID)
	if err != nil {
		return ledger.JWK{}, err
	}
	return i.resolver.Key(ctx, id, keyID, relationship, at)
}

// onLedger returns a party and its key as the ledger names them, where it does.
func (i *issuers) onLedger(ctx context.Context, party, keyID string) (id, key string, err error) {
	if id, err = i.secant(ctx, party); err != nil {
		return "", "", err
	}
	if fragment, ok := strings.CutPrefix(keyID, party+"#"); ok {
		keyID = id + "#" + fragment
	}
	return id, keyID, nil
}

// Standing returns what the members think of an issuer for a credential type.
func (i *issuers) Standing(ctx context.Context, issuer, credentialType string) (*check.Standing, error) {
	id, err := i.secant(ctx, issuer)
	if err != nil {
		return nil, err
	}
	name, ok := ledger.ParseDID(id)
	if !ok || name.Kind == ledger.DIDDevice {
		return nil, unknownIssuer()
	}
	trust, err := i.store.Trust(ctx, id, credentialType)
	if err != nil {
		return nil, err
	}
	organisation, err := i.store.Organisation(ctx, name.Org)
	if err != nil {
		return nil, err
	}
	roster, err := i.store.Roster(ctx)
	if err != nil {
		return nil, err
	}
	return check.StandingOf(&trust.Record, &organisation.Record, &roster.Record), nil
}

// UnitKey returns the key with which a device of the ledger signs.
func (i *issuers) UnitKey(ctx context.Context, unit string) (ledger.JWK, error) {
	row, err := i.store.Unit(ctx, unit)
	if err != nil {
		return ledger.JWK{}, err
	}
	key := row.Record.SigningKey()
	if key == nil {
		return ledger.JWK{}, ledger.Problemf(ledger.CodeNotFound, "the device is registered as one that cannot sign")
	}
	return ledger.JWKOf(key)
}

// names lists the names of an issuer beside its DID on the ledger.
func (i *issuers) names(ctx context.Context, issuer string) []string {
	if web := i.web(ctx, issuer); web != "" {
		return []string{web}
	}
	return nil
}
