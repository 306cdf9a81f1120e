package app

import (
	"context"
	"time"
	_ "time/tzdata" // zones also where the machine has none

	"github.com/secant-platform/secant/analytics/hl7"
	"github.com/secant-platform/secant/gateway/store"
)

// profiles are those of the configured sources, by their names.
type profiles struct {
	store *store.Store
	of    map[string]hl7.Profile
}

func (n *node) profiles() profiles {
	p := profiles{store: n.store, of: map[string]hl7.Profile{}}
	for _, m := range n.cfg.MLLP {
		for _, s := range m.Sources {
			zone, err := time.LoadLocation(s.TimeZone)
			if err != nil { // the configuration was read, so there is one
				zone = time.UTC
			}
			p.of[s.Name] = hl7.Profile{Missing: s.Missing, Zone: zone}
		}
	}
	return p
}

// Profile returns the profile of the sources that have a name for a unit. Of several,
// each one's missing numbers count, and the first one's zone.
func (p profiles) Profile(ctx context.Context, unit string) (profile hl7.Profile, err error) {
	inventory, known, err := p.store.Inventory(ctx, unit)
	if err != nil || !known {
		return profile, err
	}
	for _, name := range inventory.Names {
		of, configured := p.of[name.Source]
		if !configured {
			continue
		}
		profile.Missing = append(profile.Missing, of.Missing...)
		if profile.Zone == nil {
			profile.Zone = of.Zone
		}
	}
	return profile, nil
}
