package mqtt_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
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

	wire "github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"github.com/secant-platform/secant/analytics/log"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/mqtt"
	"github.com/secant-platform/secant/gateway/source"
	"github.com/secant-platform/secant/gateway/vault"
)

// The environment that turns this test program into a node that takes messages until
// it is killed.
const (
	crashDir  = "SECANT_MQTT_CRASH_DIR"
	crashStep = "SECANT_MQTT_CRASH_STEP" // "synced 3": it kills itself the third time it gets there
)

// station is a broker over a real pipeline, for one device.
type station struct{ pipeline *ingest.Pipeline }

// Find knows one device.
func (station) Find(context.Context, string, string, bool) (proof.Hash, ed25519.PublicKey, error) {
	return unit, nil, nil
}

// Submit hands a message to the pipeline.
func (s station) Submit(ctx context.Context, m mqtt.Message) (id proof.RequestID, err error) {
	r, err := s.pipeline.Submit(ctx, ingest.Request{
		Organisation: "hospital-north", Unit: m.Unit, Once: m.Once, MediaType: m.MediaType, Body: bytes.NewReader(m.Body),
	})
	if err != nil {
		return id, err
	}
	return r.ID, nil
}

// Put forgets states.
func (station) Put(context.Context, string, string, *proof.RequestID) error { return nil }

// List knows of none.
func (station) List(context.Context, string) ([]mqtt.State, error) { return nil, nil }

// openStation opens a pipeline; what it returns runs it and closes it.
func openStation(ctx context.Context, dir string, step func(string)) (station, func(context.Context) error, error) {
	v, err := vault.Open(ctx, filepath.Join(dir, "vault"), vault.Options{SegmentSize: 1 << 20})
	if err != nil {
		return station{}, nil, err
	}
	l, err := log.Open(ctx, filepath.Join(dir, "log"), log.Options{Origin: "secant/test/hospital-north", CheckpointInterval: 100 * time.Millisecond})
	if err != nil {
		return station{}, nil, err
	}
	p, err := ingest.Open(ctx, v, l, ingest.Options{Logger: slog.New(slog.DiscardHandler), Step: step})
	if err != nil {
		return station{}, nil, err
	}
	return station{p}, func(ctx context.Context) error {
		err := p.Run(ctx)
		_ = l.Close(context.WithoutCancel(ctx))
		_ = v.Close()
		return err
	}, nil
}

