package worker

import (
	"context"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/log"
	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Ledger is the node's connection to the ledger: client.Client, or the ledger
// in memory of clienttest.
type Ledger interface {
	Evaluate(ctx context.Context, name string, req, out any) error
	Prepare(ctx context.Context, role ledger.Role, name string, req any, transient ...client.Transient) (*client.Prepared, error)
	Restore(role ledger.Role, bytes []byte) (*client.Prepared, error)
	Outcome(ctx context.Context, tx string) (client.Outcome, error)
	Follow(ctx context.Context, from uint64, fn func(context.Context, *ledger.Block) error) error
	Height(ctx context.Context) (uint64, error)
}

// Log is the organisation's integrity log.
type Log interface {
	Verifier() string
	Checkpoint(ctx context.Context) (log.Checkpoint, error)
	Consistency(ctx context.Context, from, to uint64) ([][]byte, error)
	Require(ctx context.Context, size uint64, root []byte) error
}

// Store is the node's store, by what the loops need of it. What a method has
// written is durable when it returns, but for what the ledger holds anyway.
type Store interface {
	Projection
	Outbox
	Library
}

// Projection is the read model of the ledger.
type Projection interface {
	NextBlock(ctx context.Context) (uint64, error)
	Apply(ctx context.Context, b *ledger.Block) ([]fact.Decision, error)
	LastAnchor(ctx context.Context, stream string) (fact.Row[ledger.Anchor], bool, error)
	Organisation(ctx context.Context, id string) (fact.Row[ledger.Organisation], error)
}

// Outbox keeps commands until their outcome is known. Projection.Apply finishes
// those that became valid.
type Outbox interface {
	Enqueue(ctx context.Context, key string, role ledger.Role, name string, request []byte) (op fact.Operation, joined bool, err error)
	Unfinished(ctx context.Context) ([]fact.Operation, error)
	Operation(ctx context.Context, id string) (fact.Operation, error)
	SetEndorsed(ctx context.Context, seq int64, e fact.Endorsed) error
	SetStored(ctx context.Context, seq int64) error
	SetFailed(ctx context.Context, seq int64, p *ledger.Problem) (changed bool, err error)
}

// Library keeps documents, and what the node made of them.
type Library interface {
	Holders(ctx context.Context) ([]string, error)
	Wanted(ctx context.Context, holder string, now time.Time) (f *fact.Fetch, next time.Time, err error)
	Postpone(ctx context.Context, f fact.Fetch, next time.Time) error
	PutDocument(ctx context.Context, d fact.Document) error
	Unassessed(ctx context.Context, now time.Time, limit int) (due []fact.Unassessed, next time.Time, err error)
	PutAssessment(ctx context.Context, u fact.Unassessed, a fact.Assessment) error
	PostponeAssessment(ctx context.Context, u fact.Unassessed, next time.Time) error
	Devices(ctx context.Context, owner string) ([]fact.Device, error)
}
