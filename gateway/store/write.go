package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxGroup bounds how many waiting writers share one transaction, and with it
// how long the first of them waits for the others' work.
const maxGroup = 256

// writer is the one writing connection. Whoever finds it idle leads: it runs
// the work of all that wait in one transaction, so that they share one fsync,
// and passes the lead on. No goroutine is needed for this, and none is kept.
type writer struct {
	engine engine
	conn   *sql.Conn
	stmts  map[string]*sql.Stmt // used by the leader only
	lazy   bool                 // how the connection commits now; used by the leader only

	mu      sync.Mutex // guards what follows
	queue   []*work
	leading bool
	broken  error // set by a commit that failed: what is on disk is no longer known
}

// work is one waiting writer's part of a transaction.
type work struct {
	do   func(context.Context, *txn) error
	lazy bool          // need not survive a power cut: see Store.derive
	done chan error    // capacity 1
	lead chan struct{} // capacity 1: told to lead the next group
}

// txn is what a writer's work may use while its group's transaction is open.
type txn struct{ w *writer }

// run runs do in a transaction and returns when it is durable. When ctx ends
// while do still waits for its turn, do is not run at all; once begun, it is
// seen through, so that an outcome is always known.
func (w *writer) run(ctx context.Context, lazy bool, do func(context.Context, *txn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	job := &work{do: do, lazy: lazy, done: make(chan error, 1), lead: make(chan struct{}, 1)}
	w.mu.Lock()
	if w.broken != nil {
		defer w.mu.Unlock()
		return w.broken
	}
	w.queue = append(w.queue, job)
	leads := !w.leading
	w.leading = true
	w.mu.Unlock()
	if leads {
		w.lead(ctx)
		return <-job.done
	}
	select {
	case err := <-job.done:
		return err
	case <-job.lead:
		w.lead(ctx)
		return <-job.done
	case <-ctx.Done():
	}
	if w.withdraw(job) {
		return ctx.Err()
	}
	select {
	case err := <-job.done:
		return err
	case <-job.lead:
		w.lead(ctx)
		return <-job.done
	}
}

// withdraw takes a job that nobody has begun, and that does not lead, out of
// the queue.
func (w *writer) withdraw(job *work) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(job.lead) > 0 {
		return false
	}
	for i, j := range w.queue {
		if j == job {
			w.queue = append(w.queue[:i], w.queue[i+1:]...)
			return true
		}
	}
	return false
}

// lead runs one group, in which the leader's own job is the first, and hands over.
func (w *writer) lead(ctx context.Context) {
	w.mu.Lock()
	n := min(len(w.queue), maxGroup)
	group := append([]*work(nil), w.queue[:n]...)
	w.queue = append(w.queue[:0], w.queue[n:]...)
	broken := w.broken
	w.mu.Unlock()

	errs := make([]error, len(group))
	if broken == nil {
		// The others' work must not end with the leader's request.
		broken = w.commit(context.WithoutCancel(ctx), group, errs)
	}
	w.mu.Lock()
	if broken != nil && !w.engine.passing(broken) {
		w.broken = broken
	}
	if len(w.queue) > 0 {
		w.queue[0].lead <- struct{}{}
	} else {
		w.leading = false
	}
	w.mu.Unlock()
	for i, job := range group {
		if broken != nil {
			errs[i] = broken
		}
		job.done <- errs[i]
	}
}

// commit runs a group in one transaction. A job that errs leaves nothing behind
// and does not harm the others; the returned error concerns them all.
func (w *writer) commit(ctx context.Context, group []*work, errs []error) error {
	t := &txn{w}
	if err := w.pace(ctx, group); err != nil {
		return err
	}
	if _, err := t.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	for i, job := range group {
		if err := t.step(ctx, job, &errs[i]); err != nil {
			_, _ = t.exec(ctx, "ROLLBACK")
			return err
		}
	}
	if _, err := t.exec(ctx, "COMMIT"); err != nil {
		_, _ = t.exec(ctx, "ROLLBACK")
		return fmt.Errorf("committing a transaction: %w", err)
	}
	return nil
}

// pace lets the next commit wait for the disk unless nobody in the group needs
// that. A later commit that does wait makes the earlier ones durable too.
func (w *writer) pace(ctx context.Context, group []*work) error {
	lazy := !slices.ContainsFunc(group, func(j *work) bool { return !j.lazy })
	if lazy == w.lazy {
		return nil
	}
	// Not a prepared statement: some of SQLite's pragmas act when they are prepared.
	if _, err := w.conn.ExecContext(ctx, w.engine.pace(lazy)); err != nil {
		return fmt.Errorf("setting how to commit: %w", err)
	}
	w.lazy = lazy
	return nil
}

// step runs one job between savepoints; its own error goes to result.
func (t *txn) step(ctx context.Context, job *work, result *error) error {
	if _, err := t.exec(ctx, "SAVEPOINT job"); err != nil {
		return fmt.Errorf("opening a savepoint: %w", err)
	}
	if *result = job.do(ctx, t); *result != nil {
		if _, err := t.exec(ctx, "ROLLBACK TO job"); err != nil {
			return fmt.Errorf("undoing a write: %w", errors.Join(err, *result))
		}
	}
	if _, err := t.exec(ctx, "RELEASE job"); err != nil {
		return fmt.Errorf("closing a savepoint: %w", err)
	}
	return nil
}

func (t *txn) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := t.w.stmts[query]; ok {
		return s, nil
	}
	s, err := t.w.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("preparing a statement: %w", err)
	}
	t.w.stmts[query] = s
	return s, nil
}

// exec runs a statement, prepared once, and returns the number of rows it changed.
func (t *txn) exec(ctx context.Context, query string, args ...any) (int64, error) {
	s, err := t.stmt(ctx, query)
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// get scans the first row of a query into dest and reports whether there was one.
func (t *txn) get(ctx context.Context, query string, args []any, dest ...any) (bool, error) {
	s, err := t.stmt(ctx, query)
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(ctx, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (w *writer) close() error {
	var errs []error
	for _, s := range w.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

// notFound is the answer for a row that does not exist.
func notFound(what string) error {
	return ledger.Problemf(ledger.CodeNotFound, "%s is not known here", what)
}
