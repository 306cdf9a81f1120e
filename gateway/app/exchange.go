package app

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/sanitise"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/exchange"
	"github.com/secant-platform/secant/gateway/vault"
)

// sealedVault keeps sealed reports under keys of the vault's subjects, each of which is
// destroyed alone.
type sealedVault struct{ *vault.Vault }

func (v sealedVault) subject(name string) vault.ID {
	return v.ID([]byte("secant/exchange/subject/v1"), []byte(name))
}

// Keep encrypts plain under a key of its own.
func (v sealedVault) Keep(name string, plain []byte) (slot uint64, wrapped, sealed []byte, err error) {
	if slot, err = v.NeedSubject(v.subject(name)); err != nil {
		if errors.Is(err, vault.ErrFull) {
			return 0, nil, nil, ledger.Problemf(ledger.CodeUnavailable, "the vault has no room: ask whoever runs the node")
		}
		return 0, nil, nil, err
	}
	room := slices.Grow(slices.Clone(plain), vault.PartOverhead)
	if wrapped, sealed, err = v.SealPart(slot, []byte(name), nil, room); err != nil {
		return 0, nil, nil, gone(err)
	}
	return slot, wrapped, sealed, v.SyncSubjects()
}

// Open decrypts what Keep made.
func (v sealedVault) Open(name string, slot uint64, wrapped, sealed []byte) ([]byte, error) {
	plain, err := v.OpenPart(slot, []byte(name), wrapped, sealed)
	return plain, gone(err)
}

func gone(err error) error {
	if errors.Is(err, vault.ErrSubjectErased) {
		return ledger.Problemf(ledger.CodeGone, "its key was destroyed")
	}
	return err
}

// Erase destroys the key of name. What else is known of it is the caller's.
func (v sealedVault) Erase(name string) error {
	slots, err := v.EraseSubject(v.subject(name))
	if err != nil {
		return err
	}
	for _, slot := range slots {
		if err := v.FinishSubject(slot); err != nil {
			return err
		}
	}
	return nil
}

// Derive returns what follows from parts under the vault's key.
func (v sealedVault) Derive(parts ...[]byte) (derived [32]byte) {
	for i, half := range []string{"1", "2"} {
		id := v.ID(slices.Concat([][]byte{[]byte("secant/exchange/derive/v1"), []byte(half)}, parts)...)
		copy(derived[16*i:], id[:])
	}
	return derived
}

// openExchange makes what exchanges sealed reports with other members.
func (n *node) openExchange(router *auth.Router) (err error) {
	n.exchange, err = exchange.New(exchange.Deps{
		Organisation: n.cfg.Organisation, Network: n.trust.Trust().Network, Key: n.key,
		Store: n.store, Vault: sealedVault{n.vault}, Members: memberKeys{n.store}, Call: n.worker.Call,
		Submit: func(ctx context.Context, name string, request any) error {
			_, err := n.worker.DoOnce(ctx, "", ledger.RoleSharer, name, request)
			return err
		},
		Judge: func(body []byte, marking string) error {
			r, err := cti.ParseBundle(body)
			if err != nil {
				return err
			}
			return r.Permits(marking)
		},
		Subscribe: n.worker.Hub().Subscribe, Wake: n.worker.Hub().Wake, Logger: n.logger, Metrics: n.reg, Pace: n.pace,
	})
	if err != nil {
		return err
	}
	n.exchange.Register(router)
	n.witness = &witness{
		organisation: n.cfg.Organisation, period: n.cfg.Exchange.SightingsEvery(), store: n.store, commands: commands{n.worker}, exchange: n.exchange,
		derive: sealedVault{n.vault}.Derive, subscribe: n.worker.Hub().Subscribe, logger: n.logger, now: time.Now,
	}
	n.correlator.witness = n.witness
	return nil
}

// match judges a report that is assessed: one that is sealed is opened for it.
func (n *node) match(a *assessor) func(context.Context, ledger.Threat, []byte, []fact.Device) (fact.Assessment, error) {
	return func(ctx context.Context, shared ledger.Threat, body []byte, devices []fact.Device) (fact.Assessment, error) {
		collection := a.shared
		if len(body) == 0 {
			var err error
			body, err = n.exchange.Body(ctx, shared.Digest)
			switch code := ledger.CodeOf(err); {
			case code == ledger.CodeGone || code == ledger.CodeNotFound:
				return fact.Assessment{}, nil // it was withdrawn at this very moment
			case err != nil:
				return fact.Assessment{}, fmt.Errorf("opening a sealed report: %w", err)
			}
			collection = a.sealed
			if shared.Marking == ledger.TLPRed {
				collection = "" // for the eyes of the named; programs pass on what they fetch
			}
		}
		return a.match(ctx, shared, body, collection, devices)
	}
}

// sanitising are the rules by which what is shared is sanitised.
func (n *node) sanitising() sanitise.Rules {
	said := n.cfg.Exchange.Sanitise
	r := sanitise.Rules{
		Networks: n.cfg.Exchange.Networks, Domains: said.Domains, Hosts: said.Hosts, Fields: said.Fields,
		Seed: sealedVault{n.vault}.Derive([]byte("secant/sanitise/v1")),
	}
	if len(r.Fields) == 0 {
		r.Fields = []string{"identity.name", "identity.contact_information", "user-account.display_name", "user-account.account_login", "email-addr.display_name"}
	}
	for _, one := range said.Rules {
		r.Custom = append(r.Custom, sanitise.Custom{Name: one.Name, Pattern: regexp.MustCompile(one.Pattern), With: one.With})
	}
	return r
}

// ownNames are what a report that bears another's name must not hold.
func (n *node) ownNames() []string {
	all := slices.Concat([]string{n.cfg.Organisation, n.cfg.DisplayName}, n.cfg.Exchange.Sanitise.Domains, n.cfg.Exchange.Sanitise.Hosts)
	if n.identity != nil {
		all = append(all, n.identity.name.String())
	}
	for _, address := range append(n.addresses(), n.cfg.Endpoint) {
		u, err := url.Parse(address)
		if err != nil {
			continue
		}
		if _, err := netip.ParseAddr(u.Hostname()); err != nil && u.Hostname() != "localhost" {
			all = append(all, u.Hostname())
		}
	}
	return all
}
