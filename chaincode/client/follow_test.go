package client

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"github.com/secant-platform/secant/chaincode/ledger"
)

var errBroken = errors.New("connection broke")

// peerOf is a peer that delivers a chain and then waits, like a real one. Each
// call of cut may end a delivery before a block.
type peerOf struct {
	blocks []*common.Block
	cut    func(opened int, number uint64) error
	opened []uint64    // where each delivery began
	at     []time.Time // and when
}

func (p *peerOf) source(name string) source {
	return source{name: name, open: func(ctx context.Context, from uint64) (receiver, error) {
		p.opened, p.at = append(p.opened, from), append(p.at, time.Now())
		opened, next := len(p.opened), from
		return func() (*common.Block, error) {
			if p.cut != nil {
				if err := p.cut(opened, next); err != nil {
					return nil, err
				}
			}
			if next >= uint64(len(p.blocks)) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			next++
			return p.blocks[next-1], nil
		}, nil
	}}
}

// followed runs a follower until it has delivered block number last, or ends by
// itself, and returns the numbers that it delivered.
func followed(t *testing.T, from, last uint64, sources ...source) ([]uint64, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []uint64
	f := follower{
		reader: ours, log: slog.New(slog.DiscardHandler), sources: sources, height: nothingNew,
		fn: func(_ context.Context, b *ledger.Block) error {
			got = append(got, b.Number)
			if b.Number == last {
				cancel()
			}
			return nil
		},
	}
	f.next.Store(from)
	return got, f.run(ctx)
}

func nothingNew(context.Context) (uint64, error) { return 0, nil }

func numbers(from, to uint64) []uint64 {
	var out []uint64
	for n := from; n <= to; n++ {
		out = append(out, n)
	}
	return out
}

func TestFollowDeliversEachBlockOnceThroughBrokenDeliveries(t *testing.T) {
	blocks := chain(t, 20)
	synctest.Test(t, func(t *testing.T) {
		p := &peerOf{blocks: blocks, cut: func(opened int, number uint64) error {
			if number == uint64(3*opened) {
				return errBroken
			}
			return nil
		}}
		got, err := followed(t, 2, 19, p.source("peer0"))
		if err != nil || !slices.Equal(got, numbers(2, 19)) {
			t.Errorf("delivered %v, %v", got, err)
		}
	})
}

func TestFollowReadsOnAtTheOtherPeerAtOnce(t *testing.T) {
	blocks := chain(t, 10)
	synctest.Test(t, func(t *testing.T) {
		dead := &peerOf{blocks: blocks, cut: func(_ int, number uint64) error {
			if number == 4 {
				return errBroken
			}
			return nil
		}}
		well := &peerOf{blocks: blocks}
		start := time.Now()
		got, err := followed(t, 0, 9, dead.source("peer0"), well.source("peer1"))
		if err != nil || !slices.Equal(got, numbers(0, 9)) || time.Since(start) != 0 {
			t.Errorf("delivered %v after %v, %v", got, time.Since(start), err)
		}
		if !slices.Equal(well.opened, []uint64{4}) {
			t.Errorf("the other peer was asked from %v on", well.opened)
		}
	})
}

func TestFollowWaitsLongerAndLongerForPeersThatAreDown(t *testing.T) {
	blocks := chain(t, 2)
	synctest.Test(t, func(t *testing.T) {
		p := &peerOf{blocks: blocks, cut: func(opened int, _ uint64) error {
			if opened <= 200 {
				return errBroken
			}
			return nil
		}}
		got, err := followed(t, 0, 1, p.source("peer0"))
		if err != nil || !slices.Equal(got, numbers(0, 1)) {
			t.Fatalf("delivered %v, %v", got, err)
		}
		for i := 1; i < len(p.at); i++ {
			if gap := p.at[i].Sub(p.at[i-1]); gap <= 0 || gap > longReopen+time.Millisecond {
				t.Errorf("waited %v before try %d", gap, i)
			}
		}
		if spent := p.at[200].Sub(p.at[0]); spent < 200*longReopen/4 {
			t.Errorf("200 tries in %v", spent)
		}
	})
}

