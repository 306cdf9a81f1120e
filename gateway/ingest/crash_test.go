package ingest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/log"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/gateway/vault"
)

// The environment that turns this test program into a node that takes readings
// until it is killed.
const (
	crashDir  = "SECANT_INGEST_CRASH_DIR"
	crashStep = "SECANT_INGEST_CRASH_STEP" // "synced 3": it kills itself the third time it gets there
	crashFrom = "SECANT_INGEST_CRASH_FROM" // number of the first request that it sends
)

// crashDevice is the device whose readings the node takes; both processes know it.
func crashDevice() *device {
	seed := sha256.Sum256([]byte("the device of the crash tests"))
	sign := ed25519.NewKeyFromSeed(seed[:])
	return &device{unit: seed, key: sign.Public().(ed25519.PublicKey), sign: sign}
}

// crashRequest makes the request with a number, the same in every process.
func crashRequest(d *device, number int) (Request, [][]byte) {
	var text [8]byte
	binary.BigEndian.PutUint64(text[:], uint64(number))
	seed := proof.Seed(sha256.Sum256(text[:]))
	var records [][]byte
	for i := range 1 + number%40 {
		records = append(records, fmt.Appendf(nil, `{"number":%d,"index":%d,"noise":"%x"}`, number, i, sha256.Sum256(seed[:i%8])))
	}
	body := bytes.Join(records, []byte("\n"))
	r := d.seeded(seed, MediaNDJSON, body, records...)
	if number%3 == 0 { // whose key is durable before the request is
		r.Subject = pseudonym.ID(fmt.Sprintf("patient-%d", number%50))
	}
	return r, records
}

// acknowledged is what the child prints for each receipt.
type acknowledged struct {
	Number  int
	Receipt *Receipt
}

// crashChild is the node's process. It never returns unless it met an error.
func crashChild(dir string) {
	report := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	ctx := context.Background()
	v, err := vault.Open(ctx, filepath.Join(dir, "vault"), vault.Options{SegmentSize: 256 << 10})
	report(err)
	l, err := log.Open(ctx, filepath.Join(dir, "log"), log.Options{Origin: "secant/test/" + north, CheckpointInterval: 100 * time.Millisecond})
	report(err)
	step, times, _ := strings.Cut(os.Getenv(crashStep), " ")
	left, _ := strconv.Atoi(times)
	var count atomic.Int64
	count.Store(int64(left))
	p, err := Open(ctx, v, l, Options{Logger: quiet(), Step: func(name string) {
		if name == step && count.Add(-1) == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}})
	report(err)
	from, err := strconv.Atoi(os.Getenv(crashFrom))
	report(err)
	var next atomic.Int64
	next.Store(int64(from))
	d := crashDevice()
	for range 16 {
		go func() {
			for {
				number := int(next.Add(1)) - 1
				r, _ := crashRequest(d, number)
				receipt, err := p.Submit(ctx, r)
				if err != nil {
					continue // not running yet
				}
				line, err := json.Marshal(acknowledged{number, receipt})
				report(err)
				_, _ = os.Stdout.Write(append(line, '\n')) // in one piece; when the pipe is gone, so is the parent
			}
		}()
	}
	report(p.Run(ctx))
}

// crashes is a node that is killed again and again, with all that it ever
// acknowledged.
type crashes struct {
	dir      string
	receipts map[int]*Receipt
	from     int // the first number that was not acknowledged, less some that were
}

