// Package admit decides which devices may hand in readings at a node, for every
// protocol in which they do.
package admit

import (
	"context"
	"crypto/ed25519"
	"sync"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Units finds devices. It fails with ledger.CodeNotFound for one that is not on
// the ledger.
type Units interface {
	Unit(ctx context.Context, id string) (fact.Row[ledger.Unit], error)
	// Speaks reports whether a source has a name for a unit.
	Speaks(ctx context.Context, source, unit string) (bool, error)
}

// Devices are the devices of an organisation. It remembers for a moment who they
// are, so that one that sends a thousand requests a second is not looked up a
// thousand times: what it says may be a second old, as the ledger's own news.
type Devices struct {
	organisation string
	units        Units

	mu    sync.RWMutex
	known map[string]device
}

type device struct {
	owner, state string
	key          ed25519.PublicKey // nil: it cannot sign
	until        time.Time
}

const (
	life       = time.Second
	maxDevices = 10_000
)

// New makes the devices of an organisation (MSP id).
func New(organisation string, units Units) *Devices {
	return &Devices{organisation: organisation, units: units, known: map[string]device{}}
}

// Admit lets pass a device of the own organisation that is in service, and
// returns the key under which it signs when it says that it does. Problems:
// not_found, and denied for whatever is wrong with the device.
func (d *Devices) Admit(ctx context.Context, unit proof.Hash, signed bool) (ed25519.PublicKey, error) {
	u, err := d.find(ctx, unit.String())
	if err != nil {
		return nil, err
	}
	switch {
	case u.owner != d.organisation:
		return nil, ledger.Problemf(ledger.CodeDenied, "the device is not this organisation's")
	case u.state != ledger.StateInService && u.state != ledger.StateHeld: // held stops nothing
		return nil, ledger.Problemf(ledger.CodeDenied, "the device is not in service")
	case signed && u.key == nil:
		return nil, ledger.Problemf(ledger.CodeDenied, "the device is registered as one that cannot sign")
	case !signed:
		return nil, nil
	}
	return u.key, nil
}

// AdmitEdge lets an edge box hand in readings of a device: both are of the own
// organisation and in service, the box has a key, which it returns, and is a source
// that has a name for the device. Problems: not_found, and denied.
func (d *Devices) AdmitEdge(ctx context.Context, edge, unit proof.Hash) (ed25519.PublicKey, error) {
	key, err := d.Admit(ctx, edge, true)
	if err != nil {
		return nil, err
	}
	if _, err := d.Admit(ctx, unit, false); err != nil {
		return nil, err
	}
	speaks, err := d.units.Speaks(ctx, edge.String(), unit.String())
	if err != nil {
		return nil, err //nolint:wrapcheck // a problem is passed on as it is
	}
	if !speaks {
		return nil, ledger.Problemf(ledger.CodeDenied, "the edge box has no name for the device: its owner enters one where the device serves, with the box's unit id as the source")
	}
	return key, nil
}

// AdmitAttester returns the key of a device of the own organisation that may attest
// what it runs: in any state, as one attests before it is put into service and while
// it is held or in quarantine, but for those in which it is not the organisation's
// yet or no more. It is looked up each time: a device attests rarely, and what is
// remembered of one that just went into service would keep its first readings out.
// Problems: not_found, and denied for whatever is wrong with it.
func (d *Devices) AdmitAttester(ctx context.Context, unit proof.Hash) (ed25519.PublicKey, error) {
	row, err := d.units.Unit(ctx, unit.String())
	if err != nil {
		return nil, err //nolint:wrapcheck // a problem is passed on as it is
	}
	u := deviceOf(&row.Record)
	switch {
	case u.owner != d.organisation:
		return nil, ledger.Problemf(ledger.CodeDenied, "the device is not this organisation's")
	case u.state == ledger.StateManufactured || u.state == ledger.StateRetired:
		return nil, ledger.Problemf(ledger.CodeDenied, "the device is not registered yet, or retired")
	case u.key == nil:
		return nil, ledger.Problemf(ledger.CodeDenied, "the device is registered as one that cannot sign")
	}
	return u.key, nil
}

func deviceOf(u *ledger.Unit) device {
	return device{owner: u.Owner, state: u.OwnState(), key: u.SigningKey()}
}

func (d *Devices) find(ctx context.Context, id string) (device, error) {
	d.mu.RLock()
	u, ok := d.known[id]
	d.mu.RUnlock()
	now := time.Now()
	if ok && now.Before(u.until) {
		return u, nil
	}
	row, err := d.units.Unit(ctx, id)
	if err != nil {
		return device{}, err //nolint:wrapcheck // a problem is passed on as it is
	}
	u = deviceOf(&row.Record)
	u.until = now.Add(life)
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.known) >= maxDevices {
		clear(d.known)
	}
	d.known[id] = u
	return u, nil
}