// crashChild is the node's process. It never returns unless it met an error.
func crashChild(dir string) error {
	log.RouteMessages(slog.New(slog.DiscardHandler))
	ctx := context.Background()
	step, times, _ := strings.Cut(os.Getenv(crashStep), " ")
	left, _ := strconv.Atoi(times)
	var count atomic.Int64
	count.Store(int64(left))
	s, run, err := openStation(ctx, dir, func(name string) {
		if name == step && count.Add(-1) == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	if err != nil {
		return err
	}
	metrics, err := mqtt.NewMetrics(nil)
	if err != nil {
		return err
	}
	b, err := mqtt.NewBroker(s, s, s, mqtt.Options{
		Metrics: metrics, Logger: slog.New(slog.DiscardHandler),
		Sources: []source.Source{{Name: "bedside", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
	})
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	failed := make(chan error, 2)
	go func() { failed <- run(ctx) }()
	go func() { failed <- b.Serve(ctx, l) }()
	return <-failed
}

// publishing is a device whose node is killed again and again.
type publishing struct {
	mu       sync.Mutex
	receipts map[int]string // of what was acknowledged
	next     int
	unsure   []int // sent, and not acknowledged
}

// number is the next message to send: one that had no answer, or a new one.
func (p *publishing) number() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.unsure); n > 0 {
		number := p.unsure[n-1]
		p.unsure = p.unsure[:n-1]
		return number
	}
	p.next++
	return p.next
}

// run publishes to a node until that kills itself, or has acknowledged enough and is
// killed.
func (p *publishing) run(t *testing.T, dir, step string, enough int) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir, crashStep+"="+step)
	var problems bytes.Buffer
	child.Stderr = &problems
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(time.Minute, func() { _ = child.Process.Kill() })
	defer guard.Stop()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v %s", err, &problems)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimSpace(address))
	if err != nil {
		t.Fatal(err)
	}
	lost, gone := context.WithCancel(t.Context())
	defer gone()
	client := paho.NewClient(paho.ClientConfig{Conn: wire.NewThreadSafeConn(conn), OnClientError: func(error) { gone() }, OnServerDisconnect: func(*paho.Disconnect) { gone() }})
	if _, err := client.Connect(t.Context(), &paho.Connect{ClientID: "pump", KeepAlive: 30, CleanStart: true}); err != nil {
		t.Fatal(err)
	}
	var acknowledged atomic.Int64
	var sending sync.WaitGroup
	for range 16 {
		sending.Go(func() {
			for lost.Err() == nil {
				number := p.number()
				m := &paho.Publish{QoS: 1, Topic: mine + "readings", Payload: fmt.Appendf(nil, `{"number":%d}`, number), Properties: &paho.PublishProperties{}}
				m.Properties.User.Add("Secant-Id", strconv.Itoa(number))
				ack, err := client.Publish(lost, m)
				p.mu.Lock()
				if err != nil || ack.Properties == nil {
					p.unsure = append(p.unsure, number)
				} else {
					receipt := ack.Properties.User.Get("receipt")
					if before, ok := p.receipts[number]; ok && before != receipt {
						t.Errorf("message %d got another receipt than before", number)
					}
					p.receipts[number] = receipt
				}
				p.mu.Unlock()
				if err == nil && int(acknowledged.Add(1)) == enough {
					_ = child.Process.Kill()
				}
			}
		})
	}
	sending.Wait()
	if err := child.Wait(); err == nil || child.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the node was not killed: %v\n%s", err, &problems)
	}
	<-client.Done()
}

// TestKilledAtEachStep: a node that is killed at any step loses no message that it
// acknowledged, and takes none twice, though the device sends again what it got no
// answer for.
func TestKilledAtEachStep(t *testing.T) {
	t.Parallel()
	for _, step := range []string{ingest.StepSealed, ingest.StepAppended, ingest.StepSynced, ingest.StepLogged, ingest.StepAnswered} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := &publishing{receipts: map[int]string{}}
			for _, times := range []int{1, 30} {
				p.run(t, dir, fmt.Sprintf("%s %d", step, times), 0)
			}
			p.run(t, dir, "", 100)
			s, run, err := openStation(t.Context(), dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			for number, receipt := range p.receipts {
				var id proof.RequestID
				if err := id.UnmarshalText([]byte(receipt)); err != nil {
					t.Fatalf("message %d: %v", number, err)
				}
				record, _, err := s.pipeline.Record(t.Context(), id, 0)
				var got struct{ Number int }
				if err != nil || json.Unmarshal(record, &got) != nil || got.Number != number {
					t.Fatalf("message %d was acknowledged: %s %v", number, record, err)
				}
			}
			if n := len(p.receipts); n < 100 {
				t.Errorf("%d acknowledged", n)
			}
			ended, end := context.WithCancel(t.Context())
			end()
			if err := run(ended); err != nil {
				t.Fatal(err)
			}
			once(t, dir)
		})
	}
}

// once fails when a message stands in the vault twice.
func once(t *testing.T, dir string) {
	t.Helper()
	v, err := vault.Open(t.Context(), filepath.Join(dir, "vault"), vault.Options{SegmentSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	seen := map[string]bool{}
	if err := v.Each(t.Context(), 0, func(r *vault.Record) error {
		i := bytes.LastIndex(r.Plain, []byte(`{"number":`))
		if i < 0 || seen[string(r.Plain[i:])] {
			return fmt.Errorf("%s is there twice", r.ID)
		}
		seen[string(r.Plain[i:])] = true
		return nil
	}); err != nil {
		t.Error(err)
	}
}
