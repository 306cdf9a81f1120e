package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/export"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/misp"
	"github.com/secant-platform/secant/gateway/taxii"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// The aliases of the collections that TAXII serves.
const (
	aliasOwn    = "own"
	aliasShared = "shared"
	aliasSealed = "sealed"
)

// openTAXII registers the TAXII server.
func (n *node) openTAXII(router *auth.Router) error {
	org, ids := n.cfg.Organisation, n.collections()
	_, err := taxii.New(router, taxii.Deps{
		Title: "Threat intelligence of " + org, Bases: n.addresses(), Store: n.store,
		Collections: []taxii.Collection{
			{ID: ids[aliasShared], Alias: aliasShared, Title: "Shared by members", Description: "The objects of the reports that members of the consortium shared."},
			{ID: ids[aliasSealed], Alias: aliasSealed, Title: "Shared under seal", Description: "The objects of the reports marked amber or amber+strict that this organisation shared with some members, or that name it. They stay in this organisation."},
			{ID: ids[aliasOwn], Alias: aliasOwn, Title: "Collected here", Description: "What this organisation's analysts and programs handed in. It leaves this node when somebody shares it.", Writable: true},
		},
	})
	return err
}

// openMISP registers the MISP interface.
func (n *node) openMISP(router *auth.Router) error {
	_, err := misp.New(router, misp.Deps{
		Organisation: n.cfg.DisplayName, Collection: n.collections()[aliasOwn], Store: n.store, Now: time.Now, Withdraw: n.witness.Withdraw, Sight: n.witness.Sight,
		Read: func(_ context.Context, event []byte) ([]cti.Object, error) {
			r, err := adapt.FromMISP(event)
			if err != nil || r.Bundle == nil {
				return nil, err
			}
			return cti.ReadEnvelope(r.Bundle)
		},
	})
	return err
}

// collections are the ids of the node's collections, by alias.
func (n *node) collections() map[string]string {
	ids := map[string]string{}
	for _, alias := range []string{aliasShared, aliasSealed, aliasOwn} {
		ids[alias] = cti.CollectionID(n.cfg.Organisation, alias)
	}
	return ids
}

// indexPause is how long an object that was added may not be found by its words.
const indexPause = time.Second

// indexAgain is when indexing is tried again after it failed.
const indexAgain = time.Minute

// indexIntelligence has objects found by their words, behind their acceptance. It is
// derived and can wait: that it fails ends nothing.
func indexIntelligence(ctx context.Context, some func(context.Context) (int, error), logger *slog.Logger) error {
	for {
		n, err := some(ctx)
		pause := time.Duration(0)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // told to end
		case err != nil:
			logger.ErrorContext(ctx, "intelligence could not be indexed", slog.Any(telemetry.KeyError, err), slog.Duration("again_in", indexAgain))
			pause = indexAgain
		case n == 0:
			pause = indexPause
		}
		if sleep(ctx, pause) != nil {
			return nil //nolint:nilerr // as above
		}
	}
}

// collect has the objects of a report served to whoever asks this node by TAXII, and its
// form as an event to whoever asks by MISP's interface, as long as one of those who
// shared it stands by it.
func (a *assessor) collect(ctx context.Context, shared ledger.Threat, collection string, r *cti.Report) error {
	if collection == "" {
		return nil
	}
	objects, err := r.Objects()
	if err != nil {
		return fmt.Errorf("reading a report's objects: %w", err)
	}
	objects = slices.DeleteFunc(objects, func(o cti.Object) bool { return o.Fault != nil })
	list := make([]fact.STIXObject, 0, len(objects))
	for _, o := range objects {
		list = append(list, fact.STIXObject{Collection: collection, ID: o.ID, Type: o.Type, Spec: o.Spec, Version: o.Version, Body: o.Body, Report: shared.Digest})
	}
	if _, err = a.store.AddSTIX(ctx, list); err != nil {
		return err
	}
	return a.putMISP(ctx, shared, r.Title, objects)
}

// putMISP keeps the form of a report that MISP has, if it says anything there.
func (a *assessor) putMISP(ctx context.Context, shared ledger.Threat, title string, objects []cti.Object) error {
	set := export.Gather(objects, time.Time{})
	if len(set.Indicators) == 0 {
		return nil
	}
	name := shared.Sharer
	switch row, err := a.store.Organisation(ctx, shared.Sharer); {
	case err == nil && row.Record.Name != "":
		name = row.Record.Name
	case err != nil && ledger.CodeOf(err) != ledger.CodeNotFound:
		return err
	}
	form, _ := export.Lookup("misp")
	out, err := form.Write(set, export.About{Title: title, Organisation: name, Report: shared.Digest, Marking: shared.Marking})
	if err != nil {
		return err
	}
	event, err := misp.Event(out.Body, name, time.Now())
	switch code := ledger.CodeOf(err); {
	case code == ledger.CodeInvalid || code == ledger.CodeTooLarge:
		return nil // more than an event holds here; the objects say it all
	case err != nil:
		return err
	case len(event.Attributes) == 0:
		return nil
	}
	event.Report = shared.Digest
	if _, err = a.store.PutMISP(ctx, event, 0, nil); ledger.CodeOf(err) == ledger.CodeConflict {
		return nil // it was judged before
	}
	return err
}
