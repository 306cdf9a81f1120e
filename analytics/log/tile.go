package log

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// tileCache reads tiles and keeps the full ones, which never change.
type tileCache struct {
	from tessera.LogReader
	mu   sync.Mutex
	full map[tileAt][]byte
}

type tileAt struct{ level, index uint64 }

// maxTiles bounds the cache to 8 MiB.
const maxTiles = 1024

func newTileCache(from tessera.LogReader) *tileCache {
	return &tileCache{from: from, full: map[tileAt][]byte{}}
}

// at returns a reader of tiles for a log that has size entries by now. It
// returns the first partial hashes of a tile, or all of them when partial is 0,
// and always reads the tile as the whole tree has it and cuts it: a file for a
// width between two batches may be missing, or be left over from a batch that a
// crash cut short.
func (t *tileCache) at(size uint64) func(ctx context.Context, level, index uint64, partial uint8) ([]byte, error) {
	return func(ctx context.Context, level, index uint64, partial uint8) ([]byte, error) {
		tile, err := t.whole(ctx, level, index, layout.PartialTileSize(level, index, size))
		if err != nil || partial == 0 {
			return tile, err
		}
		want := int(partial) * sha256.Size
		if len(tile) < want {
			return nil, fmt.Errorf("tile %d/%d has fewer than %d hashes", level, index, partial)
		}
		return tile[:want], nil
	}
}

func (t *tileCache) whole(ctx context.Context, level, index uint64, width uint8) ([]byte, error) {
	if width != 0 {
		return t.from.ReadTile(ctx, level, index, width)
	}
	at := tileAt{level, index}
	t.mu.Lock()
	tile, ok := t.full[at]
	t.mu.Unlock()
	if ok {
		return tile, nil
	}
	tile, err := t.from.ReadTile(ctx, level, index, 0)
	if err == nil {
		t.keep(at, tile)
	}
	return tile, err
}

func (t *tileCache) keep(at tileAt, tile []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.full) >= maxTiles {
		clear(t.full) // rare, cheap to fill again, and needs no bookkeeping
	}
	t.full[at] = tile
}

func (t *tileCache) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.full)
}

// Entries returns the entries from index from up to, and without, index to, as
// they stand in the log.
func (l *Log) Entries(ctx context.Context, from, to uint64) ([][EntrySize]byte, error) {
	size, err := l.Size(ctx)
	if err != nil {
		return nil, err
	}
	if from > to || to > size {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the integrity log has entries 0 to %d", size)
	}
	entries := make([][EntrySize]byte, 0, to-from)
	for at := from; at < to; {
		bundle, err := l.bundle(ctx, at/layout.EntryBundleWidth, size)
		if err != nil {
			return nil, err
		}
		first := at % layout.EntryBundleWidth
		last := min(first+to-at, uint64(len(bundle.Entries)))
		if first >= last {
			return nil, fmt.Errorf("reading the log's entries: entry %d is missing", at)
		}
		for _, e := range bundle.Entries[first:last] {
			if len(e) != EntrySize {
				return nil, fmt.Errorf("reading the log's entries: entry %d has %d bytes", at, len(e))
			}
			entries = append(entries, [EntrySize]byte(e))
			at++
		}
	}
	return entries, nil
}

func (l *Log) bundle(ctx context.Context, index, size uint64) (api.EntryBundle, error) {
	var b api.EntryBundle
	raw, err := l.reader.ReadEntryBundle(ctx, index, layout.PartialTileSize(0, index, size))
	if err != nil {
		return b, fmt.Errorf("reading the log's entries: %w", err)
	}
	if err := b.UnmarshalText(raw); err != nil {
		return b, fmt.Errorf("reading the log's entries: %w", err)
	}
	return b, nil
}
