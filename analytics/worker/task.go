package worker

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// task is an unfinished command in memory.
type task struct {
	seq     int64
	id      string
	role    ledger.Role
	name    string
	request json.RawMessage
	order   string // tasks with the same order run one after the other; empty: none waits
	stored  time.Time
	steps   map[string]bool // told already; under desk.mu

	// Used by the goroutine that carries the task only.
	envelope []byte           // of the transaction that was under way when the node stopped
	current  *client.Prepared // the transaction that is sent; nil: a new one is to be endorsed
	since    time.Time        // when current was endorsed
	open     []string         // transactions whose outcome is not known, current among them

	txs     []string           // every transaction of it that desk.byTx knows; under desk.mu
	cancel  context.CancelFunc // ends the goroutine that carries it; under desk.mu
	done    chan struct{}      // closed when final is set
	final   fact.Operation     // the outcome, after done
	failure *ledger.Problem    // why it failed, after done; nil: it is done
}

// orderOf names the record that a command writes when another command may write
// it too, so that the two do not spoil each other.
func orderOf(name string, request []byte) string {
	switch name {
	case ledger.IdentityRegister:
		return "organisation"
	case ledger.DeviceRegisterUnit, ledger.DevicePutIntoService:
		var unit struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(request, &unit); err == nil {
			return "unit " + unit.ID
		}
	}
	return ""
}

// desk holds the unfinished tasks. A task is on it from the moment it is stored
// to its end, whoever finds out first: the goroutine that carries it, or the
// block that decides it.
type desk struct {
	mu     sync.Mutex
	limit  int                // of tasks
	held   int                // places taken: tasks, and commands that are being stored
	tasks  map[int64]*task    // by seq
	byTx   map[string]*task   // by transaction
	behind map[string][]*task // by order: those that wait for the running one; present while one runs
	ready  chan *task         // has room for every place
}

func newDesk(limit, recovered int) *desk {
	return &desk{
		limit: limit + recovered, tasks: map[int64]*task{}, byTx: map[string]*task{}, behind: map[string][]*task{},
		ready: make(chan *task, limit+recovered),
	}
}

// reserve takes a place; it reports false when there is none.
func (d *desk) reserve() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held >= d.limit {
		return false
	}
	d.held++
	return true
}

// release gives back a place for which no task was put.
func (d *desk) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held--
}

// put adds a task for which a place was reserved, and lets it run when its turn
// has come.
func (d *desk) put(op *fact.Operation) *task {
	t := &task{
		seq: op.Seq, id: op.ID, role: op.Role, name: op.Name, request: op.Request, stored: op.Stored,
		order: orderOf(op.Name, op.Request), open: slices.Clone(op.Txs), txs: op.Txs,
		since: op.Updated,
		steps: map[string]bool{}, done: make(chan struct{}), final: *op,
	}
	if op.State == fact.StateEndorsed {
		t.envelope = op.Envelope
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tasks[t.seq] = t
	for _, tx := range op.Txs {
		d.byTx[tx] = t
	}
	if t.order != "" {
		if waiting, running := d.behind[t.order]; running {
			d.behind[t.order] = append(waiting, t)
			return t
		}
		d.behind[t.order] = nil
	}
	d.ready <- t // has room: places are bounded
	return t
}

// begin lends a task to the goroutine that carries it; it reports false when the
// task has ended.
func (d *desk) begin(t *task, cancel context.CancelFunc) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	t.cancel = cancel
	return d.tasks[t.seq] == t
}

// find returns an unfinished task.
func (d *desk) find(seq int64) (*task, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, ok := d.tasks[seq]
	return t, ok
}

// sent notes a transaction of a task before it is sent.
func (d *desk) sent(t *task, p *client.Prepared) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tasks[t.seq] == t {
		d.byTx[p.TxID] = t
		t.txs = append(t.txs, p.TxID)
		t.final.Attempts++
	}
}

// finish ends a task, once, and lets the next of its order run. It returns nil
// when the task had ended before.
func (d *desk) finish(seq int64, end func(*task)) *task {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, ok := d.tasks[seq]
	if !ok {
		return nil
	}
	end(t)
	delete(d.tasks, seq)
	for _, tx := range t.txs {
		delete(d.byTx, tx)
	}
	d.held--
	close(t.done)
	if t.cancel != nil {
		t.cancel()
	}
	if t.order != "" {
		if waiting := d.behind[t.order]; len(waiting) > 0 {
			d.behind[t.order] = waiting[1:]
			d.ready <- waiting[0] // has room: places are bounded
		} else {
			delete(d.behind, t.order)
		}
	}
	return t
}

// step reports whether a step of a task is to be told: it is the first time.
func (d *desk) step(t *task, name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := !t.steps[name]
	t.steps[name] = true
	return first
}

// of returns the tasks that have transactions among those given, in order.
func (d *desk) of(txs []ledger.Tx) []*task {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []*task
	for i := range txs {
		if t, ok := d.byTx[txs[i].ID]; ok && txs[i].Valid && !slices.Contains(found, t) {
			found = append(found, t)
		}
	}
	return found
}

// load tells how many tasks there are and when the oldest was stored.
func (d *desk) load() (open int, oldest time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.tasks {
		if oldest.IsZero() || t.stored.Before(oldest) {
			oldest = t.stored
		}
	}
	return len(d.tasks), oldest
}
