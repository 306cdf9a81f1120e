package app

import (
	"context"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/webhook"
	"github.com/secant-platform/secant/identity/fetch"
)

const (
	webhookTime = 15 * time.Second // for a receiver to take a message
	webhookIdle = 30 * time.Second // for which a connection to it waits for the next
)

// openWebhooks makes what delivers to those who subscribed.
func (n *node) openWebhooks() (err error) {
	options := n.outside
	options.Time, options.Idle = webhookTime, webhookIdle
	options.AtOnce = 2 * store.MaxWebhooks // one each, and tests
	var seal [32]byte
	for i, half := range []string{"1", "2"} {
		id := n.vault.ID([]byte("secant/webhook/seal/v1"), []byte(half))
		copy(seal[16*i:], id[:])
	}
	n.webhooks, err = webhook.New(webhook.Deps{
		Organisation: n.cfg.Organisation, Key: n.key, Seal: seal, Store: n.store, Sender: fetch.New(options),
		Subscribe: n.worker.Hub().Subscribe, Readings: n.readings.logged,
		Proof: func(ctx context.Context, request string, index int) ([]byte, error) {
			id, err := proof.ParseRequestID(request)
			if err != nil {
				return nil, err
			}
			return n.api.Proof(ctx, id, index)
		},
		Resource: func(ctx context.Context, typ, id string, version int64) ([]byte, error) {
			return n.fhir.Serve(ctx, typ, id, version)
		},
		Logger: n.logger, Metrics: n.reg,
	})
	return err
}

// logged lists the requests in the log from an index on to before another.
func (r *readings) logged(ctx context.Context, from, until uint64, limit int) (list []fact.Reading, next uint64, err error) {
	p, err := r.open()
	if err != nil || from >= until {
		return nil, from, err
	}
	next, err = p.Each(ctx, from, int(min(uint64(max(limit, 0)), until-from)), func(r *ingest.Receipt, _ time.Time) { list = append(list, listing(r)) }) //nolint:gosec // at most limit
	return list, next, err
}
