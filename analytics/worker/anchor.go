package worker

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/secant-platform/secant/analytics/log"
	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	// lookEvery is how often the log is looked at for a new checkpoint; it
	// publishes one about once a second.
	lookEvery = 50 * time.Millisecond
	// anchorPatience is how long one anchor is pursued before its stream is read
	// from the ledger anew.
	anchorPatience = 30 * time.Second
)

// fatalError is an error of the integrity log that no retry mends and that
// going on would make worse.
type fatalError struct{ err error }

func (f *fatalError) Error() string { return f.err.Error() }
func (f *fatalError) Unwrap() error { return f.err }

func fatal(format string, args ...any) error { return &fatalError{fmt.Errorf(format, args...)} }

// anchor keeps the integrity log anchored until ctx ends. One anchor is under
// way at a time: each names the one before.
func (w *Worker) anchor(ctx context.Context) error {
	a := &anchorer{w: w, stream: ledger.StreamID(w.options.Log.Verifier())}
	for try := 0; ctx.Err() == nil; try++ {
		progress, err := a.run(ctx)
		if end, ok := errors.AsType[*fatalError](err); ok {
			return fmt.Errorf("anchoring the integrity log: %w", end.err)
		}
		if ctx.Err() == nil {
			w.log.WarnContext(ctx, "anchoring was interrupted", slog.Any("error", err))
		}
		if progress {
			try = 0
		}
		sleep(ctx, pause(try))
	}
	return nil
}

type anchorer struct {
	w        *Worker
	stream   string
	last     *ledger.Anchor // nil: the stream has none
	verified bool           // w.verified was closed
}

// run finds out where the stream stands and goes on from there, until something
// fails: it never returns without an error. It reports whether it made an anchor.
func (a *anchorer) run(ctx context.Context) (progress bool, err error) {
	if err := a.open(ctx); err != nil {
		return false, err
	}
	if err := a.catchUp(ctx); err != nil {
		return false, err
	}
	if !a.verified {
		a.verified = true
		close(a.w.verified)
	}
	for {
		c, err := a.grown(ctx)
		if err != nil {
			return progress, err
		}
		if err := a.commit(ctx, c); err != nil {
			return progress, err
		}
		progress = true
	}
}

// open makes sure that the log's stream exists and is the organisation's.
func (a *anchorer) open(ctx context.Context) error {
	known, err := a.owned(ctx)
	if known || err != nil {
		return err
	}
	_, err = a.w.Do(ctx, ledger.RoleAnchorer, ledger.AnchorOpen, ledger.OpenStream{Verifier: a.w.options.Log.Verifier()})
	if ledger.CodeOf(err) != ledger.CodeAlreadyExists {
		return err
	}
	if known, err = a.owned(ctx); known || err != nil {
		return err
	}
	return a.live(ctx)
}

// live fails unless this node's log is the organisation's live one, and says what
// to do: only people can tell whether the log of before is lost for good.
func (a *anchorer) live(ctx context.Context) error {
	org := a.w.options.Organisation
	var live ledger.Stream
	if err := a.w.ledger.Evaluate(ctx, ledger.AnchorGetLive, ledger.GetLive{Owner: org}, &live); err != nil {
		return err
	}
	if live.ID == a.stream {
		return nil
	}
	if p := live.Predecessor; p != nil && p.Stream == a.stream {
		return fatal("%s gave up this node's integrity log: by a vote of the members (proposal %s) another stands in its place, %s; "+
			"give the node that log's directory", org, p.Proposal, live.ID)
	}
	// The read model may be as new as the log.
	if err := a.w.caughtUp(ctx); err != nil {
		return err
	}
	last := "0"
	row, found, err := a.w.store.LastAnchor(ctx, live.ID)
	if err != nil {
		return err
	}
	if found {
		last = strconv.FormatUint(row.Record.Sequence, 10)
	}
	return fatal("%s has another integrity log on the ledger than the one of this node: the log's directory was lost or replaced. "+
		"Put the right one back; only when it is lost for good, let the members vote on this one as its successor: "+
		"identity:Propose of kind %s with stream %s, successor %s and lastSequence %s, identity:Vote by more than half of them, "+
		"then anchor:Succeed with the verifier %s", org, ledger.ProposeSucceedStream, live.ID, a.stream, last, a.w.options.Log.Verifier())
}

// owned reports whether the stream exists. One that another organisation opened
// with this log's key cannot be used, and neither can one that was given up.
func (a *anchorer) owned(ctx context.Context) (bool, error) {
	var stream ledger.Stream
	err := a.w.ledger.Evaluate(ctx, ledger.AnchorGetStream, ledger.GetStream{ID: a.stream}, &stream)
	switch {
	case ledger.CodeOf(err) == ledger.CodeNotFound:
		return false, nil
	case err != nil:
		return false, err
	case stream.Owner != a.w.options.Organisation:
		return false, fatal("the stream of this node's integrity log belongs to %s", stream.Owner)
	}
	return true, a.live(ctx)
}