// run starts the node and lets it work until it kills itself, or until it has
// acknowledged enough and is killed.
func (c *crashes) run(t *testing.T, step string, enough int) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+c.dir, crashStep+"="+step, crashFrom+"="+strconv.Itoa(c.from))
	var problems bytes.Buffer
	child.Stderr = &problems
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() { _ = child.Process.Kill() })
	defer kill()
	guard := time.AfterFunc(2*time.Minute, kill)
	defer func() {
		if !guard.Stop() {
			t.Errorf("the node did not get to %q", step)
		}
	}()
	lines := bufio.NewReader(out)
	for got := 0; ; got++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			break // a line that was cut off was not acknowledged
		}
		if err != nil {
			t.Fatal(err)
		}
		var a acknowledged
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("the node printed %q: %v", line, err)
		}
		if before, ok := c.receipts[a.Number]; ok {
			if diff := cmp.Diff(before, a.Receipt); diff != "" {
				t.Fatalf("request %d got another receipt than before: %s", a.Number, diff)
			}
		}
		c.receipts[a.Number] = a.Receipt
		if got == enough && enough > 0 {
			kill()
		}
	}
	if err := child.Wait(); err == nil || child.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the node was not killed: %v\n%s", err, problems.Bytes())
	}
	for c.receipts[c.from] != nil {
		c.from++
	}
	c.from = max(0, c.from-5)
}

// check opens what is left and proves that everything acknowledged is there,
// unchanged and once.
func (c *crashes) check(t *testing.T) {
	t.Helper()
	n := openNode(t, c.dir, Options{})
	d := crashDevice()
	report := checkNode(t, n, d)
	if report.Logged != report.Requests || report.Signatures != report.Requests || report.Requests < uint64(len(c.receipts)) {
		t.Fatalf("%d acknowledged, checked %+v", len(c.receipts), report)
	}
	for number, receipt := range c.receipts {
		again, err := n.Receipt(t.Context(), receipt.ID)
		if err != nil {
			t.Fatalf("request %d was acknowledged: %v", number, err)
		}
		if diff := cmp.Diff(receipt, again); diff != "" {
			t.Fatalf("request %d: %s", number, diff)
		}
		if number%20 == 0 {
			_, records := crashRequest(d, number)
			proves(t, n, receipt, len(records)-1, records[len(records)-1])
		}
	}
	roots := make(map[proof.Hash]bool)
	if err := n.vault.Each(t.Context(), 0, func(r *vault.Record) error {
		e, err := decodeEnvelope(r.Plain)
		if err != nil {
			return err
		}
		s, err := proof.DecodeStatement(e.statement)
		if err != nil {
			return err
		}
		if roots[s.Root] {
			return fmt.Errorf("request %s was taken twice", s.Request)
		}
		roots[s.Root] = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
}

// A process that is killed at any step loses nothing that it acknowledged and
// takes nothing twice, though its devices send again what they got no answer for.
func TestKilledAtEachStep(t *testing.T) {
	t.Parallel()
	for _, step := range []string{StepSealed, StepAppended, StepSynced, StepLogged, StepAnswered} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			c := crashes{dir: t.TempDir(), receipts: make(map[int]*Receipt)}
			for _, times := range []int{1, 7, 40} {
				c.run(t, fmt.Sprintf("%s %d", step, times), 0)
				if step == StepSynced && times > 1 {
					c.behind(t)
				}
			}
			c.run(t, "", 50)
			c.check(t)
		})
	}
}

// behind shows that the kill left what it was meant to leave: requests that are
// durable and not in the log.
func (c *crashes) behind(t *testing.T) {
	t.Helper()
	v, err := vault.Open(t.Context(), filepath.Join(c.dir, "vault"), vault.Options{SegmentSize: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	l, err := log.Open(t.Context(), filepath.Join(c.dir, "log"), log.Options{Origin: "secant/test/" + north})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close(t.Context())
	size, err := l.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if size >= v.Size() {
		t.Fatalf("the log has %d entries, the vault %d requests: nothing to recover", size, v.Size())
	}
}

func TestKilledInRandomMomentsUnderLoad(t *testing.T) {
	t.Parallel()
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	c := crashes{dir: t.TempDir(), receipts: make(map[int]*Receipt)}
	for range rounds {
		c.run(t, "", 1+rand.IntN(600))
	}
	c.check(t)
	t.Logf("%d acknowledged over %d kills", len(c.receipts), rounds)
}
