package clienttest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/client/clienttest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("the connection broke")

func TestSuite(t *testing.T) {
	t.Parallel()
	clienttest.Suite(t, clienttest.New(t).Client("hospital-north"), "hospital-north")
}

func share(ctx context.Context, c *clienttest.Client, opts ...client.SubmitOption) (client.Commit, error) {
	_, commit, err := client.Submit[ledger.Threat](ctx, c, ledger.RoleSharer, ledger.ThreatShare, clienttest.Report(), opts...)
	return commit, err
}

// times lets a fault happen so many times at one step.
func times(n int, step clienttest.Step, f clienttest.Fault) clienttest.Hook {
	var mu sync.Mutex
	return func(s clienttest.Step, _ string) clienttest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if s != step || n == 0 {
			return clienttest.Fault{}
		}
		n--
		return f
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, hook := range map[string]clienttest.Hook{
		"failed and not applied": times(2, clienttest.StepSubmit, clienttest.Fault{Err: errBroken}),
		"failed but applied":     times(1, clienttest.StepSubmit, clienttest.Fault{Err: errBroken, Applied: true}),
		"an endorser lags":       times(3, clienttest.StepPrepare, clienttest.Fault{Err: ledger.Problemf(ledger.CodeBusy, "lags")}),
		"nobody to ask": func(s clienttest.Step, _ string) clienttest.Fault {
			if s == clienttest.StepOutcome {
				return clienttest.Fault{Err: errBroken}
			}
			return clienttest.Fault{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := clienttest.New(t)
			c := n.Client("hospital-south")
			c.Inject(hook)
			commit, err := share(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			valid := 0
			for _, b := range n.Ledger.Blocks(0) {
				for _, tx := range b.Txs {
					if tx.Name == ledger.ThreatShare && tx.Valid {
						valid++
					}
				}
			}
			if o := n.Ledger.Outcome(commit.Tx); !o.Known || valid != 1 {
				t.Errorf("%d became valid, %+v", valid, o)
			}
		})
	}
}

func TestPendingTransactionsCommitWhenTheQuorumIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := clienttest.New(t)
		c := n.Client("hospital-north")
		n.Halt()
		p, err := c.Prepare(t.Context(), ledger.RoleSharer, ledger.ThreatShare, clienttest.Report())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Submit(t.Context()); !isUnknown(err) {
			t.Errorf("submitted without quorum: %v", err)
		}
		if _, err := share(t.Context(), c, client.Within(20*time.Second)); !isUnknown(err) {
			t.Errorf("submitted without quorum: %v", err)
		}
		n.Resume()
		if commit, err := p.Submit(t.Context()); err != nil || commit.Tx != p.TxID {
			t.Errorf("after that: %+v, %v", commit, err)
		}
	})
}

func isUnknown(err error) bool {
	_, ok := errors.AsType[*client.UnknownOutcome](err)
	return ok
}

func TestManySubmittersShareBlocks(t *testing.T) {
	t.Parallel()
	n := clienttest.New(t)
	var wg sync.WaitGroup
	for _, org := range []string{"hospital-north", "hospital-south"} {
		c := n.Client(org)
		for range 50 {
			wg.Go(func() {
				if _, err := share(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	seen := map[string]bool{}
	c := n.Client("authority")
	c.Inject(times(5, clienttest.StepFollow, clienttest.Fault{Err: errBroken}))
	err := c.Follow(t.Context(), 1, func(_ context.Context, b *ledger.Block) error {
		for _, tx := range b.Txs {
			if seen[tx.ID] {
				t.Errorf("transaction %s twice", tx.ID)
			}
			seen[tx.ID] = tx.Valid
		}
		if len(seen) == 100 {
			return errBroken
		}
		return nil
	})
	if !errors.Is(err, errBroken) || len(seen) != 100 {
		t.Errorf("followed %d transactions, %v", len(seen), err)
	}
}

func TestSignedReadsAreOfAMajority(t *testing.T) {
	t.Parallel()
	n := clienttest.New(t)
	c := n.Client("medtech")
	if err := n.Ledger.Seed(); err != nil {
		t.Fatal(err)
	}
	read, err := c.SignedRead(t.Context(), ledger.IdentityGet, ledger.GetOrganisation{ID: "medtech"})
	if err != nil {
		t.Fatal(err)
	}
	epoch, ok := n.Trust().At(n.Ledger.Now())
	if !ok || len(read.Endorsements) != epoch.ReadNeeded() {
		t.Errorf("%d endorsements", len(read.Endorsements))
	}
	var distinct []string
	for _, e := range read.Endorsements {
		distinct = append(distinct, string(e.Endorser))
	}
	slices.Sort(distinct)
	if len(slices.Compact(distinct)) != epoch.ReadNeeded() {
		t.Error("one peer signed twice")
	}
}
