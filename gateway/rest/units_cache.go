package rest

import (
	"context"
	"crypto/ed25519"
	"sync"
	"time"
)

// unitCache remembers for a moment who devices are, so that a device that sends
// a thousand requests a second is not looked up a thousand times. What it says
// may be unitLife old: as old as the ledger's own news.
type unitCache struct {
	units Units

	mu    sync.RWMutex
	known map[string]knownUnit
}

type knownUnit struct {
	owner, state string
	key          ed25519.PublicKey // nil: the device cannot sign
	until        time.Time
}

const (
	unitLife = time.Second
	maxUnits = 10_000
)

func newUnitCache(units Units) *unitCache {
	return &unitCache{units: units, known: map[string]knownUnit{}}
}

// find looks a device up. It fails as Units.Unit does.
func (u *unitCache) find(ctx context.Context, id string) (knownUnit, error) {
	u.mu.RLock()
	k, ok := u.known[id]
	u.mu.RUnlock()
	now := time.Now()
	if ok && now.Before(k.until) {
		return k, nil
	}
	row, err := u.units.Unit(ctx, id)
	if err != nil {
		return knownUnit{}, err
	}
	k = knownUnit{owner: row.Record.Owner, state: row.Record.OwnState(), key: row.Record.SigningKey(), until: now.Add(unitLife)}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.known) >= maxUnits {
		clear(u.known)
	}
	u.known[id] = k
	return k, nil
}