// catchUp finds the stream's last anchor, from the read model and then from the
// ledger itself, and makes sure that the log continues it. An anchor that this
// node did not make shows a second copy of the log at work, or that this one
// was restored from a backup; unless the log happens to hold just the same, it
// must not go on.
func (a *anchorer) catchUp(ctx context.Context) error {
	if err := a.w.caughtUp(ctx); err != nil {
		return err
	}
	row, found, err := a.w.store.LastAnchor(ctx, a.stream)
	if err != nil {
		return err
	}
	if found && (a.last == nil || row.Record.Sequence > a.last.Sequence) {
		a.last = &row.Record
	}
	for {
		next := uint64(0)
		if a.last != nil {
			next = a.last.Sequence + 1
		}
		var view ledger.AnchorView
		err := a.w.ledger.Evaluate(ctx, ledger.AnchorGet, ledger.GetAnchor{Stream: a.stream, Sequence: next}, &view)
		if ledger.CodeOf(err) == ledger.CodeNotFound {
			break
		}
		if err != nil {
			return err
		}
		if view.Equivocated {
			return errMarked
		}
		a.last = &view.Anchor
	}
	if a.last == nil {
		return nil
	}
	root, err := hex.DecodeString(a.last.Root)
	if err != nil {
		return fatal("anchor %d of the stream has no readable root", a.last.Sequence)
	}
	err = a.w.options.Log.Require(ctx, a.last.Size, root)
	if ledger.CodeOf(err) == ledger.CodeConflict {
		return &fatalError{err}
	}
	if err == nil {
		a.show()
	}
	return err
}

var errMarked = fatal("the ledger holds the proof that this node's integrity log signed two histories; " +
	"nothing that it anchors later would be believed")

func (a *anchorer) show() {
	a.w.anchored.Store(a.last)
	a.w.metrics.anchored.Set(float64(a.last.Size))
}

// grown waits for a checkpoint that is larger than the last anchor.
func (a *anchorer) grown(ctx context.Context) (log.Checkpoint, error) {
	for {
		c, err := a.w.options.Log.Checkpoint(ctx)
		if err != nil && ledger.CodeOf(err) != ledger.CodeBusy {
			return c, err
		}
		if err == nil && c.Size > 0 && (a.last == nil || c.Size > a.last.Size) {
			return c, nil
		}
		if !sleep(ctx, lookEvery) {
			return c, fmt.Errorf("waiting for a checkpoint: %w", ctx.Err())
		}
	}
}

// commit anchors a checkpoint. When it returns an error, the ledger has to be
// asked where the stream stands.
func (a *anchorer) commit(ctx context.Context, c log.Checkpoint) error {
	req := ledger.CommitAnchor{Stream: a.stream, Checkpoint: c.Note}
	if a.last != nil {
		req.Sequence = a.last.Sequence + 1
		proof, err := a.w.options.Log.Consistency(ctx, a.last.Size, c.Size)
		if err != nil {
			return err
		}
		for _, h := range proof {
			req.Proof = append(req.Proof, hex.EncodeToString(h))
		}
	}
	if req.Proof == nil {
		req.Proof = []string{} // the schema wants a list
	}
	limited, cancel := context.WithTimeout(ctx, anchorPatience)
	defer cancel()
	p, err := a.prepare(limited, req)
	if err != nil {
		return a.refused(limited, err)
	}
	if err := a.submit(limited, p); err != nil {
		return err
	}
	var made ledger.Anchor
	if err := json.Unmarshal(p.Payload, &made); err != nil {
		return fmt.Errorf("reading the anchor that was made: %w", err)
	}
	a.last = &made
	a.w.metrics.anchors.Inc()
	a.show()
	return nil
}

// prepare gets an anchor endorsed. Endorsers that lack the one before answer
// busy for a moment.
func (a *anchorer) prepare(ctx context.Context, req ledger.CommitAnchor) (*client.Prepared, error) {
	for try := 0; ; try++ {
		p, err := a.w.ledger.Prepare(ctx, ledger.RoleAnchorer, ledger.AnchorCommit, req)
		if err == nil || ledger.CodeOf(err) != ledger.CodeBusy {
			return p, err
		}
		if !sleep(ctx, pause(try)) {
			return nil, err
		}
	}
}

// refused judges why endorsers refuse an anchor.
func (a *anchorer) refused(ctx context.Context, err error) error {
	switch ledger.CodeOf(err) {
	case ledger.CodeGone:
		if err := a.live(ctx); err != nil {
			return err
		}
		return errMarked
	case ledger.CodeInvalid:
		// Never seen unless the log does not continue its last anchor, or the
		// anchor stands already: reading the stream anew will tell.
		return fmt.Errorf("the endorsers do not accept the log's checkpoint: %w", err)
	}
	return err
}

// submit sends an anchor until its outcome is known. Sending it twice does no
// harm: it is valid once at most.
func (a *anchorer) submit(ctx context.Context, p *client.Prepared) error {
	for try := 0; ; try++ {
		_, err := p.Submit(ctx)
		if err == nil {
			return nil
		}
		o, lookErr := a.w.ledger.Outcome(ctx, p.TxID)
		switch {
		case lookErr == nil && o.Known && o.Valid:
			return nil
		case lookErr == nil && o.Known:
			return err
		}
		if !sleep(ctx, pause(try)) {
			return err
		}
	}
}
