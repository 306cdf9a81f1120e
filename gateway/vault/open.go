package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
)

// Recovery is what opening a vault found.
type Recovery struct {
	Segments  int    // files
	Records   uint64 // durable records
	Reindexed int    // full segments that were read, for want of an index beside them
	CutBytes  int64  // of an unfinished group that nobody had been answered for, removed from the end
	CutAt     uint64 // ordinal from which on they were removed
}

// Open opens the vault in dir, or makes one. It recovers what a crash left: the
// tail of a group that was never durable is cut off, and all that stays is
// synced. Anything else that does not fit is a *DamageError, and nothing is touched.
func Open(ctx context.Context, dir string, opts Options) (_ *Vault, err error) {
	opts, err = opts.validate(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the vault: %w", err)
	}
	v := &Vault{dir: dir, opts: opts, allocate: allocate}
	defer func() {
		if err != nil {
			_ = v.Close()
		}
	}()
	if !opts.ReadOnly {
		if err := v.prepare(); err != nil {
			return nil, err
		}
	}
	if v.segments, err = listSegments(dir); err != nil {
		return nil, err
	}
	if opts.ReadOnly && len(v.segments) == 0 {
		return nil, fmt.Errorf("opening the vault: there is none in %s", dir)
	}
	if v.key, err = openKey(opts.Key, len(v.segments) == 0); err != nil {
		return nil, err
	}
	if v.subjects, err = openSubjects(dir, v.key, opts.ReadOnly); err != nil {
		return nil, err
	}
	if err := v.load(ctx); err != nil {
		return nil, err
	}
	v.recovered.Segments, v.recovered.Records = len(v.segments), v.Size()
	return v, nil
}

// prepare makes the directory, takes its lock and removes what an interrupted
// write left beside the names that count.
func (v *Vault) prepare() error {
	if err := os.MkdirAll(v.dir, 0o700); err != nil {
		return fmt.Errorf("opening the vault: %w", err)
	}
	lock, err := lockFile(filepath.Join(v.dir, "vault.lock"))
	if err != nil {
		return err
	}
	v.lock = lock
	left, err := filepath.Glob(filepath.Join(v.dir, "*.new"))
	if err != nil {
		return fmt.Errorf("opening the vault: %w", err)
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("opening the vault: %w", err)
		}
	}
	return nil
}

// load reads the segments and fills the index.
func (v *Vault) load(ctx context.Context) error {
	v.index = newIndex(0)
	if len(v.segments) == 0 {
		s, f, err := v.createSegment(0)
		if err != nil {
			return err
		}
		v.segments, v.writer.file, v.writer.end = []*segment{s}, f, segmentHead
		return nil
	}
	// Ordinals are dense, so the last segment's name says how many to expect.
	v.index = newIndex(v.segments[len(v.segments)-1].base)
	next := uint64(0)
	for i, s := range v.segments {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("opening the vault: %w", err)
		}
		if s.base != next {
			return s.damage(0, next, "the segment before it is missing, or has lost records")
		}
		away, err := v.isKept(s)
		if err != nil {
			return err
		}
		last := i == len(v.segments)-1
		read := v.loadFull
		switch {
		case away && last:
			return s.damage(0, next, "the segment that was being written is missing")
		case away:
			read = v.loadKept
		case last:
			read = v.loadLast
		}
		entries, err := read(s)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := v.enter(e.id, locate(i, e.offset)); err != nil {
				return s.damage(e.offset, next, err.Error())
			}
		}
		next = s.base + s.count
	}
	v.writer.next, v.writer.durable = next, next
	return nil
}

// loadFull reads a segment that is followed by another, by its index if there
// is one.
func (v *Vault) loadFull(s *segment) ([]entry, error) {
	f, err := v.openSegment(s)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // what finish wrote is synced
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening a segment: %w", err)
	}
	entries, ok := readIndex(s, v.key.vault, info.Size())
	if ok {
		s.count, s.end = uint64(len(entries)), info.Size()
		v.loadNote(s)
		return entries, nil
	}
	entries, wrong, err := s.collect(f)
	if err != nil {
		return nil, err
	}
	left, err := readTail(f, s.end, s.base+s.count)
	if err != nil {
		return nil, err
	}
	if left.dirty > 0 {
		return nil, s.damage(s.end, s.base+s.count, wrong)
	}
	v.recovered.Reindexed++
	v.loadNote(s)
	if v.opts.ReadOnly {
		return entries, nil
	}
	return entries, finish(s, f, v.key.vault, entries)
}

