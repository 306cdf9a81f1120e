package log

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Check derives the whole tree again from the entries that stand in the log and
// compares it with every tile, the root and the last checkpoint. It returns the
// number of entries that it covered. Entries that are added meanwhile are left
// out. Anything that does not fit is an internal problem naming the place.
func (l *Log) Check(ctx context.Context) (uint64, error) {
	size, err := l.Size(ctx)
	if err != nil {
		return 0, err
	}
	l.tiles.clear() // what matters is what stands on the disk
	c := checker{tiles: l.tiles.at(size)}
	for at := uint64(0); at < size; {
		to := min(at+layout.EntryBundleWidth, size)
		entries, err := l.Entries(ctx, at, to)
		if err != nil {
			return 0, err
		}
		for _, e := range entries {
			if err := c.add(ctx, 0, rfc6962.DefaultHasher.HashLeaf(e[:])); err != nil {
				return 0, err
			}
		}
		at = to
	}
	root, err := c.finish(ctx)
	if err != nil {
		return 0, err
	}
	if err := l.checkRoots(ctx, size, root); err != nil {
		return 0, err
	}
	return size, nil
}

func (l *Log) checkRoots(ctx context.Context, size uint64, root []byte) error {
	got, err := l.Root(ctx, size)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, root) {
		return damaged("its root over %d entries is not that of the entries", size)
	}
	return l.requirePublished(ctx)
}

// checker holds the unfinished tile of each level.
type checker struct {
	tiles  client.TileFetcherFunc
	levels []tileInProgress
}

type tileInProgress struct {
	index  uint64
	hashes [][]byte
}

func (c *checker) add(ctx context.Context, level int, hash []byte) error {
	if level == len(c.levels) {
		c.levels = append(c.levels, tileInProgress{})
	}
	t := &c.levels[level]
	t.hashes = append(t.hashes, hash)
	if len(t.hashes) < layout.TileWidth {
		return nil
	}
	if err := c.compare(ctx, level); err != nil {
		return err
	}
	above := rootOf(t.hashes)
	t.hashes = nil
	t.index++
	return c.add(ctx, level+1, above)
}

// compare checks the tile in progress against the stored one.
func (c *checker) compare(ctx context.Context, level int) error {
	t := c.levels[level]
	partial := uint8(len(t.hashes) % layout.TileWidth)
	stored, err := c.tiles(ctx, uint64(level), t.index, partial) //nolint:gosec // a level is not negative
	if err != nil {
		return damaged("tile %d/%d cannot be read: %v", level, t.index, err)
	}
	if !bytes.Equal(stored[:min(len(stored), len(t.hashes)*sha256.Size)], bytes.Join(t.hashes, nil)) {
		return damaged("tile %d/%d is not that of the entries", level, t.index)
	}
	return nil
}

// finish checks the tiles on the right border and returns the root.
func (c *checker) finish(ctx context.Context) ([]byte, error) {
	var root []byte
	for level, t := range c.levels {
		hashes := t.hashes
		if len(hashes) > 0 {
			if err := c.compare(ctx, level); err != nil {
				return nil, err
			}
		}
		// A lower level's rest hangs below the right border of this one.
		if root != nil {
			hashes = append(hashes[:len(hashes):len(hashes)], root)
		}
		if len(hashes) > 0 {
			root = rootOf(hashes)
		}
	}
	if root == nil {
		root = rfc6962.DefaultHasher.EmptyRoot()
	}
	return root, nil
}

// rootOf hashes nodes of one height, the last of which may be lower, to a root.
func rootOf(hashes [][]byte) []byte {
	level := append([][]byte(nil), hashes...)
	for len(level) > 1 {
		n := 0
		for i := 0; i < len(level); i += 2 {
			if i+1 < len(level) {
				level[n] = rfc6962.DefaultHasher.HashChildren(level[i], level[i+1])
			} else {
				level[n] = level[i]
			}
			n++
		}
		level = level[:n]
	}
	return level[0]
}

func damaged(format string, args ...any) error {
	return ledger.Problemf(ledger.CodeInternal, "the integrity log is damaged: %s", fmt.Sprintf(format, args...))
}
