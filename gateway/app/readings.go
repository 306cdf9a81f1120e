package app

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/store"
)

// readings is the pipeline as the HTTP interface sees it. It is there from the
// beginning, the pipeline only once the log was found to continue its last
// anchor: before that, nothing may be added to it.
type readings struct {
	organisation string
	store        *store.Store
	saw          func(unit string, signed bool, at time.Time) // told of each request, and when it was taken
	forget       []func(id proof.RequestID)                   // told of each request that was erased
	pipeline     atomic.Pointer[ingest.Pipeline]

	listed   atomic.Uint64 // up to which entry of the log the list of readings goes
	sweeping sync.Mutex    // held while readings are listed, and while what is known of a subject is forgotten
}

func (r *readings) open() (*ingest.Pipeline, error) {
	if p := r.pipeline.Load(); p != nil {
		return p, nil
	}
	return nil, ledger.Problemf(ledger.CodeUnavailable, "the node is starting: its integrity log is not compared with its last anchor yet")
}

// Submit hands readings to the pipeline.
func (r *readings) Submit(ctx context.Context, s *rest.Submission) (*rest.Receipt, error) {
	p, err := r.open()
	if err != nil {
		return nil, err
	}
	got, err := p.Submit(ctx, ingest.Request{
		Organisation: r.organisation, Unit: s.Unit, Edge: s.Edge, Key: s.Key, Seed: s.Seed, Signature: s.Signature, Sequence: s.Sequence,
		Subject: s.Subject, Once: s.Once, MediaType: s.MediaType, Encoding: s.Encoding, Body: s.Body,
	})
	if err != nil {
		return nil, err
	}
	r.saw(got.Unit.String(), got.VouchedBy == proof.VouchedByDevice, got.Received)
	return receiptOf(got), nil
}

func receiptOf(r *ingest.Receipt) *rest.Receipt {
	return &rest.Receipt{
		ID: r.ID, Unit: r.Unit, Count: r.Count, Root: r.Root, VouchedBy: r.VouchedBy, Edge: r.Edge,
		MediaType: r.MediaType, Received: r.Received, LogIndex: r.LogIndex, Sequence: r.Sequence, Erased: r.Erased,
	}
}

// Receipt finds the receipt of a request.
func (r *readings) Receipt(ctx context.Context, id proof.RequestID) (*rest.Receipt, error) {
	p, err := r.open()
	if err != nil {
		return nil, err
	}
	got, err := p.Receipt(ctx, id)
	if err != nil {
		return nil, err
	}
	return receiptOf(got), nil
}

// Record finds one record.
func (r *readings) Record(ctx context.Context, id proof.RequestID, index int) ([]byte, string, error) {
	p, err := r.open()
	if err != nil {
		return nil, "", err
	}
	return p.Record(ctx, id, index)
}

// Erase destroys a request's readings, takes them off the list, and tells of it.
func (r *readings) Erase(ctx context.Context, id proof.RequestID) error {
	if err := r.erase(ctx, id); err != nil {
		return err
	}
	return r.store.AddEvent(ctx, fact.EventReadingsErased, []string{id.String()}, nil)
}

func (r *readings) erase(ctx context.Context, id proof.RequestID) error {
	p, err := r.open()
	if err != nil {
		return err
	}
	if err := p.Erase(ctx, id); err != nil {
		return err
	}
	r.sweeping.Lock() // what is being listed was perhaps read before
	defer r.sweeping.Unlock()
	return r.forgotten(ctx, id)
}

// indexes are the store as those see it who enter what a request is found by once it is
// durable. It may have been erased by then.
type indexes struct {
	*store.Store
	readings *readings
}

// PutResources keeps versions of resources.
func (i indexes) PutResources(ctx context.Context, writes []fhir.Write) ([]fhir.Written, error) {
	written, err := i.Store.PutResources(ctx, writes)
	for k := range writes {
		if err == nil {
			err = i.readings.forgetErased(ctx, writes[k].Request)
		}
	}
	return written, err
}

// PutImages keeps images.
func (i indexes) PutImages(ctx context.Context, images []fact.Image) ([]fact.Image, error) {
	kept, err := i.Store.PutImages(ctx, images)
	for k := range images {
		if err == nil {
			err = i.readings.forgetErased(ctx, images[k].Receipt)
		}
	}
	return kept, err
}

// forgetErased takes what was just entered about a request off again when it was erased.
// Erasing destroys a key before it looks what to forget, and this looks at the key after
// something was entered: so nothing stays.
func (r *readings) forgetErased(ctx context.Context, request string) error {
	p, err := r.open()
	if err != nil {
		return err
	}
	id, err := proof.ParseRequestID(request)
	if err != nil {
		return fmt.Errorf("looking for what was erased: %w", err)
	}
	erased, err := p.Erased(id)
	if err != nil || !erased {
		return err
	}
	return r.forgotten(context.WithoutCancel(ctx), id)
}

// forgotten takes a request that was erased off all that knows of it.
func (r *readings) forgotten(ctx context.Context, id proof.RequestID) error {
	for _, forget := range r.forget {
		forget(id)
	}
	return r.store.ForgetReading(ctx, id.String())
}

// ProofParts finds the node's side of one record's proof.
func (r *readings) ProofParts(ctx context.Context, id proof.RequestID, index int) (*rest.ProofParts, error) {
	p, err := r.open()
	if err != nil {
		return nil, err
	}
	got, err := p.ProofParts(ctx, id, index)
	if err != nil {
		return nil, err
	}
	return &rest.ProofParts{
		Record: got.Record, Salt: got.Salt, Path: got.Path, Statement: got.Statement, EntrySalt: got.EntrySalt, LogIndex: got.LogIndex,
	}, nil
}