func TestFollowEndsOnWhatItMustNotBuildOn(t *testing.T) {
	good := chain(t, 6)
	fork := chain(t, 4)
	fork[3] = newBlock(t, 3, []byte("another block 2"), valid(configuration(t)))
	torn := chain(t, 4)
	torn[2].Data.Data[0] = configuration(t)
	for name, blocks := range map[string][]*common.Block{
		"fork":         fork,
		"torn":         torn,
		"twice":        {good[0], good[1], good[1]},
		"gap":          {good[0], good[1], good[3]},
		"empty answer": {good[0], {}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &peerOf{blocks: blocks}
				got, err := followed(t, 0, 99, p.source("peer0"))
				bad, ok := errors.AsType[*BlockError](err)
				if !ok || bad.Number != uint64(len(got)) || !slices.Equal(got, numbers(0, uint64(len(got))-1)) {
					t.Errorf("delivered %v, %v", got, err)
				}
				if len(p.opened) != 1 {
					t.Errorf("went on after that: %v", p.opened)
				}
			})
		})
	}
}

func TestFollowNoticesAForkAcrossPeers(t *testing.T) {
	blocks := chain(t, 5)
	other := slices.Clone(blocks)
	other[3] = newBlock(t, 3, []byte("another block 2"), valid(configuration(t)))
	synctest.Test(t, func(t *testing.T) {
		first := &peerOf{blocks: blocks, cut: func(_ int, number uint64) error {
			if number == 3 {
				return errBroken
			}
			return nil
		}}
		second := &peerOf{blocks: other}
		got, err := followed(t, 0, 4, first.source("peer0"), second.source("peer1"))
		if _, ok := errors.AsType[*BlockError](err); !ok || !slices.Equal(got, numbers(0, 2)) {
			t.Errorf("delivered %v, %v", got, err)
		}
	})
}

func TestFollowEndsWithItsCallersError(t *testing.T) {
	blocks := chain(t, 3)
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("the disk is full")
		f := follower{
			reader: ours, log: slog.New(slog.DiscardHandler), height: nothingNew, sources: []source{(&peerOf{blocks: blocks}).source("peer0")},
			fn: func(context.Context, *ledger.Block) error { return full },
		}
		if err := f.run(t.Context()); !errors.Is(err, full) {
			t.Error(err)
		}
	})
}

func TestFollowEndsWithoutErrorWhenCancelled(t *testing.T) {
	for name, cut := range map[string]func(int, uint64) error{
		"while it waits for a block": nil,
		"while no peer answers":      func(int, uint64) error { return errBroken },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				f := follower{reader: ours, log: slog.New(slog.DiscardHandler), height: nothingNew, sources: []source{(&peerOf{cut: cut}).source("peer0")}}
				if err := f.run(ctx); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A peer that hangs keeps its connection: what another peer has decides.
func TestFollowLeavesAPeerThatFellSilent(t *testing.T) {
	blocks := chain(t, 10)
	for name, tt := range map[string]struct {
		slow   time.Duration // how long the reader's caller takes for a block
		height uint64
		opened int // deliveries of the second peer
	}{
		"another has the next block": {0, 10, 1},
		"nobody has":                 {0, 4, 0},
		"the caller is slow":         {2 * time.Minute, 10, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hung := &peerOf{blocks: blocks[:4]}
				if tt.slow > 0 {
					hung.blocks = blocks
				}
				well := &peerOf{blocks: blocks}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
				defer cancel()
				var got []uint64
				f := follower{
					reader: ours, log: slog.New(slog.DiscardHandler),
					sources: []source{hung.source("peer0"), well.source("peer1")},
					height:  func(context.Context) (uint64, error) { return tt.height, nil },
					fn: func(ctx context.Context, b *ledger.Block) error {
						got = append(got, b.Number)
						sleep(ctx, tt.slow)
						return nil
					},
				}
				if err := f.run(ctx); err != nil || !slices.Equal(got, numbers(0, uint64(len(got))-1)) {
					t.Errorf("delivered %v, %v", got, err)
				}
				if len(well.opened) != tt.opened {
					t.Errorf("the second peer was asked %d times", len(well.opened))
				}
			})
		})
	}
}

func TestFollowWarnsOnceOfAChainThatIsTooShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		var out strings.Builder
		f := follower{
			reader: ours, log: slog.New(slog.NewTextHandler(&out, nil)), sources: []source{(&peerOf{}).source("peer0")},
			height: func(context.Context) (uint64, error) { return 20, nil },
		}
		f.next.Store(500)
		if err := f.run(ctx); err != nil {
			t.Error(err)
		}
		if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "next=500 height=20") {
			t.Errorf("logged %q", got)
		}
	})
}