// loadLast reads the segment that was being written.
func (v *Vault) loadLast(s *segment) ([]entry, error) {
	f, err := v.openSegment(s)
	if err != nil {
		return nil, err
	}
	if v.opts.ReadOnly {
		defer func() { _ = f.Close() }()
	} else {
		v.writer.file = f // Close closes it
	}
	entries, left, err := s.readLast(f)
	if err != nil {
		return nil, err
	}
	if v.opts.ReadOnly {
		return entries, nil
	}
	if left.dirty > 0 {
		v.recovered.CutBytes, v.recovered.CutAt = left.dirty, s.base+s.count
		if err := f.Truncate(s.end); err != nil {
			return nil, fmt.Errorf("cutting an unfinished group: %w", err)
		}
	}
	if err := v.allocate(f, max(v.opts.SegmentSize, s.end)); err != nil {
		return nil, fmt.Errorf("reserving room for a segment: %w", err)
	}
	// The records may have been in the page cache only.
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("syncing a segment: %w", err)
	}
	v.writer.end, v.writer.entries = s.end, entries
	return entries, nil
}

// readLast walks the segment that is, or was, being written. The writer may be
// at work meanwhile: then the walk ends in the middle of a write, records appear
// behind it, and walking again gets further.
func (s *segment) readLast(f *os.File) ([]entry, tail, error) {
	for end := int64(0); ; {
		entries, wrong, err := s.collect(f)
		if err != nil {
			return nil, tail{}, err
		}
		next := s.base + s.count
		left, err := readTail(f, s.end, next)
		if err != nil || !left.durable {
			return entries, left, err
		}
		if s.end == end {
			return nil, tail{}, s.damage(end, next, fmt.Sprintf(
				"%s, and the record at byte %d was written when it was durable", wrong, left.offset))
		}
		end = s.end
	}
}

func (v *Vault) openSegment(s *segment) (*os.File, error) {
	flag := os.O_RDWR
	if v.opts.ReadOnly {
		flag = os.O_RDONLY
	}
	f, err := os.OpenFile(s.path, flag, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a segment: %w", err)
	}
	if err := s.checkHead(f, v.key.vault); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// collect walks the whole segment and notes where its records end.
func (s *segment) collect(f *os.File) (entries []entry, wrong string, err error) {
	end, next, wrong, err := s.walk(f, 0, math.MaxUint64-s.base, func(r *found) error {
		entries = append(entries, entry{id: r.ID, offset: r.offset})
		return nil
	})
	s.end, s.count = end, next-s.base
	return entries, wrong, err
}

// finish writes the index of a full segment and cuts the segment to its records.
func finish(s *segment, f *os.File, vault [16]byte, entries []entry) error {
	if err := f.Truncate(s.end); err != nil {
		return fmt.Errorf("ending a segment: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("ending a segment: %w", err)
	}
	return writeIndex(s, vault, entries)
}

// isKept reports whether a segment's bytes are in an object, or nowhere any more.
func (v *Vault) isKept(s *segment) (bool, error) {
	_, err := os.Stat(keptPath(s.path))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("opening a segment: %w", err)
	}
	return true, nil
}

// loadKept reads what is kept of a segment. A file that is still beside it was on its
// way out: its slots count no more.
func (v *Vault) loadKept(s *segment) ([]entry, error) {
	k, entries, err := openKept(keptPath(s.path), v.key.vault, s.base)
	if err != nil {
		return nil, err
	}
	if k.state == stateStored && v.opts.Objects == nil {
		return nil, fmt.Errorf("opening the vault: segment %020d was moved to a place for objects, and none is configured", s.base)
	}
	if _, err := os.Stat(s.path); err == nil {
		s.tended.leftover = true
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening a segment: %w", err)
	}
	s.kept, s.count, s.end = k, k.count, k.size
	return entries, nil
}

// loadNote notes that a segment that is here is in an object, too. That is looked at
// again before anything hangs on it.
func (v *Vault) loadNote(s *segment) {
	if n, ok := readNote(s, v.key.vault); ok {
		s.tended.stored = &n
	}
}
