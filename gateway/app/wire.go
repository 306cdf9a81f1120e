package app

import (
	"context"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/worker"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store"
)

// Of event streams.
const (
	heartbeat = 15 * time.Second // below the idle time that proxies allow
	patience  = 10 * time.Second // for a listener to take what is sent
)

// commands is the worker as the HTTP interface sees it.
type commands struct{ worker *worker.Worker }

// Do carries a command and waits for its outcome.
func (c commands) Do(ctx context.Context, key string, role ledger.Role, name string, request any) (*fact.Operation, error) {
	return c.worker.DoOnce(ctx, key, role, name, request)
}

// Start stores a command and leaves it to its way.
func (c commands) Start(ctx context.Context, key string, role ledger.Role, name string, request any) (*fact.Operation, error) {
	return c.worker.Start(ctx, key, role, name, request)
}

// events is what happens, with the wake-up call that there is more of it.
type events struct {
	*store.Store
	worker *worker.Worker
}

// Subscribe tells when there may be more.
func (e events) Subscribe() (wake <-chan struct{}, cancel func()) { return e.worker.Hub().Subscribe() }

// documents is the read model as identity/did sees it.
type documents struct{ store *store.Store }

// ResolveDID answers from the read model what the transaction of that name answers
// from the ledger.
func (d documents) ResolveDID(ctx context.Context, req ledger.ResolveDID) (*ledger.DIDResolution, error) {
	current, err := d.store.DID(ctx, req.DID)
	if err != nil {
		return nil, err
	}
	revision := req.Revision
	if revision == 0 {
		revision = current.Record.Revision
	}
	version, err := d.store.DIDVersion(ctx, req.DID, revision)
	if err != nil {
		return nil, err
	}
	return &ledger.DIDResolution{Version: version.Record, Current: current.Record.Revision, Ended: current.Record.Deactivated}, nil
}
