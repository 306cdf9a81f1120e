package ingest

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// budget bounds what all requests together hold.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// bodies pools the memory that bodies are read into.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// keptBody is up to what size a body's memory goes back to the pool.
const keptBody = 12 << 20

// firstRead is how much is taken from the budget, and read, at first; then
// twice as much, and so on. Whoever announces much and sends little holds little.
const firstRead = 4 << 10

// readBody reads at most limit bytes into memory from the pool, having taken
// from the budget what it holds. The caller gives both back, whatever it gets.
func readBody(r io.Reader, limit int, held *budget) (buf *[]byte, taken int64, err error) {
	buf = bodies.Get().(*[]byte) //nolint:errcheck,forcetypeassert // the pool holds nothing else
	b := (*buf)[:0]
	defer func() { *buf = b }()
	for {
		if len(b) > limit {
			return buf, taken, ledger.Problemf(ledger.CodeTooLarge, "the body has more than %d bytes", limit)
		}
		if int64(len(b)) >= taken {
			more := max(firstRead, taken)
			if !held.take(more) {
				return buf, taken, ledger.Problemf(ledger.CodeBusy, "too much is being received; try again")
			}
			taken += more
		}
		// One byte more than the limit shows that there is more.
		room := min(int(taken), limit+1)
		b = slices.Grow(b, room-len(b))
		n, err := r.Read(b[len(b):room])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return buf, taken, nil
		}
		if err != nil {
			return buf, taken, readProblem(err, limit)
		}
	}
}

func readProblem(err error, limit int) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return ledger.Problemf(ledger.CodeTooLarge, "the body has more than %d bytes", limit)
	}
	if p, ok := errors.AsType[*ledger.Problem](err); ok {
		return p // of a reader that knows what the body should have been
	}
	return ledger.Problemf(ledger.CodeInvalid, "the body ended before it was whole")
}

func releaseBody(buf *[]byte) {
	if cap(*buf) <= keptBody {
		bodies.Put(buf)
	}
}
