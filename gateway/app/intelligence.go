package app

import (
	"context"
	"fmt"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/taxii"
)

// The aliases of the collections that TAXII serves.
const (
	aliasOwn    = "own"
	aliasShared = "shared"
)

// openTAXII registers the TAXII server.
func (n *node) openTAXII(router *auth.Router) error {
	org := n.cfg.Organisation
	_, err := taxii.New(router, taxii.Deps{
		Title: "Threat intelligence of " + org, Bases: n.addresses(), Store: n.store,
		Collections: []taxii.Collection{
			{ID: cti.CollectionID(org, aliasShared), Alias: aliasShared, Title: "Shared by members", Description: "The objects of the reports that members of the consortium shared."},
			{ID: cti.CollectionID(org, aliasOwn), Alias: aliasOwn, Title: "Collected here", Description: "What this organisation's analysts and programs handed in. It leaves this node when somebody shares it.", Writable: true},
		},
	})
	return err
}

// collect has the objects of a report served to whoever asks this node by TAXII, as long
// as one of those who shared it stands by it.
func (a *assessor) collect(ctx context.Context, digest string, r *cti.Report) error {
	objects, err := r.Objects()
	if err != nil {
		return fmt.Errorf("reading a report's objects: %w", err)
	}
	list := make([]fact.STIXObject, 0, len(objects))
	for _, o := range objects {
		if o.Fault == nil {
			list = append(list, fact.STIXObject{Collection: a.shared, ID: o.ID, Type: o.Type, Spec: o.Spec, Version: o.Version, Body: o.Body, Report: digest})
		}
	}
	_, err = a.store.AddSTIX(ctx, list)
	return err
}
