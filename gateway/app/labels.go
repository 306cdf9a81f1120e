package app

import (
	"cmp"
	"time"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/label"
)

// labelBase is the address in links on labels: the public one where there is one.
func (n *node) labelBase() string {
	return cmp.Or(n.cfg.PublicURL(), n.cfg.Endpoint)
}

// openLabels registers what answers those who scan a label.
func (n *node) openLabels(router *auth.Router) error {
	return label.New(router, label.Deps{
		Organisation: n.cfg.Organisation, DisplayName: n.cfg.DisplayName, Base: n.labelBase(), Devices: n.store, Now: time.Now,
	})
}
